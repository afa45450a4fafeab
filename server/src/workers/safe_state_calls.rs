//! Calls of `safe_state` functions: ahead of all other calls of a worker, one at a time, each until it was answered.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::Instant;
use topside_shared::RunId;
use topside_shared::command;

use crate::base::deadline;
use crate::hooks::{HookOwner, OnResult};
use crate::output::Output;
use crate::process::safe_state::{HookResult, RunHook};
use crate::workers::call_queue::{CallQueue, CallResult, PendingCall};
use crate::workers::worker_messages::{self, SAFE_STATE};
use crate::workers::{WorkerRef, shown};

/// The call of a `safe_state` function.
pub(super) struct SafeStateCall {
    pub(super) owner: HookOwner,
    pub(super) function: String,
    /// The output of its run; none: the log gets it.
    pub(super) output: Option<Output>,
    /// Takes the result; none: it was never called.
    pub(super) done: OnResult,
}

#[derive(Default)]
pub(super) struct SafeStateCalls {
    /// In their order; the first may have been sent.
    calls: VecDeque<SafeStateCall>,
    is_sent: bool,
    /// When the first must be answered.
    due: Option<Instant>,
    limit: Option<Duration>,
    /// Runs with a `safe_state` function, and whether their calls were sent. After such a call nothing else is sent until
    /// the run has decided whether the function is needed.
    runs: BTreeMap<u64, bool>,
}

impl SafeStateCalls {
    /// The next message; it counts as sent.
    pub(super) fn take_line(&mut self) -> Option<String> {
        let first = self.calls.front().filter(|_| !self.is_sent)?;
        self.is_sent = true;
        self.due = self.limit.map(deadline::after);
        Some(worker_messages::own_call(SAFE_STATE, &first.function))
    }

    /// Whether other calls must wait.
    pub(super) fn is_pending(&self, calls: &BTreeMap<u64, PendingCall>) -> bool {
        let has_ended = |(run, is_sent): (&u64, &bool)| *is_sent && !calls.contains_key(run);
        !self.calls.is_empty() || self.runs.iter().any(has_ended)
    }

    /// Whether one was sent and is not answered.
    pub(super) fn is_called(&self) -> bool {
        self.is_sent
    }

    /// Notes that the call of a run was sent.
    pub(super) fn was_sent(&mut self, run: u64) {
        if let Some(is_sent) = self.runs.get_mut(&run) {
            *is_sent = true;
        }
    }

    pub(super) fn due(&self) -> Option<Instant> {
        self.due
    }

    /// Its process has ended.
    pub(super) fn unsend(&mut self) {
        self.is_sent = false;
        self.due = None;
    }

    fn sent(&self) -> Option<&SafeStateCall> {
        self.calls.front().filter(|_| self.is_sent)
    }

    fn take_sent(&mut self) -> Option<SafeStateCall> {
        let call = if self.is_sent { self.calls.pop_front() } else { None };
        self.unsend();
        call
    }
}

impl CallQueue {
    /// Sets how long the call of a `safe_state` may take.
    pub(super) fn limit_safe_state(&self, limit: Option<Duration>) {
        self.state.lock().safe_state.limit = limit;
    }

    pub(super) fn call_safe_state(&self, call: SafeStateCall) {
        self.state.lock().safe_state.calls.push_back(call);
        self.more.notify_one();
    }

    /// The same, before all others, unless it is the first already.
    pub(super) fn call_safe_state_first(&self, call: SafeStateCall) {
        let mut state = self.state.lock();
        let calls = &mut state.safe_state.calls;
        let is_same =
            |first: &SafeStateCall| first.owner == call.owner && first.function == call.function;
        if !calls.front().is_some_and(is_same) {
            calls.push_front(call);
        }
        drop(state);
        self.more.notify_one();
    }

    /// The output of the run that the call that was sent belongs to.
    pub(super) fn safe_state_output(&self) -> Option<Output> {
        self.state.lock().safe_state.sent()?.output.clone()
    }

    /// What the call that was sent belongs to, and its function.
    pub(super) fn sent_safe_state(&self) -> Option<(HookOwner, String)> {
        let state = self.state.lock();
        state.safe_state.sent().map(|call| (call.owner.clone(), call.function.clone()))
    }

    /// Ends the call that was sent, and gives its result; none: there is none.
    pub(super) fn end_safe_state(
        &self,
        answer: CallResult,
    ) -> Option<(HookOwner, String, Option<String>)> {
        let call = self.state.lock().safe_state.take_sent()?;
        let SafeStateCall { owner, function, done, .. } = call;
        let worker = &self.worker;
        let sentence = |why| {
            format!(
                "the safe state may not have been reached by {function} of worker {worker}: {why}"
            )
        };
        let (output, failure) = match answer {
            Ok(result) => (shown(&result, command::Output::Text).into_bytes(), None),
            Err(why) => (Vec::new(), Some(sentence(why))),
        };
        done(Some(HookResult { output, failure: failure.clone() }));
        self.safe_state_ended.notify_waiters();
        self.more.notify_one();
        Some((owner, function, failure))
    }

    /// Ends all of them without a call.
    pub(super) fn drop_safe_state(&self) {
        let calls = std::mem::take(&mut self.state.lock().safe_state.calls);
        for call in calls {
            (call.done)(None);
        }
        self.safe_state_ended.notify_waiters();
    }

    /// Whether no `safe_state` has to be called.
    pub(super) fn is_safe(&self) -> bool {
        self.state.lock().safe_state.calls.is_empty()
    }

    /// Waits until no `safe_state` has to be called.
    pub(super) async fn all_safe(&self) {
        loop {
            let ended = self.safe_state_ended.notified();
            tokio::pin!(ended);
            ended.as_mut().enable();
            if self.is_safe() {
                return;
            }
            ended.await;
        }
    }
}

/// The `safe_state` function of a run, from before its call until it is known whether the function is needed.
pub(crate) struct FunctionHook {
    worker: Arc<WorkerRef>,
    function: String,
    run: RunId,
}

impl FunctionHook {
    pub(crate) fn new(worker: &Arc<WorkerRef>, function: &str, run: RunId) -> Self {
        worker.0.calls.state.lock().safe_state.runs.insert(run.0, false);
        Self { worker: Arc::clone(worker), function: function.to_owned(), run }
    }

    /// Whether the call of its run was sent: otherwise there is nothing to make safe.
    pub(crate) fn is_needed(&self) -> bool {
        let state = self.worker.0.calls.state.lock();
        state.safe_state.runs.get(&self.run.0).copied().unwrap_or_default()
    }

    /// As it is recorded with the run.
    pub(crate) fn recorded(&self) -> RunHook {
        RunHook::Function {
            worker: self.worker.0.name().to_owned(),
            function: self.function.clone(),
        }
    }

    /// Calls the function; `done` gets the result once the worker has answered, which may be a later process of it.
    pub(crate) fn submit(&self, owner: HookOwner, output: Output, done: OnResult) {
        let (function, output) = (self.function.clone(), Some(output));
        self.worker.0.calls.call_safe_state(SafeStateCall { owner, function, output, done });
    }

    /// Calls the function, and waits for the result; none: the worker has ended for good before it was called.
    pub(crate) async fn run(&self, owner: HookOwner, output: Output) -> Option<HookResult> {
        let (reply, answer) = oneshot::channel();
        // The waiting task may have been dropped.
        self.submit(owner, output, Box::new(|result| drop(reply.send(result))));
        answer.await.ok().flatten()
    }
}

impl Drop for FunctionHook {
    fn drop(&mut self) {
        let calls = &self.worker.0.calls;
        calls.state.lock().safe_state.runs.remove(&self.run.0);
        calls.more.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    fn answered(value: &str) -> CallResult {
        Ok(Value::from(value))
    }

    fn call(function: &str) -> SafeStateCall {
        SafeStateCall {
            owner: HookOwner::Worker(function.to_owned()),
            function: function.to_owned(),
            output: None,
            done: Box::new(drop),
        }
    }

    #[test]
    fn the_first_is_called_again_until_it_was_answered() {
        let queue = CallQueue::new("w".into(), 1);
        let line = || queue.state.lock().safe_state.take_line();
        assert!(queue.end_safe_state(answered("none was sent")).is_none());
        queue.call_safe_state(call("close"));
        queue.call_safe_state_first(call("open"));
        queue.call_safe_state_first(call("open"));
        assert!(line().unwrap().contains("\"open\""));
        assert_eq!(line(), None);
        queue.lost("it ended", None);
        assert!(line().unwrap().contains("\"open\""));
        let (_, function, failure) = queue.end_safe_state(answered("")).unwrap();
        assert_eq!((function.as_str(), failure), ("open", None));
        assert!(line().unwrap().contains("\"close\""));
        let (.., failure) = queue.end_safe_state(Err("no pins".into())).unwrap();
        assert!(failure.unwrap().ends_with("by close of worker w: no pins"));
        assert_eq!(line(), None);
    }
}
