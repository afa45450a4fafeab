//! Schedules: commands that the box starts by itself. `start_loop` has the task that starts them at their times,
//! `claimed_or_missed` the rows of starts, `scheduled_run` one such start, `server_start` what happens at a start of the
//! server, `changes` what users change, `adjustments` what they set, `rows` what they see.

mod adjustments;
mod changes;
mod claimed_or_missed;
mod rows;
mod scheduled_run;
mod server_start;
mod start_loop;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use sha2::{Digest, Sha256};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use topside_shared::Time;
use topside_shared::records::{Inactive, Pause, ScheduleOutcome};
use topside_shared::time::millis;

use crate::audit::Audit;
use crate::base::clock::Clock;
use crate::base::mutex::Mutex;
use crate::base::platform;
use crate::config::active_config::ActiveConfig;
use crate::events::Events;
use crate::history::{Adjustment, ScheduleState};
use crate::menu_file::schedule::DeclaredSchedule;
use crate::notify::Notifications;
use crate::runs::Runs;
use crate::timing::{Rule, Timing};

#[derive(Debug)]
pub(crate) struct Schedules {
    runs: Arc<Runs>,
    config: Arc<ActiveConfig>,
    events: Arc<Events>,
    audit: Arc<Audit>,
    notify: Arc<Notifications>,
    clock: Clock,
    /// The id of the database, once it is open: each box delays its starts by another time.
    instance: OnceLock<Arc<str>>,
    /// By how much the clock of the state directory is behind what the schedules have seen, after a power cut.
    behind_ms: AtomicU64,
    /// Private to this type, never held across an `.await`.
    state: Mutex<State>,
    /// Cancelled once each schedule is known.
    loaded: CancellationToken,
    /// Notified when the menu, a pause or the plan has changed.
    changed: Notify,
}

#[derive(Debug, Default)]
struct State {
    plan: Option<String>,
    /// By name; a schedule is in it once it is accounted for.
    known: BTreeMap<String, Known>,
}

/// What is known of a schedule beside its declaration. Its times are those of its rule.
#[derive(Debug, Clone)]
struct Known {
    rule: String,
    /// Each start until then has a row, or was due before the schedule was declared.
    accounted: Time,
    pause: Option<Pause>,
    last: Option<ScheduleOutcome>,
    /// The time of `last` on the wall.
    last_wall: Option<Time>,
    /// What an operator has set.
    set: Option<Adjustment>,
    /// The end of the window of the run that takes place.
    open_until: Option<Time>,
}

impl From<ScheduleState> for Known {
    fn from(state: ScheduleState) -> Self {
        let ScheduleState { rule, accounted, pause, last, last_wall, set, .. } = state;
        Self { rule, accounted, pause, last, last_wall, set, open_until: None }
    }
}

impl Schedules {
    pub(crate) fn new(
        runs: Arc<Runs>,
        config: Arc<ActiveConfig>,
        events: Arc<Events>,
        audit: Arc<Audit>,
        notify: Arc<Notifications>,
        clock: Clock,
    ) -> Self {
        let (state, changed) = (Mutex::default(), Notify::new());
        let loaded = CancellationToken::new();
        let behind_ms = AtomicU64::new(0);
        let instance = OnceLock::new();
        Self {
            runs,
            config,
            events,
            audit,
            notify,
            clock,
            instance,
            behind_ms,
            state,
            loaded,
            changed,
        }
    }

    /// Waits until what is kept of the schedules was read, or could not be.
    pub(crate) async fn loaded(&self) {
        self.loaded.cancelled().await;
    }

    /// The menu has changed.
    pub(crate) fn menu_changed(&self) {
        self.changed.notify_one();
    }

    /// The time of a rule: that of the wall, or the time that passes.
    fn now(&self, rule: &Rule) -> Time {
        if rule.follows_wall_clock() { Time::now() } else { self.passing() }
    }

    /// The time that passes: it never goes back, also not after a power cut.
    fn passing(&self) -> Time {
        self.clock.now().plus_millis(self.behind_ms.load(Ordering::Relaxed))
    }

    /// The time of a schedule: that of its rule, less its delay.
    fn delayed_now(&self, schedule: &DeclaredSchedule) -> Time {
        let instance = self.instance.get().map_or("", |instance| &**instance);
        let delay = i64::try_from(millis(jitter(schedule, instance))).unwrap_or(0);
        self.now(&schedule.rule).moved_by(-delay)
    }

    /// A time of a rule as a time on the wall.
    fn on_wall(&self, rule: &Rule, time: Time) -> Time {
        if rule.follows_wall_clock() || rule.timing == Timing::AtStart {
            return time;
        }
        let ahead = Time::now().as_millis() - self.passing().as_millis();
        time.moved_by(ahead)
    }

    /// Why a schedule starts nothing now.
    fn inactive(&self, schedule: &DeclaredSchedule) -> Option<Inactive> {
        let state = self.state.lock();
        let is_paused = state.known.get(&schedule.name).is_some_and(|known| known.pause.is_some());
        if !schedule.enabled {
            Some(Inactive::Disabled)
        } else if is_paused {
            Some(Inactive::Paused)
        } else if schedule.plan.is_some() && schedule.plan != state.plan {
            Some(Inactive::Plan)
        } else if self.awaits_clock(schedule) {
            Some(Inactive::ClockNotSet)
        } else {
            None
        }
    }

    /// Whether a schedule waits until the clock on the wall is set.
    fn awaits_clock(&self, schedule: &DeclaredSchedule) -> bool {
        schedule.rule.follows_wall_clock() && !self.is_clock_set()
    }

    /// Whether the clock on the wall can be right: it is not behind a time that has passed, and no time service is about to
    /// set it.
    fn is_clock_set(&self) -> bool {
        self.clock.behind().is_none() && !platform::awaits_time_sync()
    }
}

/// By how much the starts of a schedule are delayed: the same for each start, and another on each box.
fn jitter(schedule: &DeclaredSchedule, instance: &str) -> Duration {
    let most = millis(schedule.jitter);
    let hash = Sha256::digest(format!("{instance} {}", schedule.name));
    let number = hash.first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes));
    Duration::from_millis(number % (most + 1))
}

/// The rule in words: with another one, a schedule begins anew.
fn rule_text(schedule: &DeclaredSchedule) -> String {
    let zone = schedule.rule.zone.iana_name().unwrap_or("local");
    format!("{} {zone} {:?}", schedule.text, schedule.rule.window)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::timing::MissedPolicy;
    use jiff::tz::TimeZone;

    #[test]
    fn jitter_is_fixed_for_a_box_and_a_schedule_and_within_its_limit() {
        let schedule = |name: &str| DeclaredSchedule {
            name: name.to_owned(),
            command: "water".to_owned(),
            rule: Rule { timing: Timing::AtStart, zone: TimeZone::UTC, window: None },
            text: String::new(),
            args: serde_json::Map::new(),
            missed: MissedPolicy::Skip,
            jitter: Duration::from_secs(30),
            enabled: true,
            plan: None,
            adjustable: Vec::new(),
            set: None,
        };
        let of = |name: &str, instance: &str| jitter(&schedule(name), instance);
        assert_eq!(of("morning", "a"), of("morning", "a"));
        assert_ne!(of("morning", "a"), of("morning", "b"));
        assert_ne!(of("morning", "a"), of("evening", "a"));
        assert!((0..100).all(|n| of(&n.to_string(), "a") <= Duration::from_secs(30)));
        let none = DeclaredSchedule { jitter: Duration::ZERO, ..schedule("morning") };
        assert_eq!(jitter(&none, "a"), Duration::ZERO);
    }
}
