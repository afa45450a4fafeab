//! Writes the outbox to the client, and detects a client that does not read.

use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use tokio::time::Sleep;

use crate::base::transport::Transport;
use crate::session::Session;

const SLICES: usize = 64;

/// A write without progress.
pub(super) struct Stuck {
    /// Bytes that had been sent when it began.
    sent: Option<u64>,
    timer: Pin<Box<Sleep>>,
}

impl<S: Transport> Session<S> {
    /// Writes the outbox. Ready once it is empty, with whether it was full before; pending while the socket is full.
    pub(super) fn poll_write(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<bool>> {
        let mut was_full = false;
        loop {
            self.caller.client.outbox.take(&mut self.batch);
            if self.batch.is_empty() {
                // TLS accepts more than it has sent.
                ready!(Pin::new(&mut self.stream).poll_flush(cx))?;
                self.stuck = None;
                return Poll::Ready(Ok(was_full));
            }
            let written = ready!(write_some(&mut self.stream, &self.batch, cx))?;
            self.take_off(written);
            was_full |= self.caller.client.outbox.written(written);
            self.caller.server.counters.sent(written);
            self.caller.client.sent(written);
            self.stuck = None;
        }
    }

    /// Removes the written bytes from the front of the batch.
    fn take_off(&mut self, mut written: usize) {
        self.half = false;
        while written > 0 {
            let first = &mut self.batch[0];
            if first.len() > written {
                first.advance(written);
                self.half = true;
                return;
            }
            written -= first.len();
            self.batch.pop_front();
        }
        if self.batch.is_empty() {
            // An idle client keeps no queue.
            self.batch = VecDeque::new();
        }
    }

    /// Ready when no byte was sent for as long as a write may take.
    pub(super) fn poll_stuck(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let timeout = self.caller.server.now().config.limits.write_timeout;
        let Some(timeout) = timeout else { return Poll::Pending };
        let sent = self.stream.sent();
        if self.stuck.as_ref().is_some_and(|stuck| stuck.sent != sent) {
            self.stuck = None;
        }
        let begin = || Stuck { sent, timer: Box::pin(tokio::time::sleep(timeout)) };
        self.stuck.get_or_insert_with(begin).timer.as_mut().poll(cx)
    }
}

/// Writes some of `batch`, by one system call.
fn write_some<S: Transport>(
    stream: &mut S,
    batch: &VecDeque<Bytes>,
    cx: &mut Context<'_>,
) -> Poll<io::Result<usize>> {
    let written = if batch.len() == 1 {
        ready!(Pin::new(stream).poll_write(cx, &batch[0]))?
    } else {
        let mut slices = [IoSlice::new(&[]); SLICES];
        let mut count = 0;
        for (slice, line) in slices.iter_mut().zip(batch.iter()) {
            *slice = IoSlice::new(line);
            count += 1;
        }
        ready!(Pin::new(stream).poll_write_vectored(cx, &slices[..count]))?
    };
    if written == 0 {
        return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
    }
    Poll::Ready(Ok(written))
}
