//! Cache of the last menu of each server, for completion in a shell, which does not connect.
//!
//! A file that is too large, too old or malformed counts as absent, and a write error is ignored.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use topside_shared::command::Command;
use topside_shared::methods::{MAX_MENU, Menu};

use super::history_file::file_name;
use super::state_file::{metadata, read, write_cached};

/// A larger file is neither written nor read. Any menu of a server fits, with its built-ins.
const MAX_BYTES: usize = MAX_MENU + 64 * 1024;
/// An older file is not read: the server has probably gone, or this user has no access any more.
const MAX_AGE: Duration = Duration::from_secs(90 * 24 * 60 * 60);
/// The same menu is written again after this time, so that its file does not become too old.
const FRESH: Duration = Duration::from_secs(24 * 60 * 60);

/// Stores the menu of `server` under the state directory; removes the stored one if the new one is too large.
pub(crate) fn keep(state: &Path, server: &str, menu: &Menu) {
    let path = path(state, server);
    let Ok(text) = serde_json::to_string(&menu.commands) else { return };
    if text.len() > MAX_BYTES {
        let _ = std::fs::remove_file(path);
        return;
    }
    let fresh = is_younger(&path, FRESH);
    if fresh && std::fs::read(&path).is_ok_and(|bytes| bytes == text.as_bytes()) {
        return;
    }
    write_cached(&path, &text);
}

/// The stored commands of `server`; empty where there are none.
pub(crate) fn kept(state: &Path, server: &str) -> Vec<Command> {
    let path = path(state, server);
    let commands = is_younger(&path, MAX_AGE).then(|| read(&path, MAX_BYTES as u64));
    commands.flatten().unwrap_or_default()
}

fn path(state: &Path, server: &str) -> PathBuf {
    state.join("menus").join(file_name(server))
}

/// Whether a stored menu can be read, and is younger than this; a time in the future counts as now.
fn is_younger(path: &Path, limit: Duration) -> bool {
    let Some(found) = metadata(path, MAX_BYTES as u64) else { return false };
    let written = found.modified().unwrap_or(SystemTime::UNIX_EPOCH);
    SystemTime::now().duration_since(written).unwrap_or_default() < limit
}

#[cfg(test)]
mod tests {
    use std::fs::File;

    use super::*;

    fn menu(description: &str) -> Menu {
        let description = description.to_owned();
        let command = Command { name: "zones".into(), description, ..Command::default() };
        Menu { revision: 3, commands: vec![command], next: None }
    }

    #[test]
    fn the_last_menu_of_each_server_is_kept() {
        let state = tempfile::tempdir().unwrap();
        assert!(kept(state.path(), "garden").is_empty());
        keep(state.path(), "garden", &menu("old"));
        keep(state.path(), "garden", &menu("new"));
        assert_eq!(kept(state.path(), "garden"), menu("new").commands);
        assert!(kept(state.path(), "Garden").is_empty());
    }

    #[test]
    fn a_menu_of_the_largest_size_is_kept_and_a_larger_one_is_not_nor_is_the_last() {
        let state = tempfile::tempdir().unwrap();
        let rest = serde_json::to_string(&menu("").commands).unwrap().len();
        let key = "\"description\":\"\",".len();
        let most = menu(&"x".repeat(MAX_BYTES - rest - key));
        keep(state.path(), "garden", &most);
        assert_eq!(
            std::fs::metadata(path(state.path(), "garden")).unwrap().len(),
            MAX_BYTES as u64
        );
        assert_eq!(kept(state.path(), "garden"), most.commands);
        keep(state.path(), "garden", &menu(&"x".repeat(MAX_BYTES - rest - key + 1)));
        assert!(kept(state.path(), "garden").is_empty());
    }

    #[test]
    fn what_is_broken_old_or_no_file_is_as_if_there_were_none() {
        let state = tempfile::tempdir().unwrap();
        keep(state.path(), "garden", &menu(""));
        let path = path(state.path(), "garden");
        let file = File::options().write(true).open(&path).unwrap();
        let ago = |age| SystemTime::now() - age;
        file.set_modified(ago(MAX_AGE - Duration::from_secs(60))).unwrap();
        assert_eq!(kept(state.path(), "garden").len(), 1);
        file.set_modified(ago(MAX_AGE)).unwrap();
        assert!(kept(state.path(), "garden").is_empty());
        // Seen again, it is as new, though it is the same.
        keep(state.path(), "garden", &menu(""));
        assert_eq!(kept(state.path(), "garden").len(), 1);
        let whole = std::fs::read(&path).unwrap();
        for end in 0..whole.len() {
            std::fs::write(&path, &whole[..end]).unwrap();
            assert!(kept(state.path(), "garden").is_empty(), "cut at {end}");
        }
        std::fs::remove_file(&path).unwrap();
        std::fs::create_dir(&path).unwrap();
        assert!(kept(state.path(), "garden").is_empty());
        keep(state.path(), "garden", &menu(""));
    }
    #[test]
    fn a_pipe_of_that_name_does_not_block_and_the_file_is_this_users_own() {
        use std::os::unix::fs::PermissionsExt;
        let state = tempfile::tempdir().unwrap();
        let state = &state.path().join("new");
        keep(state, "garden", &menu(""));
        let path = path(state, "garden");
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&path), mode(path.parent().unwrap())), (0o600, 0o700));
        std::fs::remove_file(&path).unwrap();
        let made = std::process::Command::new("mkfifo").arg(&path).status().unwrap();
        assert!(made.success());
        assert!(kept(state, "garden").is_empty());
    }
}
