//! Arguments of `topside worker`.

use clap::{Args, ValueEnum};
use topside_shared::methods::WorkerRestart;

use super::server::SessionArgs;

/// What `topside worker` does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum WorkerAction {
    /// End its process in order, and start another
    Restart,
}

#[derive(Debug, Args)]
pub(crate) struct WorkerArgs {
    #[command(flatten)]
    pub(crate) how: SessionArgs,
    /// What to do
    pub(crate) action: WorkerAction,
    /// The worker
    pub(crate) name: String,
}

impl WorkerArgs {
    pub(crate) fn request(&self) -> WorkerRestart {
        let WorkerAction::Restart = self.action;
        WorkerRestart { worker: self.name.clone() }
    }
}
