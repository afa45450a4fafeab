//! What Topside servers and clients share: messages and their framing, ids, times, errors, the declarations of commands, the
//! command line, keys, pins and invites. This crate draws nothing, and opens no sockets but to a hub (the feature `hub`).

#[macro_use]
mod wire_macros;

pub mod advice;
pub mod after_shutdown;
pub mod cmdline;
pub mod command;
pub mod dirs;
pub mod envelope;
pub mod error;
#[cfg(feature = "hub")]
pub mod fleet;
pub mod frame;
#[cfg(feature = "hub")]
pub mod hub;
pub mod ids;
pub mod invite;
pub mod json_checks;
pub mod methods;
pub mod notifications;
pub mod params;
pub mod pattern;
pub mod pin;
pub mod private_key;
pub mod records;
pub mod role;
pub mod server_record;
pub mod signals;
pub mod tables;
pub mod text;
pub mod time;
pub mod tls;
pub mod values;

pub use error::{ErrorKind, RpcError};
pub use ids::{ClientId, FileId, RunId, SubscriptionId};
pub use pin::Pin;
pub use role::{Connection, Role};
pub use time::Time;

/// The version of the wire: one integer, raised only when an older peer could no longer follow.
pub const PROTOCOL_VERSION: u32 = 1;
