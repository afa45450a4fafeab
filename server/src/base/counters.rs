//! Counters since the start of the server, for `server/status` and the metrics.

use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::{Map, Value};
use topside_shared::ErrorKind;
use topside_shared::methods::ByteCounts;
use topside_shared::records::RunState;

use crate::base::limit::Limit;

const ENDS: [RunState; 4] =
    [RunState::Succeeded, RunState::Failed, RunState::Cancelled, RunState::TimedOut];

#[derive(Debug, Default)]
pub(crate) struct Counters {
    requests: AtomicU64,
    received: AtomicU64,
    sent: AtomicU64,
    /// In the order of [`ENDS`].
    runs_ended: [AtomicU64; ENDS.len()],
    /// Errors that were answered, in the order of [`ErrorKind::ALL`].
    errors: [AtomicU64; ErrorKind::ALL.len()],
    /// In the order of [`Limit::ALL`].
    limits: [AtomicU64; Limit::ALL.len()],
}

impl Counters {
    pub(crate) fn request(&self) {
        self.requests.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn received(&self, bytes: usize) {
        self.received.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    pub(crate) fn sent(&self, bytes: usize) {
        self.sent.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    pub(crate) fn run_ended(&self, state: RunState) {
        if let Some(index) = ENDS.iter().position(|end| *end == state) {
            self.runs_ended[index].fetch_add(1, Ordering::Relaxed);
        }
    }

    /// An error was answered.
    pub(crate) fn refused(&self, kind: ErrorKind) {
        self.errors[kind as usize].fetch_add(1, Ordering::Relaxed);
    }

    /// A client was refused or delayed.
    pub(crate) fn limited(&self, limit: Limit) {
        self.limits[limit as usize].fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn requests(&self) -> u64 {
        self.requests.load(Ordering::Relaxed)
    }

    pub(crate) fn bytes(&self) -> ByteCounts {
        ByteCounts {
            received: self.received.load(Ordering::Relaxed),
            sent: self.sent.load(Ordering::Relaxed),
        }
    }

    pub(crate) fn runs_ended(&self) -> [(RunState, u64); ENDS.len()] {
        std::array::from_fn(|index| (ENDS[index], self.runs_ended[index].load(Ordering::Relaxed)))
    }

    /// The count of each kind of error and of each limit, also where it is 0: a monitoring system sees the step to the
    /// first refusal only if it has seen the 0 before.
    pub(crate) fn all_refusals(&self) -> impl Iterator<Item = (&'static str, u64)> {
        let known = |(kind, _): &(ErrorKind, &AtomicU64)| *kind != ErrorKind::Unknown;
        let errors = ErrorKind::ALL.into_iter().zip(&self.errors).filter(known);
        let errors = errors.map(|(kind, count)| (kind.name(), count));
        let limits = Limit::ALL.map(Limit::name).into_iter().zip(&self.limits);
        errors.chain(limits).map(|(name, count)| (name, count.load(Ordering::Relaxed)))
    }

    /// The counts that are not 0.
    pub(crate) fn refusals(&self) -> Map<String, Value> {
        let counts = self.all_refusals().filter(|(_, count)| *count > 0);
        counts.map(|(name, count)| (name.to_owned(), count.into())).collect()
    }
}
