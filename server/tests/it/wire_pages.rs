//! The pages of the wire, `docs/wire`: each example is sent to a real server, and their lists are complete.

use std::collections::BTreeMap;

use serde_json::Value;
use topside_shared::ErrorKind;
use topside_shared::methods::Method;
use topside_shared::notifications::name;

use crate::common::pattern::{Pattern, assert_matches};
use crate::common::server::LOOPBACK;
use crate::common::{Raw, TestServer};

const PAGES: [&str; 4] = ["first-request", "rules", "methods", "notifications"];

/// The text of a page of `docs/wire`.
fn page(name: &str) -> String {
    let path = format!("{}/../docs/wire/{name}.md", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// A fenced block of a page.
pub(crate) struct Block {
    page: &'static str,
    pub(crate) language: String,
    pub(crate) text: String,
    /// The line of its first line of text.
    line: usize,
}

/// All fenced blocks of all pages, in order.
pub(crate) fn blocks() -> Vec<Block> {
    PAGES.into_iter().flat_map(blocks_of).collect()
}

fn blocks_of(name: &'static str) -> Vec<Block> {
    let text = page(name);
    let mut blocks: Vec<Block> = Vec::new();
    let mut inside = false;
    for (index, line) in text.lines().enumerate() {
        match line.strip_prefix("```") {
            Some(language) if !inside => {
                let language = language.to_owned();
                let text = String::new();
                blocks.push(Block { page: name, language, text, line: index + 2 });
                inside = true;
            }
            Some(_) => inside = false,
            None if inside => {
                let text = &mut blocks.last_mut().unwrap().text;
                text.push_str(line);
                text.push('\n');
            }
            None => {}
        }
    }
    assert!(!inside, "{name}: a block has no end");
    blocks
}

/// The menu that the examples are run against.
pub(crate) fn menu() -> String {
    let mut menus = blocks().into_iter().filter(|block| block.language == "toml");
    menus.next().expect("a page shows the menu").text
}

/// One line of an example: on which connection, whether it is sent, and what it holds.
fn steps(block: &Block) -> impl Iterator<Item = (usize, usize, bool, &str)> {
    block.text.lines().enumerate().map(|(index, line)| {
        let at = block.line + index;
        let digits = line.bytes().take_while(u8::is_ascii_digit).count();
        let connection = line[..digits].parse().unwrap_or(1);
        let rest = &line[digits..];
        match (rest.strip_prefix("→ "), rest.strip_prefix("← ")) {
            (Some(text), None) => (at, connection, true, text),
            (None, Some(text)) => (at, connection, false, text),
            _ => panic!("{}:{at}: a line of an example begins with an arrow: {line}", block.page),
        }
    })
}

fn run(block: &Block, menu: &str) {
    let server = TestServer::with(menu, LOOPBACK);
    let mut clients: BTreeMap<usize, Raw> = BTreeMap::new();
    // In a request, an ellipsis stands for the id of the file that was opened last.
    let mut file = String::new();
    for (at, connection, sent, text) in steps(block) {
        let client = clients.entry(connection).or_insert_with(|| server.connect());
        match (sent, text) {
            (true, "(half-close)") => client.half_close(),
            (true, line) => client.line(line.replace('…', &file)),
            (false, "(end)") => client.eof(),
            (false, expected) => {
                let got = client.recv();
                if let Some(id) = got["result"]["fileId"].as_u64() {
                    file = id.to_string();
                }
                let pattern = Pattern::parse(expected)
                    .unwrap_or_else(|error| panic!("{}:{at}: {error}", block.page));
                if let Err(difference) = pattern.matches(&got) {
                    panic!(
                        "{}:{at}: {difference}\n  the page: {expected}\n  the server: {got}",
                        block.page
                    );
                }
            }
        }
    }
    // Nothing was left out of the example.
    for client in clients.values_mut().filter(|client| client.is_open()) {
        client.line(r#"{"jsonrpc":"2.0","id":"no more","method":"ping"}"#);
        let next = client.recv();
        assert_eq!(next["id"], "no more", "{}:{}: there is more: {next}", block.page, block.line);
    }
}

#[test]
fn every_example_is_what_a_real_server_answers() {
    let menu = menu();
    let blocks = blocks();
    let examples: Vec<&Block> = blocks.iter().filter(|block| block.language == "jsonl").collect();
    assert!(examples.len() > Method::ALL.len());
    for block in examples {
        run(block, &menu);
    }
}

#[test]
fn every_method_has_a_section_and_an_example_and_no_other_has() {
    let page = page("methods");
    let sections: Vec<&str> = page.lines().filter_map(|line| line.strip_prefix("## ")).collect();
    let names: Vec<String> =
        Method::ALL.iter().map(|method| format!("`{}`", method.name())).collect();
    assert_eq!(sections, names);
    for name in names {
        let from = page.find(&format!("\n## {name}\n")).unwrap();
        let section = page[from + 1..].split("\n## ").next().unwrap();
        let asks = format!(r#""method":"{}""#, name.trim_matches('`'));
        let example = section.lines().any(|line| line.starts_with('→') && line.contains(&asks));
        assert!(example, "{name} has no example of its own");
    }
}

#[test]
fn every_error_and_every_notification_stands_in_its_table() {
    let rules = page("rules");
    for kind in [
        ErrorKind::Parse,
        ErrorKind::InvalidRequest,
        ErrorKind::UnknownMethod,
        ErrorKind::InvalidParams,
        ErrorKind::Internal,
        ErrorKind::Forbidden,
        ErrorKind::NotFound,
        ErrorKind::UnsupportedVersion,
        ErrorKind::RateLimited,
        ErrorKind::TooLarge,
        ErrorKind::Busy,
        ErrorKind::Closing,
        ErrorKind::SpawnFailed,
        ErrorKind::ConfirmRequired,
    ] {
        let row = format!("| {} | `{}` |", kind.code(), kind.name());
        assert!(rules.contains(&row), "{row}");
    }
    let notifications = page("notifications");
    for name in [
        name::RUN_OUTPUT,
        name::RUN_GAP,
        name::RUN_CHANGED,
        name::CLIENTS_CHANGED,
        name::LOG_ENTRY,
        name::SERVER_CLOSING,
        name::SESSION_ENDED,
        name::EVENTS_DROPPED,
    ] {
        assert!(notifications.contains(&format!("\n| `{name}` |")), "{name}");
    }
}

#[test]
fn the_convention_of_the_pages_can_tell_a_difference() {
    let got: Value =
        serde_json::from_str(r#"{"a":1,"b":"x 7 y","c":[1,2,3],"d":{"e":null,"f":{}}}"#).unwrap();
    for same in [
        r#"{"a":1,"b":"x 7 y","c":[1,2,3],"d":{"e":null,"f":{}}}"#,
        r#"{"a":…,"b":"x … y","c":[1,…],"d":{…}}"#,
        r#"{"b":"…","c":…,…}"#,
        r#"{…,"a":1,…,"d":{"f":{},…}}"#,
        r#"{"a":1,"b":"…y","c":[…],"d":…}"#,
    ] {
        assert_matches(same, &got);
    }
    for other in [
        r#"{"a":1}"#,
        r#"{"a":2,…}"#,
        r#"{"a":"…",…}"#,
        r#"{"b":"y…",…}"#,
        r#"{"c":[1,2],…}"#,
        r#"{"c":[2,…],…}"#,
        r#"{"g":…,…}"#,
        r#"{"d":{},…}"#,
    ] {
        assert!(Pattern::parse(other).unwrap().matches(&got).is_err(), "{other}");
    }
}
