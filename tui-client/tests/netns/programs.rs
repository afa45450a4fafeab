//! The programs on the hosts, each with directories of its own.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Instant;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use crate::net::{DEADLINE, Host, Net};
use crate::terminal::{Home, TOPSIDE};

/// `topside` on a host.
pub(crate) fn topside(net: &Net, host: Host, home: &Home, args: &[&str]) -> Command {
    let mut command = net.on(host, TOPSIDE);
    command.args(args).envs(home.env());
    command
}

/// What a program said, having ended well.
#[track_caller]
pub(crate) fn said(command: &mut Command) -> String {
    let output = command.output().unwrap();
    let err = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {err}");
    String::from_utf8(output.stdout).unwrap()
}

/// A child whose lines are read as they come; killed with the test.
pub(crate) struct Running {
    child: Child,
    lines: Receiver<String>,
}

impl Running {
    /// Starts it; what it says on both of its streams is read.
    pub(crate) fn start(command: &mut Command) -> Self {
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let (sender, lines) = channel();
        let out = child.stdout.take().map(|out| Box::new(out) as Box<dyn std::io::Read + Send>);
        let err = child.stderr.take().map(|err| Box::new(err) as Box<dyn std::io::Read + Send>);
        for stream in [out, err].into_iter().flatten() {
            let sender = sender.clone();
            std::thread::spawn(move || {
                for line in BufReader::new(stream).lines().map_while(Result::ok) {
                    let _ = sender.send(line);
                }
            });
        }
        Self { child, lines }
    }

    /// Waits for a line with `text` in it.
    #[track_caller]
    pub(crate) fn says(&self, text: &str) -> String {
        let deadline = Instant::now() + DEADLINE;
        let mut all = String::new();
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let Ok(line) = self.lines.recv_timeout(left) else {
                panic!("{text:?} was never said:\n{all}");
            };
            if line.contains(text) {
                return line;
            }
            all.push_str(&line);
            all.push('\n');
        }
    }

    pub(crate) fn write(&mut self, text: &str) {
        self.child.stdin.as_mut().unwrap().write_all(text.as_bytes()).unwrap();
    }

    pub(crate) fn terminate(&self) {
        kill_process(Pid::from_child(&self.child), Signal::TERM).unwrap();
    }

    /// Waits for its end; the exit status.
    pub(crate) fn exit(&mut self) -> Option<i32> {
        // Its streams are closed when it has ended.
        while self.lines.recv_timeout(DEADLINE).is_ok() {}
        self.child.wait().unwrap().code()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A server on the box, with these lines in its `server.toml`.
pub(crate) fn serve(net: &Net, home: &Home, settings: &str) -> Running {
    let config = home.0.path().join("config");
    std::fs::create_dir_all(&config).unwrap();
    let file = config.join("server.toml");
    std::fs::write(&file, settings).unwrap();
    private(&config, 0o700);
    private(&file, 0o600);
    let server = Running::start(&mut topside(net, Host::Box, home, &["serve"]));
    server.says("server started");
    server
}

fn private(path: &Path, mode: u32) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

/// An invite made on the box.
pub(crate) fn invite(net: &Net, home: &Home, name: &str) -> String {
    let args = ["serve", "invite", "--name", name, "--role", "admin"];
    let said = said(&mut topside(net, Host::Box, home, &args));
    let invite = said.split_whitespace().find(|word| word.starts_with("topside1:"));
    invite.unwrap_or_else(|| panic!("no invite in {said}")).to_owned()
}

/// Pairs a new client on a host with the box, which is called `box` there.
pub(crate) fn pair(net: &Net, host: Host, invite: &str) -> Home {
    let home = Home::new();
    said(&mut topside(net, host, &home, &["pair", "--name", "box", invite]));
    home
}

/// The box's local socket. It is a file, so that no namespace stands between.
pub(crate) struct Socket {
    stream: BufReader<UnixStream>,
}

impl Socket {
    pub(crate) fn connect(home: &Home) -> Self {
        let stream = UnixStream::connect(home.socket()).unwrap();
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        Self { stream: BufReader::new(stream) }
    }

    /// Sends a request and gives its result.
    pub(crate) fn ask(&mut self, method: &str, params: &Value) -> Value {
        let request = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
        writeln!(self.stream.get_mut(), "{request}").unwrap();
        loop {
            let mut line = self.line();
            if line["id"] == 1 {
                assert!(line["error"].is_null(), "{line}");
                return line["result"].take();
            }
        }
    }

    /// Waits for a notification that is as wanted.
    pub(crate) fn until(&mut self, wanted: impl Fn(&Value) -> bool) -> Value {
        loop {
            let line = self.line();
            if wanted(&line) {
                return line;
            }
        }
    }

    fn line(&mut self) -> Value {
        let mut line = String::new();
        let count = self.stream.read_line(&mut line).expect("the server says something in time");
        assert!(count > 0, "the server has closed the connection");
        serde_json::from_str(&line).unwrap()
    }
}
