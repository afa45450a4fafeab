//! The limit of file descriptors: raised for the server, and unchanged for the programs that it starts.
//!
//! Programs that use `select`, or that close all descriptors they could have open, do badly with a high limit, and
//! they may read it at once. So the server lowers its own soft limit while it starts a program, which inherits it.
//! That is harmless while few descriptors are open: open descriptors stay open, and new ones find a number below the
//! limit. Where many are open, the limit of the program is set from outside once it has started.

use std::sync::atomic::{AtomicUsize, Ordering};

use rustix::process::{Pid, Resource, Rlimit, getrlimit, setrlimit};

use crate::base::mutex::Mutex;
use crate::base::platform;

#[derive(Debug)]
struct Limits {
    /// The limit that this process was started with, once it was raised.
    given: Option<Rlimit>,
    /// The limit to restore, while it is lowered.
    raised: Option<Rlimit>,
    /// Starts of programs that need the lowered limit.
    starts: usize,
    /// How often it was raised before these starts were done.
    interruptions: u64,
}

/// The number of incomplete hook reserves in this process.
static INCOMPLETE_RESERVES: AtomicUsize = AtomicUsize::new(0);

/// Whether hooks lack reserved descriptors. Work that can wait opens none meanwhile.
pub(crate) fn hooks_lack_some() -> bool {
    INCOMPLETE_RESERVES.load(Ordering::Relaxed) > 0
}

/// Counts a hook reserve while it is incomplete.
#[derive(Debug, Default)]
pub(crate) struct ReserveState {
    is_incomplete: bool,
}

impl ReserveState {
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

static LIMITS: Mutex<Limits> =
    Mutex::new(Limits { given: None, raised: None, starts: 0, interruptions: 0 });

impl Limits {
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

    /// Restores the limit; whether it was lowered.
    fn raise(&mut self) -> bool {
        let Some(raised) = self.raised.take() else { return false };
        // Another process may have set another limit meanwhile, which stays.
        if self.given.is_some_and(|given| getrlimit(Resource::Nofile).current == given.current) {
            // Raising it as far as it was is always allowed.
            let _ = setrlimit(Resource::Nofile, raised);
        }
        true
    }

    /// Restores the limit while programs are being started.
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
        platform::open_descriptors().is_some_and(|open| open < half)
    })
}

/// Raises the soft limit to the hard one; a system that refuses leaves it as it is.
pub(crate) fn raise() {
    let mut limits = LIMITS.lock();
    let given = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: given.maximum, maximum: given.maximum };
    if setrlimit(Resource::Nofile, raised).is_ok() {
        limits.given.get_or_insert(given);
    }
}

/// Restores the limit that this process was started with, before it executes itself again.
pub(crate) fn restore_given() {
    let mut limits = LIMITS.lock();
    limits.interrupt();
    if let Some(given) = limits.given {
        // If it fails, the new program has more than it was given.
        let _ = setrlimit(Resource::Nofile, given);
    }
}

/// How many descriptors this process may open; `None`: no limit.
pub(crate) fn most() -> Option<u64> {
    LIMITS.lock().raised.unwrap_or_else(|| getrlimit(Resource::Nofile)).current
}

/// Runs `what` while this process has the hard limit.
pub(crate) fn with_most<T>(what: impl FnOnce() -> T) -> T {
    let before = {
        let mut limits = LIMITS.lock();
        limits.interrupt();
        let limit = getrlimit(Resource::Nofile);
        let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
        let is_lower = limit.current != limit.maximum;
        (is_lower && setrlimit(Resource::Nofile, raised).is_ok()).then_some(limit)
    };
    let done = what();
    if let Some(before) = before {
        LIMITS.lock().interrupt();
        // Lowering is always allowed.
        let _ = setrlimit(Resource::Nofile, before);
    }
    done
}

/// Restores the limit if it is lowered for the start of a program; whether it was. For an open that failed.
pub(crate) fn raise_again() -> bool {
    LIMITS.lock().interrupt()
}

/// Starts a program with the limit that this process was started with.
pub(crate) fn start_with_given<C>(
    start: impl FnOnce() -> std::io::Result<C>,
    pid: impl FnOnce(&C) -> Option<u32>,
) -> std::io::Result<C> {
    let (is_lowered, interruptions) = {
        let mut limits = LIMITS.lock();
        (limits.lower(), limits.interruptions)
    };
    let started = start();
    let is_given = {
        let mut limits = LIMITS.lock();
        if is_lowered {
            limits.starts -= 1;
            if limits.starts == 0 {
                limits.raise();
            }
        }
        is_lowered && limits.interruptions == interruptions
    };
    let started = started?;
    if !is_given && let Some(pid) = pid(&started) {
        set_given(pid);
    }
    Ok(started)
}

/// Sets the limit of a child from outside, which only Linux can.
#[cfg_attr(not(target_os = "linux"), allow(unused_variables))]
fn set_given(child: u32) {
    #[cfg(target_os = "linux")]
    if let Some(given) = LIMITS.lock().given
        && let Some(pid) = i32::try_from(child).ok().and_then(Pid::from_raw)
    {
        let _ = rustix::process::prlimit(Some(pid), Resource::Nofile, given);
    }
}
