//! `topsided menus`: the packs of commands that come with the server.

use clap::Subcommand;
use topside_shared::dirs::Dirs;
use topside_shared::tables::columns;
use topside_shared::text::{did_you_mean, similar};

use crate::base::path_trust::Trust;
use crate::base::platform;
use crate::config::{Config, ConfigError};
use crate::menu_file::COMMANDS_FILE;
use crate::menu_file::packs::{PACKS, Pack, PackState};

#[derive(Debug, Subcommand)]
pub(crate) enum MenusVerb {
    /// Add a pack to the menu: a link in commands.d
    Enable {
        /// The pack
        name: String,
    },
    /// Take a pack out of the menu
    Disable {
        /// The pack
        name: String,
    },
}

/// Runs the verb; without one, lists the packs. The text to print, or one sentence.
pub(crate) fn run(
    dirs: &Dirs,
    verb: Option<&MenusVerb>,
    load: impl Fn() -> Result<Config, ConfigError>,
) -> Result<String, String> {
    match verb {
        None => Ok(list(dirs)),
        Some(MenusVerb::Enable { name }) => enable(dirs, find(name)?, load),
        Some(MenusVerb::Disable { name }) => disable(dirs, find(name)?),
    }
}

fn find(name: &str) -> Result<Pack, String> {
    let names = PACKS.map(|pack| pack.name);
    PACKS
        .into_iter()
        .find(|pack| pack.name == name)
        .ok_or_else(|| format!("there is no pack `{name}`{}", did_you_mean(&similar(name, names))))
}

fn list(dirs: &Dirs) -> String {
    let trust = Trust::of_server(dirs);
    let rows = PACKS.map(|pack| {
        let state = match pack.state(&dirs.config) {
            PackState::Off => "off",
            PackState::Linked => "on (link)",
            PackState::Copied => "on (copy)",
            PackState::Other => "on (another file)",
        };
        let commands = match pack.load(trust) {
            Ok(menu) => {
                let all = menu.commands.len() + menu.left_out.len();
                format!("{} of {all} commands work here", menu.commands.len())
            }
            Err(error) => error.to_string(),
        };
        [pack.name.to_owned(), state.to_owned(), commands, pack.about().to_owned()]
    });
    columns(&rows)
}

fn enable(
    dirs: &Dirs,
    pack: Pack,
    load: impl Fn() -> Result<Config, ConfigError>,
) -> Result<String, String> {
    let (name, file) = (pack.name, pack.file(&dirs.config));
    let shown = file.display();
    match pack.state(&dirs.config) {
        PackState::Off => {}
        PackState::Linked | PackState::Copied => {
            return Ok(format!("{name} is enabled already: {shown}\n"));
        }
        PackState::Other => {
            return Err(format!(
                "{shown} exists and is not the pack `{name}` of this version: move it away first"
            ));
        }
    }
    let had_menu = dirs.config.join(COMMANDS_FILE).exists();
    let program = platform::own_program().ok();
    pack.enable(&dirs.config, program.as_deref())
        .map_err(|error| format!("{shown} cannot be made: {error}"))?;
    // A name that is taken would have the server refuse its whole menu.
    if let Err(error) = load() {
        let undone = pack.disable(&dirs.config);
        let undone = undone.map_or_else(
            |error| format!("{shown} stays ({error})"),
            |()| "nothing was changed".to_owned(),
        );
        return Err(format!(
            "with the pack `{name}` the configuration would be refused, so {undone}:\n{error}"
        ));
    }
    let mut said = format!("{name} enabled: {shown}\n");
    if let Ok(menu) = pack.load(Trust::of_server(dirs)) {
        for left in &menu.left_out {
            said.push_str(&format!("  left out: {}: {}\n", left.name, left.reason));
        }
    }
    if !had_menu {
        said.push_str(
            "there is no commands.toml, so the starter menu is not used beside the pack\n",
        );
    }
    said.push_str("`topside reload` has a running server read it\n");
    Ok(said)
}

fn disable(dirs: &Dirs, pack: Pack) -> Result<String, String> {
    let (name, file) = (pack.name, pack.file(&dirs.config));
    match pack.state(&dirs.config) {
        PackState::Off => Ok(format!("{name} is not enabled\n")),
        PackState::Other => Err(format!(
            "{} is not the pack `{name}` of this version: remove the file yourself if it is not needed",
            file.display()
        )),
        PackState::Linked | PackState::Copied => {
            pack.disable(&dirs.config)
                .map_err(|error| format!("{} cannot be removed: {error}", file.display()))?;
            Ok(format!("{name} disabled\n`topside reload` has a running server read the menu\n"))
        }
    }
}
