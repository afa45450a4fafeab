//! Header of a block: the command and its state.

use serde_json::{Map, Value};
use topside_shared::records::{RunRow, RunState};
use topside_shared::{RunId, Time};

use crate::app::clock::Clock;

#[derive(Debug, Clone)]
pub(crate) struct Info {
    /// The number of the block in the pane.
    pub(crate) id: u64,
    /// The line as it was typed; for a note, its title.
    pub(crate) line: String,
    /// The command and its arguments as a row shows them; they identify its run.
    pub(crate) command: String,
    pub(super) args: Map<String, Value>,
    /// The block that made the request, which the answer names; none: this one.
    pub(super) request: Option<u64>,
    pub(crate) at: Time,
    /// When it began, by the monotonic clock.
    pub(crate) began: u64,
    pub(crate) run: Option<RunId>,
    /// Whether it was sent from here: Ctrl-C cancels no other run.
    pub(crate) sent: bool,
    /// Whether it is a run of this user.
    pub(crate) own: bool,
    pub(crate) phase: Phase,
    /// While it waits for approval: when that expires, by the monotonic clock.
    pub(crate) approval_ends: Option<u64>,
    /// Who cancelled it.
    pub(crate) cancelled: Option<String>,
    /// Bytes of its output so far, skipped ones included; and whether any were skipped.
    pub(crate) received: u64,
    pub(crate) skipped: bool,
    /// Bytes of its whole output, once it has ended.
    pub(crate) bytes: Option<u64>,
}

impl Info {
    /// A note of the client.
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
            approval_ends: None,
            cancelled: None,
            received: 0,
            skipped: false,
            bytes: None,
        }
    }
}

/// State of a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Sent, without an answer or notification so far.
    Sent,
    /// Queued; its block says why.
    Queued {
        /// 0 while it waits for approval.
        place: u64,
        cancelling: bool,
    },
    Running {
        cancelling: bool,
    },
    /// It has ended, but its output is still on its way.
    Reading,
    /// The session ended; the next one continues it.
    CutOff,
    Ended {
        state: RunState,
        exit: Option<i32>,
        signal: Option<i32>,
        ms: u64,
    },
    /// It did not run; the block says why.
    Refused,
    Unknown,
    /// A note of the client, without a command.
    Note,
}

impl Phase {
    pub(crate) fn is_live(self) -> bool {
        matches!(self, Self::Sent | Self::Queued { .. } | Self::Running { .. } | Self::Reading)
    }

    /// Whether more may come, in this session or the next.
    pub(super) fn is_open(self) -> bool {
        self.is_live() || self == Self::CutOff
    }

    /// The state of a run in the list of the server.
    pub(crate) fn of(row: &RunRow) -> Self {
        match row.state {
            RunState::Queued if row.awaits_approval() => {
                Self::Queued { place: 0, cancelling: false }
            }
            RunState::Queued => Self::Queued { place: row.place.unwrap_or(1), cancelling: false },
            RunState::Running => Self::Running { cancelling: false },
            _ => Self::end(row, 0),
        }
    }

    /// Whether it is active or queued, and is not being cancelled.
    pub(super) fn can_be_cancelled(mut self) -> bool {
        self.cancelling().is_some_and(|cancelling| !*cancelling)
    }

    /// Whether an active or queued run is being cancelled.
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
