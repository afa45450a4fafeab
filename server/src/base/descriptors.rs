//! The limit of file descriptors: raised for the server, and unchanged for the programs that it starts.
//!
//! Programs that use `select`, or that close all descriptors they could have open, do badly with a high limit, and
//! they may read it at once. So the server lowers its own soft limit while it starts a program, which inherits it.
//! That is harmless while few descriptors are open: descriptors that are open stay open, and new ones find a number
//! below the limit. Where many are open, the limit of the program is set from outside once it has started.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use rustix::process::{Pid, Resource, Rlimit, getrlimit, setrlimit};

use crate::base::platform;

#[derive(Debug)]
struct State {
    /// The limit as this process was given it, once it was raised.
    given: Option<Rlimit>,
    /// The limit to set again; none: it is not lowered.
    raised: Option<Rlimit>,
    /// Starts of programs that need the lowered limit.
    starts: usize,
    /// How often it was raised again before these starts were done.
    interruptions: u64,
}

/// How many reserves of hooks in this process lack descriptors.
static INCOMPLETE_RESERVES: AtomicUsize = AtomicUsize::new(0);

/// Whether hooks lack descriptors of their reserve. Nothing that can wait takes one meanwhile.
pub(crate) fn hooks_lack_some() -> bool {
    INCOMPLETE_RESERVES.load(Ordering::Relaxed) > 0
}

/// Counts a reserve of hooks while it is incomplete.
#[derive(Debug, Default)]
pub(crate) struct ReserveState {
    is_incomplete: bool,
}

impl ReserveState {
    /// Records whether the reserve lacks descriptors now.
    pub(crate) fn set(&mut self, is_incomplete: bool) {
        match (self.is_incomplete, is_incomplete) {
            (false, true) => INCOMPLETE_RESERVES.fetch_add(1, Ordering::Relaxed),
            (true, false) => INCOMPLETE_RESERVES.fetch_sub(1, Ordering::Relaxed),
            _ => return,
        };
        self.is_incomplete = is_incomplete;
    }
}

impl Drop for ReserveState {
    fn drop(&mut self) {
        self.set(false);
    }
}

static STATE: Mutex<State> =
    Mutex::new(State { given: None, raised: None, starts: 0, interruptions: 0 });

fn state() -> MutexGuard<'static, State> {
    // Each change is complete before anything in it can panic.
    STATE.lock().unwrap_or_else(PoisonError::into_inner)
}

impl State {
    /// Lowers the limit for the start of a program; whether it is lowered now.
    fn lower(&mut self) -> bool {
        let Some(given) = self.given else { return false };
        if !leaves_room(given) {
            self.interrupt();
            return false;
        }
        if self.raised.is_none() {
            let limit = getrlimit(Resource::Nofile);
            let is_higher = match (limit.current, given.current) {
                (Some(limit), Some(given)) => limit > given,
                (limit, given) => limit.is_none() && given.is_some(),
            };
            let lowered = Rlimit { current: given.current, maximum: limit.maximum };
            if !is_higher || setrlimit(Resource::Nofile, lowered).is_err() {
                return false;
            }
            self.raised = Some(limit);
        }
        self.starts += 1;
        true
    }

    /// Raises the limit again; whether it was lowered.
    fn raise(&mut self) -> bool {
        let Some(raised) = self.raised.take() else { return false };
        // Another process may have set another limit meanwhile, which stays.
        if self.given.is_some_and(|given| getrlimit(Resource::Nofile).current == given.current) {
            // Raising it as far as it was is always allowed.
            let _ = setrlimit(Resource::Nofile, raised);
        }
        true
    }

    /// Raises the limit again although programs are being started.
    fn interrupt(&mut self) -> bool {
        let was_lowered = self.raise();
        self.interruptions += u64::from(was_lowered);
        was_lowered
    }
}

/// Whether less than half of the descriptors that this limit allows are open: others open some meanwhile.
fn leaves_room(limit: Rlimit) -> bool {
    limit.current.is_some_and(|most| {
        let half = usize::try_from(most / 2).unwrap_or(usize::MAX);
        platform::open_descriptors_up_to(half).is_some_and(|open| open < half)
    })
}

/// Raises the soft limit to the hard one; a system that refuses leaves it as it is.
pub(crate) fn raise() {
    let mut state = state();
    let given = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: given.maximum, maximum: given.maximum };
    if setrlimit(Resource::Nofile, raised).is_ok() {
        state.given.get_or_insert(given);
    }
}

/// Gives this process back the limit that it was given: before it executes itself anew.
pub(crate) fn give_back_own() {
    let mut state = state();
    state.interrupt();
    if let Some(given) = state.given {
        // Where it fails, the new program has more than it was given.
        let _ = setrlimit(Resource::Nofile, given);
    }
}

/// How many descriptors this process may have open; `None`: as many as it likes.
pub(crate) fn most() -> Option<u64> {
    let state = state();
    state.raised.unwrap_or_else(|| getrlimit(Resource::Nofile)).current
}

/// Does something while this process may have as many descriptors as the hard limit allows, where its own limit is
/// lower.
pub(crate) fn with_most<T>(what: impl FnOnce() -> T) -> T {
    let before = {
        let mut state = state();
        state.interrupt();
        let limit = getrlimit(Resource::Nofile);
        let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
        let is_lower = limit.current != limit.maximum;
        (is_lower && setrlimit(Resource::Nofile, raised).is_ok()).then_some(limit)
    };
    let done = what();
    if let Some(before) = before {
        state().interrupt();
        // Lowering it always is allowed.
        let _ = setrlimit(Resource::Nofile, before);
    }
    done
}

/// Raises the limit again where it is lowered for the start of a program; whether it was. For a descriptor that could
/// not be had.
pub(crate) fn raise_again() -> bool {
    state().interrupt()
}

/// Starts a program with the limit that this process was given.
pub(crate) fn start_with_given<C>(
    start: impl FnOnce() -> std::io::Result<C>,
    pid: impl FnOnce(&C) -> Option<u32>,
) -> std::io::Result<C> {
    let (is_lowered, interruptions) = {
        let mut state = state();
        (state.lower(), state.interruptions)
    };
    let started = start();
    let is_given = {
        let mut state = state();
        if is_lowered {
            state.starts -= 1;
            if state.starts == 0 {
                state.raise();
            }
        }
        is_lowered && state.interruptions == interruptions
    };
    let started = started?;
    if !is_given && let Some(pid) = pid(&started) {
        give_back(pid);
    }
    Ok(started)
}

/// Gives a child the limit that this process was given. Only Linux can set it from outside.
#[cfg_attr(not(target_os = "linux"), allow(unused_variables))]
fn give_back(child: u32) {
    #[cfg(target_os = "linux")]
    if let Some(given) = state().given
        && let Some(pid) = i32::try_from(child).ok().and_then(Pid::from_raw)
    {
        // A child that has ended already needs none.
        let _ = rustix::process::prlimit(Some(pid), Resource::Nofile, given);
    }
}
