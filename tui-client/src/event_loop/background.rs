//! The question for the terminal's background: when it is asked, and which answers count.

use std::io;
use std::time::{Duration, Instant};

use crate::terminal::Terminal;
use crate::theme::{Background, ColourDepth, TerminalColours};

/// The first frame waits so long for the answer: most terminals answer at once.
const FIRST_FRAME: Duration = Duration::from_millis(50);
/// An answer that comes later is discarded: colours must not change under the eyes of a reader.
const PATIENCE: Duration = Duration::from_secs(1);
/// A program that ends waits so long for an answer, which the shell would take for typed text.
const LEAVING: Duration = Duration::from_millis(150);

/// The question, and what became of it.
pub(super) struct BackgroundQuery {
    /// Whether this terminal may be asked.
    allowed: bool,
    /// When it was asked, until it answers.
    asked: Option<Instant>,
    /// Whether it has answered ever.
    answers: bool,
}

impl BackgroundQuery {
    pub(super) fn new(colours: TerminalColours) -> Self {
        // The Linux console has no answer, and old ones print the question.
        let is_console = std::env::var_os("TERM").is_some_and(|term| term == "linux");
        let allowed = colours.depth != ColourDepth::None && !is_console;
        Self { allowed, asked: None, answers: false }
    }

    /// Asks, if this terminal may be asked; returns whether it was.
    pub(super) fn ask(&mut self, terminal: &mut Terminal) -> io::Result<bool> {
        if self.allowed {
            terminal.ask_background()?;
            self.asked = Some(Instant::now());
        }
        Ok(self.allowed)
    }

    /// Asks again, if the terminal answers such questions: the background may be another by now.
    pub(super) fn ask_again(&mut self, terminal: &mut Terminal) -> io::Result<()> {
        if self.answers {
            self.ask(terminal)?;
        }
        Ok(())
    }

    /// Takes an answer; none if it comes too late or nothing was asked.
    pub(super) fn answered(&mut self, rgb: [u8; 3]) -> Option<Background> {
        self.answers = true;
        let asked = self.asked.take()?;
        (asked.elapsed() <= PATIENCE).then(|| Background::of(rgb))
    }

    /// Until when the first frame waits.
    pub(super) fn holds_first_frame(&self) -> Option<Instant> {
        self.asked.map(|asked| asked + FIRST_FRAME)
    }

    /// Until when the end of the program waits.
    pub(super) fn holds_end(&self) -> Option<Instant> {
        self.asked.map(|asked| asked + LEAVING)
    }
}
