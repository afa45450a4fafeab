//! Methods of the protocol. Each has one parameter struct, which names the method and the type of its answer.
//!
//! Fields a newer side adds are ignored by an older one; every field here that was not in the first
//! version is optional.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

wire_enum! {
    /// Every method of the wire, in the order of the protocol's table.
    pub enum Method {
        /// Exchanges versions and names; optional.
        Initialize = "initialize",
        /// Checks that the other side responds.
        Ping = "ping",
        /// The commands that the caller may run.
        CommandsList = "commands/list",
        /// The choices of a command's argument.
        CommandChoices = "command/choices",
        /// Runs a command.
        CommandRun = "command/run",
        /// Follows a run of any client; the run may have ended.
        RunAttach = "run/attach",
        /// Cancels a run.
        RunCancel = "run/cancel",
        /// Sends input to a run.
        RunInput = "run/input",
        /// Begins to send a file for a run.
        FileOpen = "file/open",
        /// One piece of a file.
        FileWrite = "file/write",
        /// Ends a file: it is complete.
        FileClose = "file/close",
        /// One piece of a result of a run.
        RunFile = "run/file",
        /// Running and finished runs.
        RunsList = "runs/list",
        /// The connected clients.
        ClientsList = "clients/list",
        /// Subscribes to changes.
        EventsSubscribe = "events/subscribe",
        /// Ends a subscription.
        EventsUnsubscribe = "events/unsubscribe",
        /// Sends a message to all clients.
        Broadcast = "broadcast",
        /// Disconnects another client.
        ClientKick = "client/kick",
        /// The server's own figures.
        ServerStatus = "server/status",
        /// Shuts the server down, at once or after a delay.
        ServerShutdown = "server/shutdown",
        /// Cancels a shutdown that is due.
        ServerShutdownCancel = "server/shutdown/cancel",
        /// Reads the server's files again.
        ServerReload = "server/reload",
        /// The last lines of the server's log.
        LogTail = "log/tail",
        /// Begins a new file of the server's log.
        LogRotate = "log/rotate",
        /// Creates an invite, or a token for a script.
        KeyInvite = "key/invite",
        /// Replaces the one-time key of an invite by the client's own key.
        KeyEnrol = "key/enrol",
        /// The keys that may connect over TCP.
        KeysList = "keys/list",
        /// Revokes a key.
        KeyRevoke = "key/revoke",
        /// The schedules of commands.
        SchedulesList = "schedules/list",
        /// Pauses a schedule.
        SchedulePause = "schedule/pause",
        /// Resumes a paused schedule.
        ScheduleResume = "schedule/resume",
        /// Runs the command of a schedule now.
        ScheduleRun = "schedule/run",
        /// Activates a plan of schedules.
        SchedulePlan = "schedule/plan",
        /// Sets the time or the arguments of a schedule.
        ScheduleSet = "schedule/set",
        /// The runs that wait for approval.
        ApprovalsList = "approvals/list",
        /// Approves or refuses a run that waits for it.
        ApprovalDecide = "approval/decide",
        /// Starts a worker again.
        WorkerRestart = "worker/restart",
        /// Sends a test notification to people elsewhere.
        NotifyTest = "notify/test",
        /// Ends the caller's own session.
        SessionClose = "session/close",
    }
}

/// The parameters of one method.
pub trait Call: Serialize + DeserializeOwned {
    /// The method they belong to.
    const METHOD: Method;
    /// What it answers.
    type Answer: Serialize + DeserializeOwned;
}

macro_rules! call {
    ($method:ident -> $answer:ty) => {
        impl Call for $method {
            const METHOD: Method = Method::$method;
            type Answer = $answer;
        }
    };
}

/// An answer, or parameters, with nothing in them: `{}`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Empty {}

mod approvals;
mod clients;
mod events;
mod files;
mod keys;
mod log;
mod menu;
mod notify;
mod runs;
mod schedules;
mod server;
mod session;
mod workers;

pub use approvals::*;
pub use clients::*;
pub use events::*;
pub use files::*;
pub use keys::*;
pub use log::*;
pub use menu::*;
pub use notify::*;
pub use runs::*;
pub use schedules::*;
pub use server::*;
pub use session::*;
pub use workers::*;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_method_is_found_by_its_name_and_by_no_other() {
        for method in Method::ALL {
            assert_eq!(Method::from_name(method.name()), Some(method));
        }
        assert_eq!(Method::from_name("no/such"), None);
    }

    #[test]
    fn a_run_waits_and_does_not_stream_by_default() {
        let run: CommandRun = serde_json::from_str(r#"{"command":"uptime","later":1}"#).unwrap();
        assert!(run.wait && !run.stream && !run.confirm && run.args.is_empty());
    }
}
