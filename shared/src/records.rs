//! Records of the lists: a client, a run, a key.

mod approval;
pub mod queue_reason;
mod run;
mod schedule;

use serde::{Deserialize, Serialize};

use crate::ids::{ClientId, RunId};
use crate::pin::Pin;
use crate::role::{Connection, Role};
use crate::time::Time;

pub use approval::{ApprovalRow, ApprovalState, RunApproval};
pub use queue_reason::{Holder, MAX_HELD_BY, QueueReason};
pub use run::{BY_SHUTDOWN, ResultFile, RunRow, RunState};
pub use schedule::{Adjustable, Inactive, Outcome, Pause, ScheduleOutcome, ScheduleRow, SetBy};

/// Name and version of a program.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Program {
    /// As people know it; at most 64 characters are kept.
    #[serde(default)]
    pub name: String,
    /// Its own version, for people only.
    #[serde(default)]
    pub version: String,
}

/// One live connection.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ClientRow {
    /// Its number.
    pub client_id: ClientId,
    /// `ip:port`, `pid 4121` on the local socket, or `hub`.
    pub address: String,
    /// Where it is seen from the server.
    pub connection: Connection,
    /// `hub` if it came through a hub; absent else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub route: Option<String>,
    /// The user's name.
    pub user: String,
    /// Its key over TCP: in `clients/list`, for admins and the key's own holder.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_id: Option<Pin>,
    /// What it may do.
    pub role: Role,
    /// Whether it is an agent, such as an assistant that calls commands as tools.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub agent: bool,
    /// Its program, after `initialize`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client: Option<Program>,
    /// When it connected.
    pub connected_at: Time,
    /// Milliseconds since its last request.
    pub idle_ms: u64,
    /// Bytes that the server has read from it so far; absent where the server is older.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes_in: Option<u64>,
    /// Bytes that the server has written to it so far.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes_out: Option<u64>,
    /// What it runs now, and what waits for its turn.
    #[serde(default)]
    pub runs: Vec<ClientRun>,
    /// Whether this is the one that asked.
    #[serde(default)]
    pub you: bool,
}

impl ClientRow {
    /// Where it is seen from the server, for people; none of one that came through a hub, whose address says so.
    pub fn distance(&self) -> Option<&'static str> {
        self.route.is_none().then(|| self.connection.title())
    }

    /// The same, and its address: `LAN · 192.168.1.10:51234`, `hub`.
    pub fn place(&self) -> String {
        match self.distance() {
            Some(distance) => format!("{distance} · {}", self.address),
            None => self.address.clone(),
        }
    }
}

/// A live run in a client's row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ClientRun {
    /// The run's number.
    pub run_id: RunId,
    /// The command's name.
    pub command: String,
    /// Whether it waits for its turn.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub queued: bool,
}

/// One key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct KeyRow {
    /// Its pin.
    pub key_id: Pin,
    /// The name of its device or user.
    pub name: String,
    /// What it may do.
    pub role: Role,
    /// Whether its holder is an agent.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub agent: bool,
    /// The only commands it may run; absent: all that its role may.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commands: Option<Vec<String>>,
    /// When it was made or enrolled.
    pub created_at: Time,
    /// When it last connected; up to a few minutes old.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_seen: Option<Time>,
    /// When it stops being good; absent: never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Time>,
    /// Its state.
    pub state: KeyState,
}

wire_enum! {
    /// The state of a key.
    pub enum KeyState {
        /// It is accepted.
        Active = "active",
        /// An invite that is not used yet.
        Invited = "invited",
        /// An invite that was used.
        Used = "used",
        /// It has expired.
        Expired = "expired",
        /// It was revoked.
        Revoked = "revoked",
        /// A state that a newer server sent.
        #[serde(other)]
        Unknown = "unknown",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_has_its_description() {
        let outcome = |state: RunState, exit, signal| state.outcome(exit, signal, Some(1_200_040));
        assert_eq!(outcome(RunState::Succeeded, Some(0), None), "succeeded");
        assert_eq!(outcome(RunState::Failed, Some(3), None), "exit 3");
        assert_eq!(outcome(RunState::Failed, None, Some(9)), "killed by SIGKILL");
        assert_eq!(outcome(RunState::Failed, None, None), "failed");
        assert_eq!(outcome(RunState::Cancelled, None, Some(15)), "cancelled");
        assert_eq!(outcome(RunState::TimedOut, None, Some(15)), "timed out after 20 m 00 s");
        assert_eq!(outcome(RunState::Lost, None, None), "lost: the server died");
        assert_eq!(outcome(RunState::Running, None, None), "running");
    }

    #[test]
    fn each_state_has_the_name_that_it_has_on_the_wire() {
        use RunState::{Cancelled, Failed, Lost, Queued, Running, Succeeded, TimedOut};
        for state in [Queued, Running, Succeeded, Failed, Cancelled, TimedOut, Lost] {
            assert_eq!(serde_json::to_value(state).unwrap(), state.name());
        }
    }
}
