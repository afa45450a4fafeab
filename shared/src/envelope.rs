//! The JSON-RPC 2.0 envelope. It is read in two steps: first the method and the id, with the parameters still raw, then (in
//! `methods`) the method's own struct. So an unknown method differs from bad parameters, and ids go back byte for byte.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeOwned, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;

use crate::error::{ErrorKind, RpcError};
use crate::json_checks::{self, JsonFault};
use crate::params;

/// Most requests in one batch.
pub const MAX_BATCH: usize = 32;

/// One request as it stands on the line.
#[derive(Debug, Clone)]
pub struct Request<'a> {
    /// The id as written; none for a notification, which is never answered.
    pub id: Option<&'a str>,
    /// The method's name.
    pub method: Cow<'a, str>,
    /// The parameters: always the text of one JSON object.
    pub params: &'a str,
}

impl Request<'_> {
    /// Reads the parameters as the method's own struct; see [`params::read`].
    pub fn params<T: DeserializeOwned>(&self) -> Result<T, RpcError> {
        params::read(&self.method, self.params)
    }
}

/// A request that cannot be carried out, and the id its answer goes to.
#[derive(Debug, Clone, PartialEq)]
pub struct Rejection<'a> {
    /// The id as written; none answers with null.
    pub id: Option<&'a str>,
    /// Why.
    pub error: RpcError,
    /// Whether it is a notification (a `method` string and no `id`), which is never answered.
    pub notification: bool,
}

/// What one line asks.
#[derive(Debug)]
pub enum ClientMessage<'a> {
    /// One request.
    One(Result<Request<'a>, Rejection<'a>>),
    /// Several, to be carried out in order and answered by one line.
    Batch(Vec<Result<Request<'a>, Rejection<'a>>>),
}

/// Reads one line.
pub fn parse(line: &[u8]) -> ClientMessage<'_> {
    let text = match std::str::from_utf8(line) {
        Ok(text) => text,
        Err(error) => {
            return ClientMessage::One(Err(reject(
                ErrorKind::Parse,
                format_args!("the line is not UTF-8 at byte {}", error.valid_up_to()),
            )));
        }
    };
    if let Some(request) = parse_plain(text) {
        return ClientMessage::One(Ok(request));
    }
    // A syntax error may be a value that no reader takes, such as 1e999, in a line that has the form of JSON. A
    // notification with such a value is not answered, so the line is still split into its members.
    let flaw = json_checks::check(text).err();
    match text.trim_start().as_bytes().first() {
        Some(b'[') => parse_batch(text, flaw.as_ref()),
        _ => ClientMessage::One(parse_one(text, flaw.as_ref())),
    }
}

fn parse_batch<'a>(text: &'a str, flaw: Option<&JsonFault>) -> ClientMessage<'a> {
    let refused = |reject| ClientMessage::One(Err(reject));
    let items: Vec<&RawValue> = match serde_json::from_str(text) {
        Ok(items) => items,
        Err(error) => {
            let flaw = flaw.cloned().unwrap_or_else(|| JsonFault::Syntax(error.to_string()));
            return refused(reject(ErrorKind::Parse, flaw));
        }
    };
    if items.is_empty() || items.len() > MAX_BATCH {
        let count = items.len();
        let said = format_args!("a batch holds 1 to {MAX_BATCH} requests, this one {count}");
        // Not even a batch of too many notifications is answered.
        let notification = count > 0 && items.iter().all(|item| is_notification(item.get()));
        return refused(Rejection { notification, ..reject(ErrorKind::InvalidRequest, said) });
    }
    let mut batch = Vec::with_capacity(items.len());
    for item in items.into_iter().map(RawValue::get) {
        // Which item has the flaw is only looked for where there is one.
        let flaw = flaw.and_then(|_| json_checks::check_inside(item, 1).err());
        let parsed = parse_one(item, flaw.as_ref());
        match (flaw, parsed) {
            // The line is refused as a whole.
            (Some(JsonFault::TooDeep | JsonFault::Syntax(_)), Err(reject))
                if !reject.notification =>
            {
                return refused(reject);
            }
            (_, parsed) => batch.push(parsed),
        }
    }
    ClientMessage::Batch(batch)
}

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow, default, deserialize_with = "present")]
    jsonrpc: Option<&'a RawValue>,
    // Without the function, serde reads `"id":null` as if there were no id at all.
    #[serde(borrow, default, deserialize_with = "present")]
    id: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "present")]
    method: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "present")]
    params: Option<&'a RawValue>,
}

/// A request without anything unusual. No field twice, none that is unknown.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PlainRequest<'a> {
    #[serde(borrow)]
    jsonrpc: Cow<'a, str>,
    #[serde(borrow, default, deserialize_with = "present")]
    id: Option<&'a RawValue>,
    #[serde(borrow)]
    method: Cow<'a, str>,
    #[serde(borrow, default, deserialize_with = "present")]
    params: Option<&'a RawValue>,
}

/// Reads the request that nearly every line is, in one pass. None: the long way finds out what it is.
fn parse_plain(text: &str) -> Option<Request<'_>> {
    // Serde would take an array for the fields in their order.
    if !text.starts_with('{') {
        return None;
    }
    let PlainRequest { jsonrpc, id, method, params } = serde_json::from_str(text).ok()?;
    let id = id.map(RawValue::get);
    let params = params.map_or("{}", RawValue::get);
    let plain = jsonrpc == "2.0"
        && id.is_none_or(|id| is_id(id) && is_plain_id(id))
        && params.starts_with('{')
        && (params == "{}" || json_checks::check_inside(params, 1).is_ok());
    plain.then_some(Request { id, method, params })
}

fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<&'de RawValue>, D::Error> {
    <&RawValue>::deserialize(deserializer).map(Some)
}

fn parse_one<'a>(text: &'a str, flaw: Option<&JsonFault>) -> Result<Request<'a>, Rejection<'a>> {
    read_one(text, flaw)
        .map_err(|reject| Rejection { notification: is_notification(text), ..reject })
}

fn read_one<'a>(text: &'a str, flaw: Option<&JsonFault>) -> Result<Request<'a>, Rejection<'a>> {
    let invalid =
        |id, message: &str| Rejection { id, ..reject(ErrorKind::InvalidRequest, message) };
    let duplicate = match flaw {
        None => None,
        Some(JsonFault::Duplicate(key)) => Some(key),
        Some(flaw) => return Err(reject(ErrorKind::Parse, flaw)),
    };
    if !text.trim_start().starts_with('{') {
        return Err(invalid(None, "a request is a JSON object, or an array of them"));
    }
    let envelope: Envelope<'a> = match serde_json::from_str(text) {
        Ok(envelope) => envelope,
        Err(error) => {
            return Err(match duplicate {
                Some(key) => invalid(None, &format!("the key `{key}` stands twice in one object")),
                None => invalid(None, &format!("a request cannot be read: {error}")),
            });
        }
    };
    let id = match envelope.id.map(RawValue::get) {
        None => None,
        Some(raw) if is_id(raw) => Some(raw),
        Some(_) => return Err(invalid(None, "`id` must be a string or an integer")),
    };
    if let Some(key) = duplicate {
        return Err(invalid(id, &format!("the key `{key}` stands twice in one object")));
    }
    let version = envelope.jsonrpc.map(RawValue::get).unwrap_or_default();
    if !serde_json::from_str::<Text<'a>>(version).is_ok_and(|version| version.0 == "2.0") {
        return Err(invalid(id, "`jsonrpc` must be the string \"2.0\""));
    }
    let method = envelope.method.map(RawValue::get).unwrap_or_default();
    let Ok(method) = serde_json::from_str::<Text<'a>>(method) else {
        return Err(invalid(id, "`method` must be a string"));
    };
    let Some(params) = object(envelope.params.map(RawValue::get)) else {
        return Err(invalid(id, "`params` must be an object, or an array of one object"));
    };
    Ok(Request { id, method: method.0, params })
}

/// Whether a JSON value, which may be broken, is a notification.
fn is_notification(text: &str) -> bool {
    struct MembersVisitor;

    impl<'de> Visitor<'de> for MembersVisitor {
        type Value = bool;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<bool, A::Error> {
            let (mut has_id, mut has_method) = (false, false);
            while let Some(Text(key)) = map.next_key()? {
                let value: &RawValue = map.next_value()?;
                has_id |= key == "id";
                has_method |= key == "method" && value.get().starts_with('"');
            }
            Ok(has_method && !has_id)
        }
    }

    let mut reader = serde_json::Deserializer::from_str(text);
    let notification = reader.deserialize_map(MembersVisitor).unwrap_or(false);
    notification && reader.end().is_ok()
}

/// A string borrowed where it has no escapes.
#[derive(Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

fn is_id(raw: &str) -> bool {
    let digits = raw.strip_prefix('-').unwrap_or(raw);
    raw.starts_with('"') || (!digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()))
}

/// Whether every reader takes the id: an escape may be half a character, and a number too long.
fn is_plain_id(raw: &str) -> bool {
    raw.len() <= 256 && !raw.contains('\\')
}

/// The one object that the parameters amount to, or none where they are anything else.
fn object(params: Option<&str>) -> Option<&str> {
    let params = params.map_or("{}", str::trim);
    match params.as_bytes().first()? {
        b'{' => Some(params),
        b'n' => Some("{}"),
        b'[' => {
            let items: Vec<&RawValue> = serde_json::from_str(params).ok()?;
            match items.as_slice() {
                [] => Some("{}"),
                [one] if one.get().starts_with('{') => Some(one.get()),
                _ => None,
            }
        }
        _ => None,
    }
}

fn reject<'a>(kind: ErrorKind, message: impl fmt::Display) -> Rejection<'a> {
    Rejection { id: None, error: RpcError::new(kind, message), notification: false }
}

/// The bytes of a response with a result, without a line ending. `id` is the id as it was written.
pub fn result(id: &str, result: &impl Serialize) -> Vec<u8> {
    line(&[r#"{"jsonrpc":"2.0","id":"#, id, r#","result":"#], result)
}

/// The bytes of a response with an error, without a line ending. No id: null.
pub fn error(id: Option<&str>, error: &RpcError) -> Vec<u8> {
    line(&[r#"{"jsonrpc":"2.0","id":"#, id.unwrap_or("null"), r#","error":"#], error)
}

/// The bytes of a notification, without a line ending.
pub fn notification(method: &str, params: &impl Serialize) -> Vec<u8> {
    line(&[r#"{"jsonrpc":"2.0","method":""#, method, r#"","params":"#], params)
}

/// The bytes of a request, without a line ending.
pub fn request(id: u64, method: &str, params: &impl Serialize) -> Vec<u8> {
    let head = format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"{method}","params":"#);
    line(&[&head], params)
}

fn line(head: &[&str], value: &impl Serialize) -> Vec<u8> {
    // Room for most lines, with their ending.
    let mut line = Vec::with_capacity(256);
    head.iter().for_each(|part| line.extend_from_slice(part.as_bytes()));
    serde_json::to_writer(&mut line, value).expect("the wire's own types have string keys only");
    line.push(b'}');
    line
}

/// What a server sends, as a client reads it.
#[derive(Debug)]
pub enum ServerMessage<'a> {
    /// The answer to a request of ours, or, with no id, to a line that was none.
    Response {
        /// The id we gave.
        id: Option<u64>,
        /// The raw result, or the error.
        result: Result<&'a RawValue, RpcError>,
    },
    /// Something said without being asked for at this moment.
    Notification {
        /// Its method.
        method: Cow<'a, str>,
        /// Its raw parameters.
        params: &'a RawValue,
    },
}

#[derive(Deserialize)]
struct ServerEnvelope<'a> {
    #[serde(default)]
    id: Option<u64>,
    #[serde(borrow, default)]
    method: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    params: Option<&'a RawValue>,
    // A result of null is a result.
    #[serde(borrow, default, deserialize_with = "present")]
    result: Option<&'a RawValue>,
    #[serde(default)]
    error: Option<RpcError>,
}

impl<'a> ServerMessage<'a> {
    /// Reads one line of a server; an error if it is no message of this protocol.
    pub fn parse(line: &'a [u8]) -> Result<Self, serde_json::Error> {
        use serde::de::Error as _;
        let envelope: ServerEnvelope<'a> = serde_json::from_slice(line)?;
        match envelope {
            ServerEnvelope { method: Some(method), params: Some(params), .. } => {
                Ok(Self::Notification { method, params })
            }
            ServerEnvelope { id, error: Some(error), .. } => {
                Ok(Self::Response { id, result: Err(error) })
            }
            ServerEnvelope { id, result: Some(result), .. } => {
                Ok(Self::Response { id, result: Ok(result) })
            }
            _ => Err(serde_json::Error::custom("neither a response nor a notification")),
        }
    }
}

#[cfg(test)]
#[path = "envelope_tests.rs"]
mod tests;
