//! `rate`, `[groups.NAME]` and locks with values: what else keeps runs apart.

use serde_json::{Value, json};

use crate::common::{TestServer, eventually};

fn run(command: &str, args: Value) -> Value {
    json!({"command": command, "args": args, "wait": false})
}

#[test]
fn a_rate_refuses_one_run_more_with_the_time_until_the_next() {
    let menu = "[commands.ask]\nexec = [\"true\"]\neffect = \"read\"\nrate = \"2/1h\"\nthen = [\"other\"]\n\
                [commands.other]\nexec = [\"true\"]\neffect = \"read\"\nrate = \"1/1h\"\n\
                [[commands.other.schedule]]\nname = \"start\"\nat_start = true\n";
    let server = TestServer::with(menu, "");
    let mut client = server.connect();
    // The run of a schedule counts.
    eventually("the schedule has run", || {
        client.ok("runs/list", json!({}))["runs"].as_array().unwrap().len() == 1
    });
    assert_eq!(
        client.refused("command/run", run("other", json!({})))["data"]["kind"],
        "rateLimited"
    );
    client.run("ask", json!({}));
    client.run("ask", json!({}));
    let error = client.refused("command/run", run("ask", json!({})));
    let data = json!({"kind": "rateLimited", "retryable": true, "limit": "rate", "most": 2});
    assert_eq!((&error["code"], &error["data"]), (&json!(-32006), &data));
    let message = error["message"].as_str().unwrap();
    assert!(message.starts_with("ask may run 2 times in 1h, and has: try again in "), "{message}");
    let page = client.ok("runs/list", json!({}));
    assert_eq!(page["runs"].as_array().unwrap().len(), 3, "{page}");
}

#[test]
fn a_lock_with_an_argument_is_one_for_each_value() {
    let menu = "[commands.zone]\nexec = [\"sleep\", \"1000\"]\neffect = \"write\"\nlock = [\"zone-{relay}\"]\n\
                [[commands.zone.args]]\nname = \"relay\"\ntype = \"int\"\ndefault = 1\nenv = \"RELAY\"\n\
                [commands.zones]\nexec = [\"sleep\", \"1000\", \"{relays}\"]\neffect = \"write\"\nlock = [\"zone-{relays}\"]\n\
                [[commands.zones.args]]\nname = \"relays\"\ntype = \"int\"\nmultiple = true\nrequired = true\n\
                [commands.third]\nexec = [\"sleep\", \"1000\"]\neffect = \"write\"\nlock = [\"zone-3\"]\n";
    let server = TestServer::with(menu, "");
    let mut client = server.connect();
    client.ok("command/run", run("zone", json!({"relay": 2})));
    client.ok("command/run", run("zone", json!({})));
    let lock = |error: Value| error["data"]["lock"].as_str().unwrap().to_owned();
    assert_eq!(lock(client.refused("command/run", run("zone", json!({"relay": 2})))), "zone-2");
    assert_eq!(lock(client.refused("command/run", run("zone", json!({"relay": 1})))), "zone-1");
    assert_eq!(
        lock(client.refused("command/run", run("zones", json!({"relays": [4, 1]})))),
        "zone-1"
    );
    client.ok("command/run", run("zones", json!({"relays": [3, 4]})));
    assert_eq!(lock(client.refused("command/run", run("third", json!({})))), "zone-3");
    assert_eq!(lock(client.refused("command/run", run("zone", json!({"relay": 4})))), "zone-4");
}

#[test]
fn a_group_limits_the_runs_of_its_commands_together() {
    let one = |name: &str, lines: &str| {
        format!(
            "[commands.{name}]\nexec = [\"sleep\", \"1000\"]\neffect = \"write\"\ngroup = \"downloads\"\n{lines}\n"
        )
    };
    let menu = one("a", "") + &one("b", "queue = 1") + "[groups.downloads]\nmax_concurrent = 2\n";
    let server = TestServer::with(&menu, "");
    let mut client = server.connect();
    let first = client.ok("command/run", run("a", json!({})));
    client.ok("command/run", run("a", json!({})));
    let error = client.refused("command/run", run("a", json!({})));
    let data = &error["data"];
    assert_eq!((&data["limit"], &data["most"]), (&json!("max_concurrent"), &json!(2)));
    assert_eq!(data["waitsFor"][0]["group"], "downloads");
    let message = error["message"].as_str().unwrap();
    assert!(
        message.contains("the end of one of #1, #2 (group downloads), and it has no queue"),
        "{message}"
    );
    let queued = client.ok("command/run", run("b", json!({})));
    assert_eq!((&queued["state"], &queued["place"]), (&json!("queued"), &json!(1)));
    client.ok("run/cancel", json!({"runId": first["runId"]}));
    eventually("it has its turn", || {
        let page = client.ok("runs/list", json!({"command": "b"}));
        page["runs"][0]["state"] == "running"
    });
}

#[test]
fn a_command_may_have_the_alias_of_a_built_in_as_its_name() {
    let menu = "[commands.m]\nexec = [\"echo\", \"mine\"]\neffect = \"read\"\n\
                [commands.x]\naliases = [\"gt\"]\nexec = [\"echo\", \"x\"]\neffect = \"read\"\n";
    let server = TestServer::with(menu, "");
    let mut client = server.connect();
    assert_eq!(client.run("m", json!({}))["output"], "mine\n");
    assert_eq!(client.run("gt", json!({}))["output"], "x\n");
    let mut aliases = |name: &str| client.command(name)["aliases"].take();
    assert_eq!(
        (aliases("menu"), aliases("time"), aliases("runs")),
        (json!([]), json!([]), json!([]))
    );
    assert_eq!(aliases("version"), json!(["gv"]));
    assert!(client.run("menu", json!({}))["output"].as_str().unwrap().contains("Show the menu"));
}
