//! A hub on this machine: nats-server with the configuration of `topsided hub init`.

use std::io;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;
use topside_shared::hub::{HubAccess, HubRole};

use super::failed;
use crate::baseline::hub_end;
use crate::machine;
use crate::servers::{Programs, environment};

const START: Duration = Duration::from_secs(10);

/// A running hub; dropping it ends it.
pub(super) struct Hub {
    server: Child,
    dir: TempDir,
}

impl Hub {
    /// Starts one; none where there is no nats-server.
    pub(super) fn start(programs: &Programs) -> io::Result<Option<Self>> {
        let Some(nats) = programs.nats() else { return Ok(None) };
        let dir = tempfile::Builder::new().prefix("topside-bench-").tempdir()?;
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
        let mut init = Command::new(programs.topsided());
        environment(&mut init, dir.path());
        init.args(["hub", "init"]).arg(dir.path().join("hub"));
        init.args(["--address", "127.0.0.1", "--port", &port.to_string()]);
        let made = init.stdin(Stdio::null()).output()?;
        if !made.status.success() {
            return Err(failed(String::from_utf8_lossy(&made.stderr)));
        }
        let mut server = Command::new(nats);
        server
            .args(["-c", "nats-server.conf", "-a", "127.0.0.1"])
            // As in the unit of `topsided hub init`.
            .env("GOGC", "400")
            .current_dir(dir.path().join("hub"));
        let server =
            server.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
        let hub = Self { server, dir };
        let started = Instant::now();
        while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err() {
            if started.elapsed() > START {
                return Err(failed("nats-server did not start"));
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        Ok(Some(hub))
    }

    /// The file with the string of the hub.
    pub(super) fn strings(&self) -> PathBuf {
        self.dir.path().join("hub/string")
    }

    /// What one side reaches it with.
    pub(super) fn access(&self, role: HubRole) -> io::Result<HubAccess> {
        hub_end::access(&self.strings(), role)
    }

    /// The program on the device of an admin, whose files are in the directory of the hub.
    pub(super) fn admin(&self, topside: &Path) -> Command {
        let mut command = Command::new(topside);
        environment(&mut command, self.dir.path());
        command.stdin(Stdio::null());
        command
    }

    /// A file of this directory.
    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Resident memory, in KiB.
    pub(super) fn memory(&self) -> io::Result<f64> {
        machine::number(format!("/proc/{}/smaps_rollup", self.server.id()), "Rss")
    }
}

impl Drop for Hub {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}
