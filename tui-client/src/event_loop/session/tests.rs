//! What a scripted server says on a real socket, as the screen is told of it.

use std::path::PathBuf;

use serde_json::{Value, json};
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use topside_shared::methods::{Call, CommandRun, EventsSubscribe, Topic};

use super::*;
use crate::connect::{Hello, Target, connect, read_answer};

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
    let hello = Hello { notices: true, agent: false, name: "test" };
    let (script, session) = tokio::join!(greet, connect(&target, &hello));
    (script, session.unwrap())
}

fn ask<M: Call>(params: &M, then: fn(Result<M::Answer, CallError>) -> String) -> (Ask, Said)
where
    M::Answer: Send + 'static,
{
    let said = Said::default();
    let kept = Arc::clone(&said);
    let ask = Ask::raw(params, move |answer| {
        let answer = answer.and_then(|raw| read_answer::<M>(Ok(raw)));
        *kept.lock().unwrap() = Some(then(answer));
        Reply::new(|_| Vec::new())
    });
    (ask, said)
}

/// What came of a request, once it is answered.
type Said = Arc<Mutex<Option<String>>>;

fn said(said: &Said) -> String {
    said.lock().unwrap().take().unwrap()
}

fn run() -> (Ask, Said) {
    ask(&command(), |answer| format!("{:?}", answer.unwrap_err()))
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
    let topics = vec![Topic::Clients];
    let (subscribe, count) = ask(&EventsSubscribe { topics }, |answer| {
        answer.unwrap().snapshot.clients.unwrap().len().to_string()
    });
    assert!(line.ask(subscribe).is_none());
    let (id, method) = script.asked().await;
    assert_eq!(method, "events/subscribe");
    let changed = |joined: &Value| {
        json!({"jsonrpc": "2.0", "method": "clients/changed",
            "params": {"joined": [joined], "left": [], "updated": []}})
    };
    let snapshot = json!({"subscriptionId": 1, "snapshot": {"clients": [row(1)]}});
    script.say(&[changed(&row(8)), answer(&id, &snapshot), changed(&row(9))]).await;
    let Event::Notice(_) = next(&mut told).await else { panic!("the notice before") };
    let Event::Answer(_) = next(&mut told).await else { panic!("the snapshot") };
    assert_eq!(said(&count), "1");
    let Event::Notice(_) = next(&mut told).await else { panic!("the change after it") };
}

/// A command was dropped in silence when too many waited.
#[tokio::test]
async fn a_call_that_cannot_be_taken_is_answered() {
    let (_script, session) = connected().await;
    let (requests, _never_taken) = mpsc::channel(1);
    let task = tokio::spawn(async {});
    let line = SessionTask { requests, handle: session.handle.clone(), task };
    assert!(line.ask(run().0).is_none());
    let (second, answer) = run();
    assert!(line.ask(second).is_some());
    assert_eq!(said(&answer), "Busy");
}

#[tokio::test]
async fn every_call_is_answered_when_the_session_is_lost_and_that_comes_last() {
    let (mut script, session) = connected().await;
    let (tell, mut told) = mpsc::channel(16);
    let line = serve(7, session, tell);
    let (ask, answer) = run();
    line.ask(ask);
    script.asked().await;
    drop(script);
    let Event::Answer(_) = next(&mut told).await else { panic!("the run") };
    assert_eq!(said(&answer), "Lost");
    assert!(matches!(next(&mut told).await, Event::Lost(_)));
}

/// Leaving took as long as a goodbye may, while output waited for a screen that was gone.
#[tokio::test]
async fn a_session_ends_at_once_when_the_screen_is_closed() {
    let (mut script, session) = connected().await;
    let (tell, told) = mpsc::channel(1);
    let line = serve(7, session, tell);
    drop(told);
    let ended = json!({"jsonrpc": "2.0", "method": "clients/changed",
        "params": {"joined": [], "left": [], "updated": []}});
    script.say(&[ended.clone(), ended.clone(), ended]).await;
    line.task.await.unwrap();
}
