//! A year of each kind of schedule, with a clock that is set, in zones that change to summer time.
//!
//! The tests look at a stand-in clock as the server does, and keep rows as the database does: a start has one row, and
//! a row is claimed once. Each instant of the rule must then belong to exactly one row.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::civil::{Date, DateTime, Weekday};
use jiff::tz::TimeZone;
use topside_shared::Time;

use super::{CronTimes, DayTimes, Days, MissedPolicy, Rule, Timing, due, is_set_back};

const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;
/// The changes of the southern one are the other way round, and by half an hour.
const ZONES: [&str; 3] = ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe"];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum KeptRow {
    Started,
    /// From this instant on, so many.
    Missed(Time, u64),
}

/// A box with one schedule.
struct SimulatedBox {
    rule: Rule,
    policy: MissedPolicy,
    accounted: Time,
    rows: BTreeMap<Time, KeptRow>,
    /// Each start of the command, in order.
    started: Vec<Time>,
}

impl SimulatedBox {
    fn new(rule: Rule, from: Time) -> Self {
        let (rows, started) = (BTreeMap::new(), Vec::new());
        Self { rule, policy: MissedPolicy::Skip, accounted: from, rows, started }
    }

    fn look(&mut self, now: Time) {
        if is_set_back(self.accounted, now) {
            let after = |last: Time, row: &KeptRow| match row {
                KeptRow::Missed(first, _) if last > now => Some(*first),
                _ => None,
            };
            let first = self.rows.iter().filter_map(|(last, row)| after(*last, row)).min();
            let to = first.map_or(now, |first| now.min(plus(first, -1)));
            self.rows.retain(|at, row| *at <= to || *row == KeptRow::Started);
            self.accounted = to;
        }
        let due = due(&self.rule, self.accounted, now, self.policy);
        if let Some(missed) = due.missed {
            self.rows.entry(missed.last).or_insert(KeptRow::Missed(missed.first, missed.count));
            self.accounted = missed.last;
        }
        if let Some(start) = due.start {
            if !self.rows.contains_key(&start.at) {
                self.started.push(start.at);
                self.rows.insert(start.at, KeptRow::Started);
            }
            self.accounted = start.at;
        }
    }

    /// The server runs: it looks at each start, and every six hours.
    fn run(&mut self, from: Time, to: Time) {
        let mut now = from;
        while now <= to {
            self.look(now);
            let next = self.rule.after(now).map_or(to, |next| next.at);
            now = next.min(plus(now, 6 * HOUR)).max(plus(now, 1));
        }
        self.look(to);
    }

    /// How many rows of missed starts have this instant.
    fn missed_with(&self, at: Time) -> usize {
        // Rows do not overlap: of the next few, one can begin before it.
        let later = self.rows.range(at..).take(3);
        let has = |row: &KeptRow| matches!(row, KeptRow::Missed(first, _) if *first <= at);
        later.filter(|(_, row)| has(row)).count()
    }

    /// Checks that each instant of the rule belongs to one row; returns how many were missed.
    #[track_caller]
    fn account(&self, from: Time, to: Time) -> u64 {
        let instants = instants(&self.rule, from, to);
        let mut missed = 0;
        for at in &instants {
            let started = self.rows.get(at) == Some(&KeptRow::Started);
            let of_missed = self.missed_with(*at);
            assert_eq!(usize::from(started) + of_missed, 1, "{at}");
            missed += of_missed as u64;
        }
        let counted: u64 = self
            .rows
            .values()
            .map(|row| match row {
                KeptRow::Started => 1,
                KeptRow::Missed(_, count) => *count,
            })
            .sum();
        assert_eq!(counted, instants.len() as u64, "no row stands for something else");
        let starts: BTreeSet<&Time> = self.started.iter().collect();
        assert_eq!(starts.len(), self.started.len(), "nothing runs twice");
        missed
    }
}

fn plus(time: Time, ms: i64) -> Time {
    Time::from_millis(time.as_millis() + ms)
}

fn instants(rule: &Rule, from: Time, to: Time) -> Vec<Time> {
    let after = |last: &Time| rule.after(*last).map(|found| found.at).filter(|at| *at <= to);
    std::iter::successors(after(&from), after).collect()
}

fn zone(name: &str) -> TimeZone {
    TimeZone::get(name).unwrap()
}

fn rule(timing: Timing, zone: &TimeZone) -> Rule {
    Rule { timing, zone: zone.clone(), window: None }
}

fn cron(pattern: &str) -> Timing {
    Timing::Cron(Box::new(CronTimes::parse(pattern).unwrap()))
}

fn days(days: Days, times: &[(i8, i8, u64)]) -> Timing {
    let windows = times.iter().map(|(hour, minute, minutes)| {
        (jiff::civil::time(*hour, *minute, 0, 0), Duration::from_secs(minutes * 60))
    });
    Timing::Days(DayTimes::new(days, windows.collect()))
}

/// Each kind of timing.
fn kinds(year: i16) -> Vec<(&'static str, Timing)> {
    vec![
        ("daily", cron("0 6 * * *")),
        // In the hour that summer time leaves out and repeats.
        ("daily in the changing hour", cron("30 2 * * *")),
        ("hourly", cron("0 * * * *")),
        ("each second hour", cron("0 */2 * * *")),
        ("each ten minutes of some hours", cron("*/10 1-3 * * *")),
        ("weekdays", cron("15 8 * * MON-FRI")),
        ("first of a month", cron("@monthly")),
        ("leap day", cron("0 6 29 2 *")),
        ("every", Timing::Every(Duration::from_secs(17 * 60))),
        ("at", Timing::At(Date::new(year, 3, 29).unwrap().at(2, 30, 0, 0))),
        ("even days", days(Days::Even, &[(2, 30, 10), (8, 30, 2)])),
        ("odd days", days(Days::Odd, &[(0, 5, 10)])),
        (
            "two weekdays",
            days(Days::Weekdays(vec![Weekday::Tuesday, Weekday::Sunday]), &[(1, 45, 30)]),
        ),
    ]
}

/// The first moment of a year in a zone.
fn begin(year: i16, zone: &TimeZone) -> Time {
    let civil: DateTime = Date::new(year, 1, 1).unwrap().at(0, 0, 0, 0);
    Time::from_millis(civil.to_zoned(zone.clone()).unwrap().timestamp().as_millisecond() - 1)
}

#[test]
fn a_year_of_each_kind_starts_each_instant_once_in_each_zone() {
    for name in ZONES {
        let zone = zone(name);
        // It has a leap day.
        let year = 2028;
        let (from, to) = (begin(year, &zone), begin(year + 1, &zone));
        for (kind, timing) in kinds(year) {
            let mut simulated = SimulatedBox::new(rule(timing, &zone), from);
            simulated.run(from, to);
            assert_eq!(simulated.account(from, to), 0, "{kind} in {name}");
            let starts = simulated.started.len();
            let expected = match kind {
                "daily" | "daily in the changing hour" => 366,
                "first of a month" => 12,
                "leap day" | "at" => 1,
                _ => starts,
            };
            assert_eq!((starts, starts > 0), (expected, true), "{kind} in {name}");
        }
    }
}

#[test]
fn a_daily_start_comes_once_on_each_day_also_where_its_time_is_left_out_or_repeated() {
    for name in ZONES {
        let zone = zone(name);
        let (from, to) = (begin(2027, &zone), begin(2028, &zone));
        let starts = instants(&rule(cron("30 2 * * *"), &zone), from, to);
        let mut dates: Vec<Date> =
            starts.iter().map(|at| zone.to_datetime(at.timestamp()).date()).collect();
        dates.dedup();
        assert_eq!(dates.len(), 365, "{name}");
    }
}

/// The pattern names hours of the clock on the wall, so that their number differs on the days of a change.
#[test]
fn a_step_of_hours_follows_the_clock_on_the_wall() {
    let zone = zone("Europe/Berlin");
    let day = |month, day| {
        let start =
            Date::new(2027, month, day).unwrap().at(0, 0, 0, 0).to_zoned(zone.clone()).unwrap();
        let from = Time::from_millis(start.timestamp().as_millisecond() - 1);
        let to = start.tomorrow().unwrap().start_of_day().unwrap().timestamp().as_millisecond() - 1;
        let all = instants(&rule(cron("0 */2 * * *"), &zone), from, Time::from_millis(to));
        let wall =
            all.iter().map(|at| zone.to_datetime(at.timestamp()).strftime("%H:%M").to_string());
        wall.take(4).collect::<Vec<_>>()
    };
    assert_eq!(day(3, 27), ["00:00", "02:00", "04:00", "06:00"]);
    // The hour from 2 to 3 is left out.
    assert_eq!(day(3, 28), ["00:00", "04:00", "06:00", "08:00"]);
    // The hour from 2 to 3 comes twice.
    assert_eq!(day(10, 31), ["00:00", "02:00", "02:00", "04:00"]);
}

#[test]
fn a_clock_that_is_set_back_an_hour_or_ahead_a_year_accounts_for_each_instant_once() {
    for name in ZONES {
        let zone = zone(name);
        let (from, to) = (begin(2027, &zone), begin(2028, &zone));
        for (kind, timing) in kinds(2027) {
            let rule = rule(timing, &zone);
            if !rule.follows_wall_clock() {
                // The time that passes is not set.
                continue;
            }
            // Some days after the beginning, and shortly after a start.
            let set_at = instants(&rule, plus(from, 9 * DAY), to).first().copied();
            let set_at = plus(set_at.unwrap_or(plus(from, 9 * DAY)), 10 * MINUTE);
            let mut simulated = SimulatedBox::new(rule.clone(), from);
            simulated.run(from, set_at);
            let before = simulated.started.clone();
            // Back an hour: what has run does not run again.
            simulated.run(plus(set_at, -HOUR), plus(set_at, 2 * HOUR));
            assert!(simulated.started.starts_with(&before), "{kind} in {name}");
            // Ahead a year for ten minutes, and right again.
            let ahead = plus(set_at, 365 * DAY);
            simulated.run(ahead, plus(ahead, 10 * MINUTE));
            let made_up =
                simulated.started.len() - instants(&rule, from, plus(set_at, 2 * HOUR)).len();
            assert!(made_up <= 2, "{kind} in {name}: no year of starts is made up");
            simulated.run(plus(set_at, 2 * HOUR + 10 * MINUTE), to);
            let starts: BTreeSet<Time> = simulated.started.iter().copied().collect();
            assert_eq!(
                starts.len(),
                simulated.started.len(),
                "{kind} in {name}: nothing runs twice"
            );
            for at in &instants(&rule, from, to) {
                let count = usize::from(starts.contains(at)) + simulated.missed_with(*at);
                assert_eq!(count, 1, "{kind} in {name}: {at}");
            }
        }
    }
}

#[test]
fn times_without_the_server_are_missed_and_the_newest_is_made_up_where_that_is_wanted() {
    let zone = zone("Europe/Berlin");
    let (from, to) = (begin(2027, &zone), begin(2028, &zone));
    for (kind, timing) in kinds(2027) {
        for policy in [MissedPolicy::Skip, MissedPolicy::RunOnce(Duration::from_secs(40 * 86_400))]
        {
            let rule = rule(timing.clone(), &zone);
            let mut simulated = SimulatedBox { policy, ..SimulatedBox::new(rule, from) };
            // Ten days on, thirty off, over both changes of the year.
            let mut now = from;
            while now < to {
                let off = plus(now, 10 * DAY).min(to);
                simulated.run(now, off);
                now = plus(off, 30 * DAY);
            }
            simulated.look(to);
            let missed = simulated.account(from, to);
            if matches!(kind, "daily" | "hourly" | "every") {
                assert!(missed > 100 && !simulated.started.is_empty(), "{kind}: {missed}");
            }
        }
    }
}
