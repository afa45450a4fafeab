//! The menu, and what is said to those who ask for something that is not on it or not so.

use serde_json::{Value, json};

use crate::common::{Fifo, TestServer};

const DECLARED: &str = r#"
[commands.water]
title = "Water a zone"
description = "Opens one valve for some minutes."
category = "Garden"
aliases = ["w"]
exec = ["printf", "%s %s %s", "{zone}", "{minutes}", "{mode}"]
cwd = "/tmp"
env = { SECRET_OF_THE_SERVER = "hidden" }
inherit_env = ["TZ"]
effect = "write"
confirm = "Water zone {zone} for {minutes} minutes?"
timeout = "20m"

[[commands.water.args]]
name = "zone"
type = "int"
description = "Valve number"
required = true
minimum = 1
maximum = 8

[[commands.water.args]]
name = "minutes"
type = "int"
default = 5
choices = [2, 5, 10]

[[commands.water.args]]
name = "mode"
type = "string"
default = "soft"
max_length = 4
"#;

fn confirmed(args: Value) -> Value {
    json!({"command": "water", "args": args, "confirm": true})
}

#[test]
fn the_menu_shows_what_a_client_needs_and_no_implementation() {
    let server = TestServer::with(DECLARED, "");
    let mut client = server.connect();
    let menu = client.ok("commands/list", json!({}));
    assert_eq!(menu["revision"], 1);
    let commands = menu["commands"].as_array().unwrap();
    let water = commands.iter().find(|command| command["name"] == "water").unwrap();
    assert_eq!(
        *water,
        json!({
            "name": "water", "title": "Water a zone",
            "description": "Opens one valve for some minutes.", "category": "Garden",
            "aliases": ["w"], "effect": "write", "role": "operator",
            "confirm": "Water zone {zone} for {minutes} minutes?", "timeoutMs": 1_200_000,
            "stdin": "none", "output": "text",
            "args": [
                {"name": "zone", "type": "int", "description": "Valve number", "required": true,
                 "minimum": 1.0, "maximum": 8.0},
                {"name": "minutes", "type": "int", "required": false, "default": 5,
                 "choices": [2, 5, 10]},
                {"name": "mode", "type": "string", "required": false, "default": "soft",
                 "maxLength": 4},
            ],
        })
    );
    let text = menu.to_string();
    for secret in ["printf", "/tmp", "hidden", "SECRET", "\"TZ\"", "exec", "cwd", "\"env\""] {
        assert!(!text.contains(secret), "{secret}");
    }
    for built_in in [
        "menu", "help", "version", "time", "clients", "status", "log", "runs", "echo", "close",
        "shutdown",
    ] {
        assert!(commands.iter().any(|command| command["name"] == built_in), "{built_in}");
    }
}

#[test]
fn a_command_is_run_by_its_name_or_an_alias_and_the_row_has_the_name() {
    let server = TestServer::with(DECLARED, "");
    let mut client = server.connect();
    for name in ["water", "w"] {
        let params = json!({"command": name, "args": {"zone": 3}, "confirm": true});
        let row = client.ok("command/run", params);
        assert_eq!((&row["command"], &row["output"]), (&json!("water"), &json!("3 5 soft")));
        assert_eq!(row["args"], json!({"zone": 3, "minutes": 5, "mode": "soft"}));
    }
    let menu = client.run("m", json!({}));
    let output = menu["output"].as_str().unwrap();
    let line = output.lines().find(|line| line.starts_with("  water ")).unwrap();
    assert!(line.ends_with("Water a zone (needs arguments)"), "{line}");
}

#[test]
fn suggestions_are_near_misses_and_never_a_destructive_command() {
    let commands = "[commands.wipe]\nexec = [\"true\"]\n[commands.zones]\nexec = [\"true\"]\neffect = \"read\"\n\
                    [commands.drain]\nexec = [\"true\"]\neffect = \"destructive\"\n";
    let server = TestServer::with(commands, "");
    let mut client = server.connect();
    for (typed, nearest) in [
        ("nope", json!([])),
        ("wpie", json!([])),
        ("drian", json!([])),
        ("shutdwon", json!([])),
        ("zonse", json!(["zones"])),
        ("zns", json!([])),
        ("verison", json!(["version"])),
    ] {
        let error = client.refused("command/run", json!({"command": typed}));
        assert_eq!(error["data"]["nearest"], nearest, "{typed}");
    }
}

#[test]
fn an_unknown_command_is_answered_with_the_nearest_names() {
    let server = TestServer::with(DECLARED, "");
    let mut client = server.connect();
    let error = client.refused("command/run", json!({"command": "watr"}));
    assert_eq!((&error["code"], &error["data"]["kind"]), (&json!(-32004), &json!("notFound")));
    assert_eq!(error["data"]["nearest"][0], "water");
    let message = error["message"].as_str().unwrap();
    assert!(message.starts_with("there is no command `watr`: did you mean water"), "{message}");
    let error = client.refused("command/run", json!({"command": "zzzzzzzz"}));
    assert_eq!(error["data"]["nearest"], json!([]));
    for name in ["", "\u{1b}[2Jx", &"y".repeat(60_000)] {
        let error = client.refused("command/run", json!({"command": name}));
        let message = error["message"].as_str().unwrap();
        assert_eq!(error["code"], -32004);
        assert!(message.len() < 200 && !message.contains('\u{1b}'), "{message}");
    }
}

#[test]
fn a_wrong_argument_is_named_with_its_rule_and_what_would_pass() {
    let server = TestServer::with(DECLARED, "");
    let mut client = server.connect();
    for (args, argument, rule, expected) in [
        (json!({}), "zone", "required", "a whole number from 1 to 8"),
        (json!({"zone": 0}), "zone", "minimum", "a whole number from 1 to 8"),
        (json!({"zone": 9}), "zone", "maximum", "a whole number from 1 to 8"),
        (json!({"zone": 1.5}), "zone", "type", "a whole number from 1 to 8"),
        (json!({"zone": "3"}), "zone", "type", "a whole number from 1 to 8"),
        (json!({"zone": null}), "zone", "type", "a whole number from 1 to 8"),
        (json!({"zone": 3, "minutes": 3}), "minutes", "choices", "2, 5 or 10"),
        (json!({"zone": 3, "mode": "heavy"}), "mode", "maxLength", "text of at most 4 characters"),
        (json!({"zone": 3, "mode": "-x"}), "mode", "allowDash", ""),
        (json!({"zone": 3, "mode": "a\nb"}), "mode", "control", ""),
        (json!({"zone": 3, "mode": "a\u{0}"}), "mode", "control", ""),
        (json!({"zone": 3, "minuts": 5}), "minuts", "unknown", ""),
    ] {
        let error = client.refused("command/run", confirmed(args.clone()));
        let data = &error["data"];
        assert_eq!((&error["code"], &data["kind"]), (&json!(-32602), &json!("invalidParams")));
        assert_eq!((&data["argument"], &data["rule"]), (&json!(argument), &json!(rule)), "{args}");
        let says = data["expected"].as_str().unwrap();
        assert!(says.contains(expected), "{args}: {says}");
        assert!(error["message"].as_str().unwrap().contains(argument), "{error}");
    }
    let error = client.refused("command/run", confirmed(json!({"zone": 3, "minuts": 5})));
    assert_eq!(error["data"]["nearest"], json!(["minutes"]));
    assert_eq!(client.ok("server/status", json!({}))["runs"]["started"], 0);
}

#[test]
fn a_value_with_any_content_is_one_element() {
    let server = TestServer::start();
    let mut client = server.connect();
    for text in ["a b", "$HOME `id` $(id); rm -rf / | x > y", "'\"\\", "*", "%s%n", "{text}"] {
        assert_eq!(client.run("look", json!({"text": text}))["output"], text);
    }
}

#[test]
fn an_argument_has_a_longest_value() {
    let server = TestServer::limits("max_argument = \"1KiB\"");
    let mut client = server.connect();
    let of = |length: usize| json!({"text": "x".repeat(length)});
    assert_eq!(client.run("look", of(1024))["bytes"], 1024);
    let error = client.refused("command/run", json!({"command": "look", "args": of(1025)}));
    assert_eq!(error["data"]["rule"], "size");
}

#[test]
fn a_command_that_asks_first_is_refused_with_its_question_until_it_is_confirmed() {
    let server = TestServer::with(DECLARED, "");
    let mut client = server.connect();
    let mut params = confirmed(json!({"zone": 3}));
    params["confirm"] = false.into();
    let error = client.refused("command/run", params);
    let data = &error["data"];
    assert_eq!((&error["code"], &data["kind"]), (&json!(-32011), &json!("confirmRequired")));
    assert_eq!(data["confirm"], "Water zone 3 for 5 minutes?");
    assert!(error["message"].as_str().unwrap().contains("Water zone 3 for 5 minutes?"));
    assert_eq!(client.ok("command/run", confirmed(json!({"zone": 3})))["state"], "succeeded");
    // Wrong arguments are reported before the question.
    let error = client.refused("command/run", json!({"command": "water", "args": {"zone": 99}}));
    assert_eq!(error["code"], -32602);
    let error = client.refused("command/run", json!({"command": "ks"}));
    assert_eq!(error["code"], -32011);
}

#[test]
fn a_program_that_has_gone_since_the_start_cannot_be_started() {
    let server_root = crate::common::server::directory();
    let program = server_root.path().join("program");
    crate::common::server::write_program(&program, "#!/bin/sh\necho here\n");
    let menu = format!("[commands.mine]\nexec = [\"{}\"]\n", program.display());
    let server = TestServer::with(&menu, "[limits]\nmax_runs = 1\nadmin_runs = 0\n");
    let mut client = server.connect();
    assert_eq!(client.run("mine", json!({}))["output"], "here\n");
    std::fs::remove_file(&program).unwrap();
    // Twice: the failed start holds no place.
    for _ in 0..2 {
        let error = client.refused("command/run", json!({"command": "mine"}));
        assert_eq!(
            (&error["code"], &error["data"]["kind"]),
            (&json!(-32010), &json!("spawnFailed"))
        );
        assert!(error["message"].as_str().unwrap().contains(&program.display().to_string()));
    }
    let status = client.ok("server/status", json!({}));
    assert_eq!(status["runs"]["running"], 0);
}

#[test]
fn the_fifo_of_a_test_sees_the_end_of_its_programs() {
    // The other tests rely on it.
    let root = crate::common::server::directory();
    let mut fifo = Fifo::new(root.path(), "fifo");
    let script = format!("exec 3> {}; echo a >&3; echo b >&3", fifo.path());
    let mut child = std::process::Command::new("sh").args(["-c", &script]).spawn().unwrap();
    assert_eq!((fifo.line(), fifo.line()), ("a".into(), "b".into()));
    fifo.all_gone();
    child.wait().unwrap();
}

/// Each was a command of the menu as well as a method.
#[test]
fn admin_actions_are_methods_and_their_names_are_free_for_the_menu() {
    let menu = "[commands.reload]\nexec = [\"echo\", \"mine\"]\neffect = \"read\"\n";
    let server = TestServer::with(menu, "");
    let mut admin = server.connect();
    let menu = admin.ok("commands/list", json!({}));
    for name in ["broadcast", "wall", "invite", "keys", "kick", "revoke", "shutdown-cancel"] {
        assert!(menu["commands"].as_array().unwrap().iter().all(|one| one["name"] != name));
        let error = admin.refused("command/run", json!({"command": name, "confirm": true}));
        assert_eq!(error["code"], -32004, "{error}");
    }
    assert_eq!(admin.run("reload", json!({}))["output"], "mine\n");
    assert!(admin.ok("server/reload", json!({}))["changed"].is_object());
}
