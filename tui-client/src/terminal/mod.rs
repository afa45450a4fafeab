//! The terminal: setup, teardown, and what is written to it beside the frames.
//!
//! **Invariant:** however the program ends, including a panic of any thread, the terminal is restored:
//! [`restore`] undoes every mode that [`Terminal::enter`] sets, once, and after it nothing more is drawn.

pub(crate) mod painter;

use std::io::{self, BufWriter, Stdout, Write};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use crossterm::event::{
    DisableBracketedPaste, DisableFocusChange, EnableBracketedPaste, EnableFocusChange,
};
use crossterm::terminal::{
    BeginSynchronizedUpdate, DisableLineWrap, EnableLineWrap, EndSynchronizedUpdate,
    EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode,
};
use crossterm::{cursor, queue, style};
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use tokio::sync::Notify;

use painter::Painter;

use crate::terminal_input::ASK_BACKGROUND;
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

const USUAL_SIZE: Size = Size { width: 80, height: 24 };
/// A larger size is no real screen: each cell of a frame takes memory.
const MAX_SIZE: Size = Size { width: 1000, height: 400 };

static UP: AtomicBool = AtomicBool::new(false);
/// Notified when a thread of the screen panics.
pub(crate) static PANICKED: Notify = Notify::const_new();
/// Panic messages of other threads; printed after the teardown.
static ELSEWHERE: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// Standard output while the screen is set up; afterwards writes are dropped.
#[derive(Debug)]
struct Out(Option<BufWriter<Stdout>>);

impl Out {
    fn new() -> Self {
        Self(Some(BufWriter::with_capacity(64 * 1024, io::stdout())))
    }

    fn open(&mut self) -> Option<&mut BufWriter<Stdout>> {
        self.0.as_mut().filter(|_| UP.load(Ordering::SeqCst))
    }
}

impl Write for Out {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.open().map_or(Ok(bytes.len()), |out| out.write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.open().map_or(Ok(()), Write::flush)
    }
}

impl Drop for Out {
    fn drop(&mut self) {
        // Half a frame in the buffer must not follow the teardown, so the buffer is dropped without a flush.
        if let Some(out) = self.0.take() {
            drop(out.into_parts());
        }
    }
}

pub(crate) struct Terminal {
    screen: Painter<Out>,
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
        Ok(Self { screen: Painter::new(Out::new(), area), mouse: true })
    }

    /// Sets the terminal up again after [`restore`], or after another program has changed its modes.
    pub(crate) fn enter_again(&mut self) -> io::Result<()> {
        // crossterm does nothing where it takes raw mode to be on.
        disable_raw_mode()?;
        set_up(self.mouse)?;
        self.clear()
    }

    /// Draws a frame. It appears at once where the terminal supports synchronized updates.
    pub(crate) fn draw(
        &mut self,
        size: Size,
        frame: impl FnOnce(Rect, &mut Buffer) -> Option<Position>,
    ) -> io::Result<()> {
        queue!(self.screen.out(), BeginSynchronizedUpdate)?;
        let area = Rect::new(0, 0, size.width, size.height);
        self.screen.draw(area, |buffer| frame(area, buffer))?;
        queue!(self.screen.out(), EndSynchronizedUpdate)?;
        io::Write::flush(self.screen.out())
    }

    pub(crate) fn clear(&mut self) -> io::Result<()> {
        self.screen.clear()
    }

    pub(crate) fn mouse(&mut self, on: bool) -> io::Result<()> {
        self.mouse = on;
        let out = self.screen.out();
        out.write_all(if on { MOUSE_ON } else { MOUSE_OFF }.as_bytes())?;
        io::Write::flush(out)
    }

    /// Asks the terminal for the colour of its background.
    pub(crate) fn ask_background(&mut self) -> io::Result<()> {
        let out = self.screen.out();
        out.write_all(ASK_BACKGROUND.as_bytes())?;
        io::Write::flush(out)
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
        let out = self.screen.out();
        out.write_all(sequence.as_bytes())?;
        io::Write::flush(out)
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
mod tests {
    use std::io::Read;

    use portable_pty::{CommandBuilder, PtySize, native_pty_system};

    use super::*;

    /// Set in the process that panics.
    const CHILD: &str = "TOPSIDE_TEST_PANICKING_THREAD";

    /// What the child does: the screen is up, and a thread panics.
    fn panic_in(thread: &str) {
        catch_panics(&["ours"]);
        let mut terminal = Terminal::enter().unwrap();
        // As a panic in the middle of drawing leaves it.
        queue!(terminal.screen.out(), BeginSynchronizedUpdate).unwrap();
        terminal.screen.out().write_all(b"half a frame").unwrap();
        let panicking = std::thread::Builder::new().name(thread.to_owned());
        panicking.spawn(|| panic!("a fault")).unwrap().join().unwrap_err();
        assert_eq!(UP.load(Ordering::SeqCst), thread != "ours");
        drop(terminal);
        print_kept_panics();
    }

    /// Runs this very test once more in a terminal, and returns the terminal and what was printed.
    fn run_in_terminal(test: &str, thread: &str) -> (vt100::Parser, String) {
        let pair = native_pty_system().openpty(PtySize::default()).unwrap();
        let mut command = CommandBuilder::new(std::env::current_exe().unwrap());
        // By default it would be the home directory, which need not exist.
        command.cwd("/");
        command.args(["--exact", test, "--nocapture"]);
        command.env(CHILD, thread);
        command.env_remove("RUST_BACKTRACE");
        let mut child = pair.slave.spawn_command(command).unwrap();
        drop(pair.slave);
        let mut reader = pair.master.try_clone_reader().unwrap();
        let (mut printed, mut buffer) = (Vec::new(), [0; 4096]);
        // The end of a pseudo-terminal is an error on some systems.
        while let Ok(count @ 1..) = reader.read(&mut buffer) {
            printed.extend_from_slice(&buffer[..count]);
        }
        let text = String::from_utf8_lossy(&printed).into_owned();
        assert!(child.wait().unwrap().success(), "{text}");
        let mut parser = vt100::Parser::new(24, 80, 0);
        parser.process(&printed);
        (parser, text)
    }

    fn assert_undone(parser: &vt100::Parser) {
        let screen = parser.screen();
        assert!(!screen.alternate_screen() && !screen.bracketed_paste() && !screen.hide_cursor());
        assert_eq!(screen.mouse_protocol_mode(), vt100::MouseProtocolMode::None);
    }

    #[test]
    fn a_locale_says_whether_it_has_more_than_ascii() {
        for utf8 in [None, Some("C.UTF-8"), Some("de_DE.utf8"), Some("UTF-8")] {
            assert!(super::is_utf8(utf8), "{utf8:?}");
        }
        for other in ["C", "POSIX", "en_GB.ISO-8859-1", "ru_RU.KOI8-R"] {
            assert!(!super::is_utf8(Some(other)), "{other}");
        }
    }

    #[test]
    fn a_terminal_without_a_size_has_that_of_the_environment_and_none_is_without_limit() {
        let size = |width, height| Size { width, height };
        assert_eq!(usable_size(size(0, 0), None, None), size(80, 24));
        assert_eq!(usable_size(size(0, 0), Some(132), Some(43)), size(132, 43));
        assert_eq!(usable_size(size(0, 0), Some(0), Some(u16::MAX)), size(80, 400));
        assert_eq!(usable_size(size(1, 1), Some(132), Some(43)), size(1, 1));
        assert_eq!(usable_size(size(u16::MAX, u16::MAX), None, None), size(1000, 400));
    }

    #[test]
    fn a_panic_of_the_screen_gives_the_terminal_back_and_is_reported_on_it() {
        if let Ok(thread) = std::env::var(CHILD) {
            return panic_in(&thread);
        }
        let name =
            "terminal::tests::a_panic_of_the_screen_gives_the_terminal_back_and_is_reported_on_it";
        let (parser, text) = run_in_terminal(name, "ours");
        assert_undone(&parser);
        let (_, after) = text.split_once("\x1b[?1049l").expect("the alternate screen is left");
        assert!(after.contains("a fault"), "{after}");
        assert!(!after.contains("half a frame") && !after.contains("\x1b[?2026h"), "{after:?}");
    }

    #[test]
    fn a_panic_of_another_thread_is_reported_once_the_screen_is_down() {
        if let Ok(thread) = std::env::var(CHILD) {
            return panic_in(&thread);
        }
        let name = "terminal::tests::a_panic_of_another_thread_is_reported_once_the_screen_is_down";
        let (parser, text) = run_in_terminal(name, "a session");
        assert_undone(&parser);
        let (before, after) = text.split_once("\x1b[?1049l").expect("the alternate screen is left");
        assert!(!before.contains("a fault") && after.contains("a fault"), "{text}");
    }
}
