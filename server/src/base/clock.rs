//! Clock of a state directory: a time that no change of the wall clock moves.
//!
//! It follows the clock of the boot, also across restarts of the server, and stands still while the box is off.
//! `clock.json` holds the newest time that this state directory has seen. Retention by age and promised delays use this
//! clock, so a box that starts with an empty RTC battery loses nothing.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};
use topside_shared::{Time, text};

use crate::base::{json_file, platform};

const FILE: &str = "clock.json";
/// How far the wall clock may be behind before it is called wrong.
const TOLERANCE: Duration = Duration::from_secs(60);
/// Their modification times stand in for `clock.json`, which earlier versions did not write.
const OLDER_FILES: [&str; 3] = ["runs.db", "runs.db-wal", "audit.jsonl"];

#[derive(Debug, Serialize, Deserialize)]
struct ClockFile {
    newest: Time,
    boot: Option<String>,
    /// The uptime of that boot at `newest`.
    uptime_ms: u64,
}

#[derive(Debug, Clone)]
pub(crate) struct Clock {
    path: PathBuf,
    /// The time when the box had been up for `uptime_ms`.
    newest: Time,
    uptime_ms: u64,
}

impl Clock {
    /// Reads the clock of this state directory. Writes nothing.
    pub(crate) fn open(state: &Path) -> Self {
        let path = state.join(FILE);
        let uptime_ms = platform::uptime_ms();
        let file = json_file::read(&path).ok().flatten();
        let newest = match file {
            Some(ClockFile { newest, boot, uptime_ms: then }) => {
                let is_same_boot = boot.is_some() && boot.as_deref() == platform::boot();
                newest.plus_millis(if is_same_boot { uptime_ms.saturating_sub(then) } else { 0 })
            }
            None => initial(state),
        };
        Self { path, newest, uptime_ms }
    }

    pub(crate) fn now(&self) -> Time {
        self.newest.plus_millis(platform::uptime_ms().saturating_sub(self.uptime_ms))
    }

    /// The later of this clock and the wall clock: setting the wall clock back does not revive what has expired.
    pub(crate) fn latest(&self) -> Time {
        self.now().max(Time::now())
    }

    pub(crate) fn behind(&self) -> Option<Duration> {
        let behind = Duration::from_millis(self.now().millis_since(Time::now()));
        (behind > TOLERANCE).then_some(behind)
    }

    pub(crate) fn wrong(&self) -> Option<String> {
        self.behind()?;
        let (shown, seen, file) = (Time::now(), self.now(), self.path.display());
        Some(format!(
            "the clock of this machine is behind: it shows {shown}, and {seen} has passed already; set the clock (if it is \
             right now, it was ahead before: remove {file} and restart the server)"
        ))
    }

    /// How far the wall clock is ahead of this one; changes when the wall clock is set.
    fn ahead_ms(&self) -> i64 {
        Time::now().as_millis() - self.now().as_millis()
    }

    pub(crate) fn save(&self) -> std::io::Result<()> {
        let boot = platform::boot().map(str::to_owned);
        let file = ClockFile { newest: self.now(), boot, uptime_ms: platform::uptime_ms() };
        json_file::write(&self.path, &file)
    }
}

/// The wall clock, but no later than the last change of the older files.
fn initial(state: &Path) -> Time {
    let changed = |name: &str| std::fs::metadata(state.join(name)).ok()?.modified().ok();
    let newest: Option<SystemTime> = OLDER_FILES.into_iter().filter_map(changed).max();
    let since_1970 = newest.and_then(|at| at.duration_since(SystemTime::UNIX_EPOCH).ok());
    let newest = since_1970.and_then(|at| i64::try_from(at.as_millis()).ok());
    newest.map_or_else(Time::now, |ms| Time::from_millis(ms).min(Time::now()))
}

/// Logs changes of the wall clock while the server runs.
#[derive(Debug)]
pub(crate) struct ClockWatch<'c> {
    clock: &'c Clock,
    ahead_ms: i64,
}

impl<'c> ClockWatch<'c> {
    pub(crate) fn new(clock: &'c Clock) -> Self {
        if let Some(wrong) = clock.wrong() {
            tracing::warn!(target: "topside", "{wrong}");
        }
        Self { clock, ahead_ms: clock.ahead_ms() }
    }

    pub(crate) fn check(&mut self) {
        let ahead_ms = self.clock.ahead_ms();
        let by = ahead_ms - self.ahead_ms;
        if u128::from(by.unsigned_abs()) <= TOLERANCE.as_millis() {
            return;
        }
        self.ahead_ms = ahead_ms;
        let way = if by > 0 { "forward" } else { "back" };
        let by = text::duration(by.unsigned_abs());
        tracing::warn!(target: "topside", "the clock of this machine was set {way} by {by}");
        if let Some(wrong) = self.clock.wrong() {
            tracing::warn!(target: "topside", "{wrong}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clock_at(state: &Path, ms_from_now: i64, boot: Option<&str>) -> Clock {
        let newest = Time::from_millis(Time::now().as_millis() + ms_from_now);
        let file = ClockFile { newest, boot: boot.map(str::to_owned), uptime_ms: 0 };
        std::fs::write(state.join(FILE), serde_json::to_vec(&file).unwrap()).unwrap();
        Clock::open(state)
    }

    #[test]
    fn the_time_goes_on_within_a_boot_and_stands_still_over_another() {
        let state = tempfile::tempdir().unwrap();
        let day = 86_400_000;
        let other = clock_at(state.path(), -day, Some("another boot"));
        assert!(Time::now().millis_since(other.now()).abs_diff(86_400_000) < 60_000);
        let same = clock_at(state.path(), -day, platform::boot());
        let passed = platform::uptime_ms();
        let shown = Time::now().millis_since(same.now());
        assert!(shown.abs_diff(86_400_000_u64.saturating_sub(passed)) < 60_000);
    }

    #[test]
    fn a_wall_clock_behind_the_newest_time_is_wrong_and_one_ahead_is_not() {
        let state = tempfile::tempdir().unwrap();
        assert_eq!(Clock::open(state.path()).wrong(), None);
        let ahead = clock_at(state.path(), 40 * 86_400_000, Some("another boot"));
        assert!(ahead.wrong().unwrap().contains("is behind"));
        assert!(ahead.latest() > Time::now());
        let behind = clock_at(state.path(), -40 * 86_400_000, Some("another boot"));
        assert_eq!(behind.wrong(), None);
        behind.save().unwrap();
        let again = Clock::open(state.path());
        assert!(again.now().millis_since(behind.now()) < 60_000);
    }
}
