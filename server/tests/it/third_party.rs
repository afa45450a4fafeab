//! Programs that know nothing of Topside: socat and jq in a shell, aiorpcX in Python. What they are told
//! to do stands in `docs/PROTOCOL.md`, and so does what comes of it.

use std::process::{Command, Stdio};

use crate::common::pattern::text_matches;
use crate::common::program::run;
use crate::common::{TestServer, require, skipped};
use crate::protocol_md::{blocks, menu};

/// The blocks of a language, each with the output that the page shows after it.
fn examples(language: &str) -> Vec<(String, String)> {
    let blocks = blocks();
    let pairs = blocks.windows(2).filter(|pair| pair[0].language == language);
    let examples: Vec<(String, String)> = pairs
        .map(|pair| {
            assert_eq!(pair[1].language, "text", "the output follows: {}", pair[0].text);
            (pair[0].text.clone(), pair[1].text.clone())
        })
        .collect();
    assert!(!examples.is_empty(), "the page has examples in {language}");
    examples
}

/// Runs a program against a fresh server, and compares what it prints.
fn prints(program: &mut Command, expected: &str) {
    let server = TestServer::with(&menu(), "");
    let directory = server.socket().parent().unwrap();
    let said = run(program.env("TOPSIDE_RUNTIME_DIR", directory).stdin(Stdio::null()));
    assert_eq!(said.status, Some(0), "{said:?}");
    assert_eq!(said.stdout.lines().count(), expected.lines().count(), "{}", said.stdout);
    for (want, got) in expected.lines().zip(said.stdout.lines()) {
        assert!(text_matches(want, got), "the page: {want}\nit prints: {got}");
    }
}

#[test]
fn socat_and_jq_do_what_the_page_says() {
    if !require("socat") || !require("jq") {
        return;
    }
    for (script, output) in examples("sh") {
        prints(Command::new("sh").args(["-c", &script]), &output);
    }
}

#[test]
fn aiorpcx_does_what_the_page_says() {
    let python = std::env::var("TOPSIDE_TEST_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let there = Command::new(&python)
        .args(["-c", "import aiorpcx"])
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success());
    if !there {
        skipped(&format!("aiorpcX for {python}"));
        return;
    }
    for (script, output) in examples("python") {
        prints(Command::new(&python).args(["-c", &script]), &output);
    }
}
