//! The connected clients beside the response pane.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use topside_shared::Connection;
use topside_shared::records::ClientRow;

use crate::app::State;
use crate::app::connection::ConnectionState;
use crate::app::console::{Console, Watch};
use crate::input::actions::Id;
use crate::text::fit;
use crate::theme::Theme;
use crate::widgets::row::Row;

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

pub(crate) fn name(client: &ClientRow, me: bool) -> &str {
    if me { "you" } else { &client.user }
}
