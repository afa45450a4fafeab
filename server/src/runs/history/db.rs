//! The file of rows: its tables, and the statements.

use std::path::Path;

use rusqlite::{Connection, OpenFlags, OptionalExtension, Row, params};
use serde::Serialize;
use serde::de::DeserializeOwned;
use topside_shared::rows::{RunRow, RunState};
use topside_shared::{ClientId, Pin, RunId, Time};

use super::{Filter, Intent, Past};
use crate::authorize::may_see_run;
use crate::clients::{Identity, Owner};
use crate::commands::exec::Hook;
use crate::family::{Birth, First};

/// The version of the tables, in `user_version`.
const VERSION: i64 = 2;
/// What makes the tables of version 1 those of version 2.
const FROM_1: &str =
    "ALTER TABLE runs ADD COLUMN birth TEXT; ALTER TABLE runs ADD COLUMN escaped TEXT;";
/// What a row counts for beside its arguments and its output, in bytes, towards what is kept.
const ROW: u64 = 512;

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
        escaped TEXT
    );
    CREATE INDEX runs_by_command ON runs (command);
    CREATE INDEX runs_by_user ON runs (user);
    CREATE INDEX runs_live ON runs (id) WHERE ended IS NULL;
";
const COLUMNS: &str = "id, owner, role, command, args, user, client, state, started, ended, duration, \
                       exit, signal, bytes, escaped";

/// One connection to the file.
pub(super) struct Db {
    connection: Connection,
    /// What all rows count for.
    size: u64,
}

/// A run whose server has ended under it.
pub(super) struct Lost {
    pub(super) id: RunId,
    /// What it owes.
    pub(super) hook: Option<Hook>,
    /// Its first process, if it came to that.
    pub(super) first: Option<First>,
    /// What its processes are known by, if they may have been started.
    pub(super) birth: Option<Birth>,
}

impl Db {
    /// Opens the file to write, and makes it where there is none.
    pub(super) fn open(path: &Path) -> rusqlite::Result<Self> {
        let connection = Connection::open(path)?;
        // Each commit is safe from the end of this process; the disk is waited for at checkpoints only.
        connection.execute_batch(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA cache_size = -256;",
        )?;
        let version: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
        let change = match version {
            VERSION => None,
            0 => Some(TABLES),
            1 => Some(FROM_1),
            _ => {
                let said = format!("runs.db was written by another version of Topside ({version})");
                return Err(rusqlite::Error::ToSqlConversionFailure(said.into()));
            }
        };
        if let Some(change) = change {
            connection.execute_batch(&format!(
                "BEGIN IMMEDIATE; {change} PRAGMA user_version = {VERSION}; COMMIT;"
            ))?;
        }
        let size = connection
            .query_row("SELECT coalesce(sum(size), 0) FROM runs", [], |row| row.get::<_, i64>(0))?;
        Ok(Self { connection, size: size.cast_unsigned() })
    }

    /// Opens the file to read only.
    pub(super) fn open_to_read(path: &Path) -> rusqlite::Result<Self> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        Ok(Self { connection: Connection::open_with_flags(path, flags)?, size: 0 })
    }

    /// What all rows and outputs count for, in bytes.
    pub(super) fn size(&self) -> u64 {
        self.size
    }

    /// Does something in one transaction.
    pub(super) fn together(
        &mut self,
        what: impl FnOnce(&mut Self) -> rusqlite::Result<()>,
    ) -> rusqlite::Result<()> {
        let size = self.size;
        self.execute("BEGIN IMMEDIATE")?;
        let done = what(self).and_then(|()| self.execute("COMMIT"));
        if done.is_err() {
            self.size = size;
            if !self.connection.is_autocommit() {
                self.execute("ROLLBACK")?;
            }
        }
        done
    }

    fn execute(&self, statement: &str) -> rusqlite::Result<()> {
        self.connection.prepare_cached(statement)?.execute([]).map(drop)
    }

    /// What tells this file from every other.
    pub(super) fn instance(&mut self) -> rusqlite::Result<String> {
        self.connection.execute(
            "INSERT OR IGNORE INTO about VALUES ('instance', lower(hex(randomblob(16))))",
            [],
        )?;
        self.connection
            .query_row("SELECT value FROM about WHERE name = 'instance'", [], |row| row.get(0))
    }

    /// The greatest number that may have been given out.
    pub(super) fn last_number(&self) -> rusqlite::Result<u64> {
        let last = "SELECT max(coalesce((SELECT value FROM about WHERE name = 'number'), 0), \
                    coalesce((SELECT max(id) FROM runs), 0))";
        self.connection.query_row(last, [], |row| row.get::<_, i64>(0)).map(i64::cast_unsigned)
    }

    /// Records that numbers up to `to` may be given out.
    pub(super) fn reserve(&mut self, to: u64) -> rusqlite::Result<()> {
        let statement = "INSERT INTO about VALUES ('number', ?1) \
                         ON CONFLICT DO UPDATE SET value = max(value, ?1)";
        self.connection.prepare_cached(statement)?.execute([to.cast_signed()]).map(drop)
    }

    /// Records the last number that was given out, when no more are.
    pub(super) fn set_last_number(&mut self, last: u64) -> rusqlite::Result<()> {
        let statement = "UPDATE about SET value = ?1 WHERE name = 'number'";
        self.connection.execute(statement, [last.cast_signed()]).map(drop)
    }

    /// Adds the row of a run that is about to start.
    pub(super) fn begin(
        &mut self,
        run: &Past,
        address: &str,
        intent: &Intent,
    ) -> rusqlite::Result<()> {
        let Past { owner, role, row } = run;
        let args = serde_json::to_string(&row.args).unwrap_or_default();
        let size = ROW + args.len() as u64;
        let statement = "INSERT INTO runs (id, owner, role, command, args, user, client, address, \
                         state, started, bytes, size, hook, birth) \
                         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, 0, ?11, ?12, ?13)";
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
            word(row.state),
            row.started_at.as_millis(),
            size.cast_signed(),
            hook,
            birth,
        ])?;
        self.size += size;
        Ok(())
    }

    /// Records that a queued run is about to start, and what it then owes.
    pub(super) fn resume(
        &mut self,
        id: RunId,
        started: Time,
        intent: &Intent,
    ) -> rusqlite::Result<()> {
        let statement =
            "UPDATE runs SET state = ?2, started = ?3, hook = ?4, birth = ?5 WHERE id = ?1";
        let state = word(RunState::Running);
        let (hook, birth) = (text(intent.hook.as_ref())?, text(intent.birth.as_ref())?);
        self.connection
            .prepare_cached(statement)?
            .execute(params![id.0.cast_signed(), state, started.as_millis(), hook, birth])
            .map(drop)
    }

    /// Records which process a run is.
    pub(super) fn started(&mut self, id: RunId, first: &First) -> rusqlite::Result<()> {
        let statement =
            "UPDATE runs SET pid = ?2, boot = ?3, pid_start = ?4, session = ?5 WHERE id = ?1";
        let First { pid, boot, start, session } = first;
        self.connection
            .prepare_cached(statement)?
            .execute(params![id.0.cast_signed(), pid, boot, start.cast_signed(), session])
            .map(drop)
    }

    /// Makes a row final; the file of its output has so many bytes.
    pub(super) fn end(&mut self, row: &RunRow, size: u64) -> rusqlite::Result<()> {
        let statement = "UPDATE runs SET state = ?2, ended = ?3, duration = ?4, exit = ?5, \
                         signal = ?6, bytes = ?7, size = size + ?8, escaped = ?9, hook = NULL \
                         WHERE id = ?1";
        let changed = self.connection.prepare_cached(statement)?.execute(params![
            row.run_id.0.cast_signed(),
            word(row.state),
            row.ended_at.map(Time::as_millis),
            row.duration_ms.map(u64::cast_signed),
            row.exit_code,
            row.signal,
            row.bytes.cast_signed(),
            size.cast_signed(),
            text((!row.escaped.is_empty()).then_some(&row.escaped))?,
        ])?;
        self.size += if changed > 0 { size } else { 0 };
        Ok(())
    }

    /// The runs that have not ended.
    pub(super) fn live(&self) -> rusqlite::Result<Vec<Lost>> {
        let mut statement = self.connection.prepare(
            "SELECT id, hook, birth, pid, boot, pid_start, session FROM runs \
             WHERE ended IS NULL ORDER BY id",
        )?;
        let runs = statement.query_map([], |row| {
            let id = RunId(row.get::<_, i64>(0)?.cast_unsigned());
            let (hook, birth) = (of_text(row, 1)?, of_text(row, 2)?);
            let Some(pid) = row.get(3)? else { return Ok(Lost { id, hook, first: None, birth }) };
            let start = row.get::<_, i64>(5)?.cast_unsigned();
            let first = First { pid, boot: row.get(4)?, start, session: row.get(6)? };
            Ok(Lost { id, hook, first: Some(first), birth })
        })?;
        runs.collect()
    }

    /// Takes out the ended runs that began before `oldest`, in milliseconds, and then the oldest until
    /// all count for at most `most`; which those were.
    pub(super) fn forget(
        &mut self,
        oldest: Option<i64>,
        most: Option<u64>,
    ) -> rusqlite::Result<Vec<RunId>> {
        let mut gone: Vec<i64> = Vec::new();
        let mut size = self.size;
        {
            let mut statement = self.connection.prepare_cached(
                "SELECT id, size, started FROM runs WHERE ended IS NOT NULL ORDER BY id",
            )?;
            let mut rows = statement.query([])?;
            while let Some(row) = rows.next()? {
                let started: i64 = row.get(2)?;
                let too_old = oldest.is_some_and(|oldest| started < oldest);
                if !too_old && most.is_none_or(|most| size <= most) {
                    break;
                }
                size = size.saturating_sub(row.get::<_, i64>(1)?.cast_unsigned());
                gone.push(row.get(0)?);
            }
        }
        if gone.is_empty() {
            return Ok(Vec::new());
        }
        self.together(|db| {
            let mut delete = db.connection.prepare_cached("DELETE FROM runs WHERE id = ?1")?;
            gone.iter().try_for_each(|id| delete.execute([id]).map(drop))
        })?;
        self.size = size;
        Ok(gone.into_iter().map(|id| RunId(id.cast_unsigned())).collect())
    }

    /// The rows that `filter` takes and `who` may see, newest first, at most so many.
    pub(super) fn list(
        &self,
        filter: &Filter,
        who: &Identity,
        limit: usize,
    ) -> rusqlite::Result<Vec<RunRow>> {
        let mut statement = self.connection.prepare(&format!(
            "SELECT {COLUMNS} FROM runs WHERE id < ?1 \
             AND (?2 IS NULL OR command = ?2) AND (?3 IS NULL OR user = ?3) \
             AND (?4 IS NULL OR state = ?4) ORDER BY id DESC"
        ))?;
        let before =
            filter.before.map_or(i64::MAX, |before| i64::try_from(before.0).unwrap_or(i64::MAX));
        let mut rows = statement.query(params![
            before,
            filter.command,
            filter.user,
            filter.state.map(word)
        ])?;
        let mut found = Vec::new();
        while found.len() < limit
            && let Some(row) = rows.next()?
        {
            let past = read(row)?;
            if may_see_run(who, past.owner, past.role) {
                found.push(past.row);
            }
        }
        Ok(found)
    }

    /// The run of this number.
    pub(super) fn get(&self, id: RunId) -> rusqlite::Result<Option<Past>> {
        let Ok(id) = i64::try_from(id.0) else { return Ok(None) };
        let statement = format!("SELECT {COLUMNS} FROM runs WHERE id = ?1");
        self.connection.query_row(&statement, [id], read).optional()
    }
}

fn read(row: &Row<'_>) -> rusqlite::Result<Past> {
    let number = |index| row.get::<_, Option<i64>>(index).map(|n| n.map(i64::cast_unsigned));
    let time = |index| row.get::<_, Option<i64>>(index).map(|ms| ms.map(Time::from_millis));
    let args: String = row.get(4)?;
    Ok(Past {
        owner: owner_of(&row.get::<_, String>(1)?).ok_or_else(|| strange(1))?,
        role: row.get::<_, String>(2)?.parse().map_err(|_| strange(2))?,
        row: RunRow {
            run_id: RunId(number(0)?.unwrap_or_default()),
            command: row.get(3)?,
            args: serde_json::from_str(&args).map_err(|_| strange(4))?,
            user: row.get(5)?,
            client_id: ClientId(number(6)?.unwrap_or_default()),
            state: of_word(&row.get::<_, String>(7)?).ok_or_else(|| strange(7))?,
            place: None,
            waits_for: Vec::new(),
            started_at: time(8)?.ok_or_else(|| strange(8))?,
            ended_at: time(9)?,
            duration_ms: number(10)?,
            exit_code: row.get(11)?,
            signal: row.get(12)?,
            bytes: number(13)?.unwrap_or_default(),
            escaped: of_text(row, 14)?.unwrap_or_default(),
        },
    })
}

/// A value as JSON.
fn text(value: Option<&impl Serialize>) -> rusqlite::Result<Option<String>> {
    let text = value.map(serde_json::to_string).transpose();
    text.map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))
}

fn of_text<T: DeserializeOwned>(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<T>> {
    let text: Option<String> = row.get(column)?;
    text.map(|text| serde_json::from_str(&text)).transpose().map_err(|_| strange(column))
}

/// A value that this version does not write.
fn strange(column: usize) -> rusqlite::Error {
    rusqlite::Error::IntegralValueOutOfRange(column, 0)
}

fn owner_text(owner: Owner) -> String {
    match owner {
        Owner::User(uid) => format!("uid:{uid}"),
        Owner::Key(pin) => pin.to_string(),
    }
}

fn owner_of(text: &str) -> Option<Owner> {
    match text.strip_prefix("uid:") {
        Some(uid) => uid.parse().ok().map(Owner::User),
        None => text.parse::<Pin>().ok().map(Owner::Key),
    }
}

/// A state as the wire has it.
fn word(state: RunState) -> String {
    match serde_json::to_value(state) {
        Ok(serde_json::Value::String(word)) => word,
        _ => String::new(),
    }
}

fn of_word<T: DeserializeOwned>(word: &str) -> Option<T> {
    serde_json::from_value(word.into()).ok()
}
