//! A web service that keeps the requests that it gets.

use std::io::{BufRead, BufReader, Read};
use std::net::TcpStream;
use std::sync::{Arc, Mutex};

use serde_json::Value;

use super::super::wait_for;
use super::{Connection, Port, SelfSigned};

/// A request.
#[derive(Debug, Clone)]
pub(crate) struct Caught {
    pub(crate) method: String,
    pub(crate) path: String,
    /// Names in lower case.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Caught {
    #[track_caller]
    pub(crate) fn header(&self, name: &str) -> &str {
        let found = self.headers.iter().find(|(known, _)| known == name);
        &found.unwrap_or_else(|| panic!("no header {name}: {self:?}")).1
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

#[derive(Default)]
struct State {
    /// The status line without the version, and headers; empty: it never answers.
    answer: String,
    caught: Vec<Caught>,
}

pub(crate) struct HttpCatcher {
    state: Arc<Mutex<State>>,
    port: Port,
    scheme: &'static str,
}

impl HttpCatcher {
    /// It answers each request with success.
    pub(crate) fn start() -> Self {
        Self::serving(None)
    }

    /// The same with https.
    pub(crate) fn with_tls(identity: &SelfSigned) -> Self {
        Self::serving(Some(identity))
    }

    fn serving(identity: Option<&SelfSigned>) -> Self {
        let state = Arc::new(Mutex::new(State { answer: "200 OK".to_owned(), ..State::default() }));
        let (kept, config) = (Arc::clone(&state), identity.map(|own| Arc::clone(&own.config)));
        let serve = move |stream: TcpStream| match &config {
            None => serve(stream, &kept),
            Some(config) => serve(SelfSigned::accept(Arc::clone(config), stream), &kept),
        };
        let scheme = if identity.is_some() { "https" } else { "http" };
        Self { state, port: Port::open(Arc::new(serve)), scheme }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        let port = self.port.address.port();
        match self.scheme {
            "http" => format!("http://127.0.0.1:{port}{path}"),
            // As in the certificate.
            scheme => format!("{scheme}://localhost:{port}{path}"),
        }
    }

    /// What it answers from now on, such as `500 Failed`; more lines are headers. An empty text: it never answers.
    pub(crate) fn answer(&self, answer: &str) {
        self.state.lock().unwrap().answer = answer.to_owned();
    }

    /// Refuses connections from now on.
    pub(crate) fn close(&self) {
        self.port.close();
    }

    /// Accepts connections again.
    pub(crate) fn open(&self) {
        self.port.listen();
    }

    /// The requests so far.
    pub(crate) fn caught(&self) -> Vec<Caught> {
        self.state.lock().unwrap().caught.clone()
    }

    /// Waits for so many requests, and returns them.
    #[track_caller]
    pub(crate) fn wait_for(&self, count: usize) -> Vec<Caught> {
        wait_for("requests", || self.caught(), |caught| caught.len() >= count)
    }
}

/// Reads one request, and answers it.
fn serve(stream: impl Connection, state: &Mutex<State>) {
    let mut stream = BufReader::new(stream);
    // A client may leave at any time: of an incomplete request nothing is kept.
    let Some(caught) = read(&mut stream) else { return };
    let answer = {
        let mut state = state.lock().unwrap();
        state.caught.push(caught);
        state.answer.clone()
    };
    if answer.is_empty() {
        // Until the client leaves.
        let _ = stream.read(&mut [0; 1]);
        return;
    }
    let answer = answer.replace('\n', "\r\n");
    let text = format!("HTTP/1.1 {answer}\r\nconnection: close\r\ncontent-length: 6\r\n\r\nreason");
    let stream = stream.get_mut();
    let _ = stream.write_all(text.as_bytes()).and_then(|()| stream.flush());
}

fn read(stream: &mut impl BufRead) -> Option<Caught> {
    let mut line = || {
        let mut line = String::new();
        let count = stream.read_line(&mut line).ok()?;
        (count > 0).then(|| line.trim_end().to_owned())
    };
    let first = line()?;
    let mut words = first.split(' ').map(str::to_owned);
    let (method, path) = (words.next()?, words.next()?);
    let mut headers = Vec::new();
    loop {
        let line = line()?;
        let Some((name, value)) = line.split_once(':') else { break };
        headers.push((name.to_lowercase(), value.trim().to_owned()));
    }
    let length = headers.iter().find(|(name, _)| name == "content-length");
    let mut body = vec![0; length.map_or(0, |(_, length)| length.parse().unwrap())];
    stream.read_exact(&mut body).ok()?;
    let body = String::from_utf8(body).unwrap();
    Some(Caught { method, path, headers, body })
}
