//! List of the runs that wait for approval. A user who may decide approves or refuses them from here.

use ratatui::layout::Position;
use topside_shared::RunId;
use topside_shared::methods::{ApprovalDecide, Decision};
use topside_shared::records::ApprovalRow;
use topside_shared::tables;

use super::approval_details::ApprovalDetails;
use super::confirm::Confirm;
use super::list_view::ListView;
use crate::app::console::approvals::{self, PendingApprovals};
use crate::app::view::{Change, HelpKeys, Outcome, act, open, refuse, stay};
use crate::app::{Effect, State};
use crate::input::actions::Id;
use crate::input::key::{Code, Key};
use crate::text::times;
use crate::theme::Theme;
use crate::widgets::canvas::Canvas;
use crate::widgets::list::{Cell, Column, Line, List, ListHints, Table, cell};

const COLUMNS: &[Column] = &[
    Column::new("RUN", 6),
    Column::rest("COMMAND LINE"),
    Column::new("WHO ASKS", 20).from(50),
    Column::new("ROLE", 8).from(78),
    Column::new("LEFT", 9),
];

/// What an approval does, for a user who has never seen one.
pub(super) const AT_YES: &str = "It starts once, with these arguments.";

/// The list. Its rows are those of the console.
#[derive(Debug, Default)]
pub(crate) struct ApprovalsView(List<RunId>);

pub(crate) fn open_list(state: &mut State) -> Vec<Effect> {
    state.open(ApprovalsView::default());
    approvals::ask(state)
}

pub(super) fn pending(state: &State) -> Option<&PendingApprovals> {
    state.console().map(|console| &console.approvals)
}

impl ApprovalsView {
    fn shown<'s>(&self, state: &'s State) -> Vec<&'s ApprovalRow> {
        let passes = |row: &&ApprovalRow| {
            self.0.passes(|| format!("{} {} {}", row.run_id, row.line, row.asker()))
        };
        pending(state).map_or(&[][..], PendingApprovals::rows).iter().filter(passes).collect()
    }

    fn chosen_row<'s>(&self, state: &'s State) -> Option<&'s ApprovalRow> {
        let id = self.chosen(state)?;
        pending(state)?.get(id)
    }
}

fn ids(rows: &[&ApprovalRow]) -> Vec<RunId> {
    rows.iter().map(|row| row.run_id).collect()
}

/// The decision that a key stands for.
pub(super) fn decision(key: Key) -> Option<Decision> {
    match key.code {
        Code::Char('y') => Some(Decision::Approve),
        Code::Char('n') => Some(Decision::Refuse),
        _ => None,
    }
}

/// The question whether to approve or refuse a run, with a field for the reason.
///
/// # Errors
/// This user may not decide, as a sentence.
pub(super) fn question(
    row: &ApprovalRow,
    decision: Decision,
    state: &State,
) -> Result<Confirm, String> {
    if !row.may_decide {
        return Err(format!(
            "Another user with the role {} must decide about run {}.",
            row.approval.role, row.run_id
        ));
    }
    let (verb, yes) = match decision {
        Decision::Approve => ("Approve", "Approve"),
        Decision::Refuse => ("Refuse", "Refuse"),
    };
    let title = format!("{verb} run {} of {}?", row.run_id, row.called(state.own_client()));
    let mut text = vec![row.line.clone()];
    text.extend(row.confirm.clone());
    if decision == Decision::Approve {
        text.push(AT_YES.to_owned());
    }
    let (run_id, reader) = (row.run_id, row.user.clone());
    let then = move |state: &mut State, reason: &str| {
        let reason = Some(reason.trim().to_owned()).filter(|reason| !reason.is_empty());
        let decide = ApprovalDecide { run_id, decision, reason };
        state.ask_and_say(&decide, |row| tables::approval_decided(&row))
    };
    Ok(Confirm::reason(title, text, reader, yes, then).of_session())
}

impl ListView for ApprovalsView {
    type Row = RunId;

    fn title(&self, _state: &State) -> String {
        "Approvals".to_owned()
    }

    fn opened_by(&self) -> Option<Id> {
        Some(Id::Approvals)
    }

    fn list(&self) -> &List<RunId> {
        &self.0
    }

    fn list_mut(&mut self) -> &mut List<RunId> {
        &mut self.0
    }

    fn rows(&self, state: &State) -> Vec<RunId> {
        ids(&self.shown(state))
    }

    fn enter(&mut self, state: &State) -> Outcome {
        let row = self.chosen_row(state);
        row.map_or_else(stay, |row| open(ApprovalDetails::new(row, state)))
    }

    fn own_keys(&self) -> Vec<HelpKeys> {
        vec![("y n", "Approve or refuse the run")]
    }

    fn other_key(&mut self, key: Key, state: &State) -> Outcome {
        let Some(row) = self.chosen_row(state) else { return stay() };
        let Some(decision) = decision(key) else { return stay() };
        question(row, decision, state).map_or_else(refuse, open)
    }

    fn refresh(&mut self, _state: &State) -> Outcome {
        act(approvals::ask)
    }

    fn change(&mut self, change: &Change<'_>, _state: &State) -> Outcome {
        match change {
            Change::SessionBegan => act(approvals::ask),
            _ => stay(),
        }
    }

    fn next_tick(&self, state: &State) -> Option<u64> {
        let pending = pending(state)?;
        let left = pending.rows().iter().filter_map(|row| pending.left(row, state.clock.mono));
        left.map(times::countdown_changes_in).min()
    }

    fn draw(&self, canvas: &mut Canvas<'_>, state: &State) -> Option<Position> {
        let pending = pending(state)?;
        let room = canvas.room();
        let inside = canvas.popup(&ListView::title(self, state), room.width, room.height);
        let shown = self.shown(state);
        let at = self.0.place(&ids(&shown));
        let may_decide = shown.get(at).is_some_and(|row| row.may_decide);
        let table = Table {
            columns: COLUMNS,
            load: &pending.load,
            empty: "No run waits for approval.",
            below: 0,
            beside: 0,
            hints: ListHints {
                row: match may_decide {
                    true => &["y approve", "n refuse", "Enter details"],
                    false => &["Enter details"],
                },
                list: &["r refresh"],
                more: false,
            },
        };
        let height = |row: &&ApprovalRow| 1 + usize::from(row.confirm.is_some());
        self.0.draw_rows(&table, (&shown, at, &height), inside, canvas, |row, chosen, theme| {
            lines(row, pending, state, chosen, theme)
        })
    }
}

fn lines(
    row: &ApprovalRow,
    pending: &PendingApprovals,
    state: &State,
    chosen: bool,
    theme: &Theme,
) -> Vec<Line> {
    let style = match (chosen, row.may_decide) {
        (true, _) => theme.chosen(),
        (false, true) => theme.plain,
        (false, false) => theme.dim,
    };
    let left = pending.left(row, state.clock.mono).map_or_else(String::new, times::countdown);
    let who = if row.agent { theme.warning } else { theme.dim };
    let cells: Vec<Cell> = vec![
        cell(row.run_id.to_string(), style),
        cell(row.line.clone(), style),
        cell(row.asker(), who),
        cell(row.approval.role.name(), theme.dim),
        cell(left, theme.dim),
    ];
    let question = row.confirm.clone().map(|question| {
        let indent = (" ".repeat(8).into(), theme.dim);
        Line::Over(vec![indent, (question.into(), theme.dim)])
    });
    std::iter::once(Line::Cells(cells)).chain(question).collect()
}
