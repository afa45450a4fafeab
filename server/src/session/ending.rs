//! The end of a session: why, and how it says goodbye.

use std::future::poll_fn;
use std::io;
use std::sync::Arc;
use std::task::Context;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::Instant;
use topside_shared::notices::{EndCode, SessionEnded, name};

use super::Session;
use crate::outbox::notification;
use crate::transport::Transport;

/// How long, and how much, a client may go on sending after its session was ended.
const LINGER: Duration = Duration::from_secs(1);
const LINGER_BYTES: u64 = 1024 * 1024;
/// How often a client that will send no more is looked at for having gone altogether.
const HANG_UP_CHECK: Duration = Duration::from_secs(1);

/// Why a session is over.
#[derive(Debug)]
pub(super) enum Why {
    /// The client wanted no more, and has everything it asked for.
    Closed,
    /// The client is not there any more.
    Gone(Option<io::Error>),
    /// Somebody ended it.
    Ended(SessionEnded),
    /// No byte moved for the time a write may take.
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
    /// After the last request: over once everything is answered and written, or the client has gone.
    pub(super) fn poll_last(&mut self, cx: &mut Context<'_>) -> Option<Why> {
        if self.in_flight.is_empty() {
            if let Some(farewell) = self.farewell.take() {
                self.caller.client.outbox.push(farewell);
                // It is the last line, whatever may be told of now.
                self.caller.client.outbox.close();
                cx.waker().wake_by_ref();
            }
            if self.caller.client.outbox.bytes() == 0 {
                return Some(Why::Closed);
            }
        }
        let timer = self.hang_up.get_or_insert_with(|| {
            tokio::time::interval_at(Instant::now() + HANG_UP_CHECK, HANG_UP_CHECK)
        });
        while timer.poll_tick(cx).is_ready() {
            if self.stream.hung_up() {
                return Some(Why::Gone(None));
            }
        }
        None
    }

    /// Says goodbye as far as the client listens, under a deadline.
    pub(super) async fn finish(&mut self, why: Why) {
        let client = Arc::clone(&self.caller.client);
        let ended = match why {
            Why::Gone(_) => return,
            Why::Closed => None,
            Why::Ended(ended) => Some(ended),
            Why::SlowReader => {
                // There is no room for what waits. A line that is half out must be finished, though,
                // or the goodbye could not be read.
                client.outbox.drop_waiting();
                self.batch.truncate(usize::from(self.half));
                Some(SessionEnded {
                    code: EndCode::SlowReader,
                    reason: "it did not read what it was sent".into(),
                    by: String::new(),
                })
            }
            Why::Protocol(reason) => {
                Some(SessionEnded { code: EndCode::Protocol, reason, by: String::new() })
            }
        };
        let patience = match &ended {
            Some(SessionEnded { code: EndCode::SlowReader, .. }) => LINGER,
            _ => self.caller.server.now().config.limits.write_timeout.unwrap_or(Duration::MAX),
        };
        if let Some(ended) = ended
            && client.notices.load(std::sync::atomic::Ordering::Relaxed)
        {
            client.outbox.push(notification(name::SESSION_ENDED, &ended));
        }
        // That was the last line, however long the client takes to read it.
        client.outbox.close();
        let goodbye = async {
            poll_fn(|cx| self.poll_write(cx)).await?;
            self.stream.shutdown().await?;
            // Closing with unread input would make the kernel throw the last line away.
            let mut rest = (&mut self.stream).take(LINGER_BYTES);
            let mut nowhere = tokio::io::sink();
            let _ = tokio::time::timeout(LINGER, tokio::io::copy(&mut rest, &mut nowhere)).await;
            io::Result::Ok(())
        };
        let _ = tokio::time::timeout(patience, goodbye).await;
    }
}
