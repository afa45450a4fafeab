//! Logs what a worker writes outside of calls: control characters removed, lines cut, and limited in rate.

use std::time::Duration;

use tokio::io::AsyncReadExt as _;
use tokio::net::unix::pipe::Receiver;
use tokio::time::{Instant, sleep_until};
use topside_shared::text;

use crate::base::mutex::Mutex;

const MAX_LINE: usize = 1024;
/// Most lines in [`SPAN`]; further ones are only counted.
const MOST: u64 = 50;
const SPAN: Duration = Duration::from_secs(10);

/// Logs the stream up to its end. `last` gets each line.
pub(super) async fn log(worker: &str, stderr: &mut Receiver, last: &Mutex<Option<String>>) {
    let mut buffer = vec![0; 4096];
    let mut lines = LoggedLines::new(worker, "standard error", "worker's standard error");
    loop {
        tokio::select! {
            read = stderr.read(&mut buffer) => match read {
                Ok(0) | Err(_) => break,
                Ok(length) => {
                    lines.add(&buffer[..length]);
                    last.lock().clone_from(&lines.last);
                }
            },
            () = sleep_until(lines.since + SPAN), if lines.lines > MOST => lines.sum_up(),
        }
    }
    lines.end();
    last.lock().clone_from(&lines.last);
}

/// A text that is logged line by line.
pub(super) struct LoggedLines<'w> {
    worker: &'w str,
    stream: &'static str,
    /// What the text is.
    what: &'static str,
    line: Vec<u8>,
    last: Option<String>,
    lines: u64,
    since: Instant,
}

impl<'w> LoggedLines<'w> {
    pub(super) fn new(worker: &'w str, stream: &'static str, what: &'static str) -> Self {
        let (line, last, lines, since) = (Vec::new(), None, 0, Instant::now());
        Self { worker, stream, what, line, last, lines, since }
    }

    pub(super) fn add(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.byte(*byte));
    }

    /// The last line needs no ending.
    pub(super) fn end(&mut self) {
        self.end_line();
        self.sum_up();
    }

    fn byte(&mut self, byte: u8) {
        if byte == b'\n' {
            self.end_line();
        } else if self.line.len() < MAX_LINE {
            self.line.push(byte);
        }
    }

    fn end_line(&mut self) {
        let line = text::clean(&String::from_utf8_lossy(&self.line), MAX_LINE);
        self.line.clear();
        if line.is_empty() {
            return;
        }
        if self.since.elapsed() >= SPAN {
            self.sum_up();
        }
        self.lines += 1;
        if self.lines <= MOST {
            tracing::info!(target: "topside", worker = self.worker, line, "{}", self.what);
        }
        self.last = Some(line);
    }

    fn sum_up(&mut self) {
        if let lines @ 1.. = self.lines.saturating_sub(MOST) {
            tracing::warn!(
                target: "topside", worker = self.worker, lines,
                "a worker wrote more to its {} than is logged", self.stream
            );
        }
        self.lines = 0;
        self.since = Instant::now();
    }
}
