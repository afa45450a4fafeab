//! Which workers have a pending safe state: `workers.json` in the state directory.
//!
//! **Invariant:** from before a worker with a `safe_state` starts until it has ended in order, or its safe state was
//! called after any other end, the file names it. So the next server knows which workers must be made safe. What the
//! menu has no function for any more cannot be called: this is reported once, and its record is removed.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::base::json_file;
use crate::base::mutex::Mutex;

const FILE: &str = "workers.json";

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct WorkerRecord {
    /// It was started, and has not ended in order.
    #[serde(default)]
    started: bool,
    /// The `safe_state` functions of its runs that a killed server left.
    #[serde(default)]
    functions: Vec<String>,
}

#[derive(Debug)]
pub(crate) struct WorkerRecords {
    path: PathBuf,
    records: Mutex<BTreeMap<String, WorkerRecord>>,
    /// The file could not be read: every worker counts as started.
    is_damaged: bool,
}

impl WorkerRecords {
    /// Reads the file in this state directory.
    pub(crate) fn open(state: &Path) -> Self {
        let path = state.join(FILE);
        let records = json_file::read(&path);
        if let Err(error) = &records {
            tracing::error!(
                target: "topside", %error,
                "{FILE} cannot be read: each worker with a safe_state calls it before anything else"
            );
        }
        let is_damaged = records.is_err();
        Self { path, records: Mutex::new(records.ok().flatten().unwrap_or_default()), is_damaged }
    }

    /// Whether an earlier process of the worker did not end in order.
    pub(crate) fn has_started(&self, worker: &str) -> bool {
        self.is_damaged || self.records.lock().get(worker).is_some_and(|record| record.started)
    }

    /// The functions that its lost runs need.
    pub(crate) fn functions(&self, worker: &str) -> Vec<String> {
        let records = self.records.lock();
        records.get(worker).map(|record| record.functions.clone()).unwrap_or_default()
    }

    /// The workers with a pending safe state.
    pub(crate) fn pending(&self) -> Vec<String> {
        self.records.lock().keys().cloned().collect()
    }

    /// Blocks for the disk, like each of the following.
    pub(crate) fn set_started(&self, worker: &str, started: bool) {
        self.change(worker, |record| record.started = started);
    }

    /// Adds a function that the next process of the worker is called with; whether that is on the disk.
    pub(crate) fn add(&self, worker: &str, function: &str) -> bool {
        self.change(worker, |record| {
            if !record.functions.iter().any(|known| known == function) {
                record.functions.push(function.to_owned());
            }
        })
    }

    /// Removes what no worker of the menu can be called for any more, and returns the workers and their functions. `known`
    /// says whether the menu has a worker, and then whether that has a `safe_state`.
    pub(crate) fn remove_uncallable(
        &self,
        known: impl Fn(&str) -> Option<bool>,
    ) -> Vec<(String, Vec<String>)> {
        let pending = self.records.lock().clone();
        let mut removed = Vec::new();
        for (worker, WorkerRecord { started, functions }) in pending {
            match known(&worker) {
                None => {
                    self.change(&worker, |record| *record = WorkerRecord::default());
                    removed.push((worker, functions));
                }
                Some(false) if started => {
                    self.change(&worker, |record| record.started = false);
                    removed.push((worker, Vec::new()));
                }
                Some(_) => {}
            }
        }
        removed
    }

    /// Removes a function that was called.
    pub(crate) fn remove(&self, worker: &str, function: &str) {
        self.change(worker, |record| record.functions.retain(|known| known != function));
    }

    /// Changes the record of a worker, and writes the file if it differs. The lock is held meanwhile, so that the file has
    /// the newest.
    fn change(&self, worker: &str, change: impl FnOnce(&mut WorkerRecord)) -> bool {
        let mut records = self.records.lock();
        let before = records.get(worker).cloned().unwrap_or_default();
        let mut after = before.clone();
        change(&mut after);
        if after == before {
            return true;
        }
        match after == WorkerRecord::default() {
            true => drop(records.remove(worker)),
            false => drop(records.insert(worker.to_owned(), after)),
        }
        let written = match records.is_empty() {
            true => json_file::remove(&self.path),
            false => json_file::write(&self.path, &*records),
        };
        if let Err(error) = &written {
            tracing::error!(
                target: "topside", %error, worker,
                "{FILE} cannot be written: after a crash the next start does not know which workers to make safe"
            );
        }
        written.is_ok()
    }
}
