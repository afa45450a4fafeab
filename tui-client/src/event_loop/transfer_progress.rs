//! Progress of a transfer, reported to the screen at most every 100 ms.

use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::app::Msg;

/// How often the screen gets the progress.
const INTERVAL: Duration = Duration::from_millis(100);

/// Reports the progress of one transfer.
pub(super) struct ProgressReporter<'t> {
    tell: &'t mpsc::Sender<Msg>,
    next: Instant,
}

impl<'t> ProgressReporter<'t> {
    /// Its first report is sent at once.
    pub(super) fn new(tell: &'t mpsc::Sender<Msg>) -> Self {
        Self { tell, next: Instant::now() }
    }

    /// Its first report is sent after an interval.
    pub(super) fn after_interval(tell: &'t mpsc::Sender<Msg>) -> Self {
        Self { tell, next: Instant::now() + INTERVAL }
    }

    /// Sends a message, unless the last one was just sent or too many wait for the screen.
    pub(super) fn report(&mut self, message: impl FnOnce() -> Msg) {
        let now = Instant::now();
        if now >= self.next {
            self.next = now + INTERVAL;
            drop(self.tell.try_send(message()));
        }
    }
}
