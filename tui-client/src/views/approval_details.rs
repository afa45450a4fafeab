//! Details of a run that waits for approval; a user who may decide does so here too.

use ratatui::layout::Position;
use topside_shared::RunId;
use topside_shared::command::Effect as Harm;
use topside_shared::records::ApprovalRow;

use super::approvals::{AT_YES, decision, pending, question};
use crate::app::State;
use crate::app::view::{Outcome, View, close, refuse, replace, stay};
use crate::input::key::Key;
use crate::text::times;
use crate::widgets::canvas::Canvas;
use crate::widgets::facts::{Fact, Facts, FactsKey};

#[derive(Debug)]
pub(super) struct ApprovalDetails {
    run: RunId,
    may_decide: bool,
    facts: Vec<Fact>,
    scroll: Facts,
}

impl ApprovalDetails {
    pub(super) fn new(row: &ApprovalRow, state: &State) -> Self {
        let ApprovalRow { run_id: run, may_decide, .. } = *row;
        Self { run, may_decide, facts: facts(row, state), scroll: Facts::default() }
    }
}

impl View for ApprovalDetails {
    fn leaves_signs(&self) -> bool {
        true
    }

    fn title(&self, _state: &State) -> String {
        "Approval".to_owned()
    }

    fn key(&mut self, key: Key, state: &State) -> Outcome {
        if let Some(decision) = decision(key).filter(|_| key.typed().is_some()) {
            return match pending(state).and_then(|pending| pending.get(self.run)) {
                Some(row) => question(row, decision, state).map_or_else(refuse, replace),
                None => refuse(format!("Run {} does not wait for approval any more.", self.run)),
            };
        }
        match self.scroll.key(key, &self.facts, state.view_size()) {
            FactsKey::Close => close(),
            FactsKey::Refresh | FactsKey::Scrolled | FactsKey::Passed => stay(),
        }
    }

    fn wheel(&mut self, rows: i32, state: &State) {
        self.scroll.wheel(rows, &self.facts, state.view_size());
    }

    fn draw(&self, canvas: &mut Canvas<'_>, state: &State) -> Option<Position> {
        let keys: &[&str] = match self.may_decide {
            true => &["y approve", "n refuse", "Esc back"],
            false => &["Esc back"],
        };
        self.scroll.draw(&self.title(state), &self.facts, keys, canvas);
        None
    }
}

fn facts(row: &ApprovalRow, state: &State) -> Vec<Fact> {
    let at = |time| times::full_since(time, state.clock.wall, &state.zone);
    let effect = match row.effect {
        Harm::Read => "reads",
        Harm::Write => "makes a change that can be undone",
        Harm::Destructive => "makes a change that cannot be undone",
    };
    let mut facts = vec![
        ("run", row.run_id.to_string()),
        ("line", row.line.clone()),
        ("command", format!("{} · {effect}", row.title)),
    ];
    facts.extend(row.confirm.clone().map(|question| ("question", question)));
    facts.push(("who asks", row.called(state.own_client())));
    facts.extend(row.key_id.map(|key| ("key", key.short().to_string())));
    facts.extend(row.reason.clone().map(|reason| ("reason", reason)));
    facts.push(("since", at(row.since)));
    facts.extend(row.approval.expires_at.map(|time| ("expires", time.to_second(&state.zone))));
    facts.push(("at yes", AT_YES.to_owned()));
    let role = row.approval.role;
    facts.push((
        "decides",
        match row.may_decide {
            true => format!("you, or another user with the role {role}"),
            false => format!("another user with the role {role}"),
        },
    ));
    facts
}
