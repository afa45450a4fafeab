//! List of the accepted and the revoked keys, and revoking one.

use std::cmp::Reverse;

use ratatui::layout::Position;
use topside_shared::Pin;
use topside_shared::methods::{KeyRevoke, KeyRow, KeyState, Keys, KeysList};
use topside_shared::notifications::Notification;

use super::confirm::Confirm;
use super::key_details::KeyDetails;
use super::list_view::ListView;
use crate::app::ask::{self, Ask};
use crate::app::availability::may_administer;
use crate::app::console::Console;
use crate::app::view::{Change, HelpKeys, Outcome, act, close, open, refuse, stay};
use crate::app::{Effect, State};
use crate::connect::CallError;
use crate::input::actions::Id;
use crate::input::key::{Code, Key};
use crate::text::{sanitize, times};
use crate::theme::Theme;
use crate::widgets::canvas::Canvas;
use crate::widgets::list::{Cell, Column, Line, List, ListHints, Load, Table, cell, draw_note};

const COLUMNS: &[Column] = &[
    Column::rest("NAME"),
    Column::new("ROLE", 8).from(40),
    Column::new("STATE", 9),
    Column::new("ADDED", 10).from(50),
    Column::new("LAST USED", 10).from(68),
    Column::new("KEY", 9).from(80),
];

/// The list.
#[derive(Debug, Default)]
pub(crate) struct AcceptedKeys {
    list: List<Pin>,
    /// Whether invites that were used or have expired are shown.
    shows_old: bool,
    /// Valid keys first, and of these the newest.
    rows: Vec<KeyRow>,
    load: Load,
}

pub(crate) fn open_list(state: &mut State) -> Vec<Effect> {
    state.open(AcceptedKeys::default());
    request(state)
}

fn request(state: &mut State) -> Vec<Effect> {
    if state.session().is_some() {
        state.with_view::<AcceptedKeys>(|view, _| {
            view.load = Load::Asked;
            stay()
        });
    }
    state.ask(Ask::of_view(&KeysList {}, AcceptedKeys::take))
}

/// Asks for an open list again: a key may be new.
pub(super) fn refresh(state: &mut State) -> Vec<Effect> {
    let changed = |view: &mut AcceptedKeys, _: &State| view.changed();
    state.with_view(changed).unwrap_or_default()
}

impl AcceptedKeys {
    /// The keys that pass the filter.
    pub(crate) fn shown(&self) -> Vec<&KeyRow> {
        let passes = |row: &&KeyRow| {
            let hidden = is_old_invite(row) && !self.shows_old;
            !hidden
                && self.list.passes(|| {
                    let (state, pin) = (row.state.name(), row.key_id.digits());
                    let commands =
                        row.commands.as_ref().map(|names| names.join(" ")).unwrap_or_default();
                    format!("{} {} {state} {pin} {commands}", row.name, row.role)
                })
        };
        self.rows.iter().filter(passes).collect()
    }

    fn chosen_key(&self, state: &State) -> Option<&KeyRow> {
        let pin = ListView::chosen(self, state)?;
        self.rows.iter().find(|row| row.key_id == pin)
    }

    fn pins(&self) -> Vec<Pin> {
        pins(&self.shown())
    }

    fn changed(&mut self) -> Outcome {
        if self.load.changed() { act(request) } else { stay() }
    }

    fn take(&mut self, answer: Result<Keys, CallError>, _state: &State) -> Outcome {
        let refused = match answer {
            Ok(Keys { keys }) => {
                self.rows = keys.into_iter().map(sanitize::key).collect();
                self.rows.sort_by_key(|row| (!is_good(row), Reverse(row.created_at)));
                self.list.settle(&self.pins());
                None
            }
            Err(error) => Some(ask::why(&error)),
        };
        let asks_again = self.load.answered(refused);
        let rows = self.rows.clone();
        act(move |state| {
            state.with_view::<KeyDetails>(|details, _| {
                details.update(&rows);
                stay()
            });
            if asks_again { request(state) } else { Vec::new() }
        })
    }
}

impl AcceptedKeys {
    /// How many invites are old, and what shows or hides them.
    fn note(&self) -> Option<String> {
        let count = self.rows.iter().filter(|row| is_old_invite(row)).count();
        let invites = if count == 1 { "invite" } else { "invites" };
        match (count, self.shows_old) {
            (0, _) => None,
            (_, false) => Some(format!("{count} used or expired {invites} hidden · Tab shows")),
            (_, true) => Some(format!("{count} used or expired {invites} · Tab hides")),
        }
    }
}

impl ListView for AcceptedKeys {
    type Row = Pin;

    fn title(&self, _state: &State) -> String {
        "Keys".to_owned()
    }

    fn list(&self) -> &List<Pin> {
        &self.list
    }

    fn list_mut(&mut self) -> &mut List<Pin> {
        &mut self.list
    }

    fn rows(&self, _state: &State) -> Vec<Pin> {
        self.pins()
    }

    fn enter(&mut self, state: &State) -> Outcome {
        self.chosen_key(state).map_or_else(stay, |row| open(KeyDetails::new(row.clone())))
    }

    fn own_keys(&self) -> Vec<HelpKeys> {
        vec![("Tab", "Show or hide used and expired invites"), ("Ctrl-X", "Revoke the key")]
    }

    fn other_key(&mut self, key: Key, state: &State) -> Outcome {
        match key.code {
            Code::Tab => {
                self.shows_old = !self.shows_old;
                self.list.settle(&self.pins());
                stay()
            }
            _ if key.is_ctrl('x') => {
                self.chosen_key(state).map_or_else(stay, |row| question(state, row))
            }
            _ => stay(),
        }
    }

    fn refresh(&mut self, _state: &State) -> Outcome {
        act(request)
    }

    fn change(&mut self, change: &Change<'_>, _state: &State) -> Outcome {
        match change {
            // A key cannot be revoked without a session, and the list would cover why it ended.
            Change::SessionEnded(_) => close(),
            // A client that comes or goes may have a new key.
            Change::Notice(Notification::ClientsChanged(changed))
                if !(changed.joined.is_empty() && changed.left.is_empty()) =>
            {
                self.changed()
            }
            _ => stay(),
        }
    }

    fn next_tick(&self, state: &State) -> Option<u64> {
        let times =
            self.rows.iter().flat_map(|row| row.last_seen.into_iter().chain([row.created_at]));
        times::since_changes_in(times, state.clock.wall)
    }

    fn draw(&self, canvas: &mut Canvas<'_>, state: &State) -> Option<Position> {
        let room = canvas.room();
        let inside = canvas.popup(&self.title(state), room.width, room.height);
        let shown = self.shown();
        let at = self.list.place(&pins(&shown));
        let note = self.note();
        let may_revoke =
            may_administer(state).is_ok() && shown.get(at).is_some_and(|row| is_good(row));
        let invite = state.keys.word(Id::MakeInvite);
        let empty = format!("No client may connect over TCP: {invite} changes that.");
        let table = Table {
            columns: COLUMNS,
            load: &self.load,
            empty: match self.rows.is_empty() {
                true => &empty,
                false => "Each invite was used or has expired: Tab shows them.",
            },
            below: u16::from(note.is_some()),
            beside: 0,
            hints: ListHints {
                row: if may_revoke {
                    &["Enter details", "Ctrl-X revoke"]
                } else {
                    &["Enter details"]
                },
                list: &["r refresh"],
                more: false,
            },
        };
        if let Some(note) = note {
            draw_note(&note, Some(Key::plain(Code::Tab)), inside, canvas);
        }
        self.list.draw(&table, (&shown, at), inside, canvas, |key, chosen, theme| {
            vec![Line::Cells(key_cells(state, key, chosen, theme))]
        })
    }
}

fn pins(rows: &[&KeyRow]) -> Vec<Pin> {
    rows.iter().map(|row| row.key_id).collect()
}

/// Whether it is an invite that cannot be used any more.
fn is_old_invite(row: &KeyRow) -> bool {
    matches!(row.state, KeyState::Used | KeyState::Expired)
}

/// Whether a key may still come in.
pub(super) fn is_good(row: &KeyRow) -> bool {
    matches!(row.state, KeyState::Active | KeyState::Invited)
}

/// Whether this session came in by a key.
pub(super) fn is_own(console: &Console, key: Pin) -> bool {
    console.reached.as_ref().is_some_and(|reached| reached.key == Some(key))
}

/// The clients over TCP of this name: `#4, #9`. The server does not tell clients' keys, only what they are
/// called.
pub(super) fn connected(console: &Console, name: &str) -> String {
    let rows = console.clients.values();
    let of_name = rows.filter(|row| row.user == name && !row.address.starts_with("pid "));
    of_name.map(|row| row.client_id.to_string()).collect::<Vec<_>>().join(", ")
}

/// Asks whether a key is to be taken away, or says why that cannot be.
pub(super) fn question(state: &State, row: &KeyRow) -> Outcome {
    if !is_good(row) {
        let state = row.state.name();
        return refuse(format!("{} is {state} already: it is not accepted any more.", row.name));
    }
    if let Err(why) = may_administer(state) {
        return refuse(why);
    }
    let Some(console) = state.console() else { return stay() };
    let (key, name) = (row.key_id, row.name.clone());
    open(revocation(console, row, move |state| revoke(state, key, &name)))
}

/// The question before a key is revoked; a yes does `then`.
pub(super) fn revocation(
    console: &Console,
    row: &KeyRow,
    then: impl FnOnce(&mut State) -> Vec<Effect> + 'static,
) -> Confirm {
    let mut text = vec![format!("{} · pin {}", row.role, row.key_id.short())];
    if is_own(console, row.key_id) {
        text.push(
            "This is the key that you are connected by: your own session ends, and only another \
             invite lets this device in again."
                .to_owned(),
        );
    }
    text.push(match row.state {
        KeyState::Invited => "The invite cannot be used any more.".to_owned(),
        _ => match connected(console, &row.name) {
            now if now.is_empty() => "The key is not accepted any more.".to_owned(),
            now => format!(
                "Its sessions end, and the key is not accepted any more. Connected as {now}."
            ),
        },
    });
    let what = if row.state == KeyState::Invited { "invite" } else { "key" };
    let title = format!("Revoke the {what} of {}?", row.name);
    Confirm::choice(title, text, "Revoke", then).of_session()
}

/// Revokes the key that the question was about; the list may have changed since.
fn revoke(state: &mut State, key_id: Pin, name: &str) -> Vec<Effect> {
    if state.session().is_some() {
        state.note(format!("Revoking {name} …"));
    }
    state.ask(Ask::new(&KeyRevoke { key_id }, move |state, result| revoked(state, key_id, result)))
}

/// Says the result, and reads the list again.
fn revoked<A>(state: &mut State, key: Pin, result: Result<A, CallError>) -> Vec<Effect> {
    let mut name = key.short();
    state.with_view::<AcceptedKeys>(|view, _| {
        if let Some(row) = view.rows.iter().find(|row| row.key_id == key) {
            name = format!("{} ({name})", row.name);
        }
        stay()
    });
    match result {
        Ok(_) => {
            // Its details are of a key that was good.
            state.close_views::<KeyDetails>();
            state.done(format!("Revoked {name}; its sessions have ended."));
        }
        Err(error) => state.refuse(ask::why(&error)),
    }
    if state.has_view::<AcceptedKeys>() { request(state) } else { Vec::new() }
}

fn key_cells(state: &State, key: &KeyRow, chosen: bool, theme: &Theme) -> Vec<Cell> {
    let style = match (chosen, is_good(key)) {
        (true, _) => theme.chosen(),
        (false, true) => theme.plain,
        (false, false) => theme.dim,
    };
    let (sign, look) = match key.state {
        KeyState::Active => ("✓ ", theme.good),
        KeyState::Invited => ("… ", theme.dim),
        _ => ("✗ ", theme.dim),
    };
    let since = |time| times::since(time, state.clock.wall, &state.zone);
    let mut name = cell(key.name.clone(), style);
    if key.commands.is_some() {
        name.push((" limited".into(), theme.dim));
    }
    let short: String = key.key_id.short().chars().take(9).collect();
    vec![
        name,
        cell(key.role.name(), theme.dim),
        vec![(sign.into(), look), (key.state.name().into(), theme.dim)],
        cell(since(key.created_at), theme.dim),
        cell(key.last_seen.map_or_else(|| "never".to_owned(), since), theme.dim),
        cell(short, theme.dim),
    ]
}
