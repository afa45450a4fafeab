//! Byte stream over messages: what a TCP connection is to a session, made of the messages of a hub.
//!
//! Reads and writes receive and send messages themselves, so no message waits for another task. The task of a stream keeps it
//! alive while it is idle, receives what arrives while it is not read, and sends its end.

use std::fmt;
use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker, ready};
use std::time::Duration;

use futures_util::task::AtomicWaker;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, MissedTickBehavior, interval_at, sleep_until};

pub use super::stream_state::Carrier;
use super::stream_state::{Broken, CLOSED, END, StreamState};

/// Silence after which an empty credit is sent, so that the peer knows that this end is alive.
const KEEPALIVE: Duration = Duration::from_secs(10);
/// Silence of the peer after which it counts as dead.
pub(super) const DEAD_AFTER: Duration = Duration::from_secs(30);

/// One end of a stream. Dropping it closes it; what was written before still arrives.
#[derive(Debug)]
pub struct HubStream(Arc<Shared>);

/// What the stream and its task share.
struct Shared {
    state: Mutex<StreamState>,
    wakers: Arc<Wakers>,
    /// Wakes all of `wakers`.
    waker: Waker,
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").finish_non_exhaustive()
    }
}

/// The tasks that wait for the carrier.
#[derive(Default)]
struct Wakers {
    reader: AtomicWaker,
    writer: AtomicWaker,
    /// The task of the stream.
    keeper: AtomicWaker,
}

impl Wake for Wakers {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.reader.wake();
        self.writer.wake();
        // Also where a reader waits: its task may have turned to other things, and would leave the messages where they are.
        self.keeper.wake();
    }
}

impl HubStream {
    /// Starts a stream over a carrier, on the caller's runtime.
    pub fn start(carrier: impl Carrier) -> Self {
        let wakers = Arc::<Wakers>::default();
        let waker = Waker::from(Arc::clone(&wakers));
        let state = Mutex::new(StreamState::new(Box::new(carrier)));
        let shared = Arc::new(Shared { state, wakers, waker });
        tokio::spawn(keep(Arc::clone(&shared)));
        Self(shared)
    }

    /// Waits until the peer has sent something or ended; the first byte, which stays to be read.
    pub async fn first_byte(&self) -> Option<u8> {
        let shared = &*self.0;
        poll_fn(|cx| shared.step(&shared.wakers.reader, cx, |state, _| state.first_byte())).await
    }

    /// Whether the peer has closed its stream, or the connection to it is lost.
    pub fn is_gone(&self) -> bool {
        self.0.lock().is_gone()
    }

    /// Whether the peer has sent its last data.
    pub fn is_half_closed(&self) -> bool {
        self.0.lock().peer_ended
    }

    /// Whether the peer has read all that was sent, the end too.
    pub fn is_acknowledged(&self) -> bool {
        self.0.lock().is_acknowledged()
    }
}

impl Drop for HubStream {
    fn drop(&mut self) {
        self.0.lock().dropped = true;
        self.0.wakers.keeper.wake();
    }
}

impl AsyncRead for HubStream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.0.step(&self.0.wakers.reader, cx, |state, cx| state.poll_read(cx, buffer))
    }
}

impl AsyncWrite for HubStream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(cx, &[IoSlice::new(bytes)])
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.0.step(&self.0.wakers.writer, cx, |state, cx| state.poll_write(cx, slices))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.step(&self.0.wakers.writer, cx, StreamState::poll_end)
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, StreamState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Receives, and takes a step of the reader or of the writer. `own` wakes it where it has to wait.
    fn step<T>(
        &self,
        own: &AtomicWaker,
        cx: &mut Context<'_>,
        step: impl FnOnce(&mut StreamState, &mut Context<'_>) -> Poll<T>,
    ) -> Poll<T> {
        // Before the carrier is asked, so that no message is missed.
        own.register(cx.waker());
        let mut state = self.lock();
        let mut all = Context::from_waker(&self.waker);
        state.receive(&mut all);
        let done = step(&mut state, &mut all);
        if state.is_over() {
            self.wakers.keeper.wake();
        }
        drop(state);
        if done.is_ready() {
            own.take();
        }
        done
    }

    /// Waits until the stream is over; its carrier, by which the last messages are sent.
    fn poll_over(&self, cx: &mut Context<'_>) -> Poll<Option<Box<dyn Carrier>>> {
        self.wakers.keeper.register(cx.waker());
        let mut state = self.lock();
        let mut all = Context::from_waker(&self.waker);
        state.receive(&mut all);
        if state.dropped && !state.is_over() {
            // Of an error the peer learns by the silence.
            let _ = ready!(state.poll_send(&mut all, END, &[IoSlice::new(&[CLOSED])], 1));
        } else if !state.is_over() {
            return Poll::Pending;
        }
        let carrier = state.carrier.take();
        drop(state);
        self.wakers.reader.wake();
        self.wakers.writer.wake();
        Poll::Ready(carrier)
    }
}

/// The task of a stream. It ends once the stream is over, or dropped.
async fn keep(shared: Arc<Shared>) {
    let mut keepalive = interval_at(Instant::now() + KEEPALIVE, KEEPALIVE);
    keepalive.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut sent = 0;
    let carrier = loop {
        let (dead_at, is_gone) = {
            let state = shared.lock();
            (state.heard + DEAD_AFTER, state.is_gone())
        };
        tokio::select! {
            biased;
            carrier = poll_fn(|cx| shared.poll_over(cx)) => break carrier,
            _ = keepalive.tick() => {}
            () = sleep_until(dead_at), if !is_gone => {}
        }
        let mut state = shared.lock();
        let mut all = Context::from_waker(&shared.waker);
        // A stream that is dropped and still here cannot send its end.
        if state.dropped || state.heard.elapsed() >= DEAD_AFTER && !state.is_gone() {
            state.fail(&mut all, &Broken::Silent.error());
        } else if state.sent == sent {
            state.send_credit(&mut all);
        }
        sent = state.sent;
    };
    let Some(carrier) = carrier else { return };
    let flushed = carrier.flush();
    flushed.await;
}

#[cfg(test)]
#[path = "stream_tests.rs"]
mod tests;
