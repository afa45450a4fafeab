//! The directory of a run: the files that it takes, and its results. It is private to the user that the program runs as, and is
//! deleted with its content when the run has ended.

use std::io;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};
use topside_shared::command::Command;
use topside_shared::values::check_file;
use topside_shared::{FileId, RpcError, RunId};

use crate::base::blocking;
use crate::base::identity::Owner;
use crate::base::platform;
use crate::files::uploads::TakenFile;
use crate::files::{Files, remove};
use crate::process::run_user::RunUser;

/// The directories of runs, of all files, and of the state.
const OWN_DIRECTORIES: usize = 3;
/// Group and others may enter a directory.
const ENTER: u32 = 0o011;

/// The files that a request gives to a run. If the run does not start, they go back to the client's uploads.
#[derive(Debug, Default)]
pub(crate) struct TakenFiles {
    files: Option<Files>,
    /// Each with the name of its argument, and its place in the list of one that takes several.
    taken: Vec<(String, Option<usize>, TakenFile)>,
}

/// A directory for a run.
#[derive(Debug)]
pub(crate) struct RunDirectory {
    files: Files,
    path: PathBuf,
    /// The part of the quota that its files hold.
    reserved: u64,
}

impl Files {
    /// Takes the uploads that `args` name, and replaces their ids by their names, as people see them.
    ///
    /// # Errors
    /// One is missing or not complete, or its argument does not take it.
    pub(crate) fn take_for(
        &self,
        owner: Owner,
        command: &Command,
        args: &mut Map<String, Value>,
    ) -> Result<TakenFiles, RpcError> {
        let mut taken = TakenFiles { files: Some(self.clone()), taken: Vec::new() };
        for arg in command.file_args() {
            let Some(value) = args.get_mut(&arg.name) else { continue };
            let mut take = |value: &Value, place: Option<usize>| {
                // Checked before: an id is a whole number.
                let id = FileId(value.as_u64().unwrap_or_default());
                let file = self.take(owner, id)?;
                let (name, size) = (file.name.clone(), file.size);
                taken.taken.push((arg.name.clone(), place, file));
                check_file(arg, &name, size)?;
                Ok::<_, RpcError>(Value::from(name))
            };
            *value = match &*value {
                Value::Array(ids) => ids
                    .iter()
                    .enumerate()
                    .map(|(place, id)| take(id, Some(place)))
                    .collect::<Result<Value, _>>()?,
                id => take(id, None)?,
            };
        }
        Ok(taken)
    }

    /// Makes the directory of a run, and moves the files that it takes there; all of it belongs to `user`, if the run has
    /// another than the server. Returns the arguments with the paths of the files. Blocks for the disk.
    pub(crate) fn prepare(
        &self,
        run: RunId,
        mut taken: TakenFiles,
        mut args: Map<String, Value>,
        user: Option<&RunUser>,
    ) -> io::Result<(RunDirectory, Map<String, Value>)> {
        let path = self.run_path(run);
        let mut made = vec![path.clone()];
        let mut directory = RunDirectory { files: self.clone(), path, reserved: 0 };
        // The number of a run never repeats; a directory of this name is left of a state that was restored.
        remove(&directory.path);
        platform::private_directory(&directory.path)?;
        while let Some((argument, place, file)) = taken.taken.pop() {
            let mut path = directory.path.join(&argument);
            if let Some(place) = place {
                path.push(place.to_string());
            }
            platform::private_directory(&path)?;
            made.push(directory.path.join(&argument));
            made.push(path.clone());
            path.push(&file.name);
            if let Err(error) = self.move_to(file.id, &path) {
                taken.taken.push((argument, place, file));
                return Err(error);
            }
            directory.reserved += file.size;
            made.push(path.clone());
            let value = path.to_str().map(Value::from).ok_or(io::ErrorKind::InvalidFilename)?;
            match (place, args.get_mut(&argument)) {
                (Some(place), Some(Value::Array(values))) => values[place] = value,
                (_, Some(one)) => *one = value,
                (_, None) => {}
            }
        }
        if let Some(user) = user {
            self.open_way(user)?;
            // The directories last: until then the user reaches nothing in them.
            for path in made.iter().rev() {
                chown(path, Some(user.uid), Some(user.gid))?;
            }
        }
        Ok((directory, args))
    }

    /// Lets other users enter the directories above those of runs, without listing or reading what is in them.
    ///
    /// # Errors
    /// This user may not enter a directory above the state directory.
    fn open_way(&self, user: &RunUser) -> io::Result<()> {
        let runs = self.runs_directory();
        let own = runs.ancestors().take(OWN_DIRECTORIES);
        for directory in own {
            let mode = directory.metadata()?.permissions().mode() & 0o7777;
            if mode & ENTER != ENTER {
                platform::set_mode(directory, mode | ENTER)?;
            }
        }
        for directory in runs.ancestors().skip(OWN_DIRECTORIES) {
            if !user.may_enter(&directory.metadata()?) {
                return Err(io::Error::other(format!(
                    "the user {} may not enter {}, which the files of the run are below: set another state directory \
                     with TOPSIDE_STATE_DIR",
                    user.name,
                    directory.display()
                )));
            }
        }
        Ok(())
    }
}

impl TakenFiles {
    pub(crate) fn is_empty(&self) -> bool {
        self.taken.is_empty()
    }
}

impl Drop for TakenFiles {
    fn drop(&mut self) {
        let Some(files) = &self.files else { return };
        for (_, _, file) in &self.taken {
            files.give_back(file.id);
        }
    }
}

impl RunDirectory {
    /// The value of `TOPSIDE_FILES`.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for RunDirectory {
    fn drop(&mut self) {
        let (files, path, reserved) =
            (self.files.clone(), std::mem::take(&mut self.path), self.reserved);
        blocking::start(move || {
            remove(&path);
            files.release(reserved);
        });
    }
}
