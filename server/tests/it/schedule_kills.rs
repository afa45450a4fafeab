//! Kills of the server between the claim of a start and its program: each start is accounted for once.

use std::collections::BTreeSet;

use rusqlite::{Connection, OpenFlags};
use rustix::process::Signal;
use serde_json::{Value, json};

use crate::common::{Chance, Spawned, Topsided, eventually, lines, wait_for};

/// How often it is killed: `just schedule-kills` sets it.
fn rounds(usual: u64) -> u64 {
    let asked = std::env::var("TOPSIDE_SCHEDULE_ROUNDS").ok();
    asked.map_or(usual, |rounds| rounds.parse().expect("TOPSIDE_SCHEDULE_ROUNDS is a number"))
}

/// The rows of schedules, as another process reads them.
pub(crate) fn database(topsided: &Topsided) -> Connection {
    let path = topsided.path("state/runs.db");
    let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE).unwrap();
    connection.busy_timeout(crate::common::DEADLINE).unwrap();
    connection
}

/// Waits until what came of each start is noted.
#[track_caller]
pub(crate) fn no_start_is_open(database: &Connection) {
    let open = "SELECT count(*) FROM instants WHERE outcome IN ('claimed', 'queued', 'started')";
    eventually("no start is open", || count(database, open) == 0);
}

fn count(database: &Connection, query: &str) -> u64 {
    database.query_row(query, [], |row| row.get::<_, i64>(0)).unwrap().cast_unsigned()
}

/// A start of a schedule, or several that were missed.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    first: i64,
    at: i64,
    pub(crate) count: i64,
    pub(crate) outcome: String,
    pub(crate) run: Option<i64>,
}

pub(crate) fn rows(database: &Connection, schedule: &str) -> Vec<Row> {
    let query =
        "SELECT first, at, count, outcome, run FROM instants WHERE schedule = ?1 ORDER BY at";
    let mut statement = database.prepare(query).unwrap();
    let rows = statement.query_map([schedule], |row| {
        let (first, at, count) = (row.get(0)?, row.get(1)?, row.get(2)?);
        Ok(Row { first, at, count, outcome: row.get(3)?, run: row.get(4)? })
    });
    rows.unwrap().map(Result::unwrap).collect()
}

/// The runs of a schedule with their states.
fn runs(database: &Connection, schedule: &str) -> Vec<(i64, String)> {
    let mut statement = database.prepare("SELECT id, state FROM runs WHERE user = ?1").unwrap();
    let user = format!("schedule:{schedule}");
    let runs = statement.query_map([user], |row| Ok((row.get(0)?, row.get(1)?)));
    runs.unwrap().map(Result::unwrap).collect()
}

/// Checks that each instant of a schedule that starts in such steps belongs to exactly one row.
#[track_caller]
pub(crate) fn each_instant_is_in_one_row(rows: &[Row], step: i64) {
    for row in rows {
        assert_eq!(row.at - row.first, (row.count - 1) * step, "{row:?}");
    }
    for pair in rows.windows(2) {
        assert_eq!(pair[1].first - pair[0].at, step, "{pair:?}");
    }
}

/// The same, and that each row is final.
#[track_caller]
pub(crate) fn each_instant_has_one_row(rows: &[Row], step: i64) {
    each_instant_is_in_one_row(rows, step);
    for row in rows {
        let outcome = row.outcome.as_str();
        assert!(["missed", "paused", "lost", "ended"].contains(&outcome), "{row:?}");
        // Only a start of which no program was started is lost.
        assert_eq!(row.run.is_some(), outcome == "ended", "{row:?}");
    }
}

/// Where the server is when it is killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Moment {
    /// Two starts are claimed, and the choices of their argument are being listed.
    Claimed,
    /// The audit log has the run, and its row waits for the database.
    Audited,
    /// The row of the run was just written.
    Recorded,
}

const MOMENTS: [Moment; 3] = [Moment::Claimed, Moment::Audited, Moment::Recorded];
const BED: i64 = 100;
const ZONE: i64 = 3_000;

/// A command that two schedules start, of which one has a window. The choices of its argument are listed before each start:
/// the program for that says that it begins, and waits for the file `go` as long as its server lives.
fn menu(topsided: &Topsided) -> String {
    let path = |name: &str| topsided.path(name).display().to_string();
    let choices = format!(
        "touch {}; while [ ! -e {} ]; do kill -0 $PPID || exit 1; sleep 0.02; done; echo word",
        path("lists"),
        path("go")
    );
    let note = format!("echo $TOPSIDE_RUN >> {}", path("noted"));
    let schedule = |name: &str, lines: &str| {
        format!(
            "[[commands.note.schedule]]\nname = \"{name}\"\nargs = {{ word = \"word\" }}\n{lines}\n"
        )
    };
    format!(
        "[commands.note]\nexec = [\"sh\", \"-c\", {note:?}, \"sh\", \"{{word}}\"]\neffect = \"write\"\n\
         [[commands.note.args]]\nname = \"word\"\ntype = \"enum\"\n\
         choices_from = [\"sh\", \"-c\", {choices:?}]\n{bed}{zone}",
        bed = schedule("bed", &format!("every = \"{BED}ms\"")),
        zone = schedule("zone", &format!("every = \"{ZONE}ms\"\nfor = \"2900ms\"")),
    )
}

/// Starts the server with the choices held, until they are being listed for a start.
fn start_held(topsided: &Topsided) -> Spawned {
    for name in ["lists", "go"] {
        let _ = std::fs::remove_file(topsided.path(name));
    }
    let server = topsided.start();
    eventually("the choices are being listed", || topsided.path("lists").exists());
    server
}

/// Kills the server at this moment of a start.
fn kill_at(moment: Moment, topsided: &Topsided, server: &mut Spawned) {
    let go_on = || std::fs::write(topsided.path("go"), "").unwrap();
    let database = database(topsided);
    match moment {
        Moment::Claimed => {
            let claimed = "SELECT count(*) FROM instants WHERE outcome = 'claimed'";
            eventually("two claims", || count(&database, claimed) >= 2);
            server.kill();
        }
        Moment::Audited => {
            let audited = || {
                let log = std::fs::read_to_string(topsided.path("state/audit.jsonl")).unwrap();
                log.matches("\"action\":\"command/run\"").count()
            };
            let before = audited();
            database.execute_batch("BEGIN IMMEDIATE").unwrap();
            go_on();
            eventually("the run is in the audit log", || audited() > before);
            server.kill();
            database.execute_batch("ROLLBACK").unwrap();
        }
        Moment::Recorded => {
            let all = "SELECT count(*) FROM runs";
            let before = count(&database, all);
            go_on();
            eventually("the row of the run", || count(&database, all) > before);
            server.signal(Signal::STOP);
            server.kill();
        }
    }
}

#[test]
fn each_start_is_accounted_for_once_over_kills_between_its_claim_and_its_program() {
    let topsided = Topsided::new();
    let noted = topsided.path("noted");
    topsided.write("commands.toml", &menu(&topsided));
    topsided.write("server.toml", "[limits]\nmax_runs = 0\n");
    let rounds = rounds(100);
    for round in 0..rounds {
        let moment = MOMENTS[usize::try_from(round).unwrap() % MOMENTS.len()];
        let mut server = start_held(&topsided);
        kill_at(moment, &topsided, &mut server);
    }
    let server = start_held(&topsided);
    std::fs::write(topsided.path("go"), "").unwrap();
    let mut client = server.connect();
    for schedule in ["bed", "zone"] {
        let row = |client: &mut crate::common::Raw| -> Value {
            let page = client.ok("schedules/list", json!({}));
            let rows = page["schedules"].as_array().unwrap();
            rows.iter().find(|row| row["schedule"] == schedule).unwrap()["last"]["outcome"].clone()
        };
        wait_for(schedule, || row(&mut client), |outcome| outcome == "ended");
    }
    for schedule in ["bed", "zone"] {
        client.ok("schedule/pause", json!({"schedule": schedule}));
    }
    let database = database(&topsided);
    no_start_is_open(&database);

    let began: Vec<i64> = lines(&noted).iter().map(|run| run.parse().unwrap()).collect();
    assert_eq!(began.iter().collect::<BTreeSet<_>>().len(), began.len(), "{began:?}");
    let (bed, zone) = (rows(&database, "bed"), rows(&database, "zone"));
    each_instant_has_one_row(&bed, BED);
    each_instant_has_one_row(&zone, ZONE);
    let of_rows = |rows: &[Row]| rows.iter().filter_map(|row| row.run).collect::<BTreeSet<i64>>();
    let (of_bed, of_zone) = (of_rows(&bed), of_rows(&zone));
    // Rows of a schedule are kept up to a number.
    let oldest = of_bed.first().copied().unwrap_or(i64::MAX);
    let runs_of_bed = runs(&database, "bed").into_iter().filter(|(run, _)| *run >= oldest);
    assert_eq!(runs_of_bed.map(|(run, _)| run).collect::<BTreeSet<_>>(), of_bed);
    // A window that was interrupted has the run that continued it.
    let others = runs(&database, "zone").into_iter().filter(|(run, _)| !of_zone.contains(run));
    for (run, state) in others {
        assert_eq!(state, "lost", "run {run}");
    }
    let lost = bed.iter().filter(|row| row.outcome == "lost").count() as u64;
    assert!(lost >= rounds / 3, "{lost} starts were claimed and lost in {rounds} rounds");
}

/// The server is killed at any moment while starts come due twenty times a second.
#[test]
fn no_start_happens_twice_over_kills() {
    let topsided = Topsided::new();
    let noted = topsided.path("noted");
    let note = format!("echo $TOPSIDE_RUN >> {}", noted.display());
    topsided.write(
        "commands.toml",
        &format!(
            "[commands.note]\nexec = [\"sh\", \"-c\", {note:?}]\neffect = \"write\"\n\
             [[commands.note.schedule]]\nname = \"bed\"\nevery = \"50ms\"\nmissed = \"run_once\"\n"
        ),
    );
    let mut chance = Chance(7);
    for _ in 0..rounds(10) {
        let mut server = topsided.start();
        let enough = lines(&noted).len() as u64 + 1 + chance.below(4);
        eventually("starts", || lines(&noted).len() as u64 >= enough);
        server.kill();
    }
    let mut server = topsided.start();
    server.connect().ok("schedule/pause", json!({"schedule": "bed"}));
    let database = database(&topsided);
    no_start_is_open(&database);
    let rows = rows(&database, "bed");
    each_instant_has_one_row(&rows, 50);
    let of_rows: BTreeSet<i64> = rows.iter().filter_map(|row| row.run).collect();
    let oldest = of_rows.first().copied().unwrap();
    let runs = runs(&database, "bed").into_iter().filter(|(run, _)| *run >= oldest);
    assert_eq!(runs.map(|(run, _)| run).collect::<BTreeSet<_>>(), of_rows);
    server.terminate();
}
