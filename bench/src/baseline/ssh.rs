//! The peer for programs and their output: an `sshd` on this machine with keys of its own.

use std::fs;
use std::io;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// A daemon of this run alone.
#[derive(Debug)]
pub(crate) struct Sshd {
    child: Child,
    dir: TempDir,
    port: u16,
}

impl Sshd {
    /// None where it is not installed.
    pub(crate) fn start() -> io::Result<Option<Self>> {
        let (Some(sshd), Some(keygen), Some(_)) = (find("sshd"), find("ssh-keygen"), find("ssh"))
        else {
            println!("absent: sshd, ssh and ssh-keygen are not all installed: no ssh beside ours");
            return Ok(None);
        };
        let dir = tempfile::Builder::new().prefix("topside-bench-").tempdir()?;
        for name in ["host", "key"] {
            let mut make = Command::new(&keygen);
            make.args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(dir.path().join(name));
            make.status()?;
        }
        fs::copy(dir.path().join("key.pub"), dir.path().join("authorized"))?;
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
        let at = |name: &str| dir.path().join(name).display().to_string();
        // With this SHLVL, bash does not read its start-up file for each command.
        let config = format!(
            "ListenAddress 127.0.0.1:{port}\nHostKey {}\nAuthorizedKeysFile {}\nStrictModes no\n\
             UsePAM no\nPidFile none\nPasswordAuthentication no\nSetEnv SHLVL=1\n",
            at("host"),
            at("authorized")
        );
        fs::write(dir.path().join("config"), config)?;
        // sshd requires this directory; the package's start script creates it.
        let _ = fs::create_dir_all("/run/sshd");
        let mut command = Command::new(sshd);
        command.args(["-D", "-e", "-f"]).arg(dir.path().join("config"));
        command.stdin(Stdio::null()).stdout(Stdio::null());
        command.stderr(fs::File::create(dir.path().join("stderr"))?);
        let mut started = Self { child: command.spawn()?, dir, port };
        let until = Instant::now() + Duration::from_secs(10);
        while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err() {
            if Instant::now() > until || started.child.try_wait()?.is_some() {
                let said = fs::read_to_string(started.dir.path().join("stderr"))?;
                println!("absent: sshd does not start here, so no ssh beside ours: {said}");
                return Ok(None);
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        Ok(Some(started))
    }

    /// `ssh` that runs this line.
    pub(crate) fn command(&self, line: &str) -> Command {
        let mut command = Command::new("ssh");
        self.arguments(&mut command, line);
        command
    }

    fn arguments(&self, command: &mut Command, line: &str) {
        command.args(["-F", "none", "-o", "StrictHostKeyChecking=no", "-o", "LogLevel=ERROR"]);
        command.args(["-o", "UserKnownHostsFile=/dev/null", "-o", "IdentitiesOnly=yes", "-i"]);
        command.arg(self.dir.path().join("key")).arg("-p").arg(self.port.to_string());
        command.arg("-S").arg(self.dir.path().join("master"));
        command.args(["127.0.0.1", line]);
    }

    /// `ssh` that runs this line over one connection that stays open from the first to the last.
    pub(crate) fn over_open_connection(&self, line: &str) -> Command {
        let mut command = Command::new("ssh");
        command.args(["-o", "ControlMaster=auto", "-o", "ControlPersist=yes"]);
        self.arguments(&mut command, line);
        command
    }
}

impl Drop for Sshd {
    fn drop(&mut self) {
        // Ends the connection that `over_open_connection` left open, if there is one.
        let mut end = Command::new("ssh");
        end.args(["-O", "exit"]).stderr(Stdio::null());
        self.arguments(&mut end, "true");
        let _ = end.status();
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Where a program is. `sshd` must be called by its whole path, and is in no user's.
fn find(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let dirs = std::env::split_paths(&path).chain([PathBuf::from("/usr/sbin")]);
    dirs.map(|dir| dir.join(name)).find(|path: &PathBuf| Path::exists(path))
}
