//! Menus of any size that `check` accepts are served, page by page; what cannot be served is refused by `check`.

use std::collections::HashSet;

use serde_json::{Value, json};

use crate::common::{Raw, TestServer, Topsided};

/// So many commands of about 900 bytes on the wire each.
fn menu_of(count: usize) -> String {
    let text = "Stops and starts it again, and waits until its health check says that it is well. "
        .repeat(4);
    let command = |n: usize| {
        format!(
            "[commands.restart-{n}]\ntitle = \"Restart number {n}\"\ndescription = \"{text}\"\n\
             exec = [\"echo\", \"{{service}}\"]\neffect = \"read\"\n\
             [[commands.restart-{n}.args]]\nname = \"service\"\ntype = \"enum\"\n\
             choices = [\"jellyfin\", \"sonarr\", \"radarr\", \"postgres\", \"redis\"]\n\
             description = \"Which of the services of the stack\"\ndefault = \"redis\"\n"
        )
    };
    (0..count).map(command).collect()
}

/// The names on all pages, and how many pages those are.
fn all(client: &mut Raw, limit: Option<u64>) -> (Vec<String>, usize) {
    let (mut names, mut pages, mut after) = (Vec::new(), 0, Value::Null);
    loop {
        let mut params = json!({});
        if after.is_string() {
            params["after"] = after;
        }
        if let Some(limit) = limit {
            params["limit"] = limit.into();
        }
        let mut page = client.ok("commands/list", params);
        pages += 1;
        assert_eq!(page["revision"], 1);
        let commands = page["commands"].as_array().unwrap();
        assert!(limit.is_none_or(|limit| commands.len() as u64 <= limit));
        names.extend(commands.iter().map(|command| command["name"].as_str().unwrap().to_owned()));
        after = page["next"].take();
        if after.is_null() {
            return (names, pages);
        }
        assert_eq!(Some(after.as_str().unwrap()), names.last().map(String::as_str));
    }
}

/// With 300 commands the answer was "does not fit in 262144 bytes".
#[test]
fn a_menu_of_any_size_is_served_page_by_page_in_its_order() {
    for count in [300, 2_000] {
        let server = TestServer::with(&menu_of(count), "");
        let mut client = server.connect();
        let (names, pages) = all(&mut client, None);
        assert!(pages > 1, "{count}");
        let (again, _) = all(&mut client, Some(7));
        assert_eq!(names, again);
        assert_eq!(names.iter().collect::<HashSet<_>>().len(), names.len());
        let declared: Vec<&String> =
            names.iter().filter(|name| name.starts_with("restart-")).collect();
        let wanted: Vec<String> = (0..count).map(|n| format!("restart-{n}")).collect();
        assert_eq!(declared, wanted.iter().collect::<Vec<_>>());
        // The longest id that a request can have leaves room for a page.
        let id = format!("\"{}\"", "i".repeat(65_400));
        client.line(format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"commands/list"}}"#));
        assert!(client.recv()["result"]["next"].is_string());
        let last = client.run(names.last().unwrap(), json!({}));
        assert_eq!(last["output"], "redis\n");
        let menu = client.run("menu", json!({}));
        assert!(menu["output"].as_str().unwrap().contains(&format!("restart-{}", count - 1)));
    }
}

#[test]
fn a_page_starts_after_a_command_and_has_the_requested_size() {
    let server = TestServer::start();
    let mut client = server.connect();
    let whole = client.ok("commands/list", json!({}));
    assert!(whole.get("next").is_none());
    let names: Vec<&str> =
        whole["commands"].as_array().unwrap().iter().map(|c| c["name"].as_str().unwrap()).collect();
    let page = client.ok("commands/list", json!({"after": names[1], "limit": 2}));
    assert_eq!((&page["commands"][0]["name"], &page["next"]), (&json!(names[2]), &json!(names[3])));
    let last = client.ok("commands/list", json!({"after": names.last(), "limit": 2}));
    assert_eq!((&last["commands"], last.get("next")), (&json!([]), None));
    let error = client.refused("commands/list", json!({"after": "no-such"}));
    assert_eq!((&error["code"], &error["data"]["argument"]), (&json!(-32004), &json!("after")));
    for limit in [0, 1_001] {
        assert_eq!(client.refused("commands/list", json!({"limit": limit}))["code"], -32602);
    }
}

#[test]
fn check_counts_what_a_menu_takes_on_the_wire() {
    let topsided = Topsided::new();
    topsided.write("commands.toml", &menu_of(300));
    let said = topsided.run(&["check"]);
    assert_eq!(said.status, Some(0), "{said:?}");
    assert!(
        said.stdout.contains("Configuration OK: 300 commands, in place of the starter menu\n"),
        "{said:?}"
    );
    assert!(said.stdout.contains(" KiB on the wire, so clients read it in 2 pages"), "{said:?}");
}

#[test]
fn check_names_a_command_that_no_line_could_hold_and_accepts_the_largest_that_fits() {
    let topsided = Topsided::new();
    let menu = |bytes: usize| {
        let text = "x".repeat(bytes);
        let small = "[commands.small]\nexec = [\"true\"]\n";
        format!("{small}[commands.huge]\nexec = [\"true\"]\ndescription = \"{text}\"\n")
    };
    let room = 190 * 1024 - 400;
    topsided.write("commands.toml", &menu(room));
    assert_eq!(topsided.run(&["check"]).status, Some(0));
    let _server = topsided.start();
    let mut client = Raw::connect(&topsided.socket());
    assert!(all(&mut client, None).0.contains(&"huge".to_owned()));
    topsided.write("commands.toml", &menu(190 * 1024));
    let said = topsided.run(&["check"]);
    assert_eq!(said.status, Some(78), "{said:?}");
    assert!(said.stderr.contains("commands.toml:3:"), "{said:?}");
    assert!(said.stderr.contains("the command `huge` is refused: it takes"), "{said:?}");
    assert!(!said.stderr.contains("small"), "{said:?}");
}
