//! Tasks of a server: each ends with the server at the latest, and a panic ends that task alone.

use std::panic::AssertUnwindSafe;

use futures_util::FutureExt;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::Dispatch;
use tracing::instrument::WithSubscriber;

/// Starts the tasks of one server. A copy starts tasks of the same server.
#[derive(Debug, Clone)]
pub(crate) struct Tasks {
    tracker: TaskTracker,
    /// Takes the events of this server, so that several in one process keep their logs apart.
    dispatch: Dispatch,
    /// Ends the tasks that have not ended when the server does.
    over: CancellationToken,
    /// Ends the runs that have not ended in time, before that.
    runs_over: CancellationToken,
}

impl Tasks {
    /// Tasks that log to `dispatch`.
    pub(crate) fn new(dispatch: Dispatch) -> Self {
        let over = CancellationToken::new();
        Self { tracker: TaskTracker::new(), dispatch, runs_over: over.child_token(), over }
    }

    /// Starts a task; it ends with the server at the latest.
    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.spawn_until(self.over.clone(), task);
    }

    /// Starts the task of a run; dropping it ends the run.
    pub(crate) fn spawn_run(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.spawn_until(self.runs_over.clone(), task);
    }

    /// Whether [`Tasks::end`] was called.
    pub(crate) fn is_over(&self) -> bool {
        self.over.is_cancelled()
    }

    /// Cancelled when the runs that have not ended in time must end.
    pub(crate) fn runs_over(&self) -> CancellationToken {
        self.runs_over.clone()
    }

    /// Ends the tasks of runs.
    pub(crate) fn end_runs(&self) {
        self.runs_over.cancel();
    }

    /// Ends all tasks.
    pub(crate) fn end(&self) {
        self.over.cancel();
    }

    /// Waits until all tasks have ended by themselves.
    pub(crate) async fn all_ended(&self) {
        self.tracker.close();
        self.tracker.wait().await;
    }

    /// The log of this server.
    pub(crate) fn dispatch(&self) -> Dispatch {
        self.dispatch.clone()
    }

    fn spawn_until(
        &self,
        over: CancellationToken,
        task: impl Future<Output = ()> + Send + 'static,
    ) {
        // Its guards have cleaned up when the panic is logged.
        let task = AssertUnwindSafe(task).catch_unwind();
        let task = async move {
            tokio::select! {
                done = task => if done.is_err() {
                    tracing::error!(target: "topside", "a task panicked; standard error says where");
                },
                () = over.cancelled() => {}
            }
        };
        self.tracker.spawn(task.with_subscriber(self.dispatch.clone()));
    }
}
