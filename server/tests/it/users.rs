//! Other users of the machine: the rights that `[local] allow` gives. The tests act as the user `nobody`, which needs
//! root and socat.

use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};

use crate::common::{
    MENU, Raw, TestServer, eventually, require, require_root, resident_kb, wait_for,
};

/// A connection of the user `nobody`, through a program that runs as that user.
pub(crate) struct Nobody {
    raw: Raw,
    program: Child,
}

impl Nobody {
    pub(crate) fn connect(server: &TestServer) -> Self {
        Self::connect_to(server.socket())
    }

    /// To the server at this socket.
    pub(crate) fn connect_to(socket: &std::path::Path) -> Self {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let nobody = nix::unistd::User::from_name("nobody").unwrap().unwrap();
        let program = Command::new("socat")
            // After a half-close it still carries what comes.
            .args(["-t", "3600", "-", &format!("UNIX-CONNECT:{}", socket.display())])
            .stdin(Stdio::from(std::os::fd::OwnedFd::from(theirs.try_clone().unwrap())))
            .stdout(Stdio::from(std::os::fd::OwnedFd::from(theirs)))
            .stderr(Stdio::null())
            .uid(nobody.uid.as_raw())
            .gid(nobody.gid.as_raw())
            .spawn()
            .unwrap();
        Self { raw: Raw::over(ours), program }
    }

    /// The error that a request is answered with. It has no id where it was sent before the request was read.
    pub(crate) fn refused(&mut self, method: &str) -> Value {
        self.raw.ask(method, json!({}));
        let answer = self.raw.recv();
        assert!(answer["error"].is_object(), "{answer}");
        crate::common::raw::error_of(answer)
    }

    /// Whether a request is answered with a result.
    pub(crate) fn is_served(&mut self) -> bool {
        let id = self.raw.ask("ping", json!({}));
        self.raw.answer(id).get("error").is_none()
    }

    /// Expects to be refused, until the server closes the connection.
    pub(crate) fn expect_refusal(mut self) {
        let error = self.raw.refused("ping", json!({}));
        assert_eq!(error["data"]["kind"], "forbidden");
        // socat otherwise waits for its input.
        self.raw.half_close();
        self.raw.eof();
    }
}

impl Drop for Nobody {
    fn drop(&mut self) {
        let _ = self.program.kill();
        let _ = self.program.wait();
    }
}

/// A server that lets `nobody` in with this role; none where it cannot be tried here.
fn server(allow: &str, limits: &str) -> Option<TestServer> {
    if !require_root() || !require("socat") {
        return None;
    }
    let settings = format!("[local]\nallow = {allow}\n[limits]\n{limits}\n");
    let server = TestServer::with(MENU, &settings);
    let reachable = std::fs::Permissions::from_mode(0o711);
    std::fs::set_permissions(server.root(), reachable).unwrap();
    Some(server)
}

/// A server that allows these local users; none if this machine cannot test it.
pub(crate) fn server_that_allows(allow: &str) -> Option<TestServer> {
    server(allow, "")
}

fn names(menu: &Value) -> Vec<&str> {
    let commands = menu["commands"].as_array().unwrap();
    commands.iter().map(|command| command["name"].as_str().unwrap()).collect()
}

#[test]
fn a_viewer_sees_and_runs_only_what_a_viewer_may() {
    let Some(server) = server("{ nobody = \"viewer\" }", "") else { return };
    let mut nobody = Nobody::connect(&server);
    let you = nobody.raw.ok("initialize", json!({}))["you"].take();
    assert_eq!((&you["user"], &you["role"]), (&json!("nobody"), &json!("viewer")));
    let menu = nobody.raw.ok("commands/list", json!({}));
    let names = names(&menu);
    assert!(names.contains(&"look") && names.contains(&"menu"));
    for hidden in ["sh", "work", "shutdown", "log"] {
        assert!(!names.contains(&hidden), "{hidden}");
    }
    assert_eq!(nobody.raw.run("look", json!({}))["user"], "nobody");
    let shown = nobody.raw.run("menu", json!({}))["output"].to_string();
    assert!(!shown.contains("shutdown"), "{shown}");

    for (command, needed) in [("work", "operator"), ("sh", "admin"), ("ks", "admin")] {
        let error = nobody.raw.refused("command/run", json!({"command": command}));
        assert_eq!((&error["code"], &error["data"]["kind"]), (&json!(-32003), &json!("forbidden")));
        assert_eq!(error["data"]["needed"], needed);
        assert!(error["message"].as_str().unwrap().contains("you are viewer"), "{error}");
    }
    for method in ["server/shutdown", "server/shutdown/cancel", "log/tail"] {
        assert_eq!(nobody.raw.refused(method, json!({}))["code"], -32003, "{method}");
    }
    for topics in [json!(["log"]), json!(["clients", "log"])] {
        let error = nobody.raw.refused("events/subscribe", json!({"topics": topics}));
        assert_eq!(error["code"], -32003);
    }
    nobody.raw.ok("server/status", json!({}));
    // What is not on one's own menu is not offered as a near name either.
    let error = nobody.raw.refused("command/run", json!({"command": "shutdwn"}));
    assert_eq!(error["data"]["nearest"], json!([]));
}

#[test]
fn a_run_is_seen_by_its_owner_by_admins_and_by_those_who_may_run_its_command() {
    let Some(server) = server("{ nobody = \"operator\" }", "") else { return };
    let (mut gate, mut other) = (server.fifo("gate"), server.fifo("other"));
    let mut admin = server.connect();
    let mut nobody = Nobody::connect(&server);
    admin.start(&format!("read x < {}", gate.path()));
    let work = json!({"command": "work", "args": {"script": format!("read x < {}", other.path())}, "wait": false});
    admin.ok("command/run", work);
    let subscribed = nobody.raw.ok("events/subscribe", json!({"topics": ["runs"]}));
    let runs = subscribed["snapshot"]["runs"].as_array().unwrap();
    assert_eq!((runs.len(), &runs[0]["command"]), (1, &json!("work")));
    // The admin's own command is as if it were not there; the other is another user's.
    let error = nobody.raw.refused("run/cancel", json!({"runId": 1}));
    assert_eq!(error["code"], -32004);
    let error = nobody.raw.refused("run/cancel", json!({"runId": 2}));
    assert_eq!((&error["code"], &error["data"]["needed"]), (&json!(-32003), &json!("admin")));
    gate.open();
    other.open();
    assert_eq!(nobody.raw.told("run/changed")["runId"], 2);
    nobody.raw.nothing_told();
    // One's own run may be cancelled, and an admin may cancel every run.
    let sleep = json!({"command": "work", "args": {"script": "sleep 1000"}, "wait": false});
    let own = nobody.raw.ok("command/run", sleep.clone())["runId"].take();
    assert_eq!(nobody.raw.ok("run/cancel", json!({"runId": own}))["state"], "cancelled");
    let theirs = nobody.raw.ok("command/run", sleep)["runId"].take();
    assert_eq!(admin.ok("run/cancel", json!({"runId": theirs}))["state"], "cancelled");
}

#[test]
fn some_runs_are_kept_for_admins() {
    let Some(server) = server("{ nobody = \"operator\" }", "max_runs = 3\nadmin_runs = 1") else {
        return;
    };
    let mut admin = server.connect();
    let mut nobody = Nobody::connect(&server);
    let sleep = json!({"command": "work", "args": {"script": "sleep 1000"}, "wait": false});
    for _ in 0..2 {
        nobody.raw.ok("command/run", sleep.clone());
    }
    let error = nobody.raw.refused("command/run", sleep.clone());
    let data = &error["data"];
    assert_eq!(
        (&data["kind"], &data["limit"], &data["most"]),
        (&json!("busy"), &json!("max_runs"), &json!(2))
    );
    admin.ok("command/run", sleep.clone());
    let error = admin.refused("command/run", sleep);
    assert_eq!(error["data"]["most"], 3);
}

#[test]
fn a_user_who_is_not_named_is_refused_with_a_reason_and_counted() {
    let Some(server) = server("{ daemon = \"viewer\" }", "") else { return };
    let mut nobody = Nobody::connect(&server);
    let error = nobody.raw.refused("ping", json!({}));
    assert_eq!((&error["code"], &error["data"]["kind"]), (&json!(-32003), &json!("forbidden")));
    let message = error["message"].as_str().unwrap();
    assert!(
        message.contains("nobody") && message.contains("`[local] allow` of server.toml"),
        "{message}"
    );
    // For socat, which else waits for what its user may still type.
    nobody.raw.half_close();
    nobody.raw.eof();
    let mut admin = server.connect();
    assert_eq!(admin.ok("server/status", json!({}))["refusals"], json!({"forbidden": 1}));
    assert_eq!(admin.ok("clients/list", json!({}))["clients"].as_array().unwrap().len(), 1);
}

#[test]
fn without_allow_other_users_do_not_even_reach_the_socket() {
    let Some(server) = server("{}", "") else { return };
    let mut nobody = Nobody::connect(&server);
    nobody.raw.eof();
    let log = server.connect().ok("log/tail", json!({"match": "refused"}));
    assert_eq!(log, json!({"entries": []}));
}

/// Waits until the user can connect and is answered.
fn connects(server: &TestServer) -> bool {
    Nobody::connect(server).is_served()
}

#[test]
fn sessions_of_a_user_are_limited_and_those_of_the_servers_own_user_are_not() {
    let limits = "max_sessions_per_key = 2";
    let Some(server) = server("{ nobody = \"viewer\" }", limits) else { return };
    let mut held = [(); 2].map(|()| Nobody::connect(&server));
    held.iter_mut().for_each(|nobody| drop(nobody.raw.ok("ping", json!({}))));
    let error = Nobody::connect(&server).raw.refused("ping", json!({}));
    assert_eq!(error["data"]["kind"], "busy", "{error}");
    assert_eq!(error["data"]["limit"], "max_sessions_per_key", "{error}");
    let mut own: Vec<Raw> = (0..8).map(|_| server.connect()).collect();
    own.iter_mut().for_each(|client| drop(client.ok("ping", json!({}))));
    drop(held);
    eventually("the places are given back", || connects(&server));
}

#[test]
fn requests_of_a_user_over_the_rate_wait() {
    let Some(server) = server("{ nobody = \"viewer\" }", "requests = 20") else { return };
    let mut nobody = Nobody::connect(&server);
    let ping = |id| format!("{{\"jsonrpc\":\"2.0\",\"id\":{id},\"method\":\"ping\"}}\n");
    nobody.raw.send((0..60).map(ping).collect::<String>());
    (0..60).for_each(|id| assert_eq!(nobody.raw.recv()["id"], id));
    let refusals = server.connect().ok("server/status", json!({}))["refusals"].take();
    assert!(refusals["requests"].as_u64().unwrap() > 0, "{refusals}");
}

/// A command that fails, and the hook of which leaves a file.
fn hooked(topsided: &crate::common::Topsided) -> String {
    let closed = topsided.path("closed");
    format!(
        "\n[commands.pump]\ntitle = \"Pump\"\nexec = [\"false\"]\nsafe_state = [\"touch\", \"{}\"]\n",
        closed.display()
    )
}

/// Eight thousand connections of one user took all descriptors, and locked out admins and hooks.
#[test]
fn thousands_of_connections_of_a_user_lock_out_neither_an_admin_nor_a_program() {
    if !require_root() || !require("python3") {
        return;
    }
    const HOLD: &str = "
import socket, sys
held, opened = [], 0
while opened < 2000:
    s = socket.socket(socket.AF_UNIX)
    s.connect(sys.argv[1])
    held.append(s)
    opened += 1
    if len(held) > 900:
        held.pop(0)
print('held', flush=True)
sys.stdin.read()
";
    for allow in ["{ nobody = \"viewer\" }", "{ daemon = \"viewer\" }"] {
        let topsided = crate::common::Topsided::new();
        topsided.write("commands.toml", &format!("{MENU}{}", hooked(&topsided)));
        topsided.write("server.toml", &format!("[local]\nallow = {allow}\n"));
        let reachable = std::fs::Permissions::from_mode(0o711);
        std::fs::set_permissions(topsided.path(""), reachable).unwrap();
        let mut command = topsided.command_by("sh");
        let program = env!("CARGO_BIN_EXE_topsided");
        command.args(["-c", "ulimit -n 256; exec \"$0\"", program]);
        let server = topsided.start_by(command);
        let before = resident_kb(server.pid());
        let nobody = nix::unistd::User::from_name("nobody").unwrap().unwrap();
        let mut holder = Command::new("python3")
            .args(["-c", HOLD])
            .arg(topsided.socket())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .uid(nobody.uid.as_raw())
            .gid(nobody.gid.as_raw())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let mut said = std::io::BufReader::new(holder.stdout.take().unwrap());
        std::io::BufRead::read_line(&mut said, &mut line).unwrap();
        assert_eq!(line, "held\n");
        let mut admin = server.connect();
        assert_eq!(admin.run("look", json!({}))["state"], "succeeded");
        assert_eq!(admin.run("pump", json!({}))["state"], "failed");
        assert!(topsided.path("closed").exists(), "the hook has not run");
        drop(holder.stdin.take());
        holder.wait().unwrap();
        wait_for(
            &format!("about the {before} KB of before"),
            || resident_kb(server.pid()),
            |after| *after <= before * 12 / 10 + 4096,
        );
    }
}
