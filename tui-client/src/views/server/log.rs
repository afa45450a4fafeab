//! Draws the server's log: the filters, the lines, and all of the chosen one below them.

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::style::Style;
use topside_shared::notifications::Level;

use crate::app::overlay::{log_detail_rows, log_room};
use crate::app::server::log::{LogLine, LogState, LogView};
use crate::app::{Size, State, connection};
use crate::scrollback::grouped;
use crate::text::{fit, times};
use crate::theme::Theme;
use crate::views::row::{self, Row};
use crate::views::{filter_list, overlay_frame};

/// Columns of a level.
const LEVEL: usize = 6;
/// From this width on a time has room for its day.
const WIDE_FROM: u16 = 56;

pub(crate) fn draw(
    state: &State,
    view: &LogView,
    area: Rect,
    buffer: &mut Buffer,
    theme: &Theme,
) -> Option<Position> {
    let Size { width, height } = log_room(state.size);
    let name = state.console().map_or("the server", |console| console.name());
    let title = format!("Log of {name}");
    let inside = overlay_frame::centred(&title, width, height, area, buffer, theme);
    let (shown, at) = (view.shown(), view.place());
    let chosen = shown.get(at).and_then(|number| view.line(*number));
    let below = chosen.map(|line| whole(state, line, usize::from(inside.width)));
    let wanted = below.as_ref().map_or(0, Vec::len);
    let usual = log_detail_rows(inside.height);
    let most = inside.height.saturating_sub(4);
    let needed = u16::try_from(wanted).unwrap_or(u16::MAX);
    let rows = if view.whole { needed.max(usual).min(most) } else { usual };

    let field = Rect { width: inside.width.saturating_sub(12), ..inside };
    let list = filter_list::begin(&view.list.filter, field, 0, buffer, theme);
    Row::new(buffer, inside).right(least(view.level), theme.dim);
    let mut list_rows =
        Rect { y: inside.y + 1, height: inside.height.saturating_sub(rows + 3), ..inside };
    let seam = Rect { y: list_rows.bottom(), height: 1, ..inside };
    let forgotten = view.forgotten();
    if forgotten > 0 && at + 1 < usize::from(list_rows.height) {
        let text = format!("  ─ {} older lines are not kept any more", grouped(forgotten));
        Row::new(buffer, list_rows).left(&text, theme.dim);
        list_rows = Rect { y: list_rows.y + 1, height: list_rows.height - 1, ..list_rows };
    }
    let top = (at + 1).saturating_sub(usize::from(list_rows.height).max(1));
    for (y, (nth, number)) in (0..list_rows.height).zip(shown.iter().enumerate().skip(top)) {
        let Some(line) = view.line(*number) else { continue };
        one(state, line, nth == at, &mut Row::at(buffer, list_rows, y), theme);
    }
    if shown.is_empty() {
        let text = match &view.standing {
            LogState::Asked | LogState::Waiting => "Asking …",
            _ if view.is_empty() => "There is no line yet.",
            _ => "No line passes the filters.",
        };
        Row::new(buffer, list_rows).skip(2).left(text, theme.dim);
    }
    row::rule(buffer, seam, theme.rule);
    standing(state, view, seam, buffer, theme);
    for (y, text) in (0..rows).zip(below.unwrap_or_default()) {
        let cut = y + 1 == rows && usize::from(rows) < wanted;
        let text = if cut { format!("{text}…") } else { text };
        Row::at(buffer, Rect { y: seam.y + 1, ..inside }, y).left(&text, theme.plain);
    }
    foot(view, (at, shown.len()), &mut Row::at(buffer, inside, inside.height - 1), theme);
    list.cursor
}

/// The chosen line, in rows of so many columns.
fn whole(state: &State, line: &LogLine, room: usize) -> Vec<String> {
    let at = times::stamp(line.at, state.clock.wall, &state.zone);
    let level = line.level.map(|level| format!("{} ", level.name())).unwrap_or_default();
    fit::wrap(&format!("{at} {level}{}", line.text), room)
}

fn one(state: &State, line: &LogLine, chosen: bool, row: &mut Row<'_>, theme: &Theme) {
    row.left(if chosen { "▌ " } else { "  " }, theme.accent);
    let Some(level) = line.level else {
        row.left("─ ", theme.dim).left(&line.text, theme.dim);
        return;
    };
    if row.room() < usize::from(WIDE_FROM) {
        row.left(&times::clock(line.at, &state.zone), theme.dim).skip(1);
    } else {
        let at = times::stamp(line.at, state.clock.wall, &state.zone);
        row.column(&at, 12, theme.dim);
    }
    row.column(level.name(), LEVEL, look(level, theme));
    row.left(&line.text, if chosen { theme.chosen() } else { theme.plain });
}

fn look(level: Level, theme: &Theme) -> Style {
    match level {
        Level::Error => theme.bad,
        Level::Warn => theme.warn,
        Level::Info | Level::Debug | Level::Trace => theme.dim,
    }
}

/// The filter by level, in words.
fn least(level: Level) -> &'static str {
    match level {
        Level::Error => "errors only",
        Level::Warn => "from warn",
        Level::Info => "from info",
        Level::Debug => "from debug",
        Level::Trace => "all levels",
    }
}

/// How the log comes, on the line under its rows.
fn standing(state: &State, view: &LogView, seam: Rect, buffer: &mut Buffer, theme: &Theme) {
    let (text, style) = match &view.standing {
        LogState::Refused(why) => (format!("▲ not told: {why}"), theme.warn),
        LogState::Cut => (format!("▲ {}", connection::brief(state)), theme.warn),
        LogState::Asked | LogState::Waiting => ("asking …".to_owned(), theme.dim),
        LogState::Live(_) => match (view.follows(), view.new_lines()) {
            (true, _) => ("live".to_owned(), theme.good),
            (false, 0) => ("scrolled up · End follows".to_owned(), theme.dim),
            (false, n) => (format!("↓ {} new · End follows", grouped(n as u64)), theme.accent),
        },
    };
    let room = usize::from(seam.width.saturating_sub(4));
    let text = format!(" {} ", fit::cut(&text, room));
    Row::new(buffer, seam).skip_right(1).right(&text, style);
}

fn foot(view: &LogView, (at, count): (usize, usize), row: &mut Row<'_>, theme: &Theme) {
    if count > 0 {
        row.right(&format!("{} of {}", grouped(at as u64 + 1), grouped(count as u64)), theme.dim)
            .skip_right(1);
    }
    let whole = if view.whole { "Enter less of it" } else { "Enter all of it" };
    overlay_frame::keys(row, ["Tab level", whole, "End follows", "Esc closes"], theme);
}
