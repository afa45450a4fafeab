//! Tasks of a server: they end with the server at the latest, and a panic ends only its own task.

use std::panic::AssertUnwindSafe;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::Dispatch;
use tracing::instrument::WithSubscriber;

/// Starts the tasks of one server. A clone starts tasks of the same server.
#[derive(Debug, Clone)]
pub(crate) struct Tasks {
    tracker: TaskTracker,
    /// The log of this server, separate from those of others in this process.
    dispatch: Dispatch,
    ended: CancellationToken,
    /// Ends the tasks of runs, before that.
    runs_ended: CancellationToken,
}

impl Tasks {
    pub(crate) fn new(dispatch: Dispatch) -> Self {
        let ended = CancellationToken::new();
        Self { tracker: TaskTracker::new(), dispatch, runs_ended: ended.child_token(), ended }
    }

    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.spawn_until(self.ended.clone(), Box::pin(task));
    }

    /// Starts the task of a run; dropping it ends the run.
    pub(crate) fn spawn_run(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.spawn_until(self.runs_ended.clone(), Box::pin(task));
    }

    pub(crate) fn has_ended(&self) -> bool {
        self.ended.is_cancelled()
    }

    /// Cancelled when the remaining runs must end.
    pub(crate) fn runs_ended(&self) -> CancellationToken {
        self.runs_ended.clone()
    }

    pub(crate) fn end_runs(&self) {
        self.runs_ended.cancel();
    }

    pub(crate) fn end(&self) {
        self.ended.cancel();
    }

    /// Waits until all tasks have ended by themselves.
    pub(crate) async fn all_ended(&self) {
        self.tracker.close();
        self.tracker.wait().await;
    }

    pub(crate) fn dispatch(&self) -> Dispatch {
        self.dispatch.clone()
    }

    /// The task is in a box: each future around it would have room for it twice, for before and after its start.
    fn spawn_until(&self, end: CancellationToken, task: BoxFuture<'static, ()>) {
        // Its guards have run when the panic is logged.
        let task = AssertUnwindSafe(task).catch_unwind();
        let task = async move {
            tokio::select! {
                done = task => if done.is_err() {
                    tracing::error!(target: "topside", "a task panicked; standard error says where");
                },
                () = end.cancelled() => {}
            }
        };
        self.tracker.spawn(task.with_subscriber(self.dispatch.clone()));
    }
}
