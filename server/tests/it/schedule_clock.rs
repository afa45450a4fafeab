//! Schedules on a box with a clock that is set, is not set yet, or has stood still while the box was suspended.

use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::common::clock::Clock;
use crate::common::{Raw, Topsided, eventually, lines, wait_for};
use crate::schedule_kills::{database, each_instant_has_one_row, no_start_is_open, rows};
use crate::schedules::{menu, row};

/// The clock is set ahead by a year and back: nothing runs twice, and no year of starts is made up.
#[test]
fn a_clock_that_is_set_runs_nothing_twice_and_makes_nothing_up() {
    let topsided = Topsided::new();
    let Some(clock) = Clock::new(&topsided) else { return };
    let noted = topsided.path("noted");
    let schedule =
        "cron = \"0 0 * * *\"\ntimezone = \"UTC\"\nmissed = \"run_once\"\ngrace = \"1s\"";
    topsided.write("commands.toml", &menu(&noted, schedule));
    let mut server = topsided.start_by(clock.on(topsided.command()));
    let mut client = server.connect();
    let first = |row: &Value| row["next"][0].as_str().unwrap_or_default().to_owned();
    let before =
        wait_for("it is known", || row(&mut client, "morning"), |row| !first(row).is_empty());
    // A pause of anything has the clock looked at.
    let look = |client: &mut Raw| {
        client.ok("schedule/pause", json!({"schedule": "morning"}));
        client.ok("schedule/resume", json!({"schedule": "morning"}));
    };
    clock.set("+365d");
    let missed = wait_for(
        "a year is missed",
        || {
            look(&mut client);
            row(&mut client, "morning")
        },
        |row| row["last"]["count"].as_u64() >= Some(364),
    );
    assert!(matches!(missed["last"]["outcome"].as_str(), Some("missed" | "paused")), "{missed}");
    clock.set("+0");
    wait_for(
        "the next start is as before",
        || {
            look(&mut client);
            row(&mut client, "morning")
        },
        |row| first(row) == first(&before) && row["inactive"] == Value::Null,
    );
    assert_eq!(lines(&noted), [""; 0]);
    server.terminate();
}

/// The box of the next start has lost its time, as one without a battery does.
#[test]
fn a_schedule_waits_for_the_clock_after_a_start_without_one() {
    let topsided = Topsided::new();
    let Some(clock) = Clock::new(&topsided) else { return };
    let noted = topsided.path("noted");
    let schedule =
        "cron = \"0 0 * * *\"\ntimezone = \"UTC\"\nmissed = \"run_once\"\ngrace = \"10h\"";
    topsided.write("commands.toml", &menu(&noted, schedule));
    let mut server = topsided.start_by(clock.on(topsided.command()));
    let is_known = |row: &Value| row["next"].is_array();
    let before = wait_for("it is known", || row(&mut server.connect(), "morning"), is_known);
    server.terminate();
    clock.set("-20000d");
    let mut server = topsided.start_by(clock.on(topsided.command()));
    let mut client = server.connect();
    let waits = row(&mut client, "morning");
    assert_eq!((&waits["inactive"], &waits["next"]), (&json!("clockNotSet"), &Value::Null));
    clock.set("+0");
    // Any change of a schedule has the clock looked at.
    client.ok("schedule/pause", json!({"schedule": "morning"}));
    client.ok("schedule/resume", json!({"schedule": "morning"}));
    let after = wait_for("it goes on", || row(&mut client, "morning"), is_known);
    assert_eq!(after["next"], before["next"]);
    assert_eq!(lines(&noted), [""; 0]);
    server.terminate();
}

/// Of each schedule a start is missed while the server is off. The file has the latest first.
#[test]
fn missed_starts_of_several_schedules_are_made_up_in_the_order_of_their_times() {
    let topsided = Topsided::new();
    let Some(clock) = Clock::new(&topsided) else { return };
    let noted = topsided.path("noted");
    let now = jiff::Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC);
    let schedule = |hour: i64| {
        let at = (&now + jiff::Span::new().hours(hour)).strftime("%Y-%m-%dT%H:%M").to_string();
        format!(
            "at = \"{at}\"\ntimezone = \"UTC\"\nmissed = \"run_once\"\nargs = {{ word = \"{hour}\" }}\n"
        )
    };
    let others = (1..6).rev().map(|hour| {
        format!("[[commands.note.schedule]]\nname = \"at-{hour}\"\n{}", schedule(hour))
    });
    let text = menu(&noted, &schedule(6)) + &others.collect::<String>();
    let text = text.replacen("effect =", "lock = [\"one\"]\nqueue = 9\neffect =", 1);
    topsided.write("commands.toml", &text);
    let mut server = topsided.start_by(clock.on(topsided.command()));
    let is_known = |row: &Value| row["next"].is_array();
    for hour in 1..6 {
        let name = format!("at-{hour}");
        wait_for("it is known", || row(&mut server.connect(), &name), is_known);
    }
    server.terminate();
    clock.set("+8h");
    let mut server = topsided.start_by(clock.on(topsided.command()));
    eventually("all are made up", || lines(&noted).len() == 6);
    let words: Vec<String> = (1..=6).map(|hour| format!("{hour} schedule:at-{hour}")).collect();
    let words: Vec<String> = words.iter().map(|w| w.replace("at-6", "morning")).collect();
    assert_eq!(lines(&noted), words);
    server.terminate();
}

/// A process that is stopped while the clocks go on sees what the server of a suspended box sees.
#[test]
fn a_box_that_was_suspended_accounts_for_each_start_once() {
    let topsided = Topsided::new();
    let Some(clock) = Clock::new(&topsided) else { return };
    let noted = topsided.path("noted");
    let schedules = "every = \"200ms\"\n[[commands.note.schedule]]\nname = \"hourly\"\n\
                     cron = \"0 * * * *\"\ntimezone = \"UTC\"";
    topsided.write("commands.toml", &menu(&noted, schedules));
    let mut server = topsided.start_by(clock.on(topsided.command()));
    let mut client = server.connect();
    eventually("a start", || !lines(&noted).is_empty());
    row(&mut client, "hourly");
    server.signal(Signal::STOP);
    clock.set("+8h");
    let suspended = Instant::now();
    eventually("time passes", || suspended.elapsed() > Duration::from_secs(3));
    server.signal(Signal::CONT);
    let database = database(&topsided);
    let counted = || rows(&database, "hourly").iter().map(|row| row.count).sum::<i64>();
    wait_for("the starts of eight hours", counted, |count| *count == 8);
    let before = lines(&noted).len();
    eventually("it goes on", || lines(&noted).len() > before);
    for schedule in ["morning", "hourly"] {
        client.ok("schedule/pause", json!({"schedule": schedule}));
    }
    no_start_is_open(&database);
    let of_morning = rows(&database, "morning");
    each_instant_has_one_row(&of_morning, 200);
    assert!(of_morning.iter().any(|row| row.outcome == "missed"), "{of_morning:?}");
    server.terminate();
}
