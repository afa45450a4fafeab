//! Disk space of outputs and rows: measures it, and frees it.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use topside_shared::RunId;

use crate::history::db::Db;
use crate::output::disk_bytes;

const PAGE: u64 = 4096;
/// The end of the name of the file that the connections share.
const SHARED: &str = "-shm";
/// Fewest and most pages of the write-ahead log before a checkpoint.
const LOG_PAGES: (u64, u64) = (16, 1000);
/// How long one step of a deletion takes: a run that begins or ends waits for the step that is under way.
const STEP: Duration = Duration::from_millis(4);
/// Most runs that are deleted in one step.
const FORGOTTEN: usize = 500;
/// Pages that are freed between two looks at the clock.
const FREED_PAGES: u64 = 16;
/// How long a statement waits for another connection.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);

impl Db {
    /// Bytes on the disk of all outputs, and of `runs.db` with its log.
    pub(crate) fn space(&self) -> u64 {
        self.outputs + self.files()
    }

    fn files(&self) -> u64 {
        ["", "-wal", SHARED].into_iter().map(|end| self.file(end)).sum()
    }

    /// Bytes on the disk of a file beside `runs.db`, which has its name with this end.
    fn file(&self, end: &str) -> u64 {
        let mut name = OsString::from(&self.path);
        name.push(end);
        disk_bytes(&PathBuf::from(name)).unwrap_or(0)
    }

    /// Keeps the write-ahead log small against the limit of all.
    pub(crate) fn bound_log(&self, most: Option<u64>) -> rusqlite::Result<()> {
        let (fewest, usual) = LOG_PAGES;
        let pages = most.map_or(usual, |most| (most / 8 / PAGE).clamp(fewest, usual));
        self.connection.execute_batch(&format!(
            "PRAGMA wal_autocheckpoint = {pages}; PRAGMA journal_size_limit = {};",
            pages * PAGE
        ))
    }

    /// One step of a deletion: some of the ended runs that are older than `keep`, or of the oldest if all take more than `most`;
    /// or, when none of these is left, some of the space that they took. Returns the ids of the runs, and whether there is
    /// more to do: a run that begins or ends waits for one step, not for all.
    pub(crate) fn forget(
        &mut self,
        keep: Option<Duration>,
        most: Option<u64>,
    ) -> rusqlite::Result<(Vec<RunId>, bool)> {
        let until = Instant::now() + STEP;
        let now = self.now().as_millis();
        let ms = |keep: Duration| i64::try_from(keep.as_millis()).unwrap_or(i64::MAX);
        let mut gone = Vec::new();
        if let Some(keep) = keep {
            gone = self.too_old(now.saturating_sub(ms(keep)))?;
        }
        if let Some(most) = most.filter(|_| gone.is_empty()) {
            gone = self.too_large(most)?;
        }
        if gone.is_empty() {
            // Free pages and the log may be the whole excess.
            if self.has_deleted || most.is_some_and(|most| self.space() > most) {
                self.has_deleted = self.give_back(until).unwrap_or_else(|error| {
                    tracing::warn!(target: "topside", %error, "the space of old runs stays in runs.db");
                    false
                });
            }
            return Ok((Vec::new(), self.has_deleted));
        }
        let mut deleted = 0;
        self.together(|db| {
            let mut delete = db.connection.prepare_cached("DELETE FROM runs WHERE id = ?1")?;
            for (id, size) in &gone {
                delete.execute([id])?;
                db.outputs = db.outputs.saturating_sub(*size);
                deleted += 1;
                if Instant::now() >= until {
                    break;
                }
            }
            Ok(())
        })?;
        self.has_deleted = true;
        let gone = gone.into_iter().take(deleted);
        Ok((gone.map(|(id, _)| RunId(id.cast_unsigned())).collect(), true))
    }

    /// Runs from before this time, each with the size of its output. By age, not by id: a clock that was ahead for a while
    /// leaves old rows behind one that seems young.
    fn too_old(&self, oldest: i64) -> rusqlite::Result<Vec<(i64, u64)>> {
        let mut statement = self.connection.prepare_cached(
            "SELECT id, size FROM runs WHERE aged_from < ?1 AND ended IS NOT NULL LIMIT ?2",
        )?;
        let rows = statement.query_map([oldest, FORGOTTEN as i64], id_and_size)?;
        rows.collect()
    }

    /// The oldest runs, until all would take less than `most`. Free pages and the write-ahead log do not count: they are given
    /// back afterwards.
    fn too_large(&mut self, most: u64) -> rusqlite::Result<Vec<(i64, u64)>> {
        let rows = self.bytes_of_rows()?;
        let mut space = self.outputs + rows + self.file(SHARED);
        self.shrinks |= space > most;
        // Some more, so that not each run that ends exceeds the limit again.
        let enough = if self.shrinks { most - most / 16 } else { most };
        let mut gone = Vec::new();
        if space > enough {
            let share = rows / self.count_at_most()?;
            let mut statement = self.connection.prepare_cached(
                "SELECT id, size FROM runs WHERE ended IS NOT NULL ORDER BY id LIMIT ?1",
            )?;
            let mut rows = statement.query_map([FORGOTTEN as i64], id_and_size)?;
            while space > enough
                && let Some(row) = rows.next().transpose()?
            {
                space = space.saturating_sub(row.1 + share);
                gone.push(row);
            }
        }
        self.shrinks &= !gone.is_empty();
        Ok(gone)
    }

    /// Bytes of the pages that are in use.
    fn bytes_of_rows(&self) -> rusqlite::Result<u64> {
        let used = self.pragma("page_count")?.saturating_sub(self.pragma("freelist_count")?);
        Ok(used * self.pragma("page_size")?)
    }

    /// The number of rows, at most: ids that were skipped count as rows.
    fn count_at_most(&self) -> rusqlite::Result<u64> {
        // One subquery for each: with both in one query SQLite reads all rows.
        let rows =
            "SELECT coalesce((SELECT max(id) FROM runs) - (SELECT min(id) FROM runs) + 1, 1)";
        self.connection.query_row(rows, [], |row| row.get::<_, i64>(0)).map(i64::cast_unsigned)
    }

    /// Returns free pages to the disk until this time, and when none is left the write-ahead log; whether pages are left.
    fn give_back(&self, until: Instant) -> rusqlite::Result<bool> {
        let mut free = self.pragma("freelist_count")?;
        if free > 0 && self.pragma("auto_vacuum")? == 2 {
            let some = format!("PRAGMA incremental_vacuum({FREED_PAGES})");
            let mut statement = self.connection.prepare_cached(&some)?;
            loop {
                let mut steps = statement.query([])?;
                // Each step frees one page.
                while steps.next()?.is_some() {}
                let before = std::mem::replace(&mut free, self.pragma("freelist_count")?);
                if free == 0 || free >= before {
                    break;
                }
                if Instant::now() >= until {
                    return Ok(true);
                }
            }
        } else if free > 0 {
            // A database of an earlier version is rebuilt when the first pages become free, and is incremental
            // afterwards.
            self.connection.execute_batch("PRAGMA auto_vacuum = INCREMENTAL; VACUUM")?;
        }
        // It does not wait for a reader: the next time will do.
        self.connection.busy_timeout(Duration::ZERO)?;
        let moved = self.connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
        self.connection.busy_timeout(PATIENCE)?;
        moved.map(|()| false)
    }

    fn pragma(&self, name: &str) -> rusqlite::Result<u64> {
        self.connection
            .pragma_query_value(None, name, |row| row.get::<_, i64>(0))
            .map(i64::cast_unsigned)
    }
}

fn id_and_size(row: &rusqlite::Row<'_>) -> rusqlite::Result<(i64, u64)> {
    Ok((row.get(0)?, row.get::<_, i64>(1)?.cast_unsigned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Bugs of SQLite up to 3.51.2 lose rows of a write-ahead log that two connections reset at once.
    #[test]
    fn sqlite_is_new_enough() {
        assert!(rusqlite::version_number() >= 3_051_003, "{}", rusqlite::version());
    }

    #[test]
    fn the_database_shrinks_when_rows_go_also_one_of_an_earlier_version() {
        for incremental in [true, false] {
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join("runs.db");
            if !incremental {
                let old = rusqlite::Connection::open(&path).unwrap();
                old.execute_batch("CREATE TABLE other (x); DROP TABLE other;").unwrap();
            }
            let mut db = Db::open(&path).unwrap();
            assert_eq!(db.pragma("auto_vacuum").unwrap() == 2, incremental);
            db.connection
                .execute_batch(
                    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5000) \
                     INSERT INTO runs (id, owner, role, command, args, user, client, address, state, \
                     started, aged_from, ended, bytes, size) SELECT i, 'uid:1', 'viewer', 'x', hex(zeroblob(100)), \
                     'ann', 1, 'pid 1', 'succeeded', i, i, i, 0, 0 FROM n",
                )
                .unwrap();
            assert!(!db.give_back(Instant::now() + PATIENCE).unwrap());
            let full = db.files();
            assert!(full > 1 << 20, "{full}");
            let mut gone = Vec::new();
            loop {
                let (some, more) = db.forget(None, Some(full / 4)).unwrap();
                assert!(some.len() <= FORGOTTEN, "{}", some.len());
                gone.extend(some);
                if !more {
                    break;
                }
            }
            assert!(gone.len() > 3_000 && gone.len() < 4_500, "{}", gone.len());
            assert!(db.space() <= full / 4, "{} of {full}, {incremental}", db.space());
            assert_eq!(db.pragma("auto_vacuum").unwrap(), 2);
            assert_eq!(db.forget(None, Some(full / 4)).unwrap(), (Vec::new(), false));
        }
    }
}
