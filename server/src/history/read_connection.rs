//! The connection that reads rows. Requests take turns: a connection each would cost descriptors and memory for every
//! request of a burst.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::Mutex;

use crate::base::blocking::blocking;
use crate::base::shortage::Shortage;
use crate::history::db::Db;
use crate::history::{Unreadable, thread_ended};

/// Time limit of one read, for those that wait behind it.
const PATIENCE: Duration = Duration::from_secs(5);

/// The connection, opened by the first request.
#[derive(Debug)]
pub(super) struct ReadConnection {
    path: PathBuf,
    /// Held for one read, first come, first served.
    connection: Arc<Mutex<Option<Db>>>,
}

impl ReadConnection {
    pub(super) fn new(path: PathBuf) -> Self {
        Self { path, connection: Arc::default() }
    }

    /// Closes the connection, unless a read goes on: the last connection of a file empties its write-ahead log.
    pub(super) fn close(&self) {
        if let Ok(mut connection) = self.connection.try_lock() {
            connection.take();
        }
    }

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
            // After an error the next request opens the file again.
            if found.is_ok() {
                *turn = Some(db);
            }
            found
        });
        let found = reading.await.map_err(|_| thread_ended())?;
        found.map_err(|error| match error.sqlite_error_code() {
            Some(rusqlite::ErrorCode::OperationInterrupted) => Unreadable::Slow(PATIENCE),
            _ => Unreadable::Failed(error.to_string(), Shortage::cause(&error)),
        })
    }
}
