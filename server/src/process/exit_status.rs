//! Exit status of a run's process.

use std::os::unix::process::ExitStatusExt as _;
use std::process::ExitStatus;
use std::time::Duration;

use topside_shared::records::RunState;

/// Who ended it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// It ended by itself, or by a signal of somebody else.
    Exited,
    /// Its caller, or the server, had it ended.
    Cancelled,
    /// It had taken too long.
    TimedOut,
}

/// The end of a run's process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ProgramExit {
    /// Who ended it.
    pub end: End,
    /// Its exit status; none where a signal ended it.
    pub exit_code: Option<i32>,
    /// The signal that ended it.
    pub signal: Option<i32>,
    /// From its start to its end, by the monotonic clock.
    pub duration: Duration,
    /// Processes of the run that live all the same.
    pub escaped: Vec<u32>,
}

impl ProgramExit {
    pub(crate) fn new(
        end: End,
        status: Option<ExitStatus>,
        duration: Duration,
        escaped: Vec<u32>,
    ) -> Self {
        Self {
            end,
            exit_code: status.and_then(|status| status.code()),
            signal: status.and_then(|status| status.signal()),
            duration,
            escaped,
        }
    }

    /// The state of the run, where `success` are the exit statuses that count as success.
    pub(crate) fn state(&self, success: &[i32]) -> RunState {
        match self.end {
            End::Cancelled => RunState::Cancelled,
            End::TimedOut => RunState::TimedOut,
            End::Exited if self.exit_code.is_some_and(|code| success.contains(&code)) => {
                RunState::Succeeded
            }
            End::Exited => RunState::Failed,
        }
    }
}
