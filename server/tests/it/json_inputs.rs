//! What each kind of input is to the parser, over the real socket: JSON that is answered, JSON that is no request, and
//! what is no JSON. After each of them the connection stays open. The inputs are of our own making.

use serde_json::{Value, json};

use crate::common::{Raw, TestServer};

/// What becomes of a line.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Want {
    /// A request that is answered with `{}`.
    Answered,
    /// -32700, id null.
    NoJson,
    /// -32600, id null.
    NoRequest,
    /// -32600 with the request's own id.
    BadRequest,
    /// Nothing: it is a notification.
    Nothing,
}
use Want::{Answered, BadRequest, NoJson, NoRequest, Nothing};

/// A `ping` with this value among its parameters, which are ignored.
fn ping(value: &[u8]) -> Vec<u8> {
    [br#"{"jsonrpc":"2.0","id":"i","method":"ping","params":{"v":"#, value, b"}}"].concat()
}

/// Sends each line, and a ping of its own after it.
fn all(client: &mut Raw, cases: impl IntoIterator<Item = (Vec<u8>, Want)>) {
    for (line, want) in cases {
        let shown = String::from_utf8_lossy(&line).chars().take(120).collect::<String>();
        client.send([&line[..], b"\n"].concat());
        let (id, code) = match want {
            Answered => (json!("i"), Value::Null),
            NoJson => (Value::Null, json!(-32700)),
            NoRequest => (Value::Null, json!(-32600)),
            BadRequest => (json!("i"), json!(-32600)),
            Nothing => {
                client.nothing_told();
                continue;
            }
        };
        let answer = client.recv();
        assert_eq!((&answer["id"], &answer["error"]["code"]), (&id, &code), "{shown}: {answer}");
        client.ok("ping", json!({}));
    }
}

fn values(cases: &[(&[u8], Want)]) -> Vec<(Vec<u8>, Want)> {
    cases.iter().map(|(value, want)| (ping(value), *want)).collect()
}

#[test]
fn numbers() {
    let server = TestServer::start();
    let mut client = server.connect();
    let digits = "9".repeat(1_000);
    let fraction = format!("0.{}", "3".repeat(1_000));
    all(
        &mut client,
        values(&[
            (b"0", Answered),
            (b"-0", Answered),
            (b"-0.0", Answered),
            (b"0e0", Answered),
            (b"1E+2", Answered),
            (b"1e-400", Answered),
            (b"18446744073709551616", Answered),
            (b"-9223372036854775809", Answered),
            (fraction.as_bytes(), Answered),
            // RFC 8259 leaves the range to the reader. A number that no double holds is no value here.
            (b"1e400", NoJson),
            (b"-1e400", NoJson),
            (digits.as_bytes(), NoJson),
            (b"00", NoJson),
            (b"01", NoJson),
            (b"-01", NoJson),
            (b"+1", NoJson),
            (b"-", NoJson),
            (b"--1", NoJson),
            (b".5", NoJson),
            (b"5.", NoJson),
            (b"1.e1", NoJson),
            (b"1e", NoJson),
            (b"1e+", NoJson),
            (b"1_000", NoJson),
            (b"0x1f", NoJson),
            (b"0b1", NoJson),
            (b"NaN", NoJson),
            (b"Infinity", NoJson),
            (b"-Infinity", NoJson),
            (b"1 2", NoJson),
            ("٣".as_bytes(), NoJson),
            ("１".as_bytes(), NoJson),
        ]),
    );
}

#[test]
fn strings() {
    let server = TestServer::start();
    let mut client = server.connect();
    all(
        &mut client,
        values(&[
            (br#""""#, Answered),
            (br#""\"\\\/\b\f\n\r\t""#, Answered),
            (br#""\u00e9\u65E5""#, Answered),
            (br#""\ud83d\ude42""#, Answered),
            (br#""\u0000""#, Answered),
            (br#""\ufffe\uffff""#, Answered),
            ("\"é日🙂\u{7f}\u{2028}\u{feff}\"".as_bytes(), Answered),
            // Halves of surrogate pairs stand for no character.
            (br#""\ud800""#, NoJson),
            (br#""\ud83dx""#, NoJson),
            (br#""\ude42""#, NoJson),
            (br#""\ude42\ud83d""#, NoJson),
            (br#""\ud83d\u0041""#, NoJson),
            (br#""\u12""#, NoJson),
            (br#""\u00g0""#, NoJson),
            (br#""\U0041""#, NoJson),
            (br#""\x41""#, NoJson),
            (br#""\a""#, NoJson),
            (br#""\'""#, NoJson),
            (br#""\"#, NoJson),
            (br#""open"#, NoJson),
            (b"'single'", NoJson),
            (b"`back`", NoJson),
            (b"bare", NoJson),
            (b"\"\0\"", NoJson),
            (b"\"\x1f\"", NoJson),
            (b"\"\t\"", NoJson),
            (b"\"\r\"", NoJson),
            // Not UTF-8: a byte alone, half a character, too long a form, a surrogate, beyond the last.
            (b"\"\x80\"", NoJson),
            (b"\"\xff\"", NoJson),
            (b"\"\xe6\x97\"", NoJson),
            (b"\"\xc0\xaf\"", NoJson),
            (b"\"\xed\xa0\x80\"", NoJson),
            (b"\"\xf4\x90\x80\x80\"", NoJson),
            (b"\"\xe9\"", NoJson),
        ]),
    );
}

#[test]
fn structures() {
    let server = TestServer::start();
    let mut client = server.connect();
    let nested = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
    let objects = |levels: usize| format!("{}1{}", r#"{"a":"#.repeat(levels), "}".repeat(levels));
    // The request and its parameters are two levels.
    let (deepest, deeper) = (nested(30), nested(31));
    let (deep_objects, deeper_objects) = (objects(30), objects(31));
    let open = "[".repeat(5_000);
    let many: String = (0..500).map(|n| format!("\"k{n}\":{n},")).collect();
    let (all_different, one_twice) = (format!("{{{many}\"k\":0}}"), format!("{{{many}\"k7\":0}}"));
    all(
        &mut client,
        values(&[
            (b"null", Answered),
            (b"true", Answered),
            (b"false", Answered),
            (b"[]", Answered),
            (b"{}", Answered),
            (br#"{"":0}"#, Answered),
            (br#"{"a":{"a":[{"a":1},{"a":1}]}}"#, Answered),
            (deepest.as_bytes(), Answered),
            (deep_objects.as_bytes(), Answered),
            (all_different.as_bytes(), Answered),
            (deeper.as_bytes(), NoJson),
            (deeper_objects.as_bytes(), NoJson),
            (open.as_bytes(), NoJson),
            (b"[1,]", NoJson),
            (b"[,1]", NoJson),
            (b"[1,,2]", NoJson),
            (b"[1 2]", NoJson),
            (b"[1", NoJson),
            (b"[1}", NoJson),
            (b"1]", NoJson),
            (br#"{"a":1,}"#, NoJson),
            (br#"{,"a":1}"#, NoJson),
            (br#"{"a"}"#, NoJson),
            (br#"{"a":}"#, NoJson),
            (br#"{"a" 1}"#, NoJson),
            (br#"{"a"=1}"#, NoJson),
            (br#"{a:1}"#, NoJson),
            (br#"{1:1}"#, NoJson),
            (br#"{null:1}"#, NoJson),
            (br#"{"a":1"#, NoJson),
            (b"[1] // one", NoJson),
            (b"/* one */ 1", NoJson),
            (b"# one", NoJson),
            (b"", NoJson),
            (b"True", NoJson),
            (b"nul", NoJson),
            (b"nullx", NoJson),
            (b"undefined", NoJson),
            // Two readers could understand two things.
            (br#"{"a":1,"a":1}"#, BadRequest),
            (br#"{"a":1,"\u0061":2}"#, BadRequest),
            (br#"[{"b":{"c":1,"d":2,"c":3}}]"#, BadRequest),
            (br#"{"":1,"":2}"#, BadRequest),
            (one_twice.as_bytes(), BadRequest),
            // What is no JSON is told before a duplicate.
            (br#"{"a":1,"a":01}"#, NoJson),
        ]),
    );
}

#[test]
fn whole_lines() {
    let server = TestServer::start();
    let mut client = server.connect();
    let ping = r#"{"jsonrpc":"2.0","id":"i","method":"ping"}"#;
    let with = |before: &str, after: &str| format!("{before}{ping}{after}").into_bytes();
    all(
        &mut client,
        [
            (with("", ""), Answered),
            (with(" \t", " \t "), Answered),
            (with("\r", "\r"), Answered),
            (br#"{ "jsonrpc" : "2.0" , "id" : "i" , "method" : "ping" }"#.to_vec(), Answered),
            (br#"{"\u006asonrpc":"2.0","\u0069d":"i","method":"\u0070ing"}"#.to_vec(), Answered),
            (
                br#"{"jsonrpc":"2\u002e0","id":"i","method":"ping","params":null}"#.to_vec(),
                Answered,
            ),
            // Other white space than JSON's, and marks of byte order.
            (with("\u{feff}", ""), NoJson),
            (with("\u{a0}", ""), NoJson),
            (with("\u{b}", ""), NoJson),
            (with("\u{c}", ""), NoJson),
            (with("\u{2028}", ""), NoJson),
            (with("\0", ""), NoJson),
            (with("", "\0"), NoJson),
            (with("", "\u{1a}"), NoJson),
            ([b"\xff\xfe", ping.as_bytes()].concat(), NoJson),
            (ping.bytes().flat_map(|byte| [byte, 0]).collect(), NoJson),
            (with("", "x"), NoJson),
            (with("", ","), NoJson),
            (with("", "}"), NoJson),
            (with("", " {}"), NoJson),
            (with("", ping), NoJson),
            (with("(", ")"), NoJson),
            (with("\u{1e}", ""), NoJson),
            (b"\0".to_vec(), NoJson),
            (b"\xff".to_vec(), NoJson),
            (b"{".to_vec(), NoJson),
            (b"}".to_vec(), NoJson),
            (b"[".to_vec(), NoJson),
            (b"\"".to_vec(), NoJson),
            // JSON that is no request.
            (b"0".to_vec(), NoRequest),
            (b"-0".to_vec(), NoRequest),
            (b"null".to_vec(), NoRequest),
            (b"true".to_vec(), NoRequest),
            (br#""ping""#.to_vec(), NoRequest),
            (b"{}".to_vec(), NoRequest),
            (b"[]".to_vec(), NoRequest),
            (br#"{"id":"i"}"#.to_vec(), BadRequest),
            (br#"{"jsonrpc":"2.0","id":"i","method":"ping","params":1}"#.to_vec(), BadRequest),
            (br#"{"jsonrpc":"2.0","id":"i","id":"i","method":"ping"}"#.to_vec(), NoRequest),
            (br#"{"jsonrpc":"2.0","id":"i","\u0069d":"j","method":"ping"}"#.to_vec(), NoRequest),
            (br#"{"jsonrpc":"2.0","id":1e400,"method":"ping"}"#.to_vec(), NoJson),
            (br#"{"jsonrpc":"2.0","id":-0.0,"method":"ping"}"#.to_vec(), NoRequest),
            (br#"{"jsonrpc":"2.0","id":"\ud800","method":"ping"}"#.to_vec(), NoJson),
            // Notifications.
            (br#"{"jsonrpc":"2.0","method":"ping","params":[1,2]}"#.to_vec(), Nothing),
            (br#"{"jsonrpc":"2.0","method":"no\u0000such"}"#.to_vec(), Nothing),
            (br#"{"jsonrpc":"2.0","method":"a","params":{"a":1,"a":2}}"#.to_vec(), Nothing),
            (br#"{"jsonrpc":"2.0","method":"a","params":{"a":1e999}}"#.to_vec(), Nothing),
            (br#"{"jsonrpc":"2.0","method":"a","params":{"a":"\ud800"}}"#.to_vec(), Nothing),
            (br#"{"jsonrpc":"2.0","method":"a","params":{"\udfff":[-1e999]}}"#.to_vec(), Nothing),
            (br#"[{"jsonrpc":"2.0","method":"a","params":["\ud800"]}]"#.to_vec(), Nothing),
            (br#"{"jsonrpc":"2.0","method":"a","params":{"a":1e999}} {}"#.to_vec(), NoJson),
            (br#"{"jsonrpc":"2.0","method":"a","params":{"a":1e999}"#.to_vec(), NoJson),
            (br#"[{"jsonrpc":"2.0","method":"a"}]"#.to_vec(), Nothing),
        ],
    );
}
