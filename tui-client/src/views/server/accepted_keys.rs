//! The list of keys, and below it all that is known of the chosen one.

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use topside_shared::methods::{KeyRow, KeyState};

use crate::app::overlay::room;
use crate::app::server::accepted_keys::{AcceptedKeys, facts, is_good};
use crate::app::widgets::filter_list::Load;
use crate::app::{Size, State};
use crate::input::actions::Id;
use crate::text::{fit, times};
use crate::theme::Theme;
use crate::views::row::Row;
use crate::views::{filter_list, overlay_frame};

/// Columns of a role, and of the word for how a key stands.
const WORD: usize = 8;
/// From this width on each key has its role, its pin and when it was used last.
const WIDE_FROM: usize = 70;
/// From this height on the chosen key has a row for each kind of fact.
const TALL_FROM: u16 = 18;

pub(crate) fn draw(
    state: &State,
    view: &AcceptedKeys,
    area: Rect,
    buffer: &mut Buffer,
    theme: &Theme,
) -> Option<Position> {
    let Size { width, height } = room(Size { width: area.width, height: area.height });
    let inside = overlay_frame::centred("Keys", width, height, area, buffer, theme);
    // With room a blank row parts them from the list.
    let (gap, details) = if inside.height >= TALL_FROM { (1, 4) } else { (0, 2) };
    let list = filter_list::begin(&view.list.filter, inside, gap + details + 1, buffer, theme);
    let (shown, at) = (view.shown(), view.place());
    let seen = shown.iter().enumerate().skip(list.top(at));
    let mut cut = false;
    for (y, (nth, key)) in (0..list.rows.height).zip(seen) {
        let whole = row(state, key, nth == at, &mut Row::at(buffer, list.rows, y), theme);
        cut |= nth == at && !whole;
    }
    let invite = state.keys.word(Id::MakeInvite);
    let nobody = format!("Nobody may come in over TCP: {invite} changes that.");
    let nothing = match &view.load {
        Load::Refused(why) => Some(why.as_str()),
        Load::Asked if shown.is_empty() => Some("Asking …"),
        Load::Done if shown.is_empty() && view.list.filter.is_empty() => Some(nobody.as_str()),
        Load::Done if shown.is_empty() => Some("There is no such key."),
        Load::Asked | Load::Done => None,
    };
    if let Some(text) = nothing {
        list.nothing(text, buffer, theme);
    }
    if let Some(key) = shown.get(at) {
        let top = inside.height.saturating_sub(details + 1);
        let room = usize::from(inside.width.saturating_sub(2));
        let name = cut.then(|| key.name.clone());
        let facts: Vec<String> = name.into_iter().chain(facts(state, key)).collect();
        let lines = packed(&facts, room, usize::from(details));
        for (y, line) in (top..top + details).zip(&lines) {
            Row::at(buffer, inside, y).skip(2).left(line, theme.plain);
        }
    }
    let keys = ["Ctrl-X revokes", "F5 reads again", "Esc closes"];
    list.foot((at, shown.len(), false), keys, buffer, theme);
    list.cursor
}

/// Facts one behind the other in so many rows, parted between two of them where that is possible; what has no room
/// is cut so that it shows.
fn packed(facts: &[String], room: usize, rows: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for fact in facts {
        match lines.last_mut() {
            Some(line) if fit::width(line) + 3 + fit::width(fact) <= room => {
                line.push_str(" · ");
                line.push_str(fact);
            }
            _ => lines.extend(fit::wrap(fact, room)),
        }
    }
    if lines.len() > rows {
        let rest = lines.split_off(rows.saturating_sub(1)).join(" · ");
        lines.push(fit::cut(&rest, room));
    }
    lines
}

/// Draws one key; whether its name has room.
fn row(state: &State, key: &KeyRow, chosen: bool, row: &mut Row<'_>, theme: &Theme) -> bool {
    row.left(if chosen { "▌ " } else { "  " }, theme.accent);
    let style = match (chosen, is_good(key)) {
        (true, _) => theme.chosen(),
        (false, true) => theme.plain,
        (false, false) => theme.dim,
    };
    if row.room() >= WIDE_FROM {
        let used = key.last_seen.map(|time| times::stamp(time, state.clock.wall, &state.zone));
        row.right(&format!("{:>11}", used.unwrap_or_default()), theme.dim).skip_right(1);
        // All of it stands below the list.
        let pin: String = key.key_id.short().chars().take(9).collect();
        row.right(&pin, theme.dim).skip_right(2);
    }
    let (sign, look) = match key.state {
        KeyState::Active => ("✓ ", theme.good),
        KeyState::Invited => ("… ", theme.dim),
        _ => ("✗ ", theme.dim),
    };
    row.right(&format!("{:<WORD$}", key.state.name()), theme.dim).right(sign, look).skip_right(1);
    row.right(&format!("{:<WORD$}", key.role.name()), theme.dim).skip_right(1);
    let whole = fit::width(&key.name) <= row.room();
    row.left(&key.name, style);
    if key.commands.is_some() {
        row.skip(1).left("limited", theme.dim);
    }
    whole
}
