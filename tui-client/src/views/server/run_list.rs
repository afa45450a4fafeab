//! The list of runs.

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use topside_shared::text::duration;

use crate::app::overlay::room;
use crate::app::runs::Phase;
use crate::app::runs::run_list::{ListedRun, RunList};
use crate::app::widgets::filter_list::Load;
use crate::app::{Size, State};
use crate::text::{fit, times};
use crate::theme::Theme;
use crate::views::console::blocks::standing;
use crate::views::row::Row;
use crate::views::{filter_list, overlay_frame};

/// Columns of the word for a run's state.
const WORD: usize = 11;
/// From this width on each run has its times and its user.
const WIDE_FROM: u16 = 60;

pub(crate) fn draw(
    state: &State,
    view: &RunList,
    area: Rect,
    buffer: &mut Buffer,
    theme: &Theme,
) -> Option<Position> {
    let Size { width, height } = room(Size { width: area.width, height: area.height });
    let inside = overlay_frame::centred("Runs", width, height, area, buffer, theme);
    let list = filter_list::begin(&view.list.filter, inside, 2, buffer, theme);
    let (shown, at) = (view.shown(), view.place());
    let seen = shown.iter().enumerate().skip(list.top(at));
    for (y, (nth, listed)) in (0..list.rows.height).zip(seen) {
        run(state, listed, nth == at, &mut Row::at(buffer, list.rows, y), theme);
    }
    let nothing = match &view.load {
        Load::Refused(why) => Some(why.as_str()),
        Load::Asked if shown.is_empty() => Some("Asking …"),
        Load::Done if shown.is_empty() && view.has_more() => {
            Some("None of the newest; ↓ looks further back.")
        }
        Load::Done if shown.is_empty() => Some("There is no such run."),
        Load::Asked | Load::Done => None,
    };
    if let Some(text) = nothing {
        list.nothing(text, buffer, theme);
    }
    // What it waits for, where its output was cut, and which processes outlive it have no room in its row.
    let chosen = shown.get(at).map(|listed| &listed.row);
    if let Some((run, wait)) = chosen.and_then(|run| Some((run, run.remarks()?))) {
        let mut row = Row::at(buffer, inside, inside.height.saturating_sub(2));
        // Its place it says itself.
        let wait = wait.split_once(": ").map_or(wait.as_str(), |(_, wait)| wait);
        row.skip(2).left(&format!("{} {wait}", run.run_id), theme.plain);
    }
    let keys = ["Enter shows it", "Ctrl-R again", "Ctrl-X ends it", "Esc closes"];
    list.foot((at, shown.len(), view.has_more()), keys, buffer, theme);
    list.cursor
}

fn run(state: &State, listed: &ListedRun, chosen: bool, row: &mut Row<'_>, theme: &Theme) {
    let run = &listed.row;
    let wide = row.room() >= usize::from(WIDE_FROM);
    row.left(if chosen { "▌ " } else { "  " }, theme.accent);
    let style = if chosen { theme.chosen() } else { theme.plain };
    row.column(&format!("{:>5}", run.run_id.to_string()), 6, theme.dim).skip(1);
    if wide {
        let started = times::stamp(run.started_at, state.clock.wall, &state.zone);
        row.right(&format!("{started:>11}"), theme.dim).skip_right(1);
        row.right(&format!("{:<10}", fit::cut(&run.user, 10)), theme.dim).skip_right(1);
        // What goes on has no column that counts: the list is still while nothing changes.
        let took = run.duration_ms.map(duration).unwrap_or_default();
        row.right(&format!("{took:>8}"), theme.dim).skip_right(1);
    }
    let (sign, word, look) = standing(Phase::of(run), theme);
    row.right(&format!("{word:<WORD$}"), theme.dim).right(&format!("{sign} "), look).skip_right(1);
    row.left(&listed.line, style);
}
