//! Notifications to ntfy, heartbeats, https, and what a test and the doctor say of each target.

use serde_json::json;

use crate::common::catcher::{HttpCatcher, SelfSigned};
use crate::common::notify::{fast, secret, status, wait_for_failure, webhook};
use crate::common::server::directory;
use crate::common::{MENU, TestServer, Topsided, wait_for};

#[test]
fn a_test_says_what_each_service_answered() {
    let (good, bad) = (HttpCatcher::start(), HttpCatcher::start());
    good.answer("202 Accepted");
    bad.answer("401 Unauthorized");
    let at = directory();
    let topic = secret(at.path(), "topic", "garden-x7\n");
    let settings = format!(
        "{}[[notify]]\non = []\nntfy = {{ url = \"{}\", topic_file = \"{}\" }}\n\
         [[notify]]\nheartbeat = {{ url = \"{}\", every = \"1d\" }}\n",
        webhook(at.path(), &good.url("/hook"), "on = []"),
        bad.url(""),
        topic.display(),
        good.url("/beat")
    );
    let server = TestServer::with_config(MENU, &settings, fast);
    let tested = server.connect().ok("notify/test", json!({}));
    let address = bad.url("").replace("http://", "");
    let want = json!([
        {"notifier": "webhook", "kind": "webhook", "answer": "202 Accepted"},
        {"notifier": "ntfy", "kind": "ntfy", "failure": format!("{address} answered 401 Unauthorized: reason")},
        {"notifier": "heartbeat", "kind": "heartbeat", "answer": "202 Accepted"},
    ]);
    assert_eq!(tested["notifiers"], want);
}

#[test]
fn ntfy_gets_topic_title_priority_tags_and_message() {
    let catcher = HttpCatcher::start();
    let at = directory();
    let topic = secret(at.path(), "topic", "garden-x7\n");
    let token = secret(at.path(), "token", "tk_1234");
    let settings = format!(
        "[[notify]]\non = [\"failed\"]\ninclude_args = true\n\
         ntfy = {{ url = \"{}\", topic_file = \"{}\", token_file = \"{}\" }}\n",
        catcher.url(""),
        topic.display(),
        token.display()
    );
    let server = TestServer::with_config(MENU, &settings, fast);
    server.connect().run("work", json!({"script": "exit 3"}));
    let request = catcher.wait_for(1).remove(0);
    assert_eq!((request.method.as_str(), request.path.as_str()), ("POST", "/"));
    assert_eq!(request.header("authorization"), "Bearer tk_1234");
    let document = request.json();
    assert_eq!((&document["topic"], &document["priority"]), (&json!("garden-x7"), &json!(4)));
    assert_eq!(document["tags"], json!(["warning", "failed"]));
    let title = document["title"].as_str().unwrap();
    assert!(title.ends_with(": work failed"), "{title}");
    let message = document["message"].as_str().unwrap();
    assert!(message.starts_with("work: exit 3 (run #1, by "), "{message}");
    assert!(message.ends_with("\n\nArguments:\nscript = \"exit 3\""), "{message}");
}

#[test]
fn a_heartbeat_is_sent_while_the_server_is_up_and_its_failure_is_logged_once() {
    let catcher = HttpCatcher::start();
    let url = catcher.url("/ping/secret-id");
    let settings = format!("[[notify]]\nheartbeat = {{ url = \"{url}\", every = \"1s\" }}\n");
    let server = TestServer::with_config(MENU, &settings, fast);
    let mut client = server.connect();
    let request = catcher.wait_for(2).remove(0);
    assert_eq!((request.method.as_str(), request.path.as_str()), ("GET", "/ping/secret-id"));
    let row = wait_for("it is sent", || status(&mut client), |row| row["sentAt"].is_string());
    assert_eq!((&row["kind"], &row["waiting"]), (&json!("heartbeat"), &json!(0)));
    catcher.answer("500 Failed");
    let failed = catcher.caught().len() + 3;
    catcher.wait_for(failed);
    let failure = wait_for_failure(&mut client);
    assert!(failure.contains("500") && !failure.contains("secret-id"), "{failure}");
    // It gets no events, also not those that a command names.
    client.run("work", json!({"script": "exit 1"}));
    catcher.answer("200 OK");
    wait_for("it is sent again", || status(&mut client), |row| row["failure"].is_null());
    let log = std::fs::read_to_string(server.root().join("state/topsided.log")).unwrap();
    assert_eq!(log.matches("a heartbeat could not be sent").count(), 1, "{log}");
    assert!(catcher.caught().iter().all(|request| request.method == "GET"));
}

#[test]
fn https_takes_the_certificates_of_the_system_only() {
    let identity = SelfSigned::new();
    let catcher = HttpCatcher::with_tls(&identity);
    let topsided = Topsided::new();
    let settings = webhook(&topsided.path(""), &catcher.url("/hook"), "on = [\"failed\"]");
    topsided.write("server.toml", &settings);
    let trusted = topsided.path("authorities.pem");
    identity.write(&trusted);
    let mut server = topsided.start_trusting(&trusted);
    server.connect().run("work", json!({"script": "exit 3"}));
    assert_eq!(catcher.wait_for(1)[0].json()["event"], "failed");
    server.terminate();

    SelfSigned::new().write(&trusted);
    let server = topsided.start_trusting(&trusted);
    let tested = server.connect().ok("notify/test", json!({}));
    let failure = tested["notifiers"][0]["failure"].as_str().unwrap();
    assert!(failure.contains("TLS: invalid peer certificate"), "{failure}");
    assert_eq!(catcher.caught().len(), 1);
}

#[test]
fn the_doctor_shows_each_notifier_and_its_last_outcome() {
    let (good, bad) = (HttpCatcher::start(), HttpCatcher::start());
    bad.answer("500 Failed");
    let topsided = Topsided::new();
    let settings =
        webhook(&topsided.path(""), &good.url("/"), "name = \"good\"\non = [\"failed\"]")
            + &webhook(&topsided.path(""), &bad.url("/"), "name = \"bad\"\non = [\"failed\"]")
            + "[[notify]]\nname = \"unused\"\non = []\nexec = [\"true\"]\n";
    topsided.write("server.toml", &settings);
    let server = topsided.start();
    let mut client = server.connect();
    client.run("work", json!({"script": "exit 1"}));
    wait_for(
        "both",
        || client.ok("server/status", json!({})),
        |status| {
            let rows = &status["notifiers"];
            rows[0]["sentAt"].is_string() && rows[1]["failure"].is_string()
        },
    );
    let said = topsided.run(&["doctor"]).stdout;
    assert!(said.contains("the notifier good (webhook): 0 waiting, last sent at "), "{said}");
    assert!(said.contains("the notifier bad (webhook): 1 waiting, cannot send: "), "{said}");
    assert!(
        said.contains("the notifier unused (exec): 0 waiting, nothing sent since the start"),
        "{said}"
    );
}
