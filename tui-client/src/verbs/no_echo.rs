//! Turns the echo of the terminal off while a run asks for a secret.

use std::io::IsTerminal;

use crate::platform::{Echo, Jobs};
use crate::text::secret_prompt::{MAX_QUESTION, asks_for_a_secret};

/// Most bytes of a question that are kept.
const KEPT: usize = 4 * MAX_QUESTION;

/// Follows the incomplete last line of a program's output.
pub(super) struct NoEcho {
    question: Vec<u8>,
    /// None where standard input is not a terminal, or the run takes no input.
    echo: Option<Echo>,
}

impl NoEcho {
    /// `typed`: whether the run gets what the user types.
    pub(super) fn new(typed: bool) -> Self {
        let echo = (typed && std::io::stdin().is_terminal()).then(Echo::default);
        Self { question: Vec::new(), echo }
    }

    /// Stops this program as Ctrl-Z does, with the echo as the shell expects it.
    pub(super) fn stop(&mut self) {
        let was_off = self.echo.as_mut().is_some_and(Echo::on);
        stop();
        if let Some(echo) = self.echo.as_mut().filter(|_| was_off) {
            echo.off();
        }
    }

    /// Follows the output of the program.
    pub(super) fn printed(&mut self, bytes: &[u8]) {
        let Some(echo) = &mut self.echo else { return };
        let line = bytes.rsplit(|byte| *byte == b'\n').next().unwrap_or_default();
        if line.len() < bytes.len() {
            self.question.clear();
        }
        self.question.extend_from_slice(&line[line.len().saturating_sub(KEPT)..]);
        self.question.drain(..self.question.len().saturating_sub(KEPT));
        if asks_for_a_secret(&String::from_utf8_lossy(&self.question)) {
            echo.off();
        } else {
            echo.on();
        }
    }
}

/// Stops this program; returns when it continues.
pub(super) fn stop() {
    // Where the program cannot be stopped it continues.
    let _ = Jobs::stop(false);
}
