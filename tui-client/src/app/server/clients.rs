//! Connected clients: the details of one, and disconnecting it.

use topside_shared::ClientId;
use topside_shared::methods::{ClientKick, ClientsList};
use topside_shared::records::{ClientRow, ClientRun};
use topside_shared::text::MAX_REASON;

use super::admin;
use crate::app::ask::{self, Ask};
use crate::app::confirm::{Confirm, ConfirmInput, ConfirmedAction};
use crate::app::overlay::{self, Overlay};
use crate::app::widgets::editor::Editor;
use crate::app::{Clock, Effect, State};
use crate::connect::CallError;
use crate::input::key::{Code, Key};
use crate::text::sanitize;

/// All that is known of one client.
#[derive(Debug)]
pub(crate) struct ClientDetails {
    /// The client that is shown, while others come and go.
    pub(crate) id: ClientId,
    pub(crate) asked: DetailsState,
}

/// What changes without being told: how long a client has been idle, and what it has read and written.
#[derive(Debug)]
pub(crate) enum DetailsState {
    /// On its way.
    Waiting,
    /// As it was then.
    Known(Box<ClientRow>, Clock),
    /// It has left.
    Left,
    /// The server would not: why.
    Refused(String),
}

/// Opens the list; the one chosen is somebody else, where somebody is to be sent away.
pub(crate) fn open(state: &mut State, others: bool) {
    let Some(console) = state.console() else { return };
    let rows = console.client_rows();
    let other = rows.iter().find(|row| !console.is_me(row)).filter(|_| others);
    let at = other.map_or(console.welcome.you.client_id, |row| row.client_id);
    state.overlays.push(Overlay::Clients { at: Some(at) });
}

/// A key for the list, which was taken off the overlays.
pub(crate) fn list_key(state: &mut State, at: Option<ClientId>, key: Key) -> Vec<Effect> {
    let stays = |at| Overlay::Clients { at };
    match (key.code, at) {
        (Code::Up | Code::Down | Code::Char('j' | 'k'), _)
            if key.typed().is_some() || !key.ctrl =>
        {
            let down = matches!(key.code, Code::Down | Code::Char('j'));
            let at = overlay::neighbour(state, at, down);
            state.overlays.push(stays(at));
        }
        (Code::Enter, Some(id)) => {
            state.overlays.push(stays(at));
            state
                .overlays
                .push(Overlay::Client(ClientDetails { id, asked: DetailsState::Waiting }));
            return ask(state, id);
        }
        (_, Some(id)) if key.is_ctrl('x') => {
            state.overlays.push(stays(at));
            question(state, id);
        }
        _ => {}
    }
    Vec::new()
}

/// A key for one client in full, which was taken off the overlays.
pub(crate) fn key(state: &mut State, details: ClientDetails, key: Key) -> Vec<Effect> {
    let id = details.id;
    if key.is_ctrl('x') {
        state.overlays.push(Overlay::Client(details));
        question(state, id);
    } else if matches!(key.code, Code::Char('r') | Code::F(5)) {
        // What was known stays until there is news.
        state.overlays.push(Overlay::Client(details));
        return ask(state, id);
    }
    Vec::new()
}

fn ask(state: &State, id: ClientId) -> Vec<Effect> {
    // A page of one, from the number before it.
    let page = ClientsList { after: Some(ClientId(id.0.saturating_sub(1))), limit: Some(1) };
    state.ask_if_connected(Ask::new(&page, move |state, result| {
        let one = |row: &ClientRow| row.client_id == id;
        told(state, id, result.map(|page| page.clients.into_iter().find(one)));
        Vec::new()
    }))
}

/// The server's answer about one client.
fn told(state: &mut State, id: ClientId, result: Result<Option<ClientRow>, CallError>) {
    let clock = state.clock;
    for overlay in &mut state.overlays {
        if let Overlay::Client(details) = overlay
            && details.id == id
        {
            details.asked = match result {
                Ok(Some(row)) => DetailsState::Known(Box::new(sanitize::row(row)), clock),
                Ok(None) => DetailsState::Left,
                Err(ref error) => DetailsState::Refused(ask::why(error)),
            };
            return;
        }
    }
}

/// The numbers of a session mean nobody after its end: a server that is started anew gives them again. Nor can a key
/// be taken away then, and why it ended is not to be hidden behind their list.
pub(crate) fn session_ended(state: &mut State) {
    state.overlays.retain(|overlay| {
        !matches!(
            overlay,
            Overlay::Client(_)
                | Overlay::Keys(_)
                | Overlay::Confirm(Confirm {
                    then: ConfirmedAction::Kick(_) | ConfirmedAction::Revoke { .. },
                    ..
                })
        )
    });
}

/// Asks whether somebody is to be sent away, and what he is told; or says why that cannot be.
fn question(state: &mut State, id: ClientId) {
    let Some(console) = state.console() else { return };
    let Some(row) = console.clients.get(&id) else {
        state.refuse(format!("{id} has left."));
        return;
    };
    if console.is_me(row) {
        state.refuse("This is your own session: close ends it.");
        return;
    }
    if let Err(why) = crate::app::availability::may_administer(state) {
        state.refuse(why);
        return;
    }
    let mut text = vec![format!("{} · {} · {}", row.connection.title(), row.address, row.role)];
    if !row.runs.is_empty() {
        text.push(format!("It runs {}.", runs(row)));
    }
    let title = format!("Send {id} {} away?", row.user);
    let ask = ConfirmInput::Reason {
        yes: "Send away",
        on_yes: false,
        field: Editor::default(),
        wrong: None,
    };
    state.overlays.push(Overlay::Confirm(Confirm {
        title,
        text,
        ask,
        then: ConfirmedAction::Kick(id),
    }));
}

/// What a client runs, in words.
pub(crate) fn runs(row: &ClientRow) -> String {
    let words = |run: &ClientRun| {
        let queued = if run.queued { " (queued)" } else { "" };
        format!("{} {}{queued}", run.command, run.run_id)
    };
    let runs: Vec<String> = row.runs.iter().map(words).collect();
    if runs.is_empty() { "nothing".to_owned() } else { runs.join(", ") }
}

/// Why a reason cannot be told.
pub(crate) fn too_long(reason: &str) -> Option<String> {
    let length = reason.chars().count();
    (length > MAX_REASON).then(|| format!("It has {length} characters of {MAX_REASON}."))
}

/// Disconnects the client that the question was about, and no other one.
pub(crate) fn send_away(state: &mut State, whom: ClientId, reason: &str) -> Vec<Effect> {
    let Some(console) = state.console() else { return Vec::new() };
    if !console.clients.contains_key(&whom) {
        state.refuse(format!("{whom} has left by itself: nobody was sent away."));
        return Vec::new();
    }
    let reason = Some(reason.trim().to_owned()).filter(|reason| !reason.is_empty());
    let kick = ClientKick { client_id: whom, reason };
    admin::act(state, &kick, move |_| format!("{whom} was disconnected"))
}
