use super::*;

fn zone(name: &str) -> TimeZone {
    TimeZone::get(name).unwrap()
}

fn rule(timing: Timing, name: &str) -> Rule {
    Rule { timing, zone: zone(name), window: None }
}

fn cron(pattern: &str, name: &str) -> Rule {
    rule(Timing::Cron(Box::new(CronTimes::parse(pattern).unwrap())), name)
}

fn time(text: &str) -> Time {
    text.parse().unwrap()
}

/// All instants of a year, as times on the wall with their offset.
fn of_year(rule: &Rule, year: i16) -> Vec<String> {
    let [from, to] = [year, year + 1]
        .map(|year| resolve(DateTime::constant(year, 1, 1, 0, 0, 0, 0), &rule.zone).unwrap());
    let from = Time::from_millis(from.as_millisecond() - 1);
    let next = |last: &Occurrence| rule.after(last.at);
    let all = std::iter::successors(rule.after(from), next);
    let all = all.map(|found| found.at.timestamp()).take_while(|at| *at < to);
    all.map(|at| at.to_zoned(rule.zone.clone()).strftime("%m-%d %H:%M %:z").to_string()).collect()
}

/// The clock goes to summer time on 29 March 2026 at 02:00 and back on 25 October at 03:00 in Berlin; on 8 March and 1
/// November at 02:00 in New York; back on 5 April and to summer time on 4 October in Sydney.
#[test]
fn a_time_in_the_left_out_hour_starts_after_it_and_one_in_the_repeated_hour_once() {
    let cases = [
        ("Europe/Berlin", "03-29 03:00 +02:00", "10-25 02:30 +02:00"),
        ("America/New_York", "03-08 03:00 -04:00", ""),
        ("Australia/Sydney", "10-04 03:00 +11:00", "04-05 02:30 +11:00"),
    ];
    for (name, left_out, repeated) in cases {
        for pattern in ["30 2 * * *", "30 2,14 * * *"] {
            let all = of_year(&cron(pattern, name), 2026);
            assert_eq!(all.len(), 365 * (pattern.matches(',').count() + 1), "{name} {pattern}");
            assert!(all.contains(&left_out.to_owned()), "{name} {pattern}: {all:?}");
            assert!(repeated.is_empty() || all.contains(&repeated.to_owned()), "{name} {pattern}");
        }
    }
    let all = of_year(&cron("30 1 * * *", "America/New_York"), 2026);
    assert_eq!(all.iter().filter(|at| at.starts_with("11-01")).count(), 1);
}

#[test]
fn a_step_passes_in_real_time_when_the_clock_changes() {
    for name in ["Europe/Berlin", "America/New_York", "Australia/Sydney"] {
        for (pattern, minutes) in [("*/15 * * * *", 15), ("0 * * * *", 60)] {
            let rule = cron(pattern, name);
            let all = rule.next(time("2026-01-01T00:00:00Z"), 365 * 24 * 60 / minutes);
            let steps = all.windows(2).map(|pair| pair[1].at.millis_since(pair[0].at));
            assert!(steps.into_iter().all(|step| step == minutes as u64 * 60_000), "{name}");
        }
    }
}

#[test]
fn a_leap_day_comes_every_four_years() {
    let rule = cron("0 12 29 2 *", "UTC");
    let next: Vec<String> = rule
        .next(time("2026-01-01T00:00:00Z"), 2)
        .iter()
        .map(|found| found.at.to_string())
        .collect();
    assert_eq!(next, ["2028-02-29T12:00:00.000Z", "2032-02-29T12:00:00.000Z"]);
    assert_eq!(cron("0 12 30 2 *", "UTC").after(time("2026-01-01T00:00:00Z")), None);
}

#[test]
fn even_and_odd_days_and_weekdays() {
    let at_six = |days| {
        let six = jiff::civil::Time::constant(6, 0, 0, 0);
        rule(Timing::Days(DayTimes::new(days, vec![(six, Duration::from_secs(60))])), "UTC")
    };
    let weekdays = |days: &[jiff::civil::Weekday]| Days::Weekdays(days.to_vec());
    assert_eq!(of_year(&at_six(Days::All), 2026).len(), 365);
    assert_eq!(of_year(&at_six(Days::Even), 2026).len(), 14 + 15 * 11);
    assert_eq!(of_year(&at_six(Days::Odd), 2026).len(), 14 + 15 * 4 + 16 * 7);
    let some = weekdays(&[jiff::civil::Weekday::Tuesday, jiff::civil::Weekday::Saturday]);
    assert_eq!(of_year(&at_six(some), 2026).len(), 104);
}

#[test]
fn windows_that_touch_or_overlap_are_one() {
    let at = |hour, minute| jiff::civil::Time::constant(hour, minute, 0, 0);
    let minutes = |count: u64| Duration::from_secs(count * 60);
    let windows = vec![
        (at(8, 30), minutes(10)),
        (at(8, 20), minutes(10)),
        (at(8, 35), minutes(2)),
        (at(9, 0), minutes(1)),
    ];
    let days = DayTimes::new(Days::All, windows);
    assert!(!days.covers_midnight_to_first());
    let rule = rule(Timing::Days(days), "UTC");
    let next = rule.next(time("2026-05-01T00:00:00Z"), 2);
    let shown: Vec<_> =
        next.iter().map(|found| (found.at.to_string(), found.window.unwrap())).collect();
    assert_eq!(
        shown,
        [
            ("2026-05-01T08:20:00.000Z".to_owned(), minutes(20)),
            ("2026-05-01T09:00:00.000Z".to_owned(), minutes(1)),
        ]
    );
    let long = DayTimes::new(Days::All, vec![(at(8, 0), minutes(16 * 60 + 8 * 60 + 1))]);
    assert!(long.covers_midnight_to_first());
}

/// In Berlin both begin at 03:00 on 29 March 2026, because 02:00 to 03:00 is left out.
#[test]
fn of_two_windows_in_a_left_out_hour_the_longer_is_open() {
    let at = |hour, minute| jiff::civil::Time::constant(hour, minute, 0, 0);
    let minutes = |count: u64| Duration::from_secs(count * 60);
    for (first, second) in [(5, 60), (20, 2)] {
        let windows =
            vec![(at(2, 10), minutes(first)), (at(2, 40), minutes(second)), (at(9, 0), minutes(1))];
        let rule = rule(Timing::Days(DayTimes::new(Days::All, windows)), "Europe/Berlin");
        let next = rule.next(time("2026-03-28T23:00:00Z"), 3);
        let shown: Vec<_> =
            next.iter().map(|found| (found.at.to_string(), found.window.unwrap())).collect();
        let longer = minutes(first.max(second));
        assert_eq!(
            shown,
            [
                ("2026-03-29T01:00:00.000Z".to_owned(), longer),
                ("2026-03-29T07:00:00.000Z".to_owned(), minutes(1)),
                ("2026-03-30T00:10:00.000Z".to_owned(), minutes(first)),
            ]
        );
    }
}

#[test]
fn a_time_with_seconds_is_shown_with_them() {
    let at = |second| parse_clock(&format!("08:30:{second:02}")).unwrap();
    let shown = |second| {
        Timing::Days(DayTimes::new(Days::All, vec![(at(second), Duration::from_secs(120))])).text()
    };
    assert_eq!(shown(0), "every day at 08:30 for 2m");
    assert_eq!(shown(15), "every day at 08:30:15 for 2m");
    let once = |text: &str| Timing::At(text.parse().unwrap()).text();
    assert_eq!(once("2026-12-01T06:00"), "at 2026-12-01 06:00");
    assert_eq!(once("2026-12-01T06:00:07"), "at 2026-12-01 06:00:07");
}

#[test]
fn wrong_patterns_say_why() {
    for (pattern, why) in [
        ("", "0 fields"),
        ("0 6 * *", "4 fields"),
        ("* * * * * *", "6 fields"),
        ("61 * * * *", "out of bounds"),
        ("0 6 * * FOO", ""),
    ] {
        let error = CronTimes::parse(pattern).unwrap_err();
        assert!(!error.is_empty() && error.contains(why), "{pattern}: {error}");
    }
}

/// Every instant of a year is accounted for exactly once, however the server looks: each second, in steps, or after a year.
#[test]
fn each_instant_is_accounted_for_once() {
    let policies = [MissedPolicy::Skip, MissedPolicy::RunOnce(Duration::from_secs(7200))];
    for pattern in ["*/20 * * * *", "30 2 * * *", "0 6 * * MON-FRI"] {
        let rule = cron(pattern, "Europe/Berlin");
        let (from, to) = (time("2026-01-01T00:00:00Z"), time("2027-01-01T00:00:00Z"));
        let expected = rule.next(from, 40_000).iter().filter(|found| found.at <= to).count() as u64;
        for step in [600_000_u64, 5_000_000, 86_400_000 * 40] {
            for policy in policies {
                let (mut accounted, mut now, mut count, mut last) = (from, from, 0, from);
                while now < to {
                    now = now.plus_millis(step).min(to);
                    let due = due(&rule, accounted, now, policy);
                    if let Some(missed) = due.missed {
                        assert!(missed.first > last && missed.last >= missed.first);
                        count += missed.count;
                        last = missed.last;
                    }
                    if let Some(start) = due.start {
                        assert!(start.at > last);
                        count += 1;
                        last = start.at;
                    }
                    accounted = now;
                }
                assert_eq!(count, expected, "{pattern} in steps of {step} ms");
            }
        }
    }
}

#[test]
fn a_late_start_depends_on_the_policy_and_the_window() {
    let mut rule = cron("0 6 * * *", "UTC");
    let accounted = time("2026-05-01T00:00:00Z");
    let at_six = time("2026-05-01T06:00:00Z");
    let starts = |rule: &Rule, minutes: u64, policy| {
        due(rule, accounted, at_six.plus_millis(minutes * 60_000), policy).start.is_some()
    };
    let once = MissedPolicy::RunOnce(Duration::from_secs(7200));
    assert_eq!([0, 1, 2].map(|late| starts(&rule, late, MissedPolicy::Skip)), [true, true, false]);
    assert_eq!([2, 120, 121].map(|late| starts(&rule, late, once)), [true, true, false]);
    // A window is open or over, whatever the policy is.
    rule.window = Some(Duration::from_secs(600));
    for policy in [MissedPolicy::Skip, once] {
        assert_eq!([9, 10, 11].map(|late| starts(&rule, late, policy)), [true, false, false]);
    }
}

#[test]
fn a_time_that_passes_counts_from_no_clock_on_the_wall() {
    let rule = rule(Timing::Every(Duration::from_secs(900)), "UTC");
    let next = rule.next(time("2026-05-01T00:07:00Z"), 3);
    let steps: Vec<u64> = next.windows(2).map(|pair| pair[1].at.millis_since(pair[0].at)).collect();
    assert_eq!(steps, [900_000, 900_000]);
    assert!(!rule.follows_wall_clock());
}

/// A clock that is behind after a power cut made a window as long as the clock was behind.
#[test]
fn a_window_is_never_longer_than_it_was_declared() {
    let (at, window) = (time("2026-05-01T06:00:00Z"), Some(Duration::from_secs(600)));
    let start = Occurrence { at, window };
    let rest = |ms: i64| start.rest(Time::from_millis(at.as_millis() + ms)).unwrap().as_secs();
    assert_eq!([-3_600_000, 0, 300_000, 600_000, 900_000].map(rest), [600, 600, 300, 0, 0]);
}
