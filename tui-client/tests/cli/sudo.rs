//! Root with the `HOME` of another user, as some configurations of sudo leave it.

use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::process::{Command, Stdio};

use crate::common::{Ended, Place};

const USER: u32 = 54_321;

/// A home of another user, unless this is not root.
fn home(place: &Place) -> Option<std::path::PathBuf> {
    if !rustix::process::geteuid().is_root() {
        println!("skipped: needs root");
        return None;
    }
    let home = place.path("home");
    std::fs::create_dir(&home).unwrap();
    chown(&home, Some(USER), Some(USER)).unwrap();
    Some(home)
}

#[test]
fn root_does_not_write_into_the_home_of_another_user() {
    let place = Place::new();
    let Some(home) = home(&place) else { return };
    let verbs = [
        &["id"][..],
        &["add", "a", "--lan", "192.0.2.1"],
        &["run", "uptime"],
        &["status"],
        &["serve"],
        &["serve", "keys"],
        &[],
    ];
    for args in verbs {
        let mut command = Command::new(env!("CARGO_BIN_EXE_topside"));
        command.args(args).stdin(Stdio::null()).env_clear().env("HOME", &home);
        let ended: Ended = command.output().unwrap().into();
        let sentence = format!("root would write into {}", home.display());
        assert!(ended.err.contains(&sentence), "{args:?}: {ended:?}");
        assert!(ended.err.contains("sudo -H"), "{args:?}: {ended:?}");
        assert_ne!(ended.status, Some(0), "{args:?}");
        assert_eq!(std::fs::read_dir(&home).unwrap().count(), 0, "{args:?}");
    }
}

#[test]
fn a_file_that_root_rewrites_keeps_its_owner_and_its_mode() {
    let place = Place::new();
    if home(&place).is_none() {
        return;
    }
    let file = place.path("config/client.toml");
    place.verb(&["add", "a", "--lan", "192.0.2.1"]).with(0);
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o640)).unwrap();
    chown(&file, Some(USER), Some(USER)).unwrap();
    // Directories that are named are meant.
    place.verb(&["add", "b", "--lan", "192.0.2.2"]).with(0);
    let found = std::fs::metadata(&file).unwrap();
    assert_eq!((found.uid(), found.gid(), found.mode() & 0o777), (USER, USER, 0o640));
    assert!(std::fs::read_to_string(&file).unwrap().contains("192.0.2.2"));
}
