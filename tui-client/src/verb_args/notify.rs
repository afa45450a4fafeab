//! Arguments of `topside notify`.

use clap::{Args, ValueEnum};
use topside_shared::methods::NotifyTest;

use super::server::SessionArgs;

/// What `topside notify` does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum NotifyAction {
    /// Send a test notification now
    Test,
}

#[derive(Debug, Args)]
pub(crate) struct NotifyArgs {
    #[command(flatten)]
    pub(crate) how: SessionArgs,
    /// The action
    pub(crate) action: NotifyAction,
    /// Name of the notifier; without it, all of them
    pub(crate) name: Option<String>,
}

impl NotifyArgs {
    pub(crate) fn request(&self) -> NotifyTest {
        let NotifyAction::Test = self.action;
        NotifyTest { notifier: self.name.clone() }
    }
}
