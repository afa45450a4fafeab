//! A client that knows nothing: it sends bytes and reads lines, each under a deadline.

use std::collections::VecDeque;
use std::io::{ErrorKind, Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::path::Path;

use serde_json::{Value, json};

use super::DEADLINE;

/// See the module.
pub(crate) struct Raw {
    stream: Box<dyn Wire>,
    unread: Vec<u8>,
    last_id: u64,
    /// Notifications that came while an answer was waited for.
    told: VecDeque<Value>,
    /// Whether it was half-closed, or read to its end.
    over: bool,
}

/// A connection, whichever kind it is; its reads and writes end in an error at the deadline.
pub(crate) trait Wire: Read + Write + Send {
    /// Lets no read or write last longer than a test may.
    fn set_deadline(&self);
    /// Says that nothing more will be sent.
    fn half_close(&mut self);
    /// Another hand on the same connection.
    fn second_hand(&self) -> Box<dyn Wire>;
}

impl Wire for UnixStream {
    fn set_deadline(&self) {
        self.set_read_timeout(Some(DEADLINE)).unwrap();
        self.set_write_timeout(Some(DEADLINE)).unwrap();
    }

    fn half_close(&mut self) {
        self.shutdown(Shutdown::Write).unwrap();
    }

    fn second_hand(&self) -> Box<dyn Wire> {
        Box::new(self.try_clone().unwrap())
    }
}

impl Raw {
    pub(crate) fn connect(socket: &Path) -> Self {
        Self::over(UnixStream::connect(socket).unwrap())
    }

    pub(crate) fn over(stream: impl Wire + 'static) -> Self {
        stream.set_deadline();
        Self::of(Box::new(stream))
    }

    fn of(stream: Box<dyn Wire>) -> Self {
        Self { stream, unread: Vec::new(), last_id: 0, told: VecDeque::new(), over: false }
    }

    /// Sends bytes as they are.
    pub(crate) fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.write_all(bytes.as_ref()).unwrap();
    }

    /// Sends one line.
    pub(crate) fn line(&mut self, line: impl AsRef<str>) {
        self.send(format!("{}\n", line.as_ref()));
    }

    /// Sends a request and gives its id.
    pub(crate) fn ask(&mut self, method: &str, params: Value) -> u64 {
        self.last_id += 1;
        let id = self.last_id;
        self.line(
            json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params}).to_string(),
        );
        id
    }

    /// The next line, without its ending.
    pub(crate) fn read_line(&mut self) -> String {
        loop {
            if let Some(end) = self.unread.iter().position(|byte| *byte == b'\n') {
                let rest = self.unread.split_off(end + 1);
                let mut line = std::mem::replace(&mut self.unread, rest);
                line.pop();
                return String::from_utf8(line).expect("the server writes UTF-8");
            }
            assert!(self.fill() > 0, "the connection ended in {:?}", self.unread_text());
        }
    }

    /// The next line as JSON.
    pub(crate) fn recv(&mut self) -> Value {
        let line = self.read_line();
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"))
    }

    /// Expects the connection to end with no further byte.
    pub(crate) fn eof(&mut self) {
        let rest = self.rest();
        assert!(rest.is_empty(), "instead of the end came {rest:?}");
    }

    /// All lines up to the end of the connection.
    pub(crate) fn rest(&mut self) -> Vec<Value> {
        while self.fill() > 0 {}
        let unread = std::mem::take(&mut self.unread);
        let text = String::from_utf8(unread).unwrap();
        assert!(text.is_empty() || text.ends_with('\n'), "the last line is cut: {text:?}");
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// The whole lines up to the end of a connection that was given up: the last may have been cut.
    pub(crate) fn rest_of_a_lost_connection(&mut self) -> Vec<Value> {
        while self.fill() > 0 {}
        let text = String::from_utf8(std::mem::take(&mut self.unread)).unwrap();
        let whole = text.rfind('\n').map_or("", |end| &text[..end]);
        whole.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// The same connection, for another thread to send on.
    pub(crate) fn second_hand(&self) -> Self {
        Self::of(self.stream.second_hand())
    }

    /// The answer to the request `id`; notifications before it are kept for [`Raw::told`].
    pub(crate) fn answer(&mut self, id: u64) -> Value {
        loop {
            let message = self.recv();
            if message.get("method").is_some() {
                self.told.push_back(message);
                continue;
            }
            assert_eq!(message["id"], id, "{message}");
            return message;
        }
    }

    /// Calls a method that succeeds, and gives its result.
    pub(crate) fn ok(&mut self, method: &str, params: Value) -> Value {
        let id = self.ask(method, params);
        let mut answer = self.answer(id);
        assert!(answer.get("error").is_none(), "{answer}");
        answer["result"].take()
    }

    /// Calls a method that is refused, and gives the error after looking at its form.
    pub(crate) fn refused(&mut self, method: &str, params: Value) -> Value {
        let id = self.ask(method, params);
        error_of(self.answer(id))
    }

    /// A command as the menu has it.
    #[track_caller]
    pub(crate) fn command(&mut self, name: &str) -> Value {
        let mut menu = self.ok("commands/list", json!({}));
        let commands = menu["commands"].as_array_mut().unwrap();
        let row = commands.iter_mut().find(|row| row["name"] == name);
        row.unwrap_or_else(|| panic!("no {name} in the menu")).take()
    }

    /// Runs a command to its end and gives the row with its output.
    pub(crate) fn run(&mut self, command: &str, args: Value) -> Value {
        self.ok("command/run", json!({"command": command, "args": args}))
    }

    /// Starts a script and gives the run's number without waiting for its end.
    pub(crate) fn start(&mut self, script: &str) -> u64 {
        let params = json!({"command": "sh", "args": {"script": script}, "wait": false});
        self.ok("command/run", params)["runId"].as_u64().unwrap()
    }

    /// The parameters of the next notification, which must be of this name.
    pub(crate) fn told(&mut self, name: &str) -> Value {
        let mut message = self.told.pop_front().unwrap_or_else(|| self.recv());
        assert_eq!(message["method"], name, "{message}");
        message["params"].take()
    }

    /// All output of runs that came while an answer was waited for, as text.
    pub(crate) fn heard(&mut self) -> String {
        let mut heard = String::new();
        self.told.retain(|message| {
            let output = message["method"] == "run/output";
            if output {
                heard.push_str(message["params"]["data"].as_str().unwrap());
            }
            !output
        });
        heard
    }

    /// Whether neither side has ended the connection, as far as this one knows.
    pub(crate) fn is_open(&self) -> bool {
        !self.over
    }

    /// Shows that nothing was said so far, by an answer that would have come after it.
    pub(crate) fn nothing_told(&mut self) {
        self.ok("ping", json!({}));
        assert!(self.told.is_empty(), "{:?}", self.told);
    }

    /// The caller's own number.
    pub(crate) fn client_id(&mut self) -> u64 {
        self.ok("initialize", json!({}))["you"]["clientId"].as_u64().unwrap()
    }

    /// Sends no more, and goes on reading.
    pub(crate) fn half_close(&mut self) {
        self.stream.half_close();
        self.over = true;
    }

    /// Reads once; 0 at the end of the connection.
    fn fill(&mut self) -> usize {
        let mut bytes = [0; 64 * 1024];
        let count = match self.stream.read(&mut bytes) {
            Ok(count) => count,
            // The end of a program that the server of this process runs.
            Err(error) if error.kind() == ErrorKind::Interrupted => return self.fill(),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                panic!("nothing came any more after {:?}", self.unread_text())
            }
            Err(error) => panic!("{error} after {:?}", self.unread_text()),
        };
        self.over |= count == 0;
        self.unread.extend_from_slice(&bytes[..count]);
        count
    }

    fn unread_text(&self) -> String {
        String::from_utf8_lossy(&self.unread[..self.unread.len().min(2000)]).into_owned()
    }
}

/// The error of an answer, in the form that the protocol gives every error.
pub(crate) fn error_of(mut answer: Value) -> Value {
    assert!(answer.get("result").is_none(), "{answer}");
    let error = answer["error"].take();
    assert!(error["code"].is_i64(), "{error}");
    assert!(error["message"].as_str().is_some_and(|text| !text.is_empty()), "{error}");
    assert!(error["data"]["kind"].is_string(), "{error}");
    assert!(error["data"]["retryable"].is_boolean(), "{error}");
    error
}
