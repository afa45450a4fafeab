//! The methods: one parameter struct each, which names its method and the type of its answer.
//!
//! Fields a newer side adds are ignored by an older one; every field here that was not in the first
//! version is optional.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::command::Command;
use crate::ids::{ClientId, RunId, SubscriptionId};
use crate::notices::{Closing, LogEntry};
use crate::role::Role;
use crate::rows::{ClientRow, RunRow};
use crate::time::Time;

macro_rules! methods {
    ($($(#[$doc:meta])* $variant:ident = $name:literal,)*) => {
        /// Every method of the wire.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Method {
            $($(#[$doc])* $variant,)*
        }

        impl Method {
            /// All of them, in the order of the protocol's table.
            pub const ALL: &[Method] = &[$(Method::$variant,)*];

            /// Its name on the wire.
            pub fn name(self) -> &'static str {
                match self {
                    $(Method::$variant => $name,)*
                }
            }

            /// The method of this name.
            pub fn from_name(name: &str) -> Option<Self> {
                match name {
                    $($name => Some(Method::$variant),)*
                    _ => None,
                }
            }
        }
    };
}

methods! {
    /// Says who the two sides are; optional.
    Initialize = "initialize",
    /// Proves that the other side lives.
    Ping = "ping",
    /// The menu, as far as the caller may run it.
    CommandsList = "commands/list",
    /// Runs a command.
    CommandRun = "command/run",
    /// Ends a run.
    RunCancel = "run/cancel",
    /// Who is connected.
    ClientsList = "clients/list",
    /// Asks to be told of changes.
    EventsSubscribe = "events/subscribe",
    /// Asks no more.
    EventsUnsubscribe = "events/unsubscribe",
    /// The server's own figures.
    ServerStatus = "server/status",
    /// Shuts the server down, at once or after a delay.
    ServerShutdown = "server/shutdown",
    /// Calls a scheduled shutdown off.
    ServerShutdownCancel = "server/shutdown/cancel",
    /// The last lines of the server's log.
    LogTail = "log/tail",
    /// Ends the caller's own session.
    SessionClose = "session/close",
}

/// The parameters of one method.
pub trait Call: Serialize + DeserializeOwned {
    /// The method they belong to.
    const METHOD: Method;
    /// What it answers.
    type Answer: Serialize + DeserializeOwned;
}

macro_rules! call {
    ($params:ty => $method:ident -> $answer:ty) => {
        impl Call for $params {
            const METHOD: Method = Method::$method;
            type Answer = $answer;
        }
    };
}

/// An answer, or parameters, with nothing in them: `{}`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Empty {}

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
}
call!(Initialize => Initialize -> Initialized);

/// Answer to `initialize`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Initialized {
    /// The version the server speaks.
    pub protocol_version: u32,
    /// The server.
    pub server: ServerInfo,
    /// The caller, as the server sees it.
    pub you: You,
    /// What the server will take.
    pub limits: WireLimits,
    /// A shutdown that is due.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closing: Option<Closing>,
}

/// Who the server is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ServerInfo {
    /// The program's name.
    pub name: String,
    /// The program's version.
    pub version: String,
    /// The box's name.
    pub hostname: String,
    /// Differs at each start of the server.
    pub boot_id: String,
    /// When it started.
    pub started_at: Time,
}

/// Who the caller is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct You {
    /// The connection's number.
    pub client_id: ClientId,
    /// `ip:port`, or `pid 4121` on the local socket.
    pub address: String,
    /// The user's name.
    pub user: String,
    /// What the caller may do.
    pub role: Role,
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
call!(Ping => Ping -> Empty);

/// `commands/list`.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub struct CommandsList {}
call!(CommandsList => CommandsList -> Menu);

/// Answer to `commands/list`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Menu {
    /// Grows with each menu that is loaded.
    pub revision: u64,
    /// The commands that the caller may run.
    pub commands: Vec<Command>,
}

impl Menu {
    /// The command that `name` runs, by name or alias.
    pub fn find(&self, name: &str) -> Option<&Command> {
        self.commands.iter().find(|command| command.answers_to(name))
    }
}

/// `command/run`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CommandRun {
    /// Name or alias.
    pub command: String,
    /// Values by argument name.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub args: Map<String, Value>,
    /// Whether the output is sent as it comes.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub stream: bool,
    /// Whether the answer waits for the end.
    #[serde(default = "yes")]
    pub wait: bool,
    /// Whether a person has confirmed it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub confirm: bool,
}
call!(CommandRun => CommandRun -> RunResult);

fn yes() -> bool {
    true
}

/// Answer to `command/run`: the row, and with `wait` alone its output.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RunResult {
    /// The run.
    #[serde(flatten)]
    pub row: RunRow,
    /// Standard output and error in order of arrival, at most as many of its last bytes as fit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<String>,
    /// The same where it is not UTF-8 (RFC 4648, section 4).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output_base64: Option<String>,
    /// Whether the beginning of the output is missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub truncated: Option<bool>,
}

/// `run/cancel`.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RunCancel {
    /// The run to end.
    pub run_id: RunId,
}
call!(RunCancel => RunCancel -> RunRow);

/// `clients/list`.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ClientsList {
    /// Only clients with a greater number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<ClientId>,
    /// At most so many rows (100, at most 500).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<u64>,
}
call!(ClientsList => ClientsList -> Clients);

/// Answer to `clients/list`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Clients {
    /// Rows by number.
    pub clients: Vec<ClientRow>,
    /// What to give as `after` for more; absent: these were all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<ClientId>,
}

/// What can be subscribed to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Topic {
    /// `clients/changed`.
    Clients,
    /// `run/changed`, of the runs the caller may see.
    Runs,
    /// `log/entry`; admin's.
    Log,
    /// `server/reloaded`.
    Server,
}

/// `events/subscribe`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct EventsSubscribe {
    /// At least one.
    pub topics: Vec<Topic>,
}
call!(EventsSubscribe => EventsSubscribe -> Subscribed);

/// Answer to `events/subscribe`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Subscribed {
    /// What `events/unsubscribe` names.
    pub subscription_id: SubscriptionId,
    /// How things stand; every later change is told.
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
call!(EventsUnsubscribe => EventsUnsubscribe -> Empty);

/// `server/status`.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub struct ServerStatus {}
call!(ServerStatus => ServerStatus -> Status);

/// Answer to `server/status`. Counts are since the server's start unless they say *now*.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Status {
    /// The program's version.
    pub version: String,
    /// Milliseconds since the start.
    pub uptime_ms: u64,
    /// Clients now.
    pub clients: u64,
    /// Runs.
    pub runs: RunCounts,
    /// Bytes over all connections.
    pub bytes: ByteCounts,
    /// Requests answered.
    pub requests: u64,
    /// Errors answered, by `data.kind`; what was never asked for is absent.
    pub refusals: Map<String, Value>,
    /// Resident memory of the server now, in bytes; absent where the system does not tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory_bytes: Option<u64>,
    /// Load of the box over 1, 5 and 15 minutes; absent where the system does not tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub load: Option<[f64; 3]>,
    /// Where the server listens.
    pub listeners: Vec<Listening>,
    /// The menu's revision.
    pub revision: u64,
    /// A shutdown that is due.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closing: Option<Closing>,
}

/// Runs of a server.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunCounts {
    /// Now.
    pub running: u64,
    /// Since the start.
    pub started: u64,
}

/// Bytes moved, seen from the server.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ByteCounts {
    /// Read from clients.
    pub received: u64,
    /// Written to clients.
    pub sent: u64,
}

/// One address the server listens on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listening {
    /// `unix` for the local socket.
    pub transport: String,
    /// A path, or `ip:port`.
    pub address: String,
}

/// `server/shutdown`.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ServerShutdown {
    /// Milliseconds until it begins.
    pub delay_ms: u64,
    /// Told to every client; at most 500 characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Whether the server starts again at once.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub restart: bool,
}
call!(ServerShutdown => ServerShutdown -> ShutdownDue);

/// Answer to `server/shutdown`: when it will begin. It never claims that the server has stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ShutdownDue {
    /// By the server's wall clock.
    pub deadline: Time,
    /// Milliseconds from now; what to count.
    pub in_ms: u64,
}

/// `server/shutdown/cancel`.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub struct ServerShutdownCancel {}
call!(ServerShutdownCancel => ServerShutdownCancel -> Empty);

/// `log/tail`.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct LogTail {
    /// How many of the last lines (50, at most 1,000; fewer where they do not fit one line).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lines: Option<u64>,
    /// Only lines that hold this text, in any case.
    #[serde(rename = "match", skip_serializing_if = "Option::is_none")]
    pub matching: Option<String>,
}
call!(LogTail => LogTail -> LogEntries);

/// Answer to `log/tail`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct LogEntries {
    /// Oldest first.
    pub entries: Vec<LogEntry>,
}

/// `session/close`.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub struct SessionClose {}
call!(SessionClose => SessionClose -> Empty);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_method_is_found_by_its_name_and_by_no_other() {
        for method in Method::ALL {
            assert_eq!(Method::from_name(method.name()), Some(*method));
        }
        assert_eq!(Method::from_name("no/such"), None);
    }

    #[test]
    fn a_run_waits_and_does_not_stream_unless_told() {
        let run: CommandRun = serde_json::from_str(r#"{"command":"uptime","later":1}"#).unwrap();
        assert!(run.wait && !run.stream && !run.confirm && run.args.is_empty());
    }
}
