//! A server of ours with files of its own: its start, its end in order, and its restart on the same directories.

use std::fs;
use std::io;
use std::path::Path;
use std::process::Child;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use super::{Programs, Server, Transport, environment, in_session, spawn};
use crate::exchange;

impl Programs {
    /// Starts a server of ours with this `commands.toml` and this `server.toml`.
    pub(crate) fn start_with_files(&self, menu: &str, settings: &str) -> io::Result<Server> {
        let dir = tempfile::Builder::new().prefix("topside-bench-").tempdir()?;
        fs::write(dir.path().join("commands.toml"), menu)?;
        fs::write(dir.path().join("server.toml"), settings)?;
        let socket = dir.path().join("topsided.sock");
        let started = Instant::now();
        let child = self.spawn_ours(dir.path())?;
        let mut server = Server { child, socket, tls: None, dir, start: Duration::ZERO };
        server.answered(Transport::Socket, &exchange::ping().request, started)?;
        Ok(server)
    }

    fn spawn_ours(&self, dir: &Path) -> io::Result<Child> {
        let mut command = in_session(&self.topsided);
        environment(&mut command, dir);
        spawn(command, dir)
    }
}

impl Server {
    /// Ends it in order, and waits for that.
    pub(crate) fn terminate(&mut self) -> io::Result<()> {
        kill_process(Pid::from_child(&self.child), Signal::TERM)?;
        self.child.wait().map(drop)
    }

    /// Ends it in order, and starts it again after `change` was made in its directory.
    pub(crate) fn restart(
        &mut self,
        programs: &Programs,
        change: impl FnOnce(&Path) -> io::Result<()>,
    ) -> io::Result<()> {
        self.terminate()?;
        change(self.dir.path())?;
        let started = Instant::now();
        self.child = programs.spawn_ours(self.dir.path())?;
        self.answered(Transport::Socket, &exchange::ping().request, started)
    }
}
