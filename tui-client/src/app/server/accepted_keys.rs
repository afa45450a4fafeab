//! List of the accepted and the revoked keys, and revoking one.

use std::cmp::Reverse;

use topside_shared::Pin;
use topside_shared::methods::{KeyRevoke, KeyRow, KeyState, Keys, KeysList};

use crate::app::ask::{self, Ask};
use crate::app::availability::may_administer;
use crate::app::confirm::{Confirm, ConfirmedAction};
use crate::app::console::Console;
use crate::app::overlay::{self, Overlay};
use crate::app::widgets::filter_list::{FilterList, Load};
use crate::app::{Effect, State};
use crate::connect::CallError;
use crate::input::key::{Code, Key};
use crate::text::{sanitize, times};

/// The list.
#[derive(Debug, Default)]
pub(crate) struct AcceptedKeys {
    pub(crate) list: FilterList<Pin>,
    /// Those that may come in first, and of these the newest.
    rows: Vec<KeyRow>,
    pub(crate) load: Load,
    /// A client has connected or left since the list was requested.
    stale: bool,
}

/// What becomes of the list after a key.
#[derive(Debug, PartialEq, Eq)]
enum KeyListResult {
    Open,
    Closed,
    /// It is asked for again.
    Refresh,
    /// A key is to be taken away.
    Revoke(Pin),
}

impl AcceptedKeys {
    /// The keys that pass the filter.
    pub(crate) fn shown(&self) -> Vec<&KeyRow> {
        let passes = |row: &&KeyRow| {
            let (state, pin) = (row.state.name(), row.key_id.digits());
            let commands = row.commands.as_ref().map(|names| names.join(" ")).unwrap_or_default();
            self.list.passes(&format!("{} {} {state} {pin} {commands}", row.name, row.role))
        };
        self.rows.iter().filter(passes).collect()
    }

    fn pins(&self) -> Vec<Pin> {
        self.shown().into_iter().map(|row| row.key_id).collect()
    }

    /// The place of the chosen key among those shown.
    pub(crate) fn place(&self) -> usize {
        self.list.place(&self.pins())
    }

    /// Pasted text is looked for; its first line.
    pub(crate) fn paste(&mut self, text: &str) {
        self.list.paste(text);
        self.list.first(&self.pins());
    }

    fn get(&self, key: Pin) -> Option<&KeyRow> {
        self.rows.iter().find(|row| row.key_id == key)
    }

    fn key(&mut self, key: Key, page: usize) -> KeyListResult {
        let shown = self.pins();
        match key.code {
            Code::Esc => return KeyListResult::Closed,
            _ if key.is_ctrl('c') => return KeyListResult::Closed,
            Code::F(5) => return KeyListResult::Refresh,
            _ if key.is_ctrl('x') => {
                return self.list.chosen(&shown).map_or(KeyListResult::Open, KeyListResult::Revoke);
            }
            _ => {}
        }
        if self.list.walk(key, &shown, page).is_none() && self.list.edit(key) {
            self.list.first(&self.pins());
        }
        KeyListResult::Open
    }
}

/// Whether a key may still come in.
pub(crate) fn is_good(row: &KeyRow) -> bool {
    matches!(row.state, KeyState::Active | KeyState::Invited)
}

/// Whether this session came in by a key.
pub(crate) fn is_own(console: &Console, key: Pin) -> bool {
    console.reached.as_ref().is_some_and(|reached| reached.key == Some(key))
}

/// Who is connected over TCP by this name: `#4, #9`. The server does not tell clients' keys, only what they are
/// called.
fn connected(console: &Console, name: &str) -> String {
    let rows = console.clients.values();
    let of_name = rows.filter(|row| row.user == name && !row.address.starts_with("pid "));
    of_name.map(|row| row.client_id.to_string()).collect::<Vec<_>>().join(", ")
}

/// All that is known of a key, what matters most first.
pub(crate) fn facts(state: &State, row: &KeyRow) -> Vec<String> {
    let stamp = |time| times::date(time, state.clock.wall, &state.zone);
    let mut facts = Vec::new();
    if let Some(console) = state.console() {
        if is_own(console, row.key_id) {
            facts.push("you are connected by it".to_owned());
        }
        let now = connected(console, &row.name);
        if is_good(row) && !now.is_empty() {
            facts.push(format!("connected by this name: {now}"));
        }
    }
    facts.push(match &row.commands {
        Some(names) => format!("may run {} only", names.join(", ")),
        None => "may run all commands of its role".to_owned(),
    });
    facts.push(match row.last_seen {
        Some(time) => format!("used last {}", stamp(time)),
        None => "never used".to_owned(),
    });
    facts.push(format!("made {}", stamp(row.created_at)));
    facts.extend(row.expires_at.map(|time| format!("good until {}", stamp(time))));
    facts.push(format!("pin {}", row.key_id.short()));
    facts
}

/// Opens the list.
pub(crate) fn open(state: &mut State) -> Vec<Effect> {
    state.overlays.push(Overlay::Keys(Box::default()));
    ask(state)
}

/// Asks the server for the list.
fn ask(state: &mut State) -> Vec<Effect> {
    if let Some(view) = view(state) {
        view.load = Load::Asked;
    }
    let then = |state: &mut State, result: Result<Keys, CallError>| {
        listed(state, result.map_err(|error| ask::why(&error)))
    };
    state.ask(Ask::new(&KeysList {}, then))
}

fn view(state: &mut State) -> Option<&mut AcceptedKeys> {
    state.overlays.iter_mut().find_map(|overlay| match overlay {
        Overlay::Keys(view) => Some(view.as_mut()),
        _ => None,
    })
}

/// Somebody has come or gone, by a new key perhaps: an open list is asked for anew, once what was asked for
/// before has come.
pub(crate) fn changed(state: &mut State) -> Vec<Effect> {
    match view(state) {
        Some(view) if view.load == Load::Done => return ask(state),
        Some(view) => view.stale |= view.load == Load::Asked,
        None => {}
    }
    Vec::new()
}

/// The server's answer.
fn listed(state: &mut State, result: Result<Keys, String>) -> Vec<Effect> {
    let Some(view) = view(state) else { return Vec::new() };
    match result {
        Ok(Keys { keys }) => {
            view.rows = keys.into_iter().map(sanitize::key).collect();
            view.rows.sort_by_key(|row| (!is_good(row), Reverse(row.created_at)));
            view.load = Load::Done;
            view.list.settle(&view.pins());
        }
        Err(why) => view.load = Load::Refused(why),
    }
    match std::mem::take(&mut view.stale) && view.load == Load::Done {
        true => ask(state),
        false => Vec::new(),
    }
}

/// A key for the list, which was taken off the overlays.
pub(crate) fn key(state: &mut State, mut view: Box<AcceptedKeys>, key: Key) -> Vec<Effect> {
    let next = view.key(key, overlay::page(state.size));
    let chosen = match next {
        KeyListResult::Revoke(key) => view.get(key).cloned(),
        _ => None,
    };
    if next != KeyListResult::Closed {
        state.overlays.push(Overlay::Keys(view));
    }
    match (next, chosen) {
        (KeyListResult::Refresh, _) => return ask(state),
        (KeyListResult::Revoke(_), Some(row)) => question(state, &row),
        _ => {}
    }
    Vec::new()
}

/// Asks whether a key is to be taken away, or says why that cannot be.
fn question(state: &mut State, row: &KeyRow) {
    if !is_good(row) {
        state.refuse(format!(
            "{} is {} already: nobody comes in with it.",
            row.name,
            row.state.name()
        ));
        return;
    }
    if let Err(why) = may_administer(state) {
        state.refuse(why);
        return;
    }
    let Some(console) = state.console() else { return };
    let mut text = vec![format!("{} · pin {}", row.role, row.key_id.short())];
    if is_own(console, row.key_id) {
        text.push(
            "This is the key that you are connected by: your own session ends, and only another \
             invite lets this device in again."
                .to_owned(),
        );
    }
    text.push(match row.state {
        KeyState::Invited => "Nobody can use this invite any more.".to_owned(),
        _ => match connected(console, &row.name) {
            now if now.is_empty() => "Nobody comes in with it any more.".to_owned(),
            now => format!(
                "Its sessions end, and nobody comes in with it any more. Connected by this name: {now}."
            ),
        },
    });
    let what = if row.state == KeyState::Invited { "invite" } else { "key" };
    let title = format!("Revoke the {what} of {}?", row.name);
    let then = ConfirmedAction::Revoke { key: row.key_id, name: row.name.clone() };
    state.overlays.push(Overlay::Confirm(Confirm::choice(title, text, "Revoke", then)));
}

/// Takes a key away: the one that was asked about, whatever the list says by now.
pub(crate) fn revoke(state: &mut State, key: Pin, name: &str) -> Vec<Effect> {
    if state.session().is_some() {
        state.done(format!("Revoking {name} …"));
    }
    state.ask(Ask::new(&KeyRevoke { key_id: key }, move |state, result| {
        revoked(state, key, result.map(drop).map_err(|error| ask::why(&error)))
    }))
}

/// The server's answer: what came of it is said, and the list is read again.
fn revoked(state: &mut State, key: Pin, result: Result<(), String>) -> Vec<Effect> {
    let row = view(state).and_then(|view| view.get(key));
    let name = row.map_or_else(|| key.short(), |row| format!("{} ({})", row.name, key.short()));
    match result {
        Ok(()) => state.done(format!("Revoked {name}; its sessions have ended.")),
        Err(why) => state.refuse(why),
    }
    match view(state) {
        Some(_) => ask(state),
        None => Vec::new(),
    }
}
