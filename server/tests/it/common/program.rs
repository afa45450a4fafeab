//! The program `topsided` itself: for signals, exit statuses, and what it leaves behind.

use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use super::server::{directory, write};
use super::{DEADLINE, Fifo, MENU, Raw, eventually};

/// The directories of one `topsided`, which may be started several times.
pub(crate) struct Topsided {
    root: TempDir,
}

/// How a program ended, and what it said.
#[derive(Debug)]
pub(crate) struct Said {
    /// None where a signal ended it.
    pub(crate) status: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// A running `topsided`; it is killed when this is dropped.
pub(crate) struct Spawned {
    child: Child,
    lines: mpsc::Receiver<String>,
    socket: PathBuf,
}

impl Topsided {
    /// With the menu of most tests and default settings.
    pub(crate) fn new() -> Self {
        let topsided = Self { root: directory() };
        topsided.write("commands.toml", MENU);
        topsided
    }

    /// Writes a file of the configuration directory.
    pub(crate) fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path("config").join(name);
        write(&path, text);
        path
    }

    /// A path in the directory that holds all of the server's.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.path("run/topsided.sock")
    }

    /// Waits until something of a run's output is on the disk.
    pub(crate) fn wait_for_output(&self, run: u64) {
        let path = self.path(&format!("state/runs/{run}.out"));
        eventually(&format!("output in {}", path.display()), || {
            std::fs::metadata(&path).is_ok_and(|file| file.len() > 0)
        });
    }

    pub(crate) fn fifo(&self, name: &str) -> Fifo {
        Fifo::new(self.root.path(), name)
    }

    /// The command, with its directories set.
    pub(crate) fn command(&self) -> Command {
        self.with_directories(Command::new(env!("CARGO_BIN_EXE_topsided")))
    }

    /// Another program, with the same directories set.
    pub(crate) fn command_by(&self, program: &str) -> Command {
        self.with_directories(Command::new(program))
    }

    /// The same, started by a shell that has one more descriptor open.
    pub(crate) fn command_with_a_descriptor_too_many(&self) -> Command {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", "exec 9</dev/null; exec \"$0\"", env!("CARGO_BIN_EXE_topsided")]);
        self.with_directories(command)
    }

    /// The same as the first process of a PID namespace of its own, as in a container.
    pub(crate) fn command_in_a_pid_namespace(&self) -> Command {
        let mut command = self.command_by("unshare");
        command.args(["--pid", "--fork", "--kill-child", "--mount-proc"]);
        command.arg(env!("CARGO_BIN_EXE_topsided"));
        command
    }

    /// Any command, with these directories set.
    pub(crate) fn with_directories(&self, mut command: Command) -> Command {
        command
            .env("TOPSIDE_CONFIG_DIR", self.path("config"))
            .env("TOPSIDE_STATE_DIR", self.path("state"))
            .env("TOPSIDE_RUNTIME_DIR", self.path("run"))
            .stdin(Stdio::null());
        command
    }

    /// Runs it to its end, which must come by itself.
    pub(crate) fn run(&self, args: &[&str]) -> Said {
        run(self.command().args(args))
    }

    /// Starts it, and waits until it serves.
    pub(crate) fn start(&self) -> Spawned {
        self.start_by(self.command())
    }

    /// Starts it by this command, and waits until it serves.
    pub(crate) fn start_by(&self, command: Command) -> Spawned {
        Spawned::started(command, self.socket())
    }

    /// Starts it where these certificates are those of the system's authorities.
    pub(crate) fn start_trusting(&self, certificates: &Path) -> Spawned {
        let mut command = self.command();
        command.env("SSL_CERT_FILE", certificates);
        self.start_by(command)
    }

    /// Starts it by this command, and waits for nothing.
    pub(crate) fn spawn_by(&self, command: Command) -> Spawned {
        Spawned::spawn(command, self.socket())
    }
}

/// Runs a command to its end, which must come before the deadline.
pub(crate) fn run(command: &mut Command) -> Said {
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let stdout = read_all(child.stdout.take().unwrap());
    let stderr = read_all(child.stderr.take().unwrap());
    let text =
        |stream: mpsc::Receiver<String>| stream.recv_timeout(DEADLINE).expect("the program ends");
    let (stdout, stderr) = (text(stdout), text(stderr));
    Said { status: child.wait().unwrap().code(), stdout, stderr }
}

fn read_all(mut stream: impl Read + Send + 'static) -> mpsc::Receiver<String> {
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        let _ = sender.send(text);
    });
    receiver
}

impl Spawned {
    /// Starts a server by this command, and waits until it serves.
    pub(super) fn started(command: Command, socket: PathBuf) -> Self {
        let mut spawned = Self::spawn(command, socket);
        spawned.says("server started");
        spawned
    }

    fn spawn(mut command: Command, socket: PathBuf) -> Self {
        let mut child = command.stderr(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
        let stderr = child.stderr.take().unwrap();
        let (sender, lines) = mpsc::channel();
        std::thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                let _ = sender.send(line);
            }
        });
        Self { child, lines, socket }
    }

    /// Waits for a line of its log that holds `text`.
    pub(crate) fn says(&mut self, text: &str) -> String {
        loop {
            let line = self
                .lines
                .recv_timeout(DEADLINE)
                .unwrap_or_else(|_| panic!("topsided never says {text:?}"));
            if line.contains(text) {
                return line;
            }
        }
    }

    pub(crate) fn connect(&self) -> Raw {
        Raw::connect(&self.socket)
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(i32::try_from(self.child.id()).unwrap()).unwrap();
        kill_process(pid, signal).unwrap();
    }

    /// Waits for its end: its log is at its end when it is. None: a signal ended it.
    pub(crate) fn exit(&mut self) -> Option<i32> {
        self.rest();
        self.child.wait().unwrap().code()
    }

    /// Ends it with SIGTERM, and checks that it ends in order.
    #[track_caller]
    pub(crate) fn terminate(&mut self) {
        self.signal(Signal::TERM);
        assert_eq!(self.exit(), Some(0));
    }

    /// Kills it with SIGKILL, and waits for its end.
    #[track_caller]
    pub(crate) fn kill(&mut self) {
        self.signal(Signal::KILL);
        assert_eq!(self.exit(), None);
    }

    /// What else its log says, up to its end.
    pub(crate) fn rest(&mut self) -> Vec<String> {
        let mut lines = Vec::new();
        loop {
            match self.lines.recv_timeout(DEADLINE) {
                Ok(line) => lines.push(line),
                Err(mpsc::RecvTimeoutError::Disconnected) => return lines,
                Err(mpsc::RecvTimeoutError::Timeout) => panic!("topsided does not end"),
            }
        }
    }
}

impl Drop for Spawned {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
