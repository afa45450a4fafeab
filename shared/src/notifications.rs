//! Notifications from the server. A connection gets them only if it asked for them: by `notices`, by a subscription, or by a
//! run with `stream`.

use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use crate::after_shutdown::AfterShutdown;
use crate::ids::{ClientId, RunId, SubscriptionId};
use crate::pin::Pin;
use crate::records::{ApprovalRow, ClientRow, KeyRow, RunRow, ScheduleRow};
use crate::time::Time;

macro_rules! notifications {
    ($($constant:ident = $text:literal => $variant:ident($params:ty), $about:literal;)*) => {
        /// Names of the notifications.
        pub mod name {
            $(#[doc = $about] pub const $constant: &str = $text;)*
        }

        /// A notification, parsed by its name.
        #[derive(Debug, Clone, PartialEq)]
        pub enum Notification {
            $(#[doc = $about] $variant($params),)*
        }

        impl Notification {
            /// Reads the notification `name`; `None` for one that this version does not know.
            ///
            /// # Errors
            /// The parameters do not fit the name.
            pub fn parse(name: &str, params: &str) -> Result<Option<Self>, serde_json::Error> {
                Ok(Some(match name {
                    $(name::$constant => Self::$variant(serde_json::from_str(params)?),)*
                    _ => return Ok(None),
                }))
            }
        }
    };
}

notifications! {
    RUN_OUTPUT = "run/output" => RunOutput(RunOutput), "Output of a run.";
    RUN_GAP = "run/gap" => RunGap(RunGap), "Output that this reader does not get.";
    RUN_CHANGED = "run/changed" => RunChanged(Box<RunRow>), "A run's row.";
    CLIENTS_CHANGED = "clients/changed" => ClientsChanged(ClientsChanged), "Changes of the list of clients.";
    LOG_ENTRY = "log/entry" => LogEntry(LogEntry), "A line of the log.";
    SERVER_CLOSING = "server/closing" => Closing(Closing), "A shutdown is due, begins, or was cancelled.";
    SERVER_RELOADED = "server/reloaded" => Reloaded(MenuChanged), "The menu has changed.";
    KEYS_CHANGED = "keys/changed" => KeysChanged(Box<KeysChanged>), "A key or an invite was made, used, revoked, or has expired.";
    SCHEDULE_CHANGED = "schedule/changed" => ScheduleChanged(Box<ScheduleRow>), "A schedule's row.";
    APPROVAL_CHANGED = "approval/changed" => ApprovalChanged(Box<ApprovalRow>), "A run waits for approval, or that was decided.";
    BROADCAST = "broadcast" => Broadcast(Broadcast), "A message of an admin to all clients.";
    SESSION_ENDED = "session/ended" => Ended(SessionEnded), "This session has ended.";
    EVENTS_DROPPED = "events/dropped" => EventsDropped(EventsDropped), "Events that a slow subscriber did not get.";
}

/// Most bytes of output in one `run/output`.
pub const MAX_OUTPUT_CHUNK: usize = 32 * 1024;

/// One of a run's two output streams.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stream {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

/// `run/output`. Exactly one of `data` and `base64` is there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RunOutput {
    /// The run.
    pub run_id: RunId,
    /// Where this begins, in bytes of both streams in order of arrival.
    pub offset: u64,
    /// Which stream it came from.
    pub stream: Stream,
    /// The text, cut between characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<String>,
    /// The bytes where they are not UTF-8 (RFC 4648, section 4).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base64: Option<String>,
}

/// `run/changed`, as it is sent.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RunChanged<'a> {
    /// The state of the run.
    #[serde(flatten)]
    pub row: &'a RunRow,
    /// In the first one of a stream: the id of the request that started the run, as it was written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_id: Option<&'a RawValue>,
}

/// `run/gap`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RunGap {
    /// The run.
    pub run_id: RunId,
    /// Where the gap begins.
    pub offset: u64,
    /// How many bytes were skipped.
    pub bytes: u64,
    /// Why; none from a server that does not say it, and where the client itself read too slowly.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<GapReason>,
}

wire_enum! {
    /// Why the server does not have output.
    pub enum GapReason {
        /// It is beyond `max_output` of the command.
        MaxOutput = "maxOutput",
        /// It could not be written to the disk, or be read from there.
        Lost = "lost",
        /// A reason that a newer server sent.
        #[serde(other)]
        Unknown = "unknown",
    }
}

/// `clients/changed`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ClientsChanged {
    /// New rows.
    pub joined: Vec<ClientRow>,
    /// Rows that are gone.
    pub left: Vec<ClientLeft>,
    /// Rows with another name, role or runs than before.
    pub updated: Vec<ClientRow>,
}

/// Who left, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ClientLeft {
    /// The connection's number.
    pub client_id: ClientId,
    /// One or two words: `closed`, `gone`, `slow reader`, ...
    pub reason: String,
}

wire_enum! {
    /// How much a line of the log matters.
    pub enum Level {
        /// Each connection and each request.
        Trace = "trace",
        /// Refused connections and requests.
        Debug = "debug",
        /// What happened.
        Info = "info",
        /// What may need a look.
        Warn = "warn",
        /// What failed.
        Error = "error",
    }
}

/// `log/entry`, and a line of `log/tail`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LogEntry {
    /// When.
    pub time: Time,
    /// How much it matters.
    pub level: Level,
    /// What happened.
    pub message: String,
    /// The values that belong to it.
    #[serde(default)]
    pub fields: Map<String, Value>,
    /// The number of its line in its file, from 1; only in `log/tail` with `numbers`, and absent where the log has no file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<u64>,
    /// The number of the older file that it is in: 1 is the newest of them. Absent: the current file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<u32>,
    /// It does not match, and stands above one that does.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub context: bool,
}

impl LogEntry {
    /// The entry as it is in `log/entry`, which has no place in a file.
    #[must_use]
    pub fn without_place(self) -> Self {
        Self { line: None, file: None, context: false, ..self }
    }
}

/// How far a shutdown is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// It is scheduled; the server works normally until then.
    Scheduled,
    /// It was cancelled.
    Cancelled,
    /// It has begun.
    Now,
}

/// `server/closing`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Closing {
    /// How far it is.
    pub phase: Phase,
    /// The reason; empty if none was given.
    #[serde(default)]
    pub reason: String,
    /// Who ordered it, or `signal`.
    pub by: String,
    /// When it begins, by the server's wall clock.
    pub deadline: Time,
    /// Milliseconds until it begins; what a client counts.
    pub in_ms: u64,
    /// Whether the server starts again at once.
    #[serde(default)]
    pub restart: bool,
    /// What the server does then; absent from older servers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub then: Option<AfterShutdown>,
    /// When the server is expected back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub back: Option<Time>,
    /// How long a reboot usually takes; absent where no earlier one was measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usual_ms: Option<u64>,
}

/// The expected return of a server as the end of a sentence: `; expected back 20:00+01:00`. Empty where none is known.
pub fn return_note(back: Option<Time>, now: Time, zone: &TimeZone) -> String {
    let Some(back) = back else { return String::new() };
    let offset = back.timestamp().to_zoned(zone.clone()).strftime("%:z").to_string();
    format!("; expected back {}{offset}", back.to_minute(now, zone))
}

impl Closing {
    /// What the server does then.
    pub fn then(&self) -> AfterShutdown {
        AfterShutdown::of(self.then, self.restart)
    }
}

/// `keys/changed`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct KeysChanged {
    /// The key as it is now; of a used invite, the key of the device.
    pub key: KeyRow,
    /// The key id of the invite that the device used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub invite: Option<Pin>,
}

/// `server/reloaded`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct MenuChanged {
    /// The revision of the new menu.
    pub revision: u64,
}

wire_enum! {
    /// How much a broadcast matters.
    #[derive(Default)]
    pub enum Urgency {
        /// Good to know.
        #[default]
        Info = "info",
        /// Something that may go wrong, or must be done.
        Warning = "warning",
    }
}

/// `broadcast`, as it arrives.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Broadcast {
    /// The text, in one line.
    pub message: String,
    /// How much it matters.
    #[serde(default)]
    pub level: Urgency,
    /// Who says it: the user, and the client's number.
    pub by: String,
    /// When, by the server's clock.
    pub time: Time,
}

impl Broadcast {
    /// Who says it, and how much it matters, in words: what stands before the message.
    pub fn title(&self) -> String {
        match self.level {
            Urgency::Info => format!("{} says", self.by),
            Urgency::Warning => format!("warning from {}", self.by),
        }
    }
}

/// Why a session was ended, for programs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum EndCode {
    /// The client asked for it.
    Closed,
    /// The server shuts down.
    Shutdown,
    /// The server restarts.
    Restart,
    /// An admin sent the client away.
    Kicked,
    /// The client's key was revoked or has expired.
    Revoked,
    /// The client read too slowly.
    SlowReader,
    /// The client broke the framing.
    Protocol,
    /// A code that a newer server sent.
    #[serde(other)]
    Unknown,
}

/// `session/ended`: the session's last line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SessionEnded {
    /// Why, for programs.
    pub code: EndCode,
    /// Why, for people; may be empty.
    #[serde(default)]
    pub reason: String,
    /// The user who ended it; empty if no user did.
    #[serde(default)]
    pub by: String,
    /// When the server is expected back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub back: Option<Time>,
    /// What the server does then, after `shutdown` and `restart`; absent from older servers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub then: Option<AfterShutdown>,
    /// How long a reboot usually takes; absent where no earlier one was measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usual_ms: Option<u64>,
}

impl SessionEnded {
    /// An end after which no return is expected.
    pub fn new(code: EndCode, reason: impl Into<String>, by: impl Into<String>) -> Self {
        let (reason, by) = (reason.into(), by.into());
        Self { code, reason, by, back: None, then: None, usual_ms: None }
    }
}

/// `events/dropped`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EventsDropped {
    /// The subscription that missed some.
    pub subscription_id: SubscriptionId,
    /// How many.
    pub count: u64,
}
