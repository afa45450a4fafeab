//! The hook thread: starts hooks, retries failed starts, and waits for the programs.

use std::io::{self, PipeReader, Read as _};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, TryRecvError};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use topside_shared::text::clean;

use crate::audit::Audit;
use crate::audit::entry::Entry;
use crate::hooks::reserved_descriptors::Reserve;
use crate::hooks::{HookOwner, HookRequest, HookState, Retries};
use crate::notify::Notifications;
use crate::process::safe_state::{HookResult, RunningHook};

/// First and longest pause before a retry.
const FIRST_RETRY: Duration = Duration::from_millis(100);
const LONGEST_RETRY: Duration = Duration::from_secs(3);
/// Interval of checks for the end of a running hook.
const CHECK_INTERVAL: Duration = Duration::from_millis(10);
/// Interval of attempts to complete the reserve.
const REFILL_INTERVAL: Duration = Duration::from_secs(1);

/// Most lines of a hook's output in the log, and most characters of one.
const MAX_LINES: usize = 100;
const MAX_LINE: usize = 500;

struct PendingStart {
    request: HookRequest,
    at: Instant,
    delay: Duration,
    /// The time of its first failed start.
    failed: Option<Instant>,
}

pub(super) struct HookThread {
    requests: Receiver<HookRequest>,
    /// Readable when there is a request, or when the retry policy changes.
    woken: PipeReader,
    shared: Arc<HookState>,
    audit: Arc<Audit>,
    notify: Arc<Notifications>,
    reserve: Reserve,
    waiting: Vec<PendingStart>,
    running: Vec<(HookRequest, RunningHook)>,
    is_closed: bool,
}

impl HookThread {
    pub(super) fn new(
        requests: Receiver<HookRequest>,
        woken: PipeReader,
        shared: Arc<HookState>,
        audit: Arc<Audit>,
        notify: Arc<Notifications>,
    ) -> io::Result<Self> {
        Ok(Self {
            requests,
            woken,
            shared,
            audit,
            notify,
            reserve: Reserve::new()?,
            waiting: Vec::new(),
            running: Vec::new(),
            is_closed: false,
        })
    }

    pub(super) fn run(mut self) {
        loop {
            self.take_requests();
            self.start_due();
            self.check_running();
            if self.is_closed && self.waiting.is_empty() && self.running.is_empty() {
                return;
            }
            // The rest is reserved after the next wait.
            let _ = self.reserve.fill();
            self.wait();
        }
    }

    fn take_requests(&mut self) {
        let mut new = Vec::new();
        loop {
            match self.requests.try_recv() {
                Ok(request) => new.push(request),
                Err(TryRecvError::Empty) => break,
                Err(TryRecvError::Disconnected) => {
                    self.is_closed = true;
                    break;
                }
            }
        }
        if new.is_empty() {
            return;
        }
        // A hook runs even if the audit log cannot be written.
        self.audit.note_ahead_blocking(new.iter().map(entry));
        let now = Instant::now();
        let waiting = |request| PendingStart { request, at: now, delay: FIRST_RETRY, failed: None };
        self.waiting.extend(new.into_iter().map(waiting));
    }

    fn start_due(&mut self) {
        for mut waiting in std::mem::take(&mut self.waiting) {
            let now = Instant::now();
            if waiting.at > now && !self.gives_up(&waiting, now) {
                self.waiting.push(waiting);
                continue;
            }
            let error = match self.reserve.start(&waiting.request.hook) {
                Ok(running) => {
                    self.running.push((waiting.request, running));
                    continue;
                }
                Err(error) => error,
            };
            if !is_shortage(&error) {
                let closed = waiting.request.hook.not_started(&error);
                self.end(waiting.request, closed);
                continue;
            }
            let owner = &waiting.request.owner;
            if waiting.failed.is_none() {
                tracing::error!(
                    target: "topside", run = owner.run(),
                    "{owner} could not be started, stays pending and is retried: {error}"
                );
                self.audit.note(entry(&waiting.request).result(format!("pending: {error}")));
            }
            waiting.failed.get_or_insert(now);
            if self.gives_up(&waiting, now) {
                reply(waiting.request, None);
                continue;
            }
            waiting.at = now + waiting.delay;
            waiting.delay = (waiting.delay * 2).min(LONGEST_RETRY);
            self.waiting.push(waiting);
        }
    }

    /// Whether its start is not retried any more.
    fn gives_up(&self, waiting: &PendingStart, now: Instant) -> bool {
        self.last_retry(waiting).is_some_and(|last| last <= now)
    }

    /// The time of its last retry; none: no limit is set.
    fn last_retry(&self, waiting: &PendingStart) -> Option<Instant> {
        let failed = waiting.failed?;
        match *self.shared.retries.lock() {
            _ if self.is_closed => Some(failed),
            Retries::Unlimited => None,
            Retries::ClosingSince(since) => Some(failed.max(since) + waiting.request.limit?),
            Retries::Stopped => Some(failed),
        }
    }

    fn check_running(&mut self) {
        for (request, mut running) in std::mem::take(&mut self.running) {
            match running.check(&request.hook, request.limit) {
                Some(closed) => self.end(request, closed),
                None => self.running.push((request, running)),
            }
        }
    }

    /// Reports the result of a hook.
    fn end(&self, request: HookRequest, closed: HookResult) {
        let run = request.owner.run();
        if let HookOwner::Box(hook) = &request.owner {
            log_output(hook, &closed.output);
        }
        match &closed.failure {
            None => {
                tracing::info!(target: "topside", run, "safe state reached");
                self.audit.note(entry(&request).result("reached"));
            }
            Some(failure) => {
                tracing::error!(target: "topside", run, "{failure}");
                self.audit.note(entry(&request).result(format!("failed: {failure}")));
                request.owner.report_failure(&self.notify, failure);
            }
        }
        reply(request, Some(closed));
    }

    fn wait(&mut self) {
        let now = Instant::now();
        let mut until: Option<Instant> = None;
        let mut at = |at: Instant| until = Some(until.map_or(at, |until| until.min(at)));
        if !self.running.is_empty() {
            at(now + CHECK_INTERVAL);
        }
        if !self.reserve.is_full() {
            at(now + REFILL_INTERVAL);
        }
        for waiting in &self.waiting {
            at(waiting.at);
            if let Some(last) = self.last_retry(waiting) {
                at(last);
            }
        }
        let timeout = until.map(|until| {
            let left = until.saturating_duration_since(now);
            Timespec { tv_sec: left.as_secs().cast_signed(), tv_nsec: left.subsec_nanos().into() }
        });
        let mut ends = Vec::with_capacity(self.running.len() + 1);
        // After the server has gone, the pipe is always readable.
        if !self.is_closed {
            ends.push(PollFd::new(&self.woken, PollFlags::IN));
        }
        for (_, running) in &self.running {
            if let Some(output) = running.output_pipe() {
                ends.push(PollFd::new(output, PollFlags::IN));
            }
        }
        match poll(&mut ends, timeout.as_ref()) {
            Ok(_) | Err(Errno::INTR) => {}
            // No memory: pause, so as not to spin.
            Err(_) => std::thread::sleep(CHECK_INTERVAL),
        }
        let mut bytes = [0; 256];
        while matches!(self.woken.read(&mut bytes), Ok(1..)) {}
    }
}

/// The entry of the audit log.
fn entry(request: &HookRequest) -> Entry {
    request.owner.entry(request.hook.argv.clone())
}

/// Writes the output of a hook of the box to the log, a line each, up to [`MAX_LINES`].
fn log_output(hook: &str, output: &[u8]) {
    let text = String::from_utf8_lossy(output);
    let mut lines = text.lines().filter(|line| !line.trim().is_empty());
    for line in lines.by_ref().take(MAX_LINES) {
        let line = clean(line, MAX_LINE);
        tracing::info!(target: "topside", hook, "{hook}: {line}");
    }
    let rest = lines.count();
    if rest > 0 {
        tracing::info!(target: "topside", hook, "{hook}: {rest} more lines of output are not logged");
    }
}

/// Calls the callback. Its panic must not end the thread.
fn reply(request: HookRequest, closed: Option<HookResult>) {
    let run = request.owner.run();
    let done = AssertUnwindSafe(|| (request.done)(closed));
    if std::panic::catch_unwind(done).is_err() {
        tracing::error!(target: "topside", run, "the end of a hook could not be processed");
    }
}

/// Whether a later start may succeed.
fn is_shortage(error: &io::Error) -> bool {
    matches!(
        Errno::from_io_error(error),
        Some(Errno::MFILE | Errno::NFILE | Errno::AGAIN | Errno::NOMEM)
    )
}
