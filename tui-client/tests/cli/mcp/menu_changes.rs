//! A reload and a restart of the server while an assistant is connected.

use serde_json::json;

use super::assistant::{Assistant, Revision};
use super::{MENU, place};

/// The menu without `fail` for agents, and with a new command.
fn changed_menu() -> String {
    let hidden = MENU.replace(
        "title = \"Fail\"\neffect = \"read\"\nexpose = [\"mcp\"]",
        "title = \"Fail\"\neffect = \"read\"",
    );
    assert_ne!(hidden, MENU);
    hidden
        + "\n[commands.new]\ntitle = \"New\"\neffect = \"read\"\nexpose = [\"mcp\"]\nexec = [\"/bin/echo\", \"new\"]\n"
}

#[test]
fn a_reload_is_reported_and_hides_and_adds_tools() {
    for revision in super::assistant::REVISIONS {
        let place = place();
        let _server = place.serve();
        let mut assistant = Assistant::new(&place, &[], revision);
        assert!(assistant.commands().contains(&"fail".to_owned()));
        let subscription = (revision == Revision::Stateless).then(|| {
            let wanted =
                json!({"notifications": {"toolsListChanged": true, "promptsListChanged": true}});
            let id = assistant.send("subscriptions/listen", wanted);
            let begun = assistant.notice("notifications/subscriptions/acknowledged");
            assert_eq!(begun["params"]["notifications"], json!({"toolsListChanged": true}));
            id
        });
        place.write_menu(&changed_menu());
        place.verb(&["reload"]).with(0);
        let notice = assistant.notice("notifications/tools/list_changed");
        if let Some(id) = subscription {
            let named = &notice["params"]["_meta"]["io.modelcontextprotocol/subscriptionId"];
            assert_eq!(named, &json!(id), "{notice}");
        }
        let error = assistant.error("tools/call", json!({"name": "fail"}));
        assert_eq!(error["code"], -32602);
        let sentence = error["message"].as_str().unwrap();
        assert!(sentence.contains("not offered any more"), "{sentence}");
        assert_eq!(assistant.call("new", json!({})).output(), "new\n");
        let names = assistant.commands();
        assert!(
            names.contains(&"new".to_owned()) && !names.contains(&"fail".to_owned()),
            "{names:?}"
        );
    }
}

#[test]
fn a_lost_server_is_reported_and_its_tools_work_again_when_it_is_back() {
    let place = place();
    let mut server = place.serve();
    let mut assistant = Assistant::local(&place);
    assert_eq!(assistant.call("hello", json!({"name": "one"})).output(), "hello one\n");
    // A call that waits is told.
    let pipe = place.pipe("pipe");
    let id = assistant.send("tools/call", json!({"name": "wait", "arguments": {"pipe": pipe}}));
    crate::common::eventually("it runs", || {
        place.json(&["runs", "--state", "running"])["runs"].as_array().unwrap().len() == 1
    });
    server.kill();
    let called = super::assistant::Called::from(assistant.answer(id)["result"].clone());
    assert!(called.sentence().contains("may still go on"), "{called:?}");
    let called = assistant.call("hello", json!({"name": "two"}));
    assert!(called.sentence().contains("cannot be reached"), "{called:?}");
    let _server = place.serve();
    assert_eq!(assistant.call("hello", json!({"name": "three"})).output(), "hello three\n");
}

#[test]
fn an_assistant_that_began_without_a_server_is_told_of_the_tools() {
    let place = place();
    let mut assistant = Assistant::local(&place);
    assistant.error("tools/list", json!({}));
    let _server = place.serve();
    assistant.notice("notifications/tools/list_changed");
    assert!(assistant.commands().contains(&"hello".to_owned()));
}
