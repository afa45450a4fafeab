//! Verbs of `topsided` on a machine with a packaged server, with sudo and without.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};
use std::path::Path;

use crate::common::eventually;
use crate::common::service::{ORDINARY_USER, PackagedDirs, SERVER_USER};

/// Regression: without sudo the verbs went to the socket of the service and said "Permission denied".
#[test]
fn a_verb_without_sudo_says_what_to_type_for_the_service() {
    let Some(mut dirs) = PackagedDirs::new() else { return };
    for running in [false, true] {
        if running {
            dirs.start();
        }
        let verbs: [&[&str]; 5] = [
            &["keys"],
            &["invite", "--name", "the phone", "--role", "viewer"],
            &["token", "--name", "cron", "--role", "viewer", "--commands", "uptime"],
            &["revoke", "phone"],
            &["id"],
        ];
        for args in verbs {
            let said = dirs.ordinary(args);
            assert_eq!(
                (said.status, said.stdout.as_str()),
                (Some(1), ""),
                "{args:?}: {}",
                said.stderr
            );
            let typed = format!("`sudo topsided {}", args[0]);
            assert!(said.stderr.contains(&typed), "{args:?}: {}", said.stderr);
            assert!(!said.stderr.contains("Permission denied"), "{}", said.stderr);
        }
        assert!(
            dirs.ordinary(verbs[1])
                .stderr
                .contains("`sudo topsided invite --name 'the phone' --role viewer`"),
            "what is to be typed can be copied"
        );
        for args in [&["audit", "verify"][..], &["audit", "show"]] {
            let said = dirs.ordinary(args);
            assert_eq!(said.status, Some(66), "{args:?}: {}", said.stderr);
            assert!(said.stderr.contains("`sudo topsided audit"), "{}", said.stderr);
        }
        for args in [&["check"][..], &["config", "path"], &["config", "show"], &["doctor"]] {
            let said = dirs.ordinary(args);
            assert!(said.stderr.contains("`sudo topsided "), "{args:?}: {}", said.stderr);
            // What a firewall's own program says to a user who is not root is another matter.
            assert!(!said.stdout.contains("Permission denied (os"), "{args:?}: {}", said.stdout);
        }
    }
    let invite = "`sudo topsided invite --name phone --role operator`";
    assert!(dirs.sudo(&["keys"]).stdout.contains(invite));
    // The server runs, and it was said to be needed.
    let said = dirs.sudo(&["id"]);
    assert_eq!(said.status, Some(1), "{}", said.stderr);
    assert!(said.stderr.contains("no key yet") && said.stderr.contains(invite), "{}", said.stderr);
}

#[test]
fn a_user_with_a_server_of_the_own_reaches_that_without_sudo() {
    let Some(mut dirs) = PackagedDirs::new() else { return };
    dirs.start();
    // The record of an earlier server.
    let state = dirs.path("run/home/.local/state/topside");
    fs::create_dir_all(&state).unwrap();
    fs::write(state.join("state.lock"), "").unwrap();
    for directory in state.ancestors().take(4) {
        chown(directory, Some(ORDINARY_USER), None).unwrap();
    }
    fs::set_permissions(&state, fs::Permissions::from_mode(0o700)).unwrap();
    chown(state.join("state.lock"), Some(ORDINARY_USER), None).unwrap();
    let said = dirs.ordinary(&["keys"]);
    assert_eq!(said.status, Some(0), "{}", said.stderr);
    assert!(
        said.stdout.contains("`topsided invite --name phone --role operator`"),
        "{}",
        said.stdout
    );
}

/// Regression: the verbs left out the socket of the running server, and said that another server has it.
#[test]
fn a_server_with_only_its_runtime_directory_at_the_packaged_place_is_found() {
    let Some(mut dirs) = PackagedDirs::new() else { return };
    chown(dirs.path("run/topside"), Some(0), None).unwrap();
    dirs.start_own();
    let said = dirs.own(&["keys"]);
    assert_eq!(said.status, Some(0), "{}", said.stderr);
    let made = dirs.own(&["invite", "--name", "phone", "--role", "viewer"]);
    assert_eq!(made.status, Some(0), "{}", made.stderr);
    let doctor = dirs.own(&["doctor"]).stdout;
    assert!(doctor.contains("/run/topside/topsided.sock"), "{doctor}");
}

/// Regression: it was said to belong to "the user ?" where its directory could not be looked at.
#[test]
fn a_socket_that_may_not_be_used_names_the_user_also_behind_a_closed_directory() {
    let Some(dirs) = PackagedDirs::new() else { return };
    let hidden = dirs.path("run/topside/hidden");
    fs::create_dir(&hidden).unwrap();
    chown(&hidden, Some(SERVER_USER), None).unwrap();
    for runtime in ["/run/topside", "/run/topside/hidden", "/run/topside/hidden/not-there"] {
        let said = dirs.ordinary_at(runtime, &["keys"]);
        assert_eq!(said.status, Some(1), "{}", said.stderr);
        let by = format!(
            "may be used by the user {SERVER_USER} only: run this as that user, or with sudo"
        );
        assert!(said.stderr.contains(&by), "{runtime}: {}", said.stderr);
        let doctor = dirs.ordinary_at(runtime, &["doctor"]).stdout;
        assert!(doctor.contains(&by), "{runtime}: {doctor}");
    }
}

#[test]
fn root_reads_the_audit_log_of_the_service_and_status_1_is_damage_only() {
    let Some(mut dirs) = PackagedDirs::new() else { return };
    assert_eq!(dirs.sudo(&["audit", "show"]).status, Some(66), "nothing is recorded yet");
    assert_eq!(dirs.sudo(&["audit", "verify"]).status, Some(66));
    dirs.start();
    let said = dirs.sudo(&["audit", "verify"]);
    assert_eq!(said.status, Some(0), "{}", said.stderr);
    assert!(said.stdout.contains("Audit log intact"), "{}", said.stdout);
    let said = dirs.sudo(&["audit", "show"]);
    assert_eq!(said.status, Some(0), "{}", said.stderr);
    assert!(said.stdout.contains("server/started"), "{}", said.stdout);
    // Nothing was changed.
    let log = dirs.path("var/lib/topside/audit.jsonl");
    let owner = |path: &Path| fs::metadata(path).unwrap().uid();
    assert_eq!(owner(&log), SERVER_USER);
    for entry in fs::read_dir(dirs.path("var/lib/topside")).unwrap() {
        assert_eq!(owner(&entry.unwrap().path()), SERVER_USER);
    }

    eventually("the head covers the first line", || {
        let head = fs::read_to_string(dirs.path("var/lib/topside/audit.head")).unwrap();
        head.split(' ').next().is_some_and(|seq| seq.parse::<u64>().is_ok_and(|seq| seq > 0))
    });
    let text = fs::read_to_string(&log).unwrap();
    fs::write(&log, text.replacen("server/started", "server/startex", 1)).unwrap();
    let said = dirs.sudo(&["audit", "verify"]);
    assert_eq!(said.status, Some(1), "{}", said.stderr);
    assert!(said.stderr.contains("not intact"), "{}", said.stderr);
}

/// Regression: a full disk behind standard output was reported as a log that cannot be read.
#[test]
fn output_of_the_audit_verbs_that_cannot_be_written_has_a_status_of_its_own() {
    let topsided = crate::audit::some();
    for args in [&["audit", "verify"][..], &["audit", "show"]] {
        let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let ended = topsided.command().args(args).stdout(full).output().unwrap();
        let said = String::from_utf8(ended.stderr).unwrap();
        assert_eq!(ended.status.code(), Some(74), "{args:?}: {said}");
        assert!(said.contains("the output cannot be written"), "{said}");
        // A reader that closes its pipe wants no more.
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let ended = topsided.command().args(args).stdout(writer).output().unwrap();
        assert_eq!(ended.status.code(), Some(0), "{args:?}: {ended:?}");
    }
}
