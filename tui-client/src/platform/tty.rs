//! Terminal device: echo of typed text, input, hang-up.

use std::io::{self, IsTerminal};
use std::os::fd::AsFd;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::FileType;
use rustix::termios::{
    LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcdrain, tcgetattr, tcsetattr,
};
use tokio::sync::oneshot;

use crate::terminal_input::{Decoder, TerminalInput};

/// How often text that was typed at the terminal on standard input was discarded. It is locked for a read of the terminal, which
/// belongs to this count, and for a change between lines and keys: a read that finds input in one mode may wait in the other.
static DISCARDS: Mutex<u64> = Mutex::new(0);

fn discards() -> MutexGuard<'static, u64> {
    DISCARDS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Bytes of the terminal on standard input.
pub(crate) struct TypedBytes {
    /// How many were read; 0 at the end of the input.
    pub(crate) count: usize,
    /// The count of [`discard_typed`] when they were read.
    pub(crate) discards: u64,
}

/// Waits until the terminal on standard input has something to read, and reads it. Several threads may not do so at once.
pub(crate) fn read_typed(buffer: &mut [u8]) -> io::Result<TypedBytes> {
    loop {
        wait_for_input();
        let lock = discards();
        let discards = *lock;
        let ready = wait_for(&io::stdin(), PollFlags::IN, Some(Duration::ZERO));
        // What was announced may have been discarded since.
        if ready.is_some_and(|ready| ready.is_empty()) {
            continue;
        }
        // Where the input cannot be polled, the read waits, and must not hold up a discard.
        let _lock = ready.map(|_| lock);
        match rustix::io::read(io::stdin(), &mut *buffer) {
            Ok(count) => return Ok(TypedBytes { count, discards }),
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// The count of [`discard_typed`].
pub(crate) fn count_of_discards() -> u64 {
    *discards()
}

/// Discards what was typed at the terminal on standard input and is not read yet, also the beginning of a line, and raises the
/// count that marks what was read as old. Returns whether the terminal held something. Does nothing where there is no terminal.
pub(crate) fn discard_typed() -> bool {
    let Ok(before) = tcgetattr(io::stdin()) else { return false };
    let mut discards = discards();
    *discards += 1;
    // A terminal that gives lines does not give the beginning of one.
    let mut keys = before.clone();
    keys.local_modes.remove(LocalModes::ICANON);
    keys.special_codes[SpecialCodeIndex::VMIN] = 0;
    keys.special_codes[SpecialCodeIndex::VTIME] = 0;
    if tcsetattr(io::stdin(), OptionalActions::Now, &keys).is_err() {
        return false;
    }
    let (mut buffer, mut has_typed) = ([0; 4096], false);
    while let Ok(1..) = rustix::io::read(io::stdin(), &mut buffer) {
        has_typed = true;
    }
    let _ = tcsetattr(io::stdin(), OptionalActions::Now, &before);
    has_typed
}

/// Echo of the terminal on standard input. It is restored when this is dropped.
#[derive(Default)]
pub(crate) struct Echo {
    /// The terminal's settings before, while the echo is off.
    before: Option<Termios>,
}

impl Echo {
    /// Turns the echo off, except for the end of a line.
    pub(crate) fn off(&mut self) {
        if self.before.is_some() {
            return;
        }
        let Ok(before) = tcgetattr(std::io::stdin()) else { return };
        let mut quiet = before.clone();
        quiet.local_modes.remove(LocalModes::ECHO);
        quiet.local_modes.insert(LocalModes::ECHONL);
        if tcsetattr(std::io::stdin(), OptionalActions::Now, &quiet).is_ok() {
            self.before = Some(before);
        }
    }

    /// Turns the echo on again; returns whether it was off.
    pub(crate) fn on(&mut self) -> bool {
        let Some(before) = self.before.take() else { return false };
        // A terminal that was closed shows nothing.
        let _ = tcsetattr(std::io::stdin(), OptionalActions::Now, &before);
        true
    }
}

impl Drop for Echo {
    fn drop(&mut self) {
        self.on();
    }
}

/// Input of the terminal on standard input, key by key: the terminal shows nothing of it, and makes no signals of Ctrl-C and
/// Ctrl-Z. Its settings are restored when this is dropped.
#[derive(Default)]
pub(crate) struct KeyInput {
    /// The terminal's settings before, while it is on.
    before: Option<Termios>,
}

impl KeyInput {
    /// Turns it on. Returns false where the terminal does not edit and show lines: another program does (Emacs, a recorder), or
    /// there is no terminal.
    pub(crate) fn on(&mut self) -> bool {
        if self.before.is_some() {
            return true;
        }
        let Ok(before) = tcgetattr(io::stdin()) else { return false };
        if !before.local_modes.contains(LocalModes::ICANON | LocalModes::ECHO) {
            return false;
        }
        let mut keys = before.clone();
        keys.local_modes
            .remove(LocalModes::ICANON | LocalModes::ECHO | LocalModes::ISIG | LocalModes::IEXTEN);
        keys.special_codes[SpecialCodeIndex::VMIN] = 1;
        keys.special_codes[SpecialCodeIndex::VTIME] = 0;
        let _reads = discards();
        let is_set = tcsetattr(io::stdin(), OptionalActions::Now, &keys).is_ok();
        self.before = Some(before).filter(|_| is_set);
        is_set
    }

    /// Turns it off. What was typed and not read yet stays.
    pub(crate) fn off(&mut self) {
        if let Some(before) = self.before.take() {
            let _reads = discards();
            // A terminal that was closed takes no settings.
            let _ = tcsetattr(io::stdin(), OptionalActions::Now, &before);
        }
    }

    /// The key that the terminal would make a signal of.
    pub(crate) fn signal_key(&self, byte: u8) -> Option<SignalKey> {
        let codes = &self.before.as_ref()?.special_codes;
        // 0 stands for a key that is switched off.
        [
            (SpecialCodeIndex::VINTR, SignalKey::Interrupt),
            (SpecialCodeIndex::VQUIT, SignalKey::Quit),
            (SpecialCodeIndex::VSUSP, SignalKey::Stop),
        ]
        .into_iter()
        .find_map(|(index, key)| (byte != 0 && codes[index] == byte).then_some(key))
    }
}

impl Drop for KeyInput {
    fn drop(&mut self) {
        self.off();
    }
}

/// A key that a terminal makes a signal of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SignalKey {
    /// Ctrl-C.
    Interrupt,
    /// Ctrl-\.
    Quit,
    /// Ctrl-Z.
    Stop,
}

/// Empty reads in a row after which a terminal counts as closed. A single one can come from a Ctrl-D while the terminal is
/// in cooked mode, around a stop.
const EMPTY_READS: u32 = 8;
/// Poll flags of a closed terminal. It is readable too: the read returns its end.
const CLOSED: PollFlags = PollFlags::HUP.union(PollFlags::ERR).union(PollFlags::NVAL);

/// Reads the terminal on standard input and passes its input to `on_input`, until the terminal is closed or `on_input`
/// returns false. `asked`: the terminal was asked for its background.
pub(crate) fn read_input(asked: bool, mut on_input: impl FnMut(TerminalInput) -> bool) {
    let stdin = io::stdin();
    let mut decoder = if asked { Decoder::asked() } else { Decoder::default() };
    let mut events = Vec::new();
    let mut buffer = [0; 4096];
    let (mut last_read, mut empty) = (Instant::now(), 0);
    loop {
        let wait = decoder.wait().map(|wait| wait.saturating_sub(last_read.elapsed()));
        let Some(ready) = wait_for(&stdin, PollFlags::IN, wait) else { return };
        if ready.is_empty() {
            if decoder.wait().is_some_and(|wait| last_read.elapsed() >= wait) {
                decoder.time_out(&mut events);
                last_read = Instant::now();
            }
        } else {
            match rustix::io::read(&stdin, &mut buffer) {
                Ok(0) if ready.intersects(CLOSED) || empty >= EMPTY_READS => return,
                Ok(0) => empty += 1,
                Ok(count) => {
                    empty = 0;
                    decoder.feed(&buffer[..count], &mut events);
                    last_read = Instant::now();
                }
                Err(rustix::io::Errno::INTR | rustix::io::Errno::AGAIN) => {}
                Err(_) => return,
            }
        }
        let background = decoder.take_background().map(TerminalInput::Background);
        let taken = std::iter::repeat_n(TerminalInput::Taken, decoder.take_taken());
        let answers = background.into_iter().chain(taken);
        if !events.drain(..).map(TerminalInput::Event).chain(answers).all(&mut on_input) {
            return;
        }
    }
}

/// Writes bytes without a buffer: in one piece, as far as the stream takes it.
pub(crate) fn write_all(stream: &impl AsFd, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        match rustix::io::write(stream, bytes) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(count) => bytes = &bytes[count..],
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// Waits until the device of standard output has sent all that was written to it. A pseudo-terminal does not wait.
pub(crate) fn drain_terminal() {
    // Where it fails, there is nothing to wait for.
    let _ = tcdrain(io::stdout());
}

/// Waits until standard input can be read, or has ended.
fn wait_for_input() {
    // Where it cannot be polled, the read waits.
    while wait_for(&io::stdin(), PollFlags::IN, None).is_some_and(|ready| ready.is_empty()) {}
}

/// Waits until the stream is ready, at most for `most`. Empty after a timeout or a signal; none where the stream cannot be
/// polled.
fn wait_for(stream: &impl AsFd, wanted: PollFlags, most: Option<Duration>) -> Option<PollFlags> {
    let most = most.and_then(|most| Timespec::try_from(most).ok());
    let mut fds = [PollFd::new(stream, wanted)];
    match poll(&mut fds, most.as_ref()) {
        Ok(_) => Some(fds[0].revents()),
        Err(rustix::io::Errno::INTR) => Some(PollFlags::empty()),
        Err(_) => None,
    }
}

/// Whether the stream is a terminal, or was one that was closed before this program began.
fn is_or_was_terminal(stream: &(impl AsFd + IsTerminal)) -> bool {
    let is_device = || {
        let mode = rustix::fs::fstat(stream).map(|stat| stat.st_mode);
        mode.is_ok_and(|mode| FileType::from_raw_mode(mode).is_char_device())
    };
    let is_closed = || {
        let ready = wait_for(stream, PollFlags::empty(), Some(Duration::ZERO));
        ready.is_some_and(|ready| ready.contains(PollFlags::HUP))
    };
    stream.is_terminal() || (is_device() && is_closed())
}

/// Starts a thread that waits until a terminal is closed; none where there is no terminal.
pub(super) fn watch_terminals(with_stdin: bool) -> io::Result<Option<oneshot::Receiver<()>>> {
    let (stdin, stdout, stderr) = (io::stdin(), io::stdout(), io::stderr());
    let watched = [
        (with_stdin && is_or_was_terminal(&stdin)).then(|| stdin.as_fd().try_clone_to_owned()),
        is_or_was_terminal(&stdout).then(|| stdout.as_fd().try_clone_to_owned()),
        is_or_was_terminal(&stderr).then(|| stderr.as_fd().try_clone_to_owned()),
    ];
    let watched: Vec<_> = watched.into_iter().flatten().collect::<io::Result<_>>()?;
    if watched.is_empty() {
        return Ok(None);
    }
    let (sender, closed) = oneshot::channel();
    let thread = std::thread::Builder::new().name("topside-hang-up".to_owned());
    thread.spawn(move || {
        loop {
            let none = PollFlags::empty();
            let mut fds: Vec<_> = watched.iter().map(|fd| PollFd::new(fd, none)).collect();
            match poll(&mut fds, None) {
                Err(rustix::io::Errno::INTR) => {}
                Err(_) => return,
                Ok(_) if fds.iter().any(|fd| fd.revents().intersects(CLOSED)) => break,
                Ok(_) => {}
            }
        }
        // The program may be about to end already.
        let _ = sender.send(());
    })?;
    Ok(Some(closed))
}
