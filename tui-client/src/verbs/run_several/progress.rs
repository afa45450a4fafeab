//! Progress line: how many boxes are done.

use std::io::IsTerminal;

use super::super::is_dumb;
use super::super::printer::{OutputPart, Printer};

/// A line on standard error that is overwritten.
pub(super) struct ProgressLine {
    boxes: usize,
    done: usize,
    failed: usize,
    /// Whether standard error is a terminal that can write over a line.
    is_on: bool,
    is_shown: bool,
}

impl ProgressLine {
    pub(super) fn new(boxes: usize) -> Self {
        let is_on = std::io::stderr().is_terminal() && !is_dumb();
        Self { boxes, done: 0, failed: 0, is_on, is_shown: false }
    }

    pub(super) fn count(&mut self, failed: bool) {
        self.done += 1;
        self.failed += usize::from(failed);
    }

    pub(super) async fn show(&mut self, printer: &Printer) {
        if !self.is_on {
            return;
        }
        let failed =
            if self.failed > 0 { format!(", {} failed", self.failed) } else { String::new() };
        let text = format!("\r\x1b[K{} of {}{failed}", self.done, self.boxes);
        printer.write(OutputPart::Say(text)).await;
        self.is_shown = true;
    }

    /// Clears the line before other text is printed.
    pub(super) async fn clear(&mut self, printer: &Printer) {
        if std::mem::take(&mut self.is_shown) {
            printer.write(OutputPart::Say("\r\x1b[K".to_owned())).await;
        }
    }
}
