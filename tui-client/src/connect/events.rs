//! Queue of notifications between the reader and the consumer of a session.
//!
//! The reader does not wait for the consumer, because it shares the socket with answers. So the waiting output is
//! bounded here. Beyond the bound, the oldest waiting output of the run with the most output becomes a gap with its byte
//! count; everything else is kept in order.
//!
//! A script needs every byte instead, and has no screen to keep responsive: with [`Events::hold_output`] the reader slows
//! down, so that the server keeps the output and the session, and gaps begin only far later.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use topside_shared::RunId;
use topside_shared::notifications::{Notification, RunGap};

use super::disconnect::DisconnectReason;
use super::session::{Answer, Handle};
use crate::text::base64::output_length;

pub(crate) const MAX_OUTPUT: usize = 8 * 1024 * 1024;
/// The same after [`Events::hold_output`]; the reader then only trickles.
const MAX_HELD: usize = 8 * MAX_OUTPUT;
/// Most bytes of everything else. It is never dropped: beyond this the session ends.
const MAX_OTHER: usize = 32 * 1024 * 1024;
/// About what an event costs beside its text.
const OVERHEAD: usize = 128;

#[derive(Debug)]
pub(crate) enum Event {
    Notice(Notification),
    /// The answer to [`Handle::ask`], which returned this id. [`read_answer`](super::read_answer) reads it.
    Answer {
        id: u64,
        result: Answer,
    },
    /// The session has ended. This is the last event and comes once.
    Lost(DisconnectReason),
}

/// The events of one session in order. What the server sent before an answer is here when the answer arrives.
#[derive(Debug)]
pub(crate) struct Events {
    queue: Arc<Queue>,
    /// Why the session ended, once that was read.
    over: Option<DisconnectReason>,
    /// Keeps the session alive while its events are awaited.
    _in_use: Handle,
}

impl Events {
    pub(super) fn new(queue: Arc<Queue>, handle: Handle) -> Self {
        Self { queue, over: None, _in_use: handle }
    }

    /// The next event; after [`Event::Lost`], waits for ever. Dropping the future loses nothing.
    pub(crate) async fn next(&mut self) -> Event {
        loop {
            if let Some(event) = self.try_next() {
                return event;
            }
            self.queue.filled.notified().await;
        }
    }

    /// Why the session ended, once [`Event::Lost`] was read.
    pub(crate) fn reason(&self) -> Option<&DisconnectReason> {
        self.over.as_ref()
    }

    /// Skips the remaining events and returns why the session ended.
    pub(crate) async fn end(&mut self) -> DisconnectReason {
        loop {
            if let Some(reason) = &self.over {
                return reason.clone();
            }
            self.next().await;
        }
    }

    pub(crate) fn try_next(&mut self) -> Option<Event> {
        let event = self.queue.pop();
        if let Some(Event::Lost(reason)) = &event {
            self.over = Some(reason.clone());
        }
        event
    }

    /// Makes the reader slow down, rather than skip output, where the consumer is slow.
    pub(crate) fn hold_output(&mut self) {
        self.queue.lock().max_output = MAX_HELD;
    }
}

impl Drop for Events {
    fn drop(&mut self) {
        let mut waiting = self.queue.lock();
        waiting.taken = false;
        waiting.items.clear();
        waiting.output = 0;
        self.queue.taken.notify_one();
    }
}

/// More waits than the bound, and it must not be dropped.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Overflow;

/// The queue. The mutex is held for the length of one push or pop and never across an await.
#[derive(Debug)]
pub(super) struct Queue {
    waiting: Mutex<QueueState>,
    filled: Notify,
    /// Notified when held output has become less.
    taken: Notify,
}

#[derive(Debug)]
struct QueueState {
    items: VecDeque<Item>,
    /// Cost of the waiting output, in all and by run.
    output: usize,
    by_run: HashMap<RunId, usize>,
    /// Output is cut beyond this.
    max_output: usize,
    /// Cost of everything else that waits.
    other: usize,
    /// Whether the consumer still exists.
    taken: bool,
}

#[derive(Debug)]
struct Item {
    event: Event,
    cost: usize,
}

impl Queue {
    pub(super) fn new() -> Self {
        let waiting = QueueState {
            items: VecDeque::new(),
            output: 0,
            by_run: HashMap::new(),
            max_output: MAX_OUTPUT,
            other: 0,
            taken: true,
        };
        Self { waiting: Mutex::new(waiting), filled: Notify::new(), taken: Notify::new() }
    }

    fn lock(&self) -> MutexGuard<'_, QueueState> {
        // Nothing panics half-way in here, so a poisoned queue is still consistent.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a notification that came as a line of `length` bytes.
    pub(super) fn push(&self, notice: Notification, length: usize) -> Result<(), Overflow> {
        let mut waiting = self.lock();
        if !waiting.taken {
            return Ok(());
        }
        if let Notification::RunOutput(output) = &notice {
            let cost = output_length(output) + OVERHEAD;
            waiting.output += cost;
            *waiting.by_run.entry(output.run_id).or_default() += cost;
            waiting.items.push_back(Item { event: Event::Notice(notice), cost });
            if waiting.output > waiting.max_output {
                waiting.cut();
            }
        } else {
            drop(waiting);
            return self.push_other(Event::Notice(notice), length);
        }
        drop(waiting);
        self.filled.notify_one();
        Ok(())
    }

    /// Adds an event that is never dropped and came as a line of `length` bytes.
    pub(super) fn push_other(&self, event: Event, length: usize) -> Result<(), Overflow> {
        let mut waiting = self.lock();
        if !waiting.taken {
            return Ok(());
        }
        let cost = length + OVERHEAD;
        waiting.other += cost;
        waiting.items.push_back(Item { event, cost });
        if waiting.other > MAX_OTHER {
            return Err(Overflow);
        }
        drop(waiting);
        self.filled.notify_one();
        Ok(())
    }

    pub(super) fn end(&self, reason: DisconnectReason) {
        self.lock().items.push_back(Item { event: Event::Lost(reason), cost: 0 });
        self.filled.notify_one();
    }

    /// Whether the reader slows down rather than skips output.
    pub(super) fn holds_output(&self) -> bool {
        self.lock().max_output != MAX_OUTPUT
    }

    /// Waits while too much output is waiting; returns at once unless output is held.
    pub(super) async fn wait_for_room(&self) {
        loop {
            let taken = self.taken.notified();
            {
                let waiting = self.lock();
                if waiting.max_output == MAX_OUTPUT || waiting.output < MAX_OUTPUT {
                    return;
                }
            }
            taken.await;
        }
    }

    fn pop(&self) -> Option<Event> {
        let mut waiting = self.lock();
        let item = waiting.items.pop_front()?;
        let full = waiting.output >= MAX_OUTPUT;
        waiting.forget(&item);
        if full && waiting.output < MAX_OUTPUT {
            self.taken.notify_one();
        }
        if waiting.items.is_empty() {
            // Gives back what a flood made large.
            waiting.items.shrink_to(64);
        }
        Some(item.event)
    }
}

impl QueueState {
    fn forget(&mut self, item: &Item) {
        let Event::Notice(Notification::RunOutput(output)) = &item.event else {
            self.other -= item.cost;
            return;
        };
        self.output -= item.cost;
        if let Some(left) = self.by_run.get_mut(&output.run_id) {
            *left -= item.cost;
            if *left == 0 {
                self.by_run.remove(&output.run_id);
            }
        }
    }

    /// Turns the oldest output of the largest runs into gaps until a quarter is free, so that a flood is not cut piece by
    /// piece.
    fn cut(&mut self) {
        let cut_to = self.max_output / 4 * 3;
        while self.output > cut_to {
            let Some(run) = self.by_run.iter().max_by_key(|(_, cost)| **cost).map(|(run, _)| *run)
            else {
                return;
            };
            self.cut_run(run, cut_to);
        }
    }

    fn cut_run(&mut self, run: RunId, cut_to: usize) {
        let mut kept: VecDeque<Item> = VecDeque::with_capacity(self.items.len());
        // Index in `kept` of the gap that can still grow.
        let mut last: Option<usize> = None;
        for item in std::mem::take(&mut self.items) {
            let gap = match &item.event {
                Event::Notice(Notification::RunOutput(output))
                    if output.run_id == run && self.output > cut_to =>
                {
                    self.forget(&item);
                    let bytes = output_length(output) as u64;
                    RunGap { run_id: run, offset: output.offset, bytes, reason: None }
                }
                Event::Notice(Notification::RunGap(gap)) if gap.run_id == run => {
                    self.forget(&item);
                    *gap
                }
                _ => {
                    kept.push_back(item);
                    continue;
                }
            };
            if let Some(place) = last
                && let Event::Notice(Notification::RunGap(grown)) = &mut kept[place].event
                && grown.offset + grown.bytes == gap.offset
                && grown.reason == gap.reason
            {
                grown.bytes += gap.bytes;
                continue;
            }
            last = Some(kept.len());
            self.other += OVERHEAD;
            let event = Event::Notice(Notification::RunGap(gap));
            kept.push_back(Item { event, cost: OVERHEAD });
        }
        self.items = kept;
    }
}

#[cfg(test)]
#[path = "events_tests.rs"]
mod tests;
