//! The directories of a packaged server, in a mount namespace of their own.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use super::mount_namespace::MountNamespace;
use super::program::{Said, Spawned, run};
use super::server::{LOOPBACK, write};
use super::{require, require_root};

/// The number of the server's user; no user of the machine has it.
pub(crate) const SERVER_USER: u32 = 54_321;
/// The number of an ordinary user.
pub(crate) const ORDINARY_USER: u32 = 54_322;

/// Directories of another server, of which only the runtime directory is that of the packaged one.
const OWN: [&str; 3] = [
    "TOPSIDE_CONFIG_DIR=/run/own/config",
    "TOPSIDE_STATE_DIR=/run/own/state",
    "TOPSIDE_RUNTIME_DIR=/run/topside",
];

/// `/var/lib/topside` and `/run/topside`, which belong to the server's user, and a home of an ordinary user.
pub(crate) struct PackagedDirs {
    // Ended before the namespace.
    running: Option<Spawned>,
    namespace: MountNamespace,
}

impl PackagedDirs {
    pub(crate) fn new() -> Option<Self> {
        if !require_root() || !require("setpriv") {
            return None;
        }
        let mount = format!(
            "mount -t tmpfs tmpfs /var/lib && mount -t tmpfs tmpfs /run && \
             mkdir -m 700 /var/lib/topside /run/topside && mkdir /run/home && touch /run/topsided && \
             chown {SERVER_USER}:{SERVER_USER} /var/lib/topside /run/topside && \
             chown {ORDINARY_USER} /run/home && mount --bind \"$0\" /run/topsided"
        );
        let namespace = MountNamespace::new(&mount, env!("CARGO_BIN_EXE_topsided"))?;
        Some(Self { running: None, namespace })
    }

    fn command(&self, uid: u32) -> Command {
        let mut command = Command::new("nsenter");
        command
            .arg(self.namespace.argument())
            .args(["setpriv", "--clear-groups"])
            .args([format!("--reuid={uid}"), format!("--regid={uid}")])
            .args(["env", "--chdir=/", "-i", "PATH=/usr/bin:/bin"])
            .stdin(Stdio::null());
        command
    }

    /// Starts the server as its unit does.
    pub(crate) fn start(&mut self) {
        let mut command = self.command(SERVER_USER);
        command.args([
            "CONFIGURATION_DIRECTORY=/etc/topside",
            "STATE_DIRECTORY=/var/lib/topside",
            "RUNTIME_DIRECTORY=/run/topside",
            "/run/topsided",
        ]);
        self.started(command);
    }

    /// Starts a server of root in `/run/own`, of which the runtime directory is that of a packaged server.
    pub(crate) fn start_own(&mut self) {
        write(&self.path("run/own/config/server.toml"), LOOPBACK);
        let mut command = self.command(0);
        command.args(OWN).arg("/run/topsided");
        self.started(command);
    }

    fn started(&mut self, command: Command) {
        self.running = Some(Spawned::started(command, self.path("run/topside/topsided.sock")));
    }

    /// Runs a verb of `topsided` for the server of [`Self::start_own`], with these variables too.
    pub(crate) fn own(&self, args: &[&str]) -> Said {
        run(self.command(0).args(OWN).arg("/run/topsided").args(args))
    }

    /// Runs a verb of `topsided` as an ordinary user for a server with this runtime directory.
    pub(crate) fn ordinary_at(&self, runtime: &str, args: &[&str]) -> Said {
        let runtime = format!("TOPSIDE_RUNTIME_DIR={runtime}");
        run(self
            .command(ORDINARY_USER)
            .args(["HOME=/run/home", &runtime, "/run/topsided"])
            .args(args))
    }

    /// Runs a verb of `topsided` as root, as sudo does.
    pub(crate) fn sudo(&self, args: &[&str]) -> Said {
        run(self.command(0).args(["HOME=/root", "/run/topsided"]).args(args))
    }

    /// Runs a verb of `topsided` as an ordinary user.
    pub(crate) fn ordinary(&self, args: &[&str]) -> Said {
        run(self.command(ORDINARY_USER).args(["HOME=/run/home", "/run/topsided"]).args(args))
    }

    /// A file of the namespace, as this process reaches it.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.namespace.path(name)
    }
}
