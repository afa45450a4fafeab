//! Connected clients, and disconnecting one.

use ratatui::layout::Position;
use topside_shared::ClientId;
use topside_shared::methods::{ClientKick, ClientsList};
use topside_shared::records::{ClientRow, ClientRun};
use topside_shared::text::called;

use super::client_details::ClientDetails;
use super::confirm::Confirm;
use super::console::client_pane::{ids, name, passing};
use super::list_view::ListView;
use crate::app::ask::{self, Ask};
use crate::app::availability::may_administer;
use crate::app::console::Console;
use crate::app::view::{HelpKeys, Outcome, act, open, refuse, stay};
use crate::app::{Effect, State};
use crate::input::actions::Id;
use crate::input::key::Key;
use crate::text::{sanitize, times};
use crate::theme::Theme;
use crate::widgets::canvas::Canvas;
use crate::widgets::list::{Cell, Column, Line, List, ListHints, Load, Table, cell};

const COLUMNS: &[Column] = &[
    Column::new("ID", 4),
    Column::rest("NAME"),
    Column::new("ROLE", 8),
    Column::new("FROM", 28).from(56),
    Column::new("CONNECTED", 10).from(68),
];
/// Columns of the popup at most.
const WIDTH: u16 = 78;

/// The list. The chosen client is kept by its number while the list changes.
#[derive(Debug)]
pub(crate) struct Clients(List<ClientId>);

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
    let rows = console.client_rows();
    let place = rows.iter().position(|row| wanted(console, row));
    let mut list = List::default();
    list.choose(&ids(&rows), place.unwrap_or(0));
    state.open(Clients(list));
    Vec::new()
}

/// Requests the rows of the clients again. Clients that connect or leave are reported without that.
fn refresh(state: &mut State) -> Vec<Effect> {
    state.ask_if_connected(Ask::new(&ClientsList::default(), |state, answer| {
        match (answer, state.console_mut()) {
            (Ok(page), Some(console)) => {
                for row in page.clients {
                    if let Some(known) = console.clients.get_mut(&row.client_id) {
                        *known = sanitize::row(row);
                    }
                }
            }
            (Ok(_), None) => {}
            (Err(error), _) => state.refuse(ask::why(&error)),
        }
        Vec::new()
    }))
}

impl ListView for Clients {
    type Row = ClientId;

    fn title(&self, state: &State) -> String {
        match state.console().map_or(0, |console| console.clients.len()) {
            1 => "1 client".to_owned(),
            n => format!("{n} clients"),
        }
    }

    fn opened_by(&self) -> Option<Id> {
        Some(Id::Clients)
    }

    fn list(&self) -> &List<ClientId> {
        &self.0
    }

    fn list_mut(&mut self) -> &mut List<ClientId> {
        &mut self.0
    }

    fn rows(&self, state: &State) -> Vec<ClientId> {
        state.console().map_or_else(Vec::new, |console| ids(&passing(console, &self.0)))
    }

    fn enter(&mut self, state: &State) -> Outcome {
        let Some(id) = self.chosen(state) else { return stay() };
        open(ClientDetails::new(id)).then(move |state| ClientDetails::ask(state, id))
    }

    fn own_keys(&self) -> Vec<HelpKeys> {
        vec![("Ctrl-X", "Disconnect the client")]
    }

    fn other_key(&mut self, key: Key, state: &State) -> Outcome {
        match self.chosen(state) {
            Some(id) if key.is_ctrl('x') => question(state, id),
            _ => stay(),
        }
    }

    fn refresh(&mut self, _state: &State) -> Outcome {
        act(refresh)
    }

    fn next_tick(&self, state: &State) -> Option<u64> {
        let clients = state.console()?.clients.values();
        times::since_changes_in(clients.map(|row| row.connected_at), state.clock.wall)
    }

    fn draw(&self, canvas: &mut Canvas<'_>, state: &State) -> Option<Position> {
        let console = state.console()?;
        let room = canvas.room();
        let wanted = u16::try_from(console.clients.len()).unwrap_or(u16::MAX).saturating_add(4);
        let height = wanted.max(8).min(room.height);
        let inside = canvas.popup(&self.title(state), room.width.min(WIDTH), height);
        let rows = passing(console, &self.0);
        let at = self.0.place(&ids(&rows));
        let other = rows.get(at).is_some_and(|row| !console.is_me(row));
        let keys = match other && may_administer(state).is_ok() {
            true => &["Enter details", "Ctrl-X disconnect"][..],
            false => &["Enter details"],
        };
        let list: &[_] = if state.session().is_some() { &["r refresh"] } else { &[] };
        let table = Table {
            columns: COLUMNS,
            load: &Load::Done,
            empty: "No client is connected.",
            below: 0,
            beside: 0,
            hints: ListHints { row: keys, list, more: false },
        };
        self.0.draw(&table, (&rows, at), inside, canvas, |client, chosen, theme| {
            vec![Line::Cells(client_cells(state, console, client, chosen, theme))]
        })
    }
}

fn client_cells(
    state: &State,
    console: &Console,
    client: &ClientRow,
    chosen: bool,
    theme: &Theme,
) -> Vec<Cell> {
    let style = if chosen { theme.chosen() } else { theme.plain };
    let mut called = cell(name(client, console.is_me(client)).to_owned(), style);
    if client.agent {
        called.push((" agent".into(), theme.warning));
    }
    if let Some(run) = client.runs.first() {
        let (sign, look) =
            if run.queued { (" … ", theme.queued) } else { (" ● ", theme.running) };
        called.push((sign.into(), look));
        called.push((run.command.clone().into(), theme.dim));
    }
    vec![
        cell(client.client_id.to_string(), style),
        called,
        cell(client.role.name(), theme.dim),
        cell(client.place(), theme.dim),
        cell(times::since(client.connected_at, state.clock.wall, &state.zone), theme.dim),
    ]
}

/// Asks whether to disconnect a client, and for the reason that the client is shown; or reports why that is not possible.
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
    let mut text = vec![format!("{} · {}", row.place(), row.role)];
    if !row.runs.is_empty() {
        text.push(format!("It runs {}.", runs(row)));
    }
    let title = format!("Disconnect {}?", called(&row.user, id));
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
    state.ask_and_say(&kick, move |_| format!("{client_id} was disconnected"))
}
