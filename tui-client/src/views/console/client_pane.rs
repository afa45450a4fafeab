//! The connected clients beside the response pane.

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use topside_shared::records::ClientRow;
use topside_shared::{ClientId, Connection};

use super::pane_head;
use crate::app::console::side_panes::Focus;
use crate::app::console::{Console, Watch};
use crate::app::{Clicked, Hits, State};
use crate::input::actions::Id;
use crate::text::fit;
use crate::theme::Theme;
use crate::widgets::list::{List, ListLayout, window};
use crate::widgets::row::Row;

/// The clients that pass the filter of the pane.
fn rows(console: &Console) -> Vec<&ClientRow> {
    passing(console, &console.side.clients)
}

/// The clients that pass the filter of a list.
pub(crate) fn passing<'c>(console: &'c Console, list: &List<ClientId>) -> Vec<&'c ClientRow> {
    let mut rows = console.client_rows();
    rows.retain(|row| {
        list.passes(|| {
            let run: Vec<&str> = row.runs.iter().map(|run| run.command.as_str()).collect();
            let (id, role, name) = (row.client_id, row.role, name(row, console.is_me(row)));
            format!("{id} {name} {} {role} {} {}", row.user, row.address, run.join(" "))
        })
    });
    rows
}

/// The clients that can be chosen.
pub(super) fn keys(state: &State) -> Vec<ClientId> {
    state.console().map_or_else(Vec::new, |console| ids(&rows(console)))
}

/// The numbers of these clients.
pub(crate) fn ids(rows: &[&ClientRow]) -> Vec<ClientId> {
    rows.iter().map(|row| row.client_id).collect()
}

/// The chosen client.
pub(super) fn chosen(state: &State) -> Option<ClientId> {
    state.console()?.side.clients.chosen(&keys(state))
}

/// Draws the list; returns where the cursor is while it has the focus.
pub(super) fn draw(
    state: &State,
    console: &Console,
    place: Rect,
    buffer: &mut Buffer,
    hits: &mut Hits,
) -> Option<Position> {
    let theme = &state.theme;
    let focused = console.side.focus == Focus::Clients;
    let list = &console.side.clients;
    let filters = list.is_filtering() || !list.filter.is_empty();
    let filter = (focused && filters).then_some(&list.filter);
    let rows = rows(console);
    let count = if rows.is_empty() { String::new() } else { console.clients.len().to_string() };
    let cursor = pane_head("CLIENTS", &count, (focused, filter), place, buffer, theme);
    let cursor = cursor.filter(|_| list.is_filtering());
    if rows.is_empty() {
        let mut row = Row::at(buffer, place, 1);
        row.skip(1).skip_right(1);
        match &console.watch {
            _ if !console.clients.is_empty() => row.left("Nothing matches.", theme.dim),
            _ if !state.is_connected() => row.left("not connected", theme.dim),
            Watch::Refused(why) => row.left(why, theme.bad),
            _ => row.left("…", theme.dim),
        };
        return cursor;
    }
    let chosen = focused.then(|| list.chosen(&ids(&rows))).flatten();
    let at = rows.iter().position(|row| Some(row.client_id) == chosen);
    let lines = |nth: usize| 2 + usize::from(!rows[nth].runs.is_empty());
    let room = usize::from(place.height.saturating_sub(1));
    let fit_all = (0..rows.len()).map(lines).sum::<usize>() <= room;
    // The last line says how many there are besides.
    let room = if fit_all { room } else { room.saturating_sub(1) };
    let top = list.top().min(rows.len() - 1);
    let shown = window(rows.len(), (top, at.unwrap_or(top)), room, lines);
    let mut y = 1;
    for nth in shown.clone() {
        let client = rows[nth];
        let height = u16::try_from(lines(nth)).unwrap_or(u16::MAX);
        let height = height.min(place.height.saturating_sub(y));
        let place = Rect { y: place.y + y, height, ..place };
        one(console, client, place, buffer, theme);
        if chosen == Some(client.client_id) {
            for y in 0..height {
                Row::at(buffer, place, y).left("▌", theme.accent);
            }
        }
        hits.push((place, Clicked::Client(client.client_id)));
        y += height;
    }
    let more = rows.len() - shown.end;
    if more > 0 {
        let key = state.keys.word(Id::Clients);
        Row::at(buffer, place, y.min(place.height - 1))
            .skip(1)
            .left(&format!("… {more} more · {key}"), theme.dim);
    }
    let layout = ListLayout { top: shown.start, page: shown.len().max(1) };
    hits.push((place, Clicked::PaneList(Focus::Clients, layout)));
    cursor
}

fn one(console: &Console, client: &ClientRow, place: Rect, buffer: &mut Buffer, theme: &Theme) {
    let me = console.is_me(client);
    let mut row = Row::new(buffer, place);
    row.skip(1).skip_right(1);
    row.left(&client.client_id.to_string(), if me { theme.strong } else { theme.plain }).skip(1);
    row.right(client.role.name(), theme.dim).skip_right(1);
    row.left(name(client, me), if me { theme.strong } else { theme.plain });
    let mut row = Row::at(buffer, place, 1);
    row.skip(4).skip_right(1).left(&client.address, theme.dim);
    // A process of this machine says by its address where it is. Of several from one place, the program
    // tells which is which. What does not fit is in the full list.
    let way = client.distance().filter(|_| client.connection != Connection::Same);
    let program = client.client.as_ref().map(|program| program.name.as_str());
    for detail in way.into_iter().chain(program.filter(|name| !name.is_empty())) {
        let detail = format!(" · {detail}");
        if fit::width(&detail) <= row.room() {
            row.left(&detail, theme.dim);
        }
    }
    let running = client.runs.iter().find(|run| !run.queued);
    if let Some(run) = running.or(client.runs.first()) {
        let more = match client.runs.len() {
            1 => String::new(),
            n => format!(" +{}", n - 1),
        };
        let mut row = Row::at(buffer, place, 2);
        let (sign, style) =
            if run.queued { ("… ", theme.queued) } else { ("● ", theme.running) };
        row.skip(4).left(sign, style);
        row.left(&format!("{}{more}", run.command), theme.plain);
    }
}

pub(crate) fn name(client: &ClientRow, me: bool) -> &str {
    if me { "you" } else { &client.user }
}
