//! The `safe_state` of a run: a program, or a function of the worker that carries it out.

use crate::process::safe_state::{Hook, RunHook};
use crate::workers::safe_state_calls::FunctionHook;

/// What must be done unless the run succeeds.
pub(crate) enum PendingHook {
    Program(Hook),
    Function(FunctionHook),
}

impl PendingHook {
    pub(crate) fn recorded(&self) -> RunHook {
        match self {
            Self::Program(hook) => RunHook::Program(hook.clone()),
            Self::Function(function) => function.recorded(),
        }
    }

    /// Whether there may be something to make safe.
    pub(crate) fn is_needed(&self) -> bool {
        match self {
            Self::Program(_) => true,
            Self::Function(function) => function.is_needed(),
        }
    }
}
