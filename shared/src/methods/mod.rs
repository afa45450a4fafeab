//! The methods: one parameter struct each, which names its method and the type of its answer.
//!
//! Fields a newer side adds are ignored by an older one; every field here that was not in the first
//! version is optional.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

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
    /// Follows a run, whoever started it and whether or not it has ended.
    RunAttach = "run/attach",
    /// Ends a run.
    RunCancel = "run/cancel",
    /// Answers a run that asks.
    RunInput = "run/input",
    /// The runs that go on and those that ended.
    RunsList = "runs/list",
    /// Who is connected.
    ClientsList = "clients/list",
    /// Asks to be told of changes.
    EventsSubscribe = "events/subscribe",
    /// Asks no more.
    EventsUnsubscribe = "events/unsubscribe",
    /// Tells everybody something.
    Broadcast = "broadcast",
    /// Ends somebody else's session.
    ClientKick = "client/kick",
    /// The server's own figures.
    ServerStatus = "server/status",
    /// Shuts the server down, at once or after a delay.
    ServerShutdown = "server/shutdown",
    /// Calls a scheduled shutdown off.
    ServerShutdownCancel = "server/shutdown/cancel",
    /// Reads the server's files again.
    ServerReload = "server/reload",
    /// The last lines of the server's log.
    LogTail = "log/tail",
    /// Makes an invite, or a script's token.
    KeyInvite = "key/invite",
    /// Puts a client's own key in the place of a one-time key.
    KeyEnrol = "key/enrol",
    /// The keys that may come in over TCP.
    KeysList = "keys/list",
    /// Takes a key away.
    KeyRevoke = "key/revoke",
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

mod clients;
mod events;
mod keys;
mod log;
mod menu;
mod runs;
mod server;
mod session;

pub use clients::*;
pub use events::*;
pub use keys::*;
pub use log::*;
pub use menu::*;
pub use runs::*;
pub use server::*;
pub use session::*;

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
