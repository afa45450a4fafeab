//! Query for the background of the terminal: when it is sent, and which answers count.

use std::io;
use std::time::{Duration, Instant};

use super::frames::FIRST_FRAME;
use crate::terminal::Terminal;
use crate::theme::{Background, ColourDepth, TerminalColours};

/// A later answer is discarded, so that colours do not change while the user reads.
const PATIENCE: Duration = Duration::from_secs(1);
/// How long a program that ends waits for an answer, which the shell would take for typed text.
const LEAVING: Duration = Duration::from_millis(150);

pub(super) struct BackgroundQuery {
    allowed: bool,
    /// When the query was sent; none once it is answered.
    asked: Option<Instant>,
    /// Whether the first frame waits for the answer.
    holds_frame: bool,
    answers: bool,
}

impl BackgroundQuery {
    pub(super) fn new(colours: TerminalColours) -> Self {
        // The Linux console has no answer, and old ones print the question.
        let is_console = std::env::var_os("TERM").is_some_and(|term| term == "linux");
        let allowed = colours.depth != ColourDepth::None && !is_console;
        Self { allowed, asked: None, holds_frame: true, answers: false }
    }

    /// Sends the query if the terminal may get it; returns whether it was sent.
    pub(super) fn ask(&mut self, terminal: &mut Terminal) -> io::Result<bool> {
        if self.allowed {
            terminal.ask_background()?;
            self.asked = Some(Instant::now());
        }
        Ok(self.allowed)
    }

    /// Sends the query again if the terminal has answered before: the background may have changed.
    pub(super) fn ask_again(&mut self, terminal: &mut Terminal) -> io::Result<()> {
        if self.answers {
            self.ask(terminal)?;
        }
        Ok(())
    }

    /// Takes an answer; none if it comes too late or without a query.
    pub(super) fn answered(&mut self, rgb: [u8; 3]) -> Option<Background> {
        self.answers = true;
        let asked = self.asked.take()?;
        (asked.elapsed() <= PATIENCE).then(|| Background::of(rgb))
    }

    /// The terminal has answered a later query. Terminals answer in order, so it has no answer to this one, or a late one.
    pub(super) fn passed(&mut self) {
        self.holds_frame = false;
    }

    pub(super) fn holds_first_frame(&self) -> Option<Instant> {
        self.asked.filter(|_| self.holds_frame).map(|asked| asked + FIRST_FRAME)
    }

    pub(super) fn holds_end(&self) -> Option<Instant> {
        self.asked.map(|asked| asked + LEAVING)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_frame_does_not_wait_for_a_terminal_that_has_no_answer() {
        let now = Some(Instant::now());
        let mut query =
            BackgroundQuery { allowed: true, asked: now, holds_frame: true, answers: false };
        assert!(query.holds_first_frame() > now);
        query.passed();
        assert_eq!(query.holds_first_frame(), None);
        // A late answer still sets the colours.
        assert!(query.answered([0, 0, 0]).is_some());
    }
}
