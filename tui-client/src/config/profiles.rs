//! Saved servers, in `client.toml`.
//!
//! The user owns the file: a change is written at its place, and what another program changed meanwhile is kept.

use std::io;
use std::path::{Path, PathBuf};

use serde::Serialize;
use topside_shared::Pin;
use topside_shared::text::{MAX_NAME, clean, did_you_mean, nearest};

use super::atomic_file::Replacement;
use super::profile_reader::{Contents, ProfileEntry, read};
use super::toml_errors::bytes;
use super::validation::{Field, FieldError, validate};
use super::{THIS_MACHINE, profile_writer};

/// Most saved servers that a sentence lists.
const MAX_LISTED: usize = 8;

/// A saved server.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Profile {
    /// What the user calls it.
    pub name: String,
    /// Its address on the LAN.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lan: Option<String>,
    /// The router's outside address, or a host name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub internet: Option<String>,
    /// The port, on the LAN and, unless [`Profile::internet_port`] says otherwise, at the router.
    pub port: u16,
    /// The port at the router.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub internet_port: Option<u16>,
    /// The pin of the server's key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pin: Option<String>,
    /// Names of groups that it belongs to, for `topside run --on tag:NAME`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
}

impl Profile {
    /// Its addresses without ports, that on the LAN first.
    pub(crate) fn hosts(&self) -> String {
        let hosts = [&self.lan, &self.internet].into_iter().flatten();
        hosts.map(String::as_str).collect::<Vec<_>>().join(", ")
    }

    pub(crate) fn key(&self) -> Option<Pin> {
        key_of(self.pin.as_deref())
    }
}

/// A pin of client.toml in one form: the file may have it in capitals.
pub(crate) fn key_of(pin: Option<&str>) -> Option<Pin> {
    pin?.parse().ok()
}

/// Why the saved servers cannot be read, changed or written.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The system cannot read the file.
    #[error("cannot read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// The file has a mistake.
    #[error("{}:{line}:{column}: {message}", path.display())]
    Invalid {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// The column in characters, from 1.
        column: usize,
        /// What is wrong there.
        message: String,
    },
    /// A value breaks a rule.
    #[error(transparent)]
    Field(#[from] FieldError),
    /// No saved server has this name.
    #[error("there is no saved server called `{name}`")]
    Unknown {
        /// The name.
        name: String,
    },
    /// The system cannot write the file.
    #[error("cannot write {}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
}

/// The saved server that the user named cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum UnknownServer {
    /// `near` suggests similar names, or lists the saved servers.
    #[error("there is no saved server {name}{near}")]
    NoSuch { name: String, near: String },
    #[error("the saved server {name} has a mistake: {mistake}")]
    Hidden { name: String, mistake: String },
}

#[derive(Debug, Clone)]
enum Change {
    Add(Profile),
    Replace { old: Profile, new: Profile },
    Remove(String),
}

/// The saved servers, and the changes that [`ProfileStore::save`] will write.
#[derive(Debug, Clone)]
pub struct ProfileStore {
    path: PathBuf,
    /// As saved last, with the changes applied.
    entries: Vec<ProfileEntry>,
    /// The `entries` without a mistake.
    profiles: Vec<Profile>,
    mistakes: Vec<Mistake>,
    changes: Vec<Change>,
}

#[derive(Debug, Clone)]
struct Mistake {
    /// The name of the entry that it hides, if it has one.
    name: Option<String>,
    /// With file, line and column.
    sentence: String,
}

impl ProfileStore {
    /// Reads the file; without one there are no saved servers. A mistake in an entry hides that entry only.
    ///
    /// # Errors
    /// [`ConfigError::Read`] and [`ConfigError::Invalid`].
    pub fn load(path: impl Into<PathBuf>) -> Result<Self, ConfigError> {
        let path = path.into();
        let contents = read(&path, &bytes(&path)?)?;
        let (entries, profiles, mistakes) = (Vec::new(), Vec::new(), Vec::new());
        let mut store = Self { path, entries, profiles, mistakes, changes: Vec::new() };
        store.take(contents.entries, contents.mistakes);
        Ok(store)
    }

    fn take(&mut self, entries: Vec<ProfileEntry>, mistakes: Vec<(Option<String>, ConfigError)>) {
        let mistake =
            |(name, error): (_, ConfigError)| Mistake { name, sentence: error.to_string() };
        self.mistakes = mistakes.into_iter().map(mistake).collect();
        self.profiles = visible(&entries).cloned().collect();
        self.entries = entries;
    }

    /// A sentence for each mistake in the file, with its line and column.
    pub(crate) fn mistakes(&self) -> impl ExactSizeIterator<Item = &str> {
        self.mistakes.iter().map(|mistake| mistake.sentence.as_str())
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The saved servers, in the order of the file.
    pub fn profiles(&self) -> &[Profile] {
        &self.profiles
    }

    pub(crate) fn get(&self, name: &str) -> Option<&Profile> {
        self.profiles.iter().find(|profile| profile.name == name)
    }

    /// The saved server that the user named.
    pub(crate) fn find(&self, name: &str) -> Result<&Profile, UnknownServer> {
        self.get(name).ok_or_else(|| {
            let hidden = |mistake: &&Mistake| mistake.name.as_deref() == Some(name);
            if let Some(Mistake { sentence, .. }) = self.mistakes.iter().find(hidden) {
                let (name, mistake) = (clean(name, MAX_NAME), sentence.clone());
                return UnknownServer::Hidden { name, mistake };
            }
            let names = self.profiles.iter().map(|profile| profile.name.as_str());
            let near = match &nearest(name, names.clone().chain([THIS_MACHINE]))[..] {
                [] => listed(names),
                near => did_you_mean(near),
            };
            UnknownServer::NoSuch { name: clean(name, MAX_NAME), near }
        })
    }

    /// Adds a server at the end.
    ///
    /// # Errors
    /// [`ConfigError::Field`]; nothing is changed then.
    pub fn add(&mut self, profile: Profile) -> Result<(), ConfigError> {
        self.change(Change::Add(profile))
    }

    /// Replaces the server called `name`.
    ///
    /// # Errors
    /// [`ConfigError::Field`] and [`ConfigError::Unknown`]; nothing is changed then.
    pub fn replace(&mut self, name: &str, profile: Profile) -> Result<(), ConfigError> {
        let old = self.get(name).cloned().ok_or(ConfigError::Unknown { name: name.to_owned() })?;
        self.change(Change::Replace { old, new: profile })
    }

    /// Removes the server called `name`.
    ///
    /// # Errors
    /// [`ConfigError::Unknown`].
    pub fn remove(&mut self, name: &str) -> Result<(), ConfigError> {
        self.get(name).ok_or(ConfigError::Unknown { name: name.to_owned() })?;
        self.change(Change::Remove(name.to_owned()))
    }

    /// Writes the changes into the file, and reads what another program changed there. After an error the file is
    /// unchanged, and the changes stay for the next try.
    ///
    /// # Errors
    /// [`ConfigError`].
    pub fn save(&mut self) -> Result<(), ConfigError> {
        if self.changes.is_empty() {
            return Ok(());
        }
        let failed = |source| ConfigError::Write { path: self.path.clone(), source };
        let replacement = Replacement::begin(&self.path).map_err(failed)?;
        let contents = read(&self.path, &bytes(&self.path)?)?;
        let Contents { document, mut entries, mistakes } = contents;
        let mut document = document.into_mut();
        for change in &self.changes {
            let Some(change) = rebase(change, &entries) else { continue };
            write(&mut document, &entries, &change);
            apply(&mut entries, &change)?;
        }
        replacement.commit(&document.to_string()).map_err(failed)?;
        self.take(entries, mistakes);
        self.changes.clear();
        Ok(())
    }

    fn change(&mut self, change: Change) -> Result<(), ConfigError> {
        apply(&mut self.entries, &change)?;
        self.profiles = visible(&self.entries).cloned().collect();
        self.changes.push(change);
        Ok(())
    }
}

/// The end of a sentence that lists the saved servers.
fn listed<'n>(names: impl ExactSizeIterator<Item = &'n str>) -> String {
    let more = names.len().saturating_sub(MAX_LISTED);
    let list: Vec<&str> = names.take(MAX_LISTED).collect();
    match (&list[..], more) {
        ([], _) => "; none is saved yet: `topside pair INVITE` saves one".to_owned(),
        (list, 0) => format!("; saved are: {}", list.join(", ")),
        (list, more) => format!("; saved are: {} and {more} more", list.join(", ")),
    }
}

fn visible(entries: &[ProfileEntry]) -> impl Iterator<Item = &Profile> {
    entries.iter().filter_map(|entry| entry.profile.as_ref())
}

fn position(entries: &[ProfileEntry], name: &str) -> Option<usize> {
    let is_named =
        |entry: &ProfileEntry| entry.profile.as_ref().is_some_and(|profile| profile.name == name);
    entries.iter().position(is_named)
}

/// The change on the current content of the file; none where it is in the file already.
fn rebase(change: &Change, entries: &[ProfileEntry]) -> Option<Change> {
    let find = |name: &str| visible(entries).find(|profile| profile.name == name);
    match change {
        Change::Add(profile) if find(&profile.name) == Some(profile) => None,
        Change::Remove(name) if find(name).is_none() => None,
        Change::Replace { old, new } => {
            let Some(now) = find(&old.name) else { return Some(change.clone()) };
            // Only what changed here: another program may have changed another field.
            fn pick<T: PartialEq + Clone>(old: &T, new: &T, now: &T) -> T {
                if old == new { now.clone() } else { new.clone() }
            }
            let new = Profile {
                name: new.name.clone(),
                lan: pick(&old.lan, &new.lan, &now.lan),
                internet: pick(&old.internet, &new.internet, &now.internet),
                port: pick(&old.port, &new.port, &now.port),
                internet_port: pick(&old.internet_port, &new.internet_port, &now.internet_port),
                pin: pick(&old.pin, &new.pin, &now.pin),
                tags: pick(&old.tags, &new.tags, &now.tags),
            };
            Some(Change::Replace { old: now.clone(), new })
        }
        _ => Some(change.clone()),
    }
}

fn write(document: &mut toml_edit::DocumentMut, entries: &[ProfileEntry], change: &Change) {
    let index = |name: &str| position(entries, name);
    match change {
        Change::Add(profile) => profile_writer::add(document, profile),
        Change::Replace { old, new } => {
            if let Some(index) = index(&old.name) {
                profile_writer::replace(document, index, old, new);
            }
        }
        Change::Remove(name) => {
            if let Some(index) = index(name) {
                profile_writer::remove(document, index);
            }
        }
    }
}

fn apply(entries: &mut Vec<ProfileEntry>, change: &Change) -> Result<(), ConfigError> {
    let known = |name: &str| {
        position(entries, name).ok_or_else(|| ConfigError::Unknown { name: name.to_owned() })
    };
    // The name of an entry with a mistake is taken too: the mistake may be corrected later.
    let taken = |name: &str| entries.iter().position(|entry| entry.name.as_deref() == Some(name));
    let free = |name: &str, but: Option<usize>| match taken(name) {
        Some(other) if Some(other) != but => Err(FieldError {
            field: Field::Name,
            message: format!("name `{name}` is taken: choose another"),
        }),
        _ => Ok(()),
    };
    match change {
        Change::Add(profile) => {
            validate(profile)?;
            free(&profile.name, None)?;
            entries.push(profile.clone().into());
        }
        Change::Replace { old, new } => {
            validate(new)?;
            let place = known(&old.name)?;
            free(&new.name, Some(place))?;
            entries[place] = new.clone().into();
        }
        Change::Remove(name) => {
            let place = known(name)?;
            entries.remove(place);
        }
    }
    Ok(())
}

#[cfg(test)]
#[path = "profiles_tests.rs"]
mod tests;
