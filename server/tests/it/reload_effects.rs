//! Effects of a reload on queued runs, workers, users and shutdown; SIGHUP with and without a terminal.

use std::path::Path;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use crate::common::server::write;
use crate::common::{MENU, Raw, Spawned, TestServer, Topsided, require, require_root};

fn rewrite(server: &TestServer, name: &str, text: &str) {
    write(&server.root().join("config").join(name), text);
}

/// A command that ends once a line can be read from its `gate`.
const GATED: &str = "[commands.slow]\nexec = [\"sh\", \"-c\", \"read x < $0\", \"{gate}\"]\nqueue = 5\n\
                     timeout = \"none\"\n[[commands.slow.args]]\nname = \"gate\"\ntype = \"string\"\n";

/// Regression: a higher `max_runs` took effect only when another run ended.
#[test]
fn a_queued_run_starts_when_a_reload_raises_max_runs() {
    let server = TestServer::with(GATED, "[limits]\nmax_runs = 1\nadmin_runs = 0\n");
    let mut gate = server.fifo("gate");
    let mut client = server.connect();
    client.ok("events/subscribe", json!({"topics": ["runs"]}));
    let args = json!({"gate": gate.path().to_string()});
    let params = json!({"command": "slow", "args": args, "wait": false});
    client.ok("command/run", params.clone());
    let second = client.ok("command/run", params);
    assert_eq!(second["state"], "queued");
    rewrite(&server, "server.toml", "[limits]\nmax_runs = 2\nadmin_runs = 0\n");
    client.ok("server/reload", json!({}));
    loop {
        let row = client.told("run/changed");
        if row["runId"] == second["runId"] && row["state"] == "running" {
            break;
        }
    }
    gate.open();
}

/// Answers each call with its word and the count of calls; a call with a `gate` waits for a line from it.
const COUNTER: &str = r#"
import json, sys
calls = 0
for line in sys.stdin:
    call = json.loads(line)
    if call["method"] == "cancel":
        continue
    calls += 1
    gate = call["params"].get("gate")
    if gate:
        open(gate).readline()
    print(json.dumps({"id": call["id"], "result": f"{sys.argv[1]} {calls}"}), flush=True)
"#;

/// A menu with a worker of this word.
fn counter(root: &Path, word: &str) -> String {
    let path = root.join("counter.py");
    write(&path, COUNTER);
    format!(
        "[workers.w]\nexec = [\"python3\", \"{}\", \"{word}\"]\nstop_timeout = \"1m\"\n\
         [commands.w]\nworker = \"w\"\ntimeout = \"none\"\n\
         [[commands.w.args]]\nname = \"gate\"\ntype = \"string\"\n",
        path.display()
    )
}

/// Regression: the third menu waited only for the worker of the second, which had never been started.
#[test]
fn a_worker_is_started_only_once_all_of_its_name_have_ended() {
    if !require("python3") {
        return;
    }
    let server = TestServer::start();
    rewrite(&server, "commands.toml", &counter(server.root(), "first"));
    let mut client = server.connect();
    client.ok("server/reload", json!({}));
    assert_eq!(client.run("w", json!({}))["output"], "first 1\n");
    let mut gate = server.fifo("gate");
    let mut waiting = server.connect();
    let args = json!({"gate": gate.path().to_string()});
    let old = waiting.ask("command/run", json!({"command": "w", "args": args, "stream": true}));
    waiting.told("run/changed");
    for word in ["second", "third"] {
        rewrite(&server, "commands.toml", &counter(server.root(), word));
        let done = client.ok("server/reload", json!({}));
        assert_eq!(done["changed"], json!({"workers": ["w"]}));
    }
    let new = client.ask("command/run", json!({"command": "w"}));
    let mut looker = server.connect();
    let mut starts = || {
        let params = json!({"match": "worker started"});
        looker.ok("log/tail", params)["entries"].as_array().unwrap().len()
    };
    for _ in 0..10 {
        assert_eq!(starts(), 1, "the first still runs");
    }
    gate.open();
    assert_eq!(waiting.told("run/output")["data"], "first 2\n");
    assert_eq!(waiting.answer(old)["result"]["state"], "succeeded");
    assert_eq!(client.answer(new)["result"]["output"], "third 1\n");
    assert_eq!(starts(), 2, "the second was never started");
}

/// Regression: a user removed from `[local] allow` kept the session and queued runs.
#[test]
fn a_removed_user_is_disconnected_and_a_changed_role_takes_effect_at_once() {
    if !require_root() || !require("setpriv") || !require("socat") {
        return;
    }
    let server =
        TestServer::with(MENU, "[local]\nallow = { nobody = \"operator\", daemon = \"viewer\" }\n");
    std::fs::set_permissions(server.root(), std::os::unix::fs::PermissionsExt::from_mode(0o711))
        .unwrap();
    let mut admin = server.connect();
    admin.ok("events/subscribe", json!({"topics": ["clients"]}));
    let mut other = Other::connect(&server);
    assert_eq!(other.ok("initialize", json!({"notices": true}))["you"]["role"], "operator");
    rewrite(
        &server,
        "server.toml",
        "[local]\nallow = { nobody = \"viewer\", daemon = \"viewer\" }\n",
    );
    admin.ok("server/reload", json!({}));
    assert_eq!(other.ok("initialize", json!({"notices": true}))["you"]["role"], "viewer");
    rewrite(&server, "server.toml", "[local]\nallow = { daemon = \"viewer\" }\n");
    admin.ok("server/reload", json!({}));
    let ended = other.recv();
    assert_eq!(ended["method"], "session/ended");
    assert_eq!(ended["params"]["code"], "kicked");
    let reason = ended["params"]["reason"].as_str().unwrap();
    assert_eq!(reason, "[local] allow of server.toml no longer names `nobody`");
}

#[test]
fn the_socket_is_open_to_other_users_while_allow_names_any() {
    use std::os::unix::fs::PermissionsExt;
    let server = TestServer::with(MENU, "");
    let mut admin = server.connect();
    let modes = || {
        [server.socket(), server.socket().parent().unwrap()]
            .map(|path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777)
    };
    for (allow, socket, directory) in
        [("{ nobody = \"viewer\" }", 0o666, 0o711), ("{}", 0o600, 0o700)]
    {
        rewrite(&server, "server.toml", &format!("[local]\nallow = {allow}\n"));
        let done = admin.ok("server/reload", json!({}));
        assert_eq!(done["changed"], json!({"settings": ["local.allow"]}));
        assert_eq!(modes(), [socket, directory]);
    }
}

/// Regression: the second reload did not name them again.
#[test]
fn each_reload_names_the_keys_that_need_a_restart() {
    let server = TestServer::with(MENU, "");
    let text = "[server]\nname = \"other\"\n[listen]\nport = 1\naddresses = [\"127.0.0.1\"]\n[router]\nmap = true\n\
                [discovery]\nannounce = false\n[metrics]\nlisten = \"127.0.0.1:0\"\n";
    rewrite(&server, "server.toml", text);
    let mut admin = server.connect();
    let keys = [
        "server.name",
        "listen.port",
        "listen.addresses",
        "router.map",
        "discovery.announce",
        "metrics.listen",
    ];
    for _ in 0..2 {
        let done = admin.ok("server/reload", json!({}));
        assert_eq!(done["changed"], json!({"atRestart": keys}));
    }
    rewrite(&server, "server.toml", "");
    assert_eq!(admin.ok("server/reload", json!({}))["changed"], json!({}));
}

/// The user `nobody`, by socat.
struct Other {
    child: std::process::Child,
    lines: std::io::BufReader<std::process::ChildStdout>,
}

impl Other {
    fn connect(server: &TestServer) -> Self {
        use std::process::{Command, Stdio};
        let to = format!("UNIX-CONNECT:{}", server.socket().display());
        let mut child = Command::new("setpriv")
            .args(["--reuid", "nobody", "--clear-groups", "socat", "-", &to])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = std::io::BufReader::new(child.stdout.take().unwrap());
        Self { child, lines }
    }

    fn recv(&mut self) -> Value {
        let mut line = String::new();
        std::io::BufRead::read_line(&mut self.lines, &mut line).unwrap();
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line:?}"))
    }

    fn ok(&mut self, method: &str, params: Value) -> Value {
        let request = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
        let stdin = self.child.stdin.as_mut().unwrap();
        std::io::Write::write_all(stdin, format!("{request}\n").as_bytes()).unwrap();
        self.recv()["result"].take()
    }
}

impl Drop for Other {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Regression: workers started by a late reload delayed the shutdown.
#[test]
fn a_server_that_shuts_down_refuses_a_reload() {
    let menu = GATED.replace("queue = 5", "on_shutdown = \"wait\"");
    let server = TestServer::with(&menu, "");
    let mut gate = server.fifo("gate");
    let mut client = server.connect();
    client.ok("initialize", json!({"notices": true}));
    let args = json!({"gate": gate.path().to_string()});
    let run = client.ok("command/run", json!({"command": "slow", "args": args, "wait": false}));
    client.ok("server/shutdown", json!({}));
    assert_eq!(client.told("server/closing")["phase"], "now");
    rewrite(&server, "commands.toml", MENU);
    let error = client.refused("server/reload", json!({}));
    assert_eq!(error["data"]["kind"], "closing");
    assert_eq!(run["state"], "running");
    gate.open();
    assert_eq!(client.told("session/ended")["code"], "shutdown");
}

#[test]
fn sigterm_ends_a_server_with_many_requested_reloads() {
    let topsided = Topsided::new();
    let mut server = topsided.start();
    for _ in 0..20 {
        server.signal(Signal::HUP);
    }
    server.connect().ask("server/reload", json!({}));
    server.terminate();
}

/// Gives a program a terminal of its own, and copies its output to standard error.
const TERMINAL: &str = r"
import os, pty, sys
def read(fd):
    output = os.read(fd, 1024)
    os.write(2, output)
    return output
pty.spawn(sys.argv[1:], read)
";

#[test]
fn a_hangup_of_its_terminal_ends_the_server() {
    if !require("python3") {
        return;
    }
    let topsided = Topsided::new();
    let mut by = topsided.command_by("python3");
    by.args(["-c", TERMINAL, env!("CARGO_BIN_EXE_topsided")]);
    let mut terminal = topsided.start_by(by);
    let mut client = Raw::connect(&topsided.socket());
    client.ok("initialize", json!({"notices": true}));
    client.ok("events/subscribe", json!({"topics": ["server"]}));
    // While the terminal exists, SIGHUP requests a reload.
    topsided.write("commands.toml", GATED);
    kill_process(child(&terminal), Signal::HUP).unwrap();
    client.told("server/reloaded");
    terminal.kill();
    assert_eq!(client.told("server/closing")["by"], "signal SIGHUP");
    assert_eq!(client.told("session/ended")["code"], "shutdown");
    client.eof();
}

/// The one child of a program.
fn child(parent: &Spawned) -> Pid {
    let parent = parent.pid();
    let children = std::fs::read_to_string(format!("/proc/{parent}/task/{parent}/children"));
    Pid::from_raw(children.unwrap().trim().parse().unwrap()).unwrap()
}
