//! The program `topsided`: signals, exit statuses, and what it leaves behind.

use std::os::unix::net::UnixStream;

use rustix::process::Signal;
use serde_json::json;

use crate::common::{Raw, Spawned, Topsided, require, require_root};

fn with_notices(server: &Spawned) -> Raw {
    let mut client = server.connect();
    client.ok("initialize", json!({"notices": true}));
    client
}

#[test]
fn each_signal_ends_the_server_in_order_with_exit_status_0() {
    for (signal, name) in [(Signal::TERM, "SIGTERM"), (Signal::INT, "SIGINT")] {
        let topsided = Topsided::new();
        let mut alive = topsided.fifo("alive");
        let mut server = topsided.start();
        let mut client = with_notices(&server);
        client.start(&format!("exec 3> {}; echo up >&3; sleep 1000", alive.path()));
        assert_eq!(alive.line(), "up");
        server.signal(signal);
        let notice = client.told("server/closing");
        assert_eq!(
            (&notice["phase"], &notice["by"]),
            (&json!("now"), &json!(format!("signal {name}")))
        );
        assert_eq!(client.told("session/ended")["code"], "shutdown");
        client.eof();
        assert_eq!(server.exit(), Some(0), "{name}");
        alive.all_gone();
        assert!(!topsided.socket().exists());
    }
}

#[test]
fn a_shutdown_by_a_client_ends_the_program_with_exit_status_0() {
    let topsided = Topsided::new();
    let mut server = topsided.start();
    let mut client = with_notices(&server);
    client.ok("server/shutdown", json!({"reason": "done"}));
    client.told("server/closing");
    client.told("session/ended");
    client.eof();
    assert_eq!(server.exit(), Some(0));
    assert!(!topsided.socket().exists());
    let log = std::fs::read_to_string(topsided.path("state/topsided.log")).unwrap();
    for line in ["server started", "client connected", "server is closing", "server stopped"] {
        assert!(log.contains(line), "{line}: {log}");
    }
}

#[test]
fn a_second_signal_ends_the_server_at_once_and_leaves_no_program() {
    let topsided = Topsided::new();
    let mut alive = topsided.fifo("alive");
    let mut server = topsided.start();
    let mut client = with_notices(&server);
    // It has an hour by the menu's stop_timeout.
    let script = format!("trap '' TERM INT; exec 3> {}; echo up >&3; sleep 1000", alive.path());
    client.start(&script);
    assert_eq!(alive.line(), "up");
    server.signal(Signal::TERM);
    assert_eq!(client.told("server/closing")["phase"], "now");
    server.signal(Signal::INT);
    assert_eq!(server.exit(), Some(1));
    client.eof();
    alive.all_gone();
    assert!(!topsided.socket().exists());
}

#[test]
fn a_signal_overrides_a_shutdown_that_is_due_later() {
    let topsided = Topsided::new();
    let mut server = topsided.start();
    let mut client = with_notices(&server);
    client.ok("server/shutdown", json!({"delayMs": 3_600_000}));
    assert_eq!(client.told("server/closing")["phase"], "scheduled");
    server.signal(Signal::TERM);
    assert_eq!(client.told("server/closing")["phase"], "now");
    assert_eq!(server.exit(), Some(0));
}

#[test]
fn a_dead_socket_is_replaced_by_the_next_server() {
    let topsided = Topsided::new();
    let mut server = topsided.start();
    server.connect().ok("ping", json!({}));
    server.kill();
    assert!(topsided.socket().exists());
    assert!(UnixStream::connect(topsided.socket()).is_err());
    let mut server = topsided.start();
    server.connect().ok("ping", json!({}));
    server.terminate();
}

#[test]
fn a_second_server_says_in_one_line_that_the_socket_is_served_and_exits_75() {
    let topsided = Topsided::new();
    let server = topsided.start();
    let mut client = server.connect();
    client.ok("ping", json!({}));
    let said = topsided.run(&[]);
    assert_eq!((said.status, said.stdout.as_str()), (Some(75), ""));
    assert_eq!(said.stderr.lines().count(), 1, "{}", said.stderr);
    let path = topsided.socket().display().to_string();
    assert!(said.stderr.contains(&path) && said.stderr.contains("served already"));
    assert!(said.stderr.contains(&format!("`kill {}`", server.pid())), "{}", said.stderr);
    // The first goes on.
    client.ok("ping", json!({}));
    server.connect().ok("ping", json!({}));
}

#[test]
fn a_restart_executes_the_program_anew_in_the_same_process() {
    let topsided = Topsided::new();
    let mut server = topsided.start();
    let mut client = server.connect();
    let before = client.ok("initialize", json!({"notices": true}))["server"]["bootId"].take();
    client.ok("server/shutdown", json!({"restart": true}));
    client.told("server/closing");
    assert_eq!(client.told("session/ended")["code"], "restart");
    client.eof();
    server.says("server started");
    let mut client = server.connect();
    assert_ne!(client.ok("initialize", json!({}))["server"]["bootId"], before);
    // The number of the process is the one that was started.
    let parent = client.run("sh", json!({"script": "echo $PPID"}))["output"].take();
    assert_eq!(parent, format!("{}\n", server.pid()));
    server.terminate();
}

/// Regression: with a broken menu, a restart ended the server.
#[test]
fn a_restart_is_refused_where_the_server_would_not_start_again() {
    let topsided = Topsided::new();
    let mut server = topsided.start();
    let mut client = server.connect();
    client.ok("ping", json!({}));
    for file in ["server.toml", "commands.toml"] {
        let path = topsided.path("config").join(file);
        let before = std::fs::read(&path).ok();
        std::fs::write(&path, "[broken\n").unwrap();
        let place = format!("{}:1:", path.display());
        let error = client.refused("server/shutdown", json!({"restart": true}));
        assert_eq!(error["data"]["kind"], "spawnFailed");
        assert!(error["message"].as_str().unwrap().contains(&place), "{error}");
        let args = json!({"command": "ks", "args": {"restart": true}, "confirm": true});
        let row = client.ok("command/run", args);
        assert_eq!(row["state"], "failed");
        assert!(row["output"].as_str().unwrap().contains(&place), "{row}");
        match before {
            Some(text) => std::fs::write(&path, text).unwrap(),
            None => std::fs::remove_file(&path).unwrap(),
        }
    }
    assert_eq!(client.ok("server/status", json!({}))["closing"], json!(null));
    client.ok("server/shutdown", json!({"restart": true}));
    client.eof();
    server.says("server started");
}

/// A server by a copy of the program, which a test can remove.
fn copied(topsided: &Topsided) -> (std::path::PathBuf, Spawned) {
    let program = topsided.path("topsided");
    std::fs::copy(env!("CARGO_BIN_EXE_topsided"), &program).unwrap();
    let server = topsided.start_by(topsided.command_by(program.to_str().unwrap()));
    (program, server)
}

/// Regression: each client was warned of the restart, and the server ended.
#[test]
fn a_restart_is_refused_where_the_program_is_gone_and_no_client_is_warned() {
    let topsided = Topsided::new();
    let (program, server) = copied(&topsided);
    std::fs::remove_file(&program).unwrap();
    let mut client = server.connect();
    client.ok("initialize", json!({"notices": true}));
    for delay in [0, 60_000] {
        let params = json!({"restart": true, "delayMs": delay});
        let error = client.refused("server/shutdown", params);
        assert_eq!(error["data"]["kind"], "spawnFailed");
        let gone = format!("the program {} is gone: install it again", program.display());
        assert!(error["message"].as_str().unwrap().contains(&gone), "{error}");
    }
    client.nothing_told();
    client.ok("ping", json!({}));
}

/// Regression: the program was checked only when the restart was scheduled.
#[test]
fn a_restart_is_cancelled_where_the_program_is_gone_when_it_is_due() {
    let topsided = Topsided::new();
    let (program, mut server) = copied(&topsided);
    let mut client = server.connect();
    client.ok("initialize", json!({"notices": true}));
    client.ok("server/shutdown", json!({"restart": true, "delayMs": 3000}));
    assert_eq!(client.told("server/closing")["phase"], "scheduled");
    std::fs::remove_file(&program).unwrap();
    let notice = client.told("server/closing");
    assert_eq!((&notice["phase"], &notice["by"]), (&json!("cancelled"), &json!("the server")));
    let gone = format!("the program {} is gone: install it again", program.display());
    assert!(notice["reason"].as_str().unwrap().contains(&gone), "{notice}");
    let warning = client.told("broadcast");
    assert!(warning["message"].as_str().unwrap().contains(&gone), "{warning}");
    server.says("restart cancelled");
    // The server goes on, and the next order is judged anew.
    assert_eq!(client.ok("server/status", json!({})).get("closing"), None);
    std::fs::copy(env!("CARGO_BIN_EXE_topsided"), &program).unwrap();
    client.ok("server/shutdown", json!({"restart": true, "delayMs": 1}));
    server.says("server started");
}

#[test]
fn a_restart_executes_the_program_that_an_upgrade_put_in_its_place() {
    let topsided = Topsided::new();
    let (program, mut server) = copied(&topsided);
    // As a package manager does it: the old file goes, and the new one has its name.
    std::fs::remove_file(&program).unwrap();
    std::fs::copy(env!("CARGO_BIN_EXE_topsided"), &program).unwrap();
    server.connect().ok("server/shutdown", json!({"restart": true}));
    server.says("server started");
    let exe = std::fs::read_link(format!("/proc/{}/exe", server.pid())).unwrap();
    assert_eq!(exe, program);
}

/// Regression: the second process took the limit that the first had raised for its original one.
#[test]
fn a_restart_keeps_environment_directory_and_limits() {
    let topsided = Topsided::new();
    let mut command = std::process::Command::new("/bin/sh");
    command.current_dir(topsided.path("config")).env("MARK", "kept");
    let script = "ulimit -S -n 256; exec \"$0\"";
    command.args(["-c", script, env!("CARGO_BIN_EXE_topsided")]);
    let mut server = topsided.start_by(topsided.with_directories(command));
    let state = |server: &Spawned| {
        let limit = server.connect().run("sh", json!({"script": "ulimit -S -n"}))["output"].take();
        let proc = format!("/proc/{}", server.pid());
        let environment = std::fs::read(format!("{proc}/environ")).unwrap();
        let directory = std::fs::read_link(format!("{proc}/cwd")).unwrap();
        let mut arguments = std::fs::read(format!("{proc}/cmdline")).unwrap();
        arguments.retain(|byte| *byte != 0);
        (limit, environment, directory, arguments)
    };
    let before = state(&server);
    assert_eq!(before.0, "256\n");
    for _ in 0..2 {
        server.connect().ok("server/shutdown", json!({"restart": true}));
        server.says("server started");
        assert_eq!(state(&server), before);
    }
}

/// Regression: the limit was set after the start, so a quick program read the limit of the server.
#[test]
fn programs_have_the_limit_of_descriptors_that_the_server_was_given_from_their_start() {
    let topsided = Topsided::new();
    let mut command = std::process::Command::new("/bin/sh");
    let script = "ulimit -S -n 256; exec \"$0\"";
    command.args(["-c", script, env!("CARGO_BIN_EXE_topsided")]);
    let server = topsided.start_by(topsided.with_directories(command));
    let limits = |count: usize| {
        std::thread::scope(|scope| {
            let run = |mut client: Raw| {
                // First a limit of its own, which stays.
                let script =
                    "ulimit -S -n; ulimit -S -n 300; for i in 1 2 3; do ulimit -S -n; done";
                let outputs = (0..count).map(|_| client.run("sh", json!({"script": script})));
                outputs.map(|run| run["output"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
            };
            let clients: Vec<_> = (0..4)
                .map(|_| server.connect())
                .map(|client| scope.spawn(move || run(client)))
                .collect();
            clients.into_iter().flat_map(|client| client.join().unwrap()).collect::<Vec<_>>()
        })
    };
    for output in limits(20) {
        assert_eq!(output, "256\n300\n300\n300\n");
    }
    // The server itself may have more open than that.
    let mut clients: Vec<_> = (0..300).map(|_| server.connect()).collect();
    for client in &mut clients {
        client.ok("ping", json!({}));
    }
    // It cannot lower its own limit then, and sets that of the program from outside.
    let script = "until [ $(ulimit -S -n) = 256 ]; do :; done";
    assert_eq!(clients[0].run("sh", json!({"script": script}))["state"], "succeeded");
}

#[test]
fn the_socket_and_the_log_are_the_owners_alone() {
    use std::os::unix::fs::PermissionsExt;
    let topsided = Topsided::new();
    let _server = topsided.start();
    let mode =
        |name: &str| std::fs::metadata(topsided.path(name)).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode("run"), 0o700);
    assert_eq!(mode("run/topsided.sock"), 0o600);
    assert_eq!(mode("state"), 0o700);
    assert_eq!(mode("state/topsided.log"), 0o600);
}

/// Programs used to get the signal state that the server was started with.
#[test]
fn a_program_gets_the_standard_streams_and_no_other_descriptor() {
    if !std::path::Path::new("/proc/self/fd").exists() {
        crate::common::skipped("/proc/self/fd");
        return;
    }
    let topsided = Topsided::new();
    let server = topsided.start_by(topsided.command_with_a_descriptor_too_many());
    let mut client = server.connect();
    let row = client.run("sh", json!({"script": "exec ls /proc/self/fd"}));
    // The last one is the directory that ls reads.
    assert_eq!(row["output"], "0\n1\n2\n3\n");
}

/// A container that is entered from outside: the session leader has no pid in it.
#[test]
fn a_program_starts_if_the_session_leader_of_the_server_is_outside_of_its_container() {
    if !require_root() || !require("unshare") {
        return;
    }
    let topsided = Topsided::new();
    let server = topsided.start_by(topsided.command_in_a_pid_namespace());
    let mut client = server.connect();
    let ended = client.run("sh", json!({"script": "cut -d ' ' -f 6 /proc/$$/stat"}));
    assert_eq!((&ended["state"], &ended["output"]), (&json!("succeeded"), &json!("0\n")));
}

/// Regression: the signal was lost, and systemd would have waited for the end forever.
#[test]
fn a_signal_that_comes_while_the_server_closes_for_a_restart_ends_it() {
    let topsided = Topsided::new();
    let mut server = topsided.start();
    let (mut gate, mut ready) = (topsided.fifo("gate"), topsided.fifo("ready"));
    let mut client = server.connect();
    client.ok("initialize", json!({"notices": true}));
    let script = format!("trap '' TERM; echo up > {}; read x < {}", ready.path(), gate.path());
    client.start(&script);
    assert_eq!(ready.line(), "up");
    client.ok("server/shutdown", json!({"restart": true}));
    assert_eq!(client.told("server/closing")["phase"], "now");
    server.signal(Signal::TERM);
    server.says("server does not start again");
    gate.open();
    assert_eq!(server.exit(), Some(0));
}

#[test]
fn bash_completes_the_verbs_of_topsided_by_the_script_that_it_prints() {
    if !require("bash") {
        return;
    }
    let ask = r#"
set -e
source <("$0" completions bash)
COMP_WORDS=(topsided che) COMP_CWORD=1
_topsided topsided che topsided
echo "${COMPREPLY[@]}"
"#;
    let mut bash = std::process::Command::new("bash");
    let said = bash.args(["-c", ask, env!("CARGO_BIN_EXE_topsided")]).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&said.stdout), "check\n", "{said:?}");
}
