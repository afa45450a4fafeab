//! Retry queue: final rows of runs that could not be written yet, with the size of their outputs. Meanwhile a run is
//! as its row here says, whatever the file has.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use topside_shared::RunId;

use crate::history::{Job, Past};

#[derive(Debug, Default)]
pub(super) struct RetryQueue(Mutex<BTreeMap<RunId, (Past, u64)>>);

impl RetryQueue {
    pub(super) fn insert(&self, past: Past, size: u64) {
        self.lock().insert(past.row.run_id, (past, size));
    }

    pub(super) fn remove(&self, id: RunId) {
        self.lock().remove(&id);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.lock().is_empty()
    }

    pub(super) fn ids(&self) -> Vec<RunId> {
        self.lock().keys().copied().collect()
    }

    pub(super) fn get(&self, id: RunId) -> Option<Past> {
        self.lock().get(&id).map(|(past, _)| past.clone())
    }

    pub(super) fn all(&self) -> Vec<Past> {
        self.lock().values().map(|(past, _)| past.clone()).collect()
    }

    pub(super) fn jobs(&self) -> Vec<Job> {
        let late = self.lock();
        late.values().map(|(past, size)| Job::End(Box::new(past.clone()), *size, None)).collect()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<RunId, (Past, u64)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
