//! A socket between a client and its server: it can be cut, and keeps each command that the client sends.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::DirBuilderExt as _;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use super::harness::{Home, Screen, eventually, exists};

/// The socket, in a directory of its own.
pub(crate) struct Relay {
    dir: PathBuf,
    state: Arc<RelayState>,
}

#[derive(Default)]
struct RelayState {
    through: Mutex<Vec<UnixStream>>,
    /// The parameters of each `command/run`, in the order in which they were sent.
    commands: Mutex<Vec<Value>>,
    /// Commands that are kept and not passed on; the client gets an error.
    held: Vec<String>,
}

impl Relay {
    /// One to the server of this box.
    pub(crate) fn start(home: &Home) -> Self {
        Self::holding(home, &[])
    }

    /// The same; these commands do not reach the server.
    pub(crate) fn holding(home: &Home, held: &[&str]) -> Self {
        let dir = home.0.path().join("relay");
        std::fs::DirBuilder::new().mode(0o700).create(&dir).unwrap();
        let socket = dir.join("topsided.sock");
        let listener = UnixListener::bind(&socket).unwrap();
        let held = held.iter().map(|name| (*name).to_owned()).collect();
        let state = Arc::new(RelayState { held, ..RelayState::default() });
        let (kept, server) = (Arc::clone(&state), home.socket());
        std::thread::spawn(move || {
            while let Ok((near, _)) = listener.accept() {
                connect(&near, &server, &kept);
            }
        });
        eventually("the relay is there", || exists(&socket));
        Self { dir, state }
    }

    /// A client that reaches the server through it.
    pub(crate) fn screen(&self, home: &Home, size: (u16, u16)) -> Screen {
        Screen::topside_with(home, size, ("TOPSIDE_RUNTIME_DIR", self.dir.to_str().unwrap()))
    }

    /// Breaks all connections that go through it.
    pub(crate) fn cut(&self) {
        for stream in self.state.through.lock().unwrap().drain(..) {
            let _ = stream.shutdown(std::net::Shutdown::Both);
        }
    }

    /// How many commands were sent so far.
    pub(crate) fn count(&self) -> usize {
        self.state.commands.lock().unwrap().len()
    }

    /// The parameters of the newest command that was sent.
    pub(crate) fn newest(&self) -> Value {
        self.state.commands.lock().unwrap().last().cloned().unwrap()
    }
}

/// Copies both directions of one connection, line by line.
fn connect(near: &UnixStream, server: &Path, state: &Arc<RelayState>) {
    let far = UnixStream::connect(server).unwrap();
    // Two threads write to the client.
    let to_client = Arc::new(Mutex::new(near.try_clone().unwrap()));
    for stream in [near, &far] {
        state.through.lock().unwrap().push(stream.try_clone().unwrap());
    }
    let (from_client, from_server) = (near.try_clone().unwrap(), far.try_clone().unwrap());
    let (answers, state) = (Arc::clone(&to_client), Arc::clone(state));
    let mut to_server = far;
    std::thread::spawn(move || {
        lines(from_client, |line| match state.answer(line) {
            Some(answer) => answers.lock().unwrap().write_all(answer.as_bytes()),
            None => to_server.write_all(line),
        });
        let _ = to_server.shutdown(std::net::Shutdown::Write);
    });
    std::thread::spawn(move || {
        lines(from_server, |line| to_client.lock().unwrap().write_all(line));
        let _ = to_client.lock().unwrap().shutdown(std::net::Shutdown::Write);
    });
}

/// Gives each line of a stream, its end included, to a function, until either fails.
fn lines(stream: UnixStream, mut write: impl FnMut(&[u8]) -> std::io::Result<()>) {
    let mut reader = BufReader::new(stream);
    let mut line = Vec::new();
    while reader.read_until(b'\n', &mut line).is_ok_and(|read| read > 0) && write(&line).is_ok() {
        line.clear();
    }
}

impl RelayState {
    /// Keeps a command of the client; the answer to one that is held.
    fn answer(&self, line: &[u8]) -> Option<String> {
        let mut request: Value = serde_json::from_slice(line).unwrap();
        if request["method"] != "command/run" {
            return None;
        }
        let params = request["params"].take();
        let held =
            params["command"].as_str().is_some_and(|name| self.held.iter().any(|h| h == name));
        self.commands.lock().unwrap().push(params);
        let error = json!({"code": -32000, "message": "Kept by the relay."});
        held.then(|| {
            format!("{}\n", json!({"jsonrpc": "2.0", "id": request["id"], "error": error}))
        })
    }
}
