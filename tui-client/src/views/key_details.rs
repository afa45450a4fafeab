//! One key in full.

use ratatui::layout::Position;
use topside_shared::methods::KeyRow;

use super::accepted_keys::{connected, is_good, is_own, question, refresh};
use crate::app::State;
use crate::app::availability::may_administer;
use crate::app::view::{Change, Outcome, View, act, close, stay};
use crate::input::key::Key;
use crate::text::times;
use crate::widgets::canvas::Canvas;
use crate::widgets::facts::{Fact, Facts, FactsKey};

#[derive(Debug)]
pub(crate) struct KeyDetails {
    row: KeyRow,
    scroll: Facts,
}

impl KeyDetails {
    pub(super) fn new(row: KeyRow) -> Self {
        Self { row, scroll: Facts::default() }
    }

    /// Takes the row of the list, where that was read again.
    pub(super) fn update(&mut self, rows: &[KeyRow]) {
        if let Some(row) = rows.iter().find(|row| row.key_id == self.row.key_id) {
            self.row = row.clone();
        }
    }
}

impl View for KeyDetails {
    fn leaves_signs(&self) -> bool {
        true
    }

    fn title(&self, _state: &State) -> String {
        self.row.name.clone()
    }

    fn key(&mut self, key: Key, state: &State) -> Outcome {
        match self.scroll.key(key, &facts(state, &self.row), state.view_size()) {
            FactsKey::Close => close(),
            FactsKey::Refresh => act(refresh),
            FactsKey::Passed if key.is_ctrl('x') => question(state, &self.row),
            FactsKey::Scrolled | FactsKey::Passed => stay(),
        }
    }

    fn wheel(&mut self, rows: i32, state: &State) {
        self.scroll.wheel(rows, &facts(state, &self.row), state.view_size());
    }

    fn change(&mut self, change: &Change<'_>, _state: &State) -> Outcome {
        if let Change::SessionEnded(_) = change { close() } else { stay() }
    }

    fn draw(&self, canvas: &mut Canvas<'_>, state: &State) -> Option<Position> {
        let may_revoke = is_good(&self.row) && may_administer(state).is_ok();
        let revoke = may_revoke.then_some("Ctrl-X revoke");
        let keys: Vec<&str> = revoke.into_iter().chain(["r refresh", "Esc back"]).collect();
        self.scroll.draw(&self.title(state), &facts(state, &self.row), &keys, canvas);
        None
    }
}

/// All that is known of a key, what matters most first.
fn facts(state: &State, row: &KeyRow) -> Vec<Fact> {
    let at = |time| times::full_since(time, state.clock.wall, &state.zone);
    let role = if row.agent { format!("{} · agent", row.role) } else { row.role.to_string() };
    let mut facts = vec![("state", row.state.name().to_owned()), ("role", role)];
    if let Some(console) = state.console() {
        if is_own(console, row.key_id) {
            facts.push(("connected", "you are connected by it".to_owned()));
        }
        let now = connected(console, &row.name);
        if is_good(row) && !now.is_empty() {
            facts.push(("clients", format!("connected as {now}")));
        }
    }
    facts.push((
        "commands",
        match &row.commands {
            Some(names) => format!("may run {} only", names.join(", ")),
            None => "all commands allowed for its role".to_owned(),
        },
    ));
    facts.push(("last used", row.last_seen.map_or_else(|| "never used".to_owned(), at)));
    facts.push(("added", at(row.created_at)));
    let until = row.expires_at.map(|time| times::full(time, &state.zone));
    facts.extend(until.map(|time| ("good until", time)));
    facts.push(("key", row.key_id.to_string()));
    facts
}
