//! Header of a block: the command and its state.

use serde_json::{Map, Value};
use topside_shared::records::{RunRow, RunState};
use topside_shared::{RunId, Time};

use crate::app::Clock;

/// A block's header.
#[derive(Debug, Clone)]
pub(crate) struct Info {
    /// The block's number in the pane.
    pub(crate) id: u64,
    /// The line as it was typed; for a note, its words.
    pub(crate) line: String,
    /// The command's own name and its arguments as a row shows them, for finding the run that belongs to it.
    pub(crate) command: String,
    pub(super) args: Map<String, Value>,
    /// The block that its command was sent for, which the answer names; none: its own.
    pub(super) request: Option<u64>,
    pub(crate) at: Time,
    /// The same by the monotonic clock.
    pub(crate) began: u64,
    pub(crate) run: Option<RunId>,
    /// Whether it was sent from here: what was only looked at is never cancelled by Ctrl-C.
    pub(crate) sent: bool,
    /// Whether it is this person's own run.
    pub(crate) own: bool,
    pub(crate) phase: Phase,
    /// Who cancelled it, in words.
    pub(crate) cancelled: Option<String>,
    /// Bytes of its output that came, those that were skipped included; and whether any were skipped.
    pub(crate) received: u64,
    pub(crate) skipped: bool,
    /// How much output it has in all, once it has ended.
    pub(crate) bytes: Option<u64>,
}

impl Info {
    /// A note of the screen's own; what is sent or looked at says more.
    pub(super) fn note(id: u64, line: &str, clock: Clock) -> Self {
        Self {
            id,
            line: line.to_owned(),
            command: String::new(),
            args: Map::new(),
            request: None,
            at: clock.wall,
            began: clock.mono,
            run: None,
            sent: false,
            own: false,
            phase: Phase::Note,
            cancelled: None,
            received: 0,
            skipped: false,
            bytes: None,
        }
    }
}

/// How a command stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Sent, not yet heard of.
    Sent,
    /// It waits for its turn; its block says for what.
    Queued {
        place: u64,
        cancelling: bool,
    },
    /// It runs.
    Running {
        cancelling: bool,
    },
    /// It has ended, but its output is still on its way.
    Reading,
    /// The link went down under it; the next session takes it up where it was.
    CutOff,
    Ended {
        state: RunState,
        exit: Option<i32>,
        signal: Option<i32>,
        ms: u64,
    },
    /// It did not run; the block says why.
    Refused,
    /// The connection was lost first: the result is unknown.
    Unknown,
    /// No command: a word of the screen's own.
    Note,
}

impl Phase {
    pub(crate) fn is_live(self) -> bool {
        matches!(self, Self::Sent | Self::Queued { .. } | Self::Running { .. } | Self::Reading)
    }

    /// Whether more may come of it, in this session or the next.
    pub(super) fn is_open(self) -> bool {
        self.is_live() || self == Self::CutOff
    }

    /// How a run of the server's list stands.
    pub(crate) fn of(row: &RunRow) -> Self {
        match row.state {
            RunState::Queued => Self::Queued { place: row.place.unwrap_or(1), cancelling: false },
            RunState::Running => Self::Running { cancelling: false },
            _ => Self::end(row, 0),
        }
    }

    /// Whether it runs or waits, and is not being cancelled.
    pub(super) fn can_be_cancelled(mut self) -> bool {
        self.cancelling().is_some_and(|cancelling| !*cancelling)
    }

    /// Whether it is being ended, of what goes on or waits.
    pub(super) fn cancelling(&mut self) -> Option<&mut bool> {
        match self {
            Self::Queued { cancelling, .. } | Self::Running { cancelling } => Some(cancelling),
            _ => None,
        }
    }

    pub(super) fn end(row: &RunRow, or_ms: u64) -> Self {
        Self::Ended {
            state: row.state,
            exit: row.exit_code,
            signal: row.signal,
            ms: row.duration_ms.unwrap_or(or_ms),
        }
    }
}
