//! Packs: menu files for common systems, which come with the server.

use std::io;
use std::path::{Path, PathBuf};

use crate::base::path_trust::Trust;
use crate::base::toml_file::errors::FileErrors;
use crate::base::{atomic_file, platform};
use crate::menu_file::{COMMANDS_DIR, Menu, Missing, Source, load};

/// A pack, as it is compiled in.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pack {
    pub(crate) name: &'static str,
    text: &'static str,
}

pub(crate) const PACKS: [Pack; 5] = [
    Pack { name: "debian", text: include_str!("packs/debian.toml") },
    Pack { name: "raspberry-pi", text: include_str!("packs/raspberry-pi.toml") },
    Pack { name: "systemd", text: include_str!("packs/systemd.toml") },
    Pack { name: "docker", text: include_str!("packs/docker.toml") },
    Pack { name: "network", text: include_str!("packs/network.toml") },
];

/// Where packages and archives install the packs, from the directory of the program.
const INSTALLED: &str = "../share/topside/menus";

/// Whether a pack is in a menu.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum PackState {
    Off,
    /// A link to the installed file, which an upgrade keeps up to date.
    Linked,
    /// A copy of the pack of this version.
    Copied,
    /// Another file has the name of the pack: an older copy, or one that was edited.
    Other,
}

impl Pack {
    /// What it is for: its first line.
    pub(crate) fn about(&self) -> &'static str {
        self.text.lines().next().unwrap_or_default().trim_start_matches("# ")
    }

    /// Its commands that this machine can run, and those that are left out.
    pub(crate) fn load(&self, trust: Trust) -> Result<Menu, FileErrors> {
        load(&[Source { name: self.name, text: self.text }], &[], Missing::Leave, trust)
    }

    /// Its file in the configuration directory.
    pub(crate) fn file(&self, config: &Path) -> PathBuf {
        config.join(COMMANDS_DIR).join(format!("{}.toml", self.name))
    }

    pub(crate) fn state(&self, config: &Path) -> PackState {
        let file = self.file(config);
        if file.is_symlink() {
            let target = std::fs::read_link(&file).unwrap_or_default();
            return match target.ends_with(format!("topside/menus/{}.toml", self.name)) {
                true => PackState::Linked,
                false => PackState::Other,
            };
        }
        match std::fs::read_to_string(&file) {
            Ok(text) if text == self.text => PackState::Copied,
            Ok(_) => PackState::Other,
            Err(error) if error.kind() == io::ErrorKind::NotFound => PackState::Off,
            Err(_) => PackState::Other,
        }
    }

    /// Adds it to the menu: a link to the installed file beside `program`, or a copy where none is installed.
    pub(crate) fn enable(&self, config: &Path, program: Option<&Path>) -> io::Result<()> {
        let file = self.file(config);
        let directory = config.join(COMMANDS_DIR);
        if !directory.exists() {
            std::fs::create_dir_all(&directory)?;
            platform::set_mode(&directory, 0o755)?;
        }
        let installed = program.and_then(Path::parent).map(|bin| bin.join(INSTALLED));
        let installed = installed.and_then(|menus| menus.canonicalize().ok());
        let installed = installed.map(|menus| menus.join(format!("{}.toml", self.name)));
        match installed.filter(|installed| installed.is_file()) {
            Some(installed) => std::os::unix::fs::symlink(installed, file),
            None => {
                atomic_file::write(&file, self.text.as_bytes())?;
                platform::set_mode(&file, 0o644)
            }
        }
    }

    /// Takes it out of the menu.
    pub(crate) fn disable(&self, config: &Path) -> io::Result<()> {
        std::fs::remove_file(self.file(config))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::menu_file::{STARTER, STARTER_NAME};

    #[test]
    fn all_packs_load_together_with_the_starter_menu() {
        let trust = Trust::of_this_process();
        let packs = PACKS.iter().map(|pack| Source { name: pack.name, text: pack.text });
        let starter = Source { name: STARTER_NAME, text: STARTER };
        let sources: Vec<Source<'_>> = packs.chain([starter]).collect();
        let menu = load(&sources, &[], Missing::Leave, trust).unwrap();
        assert!(menu.commands.len() + menu.left_out.len() > 60);
        for pack in PACKS {
            assert!(pack.about().ends_with('.'), "{}", pack.about());
            let menu = pack.load(trust).unwrap();
            let names: HashSet<&str> =
                menu.commands.iter().map(|item| &*item.info().name).collect();
            assert!(names.len() + menu.left_out.len() >= 11, "{}", pack.name);
            for item in &menu.commands {
                let info = item.info();
                assert_ne!(info.title, info.name, "{} of {} has no title", info.name, pack.name);
            }
        }
    }
}
