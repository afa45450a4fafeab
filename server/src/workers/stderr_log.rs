//! Logs the standard error of a worker: control characters removed, lines cut, and limited in rate.

use std::time::Duration;

use tokio::io::AsyncReadExt as _;
use tokio::net::unix::pipe::Receiver;
use tokio::time::{Instant, sleep_until};
use topside_shared::text;

const MAX_LINE: usize = 1024;
/// Most lines in [`SPAN`]; further ones are only counted.
const MOST: u64 = 50;
const SPAN: Duration = Duration::from_secs(10);

/// Logs the stream up to its end.
pub(super) async fn log(worker: &str, stderr: &mut Receiver) {
    let mut buffer = vec![0; 4096];
    let mut lines = StderrLines { worker, line: Vec::new(), lines: 0, since: Instant::now() };
    loop {
        tokio::select! {
            read = stderr.read(&mut buffer) => match read {
                Ok(0) | Err(_) => break,
                Ok(length) => buffer[..length].iter().for_each(|byte| lines.byte(*byte)),
            },
            () = sleep_until(lines.since + SPAN), if lines.lines > MOST => lines.sum_up(),
        }
    }
    lines.end_line();
    lines.sum_up();
}

struct StderrLines<'w> {
    worker: &'w str,
    line: Vec<u8>,
    lines: u64,
    since: Instant,
}

impl StderrLines<'_> {
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
            tracing::info!(target: "topside", worker = self.worker, line, "worker's standard error");
        }
    }

    fn sum_up(&mut self) {
        if let lines @ 1.. = self.lines.saturating_sub(MOST) {
            tracing::warn!(
                target: "topside", worker = self.worker, lines,
                "a worker wrote more to its standard error than is logged"
            );
        }
        self.lines = 0;
        self.since = Instant::now();
    }
}
