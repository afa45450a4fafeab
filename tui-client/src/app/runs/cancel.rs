//! Cancelling of runs: which one Ctrl-C means, and what its block shows.

use topside_shared::RunId;
use topside_shared::methods::RunCancel;

use super::{Info, Runs};
use crate::app::ask::{self, Ask};
use crate::connect::CallError;

/// Cancels a run. Its end comes as the answer to the request that started it.
pub(crate) fn cancel(run_id: RunId) -> Ask {
    Ask::new(&RunCancel { run_id }, move |state, result| {
        let Err(error) = result else { return Vec::new() };
        if !matches!(error, CallError::Lost) {
            if let Some(console) = state.console_mut() {
                console.runs.set_cancelling(run_id, false);
            }
            state.refuse(ask::why(&error));
        }
        Vec::new()
    })
}

impl Runs {
    /// The newest live run that was started here and is not being cancelled.
    pub(crate) fn next_to_cancel(&self) -> Option<&Info> {
        self.newest_to_cancel(true)
    }

    /// The newest live run that was started elsewhere and is not being cancelled.
    pub(crate) fn attached_to_cancel(&self) -> Option<&Info> {
        self.newest_to_cancel(false)
    }

    fn newest_to_cancel(&self, sent: bool) -> Option<&Info> {
        let mut runs =
            self.infos.iter().rev().filter(|info| info.sent == sent && info.run.is_some());
        runs.find(|info| info.phase.can_be_cancelled())
    }

    /// The run that the next Ctrl-C cancels, or asks about.
    pub(crate) fn to_interrupt(&self) -> Option<&Info> {
        self.next_to_cancel().or_else(|| self.attached_to_cancel())
    }

    /// Marks the newest live run as being cancelled, and returns its number.
    pub(crate) fn cancel_newest(&mut self) -> Option<RunId> {
        let run = self.next_to_cancel()?.run?;
        self.cancelling(run);
        Some(run)
    }

    /// Marks a run as being cancelled.
    pub(crate) fn cancelling(&mut self, run: RunId) {
        self.set_cancelling(run, true);
    }

    fn set_cancelling(&mut self, run: RunId, is_cancelled: bool) {
        for info in self.infos.iter_mut().filter(|info| info.run == Some(run)) {
            if let Some(cancelling) = info.phase.cancelling() {
                *cancelling = is_cancelled;
            }
        }
    }
}
