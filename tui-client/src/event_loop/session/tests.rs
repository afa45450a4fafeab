//! What a scripted server says on a real socket, as the screen is told of it.

use std::path::PathBuf;

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use topside_shared::SubscriptionId;

use super::*;
use crate::connect::{Hello, Target, connect};

/// A server that says what the test tells it to.
struct Script {
    stream: BufReader<UnixStream>,
    _directory: tempfile::TempDir,
}

impl Script {
    /// The next request: its number and method.
    async fn asked(&mut self) -> (Value, String) {
        let mut line = String::new();
        self.stream.read_line(&mut line).await.unwrap();
        let request: Value = serde_json::from_str(&line).unwrap();
        (request["id"].clone(), request["method"].as_str().unwrap().to_owned())
    }

    /// Says all of it in one write.
    async fn say(&mut self, lines: &[Value]) {
        let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
        self.stream.get_mut().write_all(text.as_bytes()).await.unwrap();
    }
}

fn answer(id: &Value, result: &Value) -> Value {
    json!({"jsonrpc": "2.0", "id": id, "result": result})
}

fn row(id: u64) -> Value {
    json!({"clientId": id, "address": format!("pid {id}"), "connection": "same", "user": "u",
        "role": "admin", "connectedAt": "2026-01-01T00:00:00.000Z", "idleMs": 0, "runs": [], "you": false})
}

fn command() -> CommandRun {
    serde_json::from_value(json!({"command": "uptime"})).unwrap()
}

async fn connected() -> (Script, Session) {
    let directory = tempfile::tempdir().unwrap();
    let path: PathBuf = directory.path().join("s");
    let listener = UnixListener::bind(&path).unwrap();
    let greet = async {
        let (stream, _) = listener.accept().await.unwrap();
        let mut script = Script { stream: BufReader::new(stream), _directory: directory };
        let (id, _) = script.asked().await;
        let welcome = json!({"protocolVersion": 1,
            "server": {"name": "s", "version": "1", "hostname": "h", "bootId": "b",
                "startedAt": "2026-01-01T00:00:00.000Z"},
            "you": {"clientId": 1, "address": "pid 1", "user": "u", "role": "admin"},
            "limits": {"maxLine": 65536, "maxRuns": 8}});
        script.say(&[answer(&id, &welcome)]).await;
        script
    };
    let target = Target::Local(vec![path].into());
    let hello = Hello { notices: true, name: "test" };
    let (script, session) = tokio::join!(greet, connect(&target, &hello));
    (script, session.unwrap())
}

async fn next(told: &mut mpsc::Receiver<Msg>) -> Event {
    match told.recv().await {
        Some(Msg::Session { session: 7, event }) => event,
        other => panic!("{other:?}"),
    }
}

/// Changes that came right after the snapshot were handed over before it, and then overwritten.
#[tokio::test]
async fn an_answer_keeps_its_place_among_the_notices() {
    let (mut script, session) = connected().await;
    let (tell, mut told) = mpsc::channel(16);
    let line = serve(7, session, tell);
    assert!(line.call(Call::Subscribe).is_none());
    let (id, method) = script.asked().await;
    assert_eq!(method, "events/subscribe");
    let changed = |joined: &Value| {
        json!({"jsonrpc": "2.0", "method": "clients/changed",
            "params": {"joined": [joined], "left": [], "updated": []}})
    };
    let snapshot = json!({"subscriptionId": 1, "snapshot": {"clients": [row(1)]}});
    script.say(&[changed(&row(8)), answer(&id, &snapshot), changed(&row(9))]).await;
    let Event::Notice(_) = next(&mut told).await else { panic!("the notice before") };
    let Event::Subscribed(Ok(subscribed)) = next(&mut told).await else { panic!("the snapshot") };
    assert_eq!(subscribed.snapshot.clients.unwrap().len(), 1);
    let Event::Notice(_) = next(&mut told).await else { panic!("the change after it") };
}

#[tokio::test]
async fn a_refused_cancel_names_its_run() {
    let (mut script, session) = connected().await;
    let (tell, mut told) = mpsc::channel(16);
    let line = serve(7, session, tell);
    line.call(Call::Cancel(RunId(5)));
    let (id, _) = script.asked().await;
    let error = json!({"code": -32003, "message": "not yours", "data": {"kind": "forbidden", "retryable": false}});
    script.say(&[json!({"jsonrpc": "2.0", "id": id, "error": error})]).await;
    let Event::CancelRefused { run, why } = next(&mut told).await else { panic!("refused") };
    assert_eq!((run, why.as_str()), (RunId(5), "not yours"));
}

#[tokio::test]
async fn a_refused_reload_brings_each_mistake_with_its_place() {
    let (mut script, session) = connected().await;
    let (tell, mut told) = mpsc::channel(16);
    let line = serve(7, session, tell);
    line.call(Call::Reload);
    let (id, method) = script.asked().await;
    assert_eq!(method, "server/reload");
    let mistakes = json!([
        {"file": "commands.toml", "line": 3, "column": 1, "message": "no such key"},
        {"file": "server.toml", "line": null, "column": null, "message": "cannot be read"},
    ]);
    let error = json!({"code": -32602, "message": "nothing was changed",
        "data": {"kind": "invalidParams", "retryable": false, "mistakes": mistakes}});
    script.say(&[json!({"jsonrpc": "2.0", "id": id, "error": error})]).await;
    let Event::Reloaded(Err(refused)) = next(&mut told).await else { panic!("refused") };
    assert_eq!(refused.why, "nothing was changed");
    let told: Vec<_> =
        refused.mistakes.iter().map(|m| (m.at.as_str(), m.message.as_str())).collect();
    assert_eq!(told, [("commands.toml:3:1", "no such key"), ("server.toml", "cannot be read")]);
}

/// A command was dropped in silence when too many waited.
#[tokio::test]
async fn a_call_that_cannot_be_taken_is_answered() {
    let (_script, session) = connected().await;
    let (calls, _never_taken) = mpsc::channel(1);
    let line = SessionTask { calls, handle: session.handle.clone(), task: tokio::spawn(async {}) };
    let run = |block| Call::Run { block, run: command() };
    assert!(line.call(run(1)).is_none());
    match line.call(run(2)) {
        Some(Event::Ran { block: 2, result: Err(RunRefused::Refused { kind, message }) }) => {
            assert_eq!(kind, ErrorKind::Busy);
            assert!(message.contains("nothing was sent"), "{message}");
        }
        other => panic!("{other:?}"),
    }
    assert!(line.call(Call::Unsubscribe(SubscriptionId(1))).is_none());
}

#[tokio::test]
async fn every_call_is_answered_when_the_session_is_lost_and_that_comes_last() {
    let (mut script, session) = connected().await;
    let (tell, mut told) = mpsc::channel(16);
    let line = serve(7, session, tell);
    line.call(Call::Run { block: 3, run: command() });
    script.asked().await;
    drop(script);
    let Event::Ran { block: 3, result: Err(RunRefused::Lost) } = next(&mut told).await else {
        panic!("the run")
    };
    assert!(matches!(next(&mut told).await, Event::Lost(_)));
}

/// Leaving took as long as a goodbye may, while output waited for a screen that was gone.
#[tokio::test]
async fn a_session_ends_at_once_when_nobody_listens() {
    let (mut script, session) = connected().await;
    let (tell, told) = mpsc::channel(1);
    let line = serve(7, session, tell);
    drop(told);
    let ended = json!({"jsonrpc": "2.0", "method": "clients/changed",
        "params": {"joined": [], "left": [], "updated": []}});
    script.say(&[ended.clone(), ended.clone(), ended]).await;
    line.task.await.unwrap();
}
