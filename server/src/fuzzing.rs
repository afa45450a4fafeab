//! What the fuzz targets reach beside the way in. Only under `cfg(fuzzing)`, which cargo-fuzz sets: no server
//! in use has this. `server.toml` needs nothing here, for what is read of it is public.

use topside_shared::command::Command;

use crate::base::path_trust::Trust;
use crate::base::toml_file::errors::FileErrors;
use crate::menu_file;
use crate::menu_file::{Missing, Source};

/// The commands of a menu file, as clients see them, and how many the machine cannot run.
///
/// # Errors
/// The mistakes of the file, none of them about the programs of the machine.
pub fn menu(text: &str) -> Result<(Vec<Command>, usize), FileErrors> {
    let reserved =
        crate::menu::reserved_names(&crate::builtins::all(&crate::server::ServerRef::default()));
    let reserved: Vec<&str> = reserved.iter().map(String::as_str).collect();
    let menu = menu_file::load(
        &[Source { name: "commands.toml", text }],
        &reserved,
        Missing::Leave,
        Trust::of_this_process(),
    )?;
    let commands = menu.commands.into_iter().map(|item| item.info().clone()).collect();
    Ok((commands, menu.left_out.len()))
}
