//! Retry queue: final rows of runs that could not be written yet, with the size of their outputs. Meanwhile a run is
//! as its row here says, not as in the file.

use std::collections::BTreeMap;

use topside_shared::RunId;

use crate::base::mutex::Mutex;
use crate::history::{RunRecord, WriteJob};

#[derive(Debug, Default)]
pub(super) struct RetryQueue(Mutex<BTreeMap<RunId, (RunRecord, u64)>>);

impl RetryQueue {
    pub(super) fn insert(&self, record: RunRecord, size: u64) {
        self.0.lock().insert(record.row.run_id, (record, size));
    }

    pub(super) fn remove(&self, id: RunId) {
        self.0.lock().remove(&id);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.lock().is_empty()
    }

    pub(super) fn ids(&self) -> Vec<RunId> {
        self.0.lock().keys().copied().collect()
    }

    pub(super) fn get(&self, id: RunId) -> Option<RunRecord> {
        self.0.lock().get(&id).map(|(record, _)| record.clone())
    }

    pub(super) fn all(&self) -> Vec<RunRecord> {
        self.0.lock().values().map(|(record, _)| record.clone()).collect()
    }

    pub(super) fn jobs(&self) -> Vec<WriteJob> {
        let retries = self.0.lock();
        retries
            .values()
            .map(|(record, size)| WriteJob::End(Box::new(record.clone()), *size, None))
            .collect()
    }
}
