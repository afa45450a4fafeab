//! The boxes that `--on` names: saved servers and boxes of fleets, by name, by tag, or all of them.

use std::collections::{HashMap, HashSet};

use topside_shared::Pin;
use topside_shared::dirs::Dirs;
use topside_shared::text::{MAX_NAME, clean, did_you_mean, nearest};

use super::target_box::{KnownBoxes, TargetBox, UnknownBox};
use crate::config::{Profile, ProfileStore, THIS_MACHINE};
#[cfg(feature = "hub")]
use crate::connect::fleets::refresh_all as ask_hubs;
use crate::connect::{FleetBoxes, Via};

/// Stands for every saved server and every box of a fleet.
pub(crate) const ALL: &str = "all";
/// Begins the name of a tag.
pub(crate) const TAG: &str = "tag:";

/// The boxes of a list, each once, in the order of the list.
#[derive(Debug, Clone)]
pub(crate) struct Selection {
    pub(crate) boxes: Vec<TargetBox>,
    /// Whether each was given by its name. Otherwise client.toml and the fleets say how many they are.
    pub(crate) is_explicit: bool,
    /// The saved servers that are left out, because the list has their key already.
    pub(crate) left_out: Vec<LeftOut>,
}

/// A saved server that is left out of a list: another one of the list has its key, so both are one server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LeftOut {
    name: String,
    /// The one that stays in the list.
    kept: String,
}

/// One sentence about the servers that are left out; none if there are none.
pub(crate) fn left_out_sentence(left_out: &[LeftOut]) -> Option<String> {
    let same = |one: &LeftOut| format!("{} has the key of {}", one.name, one.kept);
    let same: Vec<String> = left_out.iter().map(same).collect();
    match &same[..] {
        [] => None,
        [same] => Some(format!("{same}: they are one server, and the command runs there once")),
        same => {
            Some(format!("{}: the command runs once on each of these servers", same.join(", ")))
        }
    }
}

/// Why a list does not say which boxes are meant.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum SelectionError {
    #[error(
        "--on {list}: a name is empty; write names, tag:NAME or all, with a comma between them"
    )]
    EmptyName { list: String },
    #[error(transparent)]
    Unknown(#[from] UnknownBox),
    #[error("no saved server or box of a fleet has the tag {tag}{near}")]
    NoSuchTag { tag: String, near: String },
    #[error("no server is saved: `topside pair INVITE` saves one")]
    NoneSaved,
    #[error("{mistake}; with it --on {list} may leave a box out")]
    Fleets { list: String, mistake: String },
    #[error("{mistake}: correct it first, for with it --on {list} may leave a box out")]
    Mistake { list: String, mistake: String },
    #[error("--via same leads to this machine, and --on {list} names others: leave --via out")]
    SameMachine { list: String },
    #[error(
        "--via lan and --via internet lead to saved servers: leave `{THIS_MACHINE}` out of --on"
    )]
    ThisMachine,
}

#[cfg(not(feature = "hub"))]
fn ask_hubs(_state: &std::path::Path) -> Vec<String> {
    Vec::new()
}

/// Whether `list` may name several boxes. The name of a saved server never does, even if it looks like a list.
pub(crate) fn is_list(list: &str, store: &ProfileStore) -> bool {
    store.get(list).is_none() && (list == ALL || list.starts_with(TAG) || list.contains(','))
}

/// Asks the hubs for the boxes of the fleets, if a list has a group, or a name that this device does not know. Returns a
/// sentence for each hub that did not answer.
pub(crate) fn refresh(list: &str, store: &ProfileStore, dirs: &Dirs) -> Vec<String> {
    let known = KnownBoxes::new(store, dirs);
    let needs = |name: &str| {
        let is_group = name == ALL || name.starts_with(TAG);
        let is_unknown = || {
            matches!(
                known.find(name, Via::Auto),
                Err(UnknownBox::Server(_) | UnknownBox::NoBox { .. })
            )
        };
        name != THIS_MACHINE && store.get(name).is_none() && (is_group || is_unknown())
    };
    match list.split(',').map(str::trim).any(needs) {
        true => ask_hubs(&dirs.state),
        false => Vec::new(),
    }
}

/// The boxes of a list of names, tags and `all`. Two with one key are one box.
pub(crate) fn select(
    list: &str,
    via: Via,
    store: &ProfileStore,
    dirs: &Dirs,
) -> Result<Selection, SelectionError> {
    let shown = || clean(list, MAX_NAME);
    if via == Via::Same {
        return Err(SelectionError::SameMachine { list: shown() });
    }
    let known = KnownBoxes::new(store, dirs);
    let mut selection = Selection { boxes: Vec::new(), is_explicit: true, left_out: Vec::new() };
    for name in list.split(',').map(str::trim) {
        let tag = name.strip_prefix(TAG);
        if name.is_empty() || tag == Some("") {
            return Err(SelectionError::EmptyName { list: shown() });
        }
        if store.get(name).is_none() && (name == ALL || tag.is_some()) {
            selection.is_explicit = false;
            if let Some(mistake) = store.mistakes().next() {
                return Err(SelectionError::Mistake { list: shown(), mistake: mistake.to_owned() });
            }
            let wrong = |mistake| SelectionError::Fleets { list: shown(), mistake };
            let fleets = known.fleets().map_err(wrong)?;
            if let Some(mistake) = fleets.mistake.clone() {
                return Err(wrong(mistake));
            }
            let boxes = group(tag, via, (store, fleets), dirs)?;
            selection.boxes.extend(boxes);
        } else if name == THIS_MACHINE && via != Via::Auto {
            return Err(SelectionError::ThisMachine);
        } else {
            selection.boxes.push(known.find(name, via)?);
        }
    }
    Ok(selection.distinct())
}

/// The names of these servers (name and pin), one for each box, and those that are left out: two with one key are one box.
pub(crate) fn distinct<'p>(
    servers: impl IntoIterator<Item = (&'p str, Option<&'p str>)>,
) -> (Vec<String>, Vec<LeftOut>) {
    let mut boxes: Vec<(&str, Option<&str>)> = Vec::new();
    let mut left_out = Vec::new();
    for (name, pin) in servers {
        match boxes.iter().find(|(_, other)| pin.is_some() && *other == pin) {
            Some((kept, _)) => {
                left_out.push(LeftOut { name: name.to_owned(), kept: (*kept).to_owned() });
            }
            None => boxes.push((name, pin)),
        }
    }
    (boxes.into_iter().map(|(name, _)| name.to_owned()).collect(), left_out)
}

/// The saved servers and the boxes of fleets with this tag, or all.
fn group(
    tag: Option<&str>,
    via: Via,
    (store, fleets): (&ProfileStore, &FleetBoxes),
    dirs: &Dirs,
) -> Result<Vec<TargetBox>, SelectionError> {
    let has = |profile: &&Profile| tag.is_none_or(|tag| profile.tags.iter().any(|own| own == tag));
    let saved = store.profiles().iter().filter(has);
    let mut boxes: Vec<TargetBox> =
        saved.map(|profile| TargetBox::saved(profile, via, dirs)).collect();
    let keys: HashSet<Pin> = boxes.iter().filter_map(TargetBox::key).collect();
    // A saved server that is a box of a fleet too keeps its own name.
    let of_fleets = fleets.tagged(tag).filter(|each| !keys.contains(&each.pin));
    boxes.extend(of_fleets.map(|each| {
        // The name alone is that of the saved server.
        let is_saved = store.get(&each.name).is_some();
        let name = if is_saved { each.full_name() } else { fleets.name(each) };
        TargetBox::of_fleet(each, name, via, dirs)
    }));
    match tag {
        _ if !boxes.is_empty() => Ok(boxes),
        None => Err(SelectionError::NoneSaved),
        Some(tag) => {
            let tags = tags(store, fleets);
            let near = match &nearest(tag, tags.iter().copied())[..] {
                [] if tags.is_empty() => {
                    "; none has a tag yet: `topside edit NAME --tags TAG` gives it one".to_owned()
                }
                [] => format!("; tags are: {}", tags.join(", ")),
                near => did_you_mean(near),
            };
            Err(SelectionError::NoSuchTag { tag: clean(tag, MAX_NAME), near })
        }
    }
}

/// The tags of the saved servers and of the boxes of fleets, each once.
pub(crate) fn tags<'s>(store: &'s ProfileStore, fleets: &'s FleetBoxes) -> Vec<&'s str> {
    let saved = store.profiles().iter().flat_map(|profile| &profile.tags).map(String::as_str);
    let mut tags: Vec<&str> = saved.chain(fleets.tags()).collect();
    tags.sort_unstable();
    tags.dedup();
    tags
}

impl Selection {
    /// Leaves each box where it stands first. Two with one name or one key are one box.
    fn distinct(mut self) -> Self {
        let (mut names, mut keys) = (HashSet::new(), HashMap::new());
        for each in std::mem::take(&mut self.boxes) {
            let same = each.key().and_then(|key| keys.get(&key)).cloned();
            match same {
                _ if names.contains(&each.name) => {}
                Some(kept) => {
                    let left_out = LeftOut { name: each.name, kept };
                    if !self.left_out.contains(&left_out) {
                        self.left_out.push(left_out);
                    }
                }
                None => {
                    names.insert(each.name.clone());
                    keys.extend(each.key().map(|key| (key, each.name.clone())));
                    self.boxes.push(each);
                }
            }
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;
    use crate::config::FILE_NAME;

    const FILE: &str = r#"
        server = [
            { name = "a", tags = ["garden", "wet"], lan = "192.0.2.1", pin = "sha256:PIN1" },
            { name = "b", tags = ["garden"], lan = "192.0.2.2" },
            { name = "c", tags = ["dry"], lan = "192.0.2.3", pin = "sha256:PIN3" },
            { name = "c again", lan = "192.0.2.4", pin = "sha256:PIN3" },
            { name = "x, y", lan = "192.0.2.5" },
        ]
    "#;

    fn select_in(file: &str, list: &str, via: Via) -> Result<(String, bool), String> {
        let selection = selection_in(file, list, via)?;
        let names: Vec<&str> = selection.boxes.iter().map(|each| each.name.as_str()).collect();
        Ok((names.join("|"), selection.is_explicit))
    }

    fn selection_in(file: &str, list: &str, via: Via) -> Result<Selection, String> {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join(FILE_NAME);
        let pin = |digit: &str| format!("{}{digit}", "0".repeat(63));
        let file = file.replace("PIN1", &pin("1")).replace("PIN3", &pin("3"));
        std::fs::write(&path, file).unwrap();
        let store = ProfileStore::load(path).unwrap();
        let dir = PathBuf::from("/nowhere");
        let (config, state, runtime) = (dir.clone(), dir.clone(), dir);
        let dirs = Dirs { config, state, runtime, runtime_only: true };
        select(list, via, &store, &dirs).map_err(|error| error.to_string())
    }

    #[test]
    fn a_server_that_is_left_out_because_of_its_key_is_named() {
        for (list, says) in [
            ("a,b,a", None),
            (
                "c again,a,c,c",
                Some(
                    "c has the key of c again: they are one server, and the command runs there once",
                ),
            ),
            (
                "all",
                Some(
                    "c again has the key of c: they are one server, and the command runs there once",
                ),
            ),
        ] {
            let selection = selection_in(FILE, list, Via::Auto).unwrap();
            assert_eq!(left_out_sentence(&selection.left_out).as_deref(), says, "{list}");
        }
        let file =
            FILE.replace("lan = \"192.0.2.5\"", "lan = \"192.0.2.5\", pin = \"sha256:PIN1\"");
        let selection = selection_in(&file, "all", Via::Auto).unwrap();
        let says = "c again has the key of c, x, y has the key of a: the command runs once on each of these servers";
        assert_eq!(left_out_sentence(&selection.left_out).as_deref(), Some(says));
    }

    #[test]
    fn names_tags_and_all_are_resolved_in_their_order_and_each_box_once() {
        for (list, want, explicit) in [
            ("c,a", "c|a", true),
            ("a, b ,a", "a|b", true),
            ("tag:garden", "a|b", false),
            ("tag:dry,tag:garden,a", "c|a|b", false),
            ("all", "a|b|c|x, y", false),
            ("c again,c", "c again", true),
            ("b,this machine", "b|this machine", true),
        ] {
            let found = select_in(FILE, list, Via::Auto);
            assert_eq!(found, Ok((want.to_owned(), explicit)), "{list}");
        }
    }

    #[test]
    fn what_names_no_box_is_one_sentence() {
        for (list, via, says) in [
            ("a,", Via::Auto, "--on a,: a name is empty"),
            ("tag:", Via::Auto, "a name is empty"),
            ("a,bb", Via::Auto, "there is no saved server bb"),
            (
                "tag:gardn",
                Via::Auto,
                "no saved server or box of a fleet has the tag gardn: did you mean",
            ),
            ("tag:cellar", Via::Auto, "; tags are: dry, garden, wet"),
            ("a,b", Via::Same, "--via same leads to this machine"),
            ("a,this machine", Via::Lan, "leave `this machine` out"),
        ] {
            let error = select_in(FILE, list, via).unwrap_err();
            assert!(error.contains(says), "{list}: {error}");
        }
        let mistake = FILE.replace("[\"dry\"]", "\"dry\"");
        let error = select_in(&mistake, "tag:garden", Via::Auto).unwrap_err();
        assert!(error.contains("client.toml:5:34: tags is a list"), "{error}");
        assert!(select_in(&mistake, "a,b", Via::Auto).is_ok());
        assert!(select_in("", "all", Via::Auto).unwrap_err().contains("no server is saved"));
    }
}
