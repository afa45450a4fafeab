//! Printer: writes standard output and standard error on a thread of its own, so that a terminal or pipe that stops reading
//! blocks neither the connection nor a signal.

use std::cell::Cell;
use std::io::{self, IsTerminal, Write};
use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use topside_shared::notifications::Stream;

use super::exit_status;
use super::output_filter::{CursorPosition, Filter};
use crate::platform;

/// Parts that wait for the thread; each is at most one `run/output`.
const WAITING: usize = 16;
/// How long the reader of the output may take after the end.
pub(super) const LAST_WORDS: Duration = Duration::from_secs(10);

/// One of the two streams.
pub(super) struct Sink {
    write: Box<dyn Write + Send>,
    /// None where it is not a terminal.
    filter: Option<Filter>,
}

impl Sink {
    /// A pipe or a file.
    pub(super) fn raw(write: impl Write + Send + 'static) -> Self {
        Self { write: Box::new(write), filter: None }
    }

    /// A terminal; with `plain`, without colours.
    pub(super) fn terminal(write: impl Write + Send + 'static, plain: bool) -> Self {
        Self { write: Box::new(write), filter: Some(Filter::new(plain)) }
    }

    fn of(write: impl Write + IsTerminal + AsFd + Send + 'static) -> Self {
        if write.is_terminal() {
            Self::terminal(write, crate::terminal::no_colour())
        } else {
            // Standard output would write the last line of each piece by itself.
            Self::raw(Unbuffered(write))
        }
    }

    fn write(&mut self, at: &mut CursorPosition, bytes: &[u8]) -> io::Result<()> {
        match &mut self.filter {
            None => self.write.write_all(bytes)?,
            Some(filter) => self.write.write_all(filter.pass(at, bytes).as_bytes())?,
        }
        self.write.flush()
    }

    /// Writes a text of this program on a line of its own. What the run writes next cannot overwrite it.
    fn write_own(&mut self, at: &mut CursorPosition, text: &str) -> io::Result<()> {
        self.leave_line(at)?;
        self.write(at, text.as_bytes())?;
        if self.filter.is_some() {
            // A question may end in the middle of a line: later output follows it.
            *at = CursorPosition::default();
        }
        Ok(())
    }

    fn leave_line(&mut self, at: &mut CursorPosition) -> io::Result<()> {
        if self.filter.is_none() {
            return Ok(());
        }
        self.write_raw(&at.leave())
    }

    fn write_raw(&mut self, text: &str) -> io::Result<()> {
        if text.is_empty() {
            return Ok(());
        }
        self.write.write_all(text.as_bytes())?;
        self.write.flush()
    }

    /// Leaves the line of a Ctrl-C, which the terminal shows where the cursor is.
    fn leave_interrupt(&mut self, at: &mut CursorPosition) -> io::Result<()> {
        if self.filter.is_none() {
            return Ok(());
        }
        let mut text = at.leave();
        if !text.ends_with('\n') {
            text.push('\n');
        }
        self.write_raw(&text)
    }

    fn end_of_run(&mut self) -> io::Result<()> {
        let rest = self.filter.as_mut().map_or("", Filter::end);
        self.write_raw(rest)
    }
}

/// A stream without its buffer.
struct Unbuffered<S>(S);

impl<S: AsFd> Write for Unbuffered<S> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        platform::write_all(&self.0, bytes).map(|()| bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

pub(super) enum OutputPart {
    /// Output of a run.
    Output(Stream, Vec<u8>),
    /// The end of a run's output.
    EndOfRun,
    /// A sentence of this program, on standard error.
    Say(String),
    /// Typed text, on standard error: the terminal does not show it itself.
    Echo(String),
    /// A text of this program, on standard output.
    Print(String),
    /// The terminal has shown a Ctrl-C.
    Interrupt,
    /// Sent when all parts before it are written.
    Flush(oneshot::Sender<()>),
}

/// Handle of the writing thread.
pub(super) struct Printer {
    pieces: mpsc::Sender<OutputPart>,
    /// Whether a question waits for its answer.
    is_asking: Cell<bool>,
    /// Set when standard output fails, other than by the end of its reader.
    failed: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

pub(super) type Room<'p> = mpsc::Permit<'p, OutputPart>;

impl Printer {
    /// A printer for the streams of this process.
    pub(super) fn start() -> Self {
        Self::to(Sink::of(io::stdout()), Sink::of(io::stderr()))
    }

    pub(super) fn to(out: Sink, err: Sink) -> Self {
        let (pieces, waiting) = mpsc::channel(WAITING);
        let failed = Arc::new(AtomicBool::new(false));
        let tell = failed.clone();
        let thread = std::thread::spawn(move || write_all(waiting, out, err, &tell));
        Self { pieces, is_asking: Cell::new(false), failed, thread }
    }

    /// Waits for room for one part; `None` once standard output is closed. Dropping the future is safe.
    pub(super) async fn room(&self) -> Option<Room<'_>> {
        self.pieces.reserve().await.ok()
    }

    /// Waits until standard output is closed. Dropping the future is safe.
    pub(super) async fn broken(&self) {
        self.pieces.closed().await;
    }

    /// Writes a part, after a wait for room. Once the output is closed, nothing is written.
    pub(super) async fn write(&self, piece: OutputPart) {
        let _ = self.pieces.send(piece).await;
    }

    /// Writes a sentence on standard error, with the name of the program.
    pub(super) async fn say(&self, sentence: impl std::fmt::Display) {
        self.write(OutputPart::Say(format!("topside: {sentence}\n"))).await;
    }

    /// Asks a question on standard error: the cursor stays behind it.
    pub(super) async fn ask(&self, question: &str) {
        self.is_asking.set(true);
        self.write(OutputPart::Say(format!("{question} "))).await;
    }

    /// Notes that a question was answered.
    pub(super) fn answered(&self) {
        self.is_asking.set(false);
    }

    /// Leaves the line of a Ctrl-C. Returns whether it was the answer to a question. Does not wait: output that no terminal
    /// takes must not hold up a signal.
    pub(super) fn interrupted(&self) -> bool {
        let _ = self.pieces.try_send(OutputPart::Interrupt);
        self.is_asking.take()
    }

    /// Waits until all is written; returns false if standard output broke.
    pub(super) async fn flush(&self) -> bool {
        let (sender, done) = oneshot::channel();
        self.write(OutputPart::Flush(sender)).await;
        // A part that is sent while the thread ends may stay in the channel.
        tokio::select! {
            biased;
            done = done => done.is_ok(),
            () = self.pieces.closed() => false,
        }
    }

    /// The exit status after a broken standard output.
    pub(super) fn broken_status(&self) -> u8 {
        if self.failed.load(Ordering::Relaxed) {
            exit_status::OWN_FAILURE
        } else {
            exit_status::BROKEN_PIPE
        }
    }

    /// Waits for the rest of the output, but not for ever: a reader that has stopped reading must not keep the program.
    /// Returns the status, or another one if it was success and the output broke.
    pub(super) async fn finish(self, status: u8) -> u8 {
        self.finish_within(LAST_WORDS, status).await
    }

    /// [`finish`](Self::finish) with another limit.
    pub(super) async fn finish_within(self, patience: Duration, status: u8) -> u8 {
        let whole = match tokio::time::timeout(patience, self.flush()).await {
            Ok(whole) => whole,
            // The thread stays blocked in its write, and ends with the process.
            Err(_) => return status,
        };
        let broken = self.broken_status();
        drop(self.pieces);
        let _ = self.thread.join();
        if whole || status != exit_status::OK { status } else { broken }
    }
}

/// The thread: ends with the last sender, or when standard output breaks.
fn write_all(
    mut pieces: mpsc::Receiver<OutputPart>,
    mut out: Sink,
    mut err: Sink,
    failed: &AtomicBool,
) {
    // Both streams of a program at a terminal go to the same terminal.
    let mut at = CursorPosition::default();
    while let Some(piece) = pieces.blocking_recv() {
        let written = match piece {
            OutputPart::Output(Stream::Stdout, bytes) => out.write(&mut at, &bytes),
            OutputPart::Print(text) => out.write_own(&mut at, &text),
            // Standard error may be closed, which is not an error here.
            OutputPart::Output(Stream::Stderr, bytes) => {
                let _ = err.write(&mut at, &bytes);
                Ok(())
            }
            OutputPart::Say(text) => {
                let _ = err.write_own(&mut at, &text);
                Ok(())
            }
            OutputPart::Echo(text) => {
                let _ = err.write_raw(&text);
                Ok(())
            }
            OutputPart::EndOfRun => {
                let _ = err.end_of_run();
                out.end_of_run().and_then(|()| {
                    let _ = err.leave_line(&mut at);
                    out.leave_line(&mut at)
                })
            }
            OutputPart::Interrupt => {
                let sink = if err.filter.is_some() { &mut err } else { &mut out };
                let _ = sink.leave_interrupt(&mut at);
                Ok(())
            }
            OutputPart::Flush(done) => {
                let _ = done.send(());
                Ok(())
            }
        };
        if let Err(error) = written {
            // A reader that stops reading is no failure; a full disk is one.
            if error.kind() != io::ErrorKind::BrokenPipe {
                failed.store(true, Ordering::Relaxed);
                let sentence = format!("topside: standard output cannot be written: {error}\n");
                let _ = err.write_own(&mut at, &sentence);
            }
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    #[derive(Clone, Default)]
    struct Written(Arc<Mutex<Vec<u8>>>);

    impl Written {
        fn text(&self) -> String {
            String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
        }
    }

    impl Write for Written {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    struct Broken;

    impl Write for Broken {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::BrokenPipe.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[tokio::test]
    async fn a_pipe_gets_the_bytes_and_a_terminal_only_text_and_colours() {
        let (out, err) = (Written::default(), Written::default());
        let printer = Printer::to(Sink::raw(out.clone()), Sink::terminal(err.clone(), false));
        let bytes = b"\x1b[2J\x1b[31mred\n".to_vec();
        printer.write(OutputPart::Output(Stream::Stdout, bytes.clone())).await;
        printer.write(OutputPart::Output(Stream::Stderr, bytes)).await;
        printer.write(OutputPart::EndOfRun).await;
        printer.say("done").await;
        assert_eq!(printer.finish(0).await, 0);
        assert_eq!(out.text(), "\x1b[2J\x1b[31mred\n");
        assert_eq!(err.text(), "\x1b[31mred\n\x1b[0mtopside: done\n");
    }

    /// Breaks at the moment that it is told to.
    struct BreaksAt(Arc<AtomicBool>);

    impl Write for BreaksAt {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            while !self.0.load(Ordering::Acquire) {
                std::hint::spin_loop();
            }
            Err(io::ErrorKind::BrokenPipe.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// A flush that was sent while the thread went was waited for, and the failure was a success.
    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_flush_that_meets_the_end_of_the_thread_is_answered() {
        for spins in 0..20_000 {
            let now = Arc::new(AtomicBool::new(false));
            let out = Sink::raw(BreaksAt(Arc::clone(&now)));
            let printer = Printer::to(out, Sink::raw(Written::default()));
            printer.write(OutputPart::Print("x".into())).await;
            now.store(true, Ordering::Release);
            for _ in 0..spins % 200 {
                std::hint::spin_loop();
            }
            let flushed = tokio::time::timeout(Duration::from_secs(60), printer.flush()).await;
            assert_eq!(flushed, Ok(false), "{spins}");
        }
    }

    #[tokio::test]
    async fn a_broken_output_is_reported_and_a_broken_error_stream_is_not() {
        let printer = Printer::to(Sink::raw(Written::default()), Sink::raw(Broken));
        printer.say("x").await;
        assert_eq!(printer.finish(0).await, 0);
        let printer = Printer::to(Sink::raw(Broken), Sink::raw(Written::default()));
        printer.write(OutputPart::Print("x".into())).await;
        assert!(!printer.flush().await);
        assert!(printer.room().await.is_none());
        assert_eq!(printer.finish(0).await, 141);
    }
}
