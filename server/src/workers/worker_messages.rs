//! Messages between the server and a worker: one JSON object on each line.

use serde_json::{Map, Value, json};
use topside_shared::notifications::Stream;
use topside_shared::{json_checks, text};

use crate::workers::line_reader::IdScanner;
use crate::workers::worker::Call;

/// Longest line of a worker, in bytes before its ending.
pub(super) const MAX_LINE: usize = 256 * 1024;

/// A message of a worker.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Message {
    /// Output of a running call.
    Output {
        id: u64,
        stream: Stream,
        text: String,
    },
    Answer {
        id: u64,
        answer: Result<Value, String>,
    },
}

pub(super) fn call(function: &str, call: &Call) -> String {
    let who = call.who();
    line(&json!({
        "jsonrpc": "2.0", "id": call.run_id(), "method": function, "params": call.args(),
        "user": who.user, "role": who.role.name(),
    }))
}

/// The `id` of the call of a `safe_state` function. No run has this number.
pub(super) const SAFE_STATE: u64 = 0;
/// The first `id` of calls that list choices: above the numbers of runs, and exact in each implementation of JSON.
pub(super) const FIRST_LIST: u64 = 1 << 52;

/// A call that the server makes for itself.
pub(super) fn own_call(id: u64, function: &str) -> String {
    line(&json!({
        "jsonrpc": "2.0", "id": id, "method": function, "params": {},
        "user": "topsided", "role": "admin",
    }))
}

pub(super) fn cancel(id: u64) -> String {
    line(&json!({"jsonrpc": "2.0", "method": "cancel", "params": {"id": id}}))
}

fn line(message: &Value) -> String {
    format!("{message}\n")
}

/// An answer that cannot be used fails its call, not the worker.
pub(super) fn refused_answer(id: u64, why: &str) -> Message {
    Message::Answer { id, answer: Err(format!("the answer of the worker is refused: {why}")) }
}

/// Reads a line of a worker. The error ends a sentence that begins with "it wrote", and quotes the line if `quoted`:
/// not if it may hold a secret.
pub(super) fn read(line: &[u8], quoted: bool) -> Result<Message, String> {
    let wrong = |what: &str| match quoted {
        true => {
            let start = String::from_utf8_lossy(&line[..line.len().min(400)]);
            format!("{what}: `{}`", text::clean(&start, 100))
        }
        false => what.to_owned(),
    };
    let text = std::str::from_utf8(line).map_err(|_| wrong("a line that is not UTF-8"))?;
    if let Err(flaw) = json_checks::check(text) {
        return match IdScanner::of(line).answered() {
            Some(id) => Ok(refused_answer(id, &flaw.to_string())),
            None => Err(wrong(&format!("a line that is refused, for {flaw}"))),
        };
    }
    let Ok(Value::Object(mut map)) = serde_json::from_str(text) else {
        return Err(wrong("a line that is not a JSON object"));
    };
    let id = map.get("id").map(Value::as_u64);
    match (map.remove("method"), id) {
        (Some(Value::String(method)), None) if method == "output" => output(map.remove("params"))
            .ok_or_else(|| {
                wrong("an `output` with other `params` than `id`, `text` and perhaps `stream`")
            }),
        (Some(_), _) => Err(wrong("a message that is neither an answer nor an `output`")),
        (None, Some(Some(id))) => {
            let answer = answer(&mut map).ok_or_else(|| {
                wrong("an answer with neither a `result` nor an `error` that has a `message`")
            })?;
            Ok(Message::Answer { id, answer })
        }
        (None, _) => Err(wrong("an answer with an `id` that no call has")),
    }
}

fn output(params: Option<Value>) -> Option<Message> {
    let Some(Value::Object(mut params)) = params else { return None };
    let id = params.get("id")?.as_u64()?;
    let stream = match params.get("stream").map(Value::as_str) {
        None | Some(Some("stdout")) => Stream::Stdout,
        Some(Some("stderr")) => Stream::Stderr,
        Some(_) => return None,
    };
    let Some(Value::String(text)) = params.remove("text") else { return None };
    Some(Message::Output { id, stream, text })
}

fn answer(map: &mut Map<String, Value>) -> Option<Result<Value, String>> {
    // An answer may have both members, one of them null.
    match (map.remove("error"), map.remove("result")) {
        (None | Some(Value::Null), Some(result)) => Some(Ok(result)),
        (Some(error), None | Some(Value::Null)) => {
            Some(Err(error.get("message")?.as_str()?.to_owned()))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_of_a_worker_are_read() {
        let output = |stream, text: &str| Message::Output { id: 7, stream, text: text.into() };
        let answer = |answer| Message::Answer { id: 7, answer };
        for (line, want) in [
            (
                r#"{"method":"output","params":{"id":7,"text":"a\n"}}"#,
                output(Stream::Stdout, "a\n"),
            ),
            (
                r#"{"jsonrpc":"2.0","method":"output","params":{"id":7,"text":"","stream":"stderr"}}"#,
                output(Stream::Stderr, ""),
            ),
            (r#"{"jsonrpc":"2.0","id":7,"result":{"a":1}}"#, answer(Ok(json!({"a": 1})))),
            (r#"{"id":7,"result":null}"#, answer(Ok(Value::Null))),
            (r#"{"id":7,"result":null,"error":{"message":"m"}}"#, answer(Err("m".into()))),
            (r#"{"id":7,"result":1,"error":null}"#, answer(Ok(json!(1)))),
            (r#"{"id":7,"error":{"code":1,"message":"m"}}"#, answer(Err("m".into()))),
        ] {
            assert_eq!(read(line.as_bytes(), true), Ok(want), "{line}");
        }
    }

    #[test]
    fn anything_else_is_a_fault_that_shows_the_line_without_its_control_characters() {
        for (line, says) in [
            ("hello \u{1b}[2Jworld", "`hello [2Jworld`"),
            ("[]", "not a JSON object"),
            (r#"{"id":7,"id":8,"result":1}"#, "the key `id` stands twice"),
            (r#"{"id":7}"#, "neither a `result` nor an `error`"),
            (r#"{"id":7,"error":"m"}"#, "neither a `result` nor an `error`"),
            (r#"{"id":7,"result":1,"error":{"message":"m"}}"#, "neither a `result`"),
            (r#"{"id":"7","result":1}"#, "with an `id` that no call has"),
            (r#"{"result":1}"#, "with an `id` that no call has"),
            (r#"{"method":"output","params":{"id":7}}"#, "with other `params` than"),
            (
                r#"{"method":"output","params":{"id":7,"text":"","stream":"x"}}"#,
                "with other `params` than",
            ),
            (r#"{"method":"ouput","params":{"id":7,"text":""}}"#, "neither an answer nor"),
            (r#"{"id":1,"method":"output","params":{"id":7,"text":""}}"#, "neither an answer nor"),
        ] {
            let said = read(line.as_bytes(), true).unwrap_err();
            let unquoted = read(line.as_bytes(), false).unwrap_err();
            assert!(said.len() > unquoted.len() && said.starts_with(&unquoted), "{unquoted}");
            assert!(said.contains(says) && !said.contains('\u{1b}'), "{said}");
        }
        assert!(read(b"\xff", true).unwrap_err().contains("not UTF-8"));
        assert!(read(&[b'x'; 100_000], true).unwrap_err().len() < 300);
    }
}
