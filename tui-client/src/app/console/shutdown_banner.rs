//! Banner of an announced shutdown: who ordered it, why, and the time that is left.

use jiff::tz::TimeZone;
use topside_shared::Time;
use topside_shared::after_shutdown::AfterShutdown;
use topside_shared::notifications::{Closing, Phase};

use crate::app::clock::Clock;
use crate::text::times;
use topside_shared::text::duration;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Banner {
    pub(crate) reason: String,
    pub(crate) by: String,
    pub(crate) then: AfterShutdown,
    /// How long a reboot usually takes.
    pub(crate) usual_ms: Option<u64>,
    /// When the server is expected back.
    pub(crate) back: Option<Time>,
    pub(crate) phase: BannerPhase,
    step: LastChange,
    /// By the server's clock; compared only with another deadline of the same server.
    deadline: Time,
}

/// What the last notification changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum LastChange {
    /// It was the first one.
    Ordered,
    Postponed,
    BroughtForward,
    /// The reason or the kind of shutdown has changed.
    Changed,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BannerPhase {
    /// It begins at this time of the monotonic clock.
    Due {
        at: u64,
    },
    Now,
}

/// With less time left, the bar is drawn as urgent.
const SOON_MS: u64 = 10_000;

impl Banner {
    /// The banner for a notification that came at `now`.
    pub(crate) fn new(closing: Closing, now: u64) -> Self {
        let phase = match closing.phase {
            Phase::Scheduled => BannerPhase::Due { at: now.saturating_add(closing.in_ms) },
            Phase::Now | Phase::Cancelled => BannerPhase::Now,
        };
        let then = closing.then();
        let Closing { reason, by, back, deadline, usual_ms, .. } = closing;
        Self { reason, by, then, usual_ms, back, phase, step: LastChange::Ordered, deadline }
    }

    /// The banner for a notification that came while `before` was shown.
    pub(crate) fn after(before: Option<&Self>, closing: Closing, now: u64) -> Self {
        let mut next = Self::new(closing, now);
        let due = |banner: &Self| matches!(banner.phase, BannerPhase::Due { .. });
        if let Some(before) = before
            && due(before)
            && due(&next)
        {
            next.step = if next.is_repeated(before) {
                before.step
            } else if next.deadline > before.deadline {
                LastChange::Postponed
            } else if next.deadline < before.deadline {
                LastChange::BroughtForward
            } else {
                LastChange::Changed
            };
        }
        next
    }

    /// Whether it equals `before`: after a reconnection the server announces again that a shutdown is due.
    pub(crate) fn is_repeated(&self, before: &Self) -> bool {
        let same = (&self.reason, &self.by, self.then, self.back, self.deadline);
        same == (&before.reason, &before.by, before.then, before.back, before.deadline)
            && std::mem::discriminant(&self.phase) == std::mem::discriminant(&before.phase)
    }

    /// `sprinkler shuts down in 0:58 · moving to a new box · phone (#4) · expected back 20:00`.
    pub(crate) fn words(&self, server: &str, now: Clock, zone: &TimeZone) -> String {
        let verb = self.then.does();
        let when = match self.phase {
            BannerPhase::Due { at } => {
                format!("in {}", times::countdown(at.saturating_sub(now.mono)))
            }
            BannerPhase::Now => "now".to_owned(),
        };
        let change = match (self.phase, self.step) {
            (BannerPhase::Now, _) | (_, LastChange::Ordered) => "",
            (_, LastChange::Postponed) => "postponed",
            (_, LastChange::BroughtForward) => "brought forward",
            (_, LastChange::Changed) => "changed",
        };
        let by = match (change, self.by.as_str()) {
            ("", by) => by.to_owned(),
            (change, "") => change.to_owned(),
            (change, by) => format!("{change} by {by}"),
        };
        let back = expected_back(self.back, now.wall, zone)
            .or_else(|| usually_back(self.usual_ms))
            .unwrap_or_default();
        let parts = [format!("{server} {verb} {when}"), self.reason.clone(), by, back];
        let parts: Vec<String> = parts.into_iter().filter(|part| !part.is_empty()).collect();
        parts.join(" · ")
    }

    pub(crate) fn is_soon(&self, now: u64) -> bool {
        match self.phase {
            BannerPhase::Due { at } => at.saturating_sub(now) < SOON_MS,
            BannerPhase::Now => true,
        }
    }

    /// Milliseconds until the text changes.
    pub(crate) fn changes_in(&self, now: u64) -> Option<u64> {
        match self.phase {
            BannerPhase::Due { at } if at > now => Some(times::countdown_changes_in(at - now)),
            _ => None,
        }
    }
}

/// When the server is expected back: `expected back 20:00`.
pub(crate) fn expected_back(back: Option<Time>, now: Time, zone: &TimeZone) -> Option<String> {
    Some(format!("expected back {}", back?.to_minute(now, zone)))
}

/// How long a reboot usually takes: `usually back in 40 s`.
pub(crate) fn usually_back(usual_ms: Option<u64>) -> Option<String> {
    Some(format!("usually back in {}", duration(usual_ms?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_countdown_runs_on_the_monotonic_clock_not_on_the_deadline() {
        let closing = Closing {
            phase: Phase::Scheduled,
            reason: "moving to a new box".into(),
            by: "phone (#4)".into(),
            deadline: Time::from_millis(0),
            in_ms: 58_000,
            restart: false,
            then: None,
            usual_ms: None,
            back: Some(Time::from_millis(72_000_000)),
        };
        let now = |mono| Clock { mono, wall: Time::from_millis(0) };
        let words = |banner: &Banner, mono| banner.words("sprinkler", now(mono), &TimeZone::UTC);
        let banner = Banner::new(closing, 5_000);
        assert_eq!(
            words(&banner, 5_000),
            "sprinkler shuts down in 0:58 · moving to a new box · phone (#4) · expected back 20:00"
        );
        assert!(words(&banner, 15_000).contains("in 0:48 ·"));
        assert!(words(&banner, 99_000).contains("in 0:00 ·"));
        assert_eq!(banner.changes_in(5_000), Some(1_000));
        assert_eq!(banner.changes_in(99_000), None);
        assert!(!banner.is_soon(53_000) && banner.is_soon(53_001));
    }
}
