//! The server: `server/status`, `server/shutdown` and `server/reload`.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{Call, Empty, Menu, Method, NotifierStatus};
use crate::after_shutdown::{AfterShutdown, LastReboot};
use crate::command::Command;
use crate::notifications::Closing;
use crate::time::Time;

/// `server/status`.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct ServerStatus {
    /// Whether the answer has the history of the last two minutes.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub history: bool,
}
call!(ServerStatus -> Status);

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
    /// Errors answered, by `data.kind`, and connections that were rejected or delayed, by the key of
    /// `[limits]` or by the cause (`key`, `handshake`). Causes that never occurred are absent.
    pub refusals: Map<String, Value>,
    /// Resident memory of the server now, in bytes; absent if the system does not report it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory_bytes: Option<u64>,
    /// By how much the clock of the box is behind the newest time in the server's state; absent if it is not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clock_behind_ms: Option<u64>,
    /// Load of the box over 1, 5 and 15 minutes; absent if the system does not report it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub load: Option<[f64; 3]>,
    /// Where the server listens.
    pub listeners: Vec<ListenAddress>,
    /// The menu's revision.
    pub revision: u64,
    /// Workers, by name; absent where the menu has none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub workers: Vec<WorkerStatus>,
    /// Hooks of the box that have run or are running; absent where none has.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hooks: Vec<HookStatus>,
    /// Notifiers, in the order of `server.toml`; absent where it has none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notifiers: Vec<NotifierStatus>,
    /// The fleet that the box has joined; absent where it has joined none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fleet: Option<FleetStatus>,
    /// A shutdown that is due.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closing: Option<Closing>,
    /// A shutdown that was due when the server was killed, and was not carried out; absent where there was none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shutdown_was_due: Option<Closing>,
    /// The last reboot or power off of the box that was ordered here, once its result is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_reboot: Option<LastReboot>,
    /// The figures of the box; absent if the system reports none.
    #[serde(default, rename = "box", skip_serializing_if = "Option::is_none")]
    pub box_figures: Option<BoxFigures>,
    /// The last two minutes, if they were asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub history: Option<StatusHistory>,
}

/// How the box stands to the fleet that it has joined.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FleetStatus {
    /// The name of the fleet.
    pub name: String,
    /// Addresses of its hub.
    pub hub: String,
    /// Whether the server is connected to the hub now.
    pub connected: bool,
    /// Whether the box is a member.
    pub member: bool,
    /// Why it is not; absent for a member.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why_no_member: Option<String>,
    /// Version of the accepted roster; absent if there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub roster_version: Option<u64>,
    /// When the hub last had this roster; after a start without the hub, when it was signed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub roster_at: Option<Time>,
    /// People whom the roster admits to the box.
    pub people: u64,
    /// What is wrong with the hub or the roster; absent if nothing is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
}

/// The last run of a hook of the box.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HookStatus {
    /// `on_start` or `on_stop`.
    pub name: String,
    /// Its state.
    pub state: HookState,
    /// When it began, or ended.
    pub at: Time,
    /// Why it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
}

impl HookStatus {
    /// In words: `on_stop failed at 2026-12-01T06:00:00Z: it ended with exit status: 1`.
    pub fn words(&self, at: &str) -> String {
        let name = &self.name;
        let failure = self.failure.as_ref().map(|why| format!(": {why}")).unwrap_or_default();
        match self.state {
            HookState::Running => format!("{name} running since {at}"),
            HookState::Succeeded => format!("{name} succeeded at {at}"),
            HookState::Failed => format!("{name} failed at {at}{failure}"),
            HookState::Unknown => format!("{name} ran at {at}"),
        }
    }
}

/// The state of a hook of the box.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum HookState {
    /// Its program runs.
    Running,
    /// It ended with success.
    Succeeded,
    /// It failed, was killed after its time limit, or could not be started.
    Failed,
    /// A state of a newer server.
    #[serde(other)]
    Unknown,
}

/// Figures of the box. One that the system does not report is absent.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct BoxFigures {
    /// The filesystems of the state directory and of `/`; one of them where both are the same.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub disks: Vec<DiskFigures>,
    /// Share of the processors in use, over the last two seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu_percent: Option<f64>,
    /// Memory of the box.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory_total_bytes: Option<u64>,
    /// Memory that programs can still get.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory_available_bytes: Option<u64>,
    /// Temperature of the processor.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub temperature_celsius: Option<f64>,
    /// Load over 1, 5 and 15 minutes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub load: Option<[f64; 3]>,
}

/// Space of a filesystem.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DiskFigures {
    /// A directory on it.
    pub path: String,
    /// Its size.
    pub total_bytes: u64,
    /// Space that programs without root can use.
    pub free_bytes: u64,
}

/// Samples of the last two minutes, oldest first. An array that no sample has a figure for is absent; a sample that lacks one
/// has null.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StatusHistory {
    /// Milliseconds between two samples.
    pub step_ms: u64,
    /// The time of the newest sample.
    pub newest: Time,
    /// Connected clients.
    pub clients: Vec<u64>,
    /// Requests a second since the sample before.
    pub requests_per_second: Vec<f64>,
    /// Runs that were running.
    pub runs: Vec<u64>,
    /// Share of the processors in use.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cpu_percent: Vec<Option<f64>>,
    /// Memory of the box in use.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub memory_used_bytes: Vec<Option<u64>>,
    /// Load over 1 minute.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub load: Vec<Option<f64>>,
    /// Temperature of the processor.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub temperature_celsius: Vec<Option<f64>>,
}

/// Runs of a server.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunCounts {
    /// Now.
    pub running: u64,
    /// Those that wait for their turn now.
    #[serde(default)]
    pub queued: u64,
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

/// One address that leads to the server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListenAddress {
    /// `unix` (local socket), `tls` (TCP), `router` (a port of the router), `hub` or `http` (metrics).
    pub transport: String,
    /// A path, or `ip:port`; of a hub its name and addresses.
    pub address: String,
}

/// The state of a worker.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkerStatus {
    /// Its name in the menu's files.
    pub name: String,
    /// In words for people: whether it runs, and how often it was started again.
    pub standing: String,
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
    /// When the server is expected back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub back: Option<Time>,
    /// What the server does then; it ends by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub then: Option<AfterShutdown>,
    /// Another way to write `then: "restart"`.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub restart: bool,
}
call!(ServerShutdown -> ShutdownResult);

impl ServerShutdown {
    /// What the server does then; `restart` is the older way to write it.
    pub fn then(&self) -> AfterShutdown {
        AfterShutdown::of(self.then, self.restart)
    }

    /// The same shutdown after another delay.
    pub fn postponed(due: &Closing, delay_ms: u64) -> Self {
        Self {
            delay_ms,
            reason: (!due.reason.is_empty()).then(|| due.reason.clone()),
            back: due.back,
            then: due.then,
            restart: due.restart,
        }
    }
}

/// Answer to `server/shutdown`: when it will begin. It never claims that the server has stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ShutdownResult {
    /// By the server's wall clock.
    pub deadline: Time,
    /// Milliseconds from now; what to count.
    pub in_ms: u64,
}

/// `server/reload`: reads the server's files again.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub struct ServerReload {}
call!(ServerReload -> ReloadResult);

/// Answer to `server/reload`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReloadResult {
    /// The menu's revision, which differs if the menu has changed.
    pub revision: u64,
    /// What is different now.
    pub changed: ReloadChanges,
}

/// What a reload has changed; what is empty is absent.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ReloadChanges {
    /// Commands that are new.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub added: Vec<String>,
    /// Commands that are declared otherwise.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub changed: Vec<String>,
    /// Commands that are gone.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub removed: Vec<String>,
    /// Whether menu files have replaced the starter menu.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub replaces_starter: bool,
    /// Workers that are new, gone, or started anew.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub workers: Vec<String>,
    /// Keys of `server.toml` with new values in force from now on, such as `limits.max_runs`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub settings: Vec<String>,
    /// Keys of `server.toml` with values that take effect at the next start.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub at_restart: Vec<String>,
}

impl ReloadChanges {
    /// The names of the commands that differ between two menus.
    pub fn between(old: &Menu, new: &Menu) -> Self {
        let names = |menu: &Menu, wanted: &dyn Fn(&Command) -> bool| {
            let some = menu.commands.iter().filter(|command| wanted(command));
            some.map(|command| command.name.clone()).collect()
        };
        let (before, after) = (by_name(old), by_name(new));
        Self {
            added: names(new, &|command| !before.contains_key(&*command.name)),
            changed: names(new, &|command| {
                before.get(&*command.name).is_some_and(|old| *old != command)
            }),
            removed: names(old, &|command| !after.contains_key(&*command.name)),
            ..Self::default()
        }
    }

    /// Whether the menu has changed.
    pub fn of_menu(&self) -> bool {
        let names = [&self.added, &self.changed, &self.removed, &self.workers];
        names.iter().any(|names| !names.is_empty())
    }

    /// One sentence for each kind of change, for people; none where nothing has changed.
    pub fn sentences(&self) -> Vec<String> {
        let kinds = [
            ("added", &self.added),
            ("changed", &self.changed),
            ("removed", &self.removed),
            ("workers changed", &self.workers),
            ("settings changed", &self.settings),
            ("for the next start", &self.at_restart),
        ];
        let some = kinds.iter().filter(|(_, names)| !names.is_empty());
        let starter = self.replaces_starter.then(|| "menu files replace the starter menu".into());
        some.map(|(kind, names)| format!("{kind}: {}", names.join(", "))).chain(starter).collect()
    }
}

fn by_name(menu: &Menu) -> HashMap<&str, &Command> {
    menu.commands.iter().map(|command| (command.name.as_str(), command)).collect()
}

/// `server/shutdown/cancel`.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub struct ServerShutdownCancel {}
call!(ServerShutdownCancel -> Empty);
