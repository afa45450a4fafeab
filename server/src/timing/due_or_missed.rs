//! What is due of a schedule: the occurrence that starts now, and those that were missed.

use std::time::Duration;

use topside_shared::Time;
use topside_shared::time::millis;

use crate::timing::{Occurrence, Rule};

/// An occurrence that is at most this late starts as usual: the server may have been starting.
const ON_TIME_MS: u64 = 60_000;
/// A window with less than this left, and less than half of its time, counts as ended.
const LEAST_WINDOW_MS: u64 = 1_000;
/// Most missed occurrences that are counted one by one.
const MOST_COUNTED: u64 = 10_000;

/// What happens to an occurrence that fell into a time when the server did not run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MissedPolicy {
    Skip,
    /// The newest one starts, if it is not older than this.
    RunOnce(Duration),
}

/// Occurrences that did not start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Missed {
    pub(crate) first: Time,
    pub(crate) last: Time,
    /// How many there are; of more than 10,000 this many.
    pub(crate) count: u64,
}

/// The occurrences after one moment and until another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Due {
    pub(crate) missed: Option<Missed>,
    pub(crate) start: Option<Occurrence>,
}

impl Occurrence {
    /// How much of its window is left; never more than the window, wherever the clock is. None: it has no window.
    pub(crate) fn rest(&self, now: Time) -> Option<Duration> {
        let window = self.window?;
        self.end().map(|end| Duration::from_millis(end.millis_since(now)).min(window))
    }

    /// Whether a run that starts now has time left in its window.
    pub(crate) fn is_open(&self, now: Time) -> bool {
        let least = self.window.map_or(0, |window| LEAST_WINDOW_MS.min(millis(window) / 2));
        self.rest(now).is_some_and(|rest| millis(rest) > least)
    }
}

/// A wall clock that is behind by less than this was corrected, not set back.
const CORRECTION_MS: u64 = 1_000;

/// Whether the clock was set back behind what a schedule is accounted for.
pub(crate) fn is_set_back(accounted: Time, now: Time) -> bool {
    accounted.millis_since(now) > CORRECTION_MS
}

/// What is due after `accounted` and until `now`.
pub(crate) fn due(rule: &Rule, accounted: Time, now: Time, policy: MissedPolicy) -> Due {
    let until_now = |found: &Occurrence| found.at <= now;
    let Some(first) = rule.after(accounted).filter(until_now) else { return Due::default() };
    let (mut count, mut before, mut last) = (1, None, first);
    while let Some(next) = rule.after(last.at).filter(until_now) {
        if count == MOST_COUNTED {
            (before, last) = (Some(last), newest(rule, last, now));
            break;
        }
        count += 1;
        (before, last) = (Some(last), next);
    }
    let late = now.millis_since(last.at);
    let is_open = last.is_open(now);
    let starts = match policy {
        _ if last.window.is_some() && !is_open => false,
        _ if is_open || late <= ON_TIME_MS => true,
        MissedPolicy::Skip => false,
        MissedPolicy::RunOnce(grace) => late <= millis(grace),
    };
    if !starts {
        return Due { missed: Some(Missed { first: first.at, last: last.at, count }), start: None };
    }
    let missed = before.map(|before| Missed { first: first.at, last: before.at, count: count - 1 });
    Due { missed, start: Some(last) }
}

/// The newest occurrence until `now`, which is not before `known`.
fn newest(rule: &Rule, known: Occurrence, now: Time) -> Occurrence {
    let mut back_ms = 60_000;
    loop {
        let from = Time::from_millis(now.as_millis().saturating_sub(back_ms)).max(known.at);
        let mut found = rule.after(from).filter(|found| found.at <= now);
        while let Some(later) = found {
            match rule.after(later.at).filter(|next| next.at <= now) {
                Some(next) => found = Some(next),
                None => return later,
            }
        }
        if from == known.at {
            return known;
        }
        back_ms *= 4;
    }
}
