//! One client in full, on top of the list.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use topside_shared::records::ClientRow;
use topside_shared::text::{bytes, duration};

use crate::app::State;
use crate::app::server::clients::{ClientDetails, DetailsState, runs};
use crate::text::{fit, times};
use crate::theme::Theme;
use crate::views::overlay_frame;
use crate::views::row::Row;

/// Columns of the labels.
const LABELS: usize = 9;

pub(crate) fn draw(
    state: &State,
    details: &ClientDetails,
    area: Rect,
    buffer: &mut Buffer,
    theme: &Theme,
) {
    let Some(console) = state.console() else { return };
    let id = details.id;
    let live = console.clients.get(&id);
    let known = match &details.asked {
        DetailsState::Known(row, _) => Some(row.as_ref()),
        _ => None,
    };
    let Some(row) = live.or(known) else {
        let inside = overlay_frame::centred(&id.to_string(), 66, 3, area, buffer, theme);
        Row::new(buffer, inside).left("This client has left.", theme.plain);
        Row::at(buffer, inside, 2).left("Esc back", theme.dim);
        return;
    };
    let facts = facts(state, details, row);
    let width = usize::from(area.width.saturating_sub(6)).min(66);
    let room = width.saturating_sub(LABELS + 1);
    let mut lines: Vec<(&str, String)> = Vec::new();
    for (what, value) in &facts {
        for (nth, line) in fit::wrap_rows(value, room, 3).into_iter().enumerate() {
            lines.push((if nth == 0 { what } else { "" }, line));
        }
    }
    let me = if console.is_me(row) { " (you)" } else { "" };
    let title = format!("{id} {}{me}", row.user);
    let count = u16::try_from(lines.len()).unwrap_or(u16::MAX);
    let columns = u16::try_from(width).unwrap_or(u16::MAX);
    let inside =
        overlay_frame::centred(&title, columns, count.saturating_add(2), area, buffer, theme);
    let last = inside.height.saturating_sub(1);
    // Without room for all of them the blank row goes first.
    for (y, (what, value)) in (0..last).zip(&lines) {
        let mut row = Row::at(buffer, inside, y);
        row.column(what, LABELS, theme.dim).skip(1).left(value, theme.plain);
    }
    let mut foot = Row::at(buffer, inside, last);
    if live.is_none() {
        foot.left("This client has left · Esc back", theme.plain);
        return;
    }
    let kick = !console.is_me(row) && crate::app::availability::may_administer(state).is_ok();
    let kick = kick.then_some("Ctrl-X sends it away");
    overlay_frame::keys(&mut foot, kick.into_iter().chain(["r asks anew", "Esc back"]), theme);
}

fn facts(state: &State, details: &ClientDetails, row: &ClientRow) -> Vec<(&'static str, String)> {
    let program = row.client.as_ref().map_or_else(
        || "not told".to_owned(),
        |program| format!("{} {}", program.name, program.version),
    );
    let (idle, moved) = match &details.asked {
        DetailsState::Waiting => ("…".to_owned(), None),
        DetailsState::Left => ("this client has left".to_owned(), None),
        DetailsState::Refused(why) => (why.clone(), None),
        DetailsState::Known(known, at) => {
            let at = times::clock(at.wall, &state.zone);
            let moved = known.bytes_in.zip(known.bytes_out);
            (
                format!("{} at {at}", duration(known.idle_ms)),
                moved.map(|(read, sent)| format!("{} in, {} out", bytes(read), bytes(sent))),
            )
        }
    };
    let since = times::stamp(row.connected_at, state.clock.wall, &state.zone);
    let mut facts = vec![
        ("from", format!("{} · {}", row.connection.title(), row.address)),
        ("user", format!("{} · {}", row.user, row.role)),
        ("running", runs(row)),
        ("idle", idle),
        ("since", since),
        ("program", program),
    ];
    facts.extend(moved.map(|moved| ("bytes", moved)));
    facts
}
