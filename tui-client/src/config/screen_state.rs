//! What the screen remembers between two starts: the side panes for each terminal width, and the favourite commands of
//! each server.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::history_file::file_name;
use super::state_file::{read, write};

/// A larger file is not written by this program.
const MAX_BYTES: u64 = 64 * 1024;
/// The widths from which on a choice of side panes is another one.
const WIDTHS: [u16; 5] = [0, 80, 110, 140, 200];
/// Most favourite commands of one server.
const MAX_FAVOURITES: usize = 100;

/// The panes of the console as the user chose them at one width; none: by the width.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct PaneChoice {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) menu: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) clients: Option<bool>,
    /// Whether the response pane has the whole screen.
    pub(crate) zoomed: bool,
    /// Whether a long line has one row, and the pane scrolls sideways.
    pub(crate) unwrapped: bool,
}

/// The choices, by the least width of each range of widths.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PaneChoices(BTreeMap<u16, PaneChoice>);

impl PaneChoices {
    /// The choice at a width.
    pub(crate) fn at(&self, width: u16) -> PaneChoice {
        self.0.get(&range_of(width)).copied().unwrap_or_default()
    }

    /// Changes the choice at a width.
    pub(crate) fn change(&mut self, width: u16, change: impl FnOnce(&mut PaneChoice)) {
        change(self.0.entry(range_of(width)).or_default());
    }

    /// Reads the choices.
    pub(crate) fn load(state: &Path) -> Self {
        read(&panes_path(state), MAX_BYTES).unwrap_or_default()
    }

    /// Writes the choices. Blocks for the disk.
    pub(crate) fn save(&self, state: &Path) {
        write(&panes_path(state), self);
    }
}

fn range_of(width: u16) -> u16 {
    WIDTHS.into_iter().rfind(|least| *least <= width).unwrap_or_default()
}

fn panes_path(state: &Path) -> PathBuf {
    state.join("panes.json")
}

fn favourites_path(state: &Path, server: &str) -> PathBuf {
    state.join("favourites").join(file_name(server))
}

/// The names of the favourite commands of a server.
pub(crate) fn favourites(state: &Path, server: &str) -> Vec<String> {
    let names: Option<Vec<String>> = read(&favourites_path(state, server), MAX_BYTES);
    let mut names = names.unwrap_or_default();
    names.truncate(MAX_FAVOURITES);
    names
}

/// Stores the names of the favourite commands of a server. Blocks for the disk.
pub(crate) fn save_favourites(state: &Path, server: &str, names: &[String]) {
    write(&favourites_path(state, server), &names);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_choice_of_panes_is_kept_for_its_range_of_widths() {
        let state = tempfile::tempdir().unwrap();
        let mut choices = PaneChoices::load(state.path());
        assert_eq!(choices, PaneChoices::default());
        choices.change(150, |choice| choice.menu = Some(false));
        choices.change(100, |choice| choice.unwrapped = true);
        choices.save(state.path());
        let read = PaneChoices::load(state.path());
        assert_eq!(read, choices);
        assert_eq!(read.at(199).menu, Some(false));
        assert!(read.at(80).unwrapped && read.at(109).unwrapped);
        for width in [40, 79, 110, 139, 200, 1000] {
            assert_eq!(read.at(width), PaneChoice::default(), "{width}");
        }
    }

    #[test]
    fn favourites_belong_to_one_server() {
        let state = tempfile::tempdir().unwrap();
        save_favourites(state.path(), "garden", &["zones".to_owned()]);
        assert_eq!(favourites(state.path(), "garden"), ["zones"]);
        assert!(favourites(state.path(), "Garden").is_empty());
    }

    #[test]
    fn a_broken_file_counts_as_absent() {
        let state = tempfile::tempdir().unwrap();
        for text in ["", "{", "[1]", "{\"140\":{\"menu\":7}}"] {
            std::fs::write(panes_path(state.path()), text).unwrap();
            assert_eq!(PaneChoices::load(state.path()), PaneChoices::default(), "{text}");
        }
    }
}
