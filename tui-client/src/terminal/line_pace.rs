//! Pace of the line to the terminal: when it has taken what was sent, and how much it takes in a moment.
//!
//! A frame asks the terminal for its status, and the answer says that the frame has passed the whole way: the driver, a
//! connection, the terminal. So at most one frame is on the way, and a slow line gets fewer frames and not older ones.
//! **Invariant:** without an answer no frame waits longer than [`LinePace::busy_until`].

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// What the line takes in this time is one piece of a frame: a key waits no longer for the piece before it.
const PIECE: Duration = Duration::from_millis(100);
/// Less than this is never a piece: each has its own costs.
const LEAST_PIECE: usize = 64;
/// The first piece, by which a line is measured that answers.
const FIRST_PIECE: usize = 512;
/// A shorter frame says nothing about the line.
const MEASURED: usize = 64;
/// After this time an answer is taken for lost. It grows while nothing is answered: the line may have stopped.
const PATIENCE: Duration = Duration::from_secs(2);
const MOST_PATIENCE: Duration = Duration::from_secs(64);
/// How long a program that ends waits for answers: they come, unless the line has stopped.
const LEAVING: Duration = Duration::from_secs(1);

#[derive(Debug, Default)]
pub(super) struct LinePace {
    /// The frames without an answer: when each was sent, and its bytes.
    sent: VecDeque<(Instant, usize)>,
    /// Whether the terminal has ever answered.
    answers: bool,
    last_answer: Option<Instant>,
    /// The time of the fastest answer to a short frame: what the way takes without the bytes.
    fastest: Option<Duration>,
    /// Bytes in a second.
    rate: Option<f64>,
    /// How often an answer was taken for lost since the last one.
    lost: u32,
}

impl LinePace {
    /// The terminal was asked without a frame.
    pub(super) fn asked(&mut self, now: Instant) {
        self.sent.push_back((now, 0));
    }

    /// A frame was sent, and asks.
    pub(super) fn sent(&mut self, bytes: usize, now: Instant) {
        if self.sent.front().is_some_and(|(at, _)| now >= *at + self.patience()) {
            self.sent.clear();
            self.lost = (self.lost + 1).min(8);
        }
        self.sent.push_back((now, bytes));
    }

    pub(super) fn answered(&mut self, now: Instant) {
        self.answers = true;
        self.lost = 0;
        let Some((at, bytes)) = self.sent.pop_front() else { return };
        // The line was busy with the frame before until that was answered.
        let began = self.last_answer.map_or(at, |last| last.max(at));
        self.last_answer = Some(now);
        let time = now.saturating_duration_since(began);
        if bytes < MEASURED {
            self.fastest = Some(self.fastest.map_or(time, |fastest| fastest.min(time)));
        } else {
            // The way may have become faster than it ever was.
            let way = self.fastest.unwrap_or_default().min(time * 9 / 10);
            self.taken(bytes, time - way);
        }
    }

    /// The line has taken `bytes` bytes in `time`.
    pub(super) fn taken(&mut self, bytes: usize, time: Duration) {
        let rate = bytes as f64 / time.as_secs_f64().max(0.000_1);
        // A short delay of a short frame does not make the line slow.
        if bytes >= MEASURED && (time >= PIECE || self.rate.is_none_or(|before| rate > before)) {
            self.rate = Some(rate);
        }
    }

    /// Whether the terminal answers.
    pub(super) fn answers(&self) -> bool {
        self.answers
    }

    /// Until when a program that ends waits for the answers that are still to come; none where all have come.
    pub(super) fn answers_until(&self) -> Option<Instant> {
        let (last, _) = self.sent.back().filter(|_| self.answers)?;
        Some(*last + LEAVING)
    }

    /// How many bytes of a frame may be sent at once.
    pub(super) fn piece(&self) -> usize {
        match self.rate {
            Some(rate) => ((rate * PIECE.as_secs_f64()) as usize).max(LEAST_PIECE),
            None if self.answers => FIRST_PIECE,
            None => usize::MAX,
        }
    }

    /// Until when the next frame waits at most for an answer. A frame of a key waits only for what takes long.
    pub(super) fn busy_until(&self, key: bool) -> Option<Instant> {
        let (last, _) = self.sent.back().filter(|_| self.answers)?;
        let on_the_way: usize = self.sent.iter().map(|(_, bytes)| bytes).sum();
        (!key || on_the_way > self.piece()).then(|| *last + self.patience())
    }

    fn patience(&self) -> Duration {
        (PATIENCE * 2_u32.pow(self.lost)).min(MOST_PATIENCE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    /// A line that has answered the first query after `after` ms, and the time then.
    fn answering(after: u32) -> (LinePace, Instant) {
        let (mut pace, began) = (LinePace::default(), Instant::now());
        pace.asked(began);
        assert!(!pace.answers() && pace.busy_until(false).is_none());
        let now = began + MS * after;
        pace.answered(now);
        (pace, now)
    }

    #[test]
    fn a_frame_waits_for_the_answer_to_the_one_before() {
        let (mut pace, now) = answering(5);
        assert!(pace.busy_until(false).is_none());
        pace.sent(400, now);
        assert_eq!(pace.busy_until(false), Some(now + PATIENCE));
        // A key does not wait while little is on the way.
        assert!(pace.busy_until(true).is_none());
        pace.answered(now + MS * 20);
        assert!(pace.busy_until(false).is_none());
    }

    #[test]
    fn the_pieces_are_what_the_line_takes_in_a_tenth_of_a_second() {
        // 9,600 baud with 40 ms of way.
        let (mut pace, now) = answering(40);
        assert_eq!(pace.piece(), FIRST_PIECE);
        pace.sent(480, now);
        pace.answered(now + MS * 540);
        assert_eq!(pace.piece(), 96);
        assert!(pace.busy_until(true).is_none());
        pace.sent(130, now + MS * 540);
        assert!(pace.busy_until(true).is_some());
        // The way alone does not make a line slow.
        let (mut pace, now) = answering(200);
        pace.sent(500, now);
        pace.answered(now + MS * 201);
        assert!(pace.piece() > 2_000, "{}", pace.piece());
    }

    #[test]
    fn a_terminal_that_has_stopped_gets_ever_fewer_frames() {
        let (mut pace, began) = answering(5);
        let mut now = began;
        let mut frames = 0;
        while now < began + Duration::from_secs(600) {
            pace.sent(100, now);
            frames += 1;
            now = pace.busy_until(false).unwrap();
        }
        assert!(frames < 16, "{frames}");
        pace.answered(now);
        pace.sent(100, now);
        assert_eq!(pace.busy_until(false), Some(now + PATIENCE));
    }

    #[test]
    fn a_terminal_that_does_not_answer_never_makes_a_frame_wait() {
        let (mut pace, now) = (LinePace::default(), Instant::now());
        pace.asked(now);
        assert!(pace.answers_until().is_none() && pace.busy_until(false).is_none());
        assert_eq!(pace.piece(), usize::MAX);
        // A device that says how long it took is measured all the same.
        pace.taken(960, Duration::from_secs(1));
        assert_eq!(pace.piece(), 96);
    }
}
