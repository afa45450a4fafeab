//! Cancelling runs: which one Ctrl-C means, and what a block says meanwhile.

use topside_shared::RunId;
use topside_shared::methods::RunCancel;

use super::{Info, Runs};
use crate::app::ask::{self, Ask};
use crate::connect::CallError;

/// Ends a run. Its end is the answer to the request that started it.
pub(crate) fn cancel(run_id: RunId) -> Ask {
    Ask::new(&RunCancel { run_id }, move |state, result| {
        let Err(error) = result else { return Vec::new() };
        if !matches!(error, CallError::Lost) {
            if let Some(console) = state.console_mut() {
                console.runs.cancel_refused(run_id);
            }
            state.refuse(ask::why(&error));
        }
        Vec::new()
    })
}

impl Runs {
    /// The newest live run that is not being cancelled.
    pub(crate) fn next_to_cancel(&self) -> Option<&Info> {
        self.infos
            .iter()
            .rev()
            .filter(|info| info.sent && info.run.is_some())
            .find(|info| info.phase.can_be_cancelled())
    }

    /// The newest run that is only looked at, still goes on and is not being cancelled.
    pub(crate) fn attached_to_cancel(&self) -> Option<&Info> {
        let mut looked_at = self.infos.iter().rev().filter(|info| !info.sent && info.run.is_some());
        looked_at.find(|info| info.phase.can_be_cancelled())
    }

    /// The run that the next Ctrl-C cancels, or asks about.
    pub(crate) fn to_interrupt(&self) -> Option<&Info> {
        self.next_to_cancel().or_else(|| self.attached_to_cancel())
    }

    /// Marks the newest live run as being cancelled, and names it.
    pub(crate) fn cancel_newest(&mut self) -> Option<RunId> {
        let run = self.next_to_cancel()?.run?;
        self.cancelling(run);
        Some(run)
    }

    /// A run is being cancelled, as far as it is shown here.
    pub(crate) fn cancelling(&mut self, run: RunId) {
        for info in self.infos.iter_mut().filter(|info| info.run == Some(run)) {
            if let Some(cancelling) = info.phase.cancelling() {
                *cancelling = true;
            }
        }
    }

    /// The cancel of a run was refused: it goes on.
    pub(crate) fn cancel_refused(&mut self, run: RunId) {
        for info in self.infos.iter_mut().filter(|info| info.run == Some(run)) {
            if let Some(cancelling) = info.phase.cancelling() {
                *cancelling = false;
            }
        }
    }
}
