//! Outcomes of boxes, and groups of boxes with equal ones.

use std::collections::VecDeque;
use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher as _, Hasher as _};

use topside_shared::RunId;
use topside_shared::methods::BuiltinAnswer;
use topside_shared::records::{RunRow, RunState};
use topside_shared::text::bytes as size;

use crate::connect::CallError;

#[derive(Debug)]
pub(crate) enum Outcome {
    /// The run has ended, or the built-in has answered.
    Ended(Box<EndedCommand>),
    /// The request was not sent: it does not fit the box.
    Rejected(Rejection),
    /// The server refused the request, or the session ended first.
    Failed {
        error: CallError,
        /// Why the session ended, where it did.
        lost: Option<String>,
    },
    /// The run was not waited for any more.
    Abandoned { run: Option<RunId> },
    /// No session was possible: why.
    Unreachable(String),
    /// Nothing was sent.
    NotStarted(NotStarted),
}

/// A command that has ended, with its output.
#[derive(Debug)]
pub(crate) struct EndedCommand {
    pub(crate) result: CommandEnd,
    pub(crate) stdout: Captured,
    pub(crate) stderr: Captured,
    /// Why it was cancelled from here, where it was.
    pub(crate) cut: Option<Cut>,
}

#[derive(Debug)]
pub(crate) enum CommandEnd {
    Run(Box<RunRow>),
    /// The answer of a built-in, without its output.
    Answer(BuiltinAnswer),
}

impl EndedCommand {
    /// The run; a built-in has none.
    pub(crate) fn row(&self) -> Option<&RunRow> {
        match &self.result {
            CommandEnd::Run(row) => Some(row),
            CommandEnd::Answer(_) => None,
        }
    }

    /// The state, the exit status and the signal.
    pub(crate) fn end(&self) -> (RunState, Option<i32>, Option<i32>) {
        match &self.result {
            CommandEnd::Run(row) => (row.state, row.exit_code, row.signal),
            CommandEnd::Answer(answer) => (answer.state, Some(answer.exit_code), None),
        }
    }

    pub(crate) fn has_succeeded(&self) -> bool {
        self.end().0 == RunState::Succeeded
    }
}

/// Why a run was cancelled from here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cut {
    /// The user cancelled the command everywhere.
    Cancelled,
    /// It took longer than the time limit of the caller.
    Timeout,
}

/// Why a request cannot be made for a box.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Rejection {
    /// The exit status of `topside run` on that box alone.
    pub(crate) status: u8,
    pub(crate) sentence: String,
}

/// Why nothing was sent to a box.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NotStarted {
    /// As many boxes had failed as may fail.
    TooManyFailed,
    /// The user cancelled before its turn.
    Cancelled,
    /// The user did not confirm.
    NotConfirmed,
    /// The box's menu was changed after the check: the command has to be confirmed now.
    MenuChanged,
}

/// How boxes stand, in the order in which they are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum OutcomeKind {
    Succeeded,
    /// The run ended otherwise, or its end is not known.
    Failed,
    /// The box or the client refused the command.
    Refused,
    Unreachable,
    NotStarted,
}

impl Outcome {
    /// How the box stands.
    pub(crate) fn standing(&self) -> OutcomeKind {
        match self {
            Self::Ended(run) if run.has_succeeded() => OutcomeKind::Succeeded,
            Self::Ended(_)
            | Self::Abandoned { .. }
            | Self::Failed { error: CallError::Lost, .. } => OutcomeKind::Failed,
            Self::Rejected(_) | Self::Failed { .. } => OutcomeKind::Refused,
            Self::Unreachable(_) => OutcomeKind::Unreachable,
            Self::NotStarted(_) => OutcomeKind::NotStarted,
        }
    }

    /// The end of the command in a word or two; empty where it succeeded.
    pub(crate) fn state_words(&self) -> String {
        match self {
            Self::Ended(run) if run.has_succeeded() => String::new(),
            Self::Ended(run) if run.cut == Some(Cut::Timeout) => {
                "took longer than --timeout".to_owned()
            }
            Self::Ended(run) => {
                let (state, exit_code, signal) = run.end();
                state.outcome(exit_code, signal, None)
            }
            Self::Rejected(_) => "refused".to_owned(),
            Self::Failed { .. } if self.standing() == OutcomeKind::Failed => {
                "session lost".to_owned()
            }
            Self::Failed { .. } => "refused".to_owned(),
            Self::Abandoned { .. } => "not waited for".to_owned(),
            Self::Unreachable(_) => "not reached".to_owned(),
            Self::NotStarted(_) => "not started".to_owned(),
        }
    }

    /// Why the box did not run it to its end, in a sentence; empty where it did.
    pub(crate) fn reason(&self) -> String {
        match self {
            Self::Ended(_) => String::new(),
            Self::Rejected(rejection) => rejection.sentence.clone(),
            Self::Failed { error: CallError::Lost, lost } => {
                let why = lost.as_deref().unwrap_or("the session ended");
                format!("{why}; whether the command went on is not known")
            }
            Self::Failed { error, .. } => error.to_string(),
            Self::Abandoned { .. } => "was not waited for any more; it may still run".to_owned(),
            Self::Unreachable(why) => why.clone(),
            Self::NotStarted(why) => match why {
                NotStarted::TooManyFailed => "as many boxes had failed as --max-fail allows",
                NotStarted::Cancelled => "it was cancelled before",
                NotStarted::NotConfirmed => "it was not confirmed",
                NotStarted::MenuChanged => {
                    "the menu was changed meanwhile, and the command has to be confirmed now: run it again"
                }
            }
            .to_owned(),
        }
    }

    /// Notes on the box of this name, not on its group.
    pub(crate) fn notes(&self, name: &str) -> Vec<String> {
        match self {
            Self::Ended(run) => {
                let Some(row) = run.row() else { return Vec::new() };
                let missing = run.stdout.missing() + run.stderr.missing();
                let cut = (missing > 0).then(|| {
                    format!(
                        "the first {} of the output are not shown: `topside attach --on {name} {}` shows all",
                        size(missing),
                        row.run_id.0
                    )
                });
                let by = row.cancelled().filter(|_| run.cut.is_none());
                let left = row.left().map(|left| format!("{left} after run {}", row.run_id));
                [cut, by, row.cut(), left].into_iter().flatten().collect()
            }
            Self::Abandoned { run: Some(run) } => {
                let cancel = format!("`topside cancel --on {name} {}` ends it", run.0);
                vec![format!("run {run} may still be running: {cancel}")]
            }
            _ => Vec::new(),
        }
    }

    /// Whether two boxes did the same: state, exit status and output, or the same reason.
    fn is_like(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Ended(a), Self::Ended(b)) => {
                (a.end(), a.cut) == (b.end(), b.cut) && a.stdout == b.stdout && a.stderr == b.stderr
            }
            (Self::Rejected(a), Self::Rejected(b)) => a == b,
            (Self::Failed { error: a, lost: why }, Self::Failed { error: b, lost: other }) => {
                a.to_string() == b.to_string() && why == other
            }
            (Self::Abandoned { .. }, Self::Abandoned { .. }) => true,
            (Self::Unreachable(a), Self::Unreachable(b)) => a == b,
            (Self::NotStarted(a), Self::NotStarted(b)) => a == b,
            _ => false,
        }
    }
}

/// Boxes that did the same, by their index in the selection; never empty.
#[derive(Debug)]
pub(crate) struct Group<'o> {
    pub(crate) boxes: Vec<usize>,
    pub(crate) outcome: &'o Outcome,
}

impl Group<'_> {
    /// How many boxes it has, and how they stand.
    pub(crate) fn label(&self) -> String {
        let (count, state) = (self.boxes.len(), self.outcome.state_words());
        let alike =
            if count > 1 && matches!(self.outcome, Outcome::Ended(_)) { " alike" } else { "" };
        let comma = if state.is_empty() || alike.is_empty() { "" } else { "," };
        let state = if state.is_empty() { state } else { format!(" {state}") };
        format!("{count}{alike}{comma}{state}")
    }
}

/// Groups boxes that did the same: those that succeeded first, then by size, then by the first box.
pub(crate) fn group<'o>(outcomes: impl Iterator<Item = (usize, &'o Outcome)>) -> Vec<Group<'o>> {
    let mut groups: Vec<Group<'o>> = Vec::new();
    for (index, outcome) in outcomes {
        match groups.iter_mut().find(|group| group.outcome.is_like(outcome)) {
            Some(group) => group.boxes.push(index),
            None => groups.push(Group { boxes: vec![index], outcome }),
        }
    }
    groups.sort_by_key(|group| {
        (
            group.outcome.standing(),
            std::cmp::Reverse(group.boxes.len()),
            group.boxes.first().copied(),
        )
    });
    groups
}

/// Output of one stream: its last bytes up to a limit, and a hash of those before them.
///
/// The hash makes two long outputs comparable of which only the end is kept.
#[derive(Debug)]
pub(crate) struct Captured {
    tail: VecDeque<u8>,
    limit: usize,
    /// All bytes that came.
    total: u64,
    /// Bytes that the server did not send.
    skipped: u64,
    cut: std::hash::DefaultHasher,
}

impl Captured {
    /// Keeps `limit` bytes. Outputs are comparable if their hashers have the same keys.
    pub(super) fn new(limit: usize, keys: &RandomState) -> Self {
        Self { tail: VecDeque::new(), limit, total: 0, skipped: 0, cut: keys.build_hasher() }
    }

    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.total += bytes.len() as u64;
        self.tail.extend(bytes);
        let over = self.tail.len().saturating_sub(self.limit);
        // One by one: a hasher may give another value if the same bytes come in other pieces.
        self.tail.drain(..over).for_each(|byte| self.cut.write_u8(byte));
    }

    pub(super) fn skip(&mut self, bytes: u64) {
        self.skipped += bytes;
    }

    /// How many bytes came that are not kept, or did not come.
    pub(crate) fn missing(&self) -> u64 {
        self.total - self.tail.len() as u64 + self.skipped
    }

    /// What is kept.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let (begin, end) = self.tail.as_slices();
        [begin, end].concat()
    }
}

impl PartialEq for Captured {
    fn eq(&self, other: &Self) -> bool {
        let parts = |output: &Self| (output.total, output.skipped, output.cut.finish());
        parts(self) == parts(other) && self.tail == other.tail
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_outputs_are_alike_only_if_all_their_bytes_are_equal() {
        let keys = RandomState::new();
        let captured = |pieces: &[&[u8]]| {
            let mut output = Captured::new(4, &keys);
            pieces.iter().for_each(|piece| output.push(piece));
            output
        };
        let whole = captured(&[b"0123456789"]);
        assert_eq!((whole.bytes(), whole.missing()), (b"6789".to_vec(), 6));
        assert_eq!(whole, captured(&[b"01", b"2345", b"", b"6789"]));
        assert_ne!(whole, captured(&[b"x123456789"]));
        assert_ne!(whole, captured(&[b"6789"]));
        let short = captured(&[b"6789"]);
        assert_eq!((short.bytes(), short.missing()), (b"6789".to_vec(), 0));
    }

    #[test]
    fn groups_are_those_that_succeeded_first_then_the_larger_then_in_the_order_of_the_boxes() {
        let unreachable = |why: &str| Outcome::Unreachable(why.to_owned());
        let rejected = |sentence: &str| {
            Outcome::Rejected(Rejection { status: 127, sentence: sentence.to_owned() })
        };
        let outcomes = [
            unreachable("away"),
            rejected("one"),
            Outcome::NotStarted(NotStarted::TooManyFailed),
            rejected("two"),
            unreachable("away"),
            rejected("two"),
            rejected("three"),
        ];
        let groups = group(outcomes.iter().enumerate());
        let boxes: Vec<&[usize]> = groups.iter().map(|group| &group.boxes[..]).collect();
        assert_eq!(boxes, [&[3, 5][..], &[1], &[6], &[0, 4], &[2]]);
    }
}
