//! Directories for configuration, state and sockets. In order: a flag, `TOPSIDE_*_DIR`, the variables of systemd, the
//! platform's default.

use std::ffi::OsString;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::pin::Pin;
use crate::server_record::ServerRecord;

/// File name of the lock of a state directory, in which the server that has it records where it is found.
pub const STATE_LOCK_NAME: &str = "state.lock";
/// File name of the local socket in the runtime directory.
pub const SOCKET_NAME: &str = "topsided.sock";

/// Why it is not known where things are.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DirsError {
    /// The platform gives this user no home directory, and nothing else says where things are.
    #[error(
        "there is no home directory for this user: set TOPSIDE_CONFIG_DIR and TOPSIDE_STATE_DIR"
    )]
    NoHome,
    /// `sudo` kept `HOME`: what root wrote there, its owner could not read or change any more.
    #[error(
        "root would write into {}, which belongs to another user (uid {owner}): run this without sudo for that user's \
         files, with `sudo -H` for root's own, or name the directories by TOPSIDE_CONFIG_DIR and TOPSIDE_STATE_DIR",
        directory.display()
    )]
    OtherUsersHome {
        /// The directory.
        directory: PathBuf,
        /// The user that it belongs to.
        owner: u32,
    },
}

/// The three directories of one user. None of them need exist.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dirs {
    /// `server.toml`, `commands.toml`, `client.toml`.
    pub config: PathBuf,
    /// The log, histories.
    pub state: PathBuf,
    /// The socket of a server started by this user.
    pub runtime: PathBuf,
    /// Whether [`Dirs::runtime`] was named by `TOPSIDE_RUNTIME_DIR` and is the only place to look.
    pub runtime_only: bool,
}

/// Where a packaged server, run by the system, has its socket.
const SYSTEM_RUNTIME: &str = "/run/topside";

impl Dirs {
    /// The directories that the environment names. Root may not use the home of another user that no variable names.
    pub fn from_env() -> Result<Self, DirsError> {
        let mut dirs = Self::resolve(|name| std::env::var_os(name))?;
        let [config, state, runtime] = Self::named_by();
        for (directory, named) in [(&dirs.config, config), (&dirs.state, state)] {
            if named.is_none()
                && let Some((directory, owner)) = of_another_user(directory)
            {
                return Err(DirsError::OtherUsersHome { directory, owner });
            }
        }
        // `su` leaves XDG_RUNTIME_DIR as it was.
        if runtime.is_none() && of_another_user(&dirs.runtime).is_some() {
            dirs.runtime = dirs.state.join("run");
        }
        Ok(dirs)
    }

    /// The directories, with `var` for the environment. A variable that is empty, or not an absolute
    /// path, counts as not set; systemd's may hold several paths, of which the first is taken.
    ///
    /// # Errors
    /// [`DirsError::NoHome`], where neither the environment nor the platform names one.
    pub fn resolve(var: impl Fn(&str) -> Option<OsString>) -> Result<Self, DirsError> {
        let named = |names: Named| Some(names.by(&var)?.1);
        let project = directories::ProjectDirs::from("", "", "topside");
        let home = |dir: Option<&Path>| dir.map(Path::to_path_buf).ok_or(DirsError::NoHome);

        let config = match named(CONFIG) {
            Some(dir) => dir,
            None => home(project.as_ref().map(directories::ProjectDirs::config_dir))?,
        };
        let state =
            match named(STATE) {
                Some(dir) => dir,
                None => home(project.as_ref().map(|project| {
                    project.state_dir().unwrap_or_else(|| project.data_local_dir())
                }))?,
            };
        let runtime_only = var("TOPSIDE_RUNTIME_DIR").and_then(absolute).is_some();
        let runtime = named(RUNTIME)
            .or_else(|| Some(project.as_ref()?.runtime_dir()?.to_path_buf()))
            .unwrap_or_else(|| state.join("run"));
        Ok(Self { config, state, runtime, runtime_only })
    }

    /// Those of a packaged server, which the system runs.
    pub fn system() -> Self {
        Self {
            config: "/etc/topside".into(),
            state: "/var/lib/topside".into(),
            runtime: SYSTEM_RUNTIME.into(),
            runtime_only: false,
        }
    }

    /// Whether the environment names any of them, by the variables of Topside or of systemd.
    pub fn are_named(var: impl Fn(&str) -> Option<OsString>) -> bool {
        [CONFIG, STATE, RUNTIME].iter().any(|names| names.by(&var).is_some())
    }

    /// The variables that name the directories of configuration, state and sockets; none: the platform's default.
    pub fn named_by() -> [Option<&'static str>; 3] {
        let var = |name: &str| std::env::var_os(name);
        [CONFIG, STATE, RUNTIME].map(|names| Some(names.by(&var)?.0))
    }

    /// The socket that a server of this user serves.
    pub fn socket(&self) -> PathBuf {
        self.runtime.join(SOCKET_NAME)
    }

    /// The lock file of the state directory.
    pub fn state_lock(&self) -> PathBuf {
        self.state.join(STATE_LOCK_NAME)
    }

    /// Where a client looks for a server of this machine: where the verbs of the server do, and at the socket of a
    /// packaged server.
    pub fn local_server(&self) -> LocalServer {
        self.server_at(Some(Self::system().socket()))
    }

    /// The same where only a server with this pin is meant, if one is given.
    pub fn local_server_of(&self, pin: Option<Pin>) -> LocalServer {
        LocalServer { pin, ..self.local_server() }
    }

    /// Where the verbs of the server look for it, which work on these directories while it does not run: the socket in the
    /// runtime directory, the one that the server of this state directory recorded (a script of cron has no
    /// `XDG_RUNTIME_DIR`), and that of a packaged server only where that is meant.
    pub fn administered_server(&self) -> LocalServer {
        self.server_at(self.means_service().then(|| Self::system().socket()))
    }

    /// Whether the packaged server of this machine is meant, which only sudo reaches: it is installed, the environment
    /// names no other directories, and no server of this user has run in these.
    pub fn means_service(&self) -> bool {
        let system = Self::system();
        *self != system
            && !Self::are_named(|name| std::env::var_os(name))
            && !self.state_lock().exists()
            && system.state.exists()
    }

    fn server_at(&self, service: Option<PathBuf>) -> LocalServer {
        let mut sockets = vec![self.socket()];
        if !self.runtime_only {
            let lock = self.state_lock();
            let recorded = ServerRecord::read(&lock)
                .and_then(|record| record.socket)
                .filter(|socket| have_one_owner(&lock, socket));
            for socket in recorded.into_iter().chain(service) {
                if !sockets.contains(&socket) {
                    sockets.push(socket);
                }
            }
        }
        LocalServer { sockets, state_lock: Some(self.state_lock()), pin: None }
    }
}

/// Where a server of this machine is looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LocalServer {
    /// The sockets, in the order in which they are tried.
    pub sockets: Vec<PathBuf>,
    /// The lock file of the state directory; its record tells of a server without a socket.
    pub state_lock: Option<PathBuf>,
    /// The pin that the server must have, where a certain one is meant.
    pub pin: Option<Pin>,
}

impl LocalServer {
    /// The lock file that goes with a socket.
    pub fn lock_of(socket: &Path) -> PathBuf {
        socket.with_extension("lock")
    }

    /// The record of a running server (`is_locked`) that had one of these sockets, which was removed.
    pub fn without_socket(&self, is_locked: impl Fn(&Path) -> bool) -> Option<ServerRecord> {
        let locks = self.sockets.iter().map(|socket| Self::lock_of(socket));
        locks.chain(self.state_lock.clone()).find_map(|lock| {
            let record = ServerRecord::read(&lock)?;
            let is_ours = record
                .removed_socket()
                .is_some_and(|socket| self.sockets.iter().any(|tried| tried == socket));
            (is_ours && is_locked(&lock)).then_some(record)
        })
    }
}

/// If this is root and another user owns the directory, or its nearest ancestor that exists: that path and the owner.
fn of_another_user(directory: &Path) -> Option<(PathBuf, u32)> {
    if !rustix::process::geteuid().is_root() {
        return None;
    }
    let there = directory.ancestors().find(|directory| directory.exists())?;
    let owner = std::fs::metadata(there).ok()?.uid();
    (owner != 0).then(|| (there.to_owned(), owner))
}

/// A record outlives a killed server, and another user may have made the directory of its socket since.
fn have_one_owner(lock: &Path, socket: &Path) -> bool {
    let owner = |path: &Path| std::fs::metadata(path).map(|found| found.uid());
    // A directory that is gone is no danger, and its server may still run.
    match (owner(lock), socket.parent().map(owner)) {
        (Ok(lock), Some(Ok(directory))) => lock == directory,
        _ => true,
    }
}

impl From<Vec<PathBuf>> for LocalServer {
    fn from(sockets: Vec<PathBuf>) -> Self {
        Self { sockets, state_lock: None, pin: None }
    }
}

/// The variables that name a directory, the first that does so first: ours, and systemd's.
#[derive(Clone, Copy)]
struct Named(&'static str, &'static str);

const CONFIG: Named = Named("TOPSIDE_CONFIG_DIR", "CONFIGURATION_DIRECTORY");
const STATE: Named = Named("TOPSIDE_STATE_DIR", "STATE_DIRECTORY");
const RUNTIME: Named = Named("TOPSIDE_RUNTIME_DIR", "RUNTIME_DIRECTORY");

impl Named {
    /// The variable that names it, and the directory.
    fn by(self, var: &impl Fn(&str) -> Option<OsString>) -> Option<(&'static str, PathBuf)> {
        let Self(ours, systemd) = self;
        if let Some(dir) = var(ours).and_then(absolute) {
            return Some((ours, dir));
        }
        let list = var(systemd)?;
        let dir = absolute(std::env::split_paths(&list).next()?.into_os_string())?;
        Some((systemd, dir))
    }
}

fn absolute(dir: OsString) -> Option<PathBuf> {
    let dir = PathBuf::from(dir);
    dir.is_absolute().then_some(dir)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolve(vars: &[(&str, &str)]) -> Dirs {
        Dirs::resolve(|name| {
            vars.iter().find(|(key, _)| *key == name).map(|(_, value)| OsString::from(value))
        })
        .unwrap()
    }

    #[test]
    fn the_variables_of_topside_come_before_those_of_systemd() {
        let dirs = resolve(&[
            ("TOPSIDE_CONFIG_DIR", "/a"),
            ("CONFIGURATION_DIRECTORY", "/b"),
            ("STATE_DIRECTORY", "/c:/d"),
            ("TOPSIDE_RUNTIME_DIR", "/e"),
        ]);
        assert_eq!(dirs.config, Path::new("/a"));
        assert_eq!(dirs.state, Path::new("/c"));
        assert_eq!(dirs.socket(), Path::new("/e/topsided.sock"));
    }

    #[test]
    fn a_named_runtime_directory_is_the_only_place_to_look() {
        let dirs = resolve(&[("TOPSIDE_RUNTIME_DIR", "/e"), ("TOPSIDE_STATE_DIR", "/s")]);
        assert_eq!(dirs.local_server().sockets, [Path::new("/e/topsided.sock")]);
        let dirs = resolve(&[("RUNTIME_DIRECTORY", "/e"), ("TOPSIDE_STATE_DIR", "/s")]);
        assert_eq!(
            dirs.local_server().sockets,
            [Path::new("/e/topsided.sock"), Path::new("/run/topside/topsided.sock")]
        );
    }

    #[test]
    fn directories_are_named_by_a_variable_that_would_be_obeyed() {
        let named = |name: &str, value: &str| {
            Dirs::are_named(|asked| (asked == name).then(|| OsString::from(value)))
        };
        assert!(named("TOPSIDE_STATE_DIR", "/s") && named("CONFIGURATION_DIRECTORY", "/c"));
        assert!(!named("TOPSIDE_STATE_DIR", "") && !named("TOPSIDE_STATE_DIR", "here"));
        assert!(!named("HOME", "/home"));
    }

    #[test]
    fn a_relative_path_in_the_environment_is_not_obeyed() {
        let dirs = resolve(&[("TOPSIDE_STATE_DIR", "/s"), ("TOPSIDE_CONFIG_DIR", "here")]);
        assert!(dirs.config.is_absolute());
    }
}
