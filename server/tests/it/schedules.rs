//! Schedules: commands that the box starts by itself, each start once. One file: the tests share two menus and the
//! readers of their rows.

use std::path::Path;

use serde_json::{Value, json};

use crate::common::server::{LOOPBACK, directory};
use crate::common::{Device, Raw, TestServer, Topsided, eventually, lines, wait_for};

/// A command `note` that adds a line to a file, with this schedule.
pub(crate) fn menu(lines: &Path, schedule: &str) -> String {
    let script = format!("echo $1 $TOPSIDE_USER >> {}", lines.display());
    format!(
        "[commands.note]\nexec = [\"sh\", \"-c\", {script:?}, \"sh\", \"{{word}}\"]\neffect = \"write\"\n\
         [[commands.note.args]]\nname = \"word\"\ntype = \"string\"\ndefault = \"noted\"\n\
         [[commands.note.schedule]]\nname = \"morning\"\n{schedule}\n"
    )
}

/// A command `zone` that is open until it is ended, with this schedule; its safe state closes it.
fn zone(state: &Path, schedule: &str) -> String {
    let say = |word: &str| format!("echo {word} >> {}", state.display());
    let open = format!("{}; exec sleep 1000", say("open"));
    format!(
        "[commands.zone]\nexec = [\"sh\", \"-c\", {open:?}]\neffect = \"write\"\ntimeout = \"none\"\n\
         safe_state = [\"sh\", \"-c\", {close:?}]\n\
         [[commands.zone.schedule]]\nname = \"bed\"\n{schedule}\n",
        close = say("closed")
    )
}

pub(crate) fn row(client: &mut Raw, name: &str) -> Value {
    let page = client.ok("schedules/list", json!({}));
    let rows = page["schedules"].as_array().unwrap();
    rows.iter().find(|row| row["schedule"] == name).cloned().unwrap_or_else(|| panic!("{page}"))
}

fn wait_for_outcome(client: &mut Raw, name: &str, outcome: &str) -> Value {
    let what = format!("{name} {outcome}");
    wait_for(&what, || row(client, name), |row| row["last"]["outcome"] == outcome)
}

#[test]
fn a_schedule_starts_its_command_with_its_arguments_and_owns_the_runs() {
    let directory = directory();
    let noted = directory.path().join("noted");
    let schedule = "every = \"300ms\"\nargs = { word = \"tick\" }\nfor = \"250ms\"";
    let server = TestServer::with(&menu(&noted, schedule), "");
    let mut client = server.connect();
    client.ok("events/subscribe", json!({"topics": ["schedules"]}));
    eventually("two starts", || lines(&noted).len() >= 2);
    assert_eq!(lines(&noted)[0], "tick schedule:morning");
    let changed = client.told("schedule/changed");
    assert_eq!((&changed["schedule"], &changed["command"]), (&json!("morning"), &json!("note")));
    let page = client.ok("runs/list", json!({"user": "schedule:morning"}));
    let run = &page["runs"][0];
    assert_eq!(run["owner"], "schedule:morning");
    assert_eq!((&run["clientId"], &run["args"]["word"]), (&json!(0), &json!("tick")));
    let row = row(&mut client, "morning");
    assert_eq!((&row["rule"], &row["forMs"]), (&json!("every 300ms"), &json!(250)));
    assert_eq!(row["next"].as_array().unwrap().len(), 5);
    assert_eq!(client.command("note")["scheduled"], true);
    let listed = client.ok("command/run", json!({"command": "menu"}));
    assert!(listed["output"].as_str().unwrap().contains(" (scheduled)"), "{listed}");
    // The server ends in order although a start is always near.
    client.ok("server/shutdown", json!({}));
    server.ended();
}

#[test]
fn a_window_ends_its_run_as_succeeded_and_the_safe_state_runs() {
    let directory = directory();
    let state = directory.path().join("state");
    let server = TestServer::with(&zone(&state, "at_start = true\nfor = \"400ms\""), "");
    let mut client = server.connect();
    // On a slow machine the window ends before the program has opened anything.
    let closed = || lines(&state).iter().filter(|line| *line == "closed").count();
    eventually("the zone is closed", || closed() == 1);
    let ended = wait_for_outcome(&mut client, "bed", "ended");
    let id = ended["last"]["runId"].as_u64().unwrap();
    let page = client.ok("runs/list", json!({}));
    let run = page["runs"].as_array().unwrap().iter().find(|run| run["runId"] == id).unwrap();
    assert_eq!((&run["state"], &run["endedBy"]), (&json!("succeeded"), &Value::Null));
    // By hand it is open for the same time, and takes the place of no start.
    let run = client.ok("schedule/run", json!({"schedule": "bed"}));
    assert_ne!(run["owner"], "schedule:bed");
    eventually("it is closed again", || closed() == 2);
    let row = client.ok("run/attach", json!({"runId": run["runId"]}));
    assert_eq!(row["state"], "succeeded");
}

#[test]
fn a_run_of_a_schedule_is_cancelled_by_a_user_who_may_run_its_command() {
    let directory = directory();
    let state = directory.path().join("state");
    let menu = zone(&state, "at_start = true\nfor = \"1h\"");
    let server = TestServer::with(&menu, LOOPBACK);
    let mut admin = server.connect();
    let row = wait_for_outcome(&mut admin, "bed", "started");
    assert!(row["openUntil"].is_string(), "{row}");
    let run = row["last"]["runId"].clone();
    let viewer = server.device("viewer", "viewer");
    // A viewer may not run it, so it does not see it either.
    let refused = viewer.connect().refused("run/cancel", json!({"runId": run}));
    assert_eq!(refused["code"], -32004, "{refused}");
    assert_eq!(viewer.connect().ok("schedules/list", json!({}))["schedules"], json!([]));
    let operator: Device = server.device("tablet", "operator");
    let cancelled = operator.connect().ok("run/cancel", json!({"runId": run}));
    assert_eq!(cancelled["state"], "cancelled");
    eventually("the zone is closed", || lines(&state) == ["open", "closed"]);
    let row = wait_for_outcome(&mut admin, "bed", "ended");
    assert_eq!(row["openUntil"], Value::Null);
}

#[test]
fn a_pause_lasts_over_a_restart_and_says_who_and_why() {
    let topsided = Topsided::new();
    let noted = topsided.path("noted");
    topsided.write("commands.toml", &menu(&noted, "every = \"200ms\""));
    let mut server = topsided.start();
    let mut client = server.connect();
    wait_for_outcome(&mut client, "morning", "ended");
    let paused = client.ok("schedule/pause", json!({"schedule": "morning", "reason": "rain"}));
    assert_eq!(
        (&paused["inactive"], &paused["paused"]["reason"]),
        (&json!("paused"), &json!("rain"))
    );
    assert_eq!(paused["next"], Value::Null);
    wait_for_outcome(&mut client, "morning", "paused");
    server.terminate();
    let before = lines(&noted).len();
    let server = topsided.start();
    let mut client = server.connect();
    let row = wait_for_outcome(&mut client, "morning", "paused");
    assert_eq!(row["paused"]["reason"], "rain");
    assert_eq!(lines(&noted).len(), before);
    client.ok("schedule/resume", json!({"schedule": "morning"}));
    eventually("it starts again", || lines(&noted).len() > before);
    let audit = std::fs::read_to_string(topsided.path("state/audit.jsonl")).unwrap();
    for action in ["schedule/pause", "schedule/resume"] {
        assert!(audit.contains(&format!("\"action\":\"{action}\"")), "{action}");
    }
    let refused = client.refused("schedule/pause", json!({"schedule": "mornin"}));
    assert_eq!(refused["data"]["nearest"], json!(["morning"]));
}

#[test]
fn one_plan_is_active_at_a_time() {
    let topsided = Topsided::new();
    let noted = topsided.path("noted");
    let summer = "every = \"200ms\"\nplan = \"summer\"\nargs = { word = \"summer\" }\n\
                  [[commands.note.schedule]]\nname = \"night\"\nevery = \"200ms\"\nplan = \"winter\"\n\
                  args = { word = \"winter\" }";
    topsided.write("commands.toml", &menu(&noted, summer));
    let mut server = topsided.start();
    let mut client = server.connect();
    let page = client.ok("schedules/list", json!({}));
    assert_eq!((&page["plan"], &page["plans"]), (&Value::Null, &json!(["summer", "winter"])));
    assert_eq!(row(&mut client, "morning")["inactive"], "plan");
    client.ok("schedule/plan", json!({"plan": "winter"}));
    eventually("winter starts", || lines(&noted).contains(&"winter schedule:night".to_owned()));
    server.terminate();
    let server = topsided.start();
    let mut client = server.connect();
    assert_eq!(client.ok("schedules/list", json!({}))["plan"], "winter");
    client.ok("schedule/plan", json!({"plan": "summer"}));
    eventually("summer starts", || lines(&noted).contains(&"summer schedule:morning".to_owned()));
    client.ok("schedule/plan", json!({}));
    assert_eq!(row(&mut client, "night")["inactive"], "plan");
    let refused = client.refused("schedule/plan", json!({"plan": "sumer"}));
    let message = refused["message"].as_str().unwrap();
    assert!(
        message.contains("did you mean summer?") && message.contains("summer, winter"),
        "{message}"
    );
}

/// A plan of two commands was activated by a user who may run one of them.
#[test]
fn a_plan_is_changed_only_by_a_user_who_may_run_all_its_commands() {
    let of = |name: &str, effect: &str| {
        format!(
            "[commands.{name}]\nexec = [\"true\"]\neffect = \"{effect}\"\n[[commands.{name}.schedule]]\n\
             name = \"{name}\"\nevery = \"1d\"\nplan = \"summer\"\n"
        )
    };
    let menu = of("lamp", "write") + &of("wipe", "destructive");
    let server = TestServer::with(&menu, LOOPBACK);
    let tablet = server.device("tablet", "operator");
    let refused = tablet.connect().refused("schedule/plan", json!({"plan": "summer"}));
    assert_eq!(refused["data"]["kind"], "forbidden", "{refused}");
    server.connect().ok("schedule/plan", json!({"plan": "summer"}));
    let refused = tablet.connect().refused("schedule/plan", json!({}));
    assert_eq!(refused["data"]["kind"], "forbidden", "{refused}");
}

#[test]
fn a_schedule_of_the_start_is_paused_before_it_has_started_anything() {
    let topsided = Topsided::new();
    let noted = topsided.path("noted");
    topsided.write("commands.toml", &menu(&noted, "every = \"1d\""));
    let mut server = topsided.start();
    let mut client = server.connect();
    // The schedules of the start have been looked at.
    row(&mut client, "morning");
    topsided.write("commands.toml", &menu(&noted, "at_start = true\nargs = { word = \"late\" }"));
    client.ok("server/reload", json!({}));
    wait_for("the new rule", || row(&mut client, "morning"), |row| row["rule"] != "every 1d");
    client.ok("schedule/pause", json!({"schedule": "morning"}));
    server.terminate();
    let server = topsided.start();
    assert_eq!(row(&mut server.connect(), "morning")["inactive"], "paused");
    assert_eq!(lines(&noted), [""; 0]);
}

#[test]
fn at_start_is_once_for_each_start_of_the_server_and_not_for_a_reload() {
    let topsided = Topsided::new();
    let noted = topsided.path("noted");
    topsided.write("commands.toml", &menu(&noted, "at_start = true"));
    for round in 1..=2 {
        let mut server = topsided.start();
        let mut client = server.connect();
        eventually("it has started", || lines(&noted).len() == round);
        let other = menu(&noted, &format!("at_start = true\nargs = {{ word = \"again{round}\" }}"));
        topsided.write("commands.toml", &other);
        let reloaded = client.ok("server/reload", json!({}));
        assert_eq!(reloaded["changed"]["changed"], json!(["note"]), "{reloaded}");
        wait_for_outcome(&mut client, "morning", "ended");
        server.terminate();
        assert_eq!(lines(&noted).len(), round);
    }
}

#[test]
fn a_window_continues_after_a_kill_and_after_a_restart_and_not_after_its_end() {
    let topsided = Topsided::new();
    let state = topsided.path("zone");
    topsided.write("commands.toml", &zone(&state, "every = \"20s\"\nfor = \"19s\""));
    let mut server = topsided.start();
    let mut client = server.connect();
    let row = wait_for_outcome(&mut client, "bed", "started");
    let first = row["last"]["runId"].as_u64().unwrap();
    server.kill();
    let mut server = topsided.start();
    let mut client = server.connect();
    let row = wait_for(
        "the run goes on",
        || self::row(&mut client, "bed"),
        |row| row["last"]["outcome"] == "started" && row["last"]["runId"].as_u64() > Some(first),
    );
    assert!(row["last"]["at"].is_string());
    let (started, closed) =
        (lines(&state).len(), lines(&state).iter().filter(|line| *line == "closed").count());
    assert!(started >= 2 && closed >= 1, "the safe state of the lost run came first");
    let second = row["last"]["runId"].as_u64().unwrap();
    // A user who ends it ends it for good.
    client.ok("run/cancel", json!({"runId": second}));
    wait_for_outcome(&mut client, "bed", "ended");
    server.terminate();
}

#[test]
fn overlap_is_left_to_the_command() {
    let directory = directory();
    let state = directory.path().join("state");
    let menu = zone(&state, "every = \"200ms\"").replace("effect", "max_concurrent = 1\neffect");
    let server = TestServer::with(&menu, "");
    let mut client = server.connect();
    let row = wait_for_outcome(&mut client, "bed", "overlap");
    let reason = row["last"]["reason"].as_str().unwrap();
    assert!(reason.contains("zone would have to wait"), "{reason}");
    eventually("the first run is open", || lines(&state) == ["open"]);
}

#[test]
fn wrong_schedules_are_reported_with_their_place() {
    let topsided = Topsided::new();
    let cases = [
        (
            "cron = \"0 6 * *\"",
            "`cron` of a schedule of command `note` is no pattern: it has 4 fields",
        ),
        ("cron = \"0 6 30 2 *\"", "never starts anything: there is no such day"),
        (
            "every = \"0s\"",
            "`every` of a schedule of command `note` must be a whole number and a unit",
        ),
        ("every = \"80000000h\"", "must be a whole number and a unit"),
        ("every = \"1m\"\nfor = \"2m\"", "is longer than the 1m between two of its starts"),
        ("cron = \"*/5 * * * *\"\nfor = \"6m\"", "is longer than the 5m between two of its starts"),
        (
            "every = \"1h\"\nfor = \"11m\"",
            "is open for 11m, and the command ends after its `timeout` of 10m: set `timeout`",
        ),
        (
            "times = { \"08:00\" = \"11m\" }",
            "is open for 11m, and the command ends after its `timeout` of 10m",
        ),
        ("every = \"1m\"\ntimezone = \"Europe/Berlim\"", "there is no time zone `Europe/Berlim`"),
        ("every = \"1m\"\nargs = { wrd = \"x\" }", "do not pass: "),
        (
            "every = \"1m\"\ncron = \"0 6 * * *\"",
            "needs one of cron, every, at, times, at_start, and has 2",
        ),
        ("plan = \"x\"", "needs one of cron, every, at, times, at_start, and has 0"),
        ("at = \"tomorrow\"", "must be a date and time without an offset"),
        (
            "times = { \"25:00\" = \"2m\" }",
            "`times` of a schedule of command `note` must be a table",
        ),
        ("times = { \"08:00\" = \"25h\" }", "reaches the first of the next day: shorten it"),
        ("times = { \"08:00\" = \"2m\" }\nfor = \"1m\"", "take `for` out"),
        ("at_start = true\njitter = \"5s\"", "`jitter` has no effect beside `at_start`"),
        ("at_start = true\nmissed = \"run_once\"", "`missed` has no effect beside `at_start`"),
        ("every = \"1m\"\ndays = \"even\"", "`days` are those of `times`"),
        (
            "times = { \"08:00\" = \"2m\" }\ndays = [\"someday\"]",
            "`days` of a schedule of command `note` must be",
        ),
        ("every = \"1m\"\ngrace = \"1h\"", "add that, or take `grace` out"),
        ("every = \"1m\"\nmised = \"skip\"", "has no field `mised`: did you mean missed?"),
        (
            "every = \"1m\"\n[[commands.note.schedule]]\nname = \"morning\"\nevery = \"2m\"",
            "`morning` is a schedule of command `note` already",
        ),
        ("every = \"1m\"\n[[commands.note.schedule]]\nevery = \"2m\"", "has no `name`"),
    ];
    for (schedule, expected) in cases {
        topsided.write("commands.toml", &menu(Path::new("/dev/null"), schedule));
        let said = topsided.run(&["check"]);
        assert_ne!(said.status, Some(0), "{schedule}");
        let all = format!("{}{}", said.stdout, said.stderr);
        let line = all.lines().find(|line| line.contains(expected));
        let line = line.unwrap_or_else(|| panic!("{schedule}: {all}"));
        assert!(line.contains("commands.toml:"), "{line}");
    }
    topsided.write("commands.toml", &menu(Path::new("/dev/null"), "at = \"2020-01-01T06:00\""));
    let said = topsided.run(&["check"]);
    assert_eq!(said.status, Some(0), "a date that has passed is no error");
    let remark =
        "the schedule morning of note starts nothing any more: `at 2020-01-01 06:00` has passed";
    assert!(said.stdout.contains(remark), "{said:?}");
}

#[test]
fn a_menu_has_a_limit_of_schedules() {
    let topsided = Topsided::new();
    let more = |count: usize| -> String {
        let one =
            |n: usize| format!("[[commands.note.schedule]]\nname = \"s{n}\"\nevery = \"1h\"\n");
        let first = "every = \"1h\"\n".to_owned();
        std::iter::once(first).chain((1..count).map(one)).collect()
    };
    for (count, status) in [(200, Some(0)), (201, Some(78))] {
        topsided.write("commands.toml", &menu(Path::new("/dev/null"), &more(count)));
        assert_eq!(topsided.run(&["check"]).status, status, "{count}");
    }
    topsided.write("commands.toml", &menu(Path::new("/dev/null"), &more(200)));
    let server = topsided.start();
    let page = server.connect().ok("schedules/list", json!({}));
    assert_eq!(page["schedules"].as_array().unwrap().len(), 200);
}
