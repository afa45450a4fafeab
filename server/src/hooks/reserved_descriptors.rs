//! Descriptors that are reserved for hooks.

use std::fs::File;
use std::io;

use crate::base::descriptors::{self, ReserveState};
use crate::process::safe_state::{Hook, HookPipes, RunningHook};

/// Hooks that can be started at once although no descriptor is free.
const READY: usize = 3;
/// Descriptors that are closed for the moment of a start: the standard library may need some of its own.
const SPARE: usize = 4;

#[derive(Debug)]
pub(super) struct Reserve {
    ready: Vec<HookPipes>,
    spare: Vec<File>,
    state: ReserveState,
}

impl Reserve {
    pub(super) fn new() -> io::Result<Self> {
        let mut reserve =
            Self { ready: Vec::new(), spare: Vec::new(), state: ReserveState::default() };
        reserve.fill()?;
        Ok(reserve)
    }

    /// Reserves again what was used, as far as the system allows; fails if something is still missing.
    pub(super) fn fill(&mut self) -> io::Result<()> {
        if self.is_full() { Ok(()) } else { descriptors::with_most(|| self.take()) }
    }

    fn take(&mut self) -> io::Result<()> {
        let taken = self.take_missing();
        self.state.set(!self.is_full());
        taken
    }

    fn take_missing(&mut self) -> io::Result<()> {
        while self.ready.len() < READY {
            self.ready.push(HookPipes::new()?);
        }
        while self.spare.len() < SPARE {
            self.spare.push(File::open("/dev/null")?);
        }
        Ok(())
    }

    pub(super) fn is_full(&self) -> bool {
        self.ready.len() == READY && self.spare.len() == SPARE
    }

    /// Starts a hook with the reserved descriptors.
    pub(super) fn start(&mut self, hook: &Hook) -> io::Result<RunningHook> {
        descriptors::with_most(|| {
            self.state.set(true);
            let pipes = self.ready.pop().map_or_else(HookPipes::new, Ok)?;
            self.spare.clear();
            let started = hook.start(pipes);
            // The rest is reserved again later.
            let _ = self.take();
            started
        })
    }
}
