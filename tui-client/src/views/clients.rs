//! Connected clients, and disconnecting one.

use ratatui::layout::{Position, Rect};
use topside_shared::ClientId;
use topside_shared::methods::ClientKick;
use topside_shared::records::{ClientRow, ClientRun};

use super::admin_forms;
use super::client_details::{ClientDetails, program};
use super::confirm::Confirm;
use super::console::client_pane::name;
use crate::app::availability::may_administer;
use crate::app::console::Console;
use crate::app::view::{Outcome, View, close, open, refuse, stay};
use crate::app::{Effect, State};
use crate::input::key::{Code, Key};
use crate::text::times;
use crate::widgets::canvas::{self, Canvas};
use crate::widgets::row::Row;

/// Rows of what is known of the chosen client.
const DETAILS: u16 = 7;

/// The list. The chosen client is kept by its number while the list changes.
#[derive(Debug)]
pub(crate) struct Clients {
    chosen: ClientId,
}

/// Opens the list at this client.
pub(crate) fn open_list(state: &mut State) -> Vec<Effect> {
    open_at(state, Console::is_me)
}

/// Opens the list at another client, to disconnect it.
pub(crate) fn open_others(state: &mut State) -> Vec<Effect> {
    open_at(state, |console, row| !console.is_me(row))
}

fn open_at(state: &mut State, wanted: fn(&Console, &ClientRow) -> bool) -> Vec<Effect> {
    let Some(console) = state.console() else { return Vec::new() };
    let row = console.client_rows().into_iter().find(|row| wanted(console, row));
    let chosen = row.map_or(console.welcome.you.client_id, |row| row.client_id);
    state.open(Clients { chosen });
    Vec::new()
}

impl Clients {
    /// Chooses the client before or after; the first where the chosen one has gone.
    fn step(&mut self, state: &State, down: bool) {
        let Some(console) = state.console() else { return };
        let ids: Vec<ClientId> = console.client_rows().iter().map(|row| row.client_id).collect();
        let place = ids.iter().position(|id| *id == self.chosen);
        let next = match place {
            Some(place) if down => (place + 1).min(ids.len() - 1),
            Some(place) => place.saturating_sub(1),
            None => 0,
        };
        self.chosen = ids.get(next).copied().unwrap_or(self.chosen);
    }
}

impl View for Clients {
    fn leaves_colon(&self) -> bool {
        true
    }

    fn title(&self, state: &State) -> String {
        match state.console().map_or(0, |console| console.clients.len()) {
            1 => "1 client".to_owned(),
            n => format!("{n} clients"),
        }
    }

    fn key(&mut self, key: Key, state: &State) -> Outcome {
        match key.code {
            _ if key.is_ctrl('x') => return question(state, self.chosen),
            Code::Up | Code::Down | Code::Char('j' | 'k') if !key.ctrl => {
                self.step(state, matches!(key.code, Code::Down | Code::Char('j')));
            }
            Code::Enter => {
                let id = self.chosen;
                return open(ClientDetails::new(id))
                    .then(move |state| ClientDetails::ask(state, id));
            }
            _ => return close(),
        }
        stay()
    }

    fn wheel(&mut self, rows: i32, state: &State) {
        for _ in 0..rows.unsigned_abs() {
            self.step(state, rows > 0);
        }
    }

    fn draw(&self, canvas: &mut Canvas<'_>, state: &State) -> Option<Position> {
        let console = state.console()?;
        let rows = console.client_rows();
        let room = canvas.room();
        let wanted = u16::try_from(rows.len()).unwrap_or(u16::MAX).saturating_add(DETAILS + 1);
        let (width, height) = (room.width.min(72), wanted.min(room.height));
        let inside = canvas.popup(&self.title(state), width, height);
        let (buffer, theme) = (&mut *canvas.buffer, &state.theme);
        let list_rows = inside.height.saturating_sub(DETAILS + 1).max(1);
        let chosen = rows.iter().position(|row| row.client_id == self.chosen);
        let top = chosen.map_or(0, |nth| (nth + 1).saturating_sub(usize::from(list_rows)));
        for (y, (nth, client)) in (0..list_rows).zip(rows.iter().enumerate().skip(top)) {
            let here = chosen == Some(nth);
            let style = if here { theme.chosen() } else { theme.plain };
            let mut row = Row::at(buffer, inside, y);
            row.left(if here { "▌ " } else { "  " }, theme.accent);
            row.column(&client.client_id.to_string(), 5, style);
            row.column(name(client, console.is_me(client)), 16, style).skip(1);
            row.column(client.role.name(), 9, theme.dim).skip(1);
            row.left(&client.address, theme.dim);
            row.left(&format!(" · {}", client.connection.title()), theme.dim);
        }
        let height = inside.height.saturating_sub(list_rows + 1);
        let below = Rect { y: inside.y + list_rows + 1, height, ..inside };
        match chosen.and_then(|nth| rows.get(nth)) {
            Some(client) => {
                let facts = [
                    ("from", format!("{} · {}", client.connection.title(), client.address)),
                    ("user", format!("{} · {}", client.user, client.role)),
                    ("since", times::clock(client.connected_at, &state.zone)),
                    ("program", program(client)),
                    ("running", runs(client)),
                ];
                for (y, (what, value)) in (0..below.height.saturating_sub(1)).zip(&facts) {
                    let mut row = Row::at(buffer, below, y);
                    row.skip(2).column(what, 9, theme.dim).left(value, theme.plain);
                }
            }
            None => {
                Row::new(buffer, below).skip(2).left("This client has left.", theme.dim);
            }
        }
        let mut foot = Row::at(buffer, inside, inside.height.saturating_sub(1));
        let kick = may_administer(state).is_ok().then_some("Ctrl-X disconnect");
        let keys = ["Enter details"].into_iter().chain(kick).chain(["Esc closes"]);
        canvas::keys(&mut foot, keys, &mut canvas.hits, theme);
        None
    }
}

/// Asks whether to disconnect a client, and for the reason that it is told; or says why that cannot be.
pub(super) fn question(state: &State, id: ClientId) -> Outcome {
    let Some(console) = state.console() else { return stay() };
    let Some(row) = console.clients.get(&id) else {
        return refuse(format!("{id} has left."));
    };
    if console.is_me(row) {
        return refuse("This is your own session: close ends it.");
    }
    if let Err(why) = may_administer(state) {
        return refuse(why);
    }
    let mut text = vec![format!("{} · {} · {}", row.connection.title(), row.address, row.role)];
    if !row.runs.is_empty() {
        text.push(format!("It runs {}.", runs(row)));
    }
    let title = format!("Disconnect {id} {}?", row.user);
    let then = move |state: &mut State, reason: &str| disconnect(state, id, reason);
    open(Confirm::reason(title, text, row.user.clone(), "Disconnect", then).of_session())
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

/// Disconnects the client that the question was about, and no other one.
fn disconnect(state: &mut State, client_id: ClientId, reason: &str) -> Vec<Effect> {
    let Some(console) = state.console() else { return Vec::new() };
    if !console.clients.contains_key(&client_id) {
        state.refuse(format!("{client_id} has left by itself: no client was disconnected."));
        return Vec::new();
    }
    let reason = Some(reason.trim().to_owned()).filter(|reason| !reason.is_empty());
    let kick = ClientKick { client_id, reason };
    admin_forms::act(state, &kick, move |_| format!("{client_id} was disconnected"))
}
