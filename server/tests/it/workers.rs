//! Commands of a program that embeds the server: workers and built-ins.

use std::process::Command as Program;

use serde_json::json;
use topside_server::{
    Answering, Builtin, BuiltinCall, Call, Calling, Config, Listeners, ServeError, Stop, Worker,
    serve,
};
use topside_shared::command::{Arg, ArgType, Command, Effect, Stdin};
use topside_shared::dirs::Dirs;

use crate::audit::entry;
use crate::common::server::{directory, write};
use crate::common::{TestServer, Topsided, skipped};

/// A worker that does what `does` says.
struct Made(Command, fn(Call) -> Calling<'static>);

impl Worker for Made {
    fn declaration(&self) -> Command {
        self.0.clone()
    }

    fn call<'a>(&'a self, call: Call) -> Calling<'a> {
        (self.1)(call)
    }
}

fn named(name: &str, aliases: &[&str]) -> Command {
    let aliases = aliases.iter().map(|alias| (*alias).to_owned()).collect();
    Command { name: name.into(), title: name.into(), aliases, ..Command::default() }
}

fn nothing(_: Call) -> Calling<'static> {
    Box::pin(async { Ok(()) })
}

/// The example, which `cargo test` has built beside the tests.
fn garden() -> Option<Program> {
    let tests = std::env::current_exe().unwrap();
    let path = tests.parent().unwrap().parent().unwrap().join("examples/garden");
    if path.exists() {
        return Some(Program::new(path));
    }
    skipped("the example garden: cargo build --package topside-server --examples");
    None
}

#[test]
fn the_example_serves_its_own_commands_and_keeps_state_between_calls() {
    let Some(garden) = garden() else { return };
    let topsided = Topsided::new();
    let mut daemon = topsided.start_by(topsided.with_directories(garden));
    let (mut watching, mut client) = (daemon.connect(), daemon.connect());
    let watch = watching.ask("command/run", json!({"command": "watch", "stream": true}));
    let run = watching.told("run/changed")["runId"].take();
    assert_eq!(watching.told("run/output")["data"], "nothing was watered yet\n");

    let water = |minutes: u64| json!({"zone": 3, "minutes": minutes});
    let row = client.run("water", water(5));
    assert_eq!(row["output"], "zone 3: 5 minutes since the start\n");
    assert_eq!(watching.told("run/output")["data"], "zone 3: 5\n");
    assert_eq!(client.run("water", water(7))["output"], "zone 3: 12 minutes since the start\n");
    assert_eq!(watching.told("run/output")["data"], "zone 3: 12\n");
    let refused = client.refused("command/run", json!({"command": "water", "args": water(61)}));
    assert_eq!(refused["data"]["rule"], "maximum");
    let zones = client.run("zones", json!({}));
    assert_eq!((&zones["output"], &zones["runId"]), (&json!("zone 3: 12 minutes\n"), &json!(null)));
    assert_eq!(client.run("zones", json!({"json": true}))["output"], "{\"3\":12}");
    // What `commands.toml` declares is there as well.
    assert_eq!(client.run("look", json!({}))["output"], "seen");

    assert_eq!(client.ok("run/cancel", json!({"runId": run}))["state"], "cancelled");
    assert_eq!(watching.answer(watch)["result"]["state"], "cancelled");
    daemon.terminate();
}

#[test]
fn a_worker_gets_its_timeout_and_its_panic_fails_only_its_run() {
    let sleepy = Command { timeout_ms: Some(1), ..named("sleepy", &["sl"]) };
    let sleepy = Made(sleepy, |call| {
        Box::pin(async move {
            call.cancelled().await;
            call.line("told").await;
            Ok(())
        })
    });
    let broken = Made(named("broken", &[]), |_| Box::pin(async { panic!("as it should") }));
    let server =
        TestServer::with_config("", "", |config| config.with_worker(sleepy).with_worker(broken));
    let mut client = server.connect();
    let row = client.run("sl", json!({}));
    assert_eq!((&row["state"], &row["output"]), (&json!("timedOut"), &json!("told\n")));
    let row = client.run("broken", json!({}));
    assert_eq!((&row["state"], &row["exitCode"]), (&json!("failed"), &json!(1)));
    assert!(row["output"].as_str().unwrap().contains("panicked"));
    client.ok("ping", json!({}));
}

/// A built-in that answers with what `answers` returns.
struct Answers(Command, fn() -> Answering<'static>);

impl Builtin for Answers {
    fn declaration(&self) -> Command {
        self.0.clone()
    }

    fn answer<'a>(&'a self, _: &'a BuiltinCall) -> Answering<'a> {
        (self.1)()
    }
}

#[test]
fn an_embedded_built_in_that_fails_panics_or_takes_too_long_answers_with_a_sentence() {
    let fails = Answers(named("fails", &[]), || Box::pin(async { Err("no water".into()) }));
    let broken = Answers(named("broken", &[]), || Box::pin(async { panic!("as it should") }));
    let slow = Command { timeout_ms: Some(1), ..named("slow", &[]) };
    let slow = Answers(slow, || Box::pin(std::future::pending()));
    let server = TestServer::with_config("", "", |config| {
        config.with_builtin(fails).with_builtin(broken).with_builtin(slow)
    });
    let mut client = server.connect();
    for (command, state, says) in [
        ("fails", "failed", "no water\n"),
        ("broken", "failed", "the built-in panicked"),
        ("slow", "timedOut", "slow did not answer within 1 ms\n"),
    ] {
        let answer = client.run(command, json!({}));
        assert_eq!((&answer["state"], &answer["exitCode"]), (&json!(state), &json!(1)), "{answer}");
        assert!(answer["output"].as_str().unwrap().starts_with(says), "{answer}");
        assert_eq!(answer["runId"], json!(null));
    }
    client.ok("ping", json!({}));
}

/// Like a run, it is refused where the audit log cannot have it; `shutdown` alone is an exception.
#[test]
fn an_embedded_built_in_that_changes_something_is_recorded_ahead() {
    let closes = Command { effect: Effect::Write, ..named("close-valve", &[]) };
    let closes = Answers(closes, || Box::pin(async { Ok("closed\n".into()) }));
    let server = TestServer::with_config("", "", |config| config.with_builtin(closes));
    let mut client = server.connect();
    assert_eq!(client.run("close-valve", json!({}))["output"], "closed\n");
    let line = entry(&server.root().join("state"), "command/run", |_| true);
    assert_eq!(
        (&line["object"], &line["result"]),
        (&json!("command close-valve"), &json!("begins"))
    );
}

/// Why a server with these workers, and a menu with the command `mine`, does not serve.
fn refused(workers: Vec<Command>) -> String {
    let root = directory();
    let at = |name: &str| root.path().join(name);
    let dirs =
        Dirs { config: at("config"), state: at("state"), runtime: at("run"), runtime_only: true };
    write(&dirs.config.join("commands.toml"), "[commands.mine]\nexec = [\"true\"]\n");
    let mut config = Config::load(&dirs, None, None).unwrap();
    for worker in workers {
        config = config.with_worker(Made(worker, nothing));
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let served = runtime.block_on(async {
        let listeners = Listeners::local(&dirs.socket(), false).unwrap();
        serve(listeners, config, Stop::new()).await
    });
    match served {
        Err(ServeError::Menu(error)) => error.to_string(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_worker_with_a_used_name_or_a_bad_declaration_is_refused_in_a_sentence() {
    let twice = Arg { name: "n".into(), kind: ArgType::Int, ..Arg::default() };
    let args = vec![twice.clone(), twice];
    for (workers, says) in [
        (
            vec![named("menu", &[])],
            "the built-in `menu` and the embedded command `menu` both answer to `menu`: rename one of them",
        ),
        (
            vec![named("water", &["gt"])],
            "the built-in `time` and the embedded command `water` both answer to `gt`",
        ),
        (
            vec![named("water", &["w"]), named("wet", &["w"])],
            "the embedded command `water` and the embedded command `wet` both answer to `w`",
        ),
        (
            vec![named("mine", &[])],
            "the embedded command `mine` and the menu's command `mine` both answer to `mine`",
        ),
        (
            vec![named("two words", &[])],
            "an embedded command is refused: `two words` cannot name a command",
        ),
        (
            vec![Command { title: "\u{1b}[2J".into(), ..named("water", &[]) }],
            "the title, description and category of the embedded command `water` must be without control",
        ),
        (
            vec![Command { stdin: Stdin::Prompt, ..named("water", &[]) }],
            "the embedded command `water` is refused: only a program of `commands.toml` can have `stdin`",
        ),
        (
            vec![Command { args, ..named("water", &[]) }],
            "the embedded command `water` is refused: ",
        ),
    ] {
        let said = refused(workers);
        assert!(said.starts_with(says), "{said}");
    }
}

/// A command that had been added to the menu in the meantime ended the server where it was to restart.
#[test]
fn a_restart_is_refused_where_the_menu_has_taken_the_name_of_a_worker() {
    let server = TestServer::with_config("", "", |config| {
        config.with_worker(Made(named("water", &[]), nothing))
    });
    let mut client = server.connect();
    let menu = server.root().join("config/commands.toml");
    write(&menu, "[commands.water]\nexec = [\"true\"]\n");
    let error = client.refused("server/shutdown", json!({"restart": true}));
    assert!(error["message"].as_str().unwrap().contains("both answer to `water`"), "{error}");
    assert_eq!(client.ok("server/status", json!({}))["closing"], json!(null));
}
