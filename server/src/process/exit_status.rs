//! Exit status of a run's process.

use std::time::Duration;

use topside_shared::records::RunState;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum EndCause {
    /// By itself, or by a signal of another process.
    Exited,
    /// It was cancelled, or the server ended.
    Cancelled,
    TimedOut,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ProgramExit {
    pub end: EndCause,
    /// None if a signal ended it.
    pub exit_code: Option<i32>,
    pub signal: Option<i32>,
    /// By the monotonic clock.
    pub duration: Duration,
    /// Processes of the run that are still alive.
    pub escaped: Vec<u32>,
}

impl ProgramExit {
    /// The state of the run, if these exit statuses count as success.
    pub(crate) fn state(&self, success: &[i32]) -> RunState {
        match self.end {
            EndCause::Cancelled => RunState::Cancelled,
            EndCause::TimedOut => RunState::TimedOut,
            EndCause::Exited if self.exit_code.is_some_and(|code| success.contains(&code)) => {
                RunState::Succeeded
            }
            EndCause::Exited => RunState::Failed,
        }
    }
}
