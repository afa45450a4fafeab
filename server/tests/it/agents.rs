//! Agents: what a client that is an agent sees and may do, and the approvals of its runs.

use serde_json::{Value, json};

use crate::common::server::LOOPBACK;
use crate::common::{Device, Raw, TestServer, wait_for};

const MENU: &str = r#"
[commands.look]
exec = ["printf", "seen"]
effect = "read"
expose = ["mcp"]

[commands.hidden]
exec = ["true"]
effect = "read"

[commands.asks]
exec = ["printf", "%s", "{what}"]
effect = "read"
confirm = "Really {what}?"
expose = ["mcp"]
[[commands.asks.args]]
name = "what"
type = "string"
default = "this"

[commands.set]
exec = ["true"]
effect = "write"
expose = ["mcp"]
[[commands.set.args]]
name = "word"
type = "secret"
env = "WORD"

[commands.wipe]
exec = ["true"]
effect = "destructive"
role = "operator"
expose = ["mcp"]

[commands.hold]
exec = ["sleep", "1000"]
effect = "read"
expose = ["mcp"]
"#;

fn server() -> TestServer {
    TestServer::with(MENU, LOOPBACK)
}

/// A device with the key of an agent.
fn agent(server: &TestServer, role: &str) -> Device {
    let params = json!({"name": "bot", "role": role, "agent": true});
    let made = server.connect().ok("key/invite", params);
    assert_eq!(made["key"]["agent"], true);
    Device::of_invite(made["invite"].as_str().unwrap()).enrol()
}

/// A client of this machine that says that it is an agent.
fn local_agent(server: &TestServer) -> Raw {
    let mut client = server.connect();
    let you = client.ok("initialize", json!({"agent": true}))["you"].take();
    assert_eq!((&you["agent"], &you["role"]), (&json!(true), &json!("viewer")));
    client
}

fn menu(client: &mut Raw) -> Vec<String> {
    let menu = client.ok("commands/list", json!({}));
    let commands = menu["commands"].as_array().unwrap();
    commands.iter().map(|row| row["name"].as_str().unwrap().to_owned()).collect()
}

fn row_of(client: &mut Raw, run: &Value) -> Value {
    let page = client.ok("runs/list", json!({}));
    let rows = page["runs"].as_array().unwrap();
    rows.iter().find(|row| row["runId"] == *run).cloned().unwrap_or_default()
}

#[test]
fn an_agent_sees_and_runs_only_what_is_exposed_to_agents() {
    let server = server();
    let mut bot = agent(&server, "admin").connect();
    let you = bot.ok("initialize", json!({}))["you"].take();
    assert_eq!((&you["agent"], &you["role"]), (&json!(true), &json!("admin")));
    assert_eq!(menu(&mut bot), ["look", "asks", "set", "wipe", "hold"]);
    assert_eq!(bot.run("look", json!({}))["output"], "seen");
    let hidden = bot.refused("command/run", json!({"command": "hidden"}));
    assert_eq!(hidden["data"]["kind"], "forbidden");
    assert_eq!(hidden["message"], "hidden is not exposed to agents");
    // Built-ins are for people.
    let built_in = bot.refused("command/run", json!({"command": "clients"}));
    assert_eq!(built_in["data"]["kind"], "forbidden");
    for (method, params) in [
        ("key/invite", json!({"name": "own", "role": "admin"})),
        ("clients/list", json!({})),
        ("schedules/list", json!({})),
        ("server/shutdown", json!({})),
        ("log/tail", json!({})),
    ] {
        let error = bot.refused(method, params);
        assert_eq!(error["data"]["kind"], "forbidden", "{method}: {error}");
    }
    assert_eq!(menu(&mut local_agent(&server)), ["look", "asks", "hold"]);
}

#[test]
fn a_client_of_this_machine_that_says_that_it_is_an_agent_cannot_take_it_back() {
    let server = server();
    let mut bot = local_agent(&server);
    let you = bot.ok("initialize", json!({}))["you"].take();
    assert_eq!((&you["agent"], &you["role"]), (&json!(true), &json!("viewer")));
    // Also after a reload, which reads the roles of local users again.
    let mut admin = server.connect();
    admin.ok("server/reload", json!({}));
    assert_eq!(bot.refused("server/reload", json!({}))["data"]["kind"], "forbidden");
    let clients = admin.ok("clients/list", json!({}));
    let rows = clients["clients"].as_array().unwrap();
    let agents: Vec<_> = rows.iter().filter(|row| row["agent"] == true).collect();
    assert_eq!((agents.len(), &agents[0]["role"]), (1, &json!("viewer")));
}

#[test]
fn an_agent_cannot_see_answer_or_cancel_the_run_of_another_client() {
    let server = server();
    let mut admin = server.connect();
    let held = admin.ok("command/run", json!({"command": "hold", "wait": false}))["runId"].take();
    for mut bot in [agent(&server, "admin").connect(), local_agent(&server)] {
        assert_eq!(bot.ok("runs/list", json!({}))["runs"], json!([]));
        for method in ["run/cancel", "run/attach"] {
            let error = bot.refused(method, json!({"runId": held}));
            assert_eq!(error["data"]["kind"], "notFound", "{error}");
        }
        let own = bot.ok("command/run", json!({"command": "hold", "wait": false}));
        let row = bot.ok("run/cancel", json!({"runId": own["runId"]}));
        assert_eq!(row["state"], "cancelled");
    }
}

#[test]
fn a_person_approves_what_an_agent_wants_where_a_person_would_be_asked() {
    let server = server();
    let mut admin = server.connect();
    admin.ok("events/subscribe", json!({"topics": ["approvals"]}));
    let mut bot = agent(&server, "operator").connect();
    for (command, line) in [("asks", "asks that"), ("wipe", "wipe")] {
        let args = if command == "asks" { json!({"what": "that"}) } else { json!({}) };
        // `confirm` is of no use to it.
        let params = json!({"command": command, "args": args, "wait": false, "confirm": true});
        let row = bot.ok("command/run", params);
        assert_eq!(row["approval"]["state"], "waiting", "{row}");
        let asked = admin.told("approval/changed");
        assert_eq!((&asked["agent"], &asked["line"]), (&json!(true), &json!(line)));
        let run = &row["runId"];
        let own = bot.refused("approval/decide", json!({"runId": run, "decision": "approve"}));
        assert_eq!(own["data"]["kind"], "forbidden");
        assert!(own["message"].as_str().unwrap().contains("is not for agents"), "{own}");
        admin.ok("approval/decide", json!({"runId": run, "decision": "approve"}));
        let row = wait_for("it runs", || row_of(&mut bot, run), |row| row["endedAt"].is_string());
        assert_eq!(row["state"], "succeeded");
        assert_eq!(admin.told("approval/changed")["approval"]["state"], "approved");
    }
    // It is asked for nothing else.
    assert_eq!(bot.run("set", json!({}))["state"], "succeeded");
    let secret = bot.refused("command/run", json!({"command": "set", "args": {"word": "x"}}));
    assert_eq!(secret["message"], "an agent cannot give the secrets of set");
}

#[test]
fn the_user_of_this_machine_decides_about_the_own_agent_and_another_agent_does_not() {
    let server = server();
    let (mut admin, mut bot) = (server.connect(), local_agent(&server));
    let mut other = agent(&server, "admin").connect();
    let run = bot.ok("command/run", json!({"command": "asks", "wait": false}))["runId"].take();
    let params = json!({"runId": run, "decision": "approve"});
    // It does not see the run of the other one.
    assert_eq!(other.refused("approval/decide", params.clone())["data"]["kind"], "forbidden");
    assert_eq!(
        local_agent(&server).refused("approval/decide", params.clone())["data"]["kind"],
        "forbidden"
    );
    admin.ok("approval/decide", params);
    let row = wait_for("it runs", || row_of(&mut admin, &run), |row| row["endedAt"].is_string());
    assert_eq!(
        (&row["state"], &row["user"]),
        (&json!("succeeded"), &admin.ok("initialize", json!({}))["you"]["user"])
    );
}

#[test]
fn the_audit_log_names_an_agent() {
    let server = server();
    let mut bot = agent(&server, "operator").connect();
    bot.run("set", json!({}));
    let file = server.root().join("state/audit.jsonl");
    let text = std::fs::read_to_string(file).unwrap();
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let run = lines.iter().find(|line| line["action"] == "command/run").unwrap();
    assert_eq!((&run["who"]["name"], &run["who"]["agent"]), (&json!("bot"), &json!(true)));
    let made = lines.iter().find(|line| line["action"] == "key/invite").unwrap();
    assert!(made["argv"].as_array().unwrap().contains(&json!("agent")), "{made}");
    assert_eq!(made["who"].get("agent"), None);
}

#[test]
fn the_key_of_an_agent_may_list_only_exposed_commands() {
    let server = server();
    let mut admin = server.connect();
    let invite = |commands: Value, lasting: bool| json!({"name": "bot", "role": "operator", "agent": true, "commands": commands, "lasting": lasting});
    let error = admin.refused("key/invite", invite(json!(["hidden"]), false));
    assert_eq!(error["data"]["argument"], "commands");
    let message = error["message"].as_str().unwrap();
    assert!(message.contains("`hidden` is not exposed to agents"), "{message}");
    let made = admin.ok("key/invite", invite(json!(["look"]), false));
    let mut bot = Device::of_invite(made["invite"].as_str().unwrap()).enrol().connect();
    assert_eq!(menu(&mut bot), ["look"]);
    // A token of an agent needs no list.
    let token = json!({"name": "token", "role": "operator", "agent": true, "lasting": true});
    let made = admin.ok("key/invite", token);
    let mut bot = Device::of_invite(made["invite"].as_str().unwrap()).connect();
    assert_eq!(menu(&mut bot), ["look", "asks", "set", "wipe", "hold"]);
}
