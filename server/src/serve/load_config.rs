//! Loads the configuration of a server, with the built-ins.

use std::path::Path;

use topside_shared::dirs::Dirs;

use crate::builtins;
use crate::config::{BuiltIns, Config, ConfigError};
use crate::server::ServerRef;
use crate::settings::host::Host;

impl Config {
    /// Reads the files: the named ones, which must exist, or else those of the configuration directory, which need
    /// not exist. Without a menu file the starter menu is used.
    ///
    /// # Errors
    /// [`ConfigError`]; a file with any error is not used.
    pub fn load(
        dirs: &Dirs,
        server_file: Option<&Path>,
        commands_file: Option<&Path>,
    ) -> Result<Self, ConfigError> {
        Self::read(
            dirs,
            server_file,
            commands_file,
            BuiltIns(builtins::all(&ServerRef::default(), &Host::default())),
        )
    }
}
