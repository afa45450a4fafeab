//! One client in full.

use ratatui::layout::Position;
use topside_shared::ClientId;
use topside_shared::methods::{self, ClientsList};
use topside_shared::records::ClientRow;
use topside_shared::text::{bytes, duration};

use super::clients::{question, runs};
use crate::app::ask::{self, Ask};
use crate::app::availability::may_administer;
use crate::app::view::{Change, Outcome, View, act, close, stay};
use crate::app::{Clock, Effect, State};
use crate::connect::CallError;
use crate::input::key::{Code, Key};
use crate::text::{fit, sanitize, times};
use crate::widgets::canvas::{self, Canvas};
use crate::widgets::row::Row;

/// Columns of the labels.
const LABELS: usize = 9;

#[derive(Debug)]
pub(crate) struct ClientDetails {
    /// The client that is shown, while others come and go.
    id: ClientId,
    details: Details,
}

/// What changes without a notification: how long a client has been idle, and what it has read and written.
#[derive(Debug)]
enum Details {
    Asked,
    /// As it was then.
    Known(Box<ClientRow>, Clock),
    /// The client has left.
    Left,
    /// The server refused it: why.
    Refused(String),
}

impl ClientDetails {
    pub(super) fn new(id: ClientId) -> Self {
        Self { id, details: Details::Asked }
    }

    /// Asks for the client; what was known stays until the answer comes.
    pub(super) fn ask(state: &mut State, id: ClientId) -> Vec<Effect> {
        // A page of one, from the number before it.
        let page = ClientsList { after: Some(ClientId(id.0.saturating_sub(1))), limit: Some(1) };
        let take = move |view: &mut Self, answer, state: &State| {
            if view.id == id {
                view.take(answer, state);
            }
            stay()
        };
        state.ask_if_connected(Ask::of_view(&page, take))
    }

    fn take(&mut self, answer: Result<methods::Clients, CallError>, state: &State) {
        let one = |row: &ClientRow| row.client_id == self.id;
        self.details = match answer.map(|page| page.clients.into_iter().find(one)) {
            Ok(Some(row)) => Details::Known(Box::new(sanitize::row(row)), state.clock),
            Ok(None) => Details::Left,
            Err(error) => Details::Refused(ask::why(&error)),
        };
    }

    /// The row of the live list, or the one that was asked for.
    fn row<'s>(&'s self, state: &'s State) -> Option<&'s ClientRow> {
        let known = match &self.details {
            Details::Known(row, _) => Some(row.as_ref()),
            _ => None,
        };
        state.console()?.clients.get(&self.id).or(known)
    }
}

impl View for ClientDetails {
    fn leaves_colon(&self) -> bool {
        true
    }

    fn title(&self, state: &State) -> String {
        let own = |row| state.console().is_some_and(|console| console.is_me(row));
        match self.row(state) {
            Some(row) => {
                format!("{} {}{}", self.id, row.user, if own(row) { " (you)" } else { "" })
            }
            None => self.id.to_string(),
        }
    }

    fn key(&mut self, key: Key, state: &State) -> Outcome {
        let id = self.id;
        match key.code {
            _ if key.is_ctrl('x') => question(state, id),
            Code::Char('r') | Code::F(5) => act(move |state| Self::ask(state, id)),
            _ => close(),
        }
    }

    fn change(&mut self, change: &Change<'_>, _state: &State) -> Outcome {
        // A server that is started again gives the same numbers to other clients.
        if let Change::SessionEnded(_) = change { close() } else { stay() }
    }

    fn draw(&self, canvas: &mut Canvas<'_>, state: &State) -> Option<Position> {
        let (console, title) = (state.console()?, self.title(state));
        let Some(row) = self.row(state) else {
            let inside = canvas.popup(&title, 66, 3);
            let (buffer, theme) = (&mut *canvas.buffer, &state.theme);
            Row::new(buffer, inside).left("This client has left.", theme.plain);
            Row::at(buffer, inside, 2).left("Esc back", theme.dim);
            return None;
        };
        let width = canvas.area.width.saturating_sub(6).min(66);
        let room = usize::from(width).saturating_sub(LABELS + 1);
        let mut lines: Vec<(&str, String)> = Vec::new();
        for (what, value) in &facts(state, self, row) {
            for (nth, line) in fit::wrap_rows(value, room, 3).into_iter().enumerate() {
                lines.push((if nth == 0 { what } else { "" }, line));
            }
        }
        let count = u16::try_from(lines.len()).unwrap_or(u16::MAX);
        let inside = canvas.popup(&title, width, count.saturating_add(2));
        let (buffer, theme) = (&mut *canvas.buffer, &state.theme);
        let last = inside.height.saturating_sub(1);
        // Without room for all of them the blank row is dropped first.
        for (y, (what, value)) in (0..last).zip(&lines) {
            let mut row = Row::at(buffer, inside, y);
            row.column(what, LABELS, theme.dim).skip(1).left(value, theme.plain);
        }
        let mut foot = Row::at(buffer, inside, last);
        if !console.clients.contains_key(&self.id) {
            foot.left("This client has left · Esc back", theme.plain);
            return None;
        }
        let kick = !console.is_me(row) && may_administer(state).is_ok();
        let kick = kick.then_some("Ctrl-X disconnect");
        canvas::keys(
            &mut foot,
            kick.into_iter().chain(["r refresh", "Esc back"]),
            &mut canvas.hits,
            theme,
        );
        None
    }
}

/// The program of a client and its version.
pub(super) fn program(row: &ClientRow) -> String {
    let words = |program: &topside_shared::records::Program| {
        format!("{} {}", program.name, program.version)
    };
    row.client.as_ref().map_or_else(|| "not told".to_owned(), words)
}

fn facts(state: &State, details: &ClientDetails, row: &ClientRow) -> Vec<(&'static str, String)> {
    let (idle, moved) = match &details.details {
        Details::Asked => ("…".to_owned(), None),
        Details::Left => ("this client has left".to_owned(), None),
        Details::Refused(why) => (why.clone(), None),
        Details::Known(known, at) => {
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
        ("program", program(row)),
    ];
    facts.extend(moved.map(|moved| ("bytes", moved)));
    facts
}
