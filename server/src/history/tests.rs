//! The history as the server uses it, on a real database. One file: its tests share the record of one run and its checks.

use std::sync::Arc;

use serde_json::Map;
use topside_shared::{ClientId, Time};

use super::*;
use crate::base::identity::Scope;
use crate::history::run_ids::AHEAD;
use crate::notify::Notifications;

/// How long a deletion is waited for.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(60);

fn record(id: RunId) -> RunRecord {
    RunRecord {
        owner: Owner::User(7),
        role: Role::Operator,
        row: RunRow {
            run_id: id,
            command: "sh".into(),
            args: Map::new(),
            user: "ann".into(),
            owner: Some("local".into()),
            client_id: ClientId(1),
            state: RunState::Running,
            place: None,
            waits_for: Vec::new(),
            started_at: Time::now(),
            ended_at: None,
            duration_ms: None,
            exit_code: None,
            signal: None,
            ended_by: None,
            bytes: 0,
            cut_at: None,
            reason: None,
            caused_by: None,
            escaped: Vec::new(),
            files: Vec::new(),
            approval: None,
        },
    }
}

fn open(dir: &tempfile::TempDir, kept: Kept) -> Result<History, NoHistory> {
    let audit = Arc::new(Audit::open(dir.path(), None).unwrap());
    let notify = Notifications::silent(dir.path());
    let hooks = Hooks::start(Arc::clone(&audit), Arc::clone(&notify), dir.path()).unwrap();
    let hooks = Arc::new(hooks);
    History::open(dir.path(), kept, None, audit, hooks, notify, Box::new(|| true))
}

fn admin() -> Arc<Identity> {
    Arc::new(Identity {
        owner: Owner::User(0),
        user: "root".into(),
        role: Role::Admin,
        scope: Scope::Whole,
        agent: false,
    })
}

fn ended(mut row: RunRow) -> RunRow {
    row.state = RunState::Succeeded;
    row.ended_at = Some(Time::now());
    row.duration_ms = Some(3);
    row.exit_code = Some(0);
    row
}

fn final_of(run: &RunRecord) -> RunRecord {
    RunRecord { row: ended(run.row.clone()), ..run.clone() }
}

async fn run(history: &History, size: u64) -> RunId {
    let id = history.number().await.unwrap();
    let run = record(id);
    history.begin(run.clone(), "pid 1".into(), Intent::default()).await.unwrap();
    std::fs::write(history.output(id), vec![0; size as usize]).unwrap();
    history.end(final_of(&run), size).await.unwrap();
    id
}

async fn ids(history: &History) -> Vec<u64> {
    let rows = history.list(Filter::default(), admin(), 10_000).await.unwrap();
    rows.into_iter().map(|row| row.run_id.0).collect()
}

#[tokio::test]
async fn a_row_is_what_it_was_after_another_start() {
    let dir = tempfile::tempdir().unwrap();
    let history = open(&dir, Kept::default()).unwrap();
    let id = history.number().await.unwrap();
    let run = record(id);
    history.begin(run.clone(), "pid 1".into(), Intent::default()).await.unwrap();
    assert_eq!(history.get(id).await.unwrap().unwrap().row, run.row);
    let mut row = ended(run.row.clone());
    row.state = RunState::TimedOut;
    row.exit_code = None;
    row.signal = Some(9);
    row.ended_by = Some("bob (#3)".into());
    row.bytes = 5;
    history.end(RunRecord { row: row.clone(), ..run.clone() }, 5).await.unwrap();
    let instance = history.instance().await.unwrap();
    drop(history);
    let history = open(&dir, Kept::default()).unwrap();
    let found = history.get(id).await.unwrap().unwrap();
    assert_eq!((found.row, found.owner, found.role), (row, run.owner, run.role));
    assert_eq!(history.instance().await.unwrap(), instance);
    assert!(history.get(RunId(id.0 + 1)).await.unwrap().is_none());
    assert!(history.get(RunId(u64::MAX)).await.unwrap().is_none());
}

#[tokio::test]
async fn run_numbers_continue_after_an_orderly_end_and_never_repeat_after_a_crash() {
    let dir = tempfile::tempdir().unwrap();
    let history = open(&dir, Kept::default()).unwrap();
    for want in 1..=5_000 {
        assert_eq!(history.number().await.unwrap(), RunId(want));
    }
    drop(history);
    let history = open(&dir, Kept::default()).unwrap();
    assert_eq!(history.number().await.unwrap(), RunId(5_001));
    // What is on the disk now is what a crash would leave.
    let copy = tempfile::tempdir().unwrap();
    let rows: Vec<_> = ["runs.db", "runs.db-wal"]
        .iter()
        .filter(|name| std::fs::copy(dir.path().join(name), copy.path().join(name)).is_ok())
        .collect();
    assert_eq!(rows.len(), 2);
    let after = open(&copy, Kept::default()).unwrap();
    let next = after.number().await.unwrap().0;
    assert!((5_002..=5_002 + 3 * AHEAD).contains(&next), "{next}");
}

#[tokio::test]
async fn a_second_server_is_refused_the_same_state_directory() {
    let dir = tempfile::tempdir().unwrap();
    let history = open(&dir, Kept::default()).unwrap();
    let error = open(&dir, Kept::default()).unwrap_err();
    assert!(matches!(error, NoHistory::Taken(_)), "{error}");
    drop(history);
    open(&dir, Kept::default()).unwrap();
}

#[tokio::test]
async fn over_the_size_limit_the_oldest_runs_and_their_outputs_are_deleted() {
    let dir = tempfile::tempdir().unwrap();
    let kept = Kept { keep: None, keep_bytes: Some(2 << 20) };
    let history = open(&dir, kept).unwrap();
    let live = history.number().await.unwrap();
    history.begin(record(live), "pid 1".into(), Intent::default()).await.unwrap();
    let mut all = Vec::new();
    for _ in 0..16 {
        all.push(run(&history, 256 * 1024).await);
    }
    // The deletion goes on after the answer to the last run, in steps.
    let swept = async {
        loop {
            let left = ids(&history).await;
            assert!(left.contains(&live.0), "what goes on is never too old: {left:?}");
            let first = all.iter().position(|id| left.contains(&id.0)).unwrap();
            assert!(first < 14, "{left:?}");
            let is_kept = |index: usize, id: RunId| {
                let kept = (history.output(id).exists(), left.contains(&id.0));
                kept == (index >= first, index >= first)
            };
            if first >= 8 && all.iter().enumerate().all(|(index, id)| is_kept(index, *id)) {
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(PATIENCE, swept).await.unwrap();
}

/// The blocks of 2,000 small outputs and the database took five times as much as may be kept.
#[tokio::test]
async fn what_is_kept_is_counted_in_blocks_of_the_disk_with_the_database() {
    let dir = tempfile::tempdir().unwrap();
    let most = 512 * 1024;
    let history = open(&dir, Kept { keep: None, keep_bytes: Some(most) }).unwrap();
    for _ in 0..600 {
        let id = history.number().await.unwrap();
        let run = record(id);
        history.begin(run.clone(), "pid 1".into(), Intent::default()).await.unwrap();
        let output = history.output(id);
        std::fs::write(&output, "1\n2\n3\n4\n5\n").unwrap();
        history.end(final_of(&run), crate::output::disk_bytes(&output).unwrap()).await.unwrap();
    }
    history.begin(record(RunId(10_000)), "pid 1".into(), Intent::default()).await.unwrap();
    // A file may go between two looks.
    let size = |path: std::path::PathBuf| crate::output::disk_bytes(&path).unwrap_or(0);
    let used = || -> u64 {
        let outputs = std::fs::read_dir(dir.path().join(OUTPUTS)).unwrap();
        let database = ["", "-wal", "-shm"].map(|end| dir.path().join(format!("{ROWS}{end}")));
        outputs.map(|file| file.unwrap().path()).chain(database).map(size).sum()
    };
    let swept = async {
        while used() > most {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(PATIENCE, swept).await.unwrap();
    assert!(ids(&history).await.len() > 20);
}

#[tokio::test]
async fn requests_for_rows_take_turns_on_one_connection() {
    let dir = tempfile::tempdir().unwrap();
    let history = Arc::new(open(&dir, Kept::default()).unwrap());
    let id = run(&history, 1).await;
    let asked: Vec<_> = (0..200)
        .map(|_| {
            let history = Arc::clone(&history);
            tokio::spawn(async move { ids(&history).await })
        })
        .collect();
    for asked in asked {
        assert_eq!(asked.await.unwrap(), [id.0]);
    }
    let rows = dir.path().join(ROWS);
    let open = std::fs::read_dir("/proc/self/fd").unwrap().flatten();
    let open =
        open.filter(|fd| std::fs::read_link(fd.path()).is_ok_and(|path| path == rows)).count();
    assert!(open <= 2, "{open}");
}

#[tokio::test]
async fn runs_that_are_too_old_are_deleted_at_the_next_start() {
    let dir = tempfile::tempdir().unwrap();
    let history = open(&dir, Kept::default()).unwrap();
    let id = history.number().await.unwrap();
    let old = record(id);
    history.begin(old.clone(), "pid 1".into(), Intent::default()).await.unwrap();
    history.end(final_of(&old), 0).await.unwrap();
    drop(history);
    pass(&dir, 31);
    let history = open(&dir, Kept::default()).unwrap();
    let young = run(&history, 1).await;
    history
        .begin(record(history.number().await.unwrap()), "pid 1".into(), Intent::default())
        .await
        .unwrap();
    assert!(history.get(id).await.unwrap().is_none());
    assert!(history.get(young).await.unwrap().is_some());
}

/// One transaction deleted all of them, and a run waited for it.
#[tokio::test]
async fn a_run_starts_between_two_steps_of_a_deletion() {
    const OLD: i64 = 20_000;
    let dir = tempfile::tempdir().unwrap();
    let history = open(&dir, Kept::default()).unwrap();
    run(&history, 1).await;
    drop(history);
    let rows = dir.path().join(ROWS);
    let number = |query: &str| -> i64 {
        let file = rusqlite::Connection::open(&rows).unwrap();
        file.query_row(query, [], |row| row.get(0)).unwrap()
    };
    let file = rusqlite::Connection::open(&rows).unwrap();
    // The database itself counts the rows that are left when the new one comes.
    let trigger = "CREATE TRIGGER counts AFTER INSERT ON runs BEGIN \
                   INSERT INTO about VALUES ('left', (SELECT count(*) FROM runs)); END";
    let columns = "owner, role, command, args, user, client, address, state, started, aged_from, ended, bytes, size";
    file.execute_batch(&format!(
        "WITH RECURSIVE n(i) AS (SELECT 10 UNION ALL SELECT i + 1 FROM n WHERE i < {OLD}) \
         INSERT INTO runs (id, {columns}) SELECT i, {columns} FROM n, (SELECT {columns} FROM runs)"
    ))
    .unwrap();
    file.execute_batch(trigger).unwrap();
    drop(file);
    pass(&dir, 31);
    let history = open(&dir, Kept::default()).unwrap();
    let id = RunId(100_000);
    history.begin(record(id), "pid 1".into(), Intent::default()).await.unwrap();
    let left = number("SELECT value FROM about WHERE name = 'left'");
    assert!(left > OLD / 10, "{left} rows were left when the run was recorded");
    // The sweep goes on by itself.
    let swept = async {
        while number("SELECT count(*) FROM runs") > 1 {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(PATIENCE, swept).await.unwrap();
    assert_eq!(ids(&history).await, [id.0]);
}

/// A start with a clock that was ahead took all runs for old ones, and one with a clock at 1970 made such.
#[tokio::test]
async fn a_wrong_clock_makes_no_run_old_and_keeps_none_too_long() {
    let dir = tempfile::tempdir().unwrap();
    let history = open(&dir, Kept::default()).unwrap();
    let mut all = Vec::new();
    for time in [0, Time::now().as_millis() + 400 * DAY] {
        let id = history.number().await.unwrap();
        let mut run = record(id);
        run.row.started_at = Time::from_millis(time);
        history.begin(run.clone(), "pid 1".into(), Intent::default()).await.unwrap();
        history.end(final_of(&run), 0).await.unwrap();
        all.push(id.0);
    }
    drop(history);
    pass(&dir, 29);
    let history = open(&dir, Kept::default()).unwrap();
    run(&history, 1).await;
    let left = ids(&history).await;
    assert!(all.iter().all(|number| left.contains(number)), "{left:?}");
    drop(history);
    pass(&dir, 2);
    let history = open(&dir, Kept::default()).unwrap();
    run(&history, 1).await;
    let last = run(&history, 1).await;
    let left = ids(&history).await;
    assert!(!all.iter().any(|number| left.contains(number)), "{left:?}");
    assert!(left.contains(&last.0), "{left:?}");
}

const DAY: i64 = 86_400_000;

/// Lets `days` days pass by the clock of the state directory, while no server has it.
fn pass(dir: &tempfile::TempDir, days: i64) {
    let path = dir.path().join("clock.json");
    let mut kept: serde_json::Value =
        serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    let newest: Time = serde_json::from_value(kept["newest"].take()).unwrap();
    kept["newest"] = Time::from_millis(newest.as_millis() + days * DAY).to_string().into();
    std::fs::write(path, kept.to_string()).unwrap();
}

#[tokio::test]
async fn a_page_is_full_though_most_rows_are_not_for_the_reader() {
    let dir = tempfile::tempdir().unwrap();
    let history = open(&dir, Kept::default()).unwrap();
    let mut seen = Vec::new();
    for round in 0..60 {
        let id = history.number().await.unwrap();
        let mut run = record(id);
        match round % 20 {
            0 => run.role = Role::Viewer,
            1 => (run.owner, run.role) = (Owner::User(8), Role::Admin),
            _ => run.role = Role::Admin,
        }
        if round % 20 < 2 {
            seen.insert(0, id.0);
        }
        history.begin(run, "pid 1".into(), Intent::default()).await.unwrap();
    }
    let (owner, user) = (Owner::User(8), "bob".to_owned());
    let who = Identity { owner, user, role: Role::Viewer, ..(*admin()).clone() };
    let who = Arc::new(who);
    let list = async |before: Option<u64>| -> Vec<u64> {
        let filter = Filter { before: before.map(RunId), ..Filter::default() };
        let rows = history.list(filter, Arc::clone(&who), 4).await.unwrap();
        rows.into_iter().map(|row| row.run_id.0).collect()
    };
    let first = list(None).await;
    assert_eq!(first, seen[..4]);
    assert_eq!(list(first.last().copied()).await, seen[4..]);
}

#[tokio::test]
async fn a_file_of_each_earlier_version_is_taken_over() {
    for version in 1..=11 {
        let dir = tempfile::tempdir().unwrap();
        let history = open(&dir, Kept::default()).unwrap();
        let id = run(&history, 10).await;
        drop(history);
        let file = rusqlite::Connection::open(dir.path().join(ROWS)).unwrap();
        // What each later version added, the newest first.
        let added = [
            (12, "ALTER TABLE runs DROP COLUMN approval;"),
            (
                11,
                "ALTER TABLE schedules DROP COLUMN adjustment; ALTER TABLE instants DROP COLUMN wall;",
            ),
            (10, "ALTER TABLE runs DROP COLUMN reason; ALTER TABLE runs DROP COLUMN caused_by;"),
            (9, "ALTER TABLE runs DROP COLUMN files;"),
            (8, "DROP TABLE schedules; DROP TABLE instants;"),
            (
                7,
                "DROP INDEX runs_of_role; DROP INDEX runs_of_owner; DROP INDEX runs_of_command; \
                 DROP INDEX runs_of_user; DROP INDEX runs_of_state; DROP INDEX runs_of_command_user; \
                 DROP INDEX runs_of_command_state; DROP INDEX runs_of_user_state; \
                 DELETE FROM about WHERE name = 'outputs'; CREATE INDEX runs_by_command ON runs (command);",
            ),
            (6, "ALTER TABLE runs DROP COLUMN ended_by; UPDATE runs SET size = 512 + 2 + 5000;"),
            (5, "DROP INDEX runs_by_age; ALTER TABLE runs DROP COLUMN aged_from;"),
            (4, "ALTER TABLE runs DROP COLUMN cut;"),
            (2, "ALTER TABLE runs DROP COLUMN birth; ALTER TABLE runs DROP COLUMN escaped;"),
        ];
        let newer: String =
            added.iter().filter(|(since, _)| *since > version).map(|(_, drop)| *drop).collect();
        file.execute_batch(&format!("{newer} PRAGMA user_version = {version};")).unwrap();
        drop(file);
        let history = open(&dir, Kept::default()).unwrap();
        let next = run(&history, 10).await;
        assert_eq!(ids(&history).await, [next.0, id.0], "from version {version}");
        let file = rusqlite::Connection::open(dir.path().join(ROWS)).unwrap();
        let size = "SELECT size FROM runs WHERE id = ?1";
        let size: i64 = file.query_row(size, [id.0.cast_signed()], |row| row.get(0)).unwrap();
        let kept = if version < 6 { 8192 } else { 10 };
        assert_eq!(size, kept, "from version {version}");
    }
}

#[tokio::test]
async fn a_file_that_is_no_database_is_reported_and_never_overwritten() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join(ROWS), "not a database, and longer than its header is").unwrap();
    let history = open(&dir, Kept::default()).unwrap();
    let error = history.number().await.unwrap_err().to_string();
    assert!(error.starts_with("runs cannot be written down in the state directory: "), "{error}");
    let text = std::fs::read_to_string(dir.path().join(ROWS)).unwrap();
    assert!(text.starts_with("not a database"));
}

#[tokio::test]
async fn an_end_that_could_not_be_written_is_retried() {
    let dir = tempfile::tempdir().unwrap();
    let history = open(&dir, Kept::default()).unwrap();
    let id = history.number().await.unwrap();
    let run = record(id);
    history.begin(run.clone(), "pid 1".into(), Intent::default()).await.unwrap();
    // Another connection holds the write lock for longer than the time limit.
    let other = rusqlite::Connection::open(dir.path().join(ROWS)).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let row = ended(run.row.clone());
    history.end(RunRecord { row: row.clone(), ..run }, 0).await.unwrap_err();
    assert_eq!(history.get(id).await.unwrap().unwrap().row, row, "it stands so at once");
    other.execute_batch("ROLLBACK").unwrap();
    // The end of the server is one more try.
    drop(history);
    let history = open(&dir, Kept::default()).unwrap();
    assert_eq!(history.get(id).await.unwrap().unwrap().row, row);
}

#[tokio::test]
async fn outputs_without_rows_are_not_shown() {
    let dir = tempfile::tempdir().unwrap();
    let history = open(&dir, Kept::default()).unwrap();
    let mut last = RunId(0);
    for _ in 0..3 {
        last = run(&history, 5).await;
    }
    drop(history);
    for file in [ROWS.to_owned(), format!("{ROWS}-wal"), format!("{ROWS}-shm")] {
        let _ = std::fs::remove_file(dir.path().join(file));
    }
    // No run ever has such a number.
    std::fs::write(output(dir.path(), RunId(u64::MAX)), "").unwrap();
    let history = open(&dir, Kept::default()).unwrap();
    assert_eq!(history.number().await.unwrap(), RunId(last.0 + 1));
}
