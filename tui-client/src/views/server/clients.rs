//! Draws the connected clients: beside the response pane, or as an overlay.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use topside_shared::records::ClientRow;
use topside_shared::{ClientId, Connection};

use crate::app::connection::ConnectionState;
use crate::app::console::{Console, Watch};
use crate::app::overlay::room;
use crate::app::server::clients::runs;
use crate::app::{Size, State};
use crate::input::actions::Id;
use crate::text::{fit, times};
use crate::theme::Theme;
use crate::views::overlay_frame;
use crate::views::row::Row;

pub(crate) fn draw(
    state: &State,
    console: &Console,
    place: Rect,
    buffer: &mut Buffer,
    theme: &Theme,
) {
    let mut head = Row::new(buffer, place);
    head.skip(1).skip_right(1).left("CLIENTS", theme.dim);
    let rows = console.client_rows();
    if rows.is_empty() {
        let mut row = Row::at(buffer, place, 1);
        row.skip(1).skip_right(1);
        match (&state.link, &console.watch) {
            (ConnectionState::Connected { .. }, Watch::Refused(why)) => row.left(why, theme.bad),
            (ConnectionState::Connected { .. }, _) => row.left("…", theme.dim),
            _ => row.left("not connected", theme.dim),
        };
        return;
    }
    head.right(&rows.len().to_string(), theme.dim);
    let mut y = 1;
    for (nth, client) in rows.iter().enumerate() {
        let lines = 2 + u16::from(!client.runs.is_empty());
        let last = nth + 1 == rows.len();
        // The last row says how many there are besides, if not all fit.
        if y + lines + u16::from(!last) > place.height {
            let more = rows.len() - nth;
            let key = state.keys.word(Id::Clients);
            Row::at(buffer, place, y.min(place.height - 1))
                .skip(1)
                .left(&format!("… {more} more · {key}"), theme.dim);
            return;
        }
        one(console, client, Rect { y: place.y + y, height: lines, ..place }, buffer, theme);
        y += lines;
    }
}

fn one(console: &Console, client: &ClientRow, place: Rect, buffer: &mut Buffer, theme: &Theme) {
    let me = console.is_me(client);
    let mut row = Row::new(buffer, place);
    row.skip(1).skip_right(1);
    row.left(&client.client_id.to_string(), if me { theme.accent } else { theme.plain }).skip(1);
    row.right(client.role.name(), theme.dim).skip_right(1);
    row.left(name(client, me), if me { theme.accent } else { theme.plain });
    let mut row = Row::at(buffer, place, 1);
    row.skip(4).skip_right(1).left(&client.address, theme.dim);
    // A process of this machine says by its address where it is. Of several from one place, the program
    // tells which is which. What does not fit is in the full list.
    let way = Some(client.connection.title()).filter(|_| client.connection != Connection::Same);
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
        row.skip(4).left(if run.queued { "… " } else { "● " }, theme.accent);
        row.left(&format!("{}{more}", run.command), theme.plain);
    }
}

fn name(client: &ClientRow, me: bool) -> &str {
    if me { "you" } else { &client.user }
}

/// The list on top of the screen, with all that is known of one client.
pub(crate) fn overlay(
    state: &State,
    at: Option<ClientId>,
    area: Rect,
    buffer: &mut Buffer,
    theme: &Theme,
) {
    let Some(console) = state.console() else { return };
    let rows = console.client_rows();
    let Size { width, height } = room(Size { width: area.width, height: area.height });
    let detail = 7;
    let wanted = u16::try_from(rows.len()).unwrap_or(u16::MAX).saturating_add(detail + 1);
    let title = match rows.len() {
        1 => "1 client".to_owned(),
        n => format!("{n} clients"),
    };
    let inside =
        overlay_frame::centred(&title, width.min(72), wanted.min(height), area, buffer, theme);
    let list_rows = inside.height.saturating_sub(detail + 1).max(1);
    let chosen = at.and_then(|at| rows.iter().position(|row| row.client_id == at));
    let top = chosen.map_or(0, |nth| (nth + 1).saturating_sub(usize::from(list_rows)));
    for (y, (nth, client)) in (0..list_rows).zip(rows.iter().enumerate().skip(top)) {
        let me = console.is_me(client);
        let here = chosen == Some(nth);
        let style = if here { theme.chosen() } else { theme.plain };
        let mut row = Row::at(buffer, inside, y);
        row.left(if here { "▌ " } else { "  " }, theme.accent);
        row.column(&client.client_id.to_string(), 5, style);
        row.column(name(client, me), 16, style).skip(1);
        row.column(client.role.name(), 9, theme.dim).skip(1);
        row.left(&client.address, theme.dim);
        row.left(&format!(" · {}", client.connection.title()), theme.dim);
    }
    let below = Rect {
        y: inside.y + list_rows + 1,
        height: inside.height.saturating_sub(list_rows + 1),
        ..inside
    };
    match chosen.and_then(|nth| rows.get(nth)) {
        Some(client) => details(state, client, below, buffer, theme),
        None => {
            Row::new(buffer, below).skip(2).left("This client has left.", theme.dim);
        }
    }
    let mut foot = Row::at(buffer, inside, inside.height.saturating_sub(1));
    let kick =
        crate::app::availability::may_administer(state).is_ok().then_some("Ctrl-X sends it away");
    let keys = ["Enter all of it"].into_iter().chain(kick).chain(["Esc closes"]);
    overlay_frame::keys(&mut foot, keys, theme);
}

fn details(state: &State, client: &ClientRow, place: Rect, buffer: &mut Buffer, theme: &Theme) {
    let since = times::clock(client.connected_at, &state.zone);
    let program = client.client.as_ref().map_or_else(
        || "not told".to_owned(),
        |program| format!("{} {}", program.name, program.version),
    );
    let facts = [
        ("from", format!("{} · {}", client.connection.title(), client.address)),
        ("user", format!("{} · {}", client.user, client.role)),
        ("since", since),
        ("program", program),
        ("running", runs(client)),
    ];
    for (y, (what, value)) in (0..place.height.saturating_sub(1)).zip(&facts) {
        Row::at(buffer, place, y).skip(2).column(what, 9, theme.dim).left(value, theme.plain);
    }
}
