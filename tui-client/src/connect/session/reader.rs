//! Reader of a session: answers go to their callers, notifications to the events.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout_at};
use topside_shared::RpcError;
use topside_shared::envelope::{self, ServerMessage};
use topside_shared::frame::{Lines, MAX_LINE_OUT};
use topside_shared::methods::{Call, Ping};
use topside_shared::notifications::{Notification, SessionEnded};
use topside_shared::text::clean;
use topside_shared::time::millis;

use super::{GRACE, SessionState, TRICKLE, Waiter, leaving};
use crate::connect::disconnect::DisconnectReason;
use crate::connect::events::{Event, Queue};
use crate::connect::read_rate_limit::ReadRateLimit;
use crate::connect::tls;

pub(super) struct Reader {
    pub(super) state: Arc<SessionState>,
    pub(super) queue: Arc<Queue>,
    /// For `ping`; weak, so that the reader does not keep an unused session alive.
    pub(super) lines: mpsc::WeakSender<Vec<u8>>,
    pub(super) ended: Option<SessionEnded>,
    pub(super) refused: Option<RpcError>,
    /// After which `ping` is sent, and after that the connection is dead.
    pub(super) silence: Duration,
}

impl Reader {
    pub(super) async fn run<R: AsyncRead + Unpin>(mut self, stream: R, mut writer: JoinHandle<()>) {
        let how = self.read_all(stream, &mut writer).await;
        writer.abort();
        let reason = self.reason(how);
        // The pending calls first: once the events say `Lost`, no answer comes any more.
        *self.state.pending() = None;
        self.queue.end(reason);
    }

    /// The most specific reason that is known.
    fn reason(&mut self, how: DisconnectReason) -> DisconnectReason {
        if *self.state.closing.borrow() {
            return DisconnectReason::Left;
        }
        match (self.ended.take(), self.refused.take(), how) {
            (Some(ended), _, _) => DisconnectReason::Ended(ended),
            (None, Some(error), DisconnectReason::Gone) => DisconnectReason::Refused(error),
            (None, _, how) => how,
        }
    }

    async fn read_all<R: AsyncRead + Unpin>(
        &mut self,
        mut stream: R,
        writer: &mut JoinHandle<()>,
    ) -> DisconnectReason {
        let mut lines = Lines::new(MAX_LINE_OUT);
        let mut buffer = vec![0; 64 * 1024];
        let mut rate_limit = ReadRateLimit::new();
        let mut heard = Instant::now();
        let mut pinged = false;
        let mut last_call: Option<Instant> = None;
        let mut closing = self.state.closing.subscribe();
        loop {
            // While output is held back, the reader still reads a little, or the server would take it for dead.
            let _ = tokio::time::timeout(TRICKLE, self.queue.wait_for_room()).await;
            if !self.queue.holds_output() {
                rate_limit.wait().await;
            }
            let silence = if pinged { self.silence * 2 } else { self.silence };
            let deadline = last_call.unwrap_or(heard + silence);
            let read = tokio::select! {
                read = timeout_at(deadline, stream.read(&mut buffer)) => read,
                // All handles are dropped, or the session was closed, perhaps while a write hangs.
                () = leaving(writer, &mut closing), if last_call.is_none() => {
                    last_call = Some(Instant::now() + GRACE);
                    continue;
                }
            };
            match read {
                Ok(Ok(0)) => return DisconnectReason::Gone,
                Ok(Ok(count)) => {
                    heard = Instant::now();
                    pinged = false;
                    rate_limit.spend(count);
                    let mut input = &buffer[..count];
                    while let Some(line) = lines.next(&mut input) {
                        let taken = line
                            .map_err(|error| DisconnectReason::NotTopside(error.to_string()))
                            .and_then(|line| self.take(line));
                        if let Err(reason) = taken {
                            return reason;
                        }
                    }
                }
                Ok(Err(error)) => return broken(&error),
                Err(_) if last_call.is_some() => return DisconnectReason::Gone,
                Err(_) if pinged => {
                    let ms = millis(heard.elapsed());
                    return DisconnectReason::Silent { ms };
                }
                Err(_) => {
                    pinged = true;
                    self.ping();
                }
            }
        }
    }

    fn ping(&self) {
        let mut line = envelope::request(self.state.id(), Ping::METHOD.name(), &Ping {});
        line.push(b'\n');
        // With a full queue no ping is sent: the silence leads to the same end.
        if let Some(lines) = self.lines.upgrade() {
            let _ = lines.try_send(line);
        }
    }

    fn take(&mut self, line: &[u8]) -> Result<(), DisconnectReason> {
        let message = ServerMessage::parse(line).map_err(|error| {
            // The parser's message may quote the line.
            DisconnectReason::NotTopside(format!(
                "a line cannot be read: {}",
                clean(&error.to_string(), 200)
            ))
        })?;
        match message {
            ServerMessage::Response { id: Some(id), result } => {
                let waiting = self.state.pending().as_mut().and_then(|calls| calls.remove(&id));
                let result = result.map(ToOwned::to_owned);
                match waiting {
                    Some(Waiter::Call(waiting)) => {
                        // The caller may have stopped waiting.
                        let _ = waiting.send(result);
                    }
                    Some(Waiter::Events) => {
                        let answer = Event::Answer { id, result };
                        self.queue
                            .push_other(answer, line.len())
                            .map_err(|_| DisconnectReason::Overflow)?;
                    }
                    None => {}
                }
            }
            ServerMessage::Response { id: None, result } => self.refused = result.err(),
            ServerMessage::Notification { method, params } => {
                // A notification that this version cannot read is skipped.
                if let Ok(Some(notice)) = Notification::parse(&method, params.get()) {
                    if let Notification::Ended(ended) = &notice {
                        self.ended = Some(ended.clone());
                    }
                    self.queue.push(notice, line.len()).map_err(|_| DisconnectReason::Overflow)?;
                }
            }
        }
        Ok(())
    }
}

fn broken(error: &io::Error) -> DisconnectReason {
    if let Some(refused) = tls::key_refused(error) {
        return DisconnectReason::KeyRefused(refused);
    }
    use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, UnexpectedEof};
    match error.kind() {
        BrokenPipe | ConnectionAborted | ConnectionReset | UnexpectedEof => DisconnectReason::Gone,
        _ => DisconnectReason::Broken(error.to_string()),
    }
}
