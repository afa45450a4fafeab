//! Transport of messages: one JSON object a line on standard input and standard output.
//!
//! The transport of the library ignores a line that it cannot read, so that the assistant waits for an answer that never comes.
//! It also lets any number of requests wait, and loses the answer to one of two requests with the same id. Here each of these
//! gets its own error.

use std::collections::HashSet;
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

/// Most bytes of one message of the assistant.
const MAX_LINE: usize = 1024 * 1024;
/// Most requests that are unanswered at once.
const MAX_PENDING: usize = 64;
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
    /// Whether the rest of a line that was too long is skipped.
    skips: bool,
    /// An error to send before the next line is read.
    reply: Option<Vec<u8>>,
    /// Ids of requests without an answer.
    pending: HashSet<RequestId>,
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
            skips: false,
            reply: None,
            pending: HashSet::new(),
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
                looked_at = 0;
                if std::mem::take(&mut self.skips) {
                    continue;
                }
                line.pop();
                return Some(Ok(line));
            }
            looked_at = self.unread.len();
            if looked_at > MAX_LINE {
                self.unread.clear();
                looked_at = 0;
                if !std::mem::replace(&mut self.skips, true) {
                    let why =
                        format!("a message has at most {MAX_LINE} bytes, and this one has more");
                    return Some(Err(invalid(None, why)));
                }
            }
            match self.input.read_buf(&mut self.unread).await {
                Ok(0) | Err(_) => {
                    let rest = std::mem::take(&mut self.unread);
                    let is_line = !self.skips && !rest.trim_ascii().is_empty();
                    return is_line.then_some(Ok(rest));
                }
                Ok(_) => {}
            }
        }
    }

    fn parse(&mut self, line: &[u8]) -> Incoming {
        let line = line.trim_ascii();
        let line = line.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(line);
        if line.is_empty() {
            return Incoming::Nothing;
        }
        let Ok(text) = std::str::from_utf8(line) else {
            return error(None, ErrorCode::PARSE_ERROR, "the line is not UTF-8");
        };
        match json_checks::check(text) {
            Ok(()) => {}
            Err(fault @ JsonFault::Syntax(_)) => {
                return error(None, ErrorCode::PARSE_ERROR, fault.to_string());
            }
            Err(fault) => return invalid(None, fault.to_string()),
        }
        if text.starts_with('[') {
            return invalid(None, "batches are not part of the protocol: send one message a line");
        }
        match serde_json::from_str(text) {
            Ok(message) => self.accept(message),
            Err(why) => {
                let message: Value = serde_json::from_str(text).unwrap_or_default();
                if message.get("method").is_some() && message.get("id").is_none() {
                    // A notification is never answered.
                    return Incoming::Nothing;
                }
                let id = message.get("id").and_then(|id| serde_json::from_value(id.clone()).ok());
                invalid(id, format!("this is not a message of the protocol: {why}"))
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
                    self.pending.remove(id);
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
        if let Some((_, parameters)) = REQUIRED.iter().find(|(name, _)| *name == method) {
            let why = format!("the params of {method} are wrong: it takes {parameters}");
            return refuse(id, ErrorCode::INVALID_PARAMS, why);
        }
        let why = format!("there is no method {}", quote(method, MAX_QUOTED));
        refuse(id, ErrorCode::METHOD_NOT_FOUND, why)
    }
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
