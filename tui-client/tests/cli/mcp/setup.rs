//! `topside mcp --setup`: the key of an assistant, and the configuration that starts it.

use std::process::Command;

use serde_json::{Value, json};

use super::assistant::{Assistant, REVISIONS, Revision};
use super::{MENU, place};
use crate::common::Place;
use crate::remote_server::{Box, pair};

/// The JSON documents in what `--setup` prints.
fn documents(printed: &str) -> Vec<Value> {
    let parts = printed.split("\n\n").filter(|part| part.trim_start().starts_with('{'));
    parts.map(|part| serde_json::from_str(part).unwrap()).collect()
}

fn set_up(place: &Place, args: &[&str]) -> String {
    let ended = place.verb(&[&["mcp", "--setup"], args].concat()).with(0);
    ended.out
}

/// A server elsewhere, and an admin's device.
fn garden_and_admin() -> (Box, Place) {
    let garden = Box::with(Place::with_menu(MENU));
    let invite = garden.verb(&["invite", "--name", "laptop", "--role", "admin"]);
    let laptop = Place::new();
    pair(&laptop, &[&invite, "--name", "garden"]).with(0);
    (garden, laptop)
}

#[test]
fn two_steps_lead_to_the_first_call_of_a_server_elsewhere() {
    let (garden, laptop) = garden_and_admin();
    let printed = set_up(&laptop, &["--on", "garden", "--role", "operator"]);
    assert!(printed.contains("role operator") && printed.contains("hello"), "{printed}");
    let [most, code] = &documents(&printed)[..] else { panic!("{printed}") };
    let entry = &most["mcpServers"]["topside-garden"];
    assert_eq!(entry["args"], json!(["mcp", "--on", "garden"]));
    assert_eq!(code["servers"]["topside-garden"]["type"], "stdio");

    // The second step: the assistant starts what is written there.
    let mut command = Command::new(entry["command"].as_str().unwrap());
    let args: Vec<&str> =
        entry["args"].as_array().unwrap().iter().map(|arg| arg.as_str().unwrap()).collect();
    command.args(&args);
    for (name, value) in entry["env"].as_object().unwrap() {
        command.env(name, value.as_str().unwrap());
    }
    let help = command.arg("--help").output().unwrap();
    assert!(help.status.success());
    for revision in REVISIONS {
        let mut assistant = Assistant::new(&laptop, &args[1..], revision);
        assert!(assistant.commands().contains(&"change".to_owned()), "an operator may write");
        assert_eq!(assistant.call("change", json!({})).output(), "changed\n");
    }
    // The key is that of an agent, and the admin's own device is no agent.
    let keys = garden.place.json(&["keys"])["keys"].clone();
    let agents: Vec<&Value> = keys
        .as_array()
        .unwrap()
        .iter()
        .filter(|key| key["agent"] == true && key["state"] == "active")
        .collect();
    assert_eq!(agents.len(), 1, "{keys}");
    assert_eq!((&agents[0]["name"], &agents[0]["role"]), (&json!("assistant"), &json!("operator")));
    let role = laptop.json(&["clients", "--on", "garden"]);
    assert!(
        role["clients"]
            .as_array()
            .unwrap()
            .iter()
            .any(|row| row["you"] == true && row["role"] == "admin")
    );
}

#[test]
fn a_key_limited_to_commands_has_these_tools_alone() {
    let (garden, laptop) = garden_and_admin();
    let printed = set_up(&laptop, &["--on", "garden", "--commands", "hello,wait"]);
    assert!(printed.contains("Tools: hello, wait."), "{printed}");
    let mut assistant = Assistant::new(&laptop, &["--on", "garden"], Revision::Sessions);
    assert_eq!(assistant.commands(), ["hello", "wait"]);
    assert_eq!(assistant.call("hello", json!({"name": "x"})).output(), "hello x\n");
    let error = assistant.error("tools/call", json!({"name": "fail"}));
    assert_eq!(error["code"], -32602, "{error}");
    // A command that is not exposed is refused when the key is made.
    let ended =
        laptop.verb(&["mcp", "--setup", "--on", "garden", "--commands", "hidden"]).with(125);
    assert!(ended.err.contains("expose"), "{ended:?}");
    drop(garden);
}

#[test]
fn a_second_setup_replaces_the_key() {
    let (garden, laptop) = garden_and_admin();
    set_up(&laptop, &["--on", "garden"]);
    set_up(&laptop, &["--on", "garden", "--role", "operator", "--name", "helper"]);
    let keys = garden.place.json(&["keys"])["keys"].clone();
    let states: Vec<(&str, &str)> = keys
        .as_array()
        .unwrap()
        .iter()
        .filter(|key| key["agent"] == true && key["state"] != "used")
        .map(|key| (key["name"].as_str().unwrap(), key["state"].as_str().unwrap()))
        .collect();
    assert_eq!(states, [("assistant", "revoked"), ("helper", "active")], "{keys}");
    let mut assistant = Assistant::new(&laptop, &["--on", "garden"], Revision::Stateless);
    assert!(assistant.commands().contains(&"change".to_owned()));
    // A revoked key is told so, and is not tried again and again.
    garden.place.verb(&["revoke", "helper", "--yes"]).with(0);
    let called = assistant.call("hello", json!({"name": "x"}));
    assert!(
        called.sentence().contains("cannot be reached") || called.sentence().contains("revoked"),
        "{called:?}"
    );
    let called = assistant.call("hello", json!({"name": "x"}));
    assert!(called.sentence().contains("`topside mcp --setup` makes another key"), "{called:?}");
    // The assistant goes on with the new key.
    set_up(&laptop, &["--on", "garden"]);
    assert_eq!(assistant.call("hello", json!({"name": "x"})).output(), "hello x\n");
}

#[test]
fn on_the_machine_of_the_server_setup_makes_a_key_too() {
    let place = place();
    place.listen();
    let _server = place.serve();
    let printed = set_up(&place, &["--role", "operator"]);
    let documents = documents(&printed);
    let (_, entry) = documents[0]["mcpServers"].as_object().unwrap().iter().next().unwrap();
    let args: Vec<&str> =
        entry["args"].as_array().unwrap().iter().map(|arg| arg.as_str().unwrap()).collect();
    let mut assistant = Assistant::new(&place, &args[1..], Revision::Stateless);
    assert_eq!(assistant.call("change", json!({})).output(), "changed\n");
}

#[test]
fn setup_and_a_missing_key_have_their_sentences() {
    let (_garden, laptop) = garden_and_admin();
    let ended = laptop.verb(&["mcp", "--on", "garden"]).with(125);
    assert!(ended.err.contains("topside mcp --setup --on garden"), "{ended:?}");
    assert_eq!(ended.out, "");
    laptop.verb(&["mcp", "--role", "viewer"]).with(2);
    let place = place();
    let ended = place.verb(&["mcp", "--setup"]).with(125);
    assert!(ended.err.contains("no server runs on this machine"), "{ended:?}");
}

/// The key of an admin had to be on the machine of the assistant for its set-up.
#[test]
fn an_invite_for_an_agent_sets_up_a_machine_that_has_no_key_of_an_admin() {
    let garden = Box::with(Place::with_menu(MENU));
    let invite = |more: &[&str]| {
        let made = ["serve", "invite", "--agent", "--name", "helper", "--role", "operator"];
        let made = garden.place.verb(&[&made[..], more].concat()).with(0);
        assert!(made.err.contains("`topside mcp --setup --invite`"), "{made:?}");
        made.out.trim_end().to_owned()
    };
    let laptop = Place::new();
    let text = invite(&["--commands", "hello,change"]);
    let printed = set_up(&laptop, &["--invite", &text, "--on", "garden"]);
    let first = "The key helper is made on garden, with role operator. Tools: hello, change.";
    assert!(printed.starts_with(first), "{printed}");
    assert_eq!(documents(&printed)[0]["mcpServers"]["topside-garden"]["args"][2], "garden");
    let mut assistant = Assistant::new(&laptop, &["--on", "garden"], Revision::Stateless);
    assert_eq!(assistant.call("change", json!({})).output(), "changed\n");
    // The key is that of an agent, and the machine has no other.
    let keys = garden.place.json(&["keys"])["keys"].clone();
    let live: Vec<&Value> =
        keys.as_array().unwrap().iter().filter(|key| key["state"] == "active").collect();
    assert_eq!(live.len(), 1, "{keys}");
    assert_eq!((&live[0]["name"], &live[0]["agent"]), (&json!("helper"), &json!(true)));
    laptop.verb(&["run", "--on", "garden", "change"]).with(125);
    // Invited again, it is the same key with other rights. The invite may come by standard input.
    let ended = laptop.lines(&["mcp", "--setup", "--invite", "-"], &invite(&[])).with(0);
    assert!(ended.out.contains("The key helper is made on garden"), "{ended:?}");
    assert!(assistant.commands().contains(&"wipe".to_owned()));
}

#[test]
fn an_invite_that_sets_up_no_assistant_says_why() {
    let garden = Box::with(Place::with_menu(MENU));
    let made = |more: &[&str]| garden.verb(&[&["invite", "--role", "operator"], more].concat());
    let laptop = Place::new();
    let set_up = |args: &[&str]| laptop.verb(&[&["mcp", "--setup"], args].concat()).with(125).err;
    let plain = made(&["--name", "tablet"]);
    let error = set_up(&["--invite", &plain, "--on", "garden"]);
    assert!(error.contains("one for a device of a person"), "{error}");
    assert!(error.contains("revokes tablet") && error.contains("`invite --agent`"), "{error}");
    let error = laptop.verb(&["mcp", "--on", "garden"]).with(125).err;
    assert!(error.contains("no key for an assistant"), "{error}");
    let error = set_up(&["--invite", &plain]);
    assert!(error.contains("this invite was used already"), "{error}");
    let error = set_up(&["--invite", "hello"]);
    assert!(error.contains("begins with `topside1:`"), "{error}");
    // The name of another server.
    let other = Box::with(Place::with_menu(MENU));
    let text = other.verb(&["invite", "--agent", "--name", "helper", "--role", "viewer"]);
    let error = set_up(&["--invite", &text, "--on", "garden"]);
    assert!(error.contains("with --on. The invite was not used"), "{error}");
    laptop.verb(&["mcp", "--setup", "--invite", &text, "--on", "shed"]).with(0);
    for args in [&["--role", "viewer"][..], &["--commands", "hello"], &["--name", "x"]] {
        laptop.verb(&[&["mcp", "--setup", "--invite", &text], args].concat()).with(2);
    }
    laptop.verb(&["mcp", "--invite", &text]).with(2);
    // A person who is no admin there is told of this way.
    let phone = garden.paired();
    let error = phone.verb(&["mcp", "--setup", "--on", "garden"]).with(125).err;
    assert!(error.contains("`topside mcp --setup --invite`"), "{error}");
}
