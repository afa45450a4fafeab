//! The thread that writes rows of runs. `lost_runs` cleans up after a crash.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::{Duration, Instant};

use tokio::sync::watch;
use topside_shared::records::RunState;

use crate::audit::Audit;
use crate::audit::action::AuditAction;
use crate::audit::entry::{By, Entry};
use crate::base::clock::Clock;
use crate::files;
use crate::history::db::{Db, LostRun};
use crate::history::retry::RetryQueue;
use crate::history::run_ids::{AHEAD, END, RunIds};
use crate::history::{OUTPUTS, OpenResult, ROWS, Unwritable, WriteJob, output, results, run_ids};
use crate::hooks::Hooks;
use crate::notify::Notifications;
use crate::process::cgroup::Delegated;
use crate::settings::retention::Kept;

/// Interval of the deletion of old runs.
const SWEEP_INTERVAL: Duration = Duration::from_secs(3600);
/// Pause before an end that could not be written is retried.
const RETRY_AFTER: Duration = Duration::from_secs(2);
/// How long the process of a run waits for the next job, to be written with it: most programs end at once. Until then a
/// crash finds it by its pipes.
const STARTED_WAITS: Duration = Duration::from_millis(50);
/// How long a deletion waits after the begin of a run for its end, which would wait for the next step.
const DELETION_WAITS: Duration = Duration::from_millis(2);
/// Most jobs in one transaction.
const BATCH: usize = 256;

pub(super) struct HistoryWriter {
    pub(super) state: PathBuf,
    pub(super) kept: Kept,
    /// Time limit for the `safe_state` of a lost run.
    pub(super) hook_timeout: Option<Duration>,
    pub(super) audit: Arc<Audit>,
    pub(super) hooks: Arc<Hooks>,
    pub(super) notify: Arc<Notifications>,
    pub(super) ids: Arc<RunIds>,
    pub(super) retries: Arc<RetryQueue>,
    pub(super) delegated: Option<Delegated>,
    /// Runs once lost runs are cleaned up, before the first new run and worker start. If it returns false, nothing starts.
    pub(super) before_first_run: Box<dyn FnOnce() -> bool + Send>,
    pub(super) _locked: File,
}

impl HistoryWriter {
    pub(super) fn run(
        mut self,
        jobs: &mpsc::Receiver<WriteJob>,
        open: &watch::Sender<Option<OpenResult>>,
    ) {
        let opened = self.open();
        let before_first_run = std::mem::replace(&mut self.before_first_run, Box::new(|| true));
        if !before_first_run() {
            return;
        }
        let (mut db, instance) = match opened {
            Ok(opened) => opened,
            Err(error) => {
                tracing::error!(target: "topside", %error, "runs cannot be written down");
                let _ = open.send(Some(Err(Unwritable::of_sqlite(&error))));
                return;
            }
        };
        // The server may have ended already.
        let _ = open.send(Some(Ok(instance.into())));
        let mut swept = None;
        // Whether a sweep goes on: between two steps, new jobs are written.
        let mut sweeps = false;
        // Whether a run has just begun.
        let mut begun = false;
        loop {
            if swept.is_none_or(|last: Instant| last.elapsed() >= SWEEP_INTERVAL) {
                swept = Some(Instant::now());
                self.begin_sweep(&db);
                sweeps = true;
            }
            if sweeps && !begun {
                sweeps = self.sweep(&mut db);
            }
            let patience = if sweeps {
                if begun { DELETION_WAITS } else { Duration::ZERO }
            } else if self.retries.is_empty() {
                SWEEP_INTERVAL
            } else {
                RETRY_AFTER
            };
            let first = match jobs.recv_timeout(patience) {
                Ok(job) => Some(job),
                Err(RecvTimeoutError::Timeout) => None,
                Err(RecvTimeoutError::Disconnected) => return,
            };
            let mut new_jobs: Vec<WriteJob> =
                first.into_iter().chain(jobs.try_iter().take(BATCH - 1)).collect();
            let are_starts =
                |jobs: &[WriteJob]| jobs.iter().all(|job| matches!(job, WriteJob::Started(..)));
            if !new_jobs.is_empty() && are_starts(&new_jobs) {
                new_jobs.extend(jobs.recv_timeout(STARTED_WAITS));
            }
            let closes = new_jobs.iter().any(|job| matches!(job, WriteJob::Close(_)));
            if let Some(kept) = new_jobs.iter().rev().find_map(|job| match job {
                WriteJob::Keep(kept) => Some(*kept),
                _ => None,
            }) {
                self.kept = kept;
                swept = None;
            }
            let begins = new_jobs
                .iter()
                .any(|job| matches!(job, WriteJob::Begin(..) | WriteJob::Resume(..)));
            self.write(&mut db, new_jobs);
            sweeps |= self.kept.keep_bytes.is_some_and(|most| db.space() > most);
            // Once only, so that many runs do not hold up the deletion.
            begun = sweeps && begins && !begun;
            if closes {
                for id in self.retries.ids() {
                    tracing::error!(
                        target: "topside", run = id.0,
                        "the end of a run is not written down: it is lost at the next start"
                    );
                }
                close(db);
                return;
            }
        }
    }

    /// Opens the database, and cleans up after a crash.
    fn open(&self) -> rusqlite::Result<(Db, String)> {
        let mut db = Db::open(&self.state.join(ROWS))?;
        let instance = db.instance()?;
        let lost = db.live()?;
        let entry = |run: &LostRun| {
            Entry::new(By::server(), AuditAction::RunEnded, format!("run {}", run.id))
        };
        let found = |run: &LostRun| entry(run).result(RunState::Lost.words());
        self.audit.note_ahead_blocking(lost.iter().map(found));
        self.kill(&instance, &lost);
        self.close(&mut db, &lost);
        // A number never repeats, even if `runs.db` was deleted or a power cut undid its newest pages.
        let last = db.last_number()?.max(match run_ids::read(&self.state) {
            // Each output has a smaller number, and there may be a million of them.
            number @ 1.. => number,
            0 => last_output(&self.state),
        });
        let ahead = last + AHEAD;
        let reserved = db.reserve(ahead).is_ok() && run_ids::write(&self.state, ahead).is_ok();
        // On a full disk the next start of a run asks again.
        let reserved = if reserved { ahead } else { last };
        let ids = &self.ids;
        ids.last.store(last, Ordering::Relaxed);
        ids.reserved.store(reserved, Ordering::Release);
        Ok((db, instance))
    }

    /// Writes all jobs and retries in one transaction, or if that fails each in its own, and then sends the results.
    pub(super) fn write(&self, db: &mut Db, new_jobs: Vec<WriteJob>) {
        let has_new = !new_jobs.is_empty();
        let batch: Vec<WriteJob> = self.retries.jobs().into_iter().chain(new_jobs).collect();
        if batch.is_empty() {
            return;
        }
        let together =
            transact(db, &batch, |db| batch.iter().try_for_each(|job| carry_out(db, job)));
        if let Err(error) = &together
            && has_new
        {
            tracing::error!(target: "topside", %error, "runs cannot be written down");
        }
        for job in batch {
            let written = match &together {
                Ok(()) => Ok(()),
                // One bad job does not undo the others.
                Err(_) => {
                    let one = std::slice::from_ref(&job);
                    transact(db, one, |db| carry_out(db, &job))
                }
            };
            let result = written.map_err(|error| Unwritable::of_sqlite(&error));
            match job {
                WriteJob::End(record, size, done) => {
                    if result.is_ok() {
                        db.forget_hook(record.row.run_id);
                    }
                    // Without the retry, the next start would take the run for lost and run its hook.
                    match result {
                        Ok(()) => self.retries.remove(record.row.run_id),
                        Err(_) => self.retries.insert(*record, size),
                    }
                    if let Some(done) = done {
                        let _ = done.send(result);
                    }
                }
                WriteJob::Begin(.., done) | WriteJob::Resume(.., done) => {
                    let _ = done.send(result);
                }
                WriteJob::Reserve(to, done) => {
                    let result = result.and_then(|()| self.write_number(to));
                    if result.is_ok() {
                        self.ids.reserved.fetch_max(to, Ordering::Release);
                    }
                    self.ids.asked.store(false, Ordering::Relaxed);
                    if let Some(done) = done {
                        let _ = done.send(result);
                    }
                }
                WriteJob::Close(last) => {
                    if let Err(error) = result.and_then(|()| run_ids::write(&self.state, last)) {
                        tracing::warn!(target: "topside", %error, "some ids of runs are skipped");
                    }
                }
                WriteJob::Schedule(_, changed, done) => {
                    let _ = done.send(result.map(|()| changed.get()));
                }
                WriteJob::Started(..) | WriteJob::Keep(_) => {}
            }
        }
    }

    /// Reserves the ids up to `to` in their file.
    fn write_number(&self, to: u64) -> Result<(), Unwritable> {
        run_ids::write(&self.state, to.max(self.ids.reserved.load(Ordering::Acquire)))
    }

    fn begin_sweep(&self, db: &Db) {
        if let Err(error) = db.bound_log(self.kept.keep_bytes) {
            tracing::warn!(target: "topside", %error, "the write-ahead log of runs.db has its usual length");
        }
        report_clock(db.clock().map_or(Ok(()), Clock::save));
    }

    /// One step of the deletion of runs over the limits of age and size; whether there are more.
    fn sweep(&self, db: &mut Db) -> bool {
        let gone = db.forget(self.kept.keep, self.kept.keep_bytes);
        let (gone, more) = gone.unwrap_or_else(|error| {
            tracing::error!(target: "topside", %error, "old runs cannot be taken out");
            (Vec::new(), false)
        });
        for id in gone {
            match std::fs::remove_file(output(&self.state, id)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    tracing::warn!(target: "topside", %error, run = id.0, "its output cannot be removed");
                }
                _ => {}
            }
            files::remove(&results(&self.state, id));
        }
        more
    }
}

/// Closes the database and saves the newest time, both at once: each waits for the disk several times.
fn close(db: Db) {
    let clock = db.clock().cloned();
    let save = || clock.as_ref().map_or(Ok(()), Clock::save);
    let saved = std::thread::scope(|scope| {
        let saving = std::thread::Builder::new().spawn_scoped(scope, save);
        drop(db);
        match saving {
            Ok(saving) => saving.join().unwrap_or(Ok(())),
            // No thread can be started.
            Err(_) => save(),
        }
    });
    report_clock(saved);
}

fn report_clock(saved: io::Result<()>) {
    if let Err(error) = saved {
        tracing::warn!(target: "topside", %error, "the newest time is not written down");
    }
}

/// The greatest number that has an output.
fn last_output(state: &Path) -> u64 {
    let files = std::fs::read_dir(state.join(OUTPUTS)).into_iter().flatten().flatten();
    let number = |file: std::fs::DirEntry| {
        file.file_name().to_str()?.strip_suffix(".out")?.parse::<u64>().ok()
    };
    files.filter_map(number).filter(|number| *number < END).max().unwrap_or_default()
}

/// Writes these jobs in one transaction. It survives a power cut if a run with a hook begins or ends in it: a hook is
/// on the disk before its program starts, and an end that clients see is not undone.
fn transact(
    db: &mut Db,
    jobs: &[WriteJob],
    what: impl FnOnce(&mut Db) -> rusqlite::Result<()>,
) -> rusqlite::Result<()> {
    let durable = jobs.iter().any(|job| match job {
        WriteJob::Begin(.., intent, _) | WriteJob::Resume(.., intent, _) => intent.hook.is_some(),
        WriteJob::End(record, ..) => db.has_hook(record.row.run_id),
        // A start that was claimed must not be claimed again after a power cut, and a pause must hold.
        WriteJob::Schedule(..) => true,
        _ => false,
    });
    if durable { db.together_durably(what) } else { db.together(what) }
}

fn carry_out(db: &mut Db, job: &WriteJob) -> rusqlite::Result<()> {
    match job {
        WriteJob::Begin(run, address, intent, _) => db.begin(run, address, intent),
        WriteJob::Resume(row, intent, _) => db.resume(row, intent),
        WriteJob::Started(id, first) => db.started(*id, first),
        WriteJob::End(record, size, _) => db.end(&record.row, *size),
        WriteJob::Reserve(to, _) => db.reserve(*to),
        WriteJob::Close(last) => db.set_last_number(*last),
        WriteJob::Schedule(write, changed, _) => {
            db.write_schedule(write).map(|done| changed.set(done))
        }
        WriteJob::Keep(_) => Ok(()),
    }
}
