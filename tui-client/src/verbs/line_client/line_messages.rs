//! Sentences of the line client about the current line.

use super::super::stdin_lines::StdinLines;
use super::Client;

impl Client {
    /// Prints a sentence about the current line. At a terminal the line is in view, and has no number.
    pub(super) async fn say(&self, what: impl std::fmt::Display) {
        self.console.printer.say(format_args!("{}{what}", self.place())).await;
    }

    /// The number of the current line, for messages to the user of a script.
    pub(super) fn place(&self) -> String {
        match self.prompt {
            Some(_) => String::new(),
            None => format!("line {}: ", self.line),
        }
    }

    /// Says that typed text was discarded, if it was. `event`: what it was typed before.
    pub(super) async fn say_dropped(&self, event: &str, input: &mut Option<StdinLines>) {
        if input.as_mut().is_some_and(StdinLines::take_dropped) {
            let sentence = format!("what was typed before {event} was dropped");
            self.console.printer.say(sentence).await;
        }
    }

    /// Prints what is wrong with the current line.
    pub(super) async fn wrong(&mut self, status: u8, what: impl std::fmt::Display) {
        self.status = status;
        self.say(what).await;
    }
}
