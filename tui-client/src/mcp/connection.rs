//! One session with the server: gives answers and output to the calls that wait for them.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::{oneshot, watch};
use topside_shared::RunId;
use topside_shared::methods::{BuiltinAnswer, Call, CommandResult, CommandRun};
use topside_shared::notifications::{GapReason, Notification};
use topside_shared::records::RunRow;

use super::output_text::Tail;
use crate::connect::{CallError, Handle};
use crate::text::base64::output_bytes;
use crate::text::sanitize;

/// One session.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) handle: Handle,
    router: Mutex<Router>,
}

/// A run or an answer.
#[derive(Debug)]
pub(super) enum Started {
    /// The row and the output of a run as they change. It closes when the session ends.
    Run(watch::Receiver<RunProgress>),
    Answer(BuiltinAnswer),
}

/// The state of a run that a call has started.
#[derive(Debug)]
pub(super) struct RunProgress {
    pub(super) row: RunRow,
    pub(super) tail: Tail,
}

/// Gives answers and output to the calls that wait for them.
#[derive(Debug, Default)]
pub(super) struct Router {
    starts: HashMap<u64, oneshot::Sender<Result<Started, CallError>>>,
    runs: HashMap<RunId, watch::Sender<RunProgress>>,
}

impl Connection {
    pub(super) fn new(handle: Handle) -> Self {
        Self { handle, router: Mutex::default() }
    }

    pub(super) fn router(&self) -> MutexGuard<'_, Router> {
        self.router.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sends a command. An error means that nothing was sent.
    pub(super) fn start(
        &self,
        request: &CommandRun,
    ) -> Result<oneshot::Receiver<Result<Started, CallError>>, CallError> {
        let (sender, started) = oneshot::channel();
        // The lock is held until the answer has its receiver.
        let mut router = self.router();
        let id = self.handle.ask(CommandRun::METHOD, request)?;
        router.starts.insert(id, sender);
        Ok(started)
    }
}

impl Router {
    pub(super) fn answer(&mut self, id: u64, result: Result<CommandResult, CallError>) {
        let Some(waiting) = self.starts.remove(&id) else { return };
        let started = result.map(|result| match result {
            CommandResult::Answer(answer) => Started::Answer(answer),
            CommandResult::Run(run) => {
                let run_id = run.row.run_id;
                let progress = RunProgress { row: run.row, tail: Tail::default() };
                let (sender, progress) = watch::channel(progress);
                self.runs.insert(run_id, sender);
                Started::Run(progress)
            }
        });
        let _ = waiting.send(started);
    }

    pub(super) fn take(&mut self, notice: Notification) {
        match notice {
            Notification::RunOutput(piece) => self.change(piece.run_id, |progress| {
                progress.tail.push(&output_bytes(&piece));
            }),
            // What is beyond `max_output` is missing at the end; the row says so.
            Notification::RunGap(gap) if gap.reason != Some(GapReason::MaxOutput) => {
                self.change(gap.run_id, |progress| progress.tail.skip(gap.bytes));
            }
            Notification::RunChanged(row) => {
                let (id, has_ended) = (row.run_id, row.state.ended());
                self.change(id, |progress| progress.row = sanitize::run(*row));
                if has_ended {
                    self.runs.remove(&id);
                }
            }
            _ => {}
        }
    }

    /// Changes a run, unless its call has stopped waiting.
    fn change(&mut self, id: RunId, change: impl FnOnce(&mut RunProgress)) {
        let Some(run) = self.runs.get(&id) else { return };
        if run.is_closed() {
            self.runs.remove(&id);
        } else {
            run.send_modify(change);
        }
    }
}
