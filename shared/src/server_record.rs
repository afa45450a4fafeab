//! Record of a running server: its pid and where its socket is. The server keeps it in its lock files, so that
//! other programs of this machine find the server, and can name it.

use std::fmt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// What a running server writes into its lock files: one JSON object in one line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServerRecord {
    /// The process.
    pub pid: u32,
    /// The socket that it serves; absent while it starts or ends, and where a verb holds the lock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub socket: Option<PathBuf>,
    /// Whether SIGHUP makes it read its files again; the server inside `topside` has no such signal.
    #[serde(default)]
    pub reloads: bool,
}

/// Largest file that is read as a record, in bytes.
const MAX_RECORD: usize = 8 * 1024;

impl ServerRecord {
    /// The record of this process, which serves no socket yet.
    pub fn of_this_process() -> Self {
        Self { pid: std::process::id(), socket: None, reloads: false }
    }

    /// Reads the record in a lock file. A file that holds none, as those of earlier versions do, gives `None`.
    pub fn read(lock_file: &Path) -> Option<Self> {
        let text = std::fs::read(lock_file).ok().filter(|text| text.len() <= MAX_RECORD)?;
        serde_json::from_slice(&text).ok()
    }

    /// Whether it is the server inside a `topside` program, which ends with it.
    pub fn is_in_screen(&self) -> bool {
        self.socket.is_some() && !self.reloads
    }

    /// The line that is written into a lock file.
    pub fn to_line(&self) -> String {
        // A path that is not UTF-8 cannot be JSON: the pid alone still helps.
        let json = serde_json::to_string(self)
            .or_else(|_| serde_json::to_string(&Self { socket: None, ..self.clone() }));
        format!("{}\n", json.unwrap_or_default())
    }

    /// The socket, where its file was removed under the running server, or replaced by a file or a directory.
    pub fn removed_socket(&self) -> Option<&Path> {
        self.socket.as_deref().filter(|socket| !socket.exists() || is_replaced(socket))
    }
}

/// What to do about this server: the end of a sentence that has named its pid.
impl fmt::Display for ServerRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let pid = self.pid;
        let Some(socket) = self.removed_socket() else {
            if self.is_in_screen() {
                return write!(
                    f,
                    "join it with `topside`, or leave that program, which ends it, and start `topsided` again"
                );
            }
            return write!(f, "stop it first with `kill {pid}`");
        };
        let replaced = is_replaced(socket);
        let socket = socket.display();
        if replaced {
            return write!(
                f,
                "{socket} is no longer its socket: move it away, and the socket is bound again within {CHECK_SECONDS} s"
            );
        }
        write!(f, "its socket {socket} was removed and is bound again within {CHECK_SECONDS} s")?;
        if self.reloads { write!(f, ", or at once after `kill -HUP {pid}`") } else { Ok(()) }
    }
}

/// Whether something that is no socket has taken the place of a socket.
fn is_replaced(socket: &Path) -> bool {
    socket.is_file() || socket.is_dir()
}

/// How often a server checks that its socket, its lock files and its log are still there, in seconds.
pub const CHECK_SECONDS: u64 = 5;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_survives_its_file_and_an_empty_file_holds_none() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("state.lock");
        assert_eq!(ServerRecord::read(&file), None);
        std::fs::write(&file, "").unwrap();
        assert_eq!(ServerRecord::read(&file), None);
        let socket = Some(dir.path().join("topsided.sock"));
        let record = ServerRecord { pid: 7, socket, reloads: true };
        std::fs::write(&file, record.to_line()).unwrap();
        assert_eq!(ServerRecord::read(&file), Some(record));
    }

    #[test]
    fn the_advice_for_a_removed_socket_names_the_signal_only_where_it_works() {
        let socket = Some(PathBuf::from("/no/such/socket"));
        let record = ServerRecord { pid: 7, socket, reloads: true };
        assert!(record.to_string().ends_with("`kill -HUP 7`"), "{record}");
        let embedded = ServerRecord { reloads: false, ..record };
        assert!(embedded.to_string().ends_with("bound again within 5 s"), "{embedded}");
        let starting = ServerRecord::of_this_process();
        assert!(starting.to_string().contains("`kill "), "{starting}");
    }
}
