//! Loads the configuration of a server, with the built-ins.

use std::path::Path;

use topside_shared::dirs::Dirs;

use crate::builtins;
use crate::config::{Config, ConfigError, Workers};

impl Config {
    /// Reads the files: those named, which must be there, or else those of the configuration
    /// directory, which need not be. Without a menu file the starter menu serves.
    ///
    /// # Errors
    /// [`ConfigError`]; nothing is taken of a file that is wrong anywhere.
    pub fn load(
        dirs: &Dirs,
        server_file: Option<&Path>,
        commands_file: Option<&Path>,
    ) -> Result<Self, ConfigError> {
        Self::read(dirs, server_file, commands_file, Workers(builtins::all()))
    }
}
