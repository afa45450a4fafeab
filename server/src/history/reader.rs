//! The one connection that reads rows. Requests for rows take turns: a connection each would take descriptors that
//! SQLite keeps open, and memory, for every request of a burst.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::Mutex;

use crate::base::blocking::blocking;
use crate::base::shortage::Shortage;
use crate::history::db::Db;
use crate::history::{Unreadable, gone};

/// How long one request may read, so that those behind it do not wait longer for it.
const PATIENCE: Duration = Duration::from_secs(5);

/// The connection, which the first request opens.
#[derive(Debug)]
pub(super) struct Reader {
    path: PathBuf,
    /// Held for one read, by the task that reads; first come, first served.
    connection: Arc<Mutex<Option<Db>>>,
}

impl Reader {
    /// Of the database at `path`.
    pub(super) fn new(path: PathBuf) -> Self {
        Self { path, connection: Arc::default() }
    }

    /// Reads something once it is its turn.
    ///
    /// # Errors
    /// [`Unreadable`].
    pub(super) async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Db) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, Unreadable> {
        let mut turn = Arc::clone(&self.connection).lock_owned().await;
        let path = self.path.clone();
        let reading = blocking(move || {
            let db = match turn.take() {
                Some(db) => db,
                None => Db::open_to_read(&path)?,
            };
            db.read_until(Instant::now() + PATIENCE)?;
            let found = read(&db);
            // After a failure the next one opens the file again.
            if found.is_ok() {
                *turn = Some(db);
            }
            found
        });
        let found = reading.await.map_err(|_| gone())?;
        found.map_err(|error| match error.sqlite_error_code() {
            Some(rusqlite::ErrorCode::OperationInterrupted) => Unreadable::Slow(PATIENCE),
            _ => Unreadable::Failed(error.to_string(), Shortage::cause(&error)),
        })
    }
}
