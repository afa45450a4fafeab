//! Files of the client: saved servers, history of typed lines, cached menus, and the settings and the state of the screen.

mod atomic_file;
mod audit_position;
pub(crate) mod history_file;
mod keymap_file;
pub(crate) mod menu_cache;
mod profile_reader;
mod profile_writer;
pub(crate) mod profiles;
pub(crate) mod screen_state;
pub(crate) mod settings;
mod state_file;
mod theme_file;
mod toml_errors;
mod validation;

#[cfg(feature = "hub")]
pub(crate) use atomic_file::write_private;
pub(crate) use audit_position::AuditOf;
pub(crate) use history_file::History;
pub use profiles::{ConfigError, Profile, ProfileStore};
pub(crate) use profiles::{UnknownServer, key_of};
pub(crate) use screen_state::{PaneChoice, PaneChoices};
pub(crate) use settings::{Settings, SettingsFiles};
#[cfg(feature = "hub")]
pub(crate) use validation::tag;
pub(crate) use validation::{Field, port, validate};

/// The port of a server that says no other.
pub(crate) const DEFAULT_PORT: u16 = 8677;
pub(crate) const FILE_NAME: &str = "client.toml";
/// `config/client.toml`: every key with its default, and comments that explain it.
pub(crate) const SAMPLE: &str = include_str!("sample.toml");
/// How the screen calls the server of this machine; no saved server may be called so.
pub(crate) const THIS_MACHINE: &str = "this machine";
