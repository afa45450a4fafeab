//! Queue of notifications between the reader and the consumer of a session.
//!
//! The reader does not wait for them: it shares the socket with answers and notices. So output that
//! nobody takes is bounded here. Beyond the bound the oldest waiting output of the run that holds most
//! becomes a gap with its count; everything else is kept in order.
//!
//! A script wants every byte instead, and has no screen to keep alive: with [`Events::hold_output`]
//! the reader reads on slowly, so that the server keeps the output and the session, and gaps begin
//! only far later.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use topside_shared::RunId;
use topside_shared::notifications::{Notification, RunGap};

use super::disconnect::DisconnectReason;
use super::session::{Answer, Handle};
use crate::text::base64::output_length;

/// Most bytes of output that wait here.
pub(crate) const MAX_OUTPUT: usize = 8 * 1024 * 1024;
/// The same where output is held back: then it grows by trickles only.
const MAX_HELD: usize = 8 * MAX_OUTPUT;
/// Most bytes of everything else. It is never dropped, so beyond this the session is given up.
const MAX_OTHER: usize = 32 * 1024 * 1024;
/// What an event costs beside its text, about.
const OVERHEAD: usize = 128;

/// Something that was not asked for at this moment.
#[derive(Debug)]
pub enum Event {
    /// The server told something.
    Notice(Notification),
    /// The answer to [`Handle::ask`].
    Answer {
        /// The number that `ask` gave.
        id: u64,
        /// What came, for [`read_answer`](super::read_answer).
        result: Answer,
    },
    /// The session is over. Told once, as the last event.
    Lost(DisconnectReason),
}

/// The events of one session, in order. Everything that the server told before an answer is here
/// when the answer arrives.
#[derive(Debug)]
pub struct Events {
    queue: Arc<Queue>,
    /// Why the session ended, once that was told.
    over: Option<DisconnectReason>,
    /// A session whose events are waited for is still in use.
    _in_use: Handle,
}

impl Events {
    pub(super) fn new(queue: Arc<Queue>, handle: Handle) -> Self {
        Self { queue, over: None, _in_use: handle }
    }

    /// The next event; after [`Event::Lost`], waits for ever. Dropping the future loses nothing.
    pub async fn next(&mut self) -> Event {
        loop {
            if let Some(event) = self.try_next() {
                return event;
            }
            self.queue.filled.notified().await;
        }
    }

    /// Passes over all that is still told, to why the session ended; at once where that was told already.
    pub(crate) async fn end(&mut self) -> DisconnectReason {
        loop {
            if let Some(reason) = &self.over {
                return reason.clone();
            }
            self.next().await;
        }
    }

    /// The next event, if one is waiting.
    pub fn try_next(&mut self) -> Option<Event> {
        let event = self.queue.pop();
        if let Some(Event::Lost(reason)) = &event {
            self.over = Some(reason.clone());
        }
        event
    }

    /// From now on the reader slows down where output is not taken, rather than let it be skipped.
    pub fn hold_output(&mut self) {
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

/// Too much is waiting that must not be dropped.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Overflow;

/// The queue. The mutex is held for the length of one push or pop and never across an await.
#[derive(Debug)]
pub(super) struct Queue {
    waiting: Mutex<QueueState>,
    filled: Notify,
    /// Told when held output has become less.
    taken: Notify,
}

#[derive(Debug)]
struct QueueState {
    items: VecDeque<Item>,
    /// Cost of the waiting output, in all and by run.
    output: usize,
    by_run: HashMap<RunId, usize>,
    /// Beyond this output is cut.
    max_output: usize,
    /// Cost of what else is waiting.
    other: usize,
    /// Whether anybody takes events.
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
        // A panic elsewhere leaves the queue whole: nothing in here panics half-way.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a notice that stood on a line of `length` bytes.
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

    /// Adds what is never dropped, and stood on a line of `length` bytes.
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

    /// Adds the last event.
    pub(super) fn end(&self, reason: DisconnectReason) {
        self.lock().items.push_back(Item { event: Event::Lost(reason), cost: 0 });
        self.filled.notify_one();
    }

    /// Whether the reader slows down rather than let output be skipped.
    pub(super) fn holds_output(&self) -> bool {
        self.lock().max_output != MAX_OUTPUT
    }

    /// Waits while more output is waiting than should be read on for; at once where it is not held.
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
            // What a flood made large is given back.
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

    /// Turns the oldest output of the largest runs into gaps until a quarter is free, so that a flood
    /// is not cut piece by piece.
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
        // Where the gap that can still grow stands in `kept`.
        let mut last: Option<usize> = None;
        for item in std::mem::take(&mut self.items) {
            let gap = match &item.event {
                Event::Notice(Notification::RunOutput(output))
                    if output.run_id == run && self.output > cut_to =>
                {
                    self.forget(&item);
                    let bytes = output_length(output) as u64;
                    RunGap { run_id: run, offset: output.offset, bytes }
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
