//! Arguments of `approve` and `refuse`.

use clap::Args;
use topside_shared::RunId;
use topside_shared::methods::{ApprovalDecide, Decision};

use super::server::{SessionArgs, number};

#[derive(Debug, Args)]
pub(crate) struct DecisionArgs {
    #[command(flatten)]
    pub(crate) how: SessionArgs,
    /// The run that waits for approval
    #[arg(value_parser = number)]
    pub(crate) run: u64,
    /// The reason, shown to the user who asks
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: Option<String>,
}

impl DecisionArgs {
    pub(crate) fn request(&self, decision: Decision) -> ApprovalDecide {
        ApprovalDecide { run_id: RunId(self.run), decision, reason: self.reason.clone() }
    }
}
