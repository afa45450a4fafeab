//! A server of the test's own, and how it is met.

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::UnixListener;

use crate::connect::*;

pub(super) const HELLO: Hello = Hello { notices: true, agent: false, name: "test" };

/// A server of this test: it answers what the test tells it to.
pub(super) struct Fake {
    lines: tokio::io::Lines<BufReader<Box<dyn AsyncRead + Send + Unpin>>>,
    pub(super) write: Box<dyn AsyncWrite + Send + Unpin>,
}

impl Fake {
    pub(super) fn new(stream: impl AsyncRead + AsyncWrite + Send + 'static) -> Self {
        let (read, write) = tokio::io::split(Box::pin(stream));
        let read: Box<dyn AsyncRead + Send + Unpin> = Box::new(read);
        Self { lines: BufReader::new(read).lines(), write: Box::new(write) }
    }

    /// The next request; none at the end of them, which over TLS must be told.
    pub(super) async fn request(&mut self) -> Option<Value> {
        let line = self.lines.next_line().await.unwrap()?;
        Some(serde_json::from_str(&line).unwrap())
    }

    /// Answers with an error of this kind.
    pub(super) async fn refuse(&mut self, request: &Value, error: Value) {
        self.send(&json!({"jsonrpc": "2.0", "id": request["id"], "error": error})).await;
    }

    pub(super) async fn send(&mut self, line: &Value) {
        self.raw(format!("{line}\n").as_bytes()).await;
    }

    pub(super) async fn raw(&mut self, bytes: &[u8]) {
        self.write.write_all(bytes).await.unwrap();
        self.write.flush().await.unwrap();
    }

    pub(super) async fn answer(&mut self, request: &Value, result: Value) {
        self.send(&json!({"jsonrpc": "2.0", "id": request["id"], "result": result})).await;
    }

    pub(super) async fn tell(&mut self, method: &str, params: Value) {
        self.send(&json!({"jsonrpc": "2.0", "method": method, "params": params})).await;
    }

    pub(super) async fn greet(&mut self) {
        let hello = self.request().await.unwrap();
        assert_eq!(hello["method"], "initialize");
        self.answer(&hello, welcome(1)).await;
    }
}

pub(super) fn welcome(version: u32) -> Value {
    json!({
        "protocolVersion": version,
        "server": {"name": "topsided", "version": "0", "hostname": "box", "bootId": "b",
            "startedAt": "2026-01-01T00:00:00.000Z"},
        "you": {"clientId": 7, "address": "pid 1", "user": "u", "role": "admin"},
        "limits": {"maxLine": 2000, "maxRuns": 8},
        "later": true,
    })
}

pub(super) struct FakeSocket {
    pub(super) dir: tempfile::TempDir,
    pub(super) listener: UnixListener,
}

impl FakeSocket {
    pub(super) fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let listener = UnixListener::bind(dir.path().join("s")).unwrap();
        Self { dir, listener }
    }

    pub(super) fn target(&self) -> Target {
        Target::Local(vec![self.dir.path().join("none"), self.dir.path().join("s")].into())
    }

    pub(super) async fn accept(&self) -> Fake {
        Fake::new(self.listener.accept().await.unwrap().0)
    }
}

/// A session and its server, after the greeting.
pub(super) async fn session() -> (Session, Fake) {
    let place = FakeSocket::new();
    let target = place.target();
    let (session, fake) = tokio::join!(connect(&target, &HELLO), async {
        let mut fake = place.accept().await;
        fake.greet().await;
        fake
    });
    (session.unwrap(), fake)
}
