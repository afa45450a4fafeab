//! Byte stream over messages: what a TCP connection is to a session, made of the messages of a hub.
//!
//! A message is a kind, a sequence number and at most [`MAX_CHUNK`] bytes. Each direction has a window of [`WINDOW`]: data
//! counts its length and [`MESSAGE_COST`], and the receiver gives credit back as the data is read, a quarter of the window at
//! a time. So messages do not pile up in the hub, whatever their size. A message that is missing, repeated or out of order
//! ends the stream.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, DuplexStream, ReadBuf, ReadHalf};
use tokio::sync::{oneshot, watch};
use tokio::time::{Instant, MissedTickBehavior, interval_at, sleep_until};

/// Most bytes of data in one message.
const MAX_CHUNK: usize = 60 * 1024;
/// What one direction may have on its way: the length of each message of data, and [`MESSAGE_COST`] for it.
const WINDOW: usize = 256 * 1024;
/// What a message of data costs beside its length, so that the window limits the number of messages too.
const MESSAGE_COST: usize = 256;
/// Credit is given back in pieces of this size, and all of it once the peer has sent its last data.
const CREDIT_STEP: usize = WINDOW / 4;
/// Kind and sequence number.
const HEADER: usize = 1 + 8;

const DATA: u8 = 1;
/// The amount of credit: four bytes.
const CREDIT: u8 = 2;
/// One byte: [`LAST`], [`CLOSED`] or [`BROKEN`].
const END: u8 = 3;
/// No more data follows; the sender still reads.
const LAST: u8 = 0;
/// The sender has closed its stream, and has sent all data.
const CLOSED: u8 = 1;
/// The sender has given the stream up; data may be missing.
const BROKEN: u8 = 2;

/// Silence after which an empty credit is sent, so that the peer knows that this end is alive.
const KEEPALIVE: Duration = Duration::from_secs(10);
/// Silence of the peer after which it counts as dead.
const DEAD_AFTER: Duration = Duration::from_secs(30);
/// How long a closed stream may take to send what was written to it.
const CLOSE_LIMIT: Duration = Duration::from_secs(10);

/// Carries messages to the peer and back, in order. The stream detects what it loses.
pub trait Carrier: Send + 'static {
    /// Sends a message.
    fn send(&mut self, message: Bytes) -> impl Future<Output = io::Result<()>> + Send;
    /// Waits for a message; `Err` at the end of the connection. Dropping the future loses no message.
    fn receive(&mut self) -> impl Future<Output = io::Result<Bytes>> + Send;
    /// Waits until the sent messages have left this process.
    fn flush(&mut self) -> impl Future<Output = ()> + Send;
}

/// Why a stream ended before its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
enum Broken {
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
    fn error(self) -> io::Error {
        let kind = match self {
            Self::Silent => io::ErrorKind::TimedOut,
            Self::Reset => io::ErrorKind::ConnectionReset,
            Self::Gap | Self::Malformed | Self::Overrun => io::ErrorKind::InvalidData,
        };
        io::Error::new(kind, self)
    }
}

/// What the stream knows of the peer.
#[derive(Debug, Default)]
struct Status {
    /// The peer has sent its last data.
    half_closed: AtomicBool,
    /// The peer has closed its stream, or the connection to it is lost.
    gone: AtomicBool,
    /// The peer has read all that was sent, the end too.
    acknowledged: AtomicBool,
}

/// One end of a stream. A task sends and receives for it until both directions have ended.
#[derive(Debug)]
pub struct HubStream {
    /// Tells the task that this end is dropped; before `near`, so that the task finds this first.
    _open: oneshot::Sender<()>,
    near: DuplexStream,
    status: Arc<Status>,
    /// The first byte that the peer has sent; within, none where it ended without one.
    first: watch::Receiver<Option<Option<u8>>>,
    /// Why the stream ended before its end.
    broken: watch::Receiver<Option<(io::ErrorKind, String)>>,
}

impl HubStream {
    /// Starts a stream over a carrier, on the caller's runtime.
    pub fn start(carrier: impl Carrier) -> Self {
        let (near, far) = tokio::io::duplex(MAX_CHUNK);
        let status = Arc::new(Status::default());
        let (first_sender, first) = watch::channel(None);
        let (broken_sender, broken) = watch::channel(None);
        let (open, dropped) = oneshot::channel();
        let pump = Pump {
            carrier,
            status: Arc::clone(&status),
            first: first_sender,
            sent: 0,
            received: 0,
            credit: WINDOW,
            waiting: VecDeque::new(),
            unread: 0,
            to_credit: 0,
            peer_ended: false,
            peer_gone: false,
        };
        tokio::spawn(pump.run(far, dropped, broken_sender));
        Self { _open: open, near, status, first, broken }
    }

    /// Waits until the peer has sent something or ended; the first byte, which stays to be read.
    pub async fn first_byte(&self) -> Option<u8> {
        let mut first = self.first.clone();
        first.wait_for(Option::is_some).await.ok().and_then(|first| first.flatten())
    }

    /// Whether the peer has closed its stream, or the connection to it is lost.
    pub fn is_gone(&self) -> bool {
        self.status.gone.load(Ordering::Acquire)
    }

    /// Whether the peer has sent its last data.
    pub fn is_half_closed(&self) -> bool {
        self.status.half_closed.load(Ordering::Acquire)
    }

    /// Whether the peer has read all that was sent, the end too.
    pub fn is_acknowledged(&self) -> bool {
        self.status.acknowledged.load(Ordering::Acquire) || self.is_gone()
    }

    fn error(&self) -> Option<io::Error> {
        let broken = self.broken.borrow();
        broken.as_ref().map(|(kind, why)| io::Error::new(*kind, why.clone()))
    }
}

impl AsyncRead for HubStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.near).poll_read(cx, buffer);
        let at_end = matches!(read, Poll::Ready(Ok(()))) && buffer.filled().len() == before;
        match at_end && buffer.remaining() > 0 {
            true => Poll::Ready(self.error().map_or(Ok(()), Err)),
            false => read,
        }
    }
}

impl AsyncWrite for HubStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match Pin::new(&mut self.near).poll_write(cx, bytes) {
            Poll::Ready(Err(error)) => Poll::Ready(Err(self.error().unwrap_or(error))),
            written => written,
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.near).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.near).poll_shutdown(cx)
    }
}

/// The task behind a stream.
struct Pump<C> {
    carrier: C,
    status: Arc<Status>,
    first: watch::Sender<Option<Option<u8>>>,
    /// Messages sent and received so far: the next sequence numbers.
    sent: u64,
    received: u64,
    /// What may still be sent.
    credit: usize,
    /// Received data that the stream has not taken.
    waiting: VecDeque<Bytes>,
    /// Cost of received data for which no credit was given back.
    unread: usize,
    /// The part of it that was read.
    to_credit: usize,
    /// The peer has sent its last data.
    peer_ended: bool,
    /// The peer has closed its stream: nothing is sent to it.
    peer_gone: bool,
}

thread_local! {
    /// What is read before its length is known: a buffer in each stream would be most of its memory.
    static SCRATCH: RefCell<Vec<u8>> = RefCell::new(vec![0; MAX_CHUNK]);
}

/// Reads up to `room` bytes; none at the end.
fn poll_chunk(
    from_near: &mut ReadHalf<&mut DuplexStream>,
    room: usize,
    cx: &mut Context<'_>,
) -> Poll<io::Result<Vec<u8>>> {
    SCRATCH.with_borrow_mut(|scratch| {
        let mut buffer = ReadBuf::new(&mut scratch[..room]);
        ready!(Pin::new(from_near).poll_read(cx, &mut buffer))?;
        Poll::Ready(Ok(buffer.filled().to_vec()))
    })
}

impl<C: Carrier> Pump<C> {
    /// Sends and receives until both directions have ended.
    async fn run(
        mut self,
        mut far: DuplexStream,
        dropped: oneshot::Receiver<()>,
        broken: watch::Sender<Option<(io::ErrorKind, String)>>,
    ) {
        if let Err(error) = self.exchange(&mut far, dropped).await {
            // Before the pipe ends, so that the reader finds the reason.
            broken.send_replace(Some((error.kind(), error.to_string())));
            let _ = self.send(END, &[BROKEN]).await;
        }
        self.status.gone.store(true, Ordering::Release);
        self.tell_first(None);
        drop(far);
        self.carrier.flush().await;
    }

    async fn exchange(
        &mut self,
        far: &mut DuplexStream,
        mut dropped: oneshot::Receiver<()>,
    ) -> io::Result<()> {
        let (mut from_near, mut to_near) = tokio::io::split(far);
        let mut keepalive = interval_at(Instant::now() + KEEPALIVE, KEEPALIVE);
        keepalive.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (mut heard, mut sent_before) = (Instant::now(), self.sent);
        // Whether this end has sent its last data, and has passed the peer's last data on.
        let (mut ended, mut passed_on) = (false, false);
        // Set once the stream is dropped.
        let mut close_by: Option<Instant> = None;
        while !(ended && (passed_on || close_by.is_some())) {
            let room = self.credit.saturating_sub(MESSAGE_COST).min(MAX_CHUNK);
            let front = self.waiting.front().cloned().unwrap_or_default();
            tokio::select! {
                // What is received goes first: it brings credit.
                biased;
                message = self.carrier.receive(), if !self.peer_gone => {
                    heard = Instant::now();
                    self.take(message?)?;
                    ended |= self.peer_gone;
                }
                _ = &mut dropped, if close_by.is_none() => {
                    close_by = Some(Instant::now() + CLOSE_LIMIT);
                }
                written = to_near.write(&front), if close_by.is_none() && !front.is_empty() => {
                    // An error: the stream is dropped, which the next turn finds.
                    if let Ok(count) = written {
                        self.passed(count).await?;
                    }
                }
                chunk = poll_fn(|cx| poll_chunk(&mut from_near, room, cx)), if !ended && room > 0 => {
                    let chunk = chunk?;
                    ended = chunk.is_empty();
                    if !ended {
                        self.credit -= chunk.len() + MESSAGE_COST;
                        self.send(DATA, &chunk).await?;
                    } else if close_by.is_none() {
                        self.send(END, &[LAST]).await?;
                    }
                }
                _ = keepalive.tick() => {
                    if heard.elapsed() >= DEAD_AFTER && !self.peer_gone {
                        return Err(Broken::Silent.error());
                    }
                    if self.sent == sent_before {
                        self.send(CREDIT, &0u32.to_be_bytes()).await?;
                    }
                    sent_before = self.sent;
                }
                () = sleep_until(close_by.unwrap_or(heard)), if close_by.is_some() => {
                    return Err(Broken::Silent.error());
                }
            }
            if self.peer_ended && self.waiting.is_empty() && !passed_on && close_by.is_none() {
                passed_on = true;
                self.give_credit().await?;
                // An error: the stream is dropped.
                let _ = to_near.shutdown().await;
            }
            if ended && self.credit == WINDOW {
                self.status.acknowledged.store(true, Ordering::Release);
            }
        }
        match close_by {
            Some(_) => self.send(END, &[CLOSED]).await,
            None => Ok(()),
        }
    }

    fn tell_first(&self, byte: Option<u8>) {
        self.first.send_if_modified(|first| {
            let is_new = first.is_none();
            first.get_or_insert(byte);
            is_new
        });
    }

    async fn send(&mut self, kind: u8, payload: &[u8]) -> io::Result<()> {
        if self.peer_gone {
            return Ok(());
        }
        let mut message = BytesMut::with_capacity(HEADER + payload.len());
        message.put_u8(kind);
        message.put_u64(self.sent);
        message.put_slice(payload);
        self.sent += 1;
        self.carrier.send(message.freeze()).await
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
                self.tell_first(message.first().copied());
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
                self.status.half_closed.store(true, Ordering::Release);
                if message[0] != LAST {
                    self.peer_gone = true;
                    self.status.gone.store(true, Ordering::Release);
                }
                self.tell_first(None);
                Ok(())
            }
            _ => Err(Broken::Malformed.error()),
        }
    }

    /// Notes that the stream has taken this much of the first data that waits, and gives credit for it.
    async fn passed(&mut self, count: usize) -> io::Result<()> {
        let Some(front) = self.waiting.front_mut() else { return Ok(()) };
        front.advance(count);
        self.to_credit += count;
        if front.is_empty() {
            self.waiting.pop_front();
            self.to_credit += MESSAGE_COST;
        }
        if self.to_credit >= CREDIT_STEP {
            self.give_credit().await?;
        }
        Ok(())
    }

    async fn give_credit(&mut self) -> io::Result<()> {
        let credit = std::mem::take(&mut self.to_credit);
        self.unread -= credit;
        // A window fits four bytes.
        let credit = u32::try_from(credit).unwrap_or(u32::MAX);
        self.send(CREDIT, &credit.to_be_bytes()).await
    }
}

#[cfg(test)]
#[path = "stream_tests.rs"]
mod tests;
