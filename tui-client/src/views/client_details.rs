//! One client in full.

use ratatui::layout::Position;
use topside_shared::ClientId;
use topside_shared::methods::{self, ClientsList};
use topside_shared::records::ClientRow;
use topside_shared::text::{bytes, called, duration};

use super::clients::{question, runs};
use crate::app::ask::{self, Ask};
use crate::app::availability::may_administer;
use crate::app::view::{Change, Outcome, View, act, close, stay};
use crate::app::{Clock, Effect, State};
use crate::connect::CallError;
use crate::input::key::Key;
use crate::text::{sanitize, times};
use crate::widgets::canvas::Canvas;
use crate::widgets::facts::{Fact, Facts, FactsKey};

#[derive(Debug)]
pub(crate) struct ClientDetails {
    /// The client that is shown, while others come and go.
    id: ClientId,
    details: Details,
    scroll: Facts,
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
        Self { id, details: Details::Asked, scroll: Facts::default() }
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

    fn facts(&self, state: &State) -> Vec<Fact> {
        let mut facts = self.row(state).map_or_else(Vec::new, |row| facts(state, self, row));
        if state.console().is_none_or(|console| !console.clients.contains_key(&self.id)) {
            facts.push(("", "This client has left.".to_owned()));
        }
        facts
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
    fn leaves_signs(&self) -> bool {
        true
    }

    fn title(&self, state: &State) -> String {
        let own = |row| state.console().is_some_and(|console| console.is_me(row));
        match self.row(state) {
            Some(row) if own(row) => "you".to_owned(),
            Some(row) => called(&row.user, self.id),
            None => self.id.to_string(),
        }
    }

    fn key(&mut self, key: Key, state: &State) -> Outcome {
        let (id, facts) = (self.id, self.facts(state));
        match self.scroll.key(key, &facts, state.view_size()) {
            FactsKey::Close => close(),
            FactsKey::Refresh => act(move |state| Self::ask(state, id)),
            FactsKey::Passed if key.is_ctrl('x') => question(state, id),
            FactsKey::Scrolled | FactsKey::Passed => stay(),
        }
    }

    fn wheel(&mut self, rows: i32, state: &State) {
        let facts = self.facts(state);
        self.scroll.wheel(rows, &facts, state.view_size());
    }

    fn change(&mut self, change: &Change<'_>, _state: &State) -> Outcome {
        // A server that is started again gives the same numbers to other clients.
        if let Change::SessionEnded(_) = change { close() } else { stay() }
    }

    fn draw(&self, canvas: &mut Canvas<'_>, state: &State) -> Option<Position> {
        let console = state.console()?;
        let mut keys = Vec::new();
        if let Some(row) = console.clients.get(&self.id) {
            let kick = !console.is_me(row) && may_administer(state).is_ok();
            keys.extend(kick.then_some("Ctrl-X disconnect"));
            keys.push("r refresh");
        }
        keys.push("Esc back");
        self.scroll.draw(&self.title(state), &self.facts(state), &keys, canvas);
        None
    }
}

/// The program of a client and its version.
fn program(row: &ClientRow) -> String {
    let words = |program: &topside_shared::records::Program| {
        format!("{} {}", program.name, program.version)
    };
    row.client.as_ref().map_or_else(|| "not told".to_owned(), words)
}

fn facts(state: &State, details: &ClientDetails, row: &ClientRow) -> Vec<Fact> {
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
    let since = times::full_since(row.connected_at, state.clock.wall, &state.zone);
    let mut facts = vec![
        ("from", row.place()),
        ("user", format!("{} · {}{}", row.user, row.role, if row.agent { " · agent" } else { "" })),
        ("running", runs(row)),
        ("idle", idle),
        ("connected", since),
        ("program", program(row)),
    ];
    facts.extend(moved.map(|moved| ("bytes", moved)));
    facts
}
