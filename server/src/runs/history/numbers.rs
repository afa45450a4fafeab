//! The numbers of runs: how one is had, and how many the disk knows of.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use tokio::sync::oneshot;
use topside_shared::RunId;

use super::{History, Job, Unwritable, gone};

/// The first of the numbers that the disk does not know of: above all others, and still exact in JSON.
pub(super) const UNWRITTEN: u64 = 1 << 52;
/// Numbers that are set aside at first, and at most; so many are skipped after a crash at worst.
pub(super) const FEWEST_AHEAD: u64 = 16;
const MOST_AHEAD: u64 = 16 * 1024;

/// The numbers of runs, which never repeat: the disk knows of each before it is given out.
#[derive(Debug, Default)]
pub(super) struct Numbers {
    pub(super) last: AtomicU64,
    pub(super) reserved: AtomicU64,
    /// How many are set aside the next time.
    pub(super) ahead: AtomicU64,
    /// Whether more have been asked for.
    pub(super) asked: AtomicBool,
    /// How many were given out that the disk does not know of.
    unwritten: AtomicU64,
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
