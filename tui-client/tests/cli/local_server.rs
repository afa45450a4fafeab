//! Finding the server of this machine: without `XDG_RUNTIME_DIR`, and where its socket was removed.

use std::path::Path;
use std::process::{Command, Stdio};

use crate::common::{Ended, Place, eventually};

/// `topside` as a script of cron starts it, or a login session with its runtime directory.
fn topside(place: &Place, runtime: Option<&Path>, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_topside"));
    command.args(args).stdin(Stdio::null()).env_clear().env("PATH", "/usr/bin:/bin");
    command.env("HOME", place.path("home"));
    if let Some(runtime) = runtime {
        command.env("XDG_RUNTIME_DIR", runtime);
    }
    command
}

#[test]
fn verbs_and_the_line_client_find_a_server_of_a_login_session_without_xdg_runtime_dir() {
    let place = Place::new();
    std::fs::create_dir(place.path("home")).unwrap();
    let runtime = place.path("run");
    let mut serve = topside(&place, Some(&runtime), &["serve"]);
    let server = place.serve_by(&mut serve);
    for args in [&["status"][..], &["run", "uptime"], &["clients"]] {
        let ended: Ended = topside(&place, None, args).output().unwrap().into();
        ended.with(0);
    }
    let ended: Ended = topside(&place, None, &["status", "--json"]).output().unwrap().into();
    let told = ended.with(0).out;
    assert!(told.contains(runtime.join("topside/topsided.sock").to_str().unwrap()), "{told}");
    drop(server);
    // An orderly end takes its record away.
    let ended: Ended = topside(&place, None, &["status"]).output().unwrap().into();
    let ended = ended.with(125);
    assert!(ended.err.contains("no server runs") && !ended.err.contains("login"), "{ended:?}");
}

#[test]
fn a_verb_that_finds_no_socket_of_a_running_server_names_its_pid_and_a_command() {
    let place = Place::new();
    let server = place.serve();
    std::fs::remove_dir_all(place.path("run")).unwrap();
    let ended = place.verb(&["status"]);
    if ended.err.is_empty() {
        // The server's own check was quicker.
        return;
    }
    let ended = ended.with(125);
    let command = format!("kill -HUP {}", server.pid());
    assert!(ended.err.contains("was removed") && ended.err.contains(&command), "{ended:?}");
    let done = Command::new("sh").args(["-c", &command]).status().unwrap();
    assert!(done.success());
    // Its file is there a moment before it can be connected to.
    eventually("the socket is there again", || {
        std::os::unix::net::UnixStream::connect(place.socket()).is_ok()
    });
    place.verb(&["status"]).with(0);
}

#[test]
fn a_server_beside_a_screen_that_has_one_says_what_it_is_and_what_to_do() {
    let place = Place::new();
    // The line client starts a server inside itself, as a screen does.
    let mut screen = place.start(&[]);
    screen.write("echo one\n");
    assert_eq!(screen.line(), "one\n");
    let ended = place.verb(&["serve"]).with(75);
    assert!(ended.err.contains("inside a `topside` program"), "{ended:?}");
    assert!(ended.err.contains("join it with `topside`"), "{ended:?}");
    assert!(!ended.err.contains("kill "), "{ended:?}");
    assert_eq!(ended.err.matches("topsided.sock").count(), 1, "{ended:?}");
    // It opens no TCP, and says how to get a server that does.
    for verb in [&["serve", "invite"][..], &["invite"]] {
        let args = [verb, &["--name", "phone", "--role", "viewer"]].concat();
        let ended = place.verb(&args);
        assert_ne!(ended.status, Some(0), "{ended:?}");
        assert!(ended.err.contains("start a server that stays with `topsided`"), "{ended:?}");
    }
    screen.end().with(0);
}
