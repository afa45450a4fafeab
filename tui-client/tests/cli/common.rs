//! The real programs in a directory of their own.

use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

/// After this a program is killed, and its test says what it had said; on a busy machine the right thing may
/// take seconds.
const DEADLINE: Duration = Duration::from_secs(120);

/// The menu of most tests.
const COMMANDS: &str = include_str!("commands.toml");

/// Directories of one test, and perhaps a server in them.
pub(crate) struct Place {
    dir: tempfile::TempDir,
}

impl Place {
    pub(crate) fn new() -> Self {
        Self::with_menu(COMMANDS)
    }

    /// A place with this menu.
    pub(crate) fn with_menu(menu: &str) -> Self {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let private = std::fs::Permissions::from_mode(0o700);
        for name in ["config", "state", "run"] {
            std::fs::create_dir(dir.path().join(name)).unwrap();
            std::fs::set_permissions(dir.path().join(name), private.clone()).unwrap();
        }
        let place = Self { dir };
        place.write_menu(menu);
        place
    }

    pub(crate) fn write_menu(&self, menu: &str) {
        self.write("config/commands.toml", menu);
    }

    /// Has its server listen on loopback, on a free port.
    pub(crate) fn listen(&self) {
        self.write("config/server.toml", "[listen]\nport = 0\naddresses = [\"127.0.0.1\"]\n");
    }

    /// Writes a file that only its owner may write.
    pub(crate) fn write(&self, name: &str, text: &str) {
        use std::os::unix::fs::PermissionsExt;
        std::fs::write(self.path(name), text).unwrap();
        let private = std::fs::Permissions::from_mode(0o600);
        std::fs::set_permissions(self.path(name), private).unwrap();
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// A named pipe: reading it waits for a writer.
    pub(crate) fn pipe(&self, name: &str) -> PathBuf {
        use rustix::fs::{CWD, FileType, Mode, mknodat};
        let path = self.path(name);
        mknodat(CWD, &path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
        path
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.path("run/topsided.sock")
    }

    /// What the programs read of the environment.
    pub(crate) fn environment(&self) -> [(&'static str, PathBuf); 3] {
        [
            ("TOPSIDE_CONFIG_DIR", self.path("config")),
            ("TOPSIDE_STATE_DIR", self.path("state")),
            ("TOPSIDE_RUNTIME_DIR", self.path("run")),
        ]
    }

    /// `topside` in this place.
    pub(crate) fn topside(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_topside"));
        command.args(args).stdin(Stdio::null()).envs(self.environment());
        command
    }

    /// A verb of `topside`'s to its end, with nothing on its input.
    pub(crate) fn verb(&self, args: &[&str]) -> Ended {
        self.topside(args).output().unwrap().into()
    }

    /// The same with `--json`; the object that it prints.
    pub(crate) fn json(&self, args: &[&str]) -> serde_json::Value {
        let ended = self.verb(&[args, &["--json"]].concat()).with(0);
        let mut lines = ended.out.lines();
        let object = serde_json::from_str(lines.next().unwrap()).unwrap();
        assert_eq!(lines.next(), None, "one line: {ended:?}");
        object
    }

    /// `topside run` to its end.
    pub(crate) fn run(&self, args: &[&str]) -> Ended {
        let mut command = self.topside(&[&["run"], args].concat());
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        Running::new(command.spawn().unwrap()).end()
    }

    /// The line client with this input to its end.
    pub(crate) fn lines(&self, args: &[&str], input: &(impl AsRef<[u8]> + ?Sized)) -> Ended {
        let mut child = self.start(args);
        child.write(input);
        child.end()
    }

    /// A child with all three streams in the test's hands.
    pub(crate) fn start(&self, args: &[&str]) -> Running {
        let mut command = self.topside(args);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        Running::new(command.spawn().unwrap())
    }

    /// A server that listens when this returns.
    pub(crate) fn serve(&self) -> Server {
        self.serve_by(&mut self.topside(&["serve"]))
    }

    /// The same by this command.
    pub(crate) fn serve_by(&self, command: &mut Command) -> Server {
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let mut said = BufReader::new(child.stderr.take().unwrap());
        let mut all = String::new();
        while !all.contains("server started") {
            assert!(said.read_line(&mut all).unwrap() > 0, "the server did not start: {all}");
        }
        // Read on, so that it never waits for this test.
        std::thread::spawn(move || std::io::copy(&mut said, &mut std::io::sink()));
        Server { _watched: Watched::new(&child), child }
    }
}

/// A program that is killed at the deadline unless this is gone by then.
struct Watched(
    #[expect(dead_code, reason = "its drop says that the program has ended")] Sender<()>,
);

impl Watched {
    fn new(child: &Child) -> Self {
        let (alive, ended) = channel();
        let pid = Pid::from_child(child);
        std::thread::spawn(move || {
            if ended.recv_timeout(DEADLINE) == Err(RecvTimeoutError::Timeout) {
                let _ = kill_process(pid, Signal::KILL);
            }
        });
        Self(alive)
    }
}

/// A `topside serve`; ended with the test.
pub(crate) struct Server {
    child: Child,
    _watched: Watched,
}

impl Server {
    /// Waits for the end; the exit status.
    pub(crate) fn wait(&mut self) -> Option<i32> {
        self.child.wait().unwrap().code()
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn signal(&self, name: Signal) {
        signal(&self.child, name);
    }

    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if self.child.try_wait().unwrap().is_none() {
            signal(&self.child, Signal::TERM);
            self.child.wait().unwrap();
        }
    }
}

/// A program under way; killed if the test fails.
pub(crate) struct Running {
    child: Child,
    out: Option<BufReader<std::process::ChildStdout>>,
    err: Option<BufReader<std::process::ChildStderr>>,
    _watched: Watched,
}

impl Running {
    fn new(mut child: Child) -> Self {
        let out = child.stdout.take().map(BufReader::new);
        let err = child.stderr.take().map(BufReader::new);
        Self { _watched: Watched::new(&child), child, out, err }
    }

    pub(crate) fn write(&mut self, text: &(impl AsRef<[u8]> + ?Sized)) {
        match self.child.stdin.as_mut().unwrap().write_all(text.as_ref()) {
            // It may have ended before it read this.
            Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => {}
            written => written.unwrap(),
        }
    }

    /// The next line of standard output.
    pub(crate) fn line(&mut self) -> String {
        let mut line = String::new();
        self.out.as_mut().unwrap().read_line(&mut line).unwrap();
        line
    }

    /// The next line of standard output as JSON.
    pub(crate) fn json(&mut self) -> serde_json::Value {
        let line = self.line();
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line:?}"))
    }

    /// Reads standard error up to a line with `text` in it, and gives that line.
    pub(crate) fn said(&mut self, text: &str) -> String {
        let mut all = String::new();
        loop {
            let mut line = String::new();
            let count = self.err.as_mut().unwrap().read_line(&mut line).unwrap();
            all.push_str(&line);
            assert!(count > 0, "{text:?} was never said: {all}");
            if line.contains(text) {
                return line;
            }
        }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn signal(&self, name: Signal) {
        signal(&self.child, name);
    }

    /// Its output has no reader any more.
    pub(crate) fn break_pipe(&mut self) {
        self.out = None;
    }

    /// Closes its input, reads what it still says and waits.
    pub(crate) fn end(mut self) -> Ended {
        drop(self.child.stdin.take());
        let err = self.err.take().map(|mut err| {
            std::thread::spawn(move || {
                let mut text = Vec::new();
                err.read_to_end(&mut text).unwrap();
                text
            })
        });
        let mut stdout = Vec::new();
        if let Some(mut out) = self.out.take() {
            out.read_to_end(&mut stdout).unwrap();
        }
        let stderr = err.map(|err| err.join().unwrap()).unwrap_or_default();
        let status = self.child.wait().unwrap();
        Output { status, stdout, stderr }.into()
    }

    /// Waits for the end with the input left open.
    pub(crate) fn end_by_itself(mut self) -> Ended {
        let input = self.child.stdin.take();
        let ended = self.end();
        drop(input);
        ended
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn signal(child: &Child, name: Signal) {
    kill_process(Pid::from_child(child), name).unwrap();
}

/// How a program ended, and what it said.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) status: Option<i32>,
    pub(crate) bytes: Vec<u8>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl From<Output> for Ended {
    fn from(output: Output) -> Self {
        Self {
            status: output.status.code(),
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            bytes: output.stdout,
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

impl Ended {
    /// This status, or all that was said.
    #[track_caller]
    pub(crate) fn with(self, status: i32) -> Self {
        assert_eq!(self.status, Some(status), "{self:?}");
        self
    }
}

/// Waits until `done`, looking again whenever a moment has passed.
#[track_caller]
pub(crate) fn eventually(what: &str, mut done: impl FnMut() -> bool) {
    let deadline = Instant::now() + DEADLINE;
    while !done() {
        assert!(Instant::now() < deadline, "{what}: not in time");
        // What it waits for needs the processor.
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// A path as an argument.
pub(crate) fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}
