//! Notifications to webhooks, with a web service of the test that keeps what it gets.

use std::io::Write as _;
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;
use topside_server::Ended;

use crate::common::catcher::{Caught, HttpCatcher};
use crate::common::notify::{fast, status, wait_for_failure, wait_until_sent, webhook};
use crate::common::server::directory;
use crate::common::{MENU, TestServer, Topsided, eventually, lines, require, wait_for};

/// A server with a webhook to this catcher.
fn server(catcher: &HttpCatcher, fields: &str) -> (TempDir, TestServer) {
    let at = directory();
    let settings = webhook(at.path(), &catcher.url("/hook"), fields);
    let server = TestServer::with_config(MENU, &settings, fast);
    (at, server)
}

fn kinds(caught: &[Caught]) -> Vec<Value> {
    caught.iter().map(|one| one.json()["event"].clone()).collect()
}

/// The function of docs/AUTOMATION.md that checks a signature.
fn check_of_the_document() -> String {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/AUTOMATION.md");
    let page = std::fs::read_to_string(path).unwrap();
    page.split("```python\n").nth(1).unwrap().split("```").next().unwrap().to_owned()
}

/// What the function of the document says to these headers and this body.
fn is_accepted(headers: &Value, body: &str, secret: &str) -> bool {
    let script = format!(
        "{}\nimport json, sys\nasked = json.load(sys.stdin)\n\
         print(is_genuine(asked['headers'], asked['body'].encode(), asked['secret'].encode()))\n",
        check_of_the_document()
    );
    let python = std::env::var("TOPSIDE_TEST_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let mut child = Command::new(python)
        .args(["-c", &script])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let asked = json!({"headers": headers, "body": body, "secret": secret}).to_string();
    child.stdin.take().unwrap().write_all(asked.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    match String::from_utf8(output.stdout).unwrap().trim() {
        "True" => true,
        "False" => false,
        other => panic!("{other}"),
    }
}

#[test]
fn a_webhook_gets_an_event_whose_signature_the_example_of_the_document_accepts() {
    if !require("python3") {
        return;
    }
    let catcher = HttpCatcher::start();
    let (_at, server) = server(&catcher, "name = \"ops\"\non = [\"failed\"]");
    let mut client = server.connect();
    client.run("work", json!({"script": "exit 3"}));
    let request = catcher.wait_for(1).remove(0);
    assert_eq!((request.method.as_str(), request.path.as_str()), ("POST", "/hook"));
    assert_eq!(request.header("content-type"), "application/json");
    let event = request.json();
    assert_eq!((&event["event"], &event["exitCode"]), (&json!("failed"), &json!(3)));
    assert_eq!(event["id"], request.header("topside-event-id"));
    assert!(event["args"].is_null(), "{event}");
    let row = wait_until_sent(&mut client);
    assert_eq!((&row["notifier"], &row["kind"]), (&json!("ops"), &json!("webhook")));

    let names = ["Topside-Time", "Topside-Signature"];
    let headers = |change: &str| {
        let fields = names.map(|name| {
            let value = request.header(&name.to_lowercase()).to_owned();
            (name.to_owned(), json!(if name == change { value + "0" } else { value }))
        });
        Value::Object(fields.into_iter().collect())
    };
    let (body, key) = (&request.body, "shared key");
    assert!(is_accepted(&headers(""), body, key));
    assert!(!is_accepted(&headers("Topside-Signature"), body, key));
    assert!(!is_accepted(&json!({}), body, key));
    assert!(!is_accepted(&headers("Topside-Time"), body, key));
    assert!(!is_accepted(&headers(""), &body.replace('3', "4"), key));
    assert!(!is_accepted(&headers(""), body, "another key"));
}

#[test]
fn events_wait_while_the_network_is_lost_and_are_delivered_once() {
    let catcher = HttpCatcher::start();
    let (_at, server) = server(&catcher, "on = [\"failed\"]");
    let mut client = server.connect();
    catcher.close();
    client.run("work", json!({"script": "exit 1"}));
    let failure = wait_for_failure(&mut client);
    assert!(failure.contains("cannot connect: Connection refused"), "{failure}");
    assert!(!failure.contains("/hook"), "the path may be a secret: {failure}");
    for _ in 0..3 {
        client.run("work", json!({"script": "exit 2"}));
    }
    catcher.open();
    let sent = wait_until_sent(&mut client);
    assert!(sent["failure"].is_null(), "{sent}");
    let caught = catcher.caught();
    let counts: Vec<_> = caught.iter().map(|one| one.json()["count"].clone()).collect();
    assert_eq!(counts, [json!(1), json!(3)]);
    let log = std::fs::read_to_string(server.root().join("state/topsided.log")).unwrap();
    assert_eq!(log.matches("could not be sent, is kept and sent again").count(), 1, "{log}");
}

#[test]
fn what_waits_outlives_a_kill_and_what_was_delivered_is_not_sent_again() {
    let catcher = HttpCatcher::start();
    let topsided = Topsided::new();
    let settings = webhook(&topsided.path(""), &catcher.url("/hook"), "on = [\"failed\"]");
    topsided.write("server.toml", &settings);
    let kept = topsided.path("state/notify.json");

    let mut server = topsided.start();
    let mut client = server.connect();
    client.run("work", json!({"script": "exit 1"}));
    catcher.wait_for(1);
    wait_until_sent(&mut client);
    eventually("the disk has that it was sent", || !lines(&kept).join("").contains("\"event\""));
    catcher.close();
    client.run("sh", json!({"script": "exit 2"}));
    wait_for_failure(&mut client);
    server.kill();
    catcher.open();

    let mut server = topsided.start();
    wait_until_sent(&mut server.connect());
    server.terminate();
    let codes: Vec<_> = catcher.caught().iter().map(|one| one.json()["exitCode"].clone()).collect();
    assert_eq!(codes, [json!(1), json!(2)]);

    let mut server = topsided.start();
    server.connect().ok("ping", json!({}));
    server.terminate();
    assert_eq!(catcher.caught().len(), 2);
}

#[test]
fn a_test_that_succeeds_and_a_reload_end_the_pause_after_a_failure() {
    let catcher = HttpCatcher::start();
    let at = directory();
    let settings = webhook(at.path(), &catcher.url("/hook"), "on = [\"failed\"]");
    let server = TestServer::with_config(MENU, &settings, |config| {
        config.with_notify_pace(Duration::from_secs(3600), Duration::ZERO)
    });
    let mut client = server.connect();
    for (count, method) in [(1, "notify/test"), (2, "server/reload")] {
        catcher.close();
        client.run("work", json!({"script": format!("exit {count}")}));
        wait_for_failure(&mut client);
        catcher.open();
        client.ok(method, json!({}));
        wait_until_sent(&mut client);
        let is_event = |request: &&Caught| request.json()["event"] == "failed";
        assert_eq!(catcher.caught().iter().filter(is_event).count(), count);
    }
}

#[test]
fn a_redirect_is_not_followed() {
    let (catcher, other) = (HttpCatcher::start(), HttpCatcher::start());
    for status in ["301 Moved Permanently", "302 Found", "307 Temporary Redirect"] {
        catcher.answer(&format!("{status}\nlocation: {}", other.url("/elsewhere")));
        let (_at, server) = server(&catcher, "on = [\"failed\"]");
        let mut client = server.connect();
        client.run("work", json!({"script": "exit 1"}));
        let failure = wait_for_failure(&mut client);
        assert!(
            failure.contains(&format!("answered {status}: redirects are not followed")),
            "{failure}"
        );
    }
    assert!(other.caught().is_empty());
}

#[test]
fn an_answer_that_is_no_success_is_retried_with_the_same_event_id() {
    let catcher = HttpCatcher::start();
    catcher.answer("503 Service Unavailable");
    let (_at, server) = server(&catcher, "on = [\"failed\"]");
    let mut client = server.connect();
    client.run("work", json!({"script": "exit 1"}));
    let failure = wait_for_failure(&mut client);
    assert!(failure.ends_with("answered 503 Service Unavailable: reason"), "{failure}");
    catcher.wait_for(2);
    catcher.answer("404 Not Found");
    wait_for(
        "another failure",
        || status(&mut client),
        |row| row["failure"].as_str().is_some_and(|failure| failure.contains("404 Not Found")),
    );
    catcher.answer("204 No Content");
    wait_until_sent(&mut client);
    let caught = catcher.caught();
    let ids: Vec<_> = caught.iter().map(|one| one.json()["id"].clone()).collect();
    assert!(ids.iter().all(|id| *id == ids[0]), "{ids:?}");
}

#[test]
fn a_service_that_never_answers_delays_no_other_and_does_not_hold_up_the_end() {
    let (silent, other) = (HttpCatcher::start(), HttpCatcher::start());
    silent.answer("");
    let at = directory();
    let fields = |name: &str| format!("name = \"{name}\"\non = [\"failed\", \"closing\"]");
    let settings = webhook(at.path(), &silent.url("/"), &fields("silent"))
        + &webhook(at.path(), &other.url("/"), &fields("other"));
    let server = TestServer::with_config(MENU, &settings, fast);
    let mut client = server.connect();
    client.run("work", json!({"script": "exit 1"}));
    silent.wait_for(1);
    other.wait_for(1);
    client.ok("server/shutdown", json!({}));
    // Without the limit it would not end: the service is asked again and again.
    assert_eq!(server.ended(), Ended::Stopped);
    assert_eq!(kinds(&other.caught()), [json!("failed"), json!("closing")]);
    let kept = std::fs::read_to_string(server.root().join("state/notify.json")).unwrap();
    assert!(kept.contains("the server shuts down"), "{kept}");
}

#[test]
fn the_end_of_the_output_is_sent_only_on_request_and_clean_also_of_a_run_that_was_lost() {
    let catcher = HttpCatcher::start();
    let topsided = Topsided::new();
    let fields = "on = [\"failed\", \"lost\"]";
    let settings =
        webhook(&topsided.path(""), &catcher.url("/plain"), &format!("name = \"plain\"\n{fields}"))
            + &webhook(
                &topsided.path(""),
                &catcher.url("/full"),
                &format!("name = \"full\"\ninclude_output = true\n{fields}"),
            );
    topsided.write("server.toml", &settings);
    let mut server = topsided.start();
    let script = "seq 1 5000; printf 'a\\033[31mred\\033[0m\\r\\n\\007end\\n'; exit 1";
    server.connect().run("work", json!({"script": script}));
    let of = |path: &str, count: usize| -> Vec<Value> {
        let caught = wait_for(
            "requests",
            || catcher.caught(),
            |caught| caught.iter().filter(|request| request.path == path).count() >= count,
        );
        caught.iter().filter(|request| request.path == path).map(Caught::json).collect()
    };
    let output = of("/full", 1)[0]["output"].as_str().unwrap().to_owned();
    assert!(output.ends_with("\n5000\nared\nend"), "{output}");
    let first: u64 = output.lines().next().unwrap().parse().unwrap();
    assert!(output.len() <= 4096 && first > 4000, "{first}, {}", output.len());
    assert!(of("/plain", 1)[0]["output"].is_null());

    server.connect().start("echo before the end; exec sleep 1000");
    topsided.wait_for_output(2);
    server.kill();
    let _server = topsided.start();
    // A request that the server had no time to note as sent before it was killed is sent again.
    let is_lost = |request: &Caught| request.path == "/full" && request.json()["event"] == "lost";
    let caught = wait_for("the lost run", || catcher.caught(), |all| all.iter().any(is_lost));
    let lost = caught.into_iter().find(is_lost).unwrap().json();
    assert_eq!(lost["output"], json!("before the end"));
}
