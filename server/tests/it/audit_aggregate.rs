//! Repeated events and long arguments take little room in the audit log.

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::audit::{entries, entry, pair, verify};
use crate::common::{TestServer, Topsided};
use crate::users::{Nobody, server_that_allows};

fn sha256(text: &str) -> String {
    format!("{:x}", Sha256::digest(text))
}

#[test]
fn long_arguments_are_cut_and_their_length_and_hash_are_recorded() {
    let topsided = Topsided::new();
    let server = topsided.start();
    let mut client = server.connect();
    let script = format!("exit 0 #{}", "x".repeat(32_000));
    assert_eq!(client.run("work", json!({"script": script}))["state"], "succeeded");
    let begins = entry(&topsided.path("state"), "command/run", |_| true);
    let argument = format!("script={script}");
    let cut = &begins["argv"][1];
    assert_eq!((&begins["argv"][0], &cut["bytes"]), (&json!("work"), &json!(argument.len())));
    assert_eq!(cut["sha256"], json!(sha256(&argument)));
    assert_eq!(cut["cut"], argument[..512]);
    let longest = entries(&topsided.path("state")).iter().map(|line| line.to_string().len()).max();
    assert!(longest < Some(2_000), "{longest:?}");
    let shown = topsided.run(&["audit", "show", "--action", "command/run"]).stdout;
    assert!(shown.contains(&format!("({} bytes, sha256 {}", argument.len(), sha256(&argument))));
    assert_eq!(verify(&topsided).0, Some(0));
}

#[test]
fn many_arguments_take_a_bounded_part_of_a_line() {
    let topsided = Topsided::new();
    topsided.write(
        "commands.toml",
        "[commands.many]\nexec = [\"true\", \"{word}\"]\neffect = \"write\"\n\
         [[commands.many.args]]\nname = \"word\"\ntype = \"string\"\nmultiple = true\n",
    );
    let server = topsided.start();
    let words: Vec<String> = (0..5_000).map(|n| format!("{n:04}")).collect();
    server.connect().run("many", json!({"word": words}));
    let begins = entry(&topsided.path("state"), "command/run", |_| true);
    let argv = begins["argv"].as_array().unwrap();
    let (rest, kept) = argv.split_last().unwrap();
    let left: String =
        words[kept.len() - 1..].iter().map(|word| format!("word={word}\0")).collect();
    assert_eq!(rest["arguments"], json!(words.len() + 1 - kept.len()));
    assert_eq!(rest["sha256"], json!(sha256(&left)));
    assert!(begins.to_string().len() < 8_000);
}

/// Action and result of each entry about sessions.
fn sessions(state: &std::path::Path) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let lines = entries(state).into_iter();
    lines
        .map(|line| (text(&line["action"]), text(&line["result"])))
        .filter(|(action, _)| action.starts_with("session/"))
        .collect()
}

#[test]
fn repeated_sign_ins_are_one_entry_at_once_and_a_count() {
    let server = TestServer::remote("");
    let state = server.root().join("state");
    for _ in 0..100 {
        let mut client = server.connect();
        client.ok("clients/list", json!({}));
        client.ok("session/close", json!({}));
        client.eof();
    }
    let phone = server.device("phone", "viewer");
    for _ in 0..5 {
        phone.connect().ok("ping", json!({}));
    }
    server.stop.in_order("", "the test");
    server.ended();
    let told = sessions(&state);
    let count = |action: &str, result: &str| {
        told.iter().filter(|entry| **entry == pair(action, result)).count()
    };
    assert!(told.len() < 16, "{told:#?}");
    assert_eq!(count("session/begun", "same machine"), 1 + 2, "{told:#?}");
    let sums = |action: &str| -> u64 {
        let of = told.iter().filter(|(of, result)| of == action && result.contains("within"));
        of.map(|(_, result)| {
            let count = result.split(": ").nth(1).unwrap().split(' ').next().unwrap();
            count.parse().unwrap_or(1)
        })
        .sum()
    };
    // All that came in are counted: 100 and the one that invited here, the invited key, and the phone 5 times.
    let begun = told.iter().filter(|(action, _)| action == "session/begun").count() as u64;
    let lines =
        told.iter().filter(|(of, result)| of == "session/begun" && result.contains("within"));
    assert_eq!(begun - lines.count() as u64 + sums("session/begun"), 107, "{told:#?}");
}

#[test]
fn refused_local_users_are_counted_as_refused_keys_are() {
    let Some(server) = server_that_allows("{ daemon = \"viewer\" }") else { return };
    let state = server.root().join("state");
    for _ in 0..20 {
        Nobody::connect(&server).expect_refusal();
    }
    server.stop.in_order("", "the test");
    server.ended();
    let refused: Vec<Value> =
        entries(&state).into_iter().filter(|line| line["action"] == "session/refused").collect();
    let [refused] = &refused[..] else { panic!("{refused:#?}") };
    assert_eq!((&refused["who"]["name"], &refused["object"]), (&json!("nobody"), &json!("local")));
    assert!(refused["who"]["uid"].is_u64() && refused["who"].get("role").is_none(), "{refused}");
    assert_eq!(refused["result"], "20 times within a minute");
}
