//! Outbox: the bounded queue of lines to one client.
//!
//! Any task may put lines in; only the client's session takes them out and writes them. A queue holds at most `cap`
//! bytes, of which [`RESERVE`] are kept for answers and notices, so that neither waits behind a run's output. A line
//! that does not fit is treated by its kind:
//!
//! - an **answer** or a **notice** is always taken: the session takes no further request while its queue is full, and
//!   notices are few and small;
//! - **output** of a run waits for room ([`Outbox::output`]); the run itself never does;
//! - an **event** of a subscription is dropped and counted, and the count is reported.

use std::collections::VecDeque;
use std::sync::Arc;
use std::task::Waker;

use bytes::Bytes;
use tokio::sync::{Notify, Semaphore};
use topside_shared::SubscriptionId;
use topside_shared::notifications::{EventsDropped, SessionEnded, name};

use crate::base::mutex::Mutex;

/// Bytes of a queue that run output and events cannot take.
pub(crate) const RESERVE: usize = 64 * 1024;
/// Fewer bytes wait for a client that has read nearly all.
const NEARLY_EMPTY: usize = 4 * 1024;

/// The session has ended; nothing more is sent to its client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the session has ended")]
pub(crate) struct SessionClosed;

#[derive(Debug)]
pub(crate) struct Outbox {
    cap: usize,
    queue: Mutex<LineQueue>,
    room: Notify,
    read_back: Arc<Semaphore>,
}

#[derive(Debug, Default)]
struct LineQueue {
    lines: VecDeque<Bytes>,
    bytes: usize,
    /// The session's task, to be woken when there is a line to write or an order to end.
    session: Option<Waker>,
    dropped: Vec<(SubscriptionId, u64)>,
    phase: Phase,
}

#[derive(Debug, Default)]
enum Phase {
    #[default]
    Open,
    /// The session was ordered to end, and has not read the order yet.
    Ending(SessionEnded),
    /// It has read the order, and says goodbye.
    Closing,
    /// No more lines are taken.
    Closed,
}

impl Outbox {
    pub(crate) fn new(cap: usize) -> Self {
        let read_back = Arc::new(Semaphore::new(1));
        Self { cap: cap.max(2 * RESERVE), queue: Mutex::default(), room: Notify::new(), read_back }
    }

    /// Puts in an answer or a notice: a complete line, with its ending.
    pub(crate) fn push(&self, line: Bytes) {
        let mut queue = self.queue.lock();
        if !queue.is_closed() {
            queue.put(line);
        }
    }

    /// Puts in an event of a subscription, or counts it as dropped.
    pub(crate) fn event(&self, subscription: SubscriptionId, line: Bytes) {
        let mut queue = self.queue.lock();
        if queue.is_closed() {
            return;
        }
        if queue.bytes + line.len() <= self.cap - RESERVE {
            queue.put(line);
        } else {
            queue.drop_events(subscription, 1);
        }
    }

    /// Counts events of a subscription that were lost before they could be put in.
    pub(crate) fn missed(&self, subscription: SubscriptionId, count: u64) {
        let mut queue = self.queue.lock();
        if count > 0 && !queue.is_closed() {
            queue.drop_events(subscription, count);
            queue.wake();
        }
    }

    pub(crate) async fn room(&self) -> Result<(), SessionClosed> {
        self.fewer_than(self.cap - RESERVE).await
    }

    /// Waits until the client has read nearly all.
    pub(crate) async fn nearly_empty(&self) -> Result<(), SessionClosed> {
        self.fewer_than(NEARLY_EMPTY).await
    }

    async fn fewer_than(&self, bytes: usize) -> Result<(), SessionClosed> {
        loop {
            let notified = self.room.notified();
            tokio::pin!(notified);
            notified.as_mut().enable();
            {
                let queue = self.queue.lock();
                if queue.is_closed() {
                    return Err(SessionClosed);
                }
                if queue.bytes < bytes {
                    return Ok(());
                }
            }
            notified.await;
        }
    }

    /// Puts in a line of a run's output, once there is room.
    pub(crate) async fn output(&self, line: Bytes) -> Result<(), SessionClosed> {
        self.room().await?;
        self.push(line);
        Ok(())
    }

    /// The permit to hold output that was read back from the disk. There is one for each client, which bounds that
    /// memory.
    pub(crate) fn read_back(&self) -> Arc<Semaphore> {
        Arc::clone(&self.read_back)
    }

    /// Whether the session should take no further request now.
    pub(crate) fn is_full(&self) -> bool {
        self.queue.lock().bytes >= self.cap
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.queue.lock().is_closed()
    }

    pub(crate) fn bytes(&self) -> usize {
        self.queue.lock().bytes
    }

    /// Orders the session to end; only the first order counts.
    pub(crate) fn end(&self, ended: SessionEnded) {
        let mut queue = self.queue.lock();
        if matches!(queue.phase, Phase::Open) {
            queue.phase = Phase::Ending(ended);
            queue.wake();
        }
    }

    pub(crate) fn is_ending(&self) -> bool {
        !matches!(self.queue.lock().phase, Phase::Open)
    }

    /// The session's side: takes no more lines; the queued ones can still be written.
    pub(crate) fn close(&self) {
        self.queue.lock().phase = Phase::Closed;
        self.room.notify_waiters();
    }

    /// The session's side: moves all queued lines into `batch` if that is empty. After the last line comes a report of the
    /// events that were dropped.
    pub(crate) fn take(&self, batch: &mut VecDeque<Bytes>) {
        if !batch.is_empty() {
            return;
        }
        let mut queue = self.queue.lock();
        if queue.lines.is_empty() && !queue.is_closed() {
            queue.report_dropped();
        }
        std::mem::swap(batch, &mut queue.lines);
    }

    /// The session's side: it is running, and checks the queue before it sleeps. Without this, each answer that it
    /// puts in would wake it for nothing. Returns the order to end, once.
    pub(crate) fn awake(&self) -> Option<SessionEnded> {
        let mut queue = self.queue.lock();
        queue.session = None;
        if !matches!(queue.phase, Phase::Ending(_)) {
            return None;
        }
        match std::mem::replace(&mut queue.phase, Phase::Closing) {
            Phase::Ending(ended) => Some(ended),
            _ => None,
        }
    }

    /// The session's side: registers its waker, for lines and for an order to end; false if there is one already. A
    /// session that is `blocked` waits for its socket first.
    pub(crate) fn watch(&self, blocked: bool, waker: &Waker) -> bool {
        let mut queue = self.queue.lock();
        if (!blocked && !queue.lines.is_empty()) || matches!(queue.phase, Phase::Ending(_)) {
            return false;
        }
        queue.session = Some(waker.clone());
        true
    }

    /// The session has written `bytes` bytes; returns whether it should take requests again.
    pub(crate) fn written(&self, written: usize) -> bool {
        let mut queue = self.queue.lock();
        let before = queue.bytes;
        queue.bytes = before.saturating_sub(written);
        let fell_below = |bytes| queue.bytes < bytes && bytes <= before;
        let is_full_no_more = fell_below(self.cap);
        if fell_below(self.cap - RESERVE) || fell_below(NEARLY_EMPTY) {
            drop(queue);
            self.room.notify_waiters();
        }
        is_full_no_more
    }

    /// The session's side: discards all queued lines.
    pub(crate) fn discard(&self) {
        let mut queue = self.queue.lock();
        queue.lines = VecDeque::new();
        queue.dropped = Vec::new();
    }
}

impl LineQueue {
    fn is_closed(&self) -> bool {
        matches!(self.phase, Phase::Closed)
    }

    fn put(&mut self, line: Bytes) {
        self.bytes += line.len();
        self.lines.push_back(line);
        self.wake();
    }

    fn drop_events(&mut self, subscription: SubscriptionId, count: u64) {
        match self.dropped.iter_mut().find(|(id, _)| *id == subscription) {
            Some((_, dropped)) => *dropped += count,
            None => self.dropped.push((subscription, count)),
        }
    }

    fn report_dropped(&mut self) {
        for (subscription_id, count) in std::mem::take(&mut self.dropped) {
            let params = EventsDropped { subscription_id, count };
            let line = notification(name::EVENTS_DROPPED, &params);
            self.bytes += line.len();
            self.lines.push_back(line);
        }
    }

    fn wake(&mut self) {
        if let Some(waker) = self.session.take() {
            waker.wake();
        }
    }
}

pub(crate) fn line(mut bytes: Vec<u8>) -> Bytes {
    bytes.push(b'\n');
    Bytes::from(bytes)
}

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
        let lines = || {
            let mut batch = VecDeque::new();
            outbox.take(&mut batch);
            batch
        };
        assert_eq!(lines().len(), 1);
        let report = r#"{"jsonrpc":"2.0","method":"events/dropped","params":{"subscriptionId":3,"count":2}}"#;
        assert_eq!(lines(), [line(report.into())]);
        assert!(lines().is_empty());
    }

    #[tokio::test]
    async fn a_closed_outbox_ends_those_that_wait_for_room() {
        let outbox = Outbox::new(CAP);
        outbox.output(of(CAP)).await.unwrap();
        let mut waiting = Box::pin(outbox.output(of(1)));
        assert!(futures_poll(&mut waiting).is_pending());
        outbox.close();
        assert_eq!(waiting.await, Err(SessionClosed));
    }

    #[test]
    fn the_first_order_to_end_counts() {
        let outbox = Outbox::new(CAP);
        let end = |reason: &str| SessionEnded::new(EndCode::Shutdown, reason, "");
        outbox.end(end("first"));
        outbox.end(end("second"));
        assert_eq!(outbox.awake().unwrap().reason, "first");
        assert!(outbox.awake().is_none());
    }

    fn futures_poll<F: Future + Unpin>(future: &mut F) -> Poll<F::Output> {
        std::pin::Pin::new(future).poll(&mut std::task::Context::from_waker(Waker::noop()))
    }
}
