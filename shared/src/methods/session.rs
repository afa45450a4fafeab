//! The session: `initialize`, `ping` and `session/close`.

use serde::{Deserialize, Serialize};

use super::{Call, Empty, Method};
use crate::ids::ClientId;
use crate::notifications::Closing;
use crate::pin::Pin;
use crate::records::Program;
use crate::role::Role;
use crate::time::Time;

/// `initialize`.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Initialize {
    /// The version the client speaks; absent: any.
    pub protocol_version: Option<u32>,
    /// The client's program.
    pub client: Option<Program>,
    /// Whether notices may be sent to this connection.
    pub notices: bool,
    /// Whether the client is an agent. It cannot take this back; on the local socket it is then a viewer.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub agent: bool,
}
call!(Initialize -> InitializeResult);

/// Answer to `initialize`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct InitializeResult {
    /// The version the server speaks.
    pub protocol_version: u32,
    /// The server.
    pub server: ServerInfo,
    /// The caller, as the server sees it.
    pub you: CallerInfo,
    /// What the server will take.
    pub limits: WireLimits,
    /// A shutdown that is due.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closing: Option<Closing>,
    /// The end of the audit log, for admins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub audit: Option<AuditEnd>,
}

/// The last entry of the audit log that is on the server's disk.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AuditEnd {
    /// Its number; 0 if there is none.
    pub seq: u64,
    /// The SHA-256 of its line, in lower-case hex digits; 64 zeros if there is none.
    pub hash: String,
}

/// Who the server is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ServerInfo {
    /// The program's name.
    pub name: String,
    /// The program's version.
    pub version: String,
    /// The name of the box: `name` of `[server]`, or its host name.
    pub hostname: String,
    /// Differs at each start of the server.
    pub boot_id: String,
    /// When it started.
    pub started_at: Time,
    /// Differs at each start of the box; absent if the system reports none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub box_boot_id: Option<String>,
    /// The pin of its key; absent while it has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pin: Option<Pin>,
}

/// Who the caller is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CallerInfo {
    /// The connection's number.
    pub client_id: ClientId,
    /// `ip:port`, or `pid 4121` on the local socket.
    pub address: String,
    /// The user's name.
    pub user: String,
    /// What the caller may do.
    pub role: Role,
    /// Whether the server takes the caller for an agent.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub agent: bool,
}

impl CallerInfo {
    /// Its user and connection, as rows of runs and notifications name it: `ann (#7)`.
    pub fn called(&self) -> String {
        format!("{} ({})", self.user, self.client_id)
    }
}

/// What the server will take from this connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WireLimits {
    /// Longest line, in bytes before the line ending.
    pub max_line: u64,
    /// Runs of this client at once.
    pub max_runs: u64,
}

/// `ping`.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub struct Ping {}
call!(Ping -> Empty);

/// `session/close`.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub struct SessionClose {}
call!(SessionClose -> Empty);
