//! A run's row and state, and the words for both.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::queue_reason::{self, QueueReason};
use super::{ApprovalState, RunApproval};
use crate::ids::{ClientId, RunId};
use crate::time::Time;
use crate::{signals, text};

wire_enum! {
    /// The state of a run.
    pub enum RunState {
        /// It waits for its turn; nothing was started yet.
        Queued = "queued",
        /// It is running.
        Running = "running",
        /// It ended with exit status 0.
        Succeeded = "succeeded",
        /// It ended with another exit status, or by a signal that the server did not send.
        Failed = "failed",
        /// It was cancelled by a user, or by the shutdown of the server.
        Cancelled = "cancelled",
        /// It exceeded its time limit.
        TimedOut = "timedOut",
        /// The server died while it was running.
        Lost = "lost",
    }
}

impl RunState {
    /// Whether it has ended.
    pub fn ended(self) -> bool {
        !matches!(self, Self::Queued | Self::Running)
    }

    /// For people.
    pub fn words(self) -> &'static str {
        if self == Self::TimedOut { "timed out" } else { self.name() }
    }

    /// How a run in this state ended, with its exit status or signal and how long it took: `exit 3`, `killed by
    /// SIGKILL`, `timed out after 20 m 00 s`, `lost: the server died`.
    pub fn outcome(self, exit: Option<i32>, signal: Option<i32>, ms: Option<u64>) -> String {
        match (self, exit, signal, ms) {
            (Self::Failed, Some(code), ..) => format!("exit {code}"),
            (Self::Failed, None, Some(signal), _) => format!("killed by {}", signals::name(signal)),
            (Self::TimedOut, .., Some(ms)) => format!("timed out after {}", text::duration(ms)),
            (Self::Lost, ..) => "lost: the server died".to_owned(),
            (state, ..) => state.words().to_owned(),
        }
    }
}

/// What follows the user in [`RunRow::ended_by`] where a shutdown of the server has ended the run.
pub const BY_SHUTDOWN: &str = ": the server shut down";

/// One execution of a command.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RunRow {
    /// Its number.
    pub run_id: RunId,
    /// The command's name, never an alias.
    pub command: String,
    /// Values by argument name, defaults filled in.
    pub args: Map<String, Value>,
    /// Who started it.
    pub user: String,
    /// How that user connected: `key` over TCP, `local` on the local socket; absent from older servers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<Cow<'static, str>>,
    /// From which connection.
    pub client_id: ClientId,
    /// Why it was started, in the words of its user.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The run that started it by its success (`then`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub caused_by: Option<RunId>,
    /// The approval that it needs or needed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approval: Option<RunApproval>,
    /// Its state; `queued` while it waits for approval.
    pub state: RunState,
    /// While it is queued: 1 for the run that is next among those that need the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<u64>,
    /// While it is queued: what it cannot have yet.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub waits_for: Vec<QueueReason>,
    /// When it started; of one that was not started, when it was asked for.
    pub started_at: Time,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Time>,
    /// How long it took from its start, in milliseconds by the monotonic clock; none where it was not started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration_ms: Option<u64>,
    /// The program's exit status; 0 or 1 for a worker; none where a signal ended it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit_code: Option<i32>,
    /// The signal that ended it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signal: Option<i32>,
    /// Who cancelled it, by user and connection: `ann (#7)`, with [`BY_SHUTDOWN`] behind it where it was a shutdown of the
    /// server; absent if neither ended it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_by: Option<String>,
    /// Bytes of output so far, both streams.
    pub bytes: u64,
    /// Where `max_output` cut the stored output: the number of bytes kept from the beginning.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cut_at: Option<u64>,
    /// The numbers of its processes that live on after its end; most often none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub escaped: Vec<u32>,
    /// Its results: files that `run/file` returns.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<ResultFile>,
}

/// A file that a run has made, and the server keeps with the run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResultFile {
    /// Its path below the directory of the run, such as `out/days.csv`.
    pub name: String,
    /// Bytes.
    pub size: u64,
    /// The SHA-256 of its content, in 64 lower-case hex digits.
    pub sha256: String,
}

impl RunRow {
    /// Which of its processes live on, in words; none unless it has ended and some do.
    pub fn left(&self) -> Option<String> {
        let pids: Vec<String> = self.escaped.iter().map(u32::to_string).collect();
        let (which, goes) = match pids.len() {
            0 => return None,
            1 => ("process", "goes"),
            _ => ("processes", "go"),
        };
        Some(format!("{which} {} {goes} on", pids.join(", ")))
    }

    /// That `max_output` cut its output, in words; none where it did not.
    pub fn cut(&self) -> Option<String> {
        let kept = self.cut_at?;
        Some(format!("only the first {kept} bytes of its output are kept, as max_output says"))
    }

    /// That a client cancelled it, and which; none where it ended otherwise.
    pub fn cancelled(&self) -> Option<String> {
        let by = self.ended_by.as_ref().filter(|_| self.state == RunState::Cancelled)?;
        Some(format!("cancelled by {}", text::clean(by, text::MAX_REASON)))
    }

    /// Whether a shutdown of the server ended it, and not a user who cancelled this run. No name of a user ends so: a
    /// number follows it.
    pub fn is_ended_by_shutdown(&self) -> bool {
        self.ended_by.as_ref().is_some_and(|by| by.ends_with(BY_SHUTDOWN))
    }

    /// The same row with the word *you* for the user and connection `you`: `ann (#7)`.
    pub fn with_you(mut self, you: &str) -> Self {
        let approval = self.approval.as_mut().and_then(|approval| approval.by.as_mut());
        for by in self.ended_by.iter_mut().chain(approval) {
            match by.strip_prefix(you) {
                Some(rest) if rest.is_empty() || rest == BY_SHUTDOWN => *by = format!("you{rest}"),
                _ => {}
            }
        }
        self
    }

    /// Why it was started, in words: the run that caused it, or the reason that its user gave.
    pub fn cause(&self) -> Option<String> {
        match (self.caused_by, &self.reason) {
            (Some(run), _) => Some(format!("started by the success of {run}")),
            (None, Some(reason)) => {
                Some(format!("reason: {}", text::clean(reason, text::MAX_REASON)))
            }
            (None, None) => None,
        }
    }

    /// Whether it waits for approval.
    pub fn awaits_approval(&self) -> bool {
        let is_waiting = |approval: &RunApproval| approval.state == ApprovalState::Waiting;
        self.state == RunState::Queued && self.approval.as_ref().is_some_and(is_waiting)
    }

    /// That it waits for approval, or who decided, in words; none where it needs no approval.
    pub fn approved(&self) -> Option<String> {
        self.approval.as_ref().map(RunApproval::sentence)
    }

    /// Whether it was not started because it was refused, its approval expired, or was withdrawn.
    pub fn was_not_approved(&self) -> bool {
        let ended = |approval: &RunApproval| {
            use ApprovalState::{Expired, Refused, Withdrawn};
            matches!(approval.state, Refused | Expired | Withdrawn)
        };
        self.approval.as_ref().is_some_and(ended)
    }

    /// Remarks: why it was started, its approval, what it waits for, who cancelled it, cut output, processes that live on.
    pub fn remarks(&self) -> impl Iterator<Item = String> {
        let cancelled = self.cancelled();
        // The reason of a withdrawn approval says again who cancelled the run.
        let approved = match &self.approval {
            Some(approval) if approval.state == ApprovalState::Withdrawn && cancelled.is_some() => {
                Some(RunApproval { reason: None, ..approval.clone() }.sentence())
            }
            _ => self.approved(),
        };
        let all = [self.cause(), approved, self.wait(), cancelled, self.cut(), self.left()];
        all.into_iter().flatten()
    }

    /// The remarks on one line; none where there are none.
    pub fn remark(&self) -> Option<String> {
        let remarks: Vec<String> = self.remarks().collect();
        (!remarks.is_empty()).then(|| remarks.join("; "))
    }

    /// Its place in the queue and what it waits for, in words; none unless it is queued.
    pub fn wait(&self) -> Option<String> {
        let place = self.place.filter(|_| self.state == RunState::Queued)?;
        Some(format!("place {place}: waits for {}", queue_reason::describe(&self.waits_for)))
    }

    /// How it ended, or that it is running; see [`RunState::outcome`].
    pub fn outcome(&self) -> String {
        match self.approval.as_ref().map(|approval| approval.state) {
            Some(ApprovalState::Refused) => "refused".to_owned(),
            Some(ApprovalState::Expired) => "not approved".to_owned(),
            _ => self.state.outcome(self.exit_code, self.signal, self.duration_ms),
        }
    }
}
