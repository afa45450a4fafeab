//! Permit of one admitted connection: its turn, its time limit, and the record of its source afterwards.

use std::future::Future;

use tokio::time::Instant;

use crate::admission::{Permit, Refusal, SHORTEST_TURN, SILENT_AFTER, Stand, TOLD_EVERY};
use crate::base::peer::Peer;

impl Permit {
    /// Who it is.
    pub(crate) fn source(&self) -> Peer {
        self.source
    }

    /// Waits for its turn. A connection that sends nothing has none: `speaks` ends once it has sent something.
    ///
    /// # Errors
    /// Why the place was needed for another.
    pub(crate) async fn turn(&mut self, speaks: impl Future) -> Result<(), Refusal> {
        let Self { admission, number, source, dropped, turn } = self;
        let limits = admission.limits();
        let waited = async {
            tokio::pin!(speaks);
            if tokio::time::timeout(SILENT_AFTER, &mut speaks).await.is_err() {
                admission.lock().hold_silent(*source, &limits, Instant::now());
                speaks.await;
            }
            admission.lock().spoke(*number, &limits, Instant::now());
            while tokio::time::timeout(SHORTEST_TURN, &mut *turn).await.is_err() {
                admission.lock().hurry(*source, &limits, Instant::now());
            }
        };
        tokio::select! {
            () = waited => Ok(()),
            Ok(refusal) = dropped => Err(refusal),
        }
    }

    /// Does what is to be done at the door.
    ///
    /// # Errors
    /// Why the place was needed for another.
    pub(crate) async fn stay<W: Future>(&mut self, work: W) -> Result<W::Output, Refusal> {
        tokio::select! {
            done = work => Ok(done),
            Ok(refusal) = &mut self.dropped => Err(refusal),
        }
    }

    /// It showed a key that is let in: this connection does not count.
    pub(crate) fn let_in(self, now: Instant) {
        let limits = self.admission.limits();
        let mut state = self.admission.lock();
        let record = state.record(self.source, &limits, now);
        record.let_in = Some(now);
        record.connects.give_back();
        state.news = true;
    }

    /// It showed a key that is refused. How many times that happened since the log was told, if it is to
    /// be told now.
    pub(crate) fn key_refused(&self, now: Instant) -> Option<u64> {
        let limits = self.admission.limits();
        let mut state = self.admission.lock();
        let record = state.record(self.source, &limits, now);
        if let Some(penalty) = limits.penalty {
            record.punish(penalty, now);
        }
        let shut_out = record.is_shut_out(now) && !record.is_known(now);
        record.untold += 1;
        if shut_out {
            // What has no turn yet gets none; the rest is on its way to the same answer.
            let has_no_turn = |at: &crate::admission::AtDoor| !matches!(at.stand, Stand::Turn(_));
            state.drop_all(self.source, Refusal::Penalty, has_no_turn);
        }
        let record = state.record(self.source, &limits, now);
        if record.told.is_some_and(|told| now < told + TOLD_EVERY) {
            return None;
        }
        record.told = Some(now);
        Some(std::mem::take(&mut record.untold))
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let limits = self.admission.limits();
        let mut state = self.admission.lock();
        state.at_door.retain(|at| at.number != self.number);
        state.next(self.source, &limits, Instant::now());
    }
}
