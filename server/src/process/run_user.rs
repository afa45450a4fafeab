//! The user that a program runs as (`user` of a command or a worker), where the server runs as root.
//!
//! `setpriv` of util-linux makes the change: it sets the groups, the group and the user of its own process, and executes the
//! program in that process, so that process id, group, pipes and limits are those of the start. The standard library sets a
//! user and a group, but no supplementary groups (`CommandExt::groups` is not stable), and a function between fork and exec
//! would be unsafe code. A thread of the server that gives up its rights and starts the program would be open to signals of
//! that user, and a signal that kills a thread kills its process.
//!
//! `setpriv` runs as root for a moment, with the environment of the run. Variables that the loader and the C library obey
//! are therefore refused: they could name files that the user can write. For the same reason only root may be able to change
//! an `env_file`, while the program itself may belong to the user.

use std::ffi::OsString;
use std::fs::Metadata;
use std::io;
use std::os::fd::BorrowedFd;
use std::os::unix::fs::{MetadataExt as _, fchown};
use std::path::Path;
use std::process::Command;

use serde::{Deserialize, Serialize};

use crate::base::platform;
use crate::process::resolve_program::{Absent, find_program};

const SETPRIV: &str = "setpriv";

/// Variables that programs with more rights than their caller ignore (glibc's list, without the directories of temporary files
/// and time zones, which `setpriv` does not use).
const REFUSED: &[&str] = &[
    "GCONV_PATH",
    "GETCONF_DIR",
    "GLIBC_TUNABLES",
    "HOSTALIASES",
    "LOCALDOMAIN",
    "LOCPATH",
    "NIS_PATH",
    "NLSPATH",
    "RESOLV_HOST_CONF",
    "RES_OPTIONS",
];
const REFUSED_PREFIXES: &[&str] = &["LD_", "MALLOC_"];

/// A user of this machine, and the program that changes to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RunUser {
    pub(crate) name: String,
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    home: String,
    shell: String,
    /// The path of `setpriv`.
    pub(crate) setpriv: String,
}

/// Why no program can run as a user.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NoRunUser {
    #[error("there is no such user on this machine")]
    Unknown,
    #[error("it needs the program {SETPRIV} of util-linux, which {0}")]
    NoSetpriv(#[from] Absent),
}

impl RunUser {
    /// The user with this name. May block for a directory service.
    pub(crate) fn find(name: &str) -> Result<Self, NoRunUser> {
        let platform::Account { name, uid, gid, home, shell } =
            platform::account(name).ok_or(NoRunUser::Unknown)?;
        let setpriv = find_program(SETPRIV)?;
        Ok(Self { name, uid, gid, home, shell, setpriv })
    }

    /// Its part of a run's environment.
    pub(crate) fn variables(&self) -> [(OsString, OsString); 4] {
        [
            ("HOME", &self.home),
            ("USER", &self.name),
            ("LOGNAME", &self.name),
            ("SHELL", &self.shell),
        ]
        .map(|(name, value)| (name.into(), value.into()))
    }

    /// Whether the user may enter a directory, by its mode.
    pub(crate) fn may_enter(&self, directory: &Metadata) -> bool {
        let (mode, gid) = (directory.mode(), directory.gid());
        if self.uid == 0 {
            return true;
        }
        if directory.uid() == self.uid {
            return mode & 0o100 != 0;
        }
        if gid == self.gid || platform::groups_of(&self.name, self.gid).contains(&gid) {
            return mode & 0o010 != 0;
        }
        mode & 0o001 != 0
    }
}

/// The start of a program as this user; none: as the server's own.
pub(crate) fn command(user: Option<&RunUser>, program: &str) -> Command {
    let Some(RunUser { uid, gid, setpriv, .. }) = user else { return Command::new(program) };
    let mut command = Command::new(setpriv);
    command.args([format!("--reuid={uid}"), format!("--regid={gid}")]).args([
        "--init-groups",
        "--",
        program,
    ]);
    command
}

/// Gives pipes to the user: a program may open them by a name such as `/dev/stdout`.
pub(crate) fn chown_pipes(user: Option<&RunUser>, pipes: [BorrowedFd<'_>; 2]) -> io::Result<()> {
    let Some(RunUser { uid, gid, .. }) = user else { return Ok(()) };
    pipes.into_iter().try_for_each(|pipe| fchown(pipe, Some(*uid), Some(*gid)))
}

/// Checks that the program of another user exists: `setpriv` would report a missing one only after the start.
pub(crate) fn check_exists(user: Option<&RunUser>, program: &str) -> io::Result<()> {
    if user.is_some() { Path::new(program).metadata().map(drop) } else { Ok(()) }
}

/// The file that an error of the start is about.
pub(crate) fn executed<'p>(user: Option<&'p RunUser>, program: &'p str) -> &'p str {
    match user {
        Some(user) if Path::new(program).exists() => &user.setpriv,
        _ => program,
    }
}

/// Why a run as another user cannot have a variable of this name: the rest of a sentence.
pub(crate) fn refuse_variable(name: &str) -> Result<(), &'static str> {
    let is_refused =
        REFUSED.contains(&name) || REFUSED_PREFIXES.iter().any(|prefix| name.starts_with(prefix));
    match is_refused {
        true => Err(
            "cannot be set together with `user`: the C library would obey it before the change to that user. Set it \
             in a script that starts the program",
        ),
        false => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_of_the_loader_are_refused_and_others_are_not() {
        for name in ["LD_PRELOAD", "LD_LIBRARY_PATH", "GCONV_PATH", "MALLOC_CHECK_"] {
            assert!(refuse_variable(name).is_err(), "{name}");
        }
        for name in ["PATH", "HOME", "LANG", "TMPDIR", "TZ", "PYTHONPATH", "OLD_X"] {
            assert!(refuse_variable(name).is_ok(), "{name}");
        }
    }

    #[test]
    fn a_program_of_no_other_user_is_started_itself() {
        assert_eq!(command(None, "/bin/true").get_program(), "/bin/true");
        assert_eq!(command(None, "/bin/true").get_args().count(), 0);
    }
}
