//! Counters since the start of the server, for `server/status` and the metrics.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::{Map, Value};
use topside_shared::ErrorKind;
use topside_shared::methods::ByteCounts;
use topside_shared::records::RunState;

use crate::base::mutex::Mutex;
const ENDS: [RunState; 4] =
    [RunState::Succeeded, RunState::Failed, RunState::Cancelled, RunState::TimedOut];

#[derive(Debug, Default)]
pub(crate) struct Counters {
    requests: AtomicU64,
    received: AtomicU64,
    sent: AtomicU64,
    /// In the order of [`ENDS`].
    runs_ended: [AtomicU64; ENDS.len()],
    refusals: Mutex<BTreeMap<String, u64>>,
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

    pub(crate) fn refused(&self, kind: ErrorKind) {
        self.limited(kind.name());
    }

    /// A client was refused or delayed: `by` is a key of `[limits]`, or the reason that its connection was refused.
    pub(crate) fn limited(&self, by: &str) {
        let mut refusals = self.refusals.lock();
        match refusals.get_mut(by) {
            Some(count) => *count += 1,
            None => drop(refusals.insert(by.to_owned(), 1)),
        }
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

    pub(crate) fn refusals(&self) -> Map<String, Value> {
        self.refusals.lock().iter().map(|(by, count)| (by.clone(), (*count).into())).collect()
    }
}
