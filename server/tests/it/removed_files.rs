//! Files that are removed or moved under a running server: its socket, its lock files, its log.

use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::Command;

use rustix::process::Signal;
use serde_json::json;

use crate::common::program::run;
use crate::common::{Topsided, eventually};

/// Waits until the file is there.
fn appears(path: &Path) {
    eventually(&path.display().to_string(), || path.exists());
}

/// Waits until the log has this text: standard error has it first.
fn is_written(log: &Path, text: &str) {
    eventually(&format!("{text:?} in {}", log.display()), || {
        std::fs::read_to_string(log).is_ok_and(|written| written.contains(text))
    });
}

/// Waits until the socket accepts connections: its file is there a moment before.
fn accepts(topsided: &Topsided) {
    eventually("the socket is there again", || UnixStream::connect(topsided.socket()).is_ok());
}

#[test]
fn a_removed_socket_is_bound_again_on_reload() {
    let topsided = Topsided::new();
    let mut server = topsided.start();
    let mut before = server.connect();
    before.ok("ping", json!({}));
    std::fs::remove_file(topsided.socket()).unwrap();
    server.signal(Signal::HUP);
    server.says("it is bound again");
    server.connect().ok("ping", json!({}));
    // Sessions that were open go on.
    before.ok("ping", json!({}));
    server.terminate();
    assert!(!topsided.socket().exists());
}

#[test]
fn a_removed_runtime_directory_is_made_again_by_the_next_check() {
    let topsided = Topsided::new();
    let mut server = topsided.start();
    std::fs::remove_dir_all(topsided.path("run")).unwrap();
    server.says("it is bound again");
    server.connect().ok("ping", json!({}));
    // Its lock is there again too, and keeps another server out.
    let mut other = topsided.command();
    let said = run(other.env("TOPSIDE_STATE_DIR", topsided.path("other")));
    assert_eq!(said.status, Some(75), "{said:?}");
}

#[test]
fn messages_about_a_removed_socket_name_the_pid_and_a_command_that_works() {
    let topsided = Topsided::new();
    let server = topsided.start();
    std::fs::remove_file(topsided.socket()).unwrap();
    let command = format!("kill -HUP {}", server.pid());
    for args in [&[][..], &["keys"]] {
        let said = topsided.run(args);
        // The check of every few seconds may have been quicker.
        if said.status == Some(0) {
            continue;
        }
        let pid = format!("pid {}", server.pid());
        assert!(said.stderr.contains(&pid), "{args:?}: {}", said.stderr);
        assert!(
            said.stderr.contains(&command) || said.stderr.contains("`kill "),
            "{args:?}: {}",
            said.stderr
        );
        assert_eq!(said.stderr.lines().count(), 1, "{}", said.stderr);
    }
    assert_eq!(run(Command::new("sh").args(["-c", &command])).status, Some(0));
    accepts(&topsided);
    server.connect().ok("ping", json!({}));
}

/// Verbs said that no server runs.
#[test]
fn messages_about_a_replaced_socket_name_the_pid_and_what_to_move_away() {
    for is_directory in [false, true] {
        let topsided = Topsided::new();
        let server = topsided.start();
        std::fs::remove_file(topsided.socket()).unwrap();
        match is_directory {
            true => std::fs::create_dir(topsided.socket()).unwrap(),
            false => std::fs::write(topsided.socket(), "x").unwrap(),
        }
        for args in [&[][..], &["keys"]] {
            let said = topsided.run(args);
            assert_ne!(said.status, Some(0), "{args:?}");
            assert!(said.stderr.contains(&format!("pid {}", server.pid())), "{args:?}: {said:?}");
            assert!(said.stderr.contains("move it away"), "{args:?}: {said:?}");
        }
        match is_directory {
            true => std::fs::remove_dir(topsided.socket()).unwrap(),
            false => std::fs::remove_file(topsided.socket()).unwrap(),
        }
        server.signal(Signal::HUP);
        accepts(&topsided);
    }
}

#[test]
fn two_servers_never_share_a_state_although_its_lock_file_is_removed() {
    let topsided = Topsided::new();
    let mut server = topsided.start();
    let lock = topsided.path("state/state.lock");
    std::fs::remove_file(&lock).unwrap();
    let mut other = topsided.command();
    let said = run(other.env("TOPSIDE_RUNTIME_DIR", topsided.path("elsewhere")));
    assert_eq!(said.status, Some(75), "{said:?}");
    assert!(said.stderr.contains("is in use"), "{}", said.stderr);
    server.signal(Signal::HUP);
    appears(&lock);
    // The record in it is the running server's.
    let said = run(other.env("TOPSIDE_RUNTIME_DIR", topsided.path("elsewhere")));
    let (pid, socket) = (server.pid(), topsided.socket());
    assert!(said.stderr.contains(&format!("pid {pid}")), "{}", said.stderr);
    assert!(said.stderr.contains(socket.to_str().unwrap()), "{}", said.stderr);
    server.terminate();
    assert_eq!(std::fs::read_to_string(&lock).unwrap(), "");
}

#[test]
fn a_log_that_logrotate_moved_or_a_cleaner_removed_is_begun_again() {
    let topsided = Topsided::new();
    let mut server = topsided.start();
    let (log, moved) = (topsided.path("state/topsided.log"), topsided.path("state/moved"));
    is_written(&log, "server started");
    std::fs::rename(&log, &moved).unwrap();
    server.signal(Signal::HUP);
    is_written(&log, "files read again");
    assert!(std::fs::read_to_string(&moved).unwrap().contains("server started"));
    // Files that are refused do not keep the log from being begun again.
    std::fs::remove_file(&log).unwrap();
    topsided.write("server.toml", "[nonsense");
    server.signal(Signal::HUP);
    server.says("nothing changed");
    appears(&log);
    // Without a signal the next check finds it.
    std::fs::remove_file(&log).unwrap();
    appears(&log);
}

#[test]
fn a_log_that_cannot_be_written_is_reported_and_opened_once_it_can() {
    let topsided = Topsided::new();
    let log = topsided.path("state/topsided.log");
    // What stops root too.
    std::fs::create_dir_all(&log).unwrap();
    let mut server = topsided.spawn_by(topsided.command());
    let line = server.says("topsided.log cannot be written");
    assert!(line.contains("warn") && line.contains("make the file writable"), "{line}");
    server.says("server started");
    server.connect().ok("ping", json!({}));
    std::fs::remove_dir(&log).unwrap();
    server.signal(Signal::HUP);
    is_written(&log, "files read again");
}

#[test]
fn topsided_finds_its_server_without_the_variable_that_names_the_runtime_directory() {
    let topsided = Topsided::new();
    let root = topsided.path("");
    let runtime = topsided.path("login");
    std::fs::create_dir(&runtime).unwrap();
    let by = |variable: Option<&Path>| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_topsided"));
        command.env_clear().env("HOME", &root).env("PATH", "/usr/bin:/bin");
        command.env("TOPSIDE_STATE_DIR", topsided.path("state"));
        command.env("TOPSIDE_CONFIG_DIR", topsided.path("config"));
        if let Some(runtime) = variable {
            command.env("XDG_RUNTIME_DIR", runtime);
        }
        command
    };
    let server = topsided.start_by(by(Some(&runtime)));
    let said = run(by(None).arg("keys"));
    assert_eq!(said.status, Some(0), "{said:?}");
    // Asked over the socket, which the audit log of a live server shows: nothing was edited under it.
    let said = run(&mut by(None));
    assert_eq!(said.status, Some(75), "{said:?}");
    assert!(said.stderr.contains(&format!("pid {}", server.pid())), "{}", said.stderr);
}
