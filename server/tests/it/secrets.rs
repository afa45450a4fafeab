//! A secret reaches its program and nothing else: not the argument list, not a row, not a log line, not
//! a file, not another client.

use serde_json::{Value, json};

use crate::common::{Raw, Topsided, holding};

/// What must be found nowhere.
const SECRET: &str = "hunter2-Ä; $(id) \"'\\";

/// `set` gets its secrets both ways and says how long they are and what they hash to.
const MENU: &str = r#"
[commands.set]
exec = ["sh", "-c", 'printf "%s/%s/%s " "$#" "${#WORD}" "$(printf %s "$WORD" | cksum)"; cat | cksum; tr "\0" "\n" < /proc/self/cmdline | grep -c hun[t]er2', "sh", "{user}"]
effect = "write"
confirm = "Set the word of {user}?"
success_exit_codes = [0, 1]
[[commands.set.args]]
name = "user"
type = "string"
required = true
max_length = 10
[[commands.set.args]]
name = "word"
type = "secret"
env = "WORD"
required = true
min_length = 8
[[commands.set.args]]
name = "key"
type = "secret"
stdin = true

[commands.hold]
exec = ["sh", "-c", 'cat > "$1"; read x < "$2"', "sh", "{took}", "{gate}"]
effect = "write"
[[commands.hold.args]]
name = "took"
type = "path"
required = true
[[commands.hold.args]]
name = "gate"
type = "path"
required = true
[[commands.hold.args]]
name = "key"
type = "secret"
stdin = true
required = true
"#;

fn cksum(text: &str) -> String {
    let script = "printf %s \"$1\" | cksum";
    let output =
        std::process::Command::new("sh").args(["-c", script, "sh", text]).output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

fn set(word: &str, key: Option<&str>) -> Value {
    let mut args = json!({"user": "ann", "word": word});
    if let Some(key) = key {
        args["key"] = key.into();
    }
    json!({"command": "set", "args": args, "confirm": true})
}

#[test]
fn a_secret_is_what_its_program_gets_and_appears_nowhere() {
    let topsided = Topsided::new();
    topsided.write("commands.toml", MENU);
    let mut server = topsided.start();
    let mut watcher = server.connect();
    watcher.ok("events/subscribe", json!({"topics": ["runs", "clients", "log", "server"]}));
    let mut client = server.connect();
    // What others are told, and what is answered, line by line.
    let mut heard = String::new();

    let row = client.ok("command/run", set(SECRET, Some(SECRET)));
    assert_eq!(row["args"], json!({"user": "ann", "word": "***", "key": "***"}));
    let line = format!("{SECRET}\n");
    let want = format!("1/{}/{} {}\n0\n", SECRET.chars().count(), cksum(SECRET), cksum(&line));
    let bytes = format!("1/{}/{} {}\n0\n", SECRET.len(), cksum(SECRET), cksum(&line));
    let output = row["output"].as_str().unwrap();
    assert!(output == want || output == bytes, "{output}");
    heard.push_str(&row.to_string());
    // Without the one that may be left out the input is empty.
    let row = client.ok("command/run", set(SECRET, None));
    assert!(row["output"].as_str().unwrap().contains(&cksum("")), "{row}");
    heard.push_str(&row.to_string());

    // Everything that can go wrong with it.
    let long = format!("{SECRET}{}", "x".repeat(32 * 1024));
    let mut unconfirmed = set(SECRET, None);
    unconfirmed["confirm"] = false.into();
    let mut swapped = set("long enough", None);
    swapped["args"]["user"] = SECRET.into();
    for (params, rule) in [
        (set("hunter2", None), "minLength"),
        (set(&format!("{SECRET}\u{7}"), None), "control"),
        (set(&format!("{SECRET}\0"), None), "control"),
        (set(&long, None), "size"),
        (json!({"command": "set", "args": {"user": "ann", "word": [SECRET]}}), "type"),
        (json!({"command": "set", "args": {"user": "ann", "word": {"hunter2": 1}}}), "type"),
        (swapped, "maxLength"),
    ] {
        let error = client.refused("command/run", params);
        assert_eq!(error["data"]["rule"], rule, "{error}");
        heard.push_str(&error.to_string());
    }
    let error = client.refused("command/run", unconfirmed);
    assert_eq!(error["data"]["confirm"], "Set the word of ann?");
    heard.push_str(&error.to_string());
    // A row that is sent again as it is must not set the sign in its place.
    let error = client.refused("command/run", set("***", None));
    let said = error["message"].as_str().unwrap().to_owned();
    assert_eq!(error["data"]["rule"], "secret", "{error}");
    assert!(said.starts_with("word must be the secret itself"), "{said}");

    for (method, params) in [
        ("runs/list", json!({})),
        ("clients/list", json!({})),
        ("log/tail", json!({"lines": 500})),
        ("commands/list", json!({})),
        ("server/status", json!({})),
    ] {
        let id = client.ask(method, params);
        heard.push_str(&client.answer(id).to_string());
    }
    for name in ["runs", "rlf", "clients", "gat"] {
        heard.push_str(&client.run(name, json!({})).to_string());
    }
    heard.push_str(&told(&mut watcher));
    assert!(heard.contains("\"word\":\"***\""), "others see that one was given");
    server.signal(rustix::process::Signal::TERM);
    heard.push_str(&server.rest().join("\n"));
    assert!(heard.contains("run ended") && !heard.contains("hunter2"), "{heard}");
    let mut found = Vec::new();
    holding(&topsided.path("."), &mut found);
    assert_eq!(found, [""; 0]);
}

/// All that a subscriber was told before a call of its own.
fn told(client: &mut Raw) -> String {
    let id = client.ask("ping", json!({}));
    let mut heard = String::new();
    loop {
        let message = client.recv();
        heard.push_str(&message.to_string());
        if message["id"] == id {
            return heard;
        }
    }
}

#[test]
fn a_secret_longer_than_a_pipe_arrives_complete_and_delays_no_client() {
    let topsided = Topsided::new();
    topsided.write("commands.toml", MENU);
    topsided.write("server.toml", "[limits]\nmax_argument = 0\n");
    let server = topsided.start();
    let mut gate = topsided.fifo("gate");
    let took = topsided.path("took");
    let key = "k".repeat(64 * 1024 - 1024);
    let mut client = server.connect();
    let args = json!({"took": took, "gate": gate.path().to_string(), "key": key});
    let id = client.ask("command/run", json!({"command": "hold", "args": args}));
    // While it runs, and after the program has read all of it.
    server.connect().ok("ping", json!({}));
    gate.open();
    let row = client.answer(id)["result"].take();
    assert_eq!((&row["state"], &row["args"]["key"]), (&json!("succeeded"), &json!("***")));
    assert_eq!(std::fs::read_to_string(took).unwrap(), key + "\n");
}

#[test]
fn a_program_that_does_not_read_its_secret_ends_like_any_other() {
    let menu = "[commands.deaf]\nexec = [\"sh\", \"-c\", \"exit 3\"]\neffect = \"read\"\n\
                [[commands.deaf.args]]\nname = \"key\"\ntype = \"secret\"\nstdin = true\n";
    let server = crate::common::TestServer::with(menu, "");
    let mut client = server.connect();
    for _ in 0..20 {
        let row = client.run("deaf", json!({"key": "k".repeat(32 * 1024)}));
        assert_eq!((&row["state"], &row["exitCode"]), (&json!("failed"), &json!(3)));
    }
}
