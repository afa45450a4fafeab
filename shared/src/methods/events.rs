//! Subscriptions to events: `events/subscribe` and `events/unsubscribe`.

use serde::{Deserialize, Serialize};

use super::{Approvals, Call, Empty, Method, Schedules};
use crate::ids::SubscriptionId;
use crate::notifications::LogEntry;
use crate::records::{ClientRow, RunRow};

wire_enum! {
    /// What can be subscribed to.
    pub enum Topic {
        /// `clients/changed`.
        Clients = "clients",
        /// `run/changed`, of the runs that the caller may see.
        Runs = "runs",
        /// `log/entry`; for admins.
        Log = "log",
        /// `server/reloaded`.
        Server = "server",
        /// `keys/changed`; for admins.
        Keys = "keys",
        /// `schedule/changed`, of the commands that the caller may run.
        Schedules = "schedules",
        /// `approval/changed`, of the runs that the caller may see.
        Approvals = "approvals",
    }
}

/// `events/subscribe`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct EventsSubscribe {
    /// At least one.
    pub topics: Vec<Topic>,
}
call!(EventsSubscribe -> SubscribeResult);

/// Answer to `events/subscribe`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SubscribeResult {
    /// What `events/unsubscribe` names.
    pub subscription_id: SubscriptionId,
    /// The current state; each later change is an event.
    pub snapshot: Snapshot,
}

/// How things stood when a subscription began, by topic.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Snapshot {
    /// Who is connected; what does not fit one line follows as `joined`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clients: Option<Vec<ClientRow>>,
    /// The runs that have not ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub runs: Option<Vec<RunRow>>,
    /// The last lines of the log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log: Option<Vec<LogEntry>>,
    /// The menu's revision.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server: Option<ServerSnapshot>,
    /// The schedules.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schedules: Option<Schedules>,
    /// The runs that wait for approval.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approvals: Option<Approvals>,
}

/// The `server` topic's snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServerSnapshot {
    /// The menu's revision.
    pub revision: u64,
}

/// `events/unsubscribe`.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EventsUnsubscribe {
    /// The subscription to end.
    pub subscription_id: SubscriptionId,
}
call!(EventsUnsubscribe -> Empty);
