//! What a program finds when it is started: signals, session, terminal, environment, standard input; and what
//! becomes of the processes that it leaves behind.

use std::fs;

use portable_pty::{CommandBuilder, PtySize, native_pty_system};
use rustix::process::{Pid, Signal, kill_process, test_kill_process};
use serde_json::{Value, json};

use crate::common::{Raw, TestServer, Topsided, eventually, require, require_root, skipped};

/// The masks of a program, a run's and a worker's alike, and how it got them.
///
/// The C library ignores 32 and 33, which it keeps for itself, in each process that it spawns.
const MASKS: &str = "sed -n 's/^Sig\\(Blk\\|Ign\\):.*\\([0-9a-f]\\{16\\}\\)$/\\1\\2/p' /proc/self/status | \
                     sed 's/Ign0000000180000000/Ign0000000000000000/' | tr '\\n' ' '";
const CLEAN: &str = "Blk0000000000000000 Ign0000000000000000";

fn lives(pid: u32) -> bool {
    test_kill_process(Pid::from_raw(pid.cast_signed()).unwrap()).is_ok()
}

fn kill(pid: u32) {
    kill_process(Pid::from_raw(pid.cast_signed()).unwrap(), Signal::KILL).unwrap();
}

fn escaped(row: &Value) -> Vec<u32> {
    let pids = row["escaped"].as_array().into_iter().flatten();
    pids.map(|pid| u32::try_from(pid.as_u64().unwrap()).unwrap()).collect()
}

/// Output of a hook and of a worker of this menu, beside that of a run: each says what `script` does.
fn everywhere(script: &str) -> String {
    format!(
        "[commands.sh]\nexec = [\"sh\", \"-c\", \"{{script}}\"]\n\
         [[commands.sh.args]]\nname = \"script\"\ntype = \"string\"\nallow_dash = true\n\
         [commands.hooked]\nexec = [\"sh\", \"-c\", \"exit 1\"]\n\
         safe_state = [\"sh\", \"-c\", {script:?}]\n\
         [workers.w]\nexec = [\"sh\", \"-c\", {worker:?}]\n\
         [commands.work]\nworker = \"w\"\n",
        worker = format!(
            "said=$( {script} ); while read line; do id=${{line#*:}}; id=${{line#*\\\"id\\\":}}; id=${{id%%,*}}; \
             echo \"{{\\\"id\\\":$id,\\\"result\\\":\\\"$said\\\"}}\"; done"
        ),
    )
}

/// What a run, a hook and a worker of a server with the menu [`everywhere`] say.
fn said_everywhere(client: &mut Raw, script: &str) -> [String; 3] {
    let text = |row: Value| row["output"].as_str().unwrap().trim().to_owned();
    [
        text(client.run("sh", json!({"script": script}))),
        text(client.run("hooked", json!({}))),
        text(client.run("work", json!({}))),
    ]
}

/// As under `nohup`, cron or an entry point: the signals that these ignored stayed ignored in programs, so that a
/// `stop_signal` of QUIT did nothing.
#[test]
fn programs_start_with_no_signal_ignored_or_blocked() {
    if !fs::exists("/proc/self/status").unwrap() {
        skipped("/proc/self/status");
        return;
    }
    let topsided = Topsided::new();
    topsided.write("commands.toml", &everywhere(MASKS));
    let mut command = topsided.command_by("env");
    // All but those that a program cannot ignore, or that stand for its own faults.
    let signals = "HUP,INT,QUIT,USR1,USR2,PIPE,ALRM,TERM,CHLD,CONT,TSTP,TTIN,TTOU,URG,XCPU,XFSZ,VTALRM,PROF,\
                   WINCH,IO,PWR,SYS,TRAP,ABRT,RTMIN,RTMIN+3,RTMAX";
    command
        .args([&format!("--ignore-signal={signals}"), "--block-signal=USR1,HUP,TERM,CHLD,RTMIN+1"]);
    command.arg(env!("CARGO_BIN_EXE_topsided"));
    let mut server = topsided.start_by(command);
    let mut client = server.connect();
    assert_eq!(said_everywhere(&mut client, MASKS), [CLEAN; 3]);
    // It ignores them itself as before, but for those that stop it.
    for signal in [Signal::QUIT, Signal::USR1, Signal::USR2, Signal::ALARM, Signal::TSTP] {
        server.signal(signal);
    }
    client.ok("ping", json!({}));
    server.terminate();
}

/// A server that was started at a terminal: its programs opened that terminal, wrote over the screen, and stopped
/// when they asked something there.
#[test]
fn programs_do_not_have_the_terminal_of_the_server() {
    const SCRIPT: &str =
        "(echo SCRIBBLE > /dev/tty) 2>/dev/null && echo has a terminal || echo has none";
    let topsided = Topsided::new();
    topsided.write("commands.toml", &everywhere(SCRIPT));
    let pty = native_pty_system().openpty(PtySize::default()).unwrap();
    let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_topsided"));
    // Its default is the home directory, which may not exist.
    command.cwd("/");
    for (name, value) in topsided.command().get_envs() {
        command.env(name, value.unwrap());
    }
    let mut server = pty.slave.spawn_command(command).unwrap();
    drop(pty.slave);
    let mut screen = pty.master.try_clone_reader().unwrap();
    let shown = std::thread::spawn(move || {
        let mut shown = Vec::new();
        // After its last program has ended, a terminal gives an error in place of an end.
        let _ = std::io::Read::read_to_end(&mut screen, &mut shown);
        String::from_utf8_lossy(&shown).into_owned()
    });
    let socket = topsided.socket();
    eventually("the server listens", || std::os::unix::net::UnixStream::connect(&socket).is_ok());
    let mut client = Raw::connect(&socket);
    assert_eq!(said_everywhere(&mut client, SCRIPT), ["has none"; 3]);
    // A cancel reaches all of the run's processes all the same.
    let mut alive = topsided.fifo("alive");
    let run = client.start(&format!("(exec 3> {}; echo up >&3; sleep 1000) & wait", alive.path()));
    assert_eq!(alive.line(), "up");
    client.ok("run/cancel", json!({"runId": run}));
    alive.all_gone();
    client.ok("server/shutdown", json!({}));
    server.wait().unwrap();
    let shown = shown.join().unwrap();
    assert!(!shown.contains("SCRIBBLE"), "{shown}");
}

/// They stayed defunct: in a container without an init the server is the parent of all orphans.
#[test]
fn as_the_first_process_the_server_reaps_what_it_adopts() {
    if !require_root() || !require("unshare") {
        return;
    }
    let topsided = Topsided::new();
    let server = topsided.start_by(topsided.command_in_a_pid_namespace());
    let mut client = server.connect();
    let orphans = "for i in 1 2 3; do (sh -c 'exit 0' >/dev/null 2>&1 &); done; ps -eo stat= | grep -c Z; exit 7";
    for _ in 0..10 {
        // The exit status is the program's own, although others are reaped meanwhile.
        let row = client.run("sh", json!({"script": orphans}));
        assert_eq!(row["exitCode"], 7, "{row}");
    }
    eventually("no zombies", || {
        let row = client.run("sh", json!({"script": "ps -eo stat=,args= | grep '^Z'"}));
        row["output"] == ""
    });
}

/// Nothing waited for the children of the program before the restart.
#[test]
fn after_a_restart_the_children_of_the_program_before_are_reaped() {
    if !require_root() || !require("unshare") {
        return;
    }
    let topsided = Topsided::new();
    let mut command = topsided.command_by("sh");
    // What the shell started is a child of the server, which takes the shell's place.
    let script = format!("sleep 0.2 & exec {}", env!("CARGO_BIN_EXE_topsided"));
    command.args(["-c", &script]);
    let mut server = topsided.start_by(command);
    let mut client = server.connect();
    let zombies = |client: &mut Raw, parent: u32| {
        let script = format!("ps -o stat= --ppid {parent} | grep -c Z");
        client.run("sh", json!({"script": script}))["output"].as_str().unwrap().trim().to_owned()
    };
    let pid = server.pid();
    eventually("no zombies", || zombies(&mut client, pid) == "0");
    client.ok("server/shutdown", json!({"restart": true}));
    server.says("server started");
    let mut client = server.connect();
    assert_eq!(client.run("sh", json!({"script": "exit 3"}))["exitCode"], 3);
    eventually("no zombies", || zombies(&mut client, pid) == "0");
}

/// Such a helper used to be killed by the pipe that the server closed when the run was over.
#[test]
fn a_helper_that_outlives_its_program_goes_on_writing_and_is_reported() {
    let topsided = Topsided::new();
    let mut server = topsided.start();
    let mut client = server.connect();
    for by in ["", "setsid "] {
        if !by.is_empty() && !require("setsid") {
            return;
        }
        let count = topsided.path(&format!("count{}", by.len()));
        // More than a pipe holds after its program has ended.
        let helper = format!(
            "i=0; while [ $i -lt 300 ]; do i=$((i+1)); printf '%01000d\\n' $i; printf '%01000d\\n' $i >&2; \
             [ $i -gt 50 ] || sleep 0.1; echo $i > {}; done",
            count.display()
        );
        let row = client.run("sh", json!({"script": format!("{by}sh -c \"{}\" & echo started", helper.replace('$', "\\$"))}));
        assert_eq!((&row["state"], &row["exitCode"]), (&json!("succeeded"), &json!(0)));
        let pids = escaped(&row);
        assert!(!pids.is_empty(), "{row}");
        eventually("the helper has written everything", || {
            fs::read_to_string(&count).is_ok_and(|count| count == "300\n")
        });
        server.says("has closed its output");
        eventually("the helper has ended", || !pids.iter().any(|pid| lives(*pid)));
    }
}

/// Helpers of hooks and workers have the same kind of pipe.
#[test]
fn helpers_of_hooks_and_workers_go_on_writing() {
    if !require("setsid") {
        return;
    }
    let topsided = Topsided::new();
    let helper = |name: &str| {
        let path = topsided.path(name);
        let up = topsided.path(&format!("{name}-up"));
        let script = format!(
            "echo up > {0}; i=0; while [ $i -lt 40 ]; do i=$((i+1)); echo tick; sleep 0.1; done; echo done > {1}",
            up.display(),
            path.display()
        );
        topsided.write(&format!("{name}.sh"), &script);
        // Not before it has left the group, which is ended with the worker.
        format!(
            "setsid sh {} & while [ ! -e {} ]; do sleep 0.01; done",
            topsided.path("config").join(format!("{name}.sh")).display(),
            up.display()
        )
    };
    topsided.write(
        "commands.toml",
        &format!(
            "[commands.hooked]\nexec = [\"false\"]\nsafe_state = [\"sh\", \"-c\", {:?}]\n\
             [workers.w]\nexec = [\"sh\", \"-c\", {:?}]\n[commands.work]\nworker = \"w\"\n",
            helper("hook"),
            helper("worker") + "; exit 0",
        ),
    );
    let server = topsided.start();
    let mut client = server.connect();
    assert_eq!(client.run("hooked", json!({}))["state"], "failed");
    for name in ["hook", "worker"] {
        let path = topsided.path(name);
        eventually(name, || fs::read_to_string(&path).is_ok_and(|text| text == "done\n"));
    }
}

/// The bound of what the server drains is one of pipes, not of what comes through them.
#[test]
fn a_helper_that_never_stops_writing_takes_neither_the_server_nor_its_memory() {
    let server = TestServer::start();
    let mut client = server.connect();
    let row = client.run("sh", json!({"script": "yes & echo started"}));
    let pids = escaped(&row);
    assert_eq!(pids.len(), 1, "{row}");
    client.ok("ping", json!({}));
    assert!(lives(pids[0]));
    kill(pids[0]);
}

#[test]
fn a_run_has_term_dumb_unless_its_declaration_says_otherwise() {
    let menu = "[commands.term]\nexec = [\"printenv\", \"TERM\"]\n\
                [commands.own]\nexec = [\"printenv\", \"TERM\"]\nenv = { TERM = \"xterm\" }\n";
    let server = TestServer::with(menu, "");
    let mut client = server.connect();
    assert_eq!(client.run("term", json!({}))["output"], "dumb\n");
    assert_eq!(client.run("own", json!({}))["output"], "xterm\n");
}

#[test]
fn a_program_that_reads_its_input_finds_the_end() {
    let server = TestServer::start();
    let row = server.connect().run("sh", json!({"script": "cat; echo eof"}));
    assert_eq!(row["output"], "eof\n");
}

#[test]
fn the_first_of_two_programs_in_a_pipe_gets_sigpipe() {
    let server = TestServer::start();
    let script = "{ yes; echo $? >&2; } | head -n 1";
    let row = server.connect().run("sh", json!({"script": script}));
    // They write to two streams, in either order.
    let mut lines: Vec<&str> = row["output"].as_str().unwrap().lines().collect();
    lines.sort_unstable();
    assert_eq!(lines, ["141", "y"]);
}

#[test]
fn python_prints_text_that_is_not_ascii() {
    if !require("python3") {
        return;
    }
    let server = TestServer::start();
    let script = "python3 -c \"import sys; print(sys.stdout.encoding, 'größe 한글')\"";
    let row = server.connect().run("sh", json!({"script": script}));
    assert_eq!(row["output"], "utf-8 größe 한글\n");
}

#[test]
fn a_run_that_has_stopped_itself_ends_in_order_when_it_is_cancelled() {
    let server = TestServer::start();
    let mut client = server.connect();
    let mut ready = server.fifo("ready");
    let script = format!(
        "trap 'echo tidy; exit 0' TERM; echo up > {}; kill -STOP $$; sleep 0.01; while :; do sleep 1; done",
        ready.path()
    );
    let id = client.ask("command/run", json!({"command": "sh", "args": {"script": script}}));
    assert_eq!(ready.line(), "up");
    server.connect().ok("run/cancel", json!({"runId": 1}));
    let row = client.answer(id)["result"].take();
    assert_eq!((&row["state"], &row["output"]), (&json!("cancelled"), &json!("tidy\n")));
}

#[test]
fn a_run_that_a_signal_of_its_own_ends_has_that_signal() {
    let server = TestServer::start();
    let mut client = server.connect();
    for (name, number) in [("KILL", 9), ("SEGV", 11)] {
        let row = client.run("sh", json!({"script": format!("kill -{name} $$")}));
        assert_eq!((&row["state"], &row["signal"]), (&json!("failed"), &json!(number)), "{name}");
    }
}

#[test]
fn a_silent_helper_that_keeps_the_output_open_is_left_alone_and_reported() {
    let server = TestServer::start();
    let mut client = server.connect();
    let row = client.run("sh", json!({"script": "sleep 1000 & echo $!"}));
    let pid: u32 = row["output"].as_str().unwrap().trim().parse().unwrap();
    assert_eq!(escaped(&row), [pid]);
    assert!(lives(pid));
    kill(pid);
}
