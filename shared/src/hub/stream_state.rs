//! State of one end of a stream: sequence numbers, windows, and the ends of both directions.
//!
//! A message is a kind, a sequence number and at most [`MAX_CHUNK`] bytes. Each direction has a window of [`WINDOW`]: data
//! counts its length and [`MESSAGE_COST`], and the receiver gives credit back as the data is read, a quarter of the window at
//! a time. So messages do not pile up in the hub, whatever their size. A message that is missing, repeated or out of order
//! ends the stream.

use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::task::{Context, Poll, ready};

use bytes::{Buf, BufMut, Bytes, BytesMut};
use futures_util::future::BoxFuture;
use tokio::io::ReadBuf;
use tokio::time::Instant;

use super::stream::DEAD_AFTER;

/// Most bytes of data in one message.
pub(super) const MAX_CHUNK: usize = 60 * 1024;
/// What one direction may have on its way: the length of each message of data, and [`MESSAGE_COST`] for it.
pub(super) const WINDOW: usize = 256 * 1024;
/// What a message of data costs beside its length, so that the window limits the number of messages too.
pub(super) const MESSAGE_COST: usize = 256;
/// Credit is given back in pieces of this size, and all of it once the peer has sent its last data.
const CREDIT_STEP: usize = WINDOW / 4;
/// Kind and sequence number.
pub(super) const HEADER: usize = 1 + 8;

pub(super) const DATA: u8 = 1;
/// The amount of credit: four bytes.
pub(super) const CREDIT: u8 = 2;
/// One byte: [`LAST`], [`CLOSED`] or [`BROKEN`].
pub(super) const END: u8 = 3;
/// No more data follows; the sender still reads.
const LAST: u8 = 0;
/// The sender has closed its stream, and has sent all data.
pub(super) const CLOSED: u8 = 1;
/// The sender has given the stream up; data may be missing.
const BROKEN: u8 = 2;

/// Carries messages to the peer and back, in order. The stream detects what it loses.
pub trait Carrier: Send + 'static {
    /// Waits until a message can be sent.
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>>;
    /// Sends a message, once [`poll_ready`](Self::poll_ready) has said that it can be sent.
    fn send(&mut self, message: Bytes) -> io::Result<()>;
    /// Waits for a message; `Err` at the end of the connection.
    fn poll_receive(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Bytes>>;
    /// Waits until the sent messages have left this process.
    fn flush(&self) -> BoxFuture<'static, ()>;
}

/// Why a stream ended before its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Broken {
    #[error("messages were lost on the way through the hub")]
    Gap,
    #[error("the other end does not speak this version of the stream")]
    Malformed,
    #[error("the other end sent more than it may")]
    Overrun,
    #[error("the other end has been silent for {} s", DEAD_AFTER.as_secs())]
    Silent,
    #[error("the other end has given the connection up")]
    Reset,
}

impl Broken {
    pub(super) fn error(self) -> io::Error {
        let kind = match self {
            Self::Silent => io::ErrorKind::TimedOut,
            Self::Reset => io::ErrorKind::ConnectionReset,
            Self::Gap | Self::Malformed | Self::Overrun => io::ErrorKind::InvalidData,
        };
        io::Error::new(kind, self)
    }
}

/// The state of one end.
pub(super) struct StreamState {
    /// None once the stream is over.
    pub(super) carrier: Option<Box<dyn Carrier>>,
    /// Messages sent and received so far: the next sequence numbers.
    pub(super) sent: u64,
    received: u64,
    /// When the last message was received.
    pub(super) heard: Instant,
    /// What may still be sent.
    credit: usize,
    /// Received data that was not read.
    waiting: VecDeque<Bytes>,
    /// Cost of received data for which no credit was given back.
    unread: usize,
    /// The part of it that was read.
    to_credit: usize,
    /// The first byte that the peer has sent.
    first: Option<u8>,
    /// This end has sent its last data.
    ended: bool,
    /// The peer has sent its last data.
    pub(super) peer_ended: bool,
    /// The peer has closed its stream: nothing is sent to it.
    peer_gone: bool,
    /// The stream was dropped.
    pub(super) dropped: bool,
    /// Why the stream ended before its end.
    broken: Option<(io::ErrorKind, String)>,
}

impl StreamState {
    pub(super) fn new(carrier: Box<dyn Carrier>) -> Self {
        Self {
            carrier: Some(carrier),
            sent: 0,
            received: 0,
            heard: Instant::now(),
            credit: WINDOW,
            waiting: VecDeque::new(),
            unread: 0,
            to_credit: 0,
            first: None,
            ended: false,
            peer_ended: false,
            peer_gone: false,
            dropped: false,
            broken: None,
        }
    }

    pub(super) fn is_gone(&self) -> bool {
        self.peer_gone || self.broken.is_some() || self.carrier.is_none()
    }

    /// Whether both directions have ended, and all that was received was read.
    pub(super) fn is_over(&self) -> bool {
        let ended = (self.ended || self.peer_gone) && self.peer_ended;
        self.broken.is_some() || ended && self.waiting.is_empty() && self.to_credit == 0
    }

    /// Whether the peer has read all that was sent, the end too.
    pub(super) fn is_acknowledged(&self) -> bool {
        self.ended && self.credit == WINDOW || self.is_gone()
    }

    /// The first byte that the peer has sent, once it is known; none if it has ended without one.
    pub(super) fn first_byte(&self) -> Poll<Option<u8>> {
        match self.first {
            None if !self.peer_ended && self.broken.is_none() => Poll::Pending,
            first => Poll::Ready(first),
        }
    }

    fn error(&self) -> Option<io::Error> {
        self.broken.as_ref().map(|(kind, why)| io::Error::new(*kind, why.clone()))
    }

    /// Ends the stream with an error.
    pub(super) fn fail(&mut self, cx: &mut Context<'_>, error: &io::Error) {
        // If it cannot be sent, the peer learns it by the silence.
        let _ = self.poll_send(cx, END, &[IoSlice::new(&[BROKEN])], 1);
        self.broken.get_or_insert_with(|| (error.kind(), error.to_string()));
        cx.waker().wake_by_ref();
    }

    /// Reads what was received; an error only after it.
    pub(super) fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let room = buffer.remaining();
        while buffer.remaining() > 0
            && let Some(front) = self.waiting.front_mut()
        {
            let count = front.len().min(buffer.remaining());
            buffer.put_slice(&front[..count]);
            front.advance(count);
            self.to_credit += count;
            if front.is_empty() {
                self.waiting.pop_front();
                self.to_credit += MESSAGE_COST;
            }
        }
        if buffer.remaining() < room || room == 0 {
            self.give_credit(cx);
            return Poll::Ready(Ok(()));
        }
        match self.error() {
            Some(error) => Poll::Ready(Err(error)),
            None if self.peer_ended => Poll::Ready(Ok(())),
            None => Poll::Pending,
        }
    }

    pub(super) fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if let Some(error) = self.error() {
            return Poll::Ready(Err(error));
        }
        if self.ended || self.is_gone() {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        if slices.iter().all(|slice| slice.is_empty()) {
            return Poll::Ready(Ok(0));
        }
        let room = self.credit.saturating_sub(MESSAGE_COST).min(MAX_CHUNK);
        if room == 0 {
            return Poll::Pending;
        }
        let written = ready!(self.poll_send(cx, DATA, slices, room));
        match &written {
            Ok(count) => self.credit -= count + MESSAGE_COST,
            Err(error) => self.fail(cx, error),
        }
        Poll::Ready(written)
    }

    /// Sends the end of this direction.
    pub(super) fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if !self.ended && !self.is_gone() {
            let sent = ready!(self.poll_send(cx, END, &[IoSlice::new(&[LAST])], 1));
            if let Err(error) = sent {
                self.fail(cx, &error);
                return Poll::Ready(Err(error));
            }
        }
        self.ended = true;
        Poll::Ready(Ok(()))
    }

    /// Sends a message with at most `most` bytes, once the carrier takes it; how many it has. Nothing is sent to a peer that
    /// is gone.
    pub(super) fn poll_send(
        &mut self,
        cx: &mut Context<'_>,
        kind: u8,
        slices: &[IoSlice<'_>],
        most: usize,
    ) -> Poll<io::Result<usize>> {
        let is_open = !self.is_gone();
        let Some(carrier) = self.carrier.as_mut().filter(|_| is_open) else {
            return Poll::Ready(Ok(0));
        };
        ready!(carrier.poll_ready(cx))?;
        let length = slices.iter().map(|slice| slice.len()).sum::<usize>().min(most);
        let mut message = BytesMut::with_capacity(HEADER + length);
        message.put_u8(kind);
        message.put_u64(self.sent);
        for slice in slices {
            let left = HEADER + length - message.len();
            message.put_slice(&slice[..slice.len().min(left)]);
        }
        carrier.send(message.freeze())?;
        self.sent += 1;
        Poll::Ready(Ok(length))
    }

    /// Receives all that has arrived.
    pub(super) fn receive(&mut self, cx: &mut Context<'_>) {
        while !self.is_gone()
            && let Some(carrier) = &mut self.carrier
            && let Poll::Ready(message) = carrier.poll_receive(cx)
        {
            self.heard = Instant::now();
            if let Err(error) = message.and_then(|message| self.take(message)) {
                self.fail(cx, &error);
            }
        }
        self.give_credit(cx);
    }

    /// Takes a received message.
    fn take(&mut self, mut message: Bytes) -> io::Result<()> {
        if message.len() < HEADER {
            return Err(Broken::Malformed.error());
        }
        let kind = message.get_u8();
        if message.get_u64() != self.received {
            return Err(Broken::Gap.error());
        }
        self.received += 1;
        match (kind, message.len()) {
            (DATA, 1..=MAX_CHUNK) if !self.peer_ended => {
                self.unread += message.len() + MESSAGE_COST;
                if self.unread > WINDOW {
                    return Err(Broken::Overrun.error());
                }
                self.first = self.first.or(message.first().copied());
                self.waiting.push_back(message);
                Ok(())
            }
            (CREDIT, 4) => {
                self.credit += message.get_u32() as usize;
                if self.credit > WINDOW {
                    return Err(Broken::Overrun.error());
                }
                Ok(())
            }
            (END, 1) if message[0] == BROKEN => Err(Broken::Reset.error()),
            (END, 1) => {
                self.peer_ended = true;
                self.peer_gone = message[0] != LAST;
                Ok(())
            }
            _ => Err(Broken::Malformed.error()),
        }
    }

    /// Gives credit for what was read, once it is enough or the last.
    fn give_credit(&mut self, cx: &mut Context<'_>) {
        let is_last = self.peer_ended && self.waiting.is_empty() && self.to_credit > 0;
        if is_last || self.to_credit >= CREDIT_STEP {
            self.send_credit(cx);
        }
    }

    /// Gives credit for all that was read. What the carrier does not take now is given with the next.
    pub(super) fn send_credit(&mut self, cx: &mut Context<'_>) {
        let credit = self.to_credit;
        // A window fits four bytes.
        let bytes = u32::try_from(credit).unwrap_or(u32::MAX).to_be_bytes();
        match self.poll_send(cx, CREDIT, &[IoSlice::new(&bytes)], bytes.len()) {
            Poll::Pending => {}
            Poll::Ready(Ok(_)) => {
                self.to_credit = 0;
                self.unread -= credit;
            }
            Poll::Ready(Err(error)) => self.fail(cx, &error),
        }
    }
}
