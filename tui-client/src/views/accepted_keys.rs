//! List of the accepted and the revoked keys with all that is known of the chosen one, and revoking it.

use std::cmp::Reverse;

use ratatui::layout::Position;
use topside_shared::Pin;
use topside_shared::methods::{KeyRevoke, KeyRow, KeyState, Keys, KeysList};
use topside_shared::notifications::Notification;

use super::confirm::Confirm;
use crate::app::ask::{self, Ask};
use crate::app::availability::may_administer;
use crate::app::console::Console;
use crate::app::view::{Change, Outcome, View, act, close, open, refuse, stay};
use crate::app::{Effect, State};
use crate::connect::CallError;
use crate::input::actions::Id;
use crate::input::key::Key;
use crate::text::{fit, sanitize, times};
use crate::theme::Theme;
use crate::widgets::canvas::{Canvas, page};
use crate::widgets::filter_list::{FilterList, ListArea, ListKey, Load};
use crate::widgets::row::Row;

/// Columns of a role, and of the word for how a key stands.
const WORD: usize = 8;
/// From this width on each key has its role, its pin and when it was used last.
const WIDE_FROM: usize = 70;
/// From this height on the chosen key has a row for each kind of fact.
const TALL_FROM: u16 = 18;

/// The list.
#[derive(Debug, Default)]
pub(crate) struct AcceptedKeys {
    list: FilterList<Pin>,
    /// Those that may come in first, and of these the newest.
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
            self.list.passes(|| {
                let (state, pin) = (row.state.name(), row.key_id.digits());
                let commands =
                    row.commands.as_ref().map(|names| names.join(" ")).unwrap_or_default();
                format!("{} {} {state} {pin} {commands}", row.name, row.role)
            })
        };
        self.rows.iter().filter(passes).collect()
    }

    fn pins(&self) -> Vec<Pin> {
        self.shown().into_iter().map(|row| row.key_id).collect()
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
        if self.load.answered(refused) { act(request) } else { stay() }
    }
}

impl View for AcceptedKeys {
    fn leaves_colon(&self) -> bool {
        self.list.filter.is_empty()
    }

    fn title(&self, _state: &State) -> String {
        "Keys".to_owned()
    }

    fn key(&mut self, key: Key, state: &State) -> Outcome {
        let pins = self.pins();
        if key.is_ctrl('x') {
            let chosen = self.list.chosen(&pins);
            let row = self.rows.iter().find(|row| Some(row.key_id) == chosen);
            return row.map_or_else(stay, |row| question(state, row));
        }
        match self.list.key(key, &pins, page(state.size)) {
            ListKey::Close => return close(),
            ListKey::Refresh => return act(request),
            ListKey::Filtered => self.list.first(&self.pins()),
            ListKey::Beyond | ListKey::Done => {}
        }
        stay()
    }

    fn paste(&mut self, text: &str, _state: &State) -> Outcome {
        self.list.paste(text);
        self.list.first(&self.pins());
        stay()
    }

    fn wheel(&mut self, rows: i32, _state: &State) {
        self.list.wheel(rows, &self.pins());
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

    fn draw(&self, canvas: &mut Canvas<'_>, state: &State) -> Option<Position> {
        let room = canvas.room();
        let inside = canvas.popup(&self.title(state), room.width, room.height);
        let (buffer, theme) = (&mut *canvas.buffer, &state.theme);
        // With room a blank row parts the facts from the list.
        let (gap, details) = if inside.height >= TALL_FROM { (1, 4) } else { (0, 2) };
        let below = gap + details + 1;
        let list = ListArea::new(&self.list.filter, inside, below, buffer, theme);
        let (shown, at) = (self.shown(), self.list.place(&self.pins()));
        let mut cut = false;
        list.draw((&shown, at), buffer, theme, |row, key, chosen| {
            let whole = draw_key(state, key, chosen, row, theme);
            cut |= chosen && !whole;
        });
        let invite = state.keys.word(Id::MakeInvite);
        let empty = format!("No client may connect over TCP: {invite} changes that.");
        let none = if self.list.filter.is_empty() { &empty } else { "There is no such key." };
        list.standing(&self.load, shown.is_empty().then_some(none), buffer, theme);
        if let Some(key) = shown.get(at) {
            let top = inside.height.saturating_sub(details + 1);
            let room = usize::from(inside.width.saturating_sub(2));
            let name = cut.then(|| key.name.clone());
            let facts: Vec<String> = name.into_iter().chain(facts(state, key)).collect();
            let lines = packed(&facts, room, usize::from(details));
            for (y, line) in (top..top + details).zip(&lines) {
                Row::at(buffer, inside, y).skip(2).left(line, theme.plain);
            }
        }
        let keys = ["Ctrl-X revokes", "F5 reads again", "Esc closes"];
        list.foot((at, shown.len(), false), keys, (buffer, &mut canvas.hits), theme);
        list.cursor
    }
}

/// Whether a key may still come in.
fn is_good(row: &KeyRow) -> bool {
    matches!(row.state, KeyState::Active | KeyState::Invited)
}

/// Whether this session came in by a key.
fn is_own(console: &Console, key: Pin) -> bool {
    console.reached.as_ref().is_some_and(|reached| reached.key == Some(key))
}

/// The clients over TCP of this name: `#4, #9`. The server does not tell clients' keys, only what they are
/// called.
fn connected(console: &Console, name: &str) -> String {
    let rows = console.clients.values();
    let of_name = rows.filter(|row| row.user == name && !row.address.starts_with("pid "));
    of_name.map(|row| row.client_id.to_string()).collect::<Vec<_>>().join(", ")
}

/// All that is known of a key, what matters most first.
fn facts(state: &State, row: &KeyRow) -> Vec<String> {
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

/// Asks whether a key is to be taken away, or says why that cannot be.
fn question(state: &State, row: &KeyRow) -> Outcome {
    if !is_good(row) {
        let state = row.state.name();
        return refuse(format!("{} is {state} already: it is not accepted any more.", row.name));
    }
    if let Err(why) = may_administer(state) {
        return refuse(why);
    }
    let Some(console) = state.console() else { return stay() };
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
                "Its sessions end, and the key is not accepted any more. Connected by this name: {now}."
            ),
        },
    });
    let what = if row.state == KeyState::Invited { "invite" } else { "key" };
    let title = format!("Revoke the {what} of {}?", row.name);
    let (key, name) = (row.key_id, row.name.clone());
    let then = move |state: &mut State| revoke(state, key, &name);
    open(Confirm::choice(title, text, "Revoke", then).of_session())
}

/// Revokes the key that the question was about; the list may have changed since.
fn revoke(state: &mut State, key_id: Pin, name: &str) -> Vec<Effect> {
    if state.session().is_some() {
        state.done(format!("Revoking {name} …"));
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
        Ok(_) => state.done(format!("Revoked {name}; its sessions have ended.")),
        Err(error) => state.refuse(ask::why(&error)),
    }
    if state.has_view::<AcceptedKeys>() { request(state) } else { Vec::new() }
}

/// Facts one behind the other in so many rows, parted between two of them where that is possible; what has no room
/// is cut so that it shows.
fn packed(facts: &[String], room: usize, rows: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for fact in facts {
        match lines.last_mut() {
            Some(line) if fit::width(line) + 3 + fit::width(fact) <= room => {
                line.push_str(" · ");
                line.push_str(fact);
            }
            _ => lines.extend(fit::wrap(fact, room)),
        }
    }
    if lines.len() > rows {
        let rest = lines.split_off(rows.saturating_sub(1)).join(" · ");
        lines.push(fit::cut(&rest, room));
    }
    lines
}

/// Draws one key; whether its name has room.
fn draw_key(state: &State, key: &KeyRow, chosen: bool, row: &mut Row<'_>, theme: &Theme) -> bool {
    let style = match (chosen, is_good(key)) {
        (true, _) => theme.chosen(),
        (false, true) => theme.plain,
        (false, false) => theme.dim,
    };
    if row.room() >= WIDE_FROM {
        let used = key.last_seen.map(|time| times::stamp(time, state.clock.wall, &state.zone));
        row.right(&format!("{:>11}", used.unwrap_or_default()), theme.dim).skip_right(1);
        // All of it stands below the list.
        let pin: String = key.key_id.short().chars().take(9).collect();
        row.right(&pin, theme.dim).skip_right(2);
    }
    let (sign, look) = match key.state {
        KeyState::Active => ("✓ ", theme.good),
        KeyState::Invited => ("… ", theme.dim),
        _ => ("✗ ", theme.dim),
    };
    row.right(&format!("{:<WORD$}", key.state.name()), theme.dim).right(sign, look).skip_right(1);
    row.right(&format!("{:<WORD$}", key.role.name()), theme.dim).skip_right(1);
    let whole = fit::width(&key.name) <= row.room();
    row.left(&key.name, style);
    if key.commands.is_some() {
        row.skip(1).left("limited", theme.dim);
    }
    whole
}
