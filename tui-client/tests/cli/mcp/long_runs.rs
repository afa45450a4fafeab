//! Runs that take longer than a call waits.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::assistant::{Assistant, Called, REVISIONS};
use super::place;
use crate::common::{Place, eventually};

fn state_of(place: &Place, id: u64) -> Value {
    let runs = place.json(&["runs"])["runs"].clone();
    let run = runs.as_array().unwrap().iter().find(|run| run["runId"] == id).cloned();
    run.map_or(Value::Null, |run| run["state"].clone())
}

#[test]
fn a_call_that_has_waited_returns_the_number_and_the_run_goes_on() {
    let place = place();
    let _server = place.serve();
    for revision in REVISIONS {
        let pipe = place.pipe(&format!("{revision:?}"));
        let mut assistant = Assistant::new(&place, &["--wait", "1s"], revision);
        let called = assistant.call("wait", json!({"pipe": pipe}));
        assert!(!called.is_error, "{called:?}");
        let (id, note) = (called.run_id(), called.get("note").as_str().unwrap());
        assert_eq!((called.get("state"), called.output()), (&json!("running"), "begun\n"));
        assert!(note.contains("run_status") && note.contains(&id.to_string()), "{note}");

        let status = assistant.call("run_status", json!({"runId": id}));
        assert_eq!((status.get("state"), status.output()), (&json!("running"), "begun\n"));
        let piece = assistant.call("run_output", json!({"runId": id, "from": 3}));
        assert_eq!((piece.output(), piece.get("ended")), ("un\n", &json!(false)));
        assert_eq!((piece.get("next"), piece.get("more")), (&json!(6), &json!(false)));

        std::fs::write(&pipe, "the end\n").unwrap();
        eventually("it ends", || state_of(&place, id) == "succeeded");
        let status = assistant.call("run_status", json!({"runId": id}));
        assert_eq!(
            (status.get("state"), status.output()),
            (&json!("succeeded"), "begun\nthe end\n")
        );
        let far = assistant.call("run_output", json!({"runId": id, "from": 100}));
        assert!(far.sentence().contains("has 14 bytes"), "{far:?}");
    }
}

#[test]
fn run_cancel_ends_a_run() {
    let place = place();
    let _server = place.serve();
    let pipe = place.pipe("pipe");
    let mut assistant = Assistant::new(&place, &["--wait", "1s"], REVISIONS[0]);
    let id = assistant.call("wait", json!({"pipe": pipe})).run_id();
    let cancelled = assistant.call("run_cancel", json!({"runId": id}));
    assert!(!cancelled.is_error, "{cancelled:?}");
    assert_eq!(cancelled.get("state"), "cancelled");
    let again = assistant.call("run_cancel", json!({"runId": id}));
    assert!(again.sentence().contains("not running"), "{again:?}");
    let none = assistant.call("run_status", json!({"runId": 4_000_000}));
    assert!(none.sentence().contains("no run"), "{none:?}");
}

#[test]
fn progress_is_reported_where_it_was_asked_for() {
    let place = place();
    let _server = place.serve();
    for revision in REVISIONS {
        let pipe = place.pipe(&format!("{revision:?}"));
        let mut assistant = Assistant::new(&place, &["--wait", "100s"], revision);
        let params = json!({"name": "wait", "arguments": {"pipe": pipe}});
        let id = assistant.send_with("tools/call", params, json!({"progressToken": "t"}));
        let first = assistant.notice("notifications/progress");
        let second = assistant.notice("notifications/progress");
        assert_eq!(first["params"]["progressToken"], "t");
        let at = |notice: &Value| notice["params"]["progress"].as_f64().unwrap();
        assert!(at(&second) > at(&first), "{first} {second}");
        assert!(first["params"]["message"].as_str().unwrap().contains("is running"), "{first}");
        std::fs::write(&pipe, "end\n").unwrap();
        let called = Called::from(assistant.answer(id)["result"].clone());
        assert_eq!(called.output(), "begun\nend\n");
    }
}

#[test]
fn a_call_that_is_given_up_cancels_its_run_and_an_assistant_that_ends_does_not() {
    let place = place();
    let _server = place.serve();
    let running = |count: usize| {
        let running = || place.json(&["runs", "--state", "running"])["runs"].clone();
        eventually("runs", || running().as_array().unwrap().len() == count);
        running()
    };
    for revision in REVISIONS {
        let pipe = place.pipe(&format!("{revision:?}"));
        let mut assistant = Assistant::new(&place, &[], revision);
        let params = json!({"name": "wait", "arguments": {"pipe": pipe}});
        let id = assistant.send("tools/call", params.clone());
        let run = running(1)[0]["runId"].as_u64().unwrap();
        assistant.notify("notifications/cancelled", json!({"requestId": id, "reason": "enough"}));
        eventually("it is cancelled", || state_of(&place, run) == "cancelled");
        // No answer comes for it, and the next one is that of another request.
        assistant.tools();

        assistant.send("tools/call", params);
        let run = running(1)[0]["runId"].as_u64().unwrap();
        let begun = Instant::now();
        assistant.end().with(0);
        assert!(begun.elapsed() < Duration::from_secs(60), "it does not wait for the call");
        assert_eq!(state_of(&place, run), "running");
        std::fs::write(&pipe, "end\n").unwrap();
        eventually("it ends", || state_of(&place, run) == "succeeded");
    }
}
