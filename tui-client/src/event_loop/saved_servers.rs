//! The saved servers as the screen holds them: read again when the file has changed.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use topside_shared::dirs::Dirs;

use crate::app::{Msg, ProfileEdit};
use crate::config::{ConfigError, Profile, ProfileStore};
use crate::fan_out::{self, TargetBox};

/// Time and length of a file; they differ where the content does. None where there is no file.
pub(super) type Stamp = Option<(SystemTime, u64)>;

pub(super) struct SavedServers {
    path: PathBuf,
    store: Option<ProfileStore>,
    stamp: Stamp,
}

impl SavedServers {
    pub(super) fn new(path: PathBuf) -> Self {
        Self { path, store: None, stamp: None }
    }

    /// The saved servers. They are kept while the file cannot be read.
    pub(super) fn profiles(&self) -> Vec<Profile> {
        self.store.as_ref().map(|store| store.profiles().to_vec()).unwrap_or_default()
    }

    pub(super) fn get(&self, name: &str) -> Option<Profile> {
        self.store.as_ref()?.get(name).cloned()
    }

    /// The boxes of these saved servers, or why there is none of one.
    pub(super) fn targets(&self, names: &[String], dirs: &Dirs) -> Result<Vec<TargetBox>, String> {
        let Some(store) = &self.store else { return Err("client.toml cannot be read".to_owned()) };
        fan_out::named(names, store, dirs).map_err(|error| error.to_string())
    }

    pub(super) fn read(&mut self) -> Msg {
        // The stamp first: what is written meanwhile is read the next time.
        self.stamp = look(&self.path);
        match ProfileStore::load(&self.path) {
            Ok(store) => {
                self.store = Some(store);
                self.servers()
            }
            Err(error) => Msg::ServersUnreadable(sentence(error)),
        }
    }

    /// The saved servers, with the first mistake in the file.
    fn servers(&self) -> Msg {
        let mistake = self.store.as_ref().and_then(|store| store.mistakes().next());
        match mistake {
            None => Msg::Servers(self.profiles()),
            Some(mistake) => Msg::ServersPartly(self.profiles(), mistake.to_owned()),
        }
    }

    /// [`read`](Self::read), if the file has changed.
    pub(super) fn read_if_changed(&mut self) -> Option<Msg> {
        (look(&self.path) != self.stamp).then(|| self.read())
    }

    pub(super) fn edit(&mut self, edit: ProfileEdit) -> Vec<Msg> {
        let done = match &edit {
            ProfileEdit::Add(profile) | ProfileEdit::Replace(_, profile) => {
                format!("{} is saved.", profile.name)
            }
            ProfileEdit::Remove(name) => format!("{name} is forgotten."),
        };
        match self.try_edit(edit) {
            Ok(store) => {
                self.store = Some(store);
                self.stamp = look(&self.path);
                vec![self.servers(), Msg::ServersSaved(done)]
            }
            // The screen shows what is in the file; the form still holds what was typed.
            Err(error) => vec![self.read(), Msg::ServersFailed(sentence(error))],
        }
    }

    fn try_edit(&self, edit: ProfileEdit) -> Result<ProfileStore, ConfigError> {
        // As it was when the form opened: saving merges what has changed in the file since.
        let mut store = match &self.store {
            Some(store) => store.clone(),
            None => ProfileStore::load(&self.path)?,
        };
        match edit {
            ProfileEdit::Add(profile) => store.add(profile)?,
            ProfileEdit::Replace(name, profile) => store.replace(&name, profile)?,
            ProfileEdit::Remove(name) => store.remove(&name)?,
        }
        store.save()?;
        Ok(store)
    }
}

pub(super) fn look(path: &Path) -> Stamp {
    let data = std::fs::metadata(path).ok()?;
    Some((data.modified().ok()?, data.len()))
}

/// An error with its causes.
pub(super) fn sentence(error: ConfigError) -> String {
    format!("{:#}", anyhow::Error::from(error))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(msg: &Msg) -> Vec<&str> {
        match msg {
            Msg::Servers(profiles) => profiles.iter().map(|p| p.name.as_str()).collect(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_file_that_was_changed_broken_and_mended_is_taken_up_each_time() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("client.toml");
        let write = |text: &str| std::fs::write(&path, text).unwrap();
        let mut saved = SavedServers::new(path.clone());
        assert!(names(&saved.read()).is_empty());
        assert!(saved.read_if_changed().is_none());
        write("[[server]]\nname = \"garden\"\n");
        assert_eq!(names(&saved.read_if_changed().unwrap()), ["garden"]);
        assert!(saved.read_if_changed().is_none());

        write("[[server]]\nname = garden\n");
        let Some(Msg::ServersUnreadable(why)) = saved.read_if_changed() else { panic!() };
        assert!(why.contains("client.toml:2:"), "{why}");
        assert_eq!(saved.profiles()[0].name, "garden", "those that were read stay");
        let told = saved.edit(ProfileEdit::Remove("garden".into()));
        assert!(
            matches!(&told[..], [Msg::ServersUnreadable(_), Msg::ServersFailed(_)]),
            "{told:?}"
        );
        assert_eq!(saved.profiles()[0].name, "garden");

        write("[[server]]\nname = \"garden shed\"\n");
        assert_eq!(names(&saved.read_if_changed().unwrap()), ["garden shed"]);
        let told = saved.edit(ProfileEdit::Remove("garden shed".into()));
        assert!(names(&told[0]).is_empty() && matches!(told[1], Msg::ServersSaved(_)));
        assert!(saved.read_if_changed().is_none(), "what it wrote itself is no change");
    }
}
