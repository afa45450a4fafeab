//! Programs that know nothing of Topside: socat, jq and openssl in a shell, aiorpcX in Python. What they
//! are told to do stands in `docs/wire/first-request.md`, and so does what comes of it.

use std::path::Path;
use std::process::{Command, Stdio};

use crate::common::pattern::text_matches;
use crate::common::program::{Said, run};
use crate::common::server::LOOPBACK;
use crate::common::{Spawned, TestServer, Topsided, require, skipped};
use crate::wire_pages::{blocks, menu};

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
    said_as_expected(&said, expected);
}

fn said_as_expected(said: &Said, expected: &str) {
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

/// A Python that has aiorpcX.
fn python() -> Option<String> {
    let python = std::env::var("TOPSIDE_TEST_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let there = Command::new(&python)
        .args(["-c", "import aiorpcx"])
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success());
    (there || skipped(&format!("aiorpcX for {python}"))).then_some(python)
}

#[test]
fn aiorpcx_does_what_the_page_says() {
    let Some(python) = python() else { return };
    for (script, output) in examples("python") {
        prints(Command::new(&python).args(["-c", &script]), &output);
    }
}

/// A server that is open to TCP, with the `PIN` and `PORT` that the page speaks of.
struct OverTls {
    topsided: Topsided,
    _server: Spawned,
    pin: String,
    port: String,
}

impl OverTls {
    fn start() -> Self {
        let topsided = Topsided::new();
        topsided.write("commands.toml", &menu());
        topsided.write("server.toml", LOOPBACK);
        let server = topsided.start();
        // The first one makes the server listen, and says where.
        let token = ["token", "--name=first", "--role=viewer", "--commands=count", "--pem"];
        let said = topsided.run(&token).stderr;
        let after = |words: &str| {
            let rest = said.split(words).nth(1).unwrap_or_else(|| panic!("{said}"));
            rest.split([',', '\n']).next().unwrap().to_owned()
        };
        let (pin, port) = (after("own key is "), after("on port "));
        Self { topsided, _server: server, pin, port }
    }

    /// Runs a program in the directory of the server, with `topsided` on its path.
    fn run(&self, mut program: Command) -> Said {
        let path = std::env::var("PATH").unwrap_or_default();
        let beside = Path::new(env!("CARGO_BIN_EXE_topsided")).parent().unwrap();
        program
            .env("PATH", format!("{}:{path}", beside.display()))
            .env("PIN", &self.pin)
            .env("PORT", &self.port)
            .current_dir(self.topsided.path(""));
        run(&mut self.topsided.with_directories(program))
    }
}

/// `program -c SCRIPT`.
fn scripted(program: &str, script: &str) -> Command {
    let mut command = Command::new(program);
    command.args(["-c", script]);
    command
}

/// The lines of the page that make the file with the key.
fn makes_the_file() -> String {
    let (script, _) = &examples("sh tls")[0];
    let lines: Vec<&str> = script.lines().take_while(|line| !line.starts_with('{')).collect();
    lines.join("\n")
}

#[test]
fn openssl_and_ncat_run_a_command_with_a_token() {
    for (script, output) in examples("sh tls") {
        let program = if script.contains("| ncat ") { "ncat" } else { "openssl" };
        if !require(program) {
            continue;
        }
        said_as_expected(&OverTls::start().run(scripted("sh", &script)), &output);
    }
}

#[test]
fn aiorpcx_runs_a_command_over_tls_and_goes_to_the_pinned_key_only() {
    let Some(python) = python() else { return };
    let mut server = OverTls::start();
    let made = server.run(scripted("sh", &makes_the_file()));
    assert_eq!(made.status, Some(0), "{made:?}");
    for (script, output) in examples("python tls") {
        said_as_expected(&server.run(scripted(&python, &script)), &output);
        server.pin = format!("sha256:{}", "0".repeat(64));
        let said = server.run(scripted(&python, &script));
        assert_ne!(said.status, Some(0), "{said:?}");
        assert!(said.stdout.is_empty() && said.stderr.contains("another server"), "{said:?}");
    }
}
