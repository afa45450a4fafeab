//! Call queue of one worker: waiting calls, and calls that were sent.
//!
//! A call is sent once. If the worker ends, the calls that it was sent are lost.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use serde_json::Value;
use tokio::sync::{Notify, oneshot};
use tokio::time::Instant;

use crate::base::deadline;
use crate::base::mutex::Mutex;
use crate::output::Output;
use crate::workers::safe_state_calls::SafeStateCalls;
use crate::workers::worker_messages::{self, FIRST_LIST};

pub(super) type CallResult = Result<Value, String>;

pub(super) struct CallQueue {
    pub(super) worker: String,
    max_concurrent: usize,
    pub(super) state: Mutex<QueueState>,
    /// Notified when there may be a line to write. One task waits for it.
    pub(super) more: Notify,
    /// Notified when a sent call gets a deadline. One task waits for it.
    pub(super) deadlines: Notify,
    /// Notified when a call of a `safe_state` has ended.
    pub(super) safe_state_ended: Notify,
}

#[derive(Default)]
pub(super) struct QueueState {
    /// Why no call is accepted at the moment, and until when.
    down: Option<Down>,
    /// By their ids: those of runs in the order in which they came, then those that list choices.
    pub(super) calls: BTreeMap<u64, PendingCall>,
    /// Cancel messages that wait to be written.
    cancels: VecDeque<String>,
    pub(super) safe_state: SafeStateCalls,
    /// How many calls that list choices there were.
    lists: u64,
}

struct Down {
    why: String,
    /// The last line of the standard error of its process.
    last_line: Option<String>,
    until: Option<Instant>,
}

pub(super) struct PendingCall {
    /// Its message; none: it was sent.
    line: Option<String>,
    /// The output of its run, if it has one.
    output: Option<Output>,
    answer: oneshot::Sender<CallResult>,
    is_cancelled: bool,
    /// It was cancelled: the time by which it must be answered.
    due: Option<Instant>,
}

/// What is not answered in time.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Overdue {
    /// A cancelled call.
    Call(u64),
    SafeState,
}

/// A line to write.
pub(super) enum NextLine {
    Message(String),
    /// The call of a `safe_state`, which is recorded before it is written.
    SafeState(String),
}

impl CallQueue {
    pub(super) fn new(worker: String, max_concurrent: usize) -> Self {
        Self {
            worker,
            max_concurrent,
            state: Mutex::default(),
            more: Notify::new(),
            deadlines: Notify::new(),
            safe_state_ended: Notify::new(),
        }
    }

    /// The id of the next call that lists choices.
    pub(super) fn next_list(&self) -> u64 {
        let mut state = self.state.lock();
        state.lists += 1;
        FIRST_LIST + state.lists
    }

    /// Whether it has as many calls as it gets at once.
    pub(super) fn is_full(&self) -> bool {
        sent(&self.state.lock().calls) >= self.max_concurrent
    }

    /// Queues a call. After a cancel it must be answered within `stop_timeout`; none: it may take any time. The error is a
    /// sentence, if the worker does not run.
    pub(super) fn enter(
        &self,
        line: String,
        (id, output): (u64, Option<Output>),
        stop_timeout: Option<Duration>,
    ) -> Result<QueuedCall<'_>, String> {
        let (answer, answered) = oneshot::channel();
        let mut state = self.state.lock();
        if let Some(down) = &state.down {
            return Err(self.not_running(down));
        }
        let line = Some(line);
        let call = PendingCall { line, output, answer, is_cancelled: false, due: None };
        state.calls.insert(id, call);
        drop(state);
        self.more.notify_one();
        Ok(QueuedCall { calls: self, id, stop_timeout, answered })
    }

    fn not_running(&self, down: &Down) -> String {
        let Down { why, last_line, until } = down;
        let again = until.map(|until| {
            let left = until.saturating_duration_since(Instant::now());
            format!("; it is started again within {} s", left.as_secs() + 1)
        });
        let again = again.unwrap_or_default();
        let last_line = quoted(last_line.as_deref());
        format!("the worker {} does not run: {why}{last_line}{again}", self.worker)
    }

    /// Waits for the next line to write, which counts as sent.
    pub(super) async fn next_line(&self) -> NextLine {
        loop {
            if let Some(line) = self.take_line() {
                return line;
            }
            self.more.notified().await;
        }
    }

    fn take_line(&self) -> Option<NextLine> {
        let mut state = self.state.lock();
        let QueueState { cancels, calls, safe_state, .. } = &mut *state;
        if let Some(cancel) = cancels.pop_front() {
            return Some(NextLine::Message(cancel));
        }
        if let Some(line) = safe_state.take_line() {
            self.deadlines.notify_one();
            return Some(NextLine::SafeState(line));
        }
        let sent = sent(calls);
        if sent >= self.max_concurrent || safe_state.is_pending(calls) {
            return None;
        }
        let (id, line) = calls.iter_mut().find_map(|(id, call)| Some((*id, call.line.take()?)))?;
        safe_state.was_sent(id);
        Some(NextLine::Message(line))
    }

    /// Waits until a cancelled call, or a `safe_state`, is not answered in time.
    pub(super) async fn overdue(&self) -> Overdue {
        loop {
            let next = {
                let state = self.state.lock();
                let due = |(id, call): (&u64, &PendingCall)| Some((call.due?, Overdue::Call(*id)));
                let safe_state = state.safe_state.due().map(|due| (due, Overdue::SafeState));
                state.calls.iter().filter_map(due).chain(safe_state).min()
            };
            match next {
                Some((due, what)) if due <= Instant::now() => return what,
                Some((due, _)) => tokio::select! {
                    () = tokio::time::sleep_until(due) => {}
                    () = self.deadlines.notified() => {}
                },
                None => self.deadlines.notified().await,
            }
        }
    }

    /// The output of the run of a sent call.
    pub(super) fn output(&self, id: u64) -> Option<Output> {
        let state = self.state.lock();
        state.calls.get(&id).filter(|call| call.line.is_none())?.output.clone()
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

    /// Fails the calls that an ended process was sent. A `safe_state` is called again.
    pub(super) fn lost(&self, why: &str, last_line: Option<&str>) {
        let mut state = self.state.lock();
        state.cancels.clear();
        state.safe_state.unsend();
        let calls = std::mem::take(&mut state.calls);
        let (sent, waiting) = calls.into_iter().partition(|(_, call)| call.line.is_none());
        state.calls = waiting;
        let last_line = quoted(last_line);
        for call in BTreeMap::into_values(sent) {
            let lost = format!(
                "the worker {} ended before it answered: {why}{last_line}; it is unknown how much of \
                 the call was done, and it is not sent again",
                self.worker
            );
            let _ = call.answer.send(Err(lost));
        }
    }

    /// Rejects calls until `until`, or for ever, and fails those that wait.
    pub(super) fn close(&self, why: &str, last_line: Option<String>, until: Option<Instant>) {
        let down = Down { why: why.to_owned(), last_line, until };
        let mut state = self.state.lock();
        for (_, call) in std::mem::take(&mut state.calls) {
            let _ = call.answer.send(Err(self.not_running(&down)));
        }
        state.down = Some(down);
    }

    /// The state of the worker in words, with the number of its calls, or why it ended and when it restarts.
    pub(super) fn standing(&self) -> String {
        let state = self.state.lock();
        match &state.down {
            None if state.safe_state.is_called() => "running its safe_state".to_owned(),
            None => match state.calls.len() {
                0 => "running".to_owned(),
                1 => "running, 1 call".to_owned(),
                calls => format!("running, {calls} calls"),
            },
            Some(Down { why, until: None, .. }) => format!("stopped: {why}"),
            Some(Down { why, until: Some(until), .. }) => {
                let left = until.saturating_duration_since(Instant::now());
                format!("restarting in {} s: {why}", left.as_secs() + 1)
            }
        }
    }

    pub(super) fn open(&self) {
        self.state.lock().down = None;
    }
}

/// How many calls were sent and are not answered.
fn sent(calls: &BTreeMap<u64, PendingCall>) -> usize {
    calls.values().filter(|call| call.line.is_none()).count()
}

/// The last line of a standard error as the end of a reason.
fn quoted(last_line: Option<&str>) -> String {
    let quoted = last_line.map(|line| format!("; the last line of its standard error is `{line}`"));
    quoted.unwrap_or_default()
}

/// A queued or sent call. Dropping it cancels it.
pub(super) struct QueuedCall<'c> {
    calls: &'c CallQueue,
    id: u64,
    stop_timeout: Option<Duration>,
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
        } else if !call.is_cancelled {
            call.is_cancelled = true;
            call.due = self.stop_timeout.map(deadline::after);
            cancels.push_back(worker_messages::cancel(self.id));
        }
        drop(state);
        self.calls.more.notify_one();
        self.calls.deadlines.notify_one();
    }
}

impl Drop for QueuedCall<'_> {
    fn drop(&mut self) {
        self.cancel();
    }
}
