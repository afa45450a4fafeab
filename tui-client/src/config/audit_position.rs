//! The greatest audit entry that each server has shown to this device.
//!
//! A server that shows a smaller one, or another hash for the same one, has lost entries or runs on a changed log.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use topside_shared::methods::AuditEnd;

use super::history_file::file_name;
use super::state_file::{read, write_cached};

/// A larger file is not written by this program.
const MAX_BYTES: u64 = 1024;

/// What is stored for one server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Seen {
    seq: u64,
    hash: String,
    /// The server's key; another key is another server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pin: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AuditOf {
    /// The saved server's name, or the socket of a server on this machine.
    pub(crate) server: String,
    pub(crate) pin: Option<String>,
}

impl AuditOf {
    /// Stores what the server shows now, if it is newer than what it showed before. Returns a warning if it is older, or if
    /// the same entry has another hash; then the stored value stays, so that each later connection warns too.
    pub(crate) fn check(&self, state: &Path, shown: &AuditEnd) -> Option<String> {
        if !is_hash(&shown.hash) {
            return None;
        }
        let path = self.path(state);
        let seen = read(&path, MAX_BYTES).filter(|seen: &Seen| seen.pin == self.pin);
        let AuditEnd { seq, hash } = shown;
        let problem = match &seen {
            Some(seen) if *seq < seen.seq => format!(
                "The audit log of this server ends at entry {seq}, and this device has seen entry {}: entries were \
                 removed, or the log was begun anew",
                seen.seq
            ),
            Some(seen) if *seq == seen.seq && *hash != seen.hash => format!(
                "Entry {seq} of this server's audit log is not the one that this device has seen before: the log was \
                 changed"
            ),
            Some(seen) if *seq == seen.seq => return None,
            _ => {
                self.keep(&path, shown);
                return None;
            }
        };
        Some(format!(
            "{problem}. `topsided audit verify` on the server says more. If it was begun anew on purpose, remove {}",
            path.display()
        ))
    }

    fn path(&self, state: &Path) -> PathBuf {
        state.join("audit-seen").join(file_name(&self.server))
    }

    /// An error is ignored: then the next connection counts as the first.
    fn keep(&self, path: &Path, shown: &AuditEnd) {
        let seen = Seen { seq: shown.seq, hash: shown.hash.clone(), pin: self.pin.clone() };
        // Each run may add an entry: a sync would take longer than the whole run.
        if let Ok(json) = serde_json::to_string(&seen) {
            write_cached(path, &json);
        }
    }
}

fn is_hash(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn end(seq: u64, digit: &str) -> AuditEnd {
        AuditEnd { seq, hash: digit.repeat(64) }
    }

    fn of(server: &str, pin: Option<&str>) -> AuditOf {
        AuditOf { server: server.into(), pin: pin.map(str::to_owned) }
    }

    #[test]
    fn a_server_that_shows_less_or_another_hash_is_warned_about_until_it_shows_more() {
        let state = tempfile::tempdir().unwrap();
        let check = |seq, digit| of("garden", Some("a")).check(state.path(), &end(seq, digit));
        assert_eq!(check(0, "0"), None);
        assert_eq!(check(7, "1"), None);
        assert_eq!(check(7, "1"), None);
        for _ in 0..2 {
            let less = check(6, "2").unwrap();
            assert!(less.contains("ends at entry 6") && less.contains("seen entry 7"), "{less}");
            let other = check(7, "2").unwrap();
            assert!(other.contains("Entry 7"), "{other}");
        }
        assert_eq!(check(8, "3"), None);
        assert!(check(7, "1").is_some());
    }

    #[test]
    fn servers_are_distinguished_by_name_and_by_key() {
        let state = tempfile::tempdir().unwrap();
        let check = |server, pin, seq| of(server, pin).check(state.path(), &end(seq, "1"));
        assert_eq!(check("garden", Some("a"), 7), None);
        assert_eq!(check("Garden", Some("a"), 1), None);
        // Installed anew and paired again.
        assert_eq!(check("garden", Some("b"), 1), None);
        assert!(check("garden", Some("b"), 0).is_some());
    }

    #[test]
    fn a_broken_memory_is_none_and_what_is_no_hash_is_ignored() {
        let state = tempfile::tempdir().unwrap();
        let garden = of("garden", None);
        assert_eq!(garden.check(state.path(), &end(7, "1")), None);
        let path = garden.path(state.path());
        let text = std::fs::read_to_string(&path).unwrap();
        for length in 0..text.len() {
            std::fs::write(&path, &text[..length]).unwrap();
            assert_eq!(garden.check(state.path(), &end(7, "1")), None, "cut at {length}");
        }
        assert!(garden.check(state.path(), &end(6, "1")).is_some());
        for digits in ["", "\u{1b}", "A", "11"] {
            assert_eq!(garden.check(state.path(), &end(6, digits)), None, "{digits:?}");
        }
    }
}
