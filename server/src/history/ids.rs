//! Run numbers: how one is allocated, and which numbers the disk knows of.
//!
//! `runs.db` has the greatest number that may have been given out, and so has a file of its own beside it. That file
//! is synced before a number of it is given out, so that numbers do not repeat after a power cut or without `runs.db`.

use std::io::ErrorKind;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use tokio::sync::oneshot;
use topside_shared::RunId;

use crate::base::atomic_file;
use crate::base::shortage::Shortage;
use crate::history::{History, Job, Unwritable, gone};

/// The greatest number that may have been given out, in the state directory.
const FILE: &str = "last-run-number";

/// The first of the numbers that the disk does not know of: above all others, and still exact in JSON.
pub(super) const UNWRITTEN: u64 = 1 << 52;
/// Numbers that are set aside at first, and at most; so many are skipped after a crash at worst.
pub(super) const FEWEST_AHEAD: u64 = 16;
const MOST_AHEAD: u64 = 16 * 1024;

/// The numbers of runs, which never repeat: the disk knows of each before it is given out.
#[derive(Debug, Default)]
pub(super) struct RunIds {
    pub(super) last: AtomicU64,
    pub(super) reserved: AtomicU64,
    /// How many are set aside the next time.
    pub(super) ahead: AtomicU64,
    /// Whether more have been asked for.
    pub(super) asked: AtomicBool,
    /// How many were given out that the disk does not know of.
    unwritten: AtomicU64,
}

/// The greatest number that may have been given out, as the file has it; 0 where there is none.
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
    // What is not allocated for recorded runs would leave no numbers.
    text.trim().parse().ok().filter(|number| *number < UNWRITTEN).unwrap_or_else(|| {
        tracing::warn!(target: "topside", "{} holds no run number and is ignored", path.display());
        0
    })
}

/// Records on the disk that numbers up to this one may be given out.
///
/// # Errors
/// [`Unwritable`]; none of them must be given out then.
pub(super) fn write(state: &Path, number: u64) -> Result<(), Unwritable> {
    let path = state.join(FILE);
    atomic_file::write(&path, format!("{number}\n").as_bytes())
        .map_err(|error| Unwritable(format!("{}: {error}", path.display()), Shortage::of(&error)))
}

impl History {
    /// A number for a new run, where one is set aside.
    pub(crate) fn number_at_once(&self) -> Option<RunId> {
        let numbers = &self.numbers;
        let take =
            |last: u64| (last < numbers.reserved.load(Ordering::Acquire)).then_some(last + 1);
        let last = numbers.last.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take).ok()?;
        let (id, reserved) = (last + 1, numbers.reserved.load(Ordering::Acquire));
        let ahead = numbers.ahead.load(Ordering::Relaxed);
        if id + ahead / 2 > reserved && !numbers.asked.swap(true, Ordering::Relaxed) {
            let more = (ahead * 2).min(MOST_AHEAD);
            numbers.ahead.store(more, Ordering::Relaxed);
            // Without the thread, the next one that finds none is told so.
            let _ = self.job(Job::Reserve(reserved + more, None));
        }
        Some(RunId(id))
    }

    /// A number for a new run.
    ///
    /// # Errors
    /// [`Unwritable`]: no number is known that was not given out before.
    pub(crate) async fn number(&self) -> Result<RunId, Unwritable> {
        self.instance().await?;
        loop {
            if let Some(id) = self.number_at_once() {
                return Ok(id);
            }
            let more = self.numbers.ahead.load(Ordering::Relaxed);
            let to = self.numbers.reserved.load(Ordering::Acquire) + more;
            let (done, reserved) = oneshot::channel();
            self.job(Job::Reserve(to, Some(done)))?;
            reserved.await.map_err(|_| gone())??;
        }
    }

    /// A number for what is not written down, where no other can be had: whoever has to look what is wrong, or
    /// to shut the server down, needs the built-ins most of all then. It comes again after the next start.
    pub(crate) fn number_of_this_start(&self) -> RunId {
        RunId(UNWRITTEN + self.numbers.unwritten.fetch_add(1, Ordering::Relaxed))
    }
}
