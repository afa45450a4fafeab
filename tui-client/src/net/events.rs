//! What the server tells unasked, in a queue between the reader and whoever takes it.
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
use topside_shared::notices::{Notice, RunGap};

use super::base64::output_length;
use super::lost::LostReason;
use super::session::{Answer, Handle};

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
    Notice(Notice),
    /// The answer to [`Handle::ask`].
    Answer {
        /// The number that `ask` gave.
        id: u64,
        /// What came, for [`read_answer`](super::read_answer).
        result: Answer,
    },
    /// The session is over. Told once, as the last event.
    Lost(LostReason),
}

/// The events of one session, in order. Everything that the server told before an answer is here
/// when the answer arrives.
#[derive(Debug)]
pub struct Events {
    queue: Arc<Queue>,
    /// A session whose events are waited for is still in use.
    _in_use: Handle,
}

impl Events {
    pub(super) fn new(queue: Arc<Queue>, handle: Handle) -> Self {
        Self { queue, _in_use: handle }
    }

    /// The next event; after [`Event::Lost`], waits for ever. Dropping the future loses nothing.
    pub async fn next(&mut self) -> Event {
        loop {
            if let Some(event) = self.queue.pop() {
                return event;
            }
            self.queue.filled.notified().await;
        }
    }

    /// Passes over all that is still told, to why the session ended.
    pub(super) async fn end(&mut self) -> LostReason {
        loop {
            if let Event::Lost(reason) = self.next().await {
                return reason;
            }
        }
    }

    /// The next event, if one is waiting.
    pub fn try_next(&mut self) -> Option<Event> {
        self.queue.pop()
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
    waiting: Mutex<Waiting>,
    filled: Notify,
    /// Told when held output has become less.
    taken: Notify,
}

#[derive(Debug)]
struct Waiting {
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
        let waiting = Waiting {
            items: VecDeque::new(),
            output: 0,
            by_run: HashMap::new(),
            max_output: MAX_OUTPUT,
            other: 0,
            taken: true,
        };
        Self { waiting: Mutex::new(waiting), filled: Notify::new(), taken: Notify::new() }
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        // A panic elsewhere leaves the queue whole: nothing in here panics half-way.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a notice that stood on a line of `length` bytes.
    pub(super) fn push(&self, notice: Notice, length: usize) -> Result<(), Overflow> {
        let mut waiting = self.lock();
        if !waiting.taken {
            return Ok(());
        }
        if let Notice::RunOutput(output) = &notice {
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
    pub(super) fn end(&self, reason: LostReason) {
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

impl Waiting {
    fn forget(&mut self, item: &Item) {
        let Event::Notice(Notice::RunOutput(output)) = &item.event else {
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
                Event::Notice(Notice::RunOutput(output))
                    if output.run_id == run && self.output > cut_to =>
                {
                    self.forget(&item);
                    let bytes = output_length(output) as u64;
                    RunGap { run_id: run, offset: output.offset, bytes }
                }
                Event::Notice(Notice::RunGap(gap)) if gap.run_id == run => {
                    self.forget(&item);
                    *gap
                }
                _ => {
                    kept.push_back(item);
                    continue;
                }
            };
            if let Some(place) = last
                && let Event::Notice(Notice::RunGap(grown)) = &mut kept[place].event
                && grown.offset + grown.bytes == gap.offset
            {
                grown.bytes += gap.bytes;
                continue;
            }
            last = Some(kept.len());
            self.other += OVERHEAD;
            let event = Event::Notice(Notice::RunGap(gap));
            kept.push_back(Item { event, cost: OVERHEAD });
        }
        self.items = kept;
    }
}

#[cfg(test)]
mod tests {
    use topside_shared::notices::{RunOutput, SessionEnded, Stream};

    use super::*;

    fn output(run: u64, offset: usize, bytes: usize) -> Notice {
        Notice::RunOutput(RunOutput {
            run_id: RunId(run),
            offset: offset as u64,
            stream: Stream::Stdout,
            data: Some("x".repeat(bytes)),
            base64: None,
        })
    }

    fn ended() -> Notice {
        let code = topside_shared::notices::EndCode::Shutdown;
        Notice::Ended(SessionEnded { code, reason: String::new(), by: String::new() })
    }

    fn drain(queue: &Queue) -> Vec<Notice> {
        std::iter::from_fn(|| queue.pop())
            .map(|event| match event {
                Event::Notice(notice) => notice,
                other => panic!("{other:?}"),
            })
            .collect()
    }

    const PIECE: usize = 32 * 1024;

    #[test]
    fn output_that_nobody_takes_becomes_one_gap_and_no_byte_is_unaccounted() {
        let queue = Queue::new();
        let pieces = 3 * MAX_OUTPUT / PIECE;
        for piece in 0..pieces {
            queue.push(output(1, piece * PIECE, PIECE), PIECE).unwrap();
        }
        assert!(queue.lock().output <= MAX_OUTPUT);
        let events = drain(&queue);
        let mut next = 0;
        let mut gaps = 0;
        for notice in events {
            let (offset, bytes) = match notice {
                Notice::RunGap(gap) => {
                    gaps += 1;
                    (gap.offset, gap.bytes)
                }
                Notice::RunOutput(output) => (output.offset, output_length(&output) as u64),
                other => panic!("{other:?}"),
            };
            assert_eq!(offset, next);
            next = offset + bytes;
        }
        assert_eq!((gaps, next), (1, (pieces * PIECE) as u64));
        let waiting = queue.lock();
        assert_eq!((waiting.output, waiting.other, waiting.by_run.len()), (0, 0, 0));
    }

    #[test]
    fn a_flood_of_one_run_takes_nothing_from_another_and_no_notice() {
        let queue = Queue::new();
        queue.push(output(2, 0, 10), 10).unwrap();
        queue.push(ended(), 100).unwrap();
        for piece in 0..3 * MAX_OUTPUT / PIECE {
            queue.push(output(1, piece * PIECE, PIECE), PIECE).unwrap();
        }
        let events = drain(&queue);
        assert_eq!(events[0], output(2, 0, 10));
        assert_eq!(events[1], ended());
        assert!(matches!(events[2], Notice::RunGap(gap) if gap.run_id == RunId(1)));
    }

    #[test]
    fn gaps_of_the_server_stay_apart_from_ours_unless_they_touch() {
        let queue = Queue::new();
        let theirs = RunGap { run_id: RunId(1), offset: 0, bytes: 5 };
        queue.push(Notice::RunGap(theirs), 50).unwrap();
        for piece in 0..=MAX_OUTPUT / PIECE {
            queue.push(output(1, 5 + piece * PIECE, PIECE), PIECE).unwrap();
        }
        let events = drain(&queue);
        let Notice::RunGap(gap) = events[0] else { panic!("{:?}", events[0]) };
        assert_eq!(gap.offset, 0);
        assert!(matches!(&events[1], Notice::RunOutput(output) if output.offset == gap.bytes));
    }

    #[tokio::test]
    async fn output_that_is_held_waits_for_whoever_takes_it() {
        let queue = Arc::new(Queue::new());
        queue.lock().max_output = MAX_HELD;
        for piece in 0..2 * MAX_OUTPUT / PIECE {
            queue.push(output(1, piece * PIECE, PIECE), PIECE).unwrap();
        }
        let room = queue.wait_for_room();
        tokio::pin!(room);
        let mut left = 2 * MAX_OUTPUT / PIECE;
        loop {
            tokio::select! {
                biased;
                () = &mut room => break,
                () = std::future::ready(()) => {}
            }
            let event = queue.pop();
            let is_output = matches!(event, Some(Event::Notice(Notice::RunOutput(_))));
            assert!(is_output, "nothing was skipped");
            left -= 1;
        }
        assert!((1..=MAX_OUTPUT / PIECE).contains(&left), "{left}");
    }

    #[test]
    fn many_tiny_pieces_are_bounded_too() {
        let queue = Queue::new();
        for piece in 0..200_000 {
            queue.push(output(1, piece, 1), 60).unwrap();
        }
        assert!(queue.lock().items.len() <= MAX_OUTPUT / OVERHEAD + 1);
    }

    #[test]
    fn notices_that_nobody_takes_end_the_session_rather_than_fill_the_memory() {
        let queue = Queue::new();
        let overflow = (0..1_000_000).find(|_| queue.push(ended(), 1_000).is_err());
        assert!(overflow.is_some_and(|count| count > 10_000));
    }
}
