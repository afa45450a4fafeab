//! Transport of messages: one JSON object a line on standard input and standard output.
//!
//! The transport of the library ignores a line that it cannot read, so that the assistant waits for an answer that never comes.
//! It also lets any number of requests wait, and loses the answer to one of two requests with the same id. Here each of these
//! gets its own error.

use std::collections::{HashSet, VecDeque};
use std::io;
use std::time::Duration;

use rmcp::RoleServer;
use rmcp::model::{
    ClientJsonRpcMessage, ClientNotification, ClientRequest, ErrorCode, ErrorData, GetMeta,
    ProtocolVersion, RequestId, ServerJsonRpcMessage,
};
use rmcp::transport::Transport;
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use topside_shared::json_checks::{self, JsonFault};
use topside_shared::text::{MAX_MESSAGE, MAX_QUOTED, clean, quote};

use super::SUPPORTED;
use super::request_id::IdScan;

/// Most bytes of one message of the assistant.
const MAX_LINE: usize = 1024 * 1024;
/// Most requests that are unanswered at once.
const MAX_PENDING: usize = 64;
/// Most ids of cancelled requests that are remembered.
const MAX_CANCELLED: usize = 256;
/// Lines that wait for standard output; the next one waits for room.
const QUEUED_LINES: usize = 64;
/// How long the last lines may take to be written.
const LAST_LINES: Duration = Duration::from_secs(2);
/// A request that was not accepted because too many are unanswered.
const TOO_MANY: ErrorCode = ErrorCode(-32000);

/// The parameters that a request must have, where it has any.
const REQUIRED: [(&str, &str); 6] = [
    ("initialize", "protocolVersion, capabilities and clientInfo"),
    ("tools/call", "name, and arguments as an object"),
    ("resources/read", "uri"),
    ("subscriptions/listen", "notifications"),
    ("prompts/get", "name"),
    ("completion/complete", "ref and argument"),
];

pub(super) struct Stdio<R> {
    input: R,
    /// What was read and is not a whole line yet.
    unread: Vec<u8>,
    /// Reads a line that is too long, of which nothing is kept.
    too_long: Option<IdScan>,
    /// An error to send before the next line is read.
    reply: Option<Vec<u8>>,
    /// Ids of requests without an answer.
    pending: HashSet<RequestId>,
    /// Ids of requests that were cancelled last: the library may still work on them.
    cancelled: VecDeque<RequestId>,
    /// Whether a request has chosen the revision; before that the library ends at a notification.
    has_begun: bool,
    output: Option<mpsc::Sender<Vec<u8>>>,
    writer: Option<JoinHandle<()>>,
    /// Set when the input ends.
    closed: watch::Sender<bool>,
}

/// What a line holds.
enum Incoming {
    Message(ClientJsonRpcMessage),
    Reply(ServerJsonRpcMessage),
    Nothing,
}

impl<R: AsyncRead + Unpin + Send> Stdio<R> {
    pub(super) fn new<W>(input: R, output: W, closed: watch::Sender<bool>) -> Self
    where
        W: AsyncWrite + Unpin + Send + 'static,
    {
        let (lines, waiting) = mpsc::channel(QUEUED_LINES);
        Self {
            input,
            unread: Vec::new(),
            too_long: None,
            reply: None,
            pending: HashSet::new(),
            cancelled: VecDeque::new(),
            has_begun: false,
            output: Some(lines),
            writer: Some(tokio::spawn(write_all(output, waiting))),
            closed,
        }
    }

    /// The next line without its end; none at the end of the input. Dropping the future loses nothing.
    async fn line(&mut self) -> Option<Result<Vec<u8>, Incoming>> {
        let mut looked_at = 0;
        loop {
            if let Some(end) = self.unread[looked_at..].iter().position(|byte| *byte == b'\n') {
                let mut line: Vec<u8> = self.unread.drain(..=looked_at + end).collect();
                line.pop();
                return Some(match self.too_long.take() {
                    Some(scan) => Err(self.refuse_too_long(scan, &line)),
                    None => Ok(line),
                });
            }
            looked_at = self.unread.len();
            if looked_at > MAX_LINE {
                self.too_long.get_or_insert_default().push(&self.unread);
                self.unread.clear();
                looked_at = 0;
            }
            match self.input.read_buf(&mut self.unread).await {
                Ok(0) | Err(_) => {
                    let rest = std::mem::take(&mut self.unread);
                    if let Some(scan) = self.too_long.take() {
                        return Some(Err(self.refuse_too_long(scan, &rest)));
                    }
                    return (!rest.trim_ascii().is_empty()).then_some(Ok(rest));
                }
                Ok(_) => {}
            }
        }
    }

    fn refuse_too_long(&self, mut scan: IdScan, rest: &[u8]) -> Incoming {
        scan.push(rest);
        let why = format!("a message has at most {MAX_LINE} bytes, and this one has more");
        invalid(self.unused(scan.end()), why)
    }

    /// The id for the error of a line, unless another request has it: that one would take the error for its answer.
    fn unused(&self, id: Option<RequestId>) -> Option<RequestId> {
        id.filter(|id| !self.pending.contains(id))
    }

    fn parse(&mut self, line: &[u8]) -> Incoming {
        let line = line.trim_ascii();
        let line = line.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(line);
        if line.is_empty() {
            return Incoming::Nothing;
        }
        let id = || self.unused(IdScan::of_line(line));
        let Ok(text) = std::str::from_utf8(line) else {
            return error(id(), ErrorCode::PARSE_ERROR, "the line is not UTF-8");
        };
        match json_checks::check(text) {
            Ok(()) => {}
            Err(fault @ JsonFault::Syntax(_)) => {
                return error(id(), ErrorCode::PARSE_ERROR, fault.to_string());
            }
            Err(fault) => return invalid(id(), fault.to_string()),
        }
        if text.starts_with('[') {
            return invalid(None, "batches are not part of the protocol: send one message a line");
        }
        if let Ok(message) = serde_json::from_str(text) {
            return self.accept(message);
        }
        let message: Value = serde_json::from_str(text).unwrap_or_default();
        match message.get("method").is_some() && message.get("id").is_none() {
            // A notification is never answered.
            true => Incoming::Nothing,
            false => {
                let (code, why) = fault_of(&message);
                error(id(), code, why)
            }
        }
    }

    fn accept(&mut self, message: ClientJsonRpcMessage) -> Incoming {
        match &message {
            ClientJsonRpcMessage::Request(request) => {
                let id = request.id.clone();
                if let Some(refused) = self.refuse(&id, &request.request) {
                    return Incoming::Reply(refused);
                }
                self.has_begun |= chooses_revision(&request.request);
                self.pending.insert(id);
            }
            // Nothing was asked before: there is nothing to cancel, and no answer to wait for.
            _ if !self.has_begun => return Incoming::Nothing,
            ClientJsonRpcMessage::Notification(notification) => {
                if let ClientNotification::CancelledNotification(cancelled) =
                    &notification.notification
                    && let Some(id) = &cancelled.params.request_id
                {
                    // It gets no answer.
                    if self.pending.remove(id) {
                        self.cancelled.truncate(MAX_CANCELLED - 1);
                        self.cancelled.push_front(id.clone());
                    }
                }
            }
            ClientJsonRpcMessage::Response(_) | ClientJsonRpcMessage::Error(_) => {}
        }
        Incoming::Message(message)
    }

    /// The error of a request that the library must not see.
    fn refuse(&self, id: &RequestId, request: &ClientRequest) -> Option<ServerJsonRpcMessage> {
        let refuse = |id, code, why: String| Some(message(id, code, why));
        if self.pending.contains(id) {
            let why =
                format!("the id {id} is that of a request without an answer yet: use another");
            // With the id, the error would be taken for the answer to the first.
            return refuse(None, ErrorCode::INVALID_REQUEST, clean(&why, MAX_MESSAGE));
        }
        if self.cancelled.contains(id) {
            let why = format!("the id {id} is that of a request that was cancelled: use another");
            let code = ErrorCode::INVALID_REQUEST;
            return refuse(Some(id.clone()), code, clean(&why, MAX_MESSAGE));
        }
        let id = Some(id.clone());
        if self.pending.len() >= MAX_PENDING {
            let why = format!(
                "{MAX_PENDING} requests are unanswered: wait for an answer, then try again"
            );
            return refuse(id, TOO_MANY, why);
        }
        // The library reads a request of which the parameters are wrong as one of an unknown method.
        let ClientRequest::CustomRequest(unknown) = request else { return None };
        let method = unknown.method.as_str();
        match takes(method) {
            Some(takes) => refuse(id, ErrorCode::INVALID_PARAMS, wrong_params(method, takes)),
            None => refuse(id, ErrorCode::METHOD_NOT_FOUND, no_method(method)),
        }
    }
}

/// The parameters that a method must have.
fn takes(method: &str) -> Option<&'static str> {
    REQUIRED.iter().find(|(name, _)| *name == method).map(|(_, takes)| *takes)
}

fn wrong_params(method: &str, takes: &str) -> String {
    format!("the params of {} are wrong: it takes {takes}", quote(method, MAX_QUOTED))
}

fn no_method(method: &str) -> String {
    format!("there is no method {}", quote(method, MAX_QUOTED))
}

/// What is wrong with a JSON text that is no message of the protocol.
fn fault_of(message: &Value) -> (ErrorCode, String) {
    let invalid = |why: &str| (ErrorCode::INVALID_REQUEST, why.to_owned());
    let Value::Object(members) = message else {
        return invalid("this is not a message of the protocol: a message is one JSON object");
    };
    if members.get("jsonrpc").and_then(Value::as_str) != Some("2.0") {
        return invalid("this is not a message of the protocol: `jsonrpc` must be \"2.0\"");
    }
    let Some(method) = members.get("method").and_then(Value::as_str) else {
        return invalid("this is not a message of the protocol: `method` must be text");
    };
    if serde_json::from_value::<RequestId>(members["id"].clone()).is_err() {
        return invalid(
            "this is not a message of the protocol: `id` must be text or a whole number",
        );
    }
    let params = members.get("params").filter(|params| !params.is_object());
    let why = match (params, takes(method)) {
        (Some(_), _) => format!("the params of {} must be an object", quote(method, MAX_QUOTED)),
        (None, Some(takes)) => wrong_params(method, takes),
        (None, None) => format!("the params of {} are wrong", quote(method, MAX_QUOTED)),
    };
    (ErrorCode::INVALID_PARAMS, why)
}

/// Whether a request decides by which revision the library serves the rest.
fn chooses_revision(request: &ClientRequest) -> bool {
    match request {
        ClientRequest::InitializeRequest(_) => true,
        ClientRequest::PingRequest(_) | ClientRequest::DiscoverRequest(_) => false,
        request => {
            let meta = request.get_meta();
            let is_whole = meta.missing_required_keys(&ProtocolVersion::V_2026_07_28).is_empty();
            is_whole && meta.protocol_version().is_some_and(|named| SUPPORTED.contains(&named))
        }
    }
}

fn message(id: Option<RequestId>, code: ErrorCode, why: String) -> ServerJsonRpcMessage {
    ServerJsonRpcMessage::error(ErrorData::new(code, why, None), id)
}

fn error(id: Option<RequestId>, code: ErrorCode, why: impl Into<String>) -> Incoming {
    Incoming::Reply(message(id, code, clean(&why.into(), MAX_MESSAGE)))
}

fn invalid(id: Option<RequestId>, why: impl Into<String>) -> Incoming {
    error(id, ErrorCode::INVALID_REQUEST, why)
}

fn to_line(message: &ServerJsonRpcMessage) -> Vec<u8> {
    let mut line = serde_json::to_vec(message).unwrap_or_default();
    line.push(b'\n');
    line
}

/// Writes lines as they come. Standard output has nothing else.
async fn write_all<W: AsyncWrite + Unpin>(mut output: W, mut lines: mpsc::Receiver<Vec<u8>>) {
    while let Some(line) = lines.recv().await {
        let written = async {
            output.write_all(&line).await?;
            output.flush().await
        };
        if written.await.is_err() {
            return;
        }
    }
}

impl<R: AsyncRead + Unpin + Send> Transport<RoleServer> for Stdio<R> {
    type Error = io::Error;

    fn send(
        &mut self,
        mut item: ServerJsonRpcMessage,
    ) -> impl Future<Output = io::Result<()>> + Send + 'static {
        match &mut item {
            ServerJsonRpcMessage::Response(response) => {
                self.pending.remove(&response.id);
            }
            ServerJsonRpcMessage::Error(failed) => {
                if let Some(id) = &failed.id {
                    self.pending.remove(id);
                }
                if failed.error.code == ErrorCode::UNSUPPORTED_PROTOCOL_VERSION {
                    failed.error.message = unsupported().into();
                }
                // The library gives the name of the method alone.
                if failed.error.code == ErrorCode::METHOD_NOT_FOUND
                    && !failed.error.message.contains(' ')
                {
                    failed.error.message = no_method(&failed.error.message).into();
                }
            }
            ServerJsonRpcMessage::Request(_) | ServerJsonRpcMessage::Notification(_) => {}
        }
        let (line, output) = (to_line(&item), self.output.clone());
        async move {
            let closed = || io::Error::from(io::ErrorKind::BrokenPipe);
            output.ok_or_else(closed)?.send(line).await.map_err(|_| closed())
        }
    }

    async fn receive(&mut self) -> Option<ClientJsonRpcMessage> {
        loop {
            if self.reply.is_some() {
                let room = self.output.as_ref()?.reserve().await.ok()?;
                room.send(self.reply.take()?);
            }
            let parsed = match self.line().await {
                Some(Ok(line)) => self.parse(&line),
                Some(Err(too_long)) => too_long,
                None => {
                    self.closed.send_replace(true);
                    return None;
                }
            };
            match parsed {
                Incoming::Message(message) => return Some(message),
                Incoming::Reply(reply) => self.reply = Some(to_line(&reply)),
                Incoming::Nothing => {}
            }
        }
    }

    async fn close(&mut self) -> io::Result<()> {
        self.closed.send_replace(true);
        self.output = None;
        if let Some(writer) = self.writer.take() {
            let _ = timeout(LAST_LINES, writer).await;
        }
        Ok(())
    }
}

/// What an assistant that names another revision is told.
fn unsupported() -> String {
    let names: Vec<&str> = SUPPORTED.iter().map(ProtocolVersion::as_str).collect();
    format!("this revision of the protocol is not supported: use one of {}", names.join(", "))
}
