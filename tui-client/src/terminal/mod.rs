//! The terminal: setup, teardown, and what is written to it beside the frames.
//!
//! **Invariant:** however the program ends, including a panic of any thread, the terminal is restored:
//! [`restore`] undoes every mode that [`Terminal::enter`] sets, once, and after it nothing more is drawn.

mod cell_writer;
mod line_pace;
mod painter;
mod scroll;

use std::io::{self, Write};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use crossterm::event::{
    DisableBracketedPaste, DisableFocusChange, EnableBracketedPaste, EnableFocusChange,
};
use crossterm::terminal::{
    DisableLineWrap, EnableLineWrap, EndSynchronizedUpdate, EnterAlternateScreen,
    LeaveAlternateScreen, disable_raw_mode, enable_raw_mode,
};
use crossterm::{cursor, queue, style};
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use tokio::sync::Notify;

use line_pace::LinePace;
use painter::Painter;

use crate::platform;
use crate::terminal_input::{ASK_BACKGROUND, ASK_TAKEN};
use crate::theme::TerminalColours;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Size {
    pub(crate) width: u16,
    pub(crate) height: u16,
}

impl Size {
    /// The smallest terminal that the screen is drawn on.
    pub(crate) const LEAST: Self = Self { width: 40, height: 10 };

    pub(crate) fn enough(self) -> bool {
        self.width >= Self::LEAST.width && self.height >= Self::LEAST.height
    }
}

/// Reports of buttons and the wheel, with coordinates of any size; motion is not reported.
const MOUSE_ON: &str = "\x1b[?1000h\x1b[?1006h";
const MOUSE_OFF: &str = "\x1b[?1006l\x1b[?1000l";

/// The most text that terminals take through OSC 52: 100,000 bytes of sequence.
pub(crate) const MAX_COPY: usize = 74_994;

/// A longer piece of a frame is sent as a synchronized update. A shorter one comes in one read and is drawn at once anyway.
const SYNCHRONIZED_FROM: usize = 512;

const USUAL_SIZE: Size = Size { width: 80, height: 24 };
/// A larger size is no real screen: each cell of a frame takes memory.
const MAX_SIZE: Size = Size { width: 1000, height: 400 };

static UP: AtomicBool = AtomicBool::new(false);
/// Notified when a thread of the screen panics.
pub(crate) static PANICKED: Notify = Notify::const_new();
/// Panic messages of other threads; printed after the teardown.
static ELSEWHERE: Mutex<Vec<String>> = Mutex::new(Vec::new());

pub(crate) struct Terminal {
    painter: Painter,
    pace: LinePace,
    mouse: bool,
}

impl Terminal {
    /// Sets the terminal up; after an error it is restored.
    pub(crate) fn enter() -> io::Result<Self> {
        // Under NO_COLOR crossterm drops reverse and bold too; here the theme decides.
        style::force_color_output(true);
        set_up(true)?;
        // The painter starts with the size in the state, not one that is read later.
        let size = size();
        let area = Rect::new(0, 0, size.width, size.height);
        Ok(Self { painter: Painter::new(area), pace: LinePace::default(), mouse: true })
    }

    /// Sets the terminal up again after [`restore`], or after another program has changed its modes.
    pub(crate) fn enter_again(&mut self) -> io::Result<()> {
        // crossterm does nothing where it takes raw mode to be on.
        disable_raw_mode()?;
        set_up(self.mouse)?;
        self.pace = LinePace::default();
        self.clear();
        self.ask_taken()
    }

    /// Takes a frame, which [`Terminal::paint`] sends.
    pub(crate) fn frame(
        &mut self,
        size: Size,
        frame: impl FnOnce(Rect, &mut Buffer) -> Option<Position>,
    ) {
        let area = Rect::new(0, 0, size.width, size.height);
        self.painter.draw(area, |buffer| frame(area, buffer));
    }

    /// Sends the frame, or on a slow line the next part of it; returns whether all of it was sent. It appears at once
    /// where the terminal supports synchronized updates.
    pub(crate) fn paint(&mut self) -> io::Result<bool> {
        let painted = self.painter.paint(self.pace.piece());
        if painted.bytes.is_empty() {
            return Ok(painted.complete);
        }
        let mut bytes = painted.bytes;
        if bytes.len() > SYNCHRONIZED_FROM {
            bytes.splice(..0, *b"\x1b[?2026h");
            bytes.extend_from_slice(b"\x1b[?2026l");
        }
        if self.pace.answers() {
            bytes.extend_from_slice(ASK_TAKEN.as_bytes());
        }
        let began = Instant::now();
        send(&bytes)?;
        if self.pace.answers() {
            self.pace.sent(bytes.len(), began);
        } else {
            // A line of a device is empty then; what a pseudo-terminal does with the bytes is not known.
            platform::drain_terminal();
            self.pace.taken(bytes.len(), began.elapsed());
        }
        Ok(painted.complete)
    }

    /// The terminal has taken a frame, or answered the first question of that.
    pub(crate) fn has_taken(&mut self) {
        self.pace.answered(Instant::now());
    }

    /// Until when the next frame waits at most for the terminal to take the last ones; none where it need not wait.
    /// `key`: the frame shows a key.
    pub(crate) fn busy_until(&self, key: bool) -> Option<Instant> {
        self.pace.busy_until(key)
    }

    /// Until when answers to frames are waited for at the end; none where all have come.
    pub(crate) fn answers_until(&self) -> Option<Instant> {
        self.pace.answers_until()
    }

    /// Erases the terminal with the next frame.
    pub(crate) fn clear(&mut self) {
        self.painter.clear();
    }

    pub(crate) fn mouse(&mut self, on: bool) -> io::Result<()> {
        self.mouse = on;
        send(if on { MOUSE_ON } else { MOUSE_OFF }.as_bytes())
    }

    /// Asks the terminal for the colour of its background.
    pub(crate) fn ask_background(&mut self) -> io::Result<()> {
        send(ASK_BACKGROUND.as_bytes())
    }

    /// Asks the terminal whether it has taken all that was sent before. From its first answer on, each frame asks.
    pub(crate) fn ask_taken(&mut self) -> io::Result<()> {
        self.pace.asked(Instant::now());
        send(ASK_TAKEN.as_bytes())
    }

    /// Sends text to the terminal's clipboard; the terminal does not report whether it took it. Inside tmux, `tmux
    /// load-buffer` is used: by default tmux ignores the escape sequence of programs.
    pub(crate) fn copy(&mut self, text: &str) -> io::Result<()> {
        let in_tmux = std::env::var_os("TMUX").is_some_and(|tmux| !tmux.is_empty());
        if in_tmux && copy_by_tmux(text).is_ok() {
            return Ok(());
        }
        let encoded = crate::text::base64::encode(text.as_bytes());
        let sequence = if in_tmux {
            format!("\x1bPtmux;\x1b\x1b]52;c;{encoded}\x07\x1b\\")
        } else {
            format!("\x1b]52;c;{encoded}\x07")
        };
        send(sequence.as_bytes())
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        restore();
    }
}

/// The size to draw at. Where the terminal reports none (a serial line, a pseudo-terminal without a size), COLUMNS and
/// LINES count.
pub(crate) fn size() -> Size {
    let (width, height) = crossterm::terminal::size().unwrap_or((0, 0));
    let set = |name| std::env::var(name).ok()?.parse().ok();
    usable_size(Size { width, height }, set("COLUMNS"), set("LINES"))
}

pub(crate) fn usable_size(reported: Size, columns: Option<u16>, lines: Option<u16>) -> Size {
    let or = |reported: u16, set: Option<u16>, usual, most| {
        let reported = Some(reported).filter(|size| *size > 0);
        reported.or(set.filter(|set| *set > 0)).unwrap_or(usual).min(most)
    };
    Size {
        width: or(reported.width, columns, USUAL_SIZE.width, MAX_SIZE.width),
        height: or(reported.height, lines, USUAL_SIZE.height, MAX_SIZE.height),
    }
}

fn copy_by_tmux(text: &str) -> io::Result<()> {
    let mut child = Command::new("tmux")
        .args(["load-buffer", "-w", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()?;
    let written = child.stdin.take().map_or(Ok(()), |mut stdin| stdin.write_all(text.as_bytes()));
    let ended = child.wait()?;
    written?;
    if ended.success() { Ok(()) } else { Err(io::ErrorKind::Other.into()) }
}

/// Writes bytes to the terminal while the screen is up; afterwards they are dropped.
fn send(bytes: &[u8]) -> io::Result<()> {
    let out = io::stdout().lock();
    // Under the lock, so that nothing follows the teardown of another thread.
    if !UP.load(Ordering::SeqCst) {
        return Ok(());
    }
    // The buffer of standard output would write what is before a line feed first: half a change would be seen.
    platform::write_all(&out, bytes)
}

fn set_up(mouse: bool) -> io::Result<()> {
    enable_raw_mode()?;
    UP.store(true, Ordering::SeqCst);
    let mut out = io::stdout();
    // Without line wrap, a character that is wider than expected does not spill into the next row.
    let modes =
        queue!(out, EnterAlternateScreen, DisableLineWrap, EnableBracketedPaste, EnableFocusChange);
    let done = modes.and_then(|()| {
        out.write_all(if mouse { MOUSE_ON } else { MOUSE_OFF }.as_bytes())?;
        out.flush()
    });
    if done.is_err() {
        restore();
    }
    done
}

/// Restores the terminal, if it was set up. Errors are ignored, as there is no terminal to report them on.
pub(crate) fn restore() {
    if !UP.swap(false, Ordering::SeqCst) {
        return;
    }
    let mut out = io::stdout();
    let _ = out.write_all(MOUSE_OFF.as_bytes());
    // All rows scroll again.
    let _ = out.write_all(b"\x1b[r");
    let _ = queue!(
        out,
        EndSynchronizedUpdate,
        DisableBracketedPaste,
        DisableFocusChange,
        EnableLineWrap,
        style::ResetColor,
        cursor::Show,
        LeaveAlternateScreen
    );
    let _ = out.flush();
    let _ = disable_raw_mode();
}

/// From now on a panic restores the terminal before it is reported. A panic of one of the `screen_threads` ends the
/// program. That of another thread, such as a session of the embedded server, is printed after the teardown.
pub(crate) fn catch_panics(screen_threads: &'static [&'static str]) {
    let report = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        let thread = std::thread::current();
        if thread.name().is_some_and(|name| screen_threads.contains(&name)) {
            restore();
            report(info);
            PANICKED.notify_one();
        } else if UP.load(Ordering::SeqCst) {
            ELSEWHERE.lock().unwrap_or_else(PoisonError::into_inner).push(info.to_string());
        } else {
            report(info);
        }
    }));
}

/// Prints the panic messages that were kept while the screen was up.
pub(crate) fn print_kept_panics() {
    for kept in ELSEWHERE.lock().unwrap_or_else(PoisonError::into_inner).drain(..) {
        complain(kept);
    }
}

/// The colours of the terminal, by the environment.
pub(crate) fn colours() -> TerminalColours {
    TerminalColours::from_env(|name| std::env::var(name).ok())
}

/// Whether the user wants no colours (no-color.org).
pub(crate) fn no_colour() -> bool {
    std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty())
}

/// Whether the locale uses UTF-8; one that is not set counts as UTF-8.
pub(crate) fn speaks_utf8() -> bool {
    let set = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
    is_utf8(["LC_ALL", "LC_CTYPE", "LANG"].into_iter().find_map(set).as_deref())
}

fn is_utf8(locale: Option<&str>) -> bool {
    locale.is_none_or(|locale| {
        let locale = locale.to_lowercase();
        locale.contains("utf-8") || locale.contains("utf8")
    })
}

/// Prints a line on standard error. Errors are ignored: it may be closed, as after a hang-up.
pub(crate) fn complain(message: impl std::fmt::Display) {
    let _ = writeln!(std::io::stderr(), "topside: {message}");
}

#[cfg(test)]
mod tests;
