//! Any line is read, answered or refused as the protocol says, by the short and by the long way of reading.
#![no_main]

use libfuzzer_sys::fuzz_target;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use topside_shared::envelope::{self, ClientMessage, MAX_BATCH, Rejection, Request, ServerMessage};
use topside_shared::json_checks::{self, JsonFault};
use topside_shared::methods::{self, Call};
use topside_shared::{ErrorKind, RpcError};

type Item<'a> = Result<Request<'a>, Rejection<'a>>;

fuzz_target!(|line: &[u8]| {
    let _ = ServerMessage::parse(line);
    if let Ok(text) = std::str::from_utf8(line) {
        flaw(text);
    }
    match envelope::parse(line) {
        ClientMessage::One(item) => {
            one(&item);
            // A request that begins with a space is read the long way.
            let padded = [b" ", line].concat();
            let ClientMessage::One(again) = envelope::parse(&padded) else { panic!("one is one") };
            same(&item, &again);
        }
        ClientMessage::Batch(items) => {
            assert!((1..=MAX_BATCH).contains(&items.len()));
            items.iter().for_each(one);
        }
    }
});

fn one(item: &Item<'_>) {
    match item {
        Ok(request) => {
            request.id.into_iter().for_each(id);
            json_checks::check(request.params)
                .expect("parameters are checked before they are read");
            assert!(request.params.starts_with('{') && request.params.ends_with('}'));
            written_again(request);
            every_method(request);
        }
        Err(reject) => {
            reject.id.into_iter().for_each(id);
            assert!(matches!(reject.error.kind(), ErrorKind::Parse | ErrorKind::InvalidRequest));
            is_readable(&reject.error);
        }
    }
}

fn same(short: &Item<'_>, long: &Item<'_>) {
    match (short, long) {
        (Ok(short), Ok(long)) => assert_eq!(
            (short.id, &short.method, short.params),
            (long.id, &long.method, long.params)
        ),
        // The words may differ by the column in them.
        (Err(short), Err(long)) => {
            assert_eq!((short.id, short.error.kind()), (long.id, long.error.kind()));
        }
        _ => panic!("{short:?} and {long:?}"),
    }
}

/// An id goes back byte for byte, and the answer is one line of JSON.
fn id(id: &str) {
    let value: Value = serde_json::from_str(id).expect("an id is JSON");
    assert!(value.is_string() || value.is_number(), "{id}");
    for answer in [
        envelope::result(id, b"{}"),
        envelope::error(Some(id), &RpcError::new(ErrorKind::Busy, "x")),
    ] {
        let answer = String::from_utf8(answer).expect("an answer is UTF-8");
        assert!(answer.contains(&format!(r#""id":{id},"#)) && !answer.contains('\n'));
        let read: Value = serde_json::from_str(&answer).expect("an answer is JSON");
        assert_eq!(read["id"], value);
    }
}

/// What was read, written as a client writes it, reads the same.
fn written_again(request: &Request<'_>) {
    let id = request.id.map_or_else(String::new, |id| format!(r#""id":{id},"#));
    let method = serde_json::to_string(&request.method).expect("a text is JSON");
    let line = format!(
        r#"{{"jsonrpc":"2.0",{id}"method":{method},"params":{}}}"#,
        request.params.replace(['\n', '\r'], " ")
    );
    let ClientMessage::One(Ok(again)) = envelope::parse(line.as_bytes()) else { panic!("{line}") };
    assert_eq!((again.id, &again.method), (request.id, &request.method));
}

/// Any parameters are read by any method, or refused in a sentence that a client can read.
fn every_method(request: &Request<'_>) {
    params::<methods::Initialize>(request);
    params::<methods::Ping>(request);
    params::<methods::CommandsList>(request);
    params::<methods::CommandRun>(request);
    params::<methods::RunCancel>(request);
    params::<methods::ClientsList>(request);
    params::<methods::EventsSubscribe>(request);
    params::<methods::EventsUnsubscribe>(request);
    params::<methods::ServerStatus>(request);
    params::<methods::ServerShutdown>(request);
    params::<methods::ServerShutdownCancel>(request);
    params::<methods::LogTail>(request);
    params::<methods::KeyInvite>(request);
    params::<methods::KeyEnrol>(request);
    params::<methods::KeysList>(request);
    params::<methods::KeyRevoke>(request);
    params::<methods::ApprovalsList>(request);
    params::<methods::ApprovalDecide>(request);
    params::<methods::SessionClose>(request);
}

fn params<T: Call + Serialize + DeserializeOwned>(request: &Request<'_>) {
    match request.params::<T>() {
        Ok(params) => {
            let text = serde_json::to_string(&params).expect("parameters are JSON");
            let again: T = serde_json::from_str(&text).expect("what is written can be read");
            assert_eq!(serde_json::to_string(&again).ok(), Some(text));
        }
        Err(error) => {
            assert_eq!(error.kind(), ErrorKind::InvalidParams);
            is_readable(&error);
        }
    }
}

/// A client reads the refusal as the server wrote it.
fn is_readable(error: &RpcError) {
    assert!(!error.message.is_empty());
    let line = envelope::error(None, error);
    assert!(!line.contains(&b'\n'));
    match ServerMessage::parse(&line).expect("a refusal is a message") {
        ServerMessage::Response { id: None, result: Err(read) } => assert_eq!(read, *error),
        other => panic!("{other:?}"),
    }
}

/// The one pass over a line finds what a slow and plain count finds.
fn flaw(text: &str) {
    let found = json_checks::check(text);
    let Ok(value) = serde_json::from_str::<Value>(text) else {
        assert!(matches!(found, Err(JsonFault::Syntax(_) | JsonFault::TooDeep)), "{found:?}");
        return;
    };
    let (depth, keys) = count(&value);
    // A value of a key that stands twice is gone from `value`, and its depth with it.
    let twice = members(text) != keys;
    match found {
        Ok(()) => assert!(depth <= json_checks::MAX_DEPTH && !twice),
        Err(JsonFault::TooDeep) => assert!(depth > json_checks::MAX_DEPTH || twice),
        Err(JsonFault::Duplicate(_)) => assert!(depth <= json_checks::MAX_DEPTH && twice),
        Err(JsonFault::Syntax(said)) => panic!("{said}"),
    }
}

/// How deep a value nests, and how many keys are in it.
fn count(value: &Value) -> (usize, usize) {
    let (inner, keys): (Vec<&Value>, usize) = match value {
        Value::Array(items) => (items.iter().collect(), 0),
        Value::Object(members) => (members.values().collect(), members.len()),
        _ => return (0, 0),
    };
    let counts = inner.into_iter().map(count);
    let (depth, more) = counts.fold((0, 0), |(d, k), (depth, keys)| (d.max(depth), k + keys));
    (depth + 1, keys + more)
}

/// Colons outside strings: in a text that is JSON, one for each member of an object.
fn members(text: &str) -> usize {
    let (mut count, mut inside, mut escaped) = (0, false, false);
    for byte in text.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = inside,
            b'"' => inside = !inside,
            b':' if !inside => count += 1,
            _ => {}
        }
    }
    count
}
