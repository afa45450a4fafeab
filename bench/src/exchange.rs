//! Requests to each kind of server, and how to recognize their answers.

use std::io;

/// How an answer ends.
#[derive(Debug, Clone, Copy)]
pub(crate) enum AnswerEnd {
    /// With a line ending, the only one.
    Line,
    /// After this many bytes.
    Bytes(usize),
}

/// One request, sent again and again, and its answer.
#[derive(Debug, Clone)]
pub(crate) struct Exchange {
    pub(crate) request: Vec<u8>,
    /// How each right answer begins.
    pub(crate) begins: &'static [u8],
    pub(crate) end: AnswerEnd,
}

const RESULT: &[u8] = br#"{"jsonrpc":"2.0","id":1,"result":"#;

/// A request to a server that speaks our protocol.
pub(crate) fn json(method: &str, params: &str) -> Exchange {
    let params = if params.is_empty() { String::new() } else { format!(r#","params":{params}"#) };
    let request = format!("{{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"{method}\"{params}}}\n");
    Exchange { request: request.into_bytes(), begins: RESULT, end: AnswerEnd::Line }
}

pub(crate) fn ping() -> Exchange {
    json("ping", "")
}

/// A command that answers with its text: 64 bytes of it, as Redis has.
pub(crate) fn echo() -> Exchange {
    let text = "x".repeat(VALUE - 1);
    json("command/run", &format!(r#"{{"command":"echo","args":{{"text":"{text}"}}}}"#))
}

pub(crate) fn with_notices() -> Exchange {
    json("initialize", r#"{"protocolVersion":1,"notices":true}"#)
}

/// A declared program of [`crate::servers`], waited for.
pub(crate) fn run(command: &str) -> Exchange {
    json("command/run", &format!(r#"{{"command":"{command}"}}"#))
}

/// The request of the raw server that runs the same program as `run("nothing")`.
pub(crate) const RAW_SPAWN: &[u8] =
    b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"spawn\",\"params\":{}}\n";

/// A line that comes back as it is.
pub(crate) fn line() -> Exchange {
    Exchange { begins: br#"{"jsonrpc":"2.0","id":1,"method":"#, ..ping() }
}

/// Bytes of the value that Redis answers with.
pub(crate) const VALUE: usize = 64;

pub(crate) fn redis_set() -> Exchange {
    let request = format!("*3\r\n$3\r\nSET\r\n$1\r\nk\r\n${VALUE}\r\n{}\r\n", "x".repeat(VALUE));
    Exchange { request: request.into_bytes(), begins: b"+OK", end: AnswerEnd::Line }
}

pub(crate) fn redis_get() -> Exchange {
    Exchange {
        request: b"*2\r\n$3\r\nGET\r\n$1\r\nk\r\n".to_vec(),
        begins: b"$64\r\n",
        end: AnswerEnd::Bytes(VALUE + 7),
    }
}

pub(crate) fn redis_ping() -> Exchange {
    Exchange { request: b"*1\r\n$4\r\nPING\r\n".to_vec(), begins: b"+PONG", end: AnswerEnd::Line }
}

pub(crate) fn redis_subscribe() -> Exchange {
    let answer = b"*3\r\n$9\r\nsubscribe\r\n$1\r\nc\r\n:1\r\n";
    Exchange {
        request: b"*2\r\n$9\r\nSUBSCRIBE\r\n$1\r\nc\r\n".to_vec(),
        begins: b"*3\r\n$9\r\nsubscribe",
        end: AnswerEnd::Bytes(answer.len()),
    }
}

/// Tells all subscribers a notice as long as ours; and how long it is when they get it.
pub(crate) fn redis_publish() -> (Vec<u8>, AnswerEnd) {
    let notice = "n".repeat(NOTICE.len());
    let body = format!("$1\r\nc\r\n${}\r\n{notice}\r\n", notice.len());
    let got = format!("*3\r\n$7\r\nmessage\r\n{body}");
    (format!("*3\r\n$7\r\nPUBLISH\r\n{body}").into_bytes(), AnswerEnd::Bytes(got.len()))
}

/// The raw server's notice, as long as one of ours.
pub(crate) const NOTICE: &str = r#"{"jsonrpc":"2.0","method":"server/closing","params":{"phase":"scheduled","reason":"bench","by":"any-user","deadline":"2026-01-01T00:00:00.000Z","inMs":3600000,"restart":false}}"#;

/// Checks the answer to one of our requests.
pub(crate) fn is_answer(bytes: &[u8]) -> io::Result<()> {
    if bytes.starts_with(RESULT) {
        return Ok(());
    }
    let text = String::from_utf8_lossy(&bytes[..bytes.len().min(300)]);
    Err(io::Error::other(format!("not the answer that was expected: {text}")))
}
