//! Run ids: allocation, and the ids that are reserved on the disk.
//!
//! `runs.db` has the greatest reserved number, and so has a file of its own beside it. That file is synced before one
//! of the ids is used, so that ids do not repeat after a power cut or without `runs.db`.

use std::io::ErrorKind;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use topside_shared::RunId;

use crate::base::atomic_file;
use crate::base::shortage::Shortage;
use crate::history::{History, Unwritable, WriteJob};

const FILE: &str = "last-run-number";

/// Run numbers are smaller than this, so that they are exact in JSON.
pub(super) const END: u64 = 1 << 52;
/// Numbers that are reserved at once; a crash skips at most twice as many.
pub(super) const AHEAD: u64 = 128;

/// The ids of runs, which never repeat: each is reserved on the disk before its use.
#[derive(Debug, Default)]
pub(super) struct RunIds {
    pub(super) last: AtomicU64,
    pub(super) reserved: AtomicU64,
    /// Whether a reservation is under way.
    pub(super) asked: AtomicBool,
}

/// The greatest number that the file has reserved; 0 if there is none.
pub(super) fn read(state: &Path) -> u64 {
    let path = state.join(FILE);
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) => {
            if error.kind() != ErrorKind::NotFound {
                tracing::warn!(target: "topside", %error, "{} cannot be read", path.display());
            }
            return 0;
        }
    };
    text.trim().parse().ok().filter(|number| *number < END).unwrap_or_else(|| {
        tracing::warn!(target: "topside", "{} holds no run number and is ignored", path.display());
        0
    })
}

/// Reserves the ids up to this one on the disk. On an error none of them may be used.
pub(super) fn write(state: &Path, number: u64) -> Result<(), Unwritable> {
    let path = state.join(FILE);
    atomic_file::write(&path, format!("{number}\n").as_bytes())
        .map_err(|error| Unwritable(format!("{}: {error}", path.display()), Shortage::of(&error)))
}

impl History {
    /// A number for a new run, if one is reserved.
    pub(crate) fn number_at_once(&self) -> Option<RunId> {
        let ids = &self.ids;
        let take = |last: u64| (last < ids.reserved.load(Ordering::Acquire)).then_some(last + 1);
        let last = ids.last.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take).ok()?;
        let (id, reserved) = (last + 1, ids.reserved.load(Ordering::Acquire));
        if id + AHEAD / 2 > reserved && !ids.asked.swap(true, Ordering::Relaxed) {
            // Without the thread, the next call of `number` reports that.
            let _ = self.job(WriteJob::Reserve(reserved + AHEAD, None));
        }
        Some(RunId(id))
    }

    /// A number for a new run. On an error no unused number is known.
    pub(crate) async fn number(&self) -> Result<RunId, Unwritable> {
        self.instance().await?;
        loop {
            if let Some(id) = self.number_at_once() {
                return Ok(id);
            }
            let to = self.ids.reserved.load(Ordering::Acquire) + AHEAD;
            self.write(|reply| WriteJob::Reserve(to, Some(reply))).await?;
        }
    }
}
