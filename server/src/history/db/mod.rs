//! The database of runs: its tables and its writes. [`query`] reads rows, [`sql_values`] converts them.

mod disk_space;
mod query;
mod schedule_rows;
mod sql_values;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Instant;

use rusqlite::{Connection, OpenFlags, params};
use topside_shared::records::{RunRow, RunState};
use topside_shared::{RunId, Time};

use crate::base::clock::Clock;
use crate::history::db::sql_values::{of_text, owner_text, text};
use crate::history::{Intent, RunRecord};
use crate::process::run_processes::{LeaderProcess, SpawnRecord};
use crate::process::safe_state::RunHook;

/// The version of the tables, in `user_version`.
const VERSION: i64 = 12;
/// The upgrade from each version to the next.
const STEPS: [&str; 11] = [
    "ALTER TABLE runs ADD COLUMN birth TEXT; ALTER TABLE runs ADD COLUMN escaped TEXT;",
    // It added indexes that version 7 replaces.
    "",
    "ALTER TABLE runs ADD COLUMN cut INTEGER;",
    AGES,
    // Before, a row counted for 512 bytes, its arguments and the length of its output.
    "ALTER TABLE runs ADD COLUMN ended_by TEXT;
     UPDATE runs SET size = (max(size - 512 - length(CAST(args AS BLOB)), 0) + 4095) / 4096 * 4096;",
    INDEXES,
    schedule_rows::TABLES,
    "ALTER TABLE runs ADD COLUMN files TEXT;",
    CAUSES,
    schedule_rows::ADJUSTMENTS,
    APPROVALS,
];

const TABLES: &str = "
    CREATE TABLE about (name TEXT PRIMARY KEY, value) WITHOUT ROWID;
    CREATE TABLE runs (
        id INTEGER PRIMARY KEY,
        owner TEXT NOT NULL,
        role TEXT NOT NULL,
        command TEXT NOT NULL,
        args TEXT NOT NULL,
        user TEXT NOT NULL,
        client INTEGER NOT NULL,
        address TEXT NOT NULL,
        state TEXT NOT NULL,
        started INTEGER NOT NULL,
        ended INTEGER,
        duration INTEGER,
        exit INTEGER,
        signal INTEGER,
        bytes INTEGER NOT NULL,
        size INTEGER NOT NULL,
        pid INTEGER,
        boot TEXT,
        pid_start INTEGER,
        session INTEGER,
        hook TEXT,
        birth TEXT,
        escaped TEXT,
        cut INTEGER,
        ended_by TEXT,
        files TEXT
    );
    CREATE INDEX runs_live ON runs (id) WHERE ended IS NULL;
";
/// Version 7 has an index for each pair of filters of a list, with the role that decides who sees a run; and the sum of the
/// sizes of all outputs.
const INDEXES: &str = "
    DROP INDEX IF EXISTS runs_by_command;
    DROP INDEX IF EXISTS runs_by_user;
    DROP INDEX IF EXISTS runs_by_state;
    DROP INDEX IF EXISTS runs_by_owner;
    DROP INDEX IF EXISTS runs_by_start;
    CREATE INDEX runs_of_role ON runs (role);
    CREATE INDEX runs_of_owner ON runs (owner, role);
    CREATE INDEX runs_of_command ON runs (command, role);
    CREATE INDEX runs_of_user ON runs (user, role);
    CREATE INDEX runs_of_state ON runs (state, role);
    CREATE INDEX runs_of_command_user ON runs (command, user, role);
    CREATE INDEX runs_of_command_state ON runs (command, state, role);
    CREATE INDEX runs_of_user_state ON runs (user, state, role);
    INSERT OR REPLACE INTO about SELECT 'outputs', coalesce(sum(size), 0) FROM runs;
";

/// Version 5 measures the age of a run from its start by the clock of the state directory, which cannot be set.
const AGES: &str = "
    ALTER TABLE runs ADD COLUMN aged_from INTEGER;
    UPDATE runs SET aged_from = started;
    CREATE INDEX runs_by_age ON runs (aged_from);
";

/// Version 10 keeps why a run was started.
const CAUSES: &str = "
    ALTER TABLE runs ADD COLUMN reason TEXT;
    ALTER TABLE runs ADD COLUMN caused_by INTEGER;
";

/// Version 12 keeps how the approval of a run was decided.
const APPROVALS: &str = "ALTER TABLE runs ADD COLUMN approval TEXT;";

#[derive(Debug)]
pub(super) struct Db {
    connection: Connection,
    /// Measures the age of runs; none where the file is only read.
    clock: Option<Clock>,
    path: PathBuf,
    /// Bytes of all outputs on the disk; `about` has the same, so that no start adds them up.
    outputs: u64,
    /// Whether rows go until all take clearly less than the limit.
    shrinks: bool,
    /// Whether rows were deleted and their pages are still in the file.
    has_deleted: bool,
    /// Runs with a hook in their row: a power cut must not undo what is written of these.
    with_hook: BTreeSet<RunId>,
}

/// A run that was live when its server crashed.
pub(super) struct LostRun {
    pub(super) id: RunId,
    pub(super) hook: Option<RunHook>,
    pub(super) first: Option<LeaderProcess>,
    pub(super) birth: Option<SpawnRecord>,
}

impl Db {
    /// Opens the file to write, and makes it if there is none.
    pub(super) fn open(path: &Path) -> rusqlite::Result<Self> {
        let connection = Connection::open(path)?;
        let pages: i64 = connection.pragma_query_value(None, "page_count", |row| row.get(0))?;
        // Only for a new database: for another this is a write, and the disk may be full.
        if pages == 0 {
            connection.execute_batch("PRAGMA auto_vacuum = INCREMENTAL")?;
        }
        // Each commit survives the end of this process. A power cut may undo the newest ones, except those of
        // `together_durably`.
        connection.execute_batch(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA cache_size = -256;",
        )?;
        let version: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
        let change = match version {
            0 => {
                let steps = schedule_rows::ADJUSTMENTS;
                [TABLES, AGES, INDEXES, schedule_rows::TABLES, CAUSES, steps, APPROVALS].concat()
            }
            1..=VERSION => {
                STEPS.iter().skip(usize::try_from(version - 1).unwrap_or(0)).copied().collect()
            }
            _ => {
                let said = format!("runs.db was written by another version of Topside ({version})");
                return Err(rusqlite::Error::ToSqlConversionFailure(said.into()));
            }
        };
        if version != VERSION {
            connection.execute_batch(&format!(
                "BEGIN IMMEDIATE; {change} PRAGMA user_version = {VERSION}; COMMIT;"
            ))?;
        }
        let outputs = "SELECT value FROM about WHERE name = 'outputs'";
        let outputs = connection.query_row(outputs, [], |row| row.get::<_, i64>(0))?;
        let clock = Some(Clock::open(path.parent().unwrap_or(Path::new("/"))));
        let (path, outputs) = (path.to_owned(), outputs.cast_unsigned());
        Ok(Self::of(connection, clock, path, outputs))
    }

    pub(super) fn open_to_read(path: &Path) -> rusqlite::Result<Self> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags)?;
        // Cached pages stay in memory as long as the connection.
        connection.execute_batch("PRAGMA cache_size = -256;")?;
        let path = path.to_owned();
        Ok(Self::of(connection, None, path, 0))
    }

    fn of(connection: Connection, clock: Option<Clock>, path: PathBuf, outputs: u64) -> Self {
        let (shrinks, has_deleted, with_hook) = (false, false, BTreeSet::new());
        Self { connection, clock, path, outputs, shrinks, has_deleted, with_hook }
    }

    /// Interrupts reads after this time.
    pub(super) fn read_until(&self, until: Instant) -> rusqlite::Result<()> {
        // Some milliseconds of work between two checks.
        self.connection.progress_handler(10_000, Some(move || Instant::now() >= until))
    }

    /// Whether a power cut must not undo what is written next for this run.
    pub(super) fn has_hook(&self, id: RunId) -> bool {
        self.with_hook.contains(&id)
    }

    pub(super) fn forget_hook(&mut self, id: RunId) {
        self.with_hook.remove(&id);
    }

    /// Like [`Db::together`], but the rows survive a power cut when this returns.
    pub(super) fn together_durably(
        &mut self,
        what: impl FnOnce(&mut Self) -> rusqlite::Result<()>,
    ) -> rusqlite::Result<()> {
        self.connection.execute_batch("PRAGMA synchronous = FULL")?;
        let mut done = self.together(what);
        if done.is_ok() {
            // The write-ahead log is synced now. With the pages in `runs.db` itself, that file alone is enough.
            let moved = self.connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()));
            if let Err(error) = moved {
                tracing::debug!(target: "topside", %error, "the checkpoint of runs.db is left for later");
            }
        }
        if let Err(error) = self.connection.execute_batch("PRAGMA synchronous = NORMAL") {
            done = done.and(Err(error));
        }
        done
    }

    /// Runs `what` in one transaction.
    pub(super) fn together(
        &mut self,
        what: impl FnOnce(&mut Self) -> rusqlite::Result<()>,
    ) -> rusqlite::Result<()> {
        let outputs = self.outputs;
        self.execute("BEGIN IMMEDIATE")?;
        let done = what(self)
            .and_then(|()| if self.outputs == outputs { Ok(()) } else { self.save_outputs() })
            .and_then(|()| self.execute("COMMIT"));
        if done.is_err() {
            self.outputs = outputs;
            if !self.connection.is_autocommit() {
                self.execute("ROLLBACK")?;
            }
        }
        done
    }

    fn save_outputs(&self) -> rusqlite::Result<()> {
        let statement = "UPDATE about SET value = ?1 WHERE name = 'outputs'";
        self.connection.prepare_cached(statement)?.execute([self.outputs.cast_signed()]).map(drop)
    }

    fn execute(&self, statement: &str) -> rusqlite::Result<()> {
        self.connection.prepare_cached(statement)?.execute([]).map(drop)
    }

    /// The random id of this database.
    pub(super) fn instance(&mut self) -> rusqlite::Result<String> {
        self.connection.execute(
            "INSERT OR IGNORE INTO about VALUES ('instance', lower(hex(randomblob(16))))",
            [],
        )?;
        self.connection
            .query_row("SELECT value FROM about WHERE name = 'instance'", [], |row| row.get(0))
    }

    /// The greatest number that may be in use.
    pub(super) fn last_number(&self) -> rusqlite::Result<u64> {
        let last = "SELECT max(coalesce((SELECT value FROM about WHERE name = 'number'), 0), \
                    coalesce((SELECT max(id) FROM runs), 0))";
        self.connection.query_row(last, [], |row| row.get::<_, i64>(0)).map(i64::cast_unsigned)
    }

    /// Reserves the ids up to `to`.
    pub(super) fn reserve(&mut self, to: u64) -> rusqlite::Result<()> {
        let statement = "INSERT INTO about VALUES ('number', ?1) \
                         ON CONFLICT DO UPDATE SET value = max(value, ?1)";
        self.connection.prepare_cached(statement)?.execute([to.cast_signed()]).map(drop)
    }

    /// Records the last number in use, at the end of the server.
    pub(super) fn set_last_number(&mut self, last: u64) -> rusqlite::Result<()> {
        let statement = "UPDATE about SET value = ?1 WHERE name = 'number'";
        self.connection.execute(statement, [last.cast_signed()]).map(drop)
    }

    pub(super) fn begin(
        &mut self,
        run: &RunRecord,
        address: &str,
        intent: &Intent,
    ) -> rusqlite::Result<()> {
        let RunRecord { owner, role, row } = run;
        let args = serde_json::to_string(&row.args).unwrap_or_default();
        let statement = "INSERT INTO runs (id, owner, role, command, args, user, client, address, \
                         state, started, bytes, size, hook, birth, aged_from, reason, caused_by, \
                         approval) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, 0, 0, ?11, ?12, \
                         ?13, ?14, ?15, ?16)";
        let (hook, birth) = (text(intent.hook.as_ref())?, text(intent.birth.as_ref())?);
        self.connection.prepare_cached(statement)?.execute(params![
            row.run_id.0.cast_signed(),
            owner_text(*owner),
            role.name(),
            row.command,
            args,
            row.user,
            row.client_id.0.cast_signed(),
            address,
            row.state.name(),
            row.started_at.as_millis(),
            hook,
            birth,
            self.now().as_millis(),
            row.reason,
            row.caused_by.map(|run| run.0.cast_signed()),
            text(row.approval.as_ref())?,
        ])?;
        if intent.hook.is_some() {
            self.with_hook.insert(run.row.run_id);
        }
        self.note_run(intent, row)
    }

    pub(super) fn resume(&mut self, row: &RunRow, intent: &Intent) -> rusqlite::Result<()> {
        let statement = "UPDATE runs SET state = ?2, started = ?3, hook = ?4, birth = ?5, \
                         approval = ?6 WHERE id = ?1";
        let state = RunState::Running.name();
        let (hook, birth) = (text(intent.hook.as_ref())?, text(intent.birth.as_ref())?);
        self.connection.prepare_cached(statement)?.execute(params![
            row.run_id.0.cast_signed(),
            state,
            row.started_at.as_millis(),
            hook,
            birth,
            text(row.approval.as_ref())?,
        ])?;
        if intent.hook.is_some() {
            self.with_hook.insert(row.run_id);
        }
        self.note_run(intent, row)
    }

    pub(super) fn started(&mut self, id: RunId, first: &LeaderProcess) -> rusqlite::Result<()> {
        let statement =
            "UPDATE runs SET pid = ?2, boot = ?3, pid_start = ?4, session = ?5 WHERE id = ?1";
        let LeaderProcess { pid, boot, start, session } = first;
        self.connection
            .prepare_cached(statement)?
            .execute(params![id.0.cast_signed(), pid, boot, start.cast_signed(), session])
            .map(drop)
    }

    /// Makes a row final; `size` is that of its output on the disk.
    pub(super) fn end(&mut self, row: &RunRow, size: u64) -> rusqlite::Result<()> {
        let statement = "UPDATE runs SET state = ?2, ended = ?3, duration = ?4, exit = ?5, \
                         signal = ?6, bytes = ?7, size = size + ?8, escaped = ?9, cut = ?10, \
                         ended_by = ?11, files = ?12, approval = ?13, hook = NULL \
                         WHERE id = ?1";
        let changed = self.connection.prepare_cached(statement)?.execute(params![
            row.run_id.0.cast_signed(),
            row.state.name(),
            row.ended_at.map(Time::as_millis),
            row.duration_ms.map(u64::cast_signed),
            row.exit_code,
            row.signal,
            row.bytes.cast_signed(),
            size.cast_signed(),
            text((!row.escaped.is_empty()).then_some(&row.escaped))?,
            row.cut_at.map(u64::cast_signed),
            row.ended_by,
            text((!row.files.is_empty()).then_some(&row.files))?,
            text(row.approval.as_ref())?,
        ])?;
        self.outputs += if changed > 0 { size } else { 0 };
        Ok(())
    }

    pub(super) fn live(&mut self) -> rusqlite::Result<Vec<LostRun>> {
        let mut statement = self.connection.prepare(
            "SELECT id, hook, birth, pid, boot, pid_start, session FROM runs \
             WHERE ended IS NULL ORDER BY id",
        )?;
        let runs = statement.query_map([], |row| {
            let id = RunId(row.get::<_, i64>(0)?.cast_unsigned());
            let (hook, birth) = (of_text(row, 1)?, of_text(row, 2)?);
            let Some(pid) = row.get(3)? else {
                return Ok(LostRun { id, hook, first: None, birth });
            };
            let start = row.get::<_, i64>(5)?.cast_unsigned();
            let first = LeaderProcess { pid, boot: row.get(4)?, start, session: row.get(6)? };
            Ok(LostRun { id, hook, first: Some(first), birth })
        })?;
        let runs: Vec<LostRun> = runs.collect::<Result<_, _>>()?;
        let with_hook = runs.iter().filter(|run| run.hook.is_some()).map(|run| run.id);
        self.with_hook.extend(with_hook);
        Ok(runs)
    }

    fn now(&self) -> Time {
        self.clock.as_ref().map_or_else(Time::now, Clock::now)
    }

    /// The clock of the state directory; none: this connection only reads.
    pub(super) fn clock(&self) -> Option<&Clock> {
        self.clock.as_ref()
    }
}
