//! Outbox: the bounded queue of lines to one client.
//!
//! Anybody may put lines in; only the client's session takes them out and writes them. A queue holds at
//! most `cap` bytes, of which [`RESERVE`] are kept for answers and notices, so that neither has to
//! wait behind a run's output. What does not fit is treated by what it is:
//!
//! - an **answer** or a **notice** is always taken: the session takes no further request while its
//!   queue is full, and notices are few and small;
//! - **output** of a run waits for room ([`Outbox::output`]); the run itself never does;
//! - an **event** of a subscription is dropped and counted, and the count is told.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::Waker;

use bytes::Bytes;
use tokio::sync::{Notify, Semaphore};
use topside_shared::SubscriptionId;
use topside_shared::notifications::SessionEnded;

/// Bytes of a queue that run output and events cannot take.
pub(crate) const RESERVE: usize = 64 * 1024;

/// The client is gone or about to be; nothing more will be sent to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the session is over")]
pub(crate) struct Closed;

/// The mutex is private to this type and never held across an `.await`.
#[derive(Debug)]
pub(crate) struct Outbox {
    cap: usize,
    state: Mutex<State>,
    room: Notify,
    read_back: Arc<Semaphore>,
}

#[derive(Debug, Default)]
struct State {
    queue: VecDeque<Bytes>,
    bytes: usize,
    /// The session's task, to be woken when there is something to write or an end.
    session: Option<Waker>,
    dropped: Vec<(SubscriptionId, u64)>,
    end: End,
}

/// How far the end of a session is.
#[derive(Debug, Default)]
enum End {
    #[default]
    Open,
    /// Somebody ended the session; it has not taken note yet.
    Ordered(SessionEnded),
    /// It has taken note, and says goodbye.
    Taken,
    /// Nothing more is taken in.
    Closed,
}

impl Outbox {
    /// An empty queue of at most `cap` bytes.
    pub(crate) fn new(cap: usize) -> Self {
        let read_back = Arc::new(Semaphore::new(1));
        Self { cap: cap.max(2 * RESERVE), state: Mutex::default(), room: Notify::new(), read_back }
    }

    /// Puts in an answer or a notice: a whole line, with its ending. Ignored once the session is over.
    pub(crate) fn push(&self, line: Bytes) {
        let mut state = self.lock();
        if !matches!(state.end, End::Closed) {
            state.put(line);
        }
    }

    /// Puts in an event of a subscription, or counts it as dropped.
    pub(crate) fn event(&self, subscription: SubscriptionId, line: Bytes) {
        let mut state = self.lock();
        if matches!(state.end, End::Closed) {
            return;
        }
        if state.bytes + line.len() <= self.cap - RESERVE {
            state.put(line);
        } else {
            state.drop_events(subscription, 1);
        }
    }

    /// Counts events of a subscription that were gone before they could be put in.
    pub(crate) fn missed(&self, subscription: SubscriptionId, count: u64) {
        let mut state = self.lock();
        if count > 0 && !matches!(state.end, End::Closed) {
            state.drop_events(subscription, count);
            state.wake();
        }
    }

    /// Waits until there is room for output.
    ///
    /// # Errors
    /// [`Closed`] once the session is over.
    pub(crate) async fn room(&self) -> Result<(), Closed> {
        loop {
            let notified = self.room.notified();
            tokio::pin!(notified);
            notified.as_mut().enable();
            {
                let state = self.lock();
                if matches!(state.end, End::Closed) {
                    return Err(Closed);
                }
                if state.bytes < self.cap - RESERVE {
                    return Ok(());
                }
            }
            notified.await;
        }
    }

    /// Puts in a line of a run's output, once there is room.
    ///
    /// # Errors
    /// [`Closed`] once the session is over.
    pub(crate) async fn output(&self, line: Bytes) -> Result<(), Closed> {
        self.room().await?;
        self.push(line);
        Ok(())
    }

    /// Held by the one reader of outputs, of those that send to this client, that has something from the disk in hand:
    /// else each of them would hold as much.
    pub(crate) fn read_back(&self) -> Arc<Semaphore> {
        Arc::clone(&self.read_back)
    }

    /// Whether the session should take no further request now.
    pub(crate) fn is_full(&self) -> bool {
        self.lock().bytes >= self.cap
    }

    /// Whether the session is over.
    pub(crate) fn is_closed(&self) -> bool {
        matches!(self.lock().end, End::Closed)
    }

    /// Bytes waiting to be written.
    pub(crate) fn bytes(&self) -> usize {
        self.lock().bytes
    }

    /// Orders the session to end; the first order counts.
    pub(crate) fn end(&self, ended: SessionEnded) {
        let mut state = self.lock();
        if matches!(state.end, End::Open) {
            state.end = End::Ordered(ended);
            state.wake();
        }
    }

    /// Whether the session is over, or was ordered to end.
    pub(crate) fn is_over(&self) -> bool {
        !matches!(self.lock().end, End::Open)
    }

    /// The session's side: the order to end it, if there is one, once.
    pub(crate) fn take_end(&self) -> Option<SessionEnded> {
        let mut state = self.lock();
        match std::mem::replace(&mut state.end, End::Taken) {
            End::Ordered(ended) => Some(ended),
            other => {
                state.end = other;
                None
            }
        }
    }

    /// The session's side: takes nothing more in; what is queued can still be written.
    pub(crate) fn close(&self) {
        self.lock().end = End::Closed;
        self.room.notify_waiters();
    }

    /// The session's side: moves all waiting lines into `batch` if that is empty.
    pub(crate) fn take(&self, batch: &mut VecDeque<Bytes>) {
        if batch.is_empty() {
            std::mem::swap(batch, &mut self.lock().queue);
        }
    }

    /// The session's side: it is at work, and will look by itself before it sleeps. Without this, each
    /// answer that it puts in would wake it for nothing.
    pub(crate) fn awake(&self) {
        self.lock().session = None;
    }

    /// The session's side: leaves its waker, to be told of more, or of an order to end. False: there is
    /// something already. A session that is `blocked` waits for its socket first.
    pub(crate) fn watch(&self, blocked: bool, waker: &Waker) -> bool {
        let mut state = self.lock();
        if (!blocked && !state.queue.is_empty()) || matches!(state.end, End::Ordered(_)) {
            return false;
        }
        state.session = Some(waker.clone());
        true
    }

    /// The session's side: `written` bytes have left.
    pub(crate) fn written(&self, written: usize) {
        let mut state = self.lock();
        let was_short = state.bytes >= self.cap - RESERVE;
        state.bytes = state.bytes.saturating_sub(written);
        if was_short && state.bytes < self.cap - RESERVE {
            drop(state);
            self.room.notify_waiters();
        }
    }

    /// The session's side: throws away what waits.
    pub(crate) fn drop_waiting(&self) {
        let mut state = self.lock();
        state.queue = VecDeque::new();
        state.dropped = Vec::new();
    }

    /// The session's side: events that were dropped since the last call.
    pub(crate) fn take_dropped(&self) -> Vec<(SubscriptionId, u64)> {
        std::mem::take(&mut self.lock().dropped)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl State {
    fn put(&mut self, line: Bytes) {
        self.bytes += line.len();
        self.queue.push_back(line);
        self.wake();
    }

    fn drop_events(&mut self, subscription: SubscriptionId, count: u64) {
        match self.dropped.iter_mut().find(|(id, _)| *id == subscription) {
            Some((_, dropped)) => *dropped += count,
            None => self.dropped.push((subscription, count)),
        }
    }

    fn wake(&mut self) {
        if let Some(waker) = self.session.take() {
            waker.wake();
        }
    }
}

/// A line ready to be sent: its bytes and the line ending.
pub(crate) fn line(mut bytes: Vec<u8>) -> Bytes {
    bytes.push(b'\n');
    Bytes::from(bytes)
}

/// A notification ready to be sent.
pub(crate) fn notification(name: &str, params: &impl serde::Serialize) -> Bytes {
    line(topside_shared::envelope::notification(name, params))
}

#[cfg(test)]
mod tests {
    use std::task::Poll;

    use topside_shared::notifications::EndCode;

    use super::*;

    const CAP: usize = 4 * RESERVE;

    fn of(length: usize) -> Bytes {
        Bytes::from(vec![b'x'; length])
    }

    fn take_all(outbox: &Outbox) -> usize {
        let mut batch = VecDeque::new();
        outbox.take(&mut batch);
        let bytes = batch.iter().map(Bytes::len).sum();
        outbox.written(bytes);
        bytes
    }

    #[tokio::test]
    async fn output_waits_for_room_and_answers_do_not() {
        let outbox = Outbox::new(CAP);
        outbox.output(of(CAP - RESERVE)).await.unwrap();
        let mut waiting = Box::pin(outbox.output(of(1)));
        assert!(futures_poll(&mut waiting).is_pending());
        outbox.push(of(10));
        assert!(!outbox.is_full());
        assert_eq!(take_all(&outbox), CAP - RESERVE + 10);
        assert!(futures_poll(&mut waiting).is_ready());
    }

    #[test]
    fn an_event_that_does_not_fit_is_dropped_and_counted() {
        let outbox = Outbox::new(CAP);
        let subscription = SubscriptionId(3);
        outbox.event(subscription, of(CAP - RESERVE));
        outbox.event(subscription, of(1));
        outbox.event(subscription, of(1));
        assert_eq!(outbox.take_dropped(), [(subscription, 2)]);
        assert_eq!(outbox.take_dropped(), []);
    }

    #[tokio::test]
    async fn a_closed_outbox_lets_go_of_those_who_wait() {
        let outbox = Outbox::new(CAP);
        outbox.output(of(CAP)).await.unwrap();
        let mut waiting = Box::pin(outbox.output(of(1)));
        assert!(futures_poll(&mut waiting).is_pending());
        outbox.close();
        assert_eq!(waiting.await, Err(Closed));
    }

    #[test]
    fn the_first_order_to_end_counts() {
        let outbox = Outbox::new(CAP);
        let end = |reason: &str| SessionEnded {
            code: EndCode::Shutdown,
            reason: reason.into(),
            by: String::new(),
        };
        outbox.end(end("first"));
        outbox.end(end("second"));
        assert_eq!(outbox.take_end().unwrap().reason, "first");
        assert!(outbox.take_end().is_none());
    }

    fn futures_poll<F: Future + Unpin>(future: &mut F) -> Poll<F::Output> {
        std::pin::Pin::new(future).poll(&mut std::task::Context::from_waker(Waker::noop()))
    }
}
