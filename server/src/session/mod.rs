//! One session: the only task that reads from and writes to one client.
//!
//! Reading, handling and writing are one state machine, polled as a whole, so an answer that is ready at once is
//! written in the same turn that read its request. Bytes are read into a buffer that all sessions of a thread share,
//! so an idle session holds no buffer.
//!
//! **Invariant:** while the client's outbox is full, no request is read and no waiting request continues. So at most
//! one outbox and one answer wait for a client that does not read.

mod close;
mod rate_limit;
mod write;

use std::cell::RefCell;
use std::collections::VecDeque;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures_util::stream::{FuturesUnordered, StreamExt};
use tokio::io::ReadBuf;
use topside_shared::envelope::{self, ClientMessage};
use topside_shared::frame::{Lines, MAX_LINE_IN};
use topside_shared::{ErrorKind, RpcError};

use crate::base::limit::Limit;
use crate::base::outbox::line;
use crate::base::transport::Transport;
use crate::clients::Client;
use crate::clients::registry::Registered;
use crate::methods;
use crate::methods::{After, Caller, InFlight, Progress};
use crate::net::other_protocol::OtherProtocol;
use crate::server::Server;
use crate::session::close::{EndWatch, Why, end_words};
use crate::session::rate_limit::RateLimit;
use crate::session::write::Stuck;

const READ_SIZE: usize = 64 * 1024;

thread_local! {
    /// Used by a session only while it reads from its socket.
    static SCRATCH: RefCell<Box<[u8]>> = RefCell::new(vec![0; READ_SIZE].into());
}

type PendingRequest = Pin<Box<dyn Future<Output = Completed> + Send>>;

struct Completed {
    /// The ids of its requests, which are free again.
    ids: Vec<Box<str>>,
    /// The answer; none for a notification.
    answer: Option<Bytes>,
    after: Vec<After>,
}

#[derive(Debug, PartialEq)]
enum Asking {
    Open,
    /// A half-close, or `session/close`: requests in flight are completed first.
    Over,
}

struct Session<S> {
    stream: S,
    caller: Caller,
    lines: Lines,
    /// Bytes that were read but not handled, because the outbox was full.
    backlog: Vec<u8>,
    asking: Asking,
    /// Whether no byte, and no line, was read yet: the first may be of another protocol.
    at_first_byte: bool,
    at_first_line: bool,
    /// The answer to `session/close`, which is sent last.
    farewell: Option<Bytes>,
    in_flight: FuturesUnordered<PendingRequest>,
    ids: Vec<Box<str>>,
    /// Lines that left the outbox; the first may be partly written.
    batch: VecDeque<Bytes>,
    /// Whether part of the first line of `batch` was sent.
    half: bool,
    /// The current write without progress.
    stuck: Option<Stuck>,
    /// Set while nothing is read.
    end_watch: Option<Box<EndWatch>>,
    rate_limit: Option<RateLimit>,
}

pub(crate) async fn run<S: Transport>(server: Arc<Server>, stream: S, mut registered: Registered) {
    let client = Arc::clone(&registered.client);
    let mut session = Session {
        stream,
        caller: Caller { server: Arc::clone(&server), client: Arc::clone(&client) },
        lines: Lines::new(MAX_LINE_IN),
        backlog: Vec::new(),
        asking: Asking::Open,
        at_first_byte: true,
        at_first_line: true,
        farewell: None,
        in_flight: FuturesUnordered::new(),
        ids: Vec::new(),
        batch: VecDeque::new(),
        half: false,
        stuck: None,
        end_watch: None,
        rate_limit: client
            .who()
            .owner
            .has_limits()
            .then(|| RateLimit::new(server.now().config.limits.requests)),
    };
    // Drops the session on a panic too.
    let mut cleanup = Cleanup { server: &server, client: &client, reason: "gone" };
    let why = poll_fn(|cx| session.poll(cx)).await;
    let (reason, by) = match &why {
        Why::Closed => ("closed", String::new()),
        Why::Gone(_) => ("gone", String::new()),
        Why::Ended(ended) => (end_words(ended.code), ended.by.clone()),
        Why::SlowReader => ("slow reader", String::new()),
        Why::Protocol(_) => ("broke the protocol", String::new()),
    };
    let error = match &why {
        Why::Gone(Some(error)) => error.to_string(),
        _ => String::new(),
    };
    cleanup.reason = reason;
    if matches!(why, Why::SlowReader) {
        server.counters.limited(Limit::WriteTimeout);
    }
    // Before the last messages, which may take as long as a write may.
    server.runs.client_left(client.id);
    // In a box, so that an idle session has no memory for it.
    Box::pin(session.finish(why)).await;
    registered.leaves_as(reason);
    if client.is_logged() {
        tracing::info!(
            target: "topside", client = client.id.0, reason, by, error,
            "client disconnected"
        );
    }
}

/// Closes the outbox and the subscriptions of a session, and cancels the runs that must not outlive it.
struct Cleanup<'s> {
    server: &'s Server,
    client: &'s Client,
    /// The reason, for the audit log.
    reason: &'static str,
}

impl Drop for Cleanup<'_> {
    fn drop(&mut self) {
        self.client.outbox.close();
        self.server.events.forget(self.client.id);
        self.server.runs.client_left(self.client.id);
        self.client.signs_out(&self.server.audit, self.reason);
    }
}

impl<S: Transport> Session<S> {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Why> {
        loop {
            let ended = self.caller.client.outbox.awake();
            let mut moved = self.poll_in_flight(cx);
            if let Some(ended) = ended {
                // Completed requests are answered first. All lines are written together with the last one.
                return Poll::Ready(Why::Ended(ended));
            }
            match self.poll_write(cx) {
                // Waiting requests may continue.
                Poll::Ready(Ok(was_full)) => moved |= was_full,
                Poll::Ready(Err(error)) => return Poll::Ready(Why::Gone(Some(error))),
                Poll::Pending => {
                    if self.poll_stuck(cx).is_ready() {
                        return Poll::Ready(Why::SlowReader);
                    }
                }
            }
            match self.poll_read(cx) {
                Poll::Ready(Ok(())) => moved = true,
                Poll::Ready(Err(why)) => return Poll::Ready(why),
                Poll::Pending => {}
            }
            if self.asking == Asking::Over
                && let Some(why) = self.poll_last(cx)
            {
                return Poll::Ready(why);
            }
            if self.asking == Asking::Over || !self.backlog.is_empty() {
                if let Some(why) = self.poll_left(cx) {
                    return Poll::Ready(why);
                }
            } else {
                self.end_watch = None;
            }
            let blocked = !self.batch.is_empty();
            if !moved && self.caller.client.outbox.watch(blocked, cx.waker()) {
                return Poll::Pending;
            }
        }
    }

    fn is_full(&self) -> bool {
        self.caller.client.outbox.is_full()
    }

    /// Polls the requests in flight; returns whether one of them ended.
    fn poll_in_flight(&mut self, cx: &mut Context<'_>) -> bool {
        let mut moved = false;
        while !self.in_flight.is_empty() && !self.is_full() {
            let Poll::Ready(Some(done)) = self.in_flight.poll_next_unpin(cx) else { break };
            self.complete(done);
            moved = true;
        }
        moved
    }

    fn complete(&mut self, done: Completed) {
        self.ids.retain(|id| !done.ids.contains(id));
        let closes = done.after.iter().any(|after| matches!(after, After::Close));
        if closes {
            self.asking = Asking::Over;
            self.backlog = Vec::new();
            self.caller.server.events.forget(self.caller.client.id);
        }
        match done.answer {
            Some(answer) if closes => self.farewell = Some(answer),
            Some(answer) => self.caller.client.outbox.push(answer),
            None => {}
        }
        for after in done.after {
            match after {
                After::Follow(future) => self.in_flight.push(Box::pin(async move {
                    future.await;
                    Completed { ids: Vec::new(), answer: None, after: Vec::new() }
                })),
                After::Release(id, lines) => {
                    self.caller.server.events.release(self.caller.client.id, id, lines);
                }
                After::Send(line) => self.caller.client.outbox.push(line),
                After::Answered(guard) => drop(guard),
                After::Close => {}
            }
        }
    }

    /// Reads and handles requests. Ready when there may be more.
    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Why>> {
        if self.asking == Asking::Over || self.is_full() {
            return Poll::Pending;
        }
        if !self.backlog.is_empty() {
            if let Some(rate_limit) = &mut self.rate_limit {
                ready!(rate_limit.poll(cx));
            }
            let backlog = std::mem::take(&mut self.backlog);
            return Poll::Ready(self.take_in(&backlog, cx));
        }
        SCRATCH.with_borrow_mut(|scratch| {
            let mut buffer = ReadBuf::new(scratch);
            if let Err(error) = ready!(Pin::new(&mut self.stream).poll_read(cx, &mut buffer)) {
                return Poll::Ready(Err(Why::Gone(Some(error))));
            }
            self.caller.server.counters.received(buffer.filled().len());
            self.caller.client.received(buffer.filled().len());
            Poll::Ready(match buffer.filled() {
                [] => self.end_of_input(cx),
                bytes => self.take_in(bytes, cx),
            })
        })
    }

    fn end_of_input(&mut self, cx: &mut Context<'_>) -> Result<(), Why> {
        self.asking = Asking::Over;
        if self.stream.hung_up() {
            return Err(Why::Gone(None));
        }
        // Subscriptions end with the requests.
        self.caller.server.events.forget(self.caller.client.id);
        match self.lines.last() {
            Some(last) => self.first_line(&last).map(|()| self.handle(&last, cx)),
            None => Ok(()),
        }
    }

    fn take_in(&mut self, mut bytes: &[u8], cx: &mut Context<'_>) -> Result<(), Why> {
        // Taken out, so that a line can be borrowed while the session is used.
        let mut lines = std::mem::replace(&mut self.lines, Lines::new(MAX_LINE_IN));
        let mut result = match bytes.first() {
            Some(first) if std::mem::take(&mut self.at_first_byte) => {
                OtherProtocol::of_byte(*first)
                    .map_or(Ok(()), |other| Err(self.refuse(&other.error())))
            }
            _ => Ok(()),
        };
        while result.is_ok() && self.asking == Asking::Open {
            if !bytes.is_empty() && (self.is_full() || self.is_too_fast()) {
                self.backlog.extend_from_slice(bytes);
                break;
            }
            match lines.next(&mut bytes) {
                None => break,
                Some(Ok(line)) => {
                    result = self.first_line(line);
                    if result.is_ok() {
                        self.handle(line, cx);
                    }
                }
                Some(Err(error)) => {
                    result = Err(self.refuse(&RpcError::new(ErrorKind::TooLarge, error)));
                }
            }
        }
        self.lines = lines;
        result
    }

    /// Rejects the first line of a client that speaks another protocol.
    fn first_line(&mut self, line: &[u8]) -> Result<(), Why> {
        if !std::mem::take(&mut self.at_first_line) {
            return Ok(());
        }
        OtherProtocol::of_line(line).map_or(Ok(()), |other| Err(self.refuse(&other.error())))
    }

    /// Answers input after which nothing more can be read; returns the reason for the end.
    fn refuse(&self, error: &RpcError) -> Why {
        let answer = methods::refuse(&self.caller, None, error);
        self.caller.client.outbox.push(line(answer));
        Why::Protocol(error.message.clone())
    }

    /// Whether the next request has to wait, which is counted.
    fn is_too_fast(&mut self) -> bool {
        let waits = self.rate_limit.as_mut().is_some_and(RateLimit::waits);
        if waits {
            self.caller.server.counters.limited(Limit::Requests);
            tracing::debug!(target: "topside", client = self.caller.client.id.0, limit = Limit::Requests.name(), "request delayed");
        }
        waits
    }

    fn handle(&mut self, text: &[u8], cx: &mut Context<'_>) {
        let parsed = envelope::parse(text);
        if let Some(rate_limit) = &mut self.rate_limit {
            rate_limit.spend(match &parsed {
                ClientMessage::One(_) => 1,
                ClientMessage::Batch(items) => items.len(),
            });
        }
        let waiting = self.in_flight.len();
        let mut in_flight = InFlight { ids: &mut self.ids, waiting };
        let progress = match parsed {
            ClientMessage::One(item) => methods::one(&self.caller, item, &mut in_flight, cx),
            ClientMessage::Batch(items) => methods::batch(&self.caller, items, &mut in_flight),
        };
        match progress {
            // Most requests are answered at once and never wait.
            Progress::Done((answer, after)) => {
                self.complete(Completed { ids: Vec::new(), answer: answer.map(line), after });
            }
            Progress::Waiting { ids, future } => self.in_flight.push(Box::pin(async move {
                let (answer, after) = future.await;
                Completed { ids, answer: answer.map(line), after }
            })),
        }
    }
}
