//! An agent that tries what it may not do.

use std::collections::HashSet;

use serde_json::{Value, json};

use super::assistant::{Assistant, Called, Revision};
use super::{MENU, ask, place};
use crate::common::{Place, eventually};
use crate::remote_server::Box;

/// A server, and the device of an agent that has a key with the role *operator* there.
struct Site {
    garden: Box,
    device: Place,
}

impl Site {
    fn new(settings: &str) -> Self {
        let place = Place::with_menu(MENU);
        let garden = Box::with_settings(place, settings);
        let invite = garden.verb(&["invite", "--name", "laptop", "--role", "admin"]);
        let device = Place::new();
        crate::remote_server::pair(&device, &[&invite, "--name", "garden"]).with(0);
        device.verb(&["mcp", "--setup", "--on", "garden", "--role", "operator"]).with(0);
        Self { garden, device }
    }

    fn agent(&self, args: &[&str]) -> Assistant {
        let args = [&["--on", "garden"], args].concat();
        Assistant::new(&self.device, &args, Revision::Stateless)
    }

    /// The run that waits for approval.
    fn waiting(&self) -> u64 {
        let list = || {
            let answer = ask(&self.garden.place, &[("approvals/list", json!({}))]);
            answer["result"]["approvals"].clone()
        };
        eventually("a run waits for approval", || !list().as_array().unwrap().is_empty());
        list()[0]["runId"].as_u64().unwrap()
    }

    /// Decides as a person; whether the server accepts it.
    fn decide(&self, run: u64, decision: &str, reason: &str) -> bool {
        let decision = json!({"runId": run, "decision": decision, "reason": reason});
        ask(&self.garden.place, &[("approval/decide", decision)]).get("result").is_some()
    }

    fn outputs(&self) -> usize {
        let runs = self.garden.place.json(&["runs", "--command", "wipe"])["runs"].clone();
        runs.as_array().unwrap().iter().filter(|run| run["state"] == "succeeded").count()
    }
}

fn wipe(agent: &mut Assistant, disk: &str) -> u64 {
    agent.send("tools/call", json!({"name": "wipe", "arguments": {"disk": disk}}))
}

fn called(agent: &mut Assistant, id: u64) -> Called {
    Called::from(agent.answer(id)["result"].clone())
}

#[test]
fn a_destructive_call_waits_for_a_person_and_is_told_who_decided() {
    let site = Site::new("");
    let mut agent = site.agent(&["--wait", "100s"]);
    let tools = agent.tools();
    let tool = tools.iter().find(|tool| tool["name"] == "wipe").unwrap();
    assert!(tool["description"].as_str().unwrap().contains("must approve"), "{tool}");
    assert_eq!(tool["annotations"]["destructiveHint"], true);
    assert!(tool["inputSchema"]["properties"].get("confirm").is_none(), "{tool}");

    let id = wipe(&mut agent, "a");
    let run = site.waiting();
    // Another call sees that it waits, and for how long.
    let status = agent.call("run_status", json!({"runId": run}));
    let note = status.get("note").as_str().unwrap();
    assert!(note.contains("waits for approval") && note.contains("left"), "{note}");
    assert!(site.decide(run, "approve", "go ahead"));
    let done = called(&mut agent, id);
    assert_eq!((done.run_id(), done.output()), (run, "wiped a\n"));
    assert!(done.get("note").as_str().unwrap().contains("approved by"), "{done:?}");

    let id = wipe(&mut agent, "b");
    let run = site.waiting();
    assert!(site.decide(run, "refuse", "not today"));
    let refused = called(&mut agent, id);
    assert!(refused.is_error, "{refused:?}");
    let note = refused.get("note").as_str().unwrap();
    assert!(note.contains("refused by") && note.contains("not today"), "{note}");
}

#[test]
fn the_user_of_an_assistant_is_told_that_a_call_waits_and_can_only_withdraw_it() {
    let site = Site::new("");
    let args = ["--on", "garden", "--wait", "100s"];
    let capabilities = json!({"elicitation": {}});
    let mut agent = Assistant::with_capabilities(&site.device, &args, capabilities);
    let answer = |agent: &mut Assistant, question: &Value, action: &str| {
        let result = json!({"action": action});
        let id = &question["id"];
        agent.line(&json!({"jsonrpc": "2.0", "id": id, "result": result}).to_string());
    };
    // To accept the question starts nothing.
    let id = wipe(&mut agent, "a");
    let question = agent.message();
    assert_eq!(question["method"], "elicitation/create", "{question}");
    let run = site.waiting();
    let sentence = question["params"]["message"].as_str().unwrap();
    assert!(sentence.contains(&format!("topside approve {run}")), "{sentence}");
    assert_eq!(question["params"]["requestedSchema"]["properties"], json!({}));
    answer(&mut agent, &question, "accept");
    assert!(!agent.commands().is_empty(), "the answer was read");
    assert_eq!(site.waiting(), run, "it still waits");
    assert!(site.decide(run, "approve", "yes"));
    assert_eq!(called(&mut agent, id).output(), "wiped a\n");

    // A question without an answer is taken back once a person has decided.
    let id = wipe(&mut agent, "a");
    let question = agent.message();
    assert!(site.decide(site.waiting(), "refuse", "no"));
    let messages = [agent.message(), agent.message()];
    let taken_back =
        messages.iter().find(|one| one["method"] == "notifications/cancelled").unwrap();
    assert_eq!(taken_back["params"]["requestId"], question["id"], "{taken_back}");
    let refused = messages.iter().find(|one| one["id"] == id).unwrap();
    assert_eq!(refused["result"]["isError"], true, "{refused}");

    let id = wipe(&mut agent, "b");
    let question = agent.message();
    assert_eq!(question["method"], "elicitation/create", "{question}");
    let run = site.waiting();
    answer(&mut agent, &question, "decline");
    let withdrawn = called(&mut agent, id);
    assert!(withdrawn.sentence().contains("withdrawn the call"), "{withdrawn:?}");
    let state = || {
        let runs = site.garden.place.json(&["runs", "--command", "wipe"])["runs"].clone();
        runs.as_array().unwrap().iter().find(|row| row["runId"] == run).unwrap()["state"].clone()
    };
    eventually("it is cancelled", || state() == "cancelled");
    assert_eq!(site.outputs(), 1);
}

#[test]
fn an_approval_is_for_one_run_once() {
    let site = Site::new("");
    let mut agent = site.agent(&["--wait", "100s"]);
    let id = wipe(&mut agent, "a");
    let run = site.waiting();
    assert!(site.decide(run, "approve", "yes"));
    assert_eq!(called(&mut agent, id).output(), "wiped a\n");
    assert!(!site.decide(run, "approve", "yes"), "the same approval twice");
    // Neither the same arguments nor others are approved by it.
    let mut agent = site.agent(&["--wait", "1s"]);
    for disk in ["a", "b"] {
        let id = wipe(&mut agent, disk);
        assert_eq!(called(&mut agent, id).get("state"), "queued");
    }
    assert_eq!(site.outputs(), 1);
}

#[test]
fn an_approval_that_comes_too_late_starts_nothing() {
    let site = Site::new("[limits]\napproval_timeout = \"1s\"\n");
    let mut agent = site.agent(&["--wait", "100s"]);
    let id = wipe(&mut agent, "a");
    let expired = called(&mut agent, id);
    assert!(expired.is_error, "{expired:?}");
    let note = expired.get("note").as_str().unwrap();
    assert!(note.contains("not approved within"), "{note}");
    assert!(!site.decide(expired.run_id(), "approve", "yes"), "it has expired");
    assert_eq!(site.outputs(), 0);
}

#[test]
fn the_key_of_an_agent_approves_nothing_and_confirms_nothing() {
    let site = Site::new("");
    let mut agent = site.agent(&["--wait", "1s"]);
    let waiting = agent.call("wipe", json!({"disk": "a"}));
    assert_eq!(waiting.get("state"), "queued");
    assert!(waiting.get("note").as_str().unwrap().contains("waits for approval"), "{waiting:?}");
    let confirmed = agent.call("wipe", json!({"disk": "a", "confirm": true}));
    assert!(confirmed.sentence().contains("confirm"), "{confirmed:?}");
    // The same key, without `topside mcp`.
    let agents = std::fs::read_dir(site.device.path("state/agents")).unwrap();
    let state = agents.flatten().next().unwrap().path();
    let verb = |args: &[&str]| -> crate::common::Ended {
        let mut command = site.device.topside(args);
        command.env("TOPSIDE_STATE_DIR", &state).output().unwrap().into()
    };
    let decision = json!({"runId": waiting.run_id(), "decision": "approve"});
    let as_agent = [("initialize", json!({"agent": true})), ("approval/decide", decision)];
    let local = ask(&site.garden.place, &as_agent);
    assert_eq!(local["error"]["data"]["kind"], "forbidden", "{local}");
    for args in [
        &["run", "--on", "garden", "hidden"][..],
        &["keys", "--on", "garden"],
        &["shutdown", "--on", "garden", "--yes"],
        &["clients", "--on", "garden"],
    ] {
        let ended = verb(args);
        assert_ne!(ended.status, Some(0), "{args:?}: {ended:?}");
    }
    assert_eq!(site.outputs(), 0);
}

#[test]
fn runs_of_others_are_not_there_for_an_agent() {
    let place = place();
    let _server = place.serve();
    place.run(&["hello", "person"]).with(0);
    let runs = place.json(&["runs"])["runs"].clone();
    let theirs = runs[0]["runId"].as_u64().unwrap();
    let mut agent = Assistant::local(&place);
    for tool in ["run_status", "run_output", "run_cancel"] {
        let called = agent.call(tool, json!({"runId": theirs}));
        let sentence = called.sentence();
        assert!(sentence.contains("no run") || sentence.contains("not running"), "{sentence}");
    }
    let uri = format!("topside://runs/{theirs}/output");
    let error = agent.error("resources/read", json!({"uri": uri}));
    assert!(error["message"].as_str().unwrap().contains("no run"), "{error}");
}

#[test]
fn ten_thousand_calls_are_each_answered_and_most_are_over_the_rate() {
    // Without the rate of a session, which would make them wait.
    let site = Site::new("[mcp]\nrate = 30\n[limits]\nrequests = 0\n");
    let mut agent = site.agent(&[]);
    let (mut ran, mut over, mut refused) = (0, 0, 0);
    let mut pending = HashSet::new();
    let mut sent = 0;
    while sent < 10_000 || !pending.is_empty() {
        while sent < 10_000 && pending.len() < 32 {
            pending.insert(
                agent.send("tools/call", json!({"name": "hello", "arguments": {"name": "x"}})),
            );
            sent += 1;
        }
        let message = agent.message();
        assert!(pending.remove(&message["id"].as_u64().unwrap()), "{message}");
        let called = Called::from(message["result"].clone());
        if !called.is_error {
            ran += 1;
        } else if called.sentence().contains("commands within a minute") {
            assert!(called.text.contains("try again in"), "{called:?}");
            over += 1;
        } else {
            // More runs at once than one client may have.
            refused += 1;
        }
    }
    assert_eq!(ran + over + refused, 10_000);
    assert!(ran >= 1 && over > 8_000, "{ran} ran, {over} over the rate, {refused} refused");
    // The server serves people all the while.
    let status = site.garden.place.json(&["status"]);
    assert!(status["refusals"]["rateLimited"].as_u64().unwrap() >= over, "{status}");
}
