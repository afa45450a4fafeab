//! The screen in a terminal of its own, which may be slow. What it draws is searched, not shown: a terminal takes time that
//! the screen needs here.

use std::fs;
use std::io::{self, Read, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};

use crate::machine;
use crate::servers::{Programs, Server};

const SIZE: PtySize = PtySize { rows: 40, cols: 120, pixel_width: 0, pixel_height: 0 };
/// Keys in one line.
const KEYS_OF_A_LINE: usize = 30;
/// Between two keys.
const KEYS: Duration = Duration::from_millis(25);
pub(super) const PATIENCE: Duration = Duration::from_secs(60);
/// How the screen asks whether the terminal has taken what was sent, and the answer.
const ASKED: &[u8] = b"\x1b[5n";
const ANSWER: &[u8] = b"\x1b[0n";

type Writer = Arc<Mutex<Box<dyn Write + Send>>>;

pub(super) struct Terminal {
    drawn: Arc<TerminalOutput>,
    writer: Writer,
    child: Mutex<Box<dyn Child + Send + Sync>>,
    pid: u32,
    /// From the start of the program to its first menu.
    pub(super) first_frame: Duration,
    _master: Mutex<Box<dyn MasterPty + Send>>,
}

/// A line to the terminal.
#[derive(Debug, Clone, Copy)]
pub(super) struct Line {
    /// Bits a second.
    pub(super) baud: u32,
    /// Whether the terminal answers when it is asked.
    pub(super) answers: bool,
}

/// What was drawn since it was looked for last.
#[derive(Default)]
struct TerminalOutput {
    bytes: Mutex<Vec<u8>>,
    more: Condvar,
}

impl TerminalOutput {
    fn bytes(&self) -> MutexGuard<'_, Vec<u8>> {
        self.bytes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until this word was drawn: a space where there was one is not drawn again.
    fn until(&self, text: &str) -> io::Result<()> {
        let deadline = Instant::now() + PATIENCE;
        let mut bytes = self.bytes();
        while !bytes.windows(text.len()).any(|window| window == text.as_bytes()) {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(io::Error::other(format!("the screen does not draw `{text}`")));
            }
            let waited = self.more.wait_timeout(bytes, left);
            bytes = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        Ok(())
    }
}

impl Terminal {
    /// Opens the screen at a server, over this line or on a terminal as fast as it is read; none if there is no `topside`.
    pub(super) fn start(
        programs: &Programs,
        server: &Server,
        line: Option<Line>,
    ) -> io::Result<Option<Self>> {
        let Some(topside) = programs.topside() else { return Ok(None) };
        let mut command = CommandBuilder::new(topside);
        command.args(["connect", "this machine"]);
        command.env("TERM", "xterm-256color");
        command.cwd(server.directory());
        for (name, value) in server.variables() {
            command.env(name, value);
        }
        Self::run(command, "try:", line).map(Some)
    }

    /// Opens a terminal of a program that prints each key and does nothing else.
    pub(super) fn echo() -> io::Result<Self> {
        let mut command = CommandBuilder::new("sh");
        command.args(["-c", "stty raw -echo && echo ready && exec cat"]);
        Self::run(command, "ready", None)
    }

    /// Runs a program until it has drawn this word.
    fn run(command: CommandBuilder, ready: &str, line: Option<Line>) -> io::Result<Self> {
        let pair = native_pty_system().openpty(SIZE).map_err(io::Error::other)?;
        let started = Instant::now();
        let child = pair.slave.spawn_command(command).map_err(io::Error::other)?;
        drop(pair.slave);
        let pid = child.process_id().unwrap_or_default();
        let drawn = Arc::new(TerminalOutput::default());
        let reader = pair.master.try_clone_reader().map_err(io::Error::other)?;
        let writer = pair.master.take_writer().map_err(io::Error::other)?;
        let writer = Arc::new(Mutex::new(writer));
        let (drained, answers) = (Arc::clone(&drawn), Arc::clone(&writer));
        std::thread::spawn(move || drain(reader, line, &drained, &answers));
        let (child, master) = (Mutex::new(child), Mutex::new(pair.master));
        let first_frame = Duration::ZERO;
        let mut terminal = Self { drawn, writer, child, pid, first_frame, _master: master };
        terminal.drawn.until(ready)?;
        terminal.first_frame = started.elapsed();
        Ok(terminal)
    }

    /// Waits until this word was drawn after the last [`Self::write`].
    pub(super) fn until(&self, text: &str) -> io::Result<()> {
        self.drawn.until(text)
    }

    /// Bytes drawn since the last [`Self::write`].
    pub(super) fn drawn(&self) -> usize {
        self.drawn.bytes().len()
    }

    /// Types, and forgets what was drawn before.
    pub(super) fn write(&self, text: &str) -> io::Result<()> {
        self.drawn.bytes().clear();
        send(&self.writer, text.as_bytes())
    }

    /// Resident memory in KiB.
    pub(super) fn memory(&self) -> io::Result<f64> {
        machine::number(format!("/proc/{}/status", self.pid), "VmRSS")
    }

    /// How often one of its threads has gone to sleep, which is how often it was woken.
    pub(super) fn wakes(&self) -> io::Result<f64> {
        let mut wakes = 0.0;
        for task in fs::read_dir(format!("/proc/{}/task", self.pid))? {
            // A thread may have ended.
            let status = task?.path().join("status");
            wakes += machine::number(status, "voluntary_ctxt_switches").unwrap_or(0.0);
        }
        Ok(wakes)
    }

    /// Types until the flood has ended; returns the time from each key to its frame in ms, and the memory meanwhile in KiB.
    pub(super) fn flood(&self, done: &AtomicBool) -> io::Result<(Vec<f64>, Vec<f64>)> {
        self.write("gush\r")?;
        self.drawn.until("quick")?;
        self.keys(PATIENCE, done)
    }

    /// The same for this time, or until the flood has ended.
    pub(super) fn keys(
        &self,
        time: Duration,
        done: &AtomicBool,
    ) -> io::Result<(Vec<f64>, Vec<f64>)> {
        let (mut times, mut samples) = (Vec::new(), Vec::new());
        let until = Instant::now() + time;
        while !done.load(Ordering::Relaxed) && Instant::now() < until {
            // Nothing else on the screen has these. The lines take turns: a screen that takes an emptied line and its
            // first key together would draw nothing where that was there before.
            let key = if (times.len() / KEYS_OF_A_LINE).is_multiple_of(2) { "Z" } else { "Q" };
            let started = Instant::now();
            self.write(key)?;
            self.drawn.until(key)?;
            times.push(started.elapsed().as_secs_f64() * 1e3);
            samples.push(self.memory()?);
            std::thread::sleep(KEYS.saturating_sub(started.elapsed()));
            if times.len() % KEYS_OF_A_LINE == 0 {
                self.clear()?;
            }
        }
        self.clear()?;
        Ok((times, samples))
    }

    /// Takes back what was typed, and leaves time for that.
    pub(super) fn clear(&self) -> io::Result<()> {
        self.write("\x15")?;
        std::thread::sleep(2 * KEYS);
        Ok(())
    }
}

/// Takes what the screen draws as fast as the line does, and answers its questions.
fn drain(
    mut reader: Box<dyn Read + Send>,
    line: Option<Line>,
    drawn: &TerminalOutput,
    answers: &Writer,
) {
    let mut buffer = vec![0; 16 * 1024];
    // A byte takes ten bits. A fiftieth of a second's bytes are read at once.
    let rate = line.map(|line| line.baud as usize / 10);
    let most = rate.map_or(buffer.len(), |rate| (rate / 50).max(1));
    let answers_come = line.is_none_or(|line| line.answers);
    while let Ok(count @ 1..) = reader.read(&mut buffer[..most]) {
        if let Some(rate) = rate {
            std::thread::sleep(Duration::from_secs_f64(count as f64 / rate as f64));
        }
        let asked = {
            let mut bytes = drawn.bytes();
            // A question may be cut by a read.
            let from = bytes.len().saturating_sub(ASKED.len() - 1);
            bytes.extend_from_slice(&buffer[..count]);
            bytes[from..].windows(ASKED.len()).filter(|window| *window == ASKED).count()
        };
        drawn.more.notify_all();
        for _ in 0..asked {
            if answers_come && send(answers, ANSWER).is_err() {
                return;
            }
        }
    }
}

fn send(writer: &Writer, bytes: &[u8]) -> io::Result<()> {
    let mut writer = writer.lock().unwrap_or_else(PoisonError::into_inner);
    writer.write_all(bytes)?;
    writer.flush()
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let mut child = self.child.lock().unwrap_or_else(PoisonError::into_inner);
        // It may have ended by itself.
        let _ = child.kill();
        let _ = child.wait();
    }
}
