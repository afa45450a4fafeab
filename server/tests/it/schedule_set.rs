//! `schedule/set`, and starts that wait for their turn.

use std::path::Path;

use serde_json::{Value, json};

use crate::common::clock::Clock;
use crate::common::server::LOOPBACK;
use crate::common::{Raw, TestServer, Topsided, eventually, lines, wait_for};

/// A command `style` with an argument, and a schedule with these lines.
fn menu(out: &Path, schedule: &str) -> String {
    let script = format!("echo $1 >> {}", out.display());
    format!(
        "[commands.style]\nexec = [\"sh\", \"-c\", {script:?}, \"sh\", \"{{style}}\"]\neffect = \"write\"\n\
         [[commands.style.args]]\nname = \"style\"\ntype = \"enum\"\nchoices = [\"dark\", \"light\"]\ndefault = \"light\"\n\
         [[commands.style.schedule]]\nname = \"night\"\n{schedule}\n"
    )
}

const CRON: &str = "cron = \"0 21 * * *\"\ntimezone = \"UTC\"\nargs = { style = \"dark\" }\nadjustable = [\"time\", \"args\"]";

fn row(client: &mut Raw) -> Value {
    client.ok("schedules/list", json!({}))["schedules"][0].clone()
}

fn set(client: &mut Raw, params: Value) -> Value {
    let mut all = json!({"schedule": "night"});
    all.as_object_mut().unwrap().extend(params.as_object().unwrap().clone());
    client.ok("schedule/set", all)
}

#[test]
fn an_operator_sets_time_and_arguments_until_the_file_changes() {
    let topsided = Topsided::new();
    let out = topsided.path("out");
    topsided.write("commands.toml", &menu(&out, CRON));
    let mut server = topsided.start();
    let mut client = server.connect();
    let before = row(&mut client);
    assert_eq!((&before["adjustable"], before.get("set")), (&json!(["time", "args"]), None));
    let after = set(&mut client, json!({"time": "22:15"}));
    assert_eq!(after["rule"], "cron 15 22 * * *");
    assert!(after["next"][0].as_str().unwrap().contains("T22:15:00"), "{after}");
    let by = after["set"]["by"].clone();
    assert!(by.is_string());
    // The arguments are set beside the time.
    let after = set(&mut client, json!({"args": {"style": "light"}}));
    assert_eq!(
        (&after["rule"], &after["args"]["style"]),
        (&json!("cron 15 22 * * *"), &json!("light"))
    );
    server.kill();
    // It is kept over a kill; and a reload of the same file changes nothing.
    let mut server = topsided.start();
    let mut client = server.connect();
    client.ok("server/reload", json!({}));
    let kept = row(&mut client);
    assert_eq!(
        (&kept["rule"], &kept["args"]["style"]),
        (&json!("cron 15 22 * * *"), &json!("light"))
    );
    assert_eq!(kept["set"]["by"], by);
    let reset = set(&mut client, json!({"reset": true}));
    assert_eq!((&reset["rule"], reset.get("set")), (&before["rule"], None));
    set(&mut client, json!({"time": "30 5 * * MON"}));
    // Another declaration: what was set of the old one is forgotten, also if the file is as it was again.
    for hour in ["20", "21"] {
        let schedule = CRON.replace("0 21", &format!("0 {hour}"));
        topsided.write("commands.toml", &menu(&out, &schedule));
        client.ok("server/reload", json!({}));
        let rule = json!(format!("cron 0 {hour} * * *"));
        wait_for(
            "the declared rule",
            || row(&mut client),
            |row| row["rule"] == rule && row.get("set").is_none(),
        );
        let log = json!({"match": "what was set of it is forgotten"});
        eventually("it is forgotten", || {
            client.ok("log/tail", log.clone())["entries"] != json!([])
        });
    }
    let audit = lines(&topsided.path("state/audit.jsonl"));
    let of_set: Vec<&String> = audit.iter().filter(|line| line.contains("schedule/set")).collect();
    assert!(of_set[0].contains("time=22:15") && of_set[1].contains("style=light"), "{of_set:?}");
    assert!(of_set[2].contains("reset"), "{of_set:?}");
    server.terminate();
}

#[test]
fn what_does_not_pass_is_refused_in_one_sentence_and_changes_nothing() {
    let topsided = Topsided::new();
    let out = topsided.path("out");
    let window = format!("{CRON}\nfor = \"5m\"");
    let server = TestServer::with(&menu(&out, &window), LOOPBACK);
    let mut client = server.connect();
    for (params, part) in [
        (json!({}), "give `time`, `args` or `reset`"),
        (json!({"time": "25:00"}), "a time of day (21:30) or a pattern of five fields"),
        (json!({"time": "21:30:15"}), "a pattern has no seconds"),
        (json!({"time": "0 0 30 2 *"}), "never starts anything"),
        (json!({"time": "* * * * *"}), "is longer than the 1m between two of its starts"),
        (json!({"args": {"style": "pink"}}), "style"),
        (json!({"args": {"colour": "dark"}}), "colour"),
    ] {
        let mut all = params.clone();
        all["schedule"] = json!("night");
        let error = client.refused("schedule/set", all);
        assert_eq!(error["code"], -32602, "{params}");
        assert!(error["message"].as_str().unwrap().contains(part), "{params}: {error}");
    }
    assert_eq!(
        client.refused("schedule/set", json!({"schedule": "day", "reset": true}))["code"],
        -32004
    );
    assert_eq!(row(&mut client).get("set"), None);
    let viewer = server.device("eye", "viewer");
    let refused =
        viewer.connect().refused("schedule/set", json!({"schedule": "night", "reset": true}));
    assert_eq!(refused["data"]["kind"], "forbidden", "{refused}");
    // Without `adjustable` nothing is set.
    let server =
        TestServer::with(&menu(&out, "cron = \"0 21 * * *\"\nadjustable = [\"args\"]"), "");
    let error =
        server.connect().refused("schedule/set", json!({"schedule": "night", "time": "22:00"}));
    assert!(
        error["message"].as_str().unwrap().contains("does not name it in `adjustable`"),
        "{error}"
    );
}

/// A schedule of every 300,000,000 hours started in 1970, and the search for the newest start did not end.
#[test]
fn a_duration_that_no_menu_file_may_have_is_not_set_either() {
    let topsided = Topsided::new();
    let out = topsided.path("out");
    for (declared, time) in [
        ("every = \"15m\"", "300000000h"),
        ("every = \"15m\"", "100000h"),
        ("times = { \"08:30\" = \"2m\" }", "08:30=100000h"),
    ] {
        let schedule = format!("{declared}\nadjustable = [\"time\"]");
        let server = TestServer::with(&menu(&out, &schedule), "");
        let mut client = server.connect();
        let before = row(&mut client);
        let error = client.refused("schedule/set", json!({"schedule": "night", "time": time}));
        assert_eq!(error["code"], -32602, "{time}: {error}");
        assert_eq!(row(&mut client)["rule"], before["rule"]);
    }
}

#[test]
fn each_kind_of_rule_takes_a_time_in_its_own_form() {
    let topsided = Topsided::new();
    let out = topsided.path("out");
    for (declared, time, rule) in [
        ("every = \"15m\"", "20m", "every 20m"),
        ("at = \"2099-12-01T06:00\"", "2099-12-02T07:30", "at 2099-12-02 07:30"),
        ("days = [\"tue\"]\ntimes = { \"08:30\" = \"2m\" }", "09:15", "tue at 09:15 for 2m"),
        (
            "days = \"even\"\ntimes = { \"08:30\" = \"2m\" }",
            "21:00=90s, 07:00=1m",
            "on even days at 07:00 for 1m, 21:00 for 90s",
        ),
        ("cron = \"@daily\"", "6:05", "cron 5 6 * * *"),
    ] {
        let schedule = format!("{declared}\nadjustable = [\"time\"]");
        let server = TestServer::with(&menu(&out, &schedule), "");
        let after = set(&mut server.connect(), json!({"time": time}));
        assert_eq!(after["rule"], rule);
    }
    topsided.write("commands.toml", &menu(&out, "at_start = true\nadjustable = [\"time\"]"));
    let checked = topsided.run(&["check"]);
    assert!(checked.stderr.contains("has no time that could be set"), "{checked:?}");
}

#[test]
fn a_start_that_waits_for_its_turn_is_queued_and_started_only_when_it_begins() {
    let topsided = Topsided::new();
    let mut gate = topsided.fifo("gate");
    let script = format!("read x < {}", gate.path());
    let menu = format!(
        "[commands.zone]\nexec = [\"sh\", \"-c\", {script:?}]\ntimeout = \"none\"\neffect = \"write\"\nmax_concurrent = 1\nqueue = 2\n\
         [[commands.zone.schedule]]\nname = \"night\"\nat_start = true\n\
         [[commands.zone.schedule]]\nname = \"second\"\nat_start = true\nfor = \"1h\"\n"
    );
    let server = TestServer::with(&menu, "");
    let mut client = server.connect();
    let of = |client: &mut Raw, outcome: &str| {
        let page = client.ok("schedules/list", json!({}));
        let rows = page["schedules"].as_array().unwrap().clone();
        rows.into_iter().find(|row| row["last"]["outcome"] == outcome)
    };
    eventually("one started", || of(&mut client, "started").is_some());
    let queued = wait_for("one queued", || of(&mut client, "queued"), Option::is_some).unwrap();
    assert_eq!(queued.get("openUntil"), None, "{queued}");
    assert!(queued["last"]["runId"].is_u64(), "{queued}");
    gate.open();
    eventually("the first has ended", || of(&mut client, "ended").is_some());
    eventually("the second started", || of(&mut client, "started").is_some());
    gate.open();
    eventually("none waits", || of(&mut client, "started").is_none());
}

#[test]
fn a_new_schedule_is_paused_while_the_clock_is_not_set() {
    let topsided = Topsided::new();
    let Some(clock) = Clock::new(&topsided) else { return };
    let out = topsided.path("out");
    let mut server = topsided.start_by(clock.on(topsided.command()));
    // The state directory has seen this time.
    server.terminate();
    clock.set("-30d");
    topsided.write("commands.toml", &menu(&out, CRON));
    let mut server = topsided.start_by(clock.on(topsided.command()));
    let mut client = server.connect();
    wait_for("it waits", || row(&mut client), |row| row["inactive"] == "clockNotSet");
    let paused = client.ok("schedule/pause", json!({"schedule": "night", "reason": "snow"}));
    assert_eq!(
        (&paused["inactive"], &paused["paused"]["reason"]),
        (&json!("paused"), &json!("snow"))
    );
    set(&mut client, json!({"time": "22:00"}));
    clock.set("+0");
    client.ok("schedule/resume", json!({"schedule": "night"}));
    let next = wait_for("its start", || row(&mut client), |row| row["next"].is_array());
    assert_eq!(
        (next["rule"].as_str(), next.get("last")),
        (Some("cron 0 22 * * *"), None),
        "{next}"
    );
    server.terminate();
}

/// The time that passes stands still while the box is off, and it was taken for a time on the wall.
#[test]
fn the_last_start_of_every_has_the_time_on_the_wall_also_after_time_off() {
    let topsided = Topsided::new();
    let Some(clock) = Clock::new(&topsided) else { return };
    let out = topsided.path("out");
    topsided.write(
        "commands.toml",
        &menu(&out, "every = \"1h\"\nargs = { style = \"dark\" }\nadjustable = [\"time\"]"),
    );
    let mut server = topsided.start_by(clock.on(topsided.command()));
    let mut client = server.connect();
    set(&mut client, json!({"time": "300ms"}));
    wait_for("a start", || row(&mut client), |row| row["last"]["outcome"] == "ended");
    set(&mut client, json!({"time": "2h"}));
    let before = row(&mut client)["last"]["at"].clone();
    server.terminate();
    // A day off: the clock of the box goes on, and that of the state directory stands.
    clock.set("+1d");
    let mut server = topsided.start_by(clock.on(topsided.command()));
    let mut client = server.connect();
    let after = wait_for("its row", || row(&mut client), |row| row["last"].is_object());
    assert_eq!(after["last"]["at"], before);
    server.terminate();
}
