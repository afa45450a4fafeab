//! Call queue of one worker: waiting calls, and calls that were sent.
//!
//! A call is sent once. If the worker ends, the calls that it was sent are lost.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use serde_json::Value;
use tokio::sync::{Notify, oneshot};
use tokio::time::Instant;

use crate::base::mutex::Mutex;
use crate::workers::worker::RunHandle;
use crate::workers::worker_messages;

type CallResult = Result<Value, String>;

pub(super) struct CallQueue {
    worker: String,
    max_concurrent: usize,
    state: Mutex<QueueState>,
    /// Notified when there may be a line to write. One task waits for it.
    more: Notify,
    /// Notified when a sent call is cancelled. One task waits for it.
    cancelled: Notify,
}

#[derive(Default)]
struct QueueState {
    /// Why no call is accepted at the moment, and until when.
    down: Option<(String, Option<Instant>)>,
    /// By run id, the order in which they came.
    calls: BTreeMap<u64, PendingCall>,
    /// Cancel messages that wait to be written.
    cancels: VecDeque<String>,
}

struct PendingCall {
    /// Its message; none: it was sent.
    line: Option<String>,
    run: RunHandle,
    answer: oneshot::Sender<CallResult>,
    /// It was cancelled: the time by which it must be answered.
    due: Option<Instant>,
}

impl CallQueue {
    pub(super) fn new(worker: String, max_concurrent: usize) -> Self {
        Self {
            worker,
            max_concurrent,
            state: Mutex::default(),
            more: Notify::new(),
            cancelled: Notify::new(),
        }
    }

    /// Queues a call. The error is a sentence, if the worker does not run.
    pub(super) fn enter(
        &self,
        line: String,
        run: &RunHandle,
        stop_timeout: Duration,
    ) -> Result<QueuedCall<'_>, String> {
        let (answer, answered) = oneshot::channel();
        let mut state = self.state.lock();
        if let Some((why, until)) = &state.down {
            return Err(self.not_running(why, *until));
        }
        let run = run.clone();
        let id = run.id.0;
        state.calls.insert(id, PendingCall { line: Some(line), run, answer, due: None });
        drop(state);
        self.more.notify_one();
        Ok(QueuedCall { calls: self, id, stop_timeout, answered })
    }

    fn not_running(&self, why: &str, until: Option<Instant>) -> String {
        let again = until.map(|until| {
            let left = until.saturating_duration_since(Instant::now());
            format!("; it is started again within {} s", left.as_secs() + 1)
        });
        let again = again.unwrap_or_default();
        format!("the worker {} does not run: {why}{again}", self.worker)
    }

    /// Waits for the next line to write, which counts as sent.
    pub(super) async fn next_line(&self) -> String {
        loop {
            if let Some(line) = self.take_line() {
                return line;
            }
            self.more.notified().await;
        }
    }

    fn take_line(&self) -> Option<String> {
        let mut state = self.state.lock();
        let QueueState { cancels, calls, .. } = &mut *state;
        if let Some(cancel) = cancels.pop_front() {
            return Some(cancel);
        }
        let sent = calls.values().filter(|call| call.line.is_none()).count();
        if sent >= self.max_concurrent {
            return None;
        }
        calls.values_mut().find_map(|call| call.line.take())
    }

    /// Waits until a cancelled call is not answered in time.
    pub(super) async fn overdue(&self) -> u64 {
        loop {
            let next = {
                let state = self.state.lock();
                let due = |(id, call): (&u64, &PendingCall)| Some((call.due?, *id));
                state.calls.iter().filter_map(due).min()
            };
            match next {
                Some((due, id)) if due <= Instant::now() => return id,
                Some((due, _)) => tokio::select! {
                    () = tokio::time::sleep_until(due) => {}
                    () = self.cancelled.notified() => {}
                },
                None => self.cancelled.notified().await,
            }
        }
    }

    /// The run of a sent call.
    pub(super) fn run(&self, id: u64) -> Option<RunHandle> {
        let state = self.state.lock();
        state.calls.get(&id).filter(|call| call.line.is_none()).map(|call| call.run.clone())
    }

    /// Ends a sent call; false: there is none.
    pub(super) fn answer(&self, id: u64, answer: CallResult) -> bool {
        let mut state = self.state.lock();
        if state.calls.get(&id).is_none_or(|call| call.line.is_some()) {
            return false;
        }
        if let Some(call) = state.calls.remove(&id) {
            // Its run may have ended.
            let _ = call.answer.send(answer);
        }
        drop(state);
        self.more.notify_one();
        true
    }

    /// Fails the calls that an ended process was sent.
    pub(super) fn lost(&self, why: &str) {
        let mut state = self.state.lock();
        state.cancels.clear();
        let calls = std::mem::take(&mut state.calls);
        let (sent, waiting) = calls.into_iter().partition(|(_, call)| call.line.is_none());
        state.calls = waiting;
        for call in BTreeMap::into_values(sent) {
            let lost = format!(
                "the worker {} ended before it answered: {why}; it is unknown how much of the call \
                 was done, and it is not sent again",
                self.worker
            );
            let _ = call.answer.send(Err(lost));
        }
    }

    /// Rejects calls until `until`, or for ever, and fails those that wait.
    pub(super) fn close(&self, why: &str, until: Option<Instant>) {
        let mut state = self.state.lock();
        state.down = Some((why.to_owned(), until));
        for (_, call) in std::mem::take(&mut state.calls) {
            let _ = call.answer.send(Err(self.not_running(why, until)));
        }
    }

    /// The state of the worker in words, with the number of its calls, or why it ended and when it restarts.
    pub(super) fn standing(&self) -> String {
        let state = self.state.lock();
        match &state.down {
            None => match state.calls.len() {
                0 => "running".to_owned(),
                1 => "running, 1 call".to_owned(),
                calls => format!("running, {calls} calls"),
            },
            Some((why, None)) => format!("stopped: {why}"),
            Some((why, Some(until))) => {
                let left = until.saturating_duration_since(Instant::now());
                format!("restarting in {} s: {why}", left.as_secs() + 1)
            }
        }
    }

    pub(super) fn open(&self) {
        self.state.lock().down = None;
    }
}

/// A queued or sent call. Dropping it cancels it.
pub(super) struct QueuedCall<'c> {
    calls: &'c CallQueue,
    id: u64,
    stop_timeout: Duration,
    answered: oneshot::Receiver<CallResult>,
}

impl QueuedCall<'_> {
    pub(super) async fn answer(&mut self) -> CallResult {
        match (&mut self.answered).await {
            Ok(answer) => answer,
            Err(_) => {
                Err(format!("the call was ended before the worker {} had it", self.calls.worker))
            }
        }
    }

    /// Removes a queued call; asks the worker to end a sent one.
    pub(super) fn cancel(&self) {
        let mut state = self.calls.state.lock();
        let QueueState { calls, cancels, .. } = &mut *state;
        let Some(call) = calls.get_mut(&self.id) else { return };
        if call.line.is_some() {
            calls.remove(&self.id);
        } else if call.due.is_none() {
            // Keeps the sum within the range of the clock.
            let far = Duration::from_secs(365 * 86_400);
            call.due = Some(Instant::now() + self.stop_timeout.min(far));
            cancels.push_back(worker_messages::cancel(self.id));
        }
        drop(state);
        self.calls.more.notify_one();
        self.calls.cancelled.notify_one();
    }
}

impl Drop for QueuedCall<'_> {
    fn drop(&mut self) {
        self.cancel();
    }
}
