//! Files of the client: saved servers, history of typed lines, cached menus, and the settings of the screen.

mod atomic_file;
mod audit_position;
pub mod history_file;
mod keymap_file;
pub(crate) mod menu_cache;
mod profile_reader;
mod profile_writer;
pub mod profiles;
pub(crate) mod settings;
mod theme_file;
mod toml_errors;
mod validation;

pub(crate) use audit_position::AuditOf;
pub use history_file::History;
pub use profiles::{ConfigError, Profile, ProfileStore, UnknownServer};
pub(crate) use settings::{Settings, SettingsFiles};
pub use validation::{Field, FieldError, validate};

/// The port of a server that says no other.
pub const DEFAULT_PORT: u16 = 8677;
/// File name of the saved servers in the configuration directory.
pub const FILE_NAME: &str = "client.toml";
/// How the screen calls the server of this machine; no saved server may be called so.
pub const THIS_MACHINE: &str = "this machine";
