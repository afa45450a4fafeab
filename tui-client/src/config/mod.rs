//! What the client keeps: the saved servers, what was typed to each, the menu that each showed last, and how the
//! screen looks and listens.

mod audit_seen;
mod edit;
mod file;
pub mod history;
mod keymap;
pub(crate) mod menu_cache;
mod place;
pub mod profiles;
mod read;
pub(crate) mod settings;
mod theme;
mod validate;

pub(crate) use audit_seen::AuditOf;
pub use history::History;
pub use profiles::{ConfigError, Profile, ProfileStore, UnknownServer};
pub(crate) use settings::{Settings, SettingsFiles};
pub use validate::{Field, FieldError, validate};

/// The port of a server that says no other.
pub const DEFAULT_PORT: u16 = 8677;
/// File name of the saved servers in the configuration directory.
pub const FILE_NAME: &str = "client.toml";
/// How the screen calls the server of this machine; no saved server may be called so.
pub const THIS_MACHINE: &str = "this machine";
