//! Frames: when the next one is due, and sending it. Output has fewer frames than keys, and a frame that the terminal does
//! not take at once is sent in parts.

use std::time::{Duration, Instant};

use anyhow::Context as _;

use super::Loop;
use crate::app::Hits;
use crate::views;

/// How long the first frame waits for answers that change all of it: of the terminal about its background, and of the server
/// that the program was started for. Most come at once, and without the wait a frame of 33 ms would lie between.
pub(super) const FIRST_FRAME: Duration = Duration::from_millis(50);
/// Least time between two frames.
const FRAME: Duration = Duration::from_millis(33);
/// The same while keys come in.
const TYPING_FRAME: Duration = Duration::from_millis(8);

impl Loop {
    /// Whether there is a frame to draw, or a part of one to send.
    pub(super) fn has_frame(&self) -> bool {
        self.dirty || self.unfinished
    }

    /// When the next frame is due; none at once.
    pub(super) fn next_frame(&self) -> Option<Instant> {
        let next = if self.typing {
            self.last_key_frame.map(|last| last + TYPING_FRAME)
        } else if self.unfinished {
            None
        } else {
            self.last_frame.map(|last| last + FRAME)
        };
        let first = || {
            let menu = self.state.awaits_menu().then(|| self.began + FIRST_FRAME);
            self.background.holds_first_frame().max(menu).filter(|_| self.last_frame.is_none())
        };
        next.or_else(first).max(self.terminal.busy_until(self.typing))
    }

    /// Makes a frame of the state.
    fn make_frame(&mut self) {
        self.state.clock = self.clock();
        let (state, mut hits) = (&self.state, Hits::new());
        self.terminal.frame(state.terminal, |area, buffer| {
            let cursor;
            (cursor, hits) = views::draw(state, area, buffer);
            cursor
        });
        self.state.hits = hits;
    }

    /// Draws a frame, or sends the next part of the last one.
    pub(super) fn draw(&mut self) -> anyhow::Result<()> {
        // A frame that only has newer output does not replace one that is still sent: none would ever be complete.
        if self.dirty && (self.typing || !self.unfinished) {
            self.make_frame();
            self.dirty = false;
        }
        let complete = match self.terminal.paint() {
            Ok(complete) => complete,
            Err(_) => {
                // Half a frame is on the screen. Give up only if a full redraw fails too.
                self.terminal.clear();
                self.terminal.paint().context("cannot write to the terminal")?
            }
        };
        self.unfinished = !complete;
        // Measured from the end, so that a slow terminal does not get more frames.
        self.last_frame = Some(Instant::now());
        if std::mem::take(&mut self.typing) {
            self.last_key_frame = self.last_frame;
        }
        Ok(())
    }
}
