//! Ends a session: the reason, and the last messages.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncWriteExt, ReadBuf};
use tokio::time::{Instant, Interval};
use topside_shared::notifications::{EndCode, SessionEnded, name};

use crate::base::outbox::notification;
use crate::base::transport::Transport;
use crate::session::{SCRATCH, Session};

/// How long, and how many bytes, a client may still send after the end of its session.
const LINGER: Duration = Duration::from_secs(1);
const LINGER_BYTES: usize = 1024 * 1024;
/// Shortest time that a client has to close its end when the server ends, and the interval of the checks.
const LINGER_STEP: Duration = Duration::from_millis(20);
/// Interval between checks whether a client that is not read from has left.
const CHECK_EVERY: Duration = Duration::from_millis(250);
/// Longest pause between two probes of a client that has closed its sending direction. Pauses double up to this: the
/// first probe finds a client that closed its whole socket at once, and TLS libraries limit how many they take.
const LONGEST_PROBE_PAUSE: Duration = Duration::from_secs(30);

/// Finds out that a client has left while nothing is read from it.
///
/// A FIN that follows a TLS `close_notify` looks the same whether the client has closed its socket or only its sending
/// direction. The difference shows when the server sends something: a closed socket answers with a reset.
pub(super) struct EndWatch {
    checks: Interval,
    next_probe: Instant,
    pause: Duration,
}

impl EndWatch {
    fn new() -> Self {
        let now = Instant::now();
        let checks = tokio::time::interval(CHECK_EVERY);
        Self { checks, next_probe: now, pause: CHECK_EVERY }
    }

    /// Whether the client has left, where that is known.
    fn poll<S: Transport>(&mut self, stream: &mut S, cx: &mut Context<'_>) -> bool {
        while self.checks.poll_tick(cx).is_ready() {
            if stream.hung_up() {
                return true;
            }
            let now = Instant::now();
            if now >= self.next_probe && stream.is_half_closed() {
                stream.probe();
                self.next_probe = now + self.pause;
                self.pause = (self.pause * 2).min(LONGEST_PROBE_PAUSE);
                // The probe is written in the next turn.
                cx.waker().wake_by_ref();
            }
        }
        false
    }
}

#[derive(Debug)]
pub(super) enum Why {
    /// The client closed the session, and has all its answers.
    Closed,
    /// The client has left.
    Gone(Option<io::Error>),
    Ended(SessionEnded),
    /// No byte was sent for the time that a write may take.
    SlowReader,
    /// The framing was broken; the error was answered, and this is its message.
    Protocol(String),
}

pub(super) fn end_words(code: EndCode) -> &'static str {
    match code {
        EndCode::Closed => "closed",
        EndCode::Shutdown => "server shut down",
        EndCode::Restart => "server restarts",
        EndCode::Kicked => "kicked",
        EndCode::Revoked => "key revoked",
        EndCode::SlowReader => "slow reader",
        EndCode::Protocol => "broke the protocol",
        EndCode::Unknown => "ended",
    }
}

impl<S: Transport> Session<S> {
    /// After the last request: ends the session once everything is answered and written.
    pub(super) fn poll_last(&mut self, cx: &mut Context<'_>) -> Option<Why> {
        if self.in_flight.is_empty() {
            if let Some(farewell) = self.farewell.take() {
                self.caller.client.outbox.push(farewell);
                // It is the last line: no notification follows it.
                self.caller.client.outbox.close();
                cx.waker().wake_by_ref();
            }
            if self.caller.client.outbox.bytes() == 0 {
                return Some(Why::Closed);
            }
        }
        None
    }

    /// While nothing is read: ends the session once the client is known to have left.
    pub(super) fn poll_left(&mut self, cx: &mut Context<'_>) -> Option<Why> {
        let watch = self.end_watch.get_or_insert_with(|| Box::new(EndWatch::new()));
        watch.poll(&mut self.stream, cx).then_some(Why::Gone(None))
    }

    /// Reads and discards input; ready at its end, at an error, or once `left` bytes came.
    fn poll_discard(&mut self, left: &mut usize, cx: &mut Context<'_>) -> Poll<()> {
        SCRATCH.with_borrow_mut(|scratch| {
            while *left > 0 {
                let mut buffer = ReadBuf::new(scratch);
                match ready!(Pin::new(&mut self.stream).poll_read(cx, &mut buffer)) {
                    Ok(()) if !buffer.filled().is_empty() => {
                        *left = left.saturating_sub(buffer.filled().len());
                    }
                    _ => break,
                }
            }
            Poll::Ready(())
        })
    }

    /// Sends the last lines and closes the connection, under a deadline.
    pub(super) async fn finish(&mut self, why: Why) {
        let client = Arc::clone(&self.caller.client);
        let ended = match why {
            Why::Gone(_) => return,
            Why::Closed => None,
            Why::Ended(ended) => Some(ended),
            Why::SlowReader => {
                // Drops the backlog. A line that is partly written is finished, or the client could not parse the last one.
                client.outbox.discard();
                self.batch.truncate(usize::from(self.half));
                let reason = "it did not read what it was sent";
                Some(SessionEnded::new(EndCode::SlowReader, reason, ""))
            }
            Why::Protocol(reason) => Some(SessionEnded::new(EndCode::Protocol, reason, "")),
        };
        let patience = match &ended {
            Some(SessionEnded { code: EndCode::SlowReader, .. }) => LINGER,
            _ => self.caller.server.now().config.limits.write_timeout.unwrap_or(Duration::MAX),
        };
        if let Some(ended) = &ended
            && client.notices.load(std::sync::atomic::Ordering::Relaxed)
        {
            client.outbox.push(notification(name::SESSION_ENDED, ended));
        }
        client.outbox.close();
        let stops =
            matches!(&ended, Some(SessionEnded { code: EndCode::Shutdown | EndCode::Restart, .. }));
        let goodbye = async {
            poll_fn(|cx| self.poll_write(cx)).await?;
            let mut left = LINGER_BYTES;
            if stops && self.stream.ends_by_close() {
                // A server that ends waits for no answer to its close. Unread input would make that an error at the client.
                poll_fn(|cx| Poll::Ready(self.poll_discard(&mut left, cx).is_ready())).await;
                return Ok(());
            }
            self.stream.shutdown().await?;
            // Closing with unread input would make the kernel throw the last line away.
            let end = Instant::now() + LINGER;
            let step = if stops { LINGER_STEP } else { LINGER };
            while tokio::time::timeout(step, poll_fn(|cx| self.poll_discard(&mut left, cx)))
                .await
                .is_err()
                && Instant::now() < end
            {
                // A server that ends does not wait for clients that have read everything and stay connected.
                if stops && self.stream.is_delivered() {
                    break;
                }
            }
            io::Result::Ok(())
        };
        let _ = tokio::time::timeout(patience, goodbye).await;
    }
}
