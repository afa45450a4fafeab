//! Permit of one admitted connection: its handshake slot, and the record of its source afterwards.

use std::future::Future;
use std::sync::Arc;

use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::admission::Admission;
use crate::admission::pending_connections::{Phase, SHORTEST_SLOT_TIME, SILENT_AFTER};
use crate::base::limit::Limit;
use crate::base::peer::Peer;

/// The place of one connection before the end of its handshake. Dropping it frees the place.
#[derive(Debug)]
pub(crate) struct Permit {
    pub(super) admission: Arc<Admission>,
    pub(super) id: u64,
    pub(super) source: Peer,
    pub(super) dropped: oneshot::Receiver<Limit>,
    pub(super) started: oneshot::Receiver<()>,
}

impl Permit {
    pub(crate) fn source(&self) -> Peer {
        self.source
    }

    /// Waits for a handshake slot; fails if the connection is dropped for another. `speaks` ends once the connection
    /// has sent something; before that it gets no slot.
    pub(crate) async fn wait_for_slot(&mut self, speaks: impl Future) -> Result<(), Limit> {
        let Self { admission, id, source, dropped, started } = self;
        let waited = async {
            tokio::pin!(speaks);
            if tokio::time::timeout(SILENT_AFTER, &mut speaks).await.is_err() {
                admission.0.lock().limit_silent(*source, Instant::now());
                speaks.await;
            }
            admission.0.lock().queue(*id, Instant::now());
            while tokio::time::timeout(SHORTEST_SLOT_TIME, &mut *started).await.is_err() {
                admission.0.lock().drop_slowest(*source, Instant::now());
            }
        };
        tokio::select! {
            () = waited => Ok(()),
            Ok(limit) = dropped => Err(limit),
        }
    }

    /// Runs `work` in the slot; fails if the connection is dropped for another.
    pub(crate) async fn run<W: Future>(&mut self, work: W) -> Result<W::Output, Limit> {
        tokio::select! {
            done = work => Ok(done),
            Ok(limit) = &mut self.dropped => Err(limit),
        }
    }

    /// Records an accepted key: the source is known, and this connection does not count for its rate.
    pub(crate) fn key_accepted(self, now: Instant) {
        let mut state = self.admission.0.lock();
        let record = state.record(self.source, now);
        record.admitted = Some(now);
        record.connects.give_back();
        state.has_new_known = true;
    }

    /// Records a refused key. The number of them since the last log line, if another is due.
    pub(crate) fn key_refused(&self, now: Instant) -> Option<u64> {
        let mut state = self.admission.0.lock();
        let penalty = state.limits.penalty;
        let record = state.record(self.source, now);
        if let Some(penalty) = penalty {
            record.penalize(penalty, now);
        }
        let to_log = record.count_refused_key(now);
        if record.is_penalized(now) && !record.is_known(now) {
            // A running handshake ends with the same answer by itself.
            let has_no_slot =
                |pending: &super::PendingConnection| !matches!(pending.phase, Phase::Handshake(_));
            state.drop_all(self.source, Limit::Penalty, has_no_slot);
        }
        to_log
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut state = self.admission.0.lock();
        state.pending.retain(|pending| pending.id != self.id);
        state.start_next(self.source, Instant::now());
    }
}
