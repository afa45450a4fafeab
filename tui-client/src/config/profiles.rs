//! Saved servers, in `client.toml`.
//!
//! The file is the person's own: what the screen changes is written into it where it stands, and a
//! change that somebody made to the file meanwhile is kept.

use std::io;
use std::path::{Path, PathBuf};

use topside_shared::text::{MAX_NAME, clean, did_you_mean, nearest};

use super::atomic_file::Replacement;
use super::profile_reader::{Contents, ProfileEntry, read};
use super::toml_errors::bytes;
use super::validation::{Field, FieldError, validate};
use super::{THIS_MACHINE, profile_writer};

/// So many saved servers are listed in a sentence.
const MAX_LISTED: usize = 8;

/// A saved server.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Profile {
    /// What the person calls it.
    pub name: String,
    /// Its address on the LAN.
    pub lan: Option<String>,
    /// The router's outside address, or a host name.
    pub internet: Option<String>,
    /// The port, on the LAN and, unless [`Profile::internet_port`] says otherwise, at the router.
    pub port: u16,
    /// The port at the router.
    pub internet_port: Option<u16>,
    /// What the server's key is known by.
    pub pin: Option<String>,
    /// Names of groups that it belongs to, for `topside run --on tag:NAME`.
    pub tags: Vec<String>,
}

/// Why the saved servers cannot be read, changed or written.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's own words.
        source: io::Error,
    },
    /// What stands in the file is wrong.
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
    /// There is no such server, perhaps any more.
    #[error("there is no saved server called `{name}`")]
    Unknown {
        /// The name.
        name: String,
    },
    /// The file cannot be written.
    #[error("cannot write {}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// The system's own words.
        source: io::Error,
    },
}

/// No saved server can be found by a name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UnknownServer {
    /// No saved server is called so.
    #[error("there is no saved server {name}{near}")]
    NoSuch {
        /// The name.
        name: String,
        /// The names that may have been meant, or those that there are.
        near: String,
    },
    /// A mistake hides its entry.
    #[error("the saved server {name} has a mistake: {mistake}")]
    Hidden {
        /// The name.
        name: String,
        /// The mistake, with its place.
        mistake: String,
    },
}

/// One change that is not in the file yet.
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
    /// Those of `entries` that have no mistake.
    profiles: Vec<Profile>,
    mistakes: Vec<Mistake>,
    changes: Vec<Change>,
}

/// A mistake that hides an entry of the file, or a part of the file that is none.
#[derive(Debug, Clone)]
struct Mistake {
    /// The name of the entry, if it has one.
    name: Option<String>,
    /// The sentence, with file, line and column.
    sentence: String,
}

impl ProfileStore {
    /// Reads the file; where there is none, there are no saved servers. A mistake in an entry hides that entry only:
    /// [`ProfileStore::mistakes`].
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

    /// A sentence for each mistake in the file, with its line and column. What it concerns is not shown.
    pub fn mistakes(&self) -> impl ExactSizeIterator<Item = &str> {
        self.mistakes.iter().map(|mistake| mistake.sentence.as_str())
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The saved servers, in the order of the file.
    pub fn profiles(&self) -> &[Profile] {
        &self.profiles
    }

    /// The saved server of this name.
    pub fn get(&self, name: &str) -> Option<&Profile> {
        self.profiles.iter().find(|profile| profile.name == name)
    }

    /// The saved server of this name, as typed by the user.
    ///
    /// # Errors
    /// [`UnknownServer`], with the nearest names.
    pub fn find(&self, name: &str) -> Result<&Profile, UnknownServer> {
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

    /// Puts `profile` in the place of the server called `name`.
    ///
    /// # Errors
    /// [`ConfigError::Field`] and [`ConfigError::Unknown`]; nothing is changed then.
    pub fn replace(&mut self, name: &str, profile: Profile) -> Result<(), ConfigError> {
        let old = self.get(name).cloned().ok_or(ConfigError::Unknown { name: name.to_owned() })?;
        self.change(Change::Replace { old, new: profile })
    }

    /// Takes the server called `name` out.
    ///
    /// # Errors
    /// [`ConfigError::Unknown`].
    pub fn remove(&mut self, name: &str) -> Result<(), ConfigError> {
        self.get(name).ok_or(ConfigError::Unknown { name: name.to_owned() })?;
        self.change(Change::Remove(name.to_owned()))
    }

    /// Writes the changes into the file as it is now, and takes over what else changed there. After
    /// an error the file is as it was, and the changes wait for the next try.
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

    /// Forgets the changes that are not in the file, and reads it anew.
    ///
    /// # Errors
    /// As [`ProfileStore::load`]; nothing is changed then.
    pub fn reload(&mut self) -> Result<(), ConfigError> {
        *self = Self::load(&self.path)?;
        Ok(())
    }

    fn change(&mut self, change: Change) -> Result<(), ConfigError> {
        apply(&mut self.entries, &change)?;
        self.profiles = visible(&self.entries).cloned().collect();
        self.changes.push(change);
        Ok(())
    }
}

/// A sentence's tail that lists the saved servers, as far as a person reads.
fn listed<'n>(names: impl ExactSizeIterator<Item = &'n str>) -> String {
    let more = names.len().saturating_sub(MAX_LISTED);
    let list: Vec<&str> = names.take(MAX_LISTED).collect();
    match (&list[..], more) {
        ([], _) => "; none is saved yet: `topside pair INVITE` saves one".to_owned(),
        (list, 0) => format!("; saved are: {}", list.join(", ")),
        (list, more) => format!("; saved are: {} and {more} more", list.join(", ")),
    }
}

/// The entries without a mistake.
fn visible(entries: &[ProfileEntry]) -> impl Iterator<Item = &Profile> {
    entries.iter().filter_map(|entry| entry.profile.as_ref())
}

/// Where the entry of a saved server without a mistake stands.
fn position(entries: &[ProfileEntry], name: &str) -> Option<usize> {
    let is_named =
        |entry: &ProfileEntry| entry.profile.as_ref().is_some_and(|profile| profile.name == name);
    entries.iter().position(is_named)
}

/// The same change on what the file holds now; none where it is done already.
fn rebase(change: &Change, entries: &[ProfileEntry]) -> Option<Change> {
    let find = |name: &str| visible(entries).find(|profile| profile.name == name);
    match change {
        Change::Add(profile) if find(&profile.name) == Some(profile) => None,
        Change::Remove(name) if find(name).is_none() => None,
        Change::Replace { old, new } => {
            let Some(now) = find(&old.name) else { return Some(change.clone()) };
            // Only what the person changed here: another field may have been changed there.
            let pick = |old: &Option<String>, new: &Option<String>, now: &Option<String>| {
                if old == new { now.clone() } else { new.clone() }
            };
            let new = Profile {
                name: new.name.clone(),
                lan: pick(&old.lan, &new.lan, &now.lan),
                internet: pick(&old.internet, &new.internet, &now.internet),
                port: if old.port == new.port { now.port } else { new.port },
                internet_port: if old.internet_port == new.internet_port {
                    now.internet_port
                } else {
                    new.internet_port
                },
                pin: pick(&old.pin, &new.pin, &now.pin),
                tags: if old.tags == new.tags { &now.tags } else { &new.tags }.clone(),
            };
            Some(Change::Replace { old: now.clone(), new })
        }
        _ => Some(change.clone()),
    }
}

/// Writes a change into the document, which has these entries.
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
    // An entry with a mistake keeps its name: it is mended by hand, and would then be the second.
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
