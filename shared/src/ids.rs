//! Numbers that the server assigns. Each kind is a type of its own, so that they cannot be confused.

use std::fmt;

use serde::{Deserialize, Serialize};

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub u64);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "#{}", self.0)
            }
        }
    };
}

id! {
    /// One live connection. People see it as `#7`.
    ClientId
}
id! {
    /// One execution of a command. People see it as `#7`.
    RunId
}
id! {
    /// One file that a client sends for a run.
    FileId
}
id! {
    /// One `events/subscribe` of one connection.
    SubscriptionId
}
