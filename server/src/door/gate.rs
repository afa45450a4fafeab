//! Who may come to the door: how many at once and how often, before any TLS, so that strangers cannot
//! keep those out who are known.
//!
//! A source is one IPv4 address or one /64 of IPv6. Somebody's whole household, an attacker included, may
//! share one with its admin: a source that was let in within a day is never shut out, only slowed: its
//! handshakes take turns, a few at a time. Whoever has said something meanwhile waits, and the newest of them is next: were
//! it to push out the one whose turn it is, nobody's turn would last long enough, and were the oldest next,
//! a crowd that says no more would have to be sat out. Who says nothing at all has no turn.

mod pass;

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::Instant;

use super::bucket::Bucket;
use super::source::Source;
use crate::config::Limits;

/// For how long a source is known for having been let in.
const KNOWN: Duration = Duration::from_secs(86_400);
/// Penalties are enforced from so many on..
const ENFORCED_FROM: u32 = 3;
/// ..and never add up to more than this.
const LONGEST: Duration = Duration::from_secs(600);
/// New connections of a source at once, for each that it may make a second.
const BURST: usize = 10;
/// Sources that are remembered.
const MAX_SOURCES: usize = 16_384;
/// How long a turn lasts at least that others wait for; where many do, it is shared among them..
const TURN: Duration = Duration::from_secs(1);
/// ..eight at a time, down to this: a handshake over the internet takes one way there and back.
const SHORTEST_TURN: Duration = Duration::from_millis(250);
const SHARED_BY: u32 = 8;
/// Turns of a slowed source at once: who begins a handshake and stops holds one of them, not all.
const SIDE_BY_SIDE: usize = 16;
/// How often the log tells of the failures of one source.
const TOLD_EVERY: Duration = Duration::from_secs(60);

/// Why a connection is turned away at the door.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// Too many at the door from everywhere: the oldest goes.
    Handshakes,
    /// Too many at the door from this source: the oldest goes.
    HandshakesOfSource,
    /// Too many new ones a second from sources that were never let in.
    Connects,
    /// Too many new ones a second from this source.
    ConnectsOfSource,
    /// Too many keys of this source were refused.
    Penalty,
}

impl Refusal {
    /// The key of `[limits]` that it comes from.
    pub(crate) fn limit(self) -> &'static str {
        match self {
            Self::Handshakes => "max_handshakes",
            Self::HandshakesOfSource => "max_handshakes_per_source",
            Self::Connects => "connects",
            Self::ConnectsOfSource => "connects_per_source",
            Self::Penalty => "penalty",
        }
    }
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Gate {
    /// Private to this type, never held across an `.await`.
    limits: Mutex<Arc<Limits>>,
    /// Private to this type, never held across an `.await`.
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    sources: HashMap<Source, Record>,
    connects: Bucket,
    /// Whether somebody was let in since [`Gate::news`] was asked.
    news: bool,
    /// Oldest first.
    at_door: VecDeque<AtDoor>,
    last_number: u64,
}

/// What is known of a source.
#[derive(Debug)]
struct Record {
    connects: Bucket,
    /// Until when its penalties last.
    shut_out: Option<ShutOut>,
    let_in: Option<Instant>,
    /// Failures that the log has not told of, and when it last did.
    untold: u64,
    told: Option<Instant>,
}

#[derive(Debug, Clone, Copy)]
struct ShutOut {
    until: Instant,
    /// Whether they have added up to what is enforced.
    enforced: bool,
}

#[derive(Debug)]
struct AtDoor {
    number: u64,
    source: Source,
    drop: oneshot::Sender<Refusal>,
    stand: Stand,
}

/// How somebody at the door stands.
#[derive(Debug)]
enum Stand {
    /// It may show its key.
    Free,
    /// Its source is slowed, and it may show its key since then.
    Turn(Instant),
    /// Its source is slowed, and it has said nothing yet. This will tell it when it is its turn.
    Silent(oneshot::Sender<()>),
    /// It has said something, and others of its source have their turns.
    Waiting(oneshot::Sender<()>),
}

/// A place at the door. Dropping it makes room.
#[derive(Debug)]
pub(crate) struct Pass {
    gate: Arc<Gate>,
    number: u64,
    source: Source,
    dropped: oneshot::Receiver<Refusal>,
    /// What is waited for first.
    turn: Option<oneshot::Receiver<()>>,
}

impl Gate {
    pub(crate) fn new(limits: &Limits, now: Instant) -> Arc<Self> {
        let state = State {
            sources: HashMap::new(),
            connects: Bucket::new(limits.connects, limits.connects, now),
            news: false,
            at_door: VecDeque::new(),
            last_number: 0,
        };
        Arc::new(Self { limits: Mutex::new(Arc::new(limits.clone())), state: Mutex::new(state) })
    }

    /// From now on these count. How fast connections may come begins anew where that has changed.
    pub(super) fn set_limits(&self, limits: &Limits, now: Instant) {
        let before = self.limits();
        *self.limits.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(limits.clone());
        let mut state = self.lock();
        if before.connects != limits.connects {
            state.connects = Bucket::new(limits.connects, limits.connects, now);
        }
        if before.connects_per_source != limits.connects_per_source {
            for record in state.sources.values_mut() {
                record.connects = of_source(limits, now);
            }
        }
    }

    fn limits(&self) -> Arc<Limits> {
        Arc::clone(&self.limits.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Lets a new connection come to the door, where it may push out an older one.
    ///
    /// # Errors
    /// Why it may not.
    pub(crate) fn enter(self: &Arc<Self>, source: Source, now: Instant) -> Result<Pass, Refusal> {
        let limits = self.limits();
        let mut state = self.lock();
        let record = state.record(source, &limits, now);
        let known = record.is_known(now);
        let over = match (record.is_shut_out(now), record.connects.take(now)) {
            (true, _) => Some(Refusal::Penalty),
            (false, false) => Some(Refusal::ConnectsOfSource),
            (false, true) => None,
        };
        let slowed = match over {
            Some(refusal) if !known => return Err(refusal),
            over => over.is_some(),
        };
        if !known && !state.connects.take(now) {
            return Err(Refusal::Connects);
        }
        let (stand, turn) = if slowed {
            let (next, turn) = oneshot::channel();
            (Stand::Silent(next), Some(turn))
        } else {
            let most = limits.max_handshakes_per_source;
            let free = |at: &AtDoor| at.source == source && matches!(at.stand, Stand::Free);
            state.make_room(most, free, Refusal::HandshakesOfSource);
            (Stand::Free, None)
        };
        state.make_room(limits.max_handshakes, |_| true, Refusal::Handshakes);
        state.last_number += 1;
        let number = state.last_number;
        let (drop, dropped) = oneshot::channel();
        state.at_door.push_back(AtDoor { number, source, drop, stand });
        Ok(Pass { gate: Arc::clone(self), number, source, dropped, turn })
    }

    /// The sources that are known for having been let in, and how long ago that was; none where nobody was
    /// let in since this was asked.
    pub(super) fn news(&self, now: Instant) -> Option<Vec<(Source, Duration)>> {
        let mut state = self.lock();
        if !std::mem::take(&mut state.news) {
            return None;
        }
        let known = state.sources.iter().filter(|(_, record)| record.is_known(now));
        let ago = |record: &Record| record.let_in.map(|let_in| now.duration_since(let_in));
        Some(known.filter_map(|(source, record)| Some((*source, ago(record)?))).collect())
    }

    /// Takes a source for one that was let in then.
    pub(super) fn remember(&self, source: Source, let_in: Instant, now: Instant) {
        let limits = self.limits();
        self.lock().record(source, &limits, now).let_in = Some(let_in);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How fast connections of one source may come.
fn of_source(limits: &Limits, now: Instant) -> Bucket {
    let each = limits.connects_per_source;
    Bucket::new(each, each.saturating_mul(BURST), now)
}

impl State {
    /// What is known of a source; the least telling of the others is forgotten where there are too many.
    fn record(&mut self, source: Source, limits: &Limits, now: Instant) -> &mut Record {
        if self.sources.len() >= MAX_SOURCES && !self.sources.contains_key(&source) {
            self.sources.retain(|_, record| record.tells(now));
            if self.sources.len() >= MAX_SOURCES {
                let worth = |record: &Record| (record.is_known(now), record.connects.last_taken());
                let least = self.sources.iter().min_by_key(|(_, record)| worth(record));
                if let Some(least) = least.map(|(source, _)| *source) {
                    self.sources.remove(&least);
                }
            }
        }
        self.sources.entry(source).or_insert_with(|| Record {
            connects: of_source(limits, now),
            shut_out: None,
            let_in: None,
            untold: 0,
            told: None,
        })
    }

    /// Drops the oldest of those at the door until one more is not too many: first of those who say nothing,
    /// then of those who wait.
    fn make_room(&mut self, most: usize, of: impl Fn(&AtDoor) -> bool, why: Refusal) {
        while self.at_door.iter().filter(|at| of(at)).count() >= most {
            let oldest = |stand: fn(&Stand) -> bool| {
                self.at_door.iter().position(|at| of(at) && stand(&at.stand))
            };
            let oldest = oldest(|stand| matches!(stand, Stand::Silent(_)))
                .or_else(|| oldest(|stand| matches!(stand, Stand::Waiting(_))))
                .or_else(|| oldest(|_| true));
            let Some(oldest) = oldest.and_then(|place| self.at_door.remove(place)) else { return };
            // It may have gone by itself.
            let _ = oldest.drop.send(why);
        }
    }
}

impl State {
    /// Lets the newest of this source that waits have its turn, if there is one.
    fn next(&mut self, source: Source, now: Instant) {
        let turn = |at: &&AtDoor| at.source == source && matches!(at.stand, Stand::Turn(_));
        if self.at_door.iter().filter(turn).count() >= SIDE_BY_SIDE {
            return;
        }
        let mut of_source = self.at_door.iter_mut().filter(|at| at.source == source);
        let newest = of_source.rfind(|at| matches!(at.stand, Stand::Waiting(_)));
        let Some(newest) = newest else { return };
        if let Stand::Waiting(next) = std::mem::replace(&mut newest.stand, Stand::Turn(now)) {
            // Where it has just gone, its pass gives the turn on.
            let _ = next.send(());
        }
    }

    /// One of a slowed source has said something: it may have its turn.
    fn spoke(&mut self, number: u64, now: Instant) {
        let Some(at) = self.at_door.iter_mut().find(|at| at.number == number) else { return };
        let source = at.source;
        let stand = std::mem::replace(&mut at.stand, Stand::Free);
        at.stand = match stand {
            Stand::Silent(next) => Stand::Waiting(next),
            other => other,
        };
        self.next(source, now);
    }

    /// Ends a turn of this source that has lasted long enough.
    fn hurry(&mut self, source: Source, now: Instant) {
        let waits = |at: &&AtDoor| at.source == source && matches!(at.stand, Stand::Waiting(_));
        let waiting = u32::try_from(self.at_door.iter().filter(waits).count()).unwrap_or(u32::MAX);
        let lasts = (TURN / (waiting / SHARED_BY).max(1)).max(SHORTEST_TURN);
        let over = |at: &AtDoor| {
            at.source == source && matches!(at.stand, Stand::Turn(since) if since + lasts <= now)
        };
        if let Some(place) = self.at_door.iter().position(over)
            && waiting > 0
            && let Some(at) = self.at_door.remove(place)
        {
            // It may have gone by itself.
            let _ = at.drop.send(Refusal::HandshakesOfSource);
        }
        self.next(source, now);
    }
}

impl Record {
    fn is_known(&self, now: Instant) -> bool {
        self.let_in.is_some_and(|let_in| now < let_in + KNOWN)
    }

    fn is_shut_out(&self, now: Instant) -> bool {
        self.shut_out.is_some_and(|out| out.enforced && now < out.until)
    }

    fn punish(&mut self, penalty: Duration, now: Instant) {
        let before = self.shut_out.filter(|out| now < out.until);
        let until = before.map_or(now, |out| out.until) + penalty;
        let until = until.min(now + LONGEST);
        // What has passed since the first is as good as forgiven: not quite three would never do.
        let due = penalty * (ENFORCED_FROM - 1) + penalty / 2;
        let enforced = before.is_some_and(|out| out.enforced) || until - now > due;
        self.shut_out = Some(ShutOut { until, enforced });
    }

    /// Whether a new record in its place would say something else.
    fn tells(&self, now: Instant) -> bool {
        self.is_known(now)
            || self.shut_out.is_some_and(|out| now < out.until)
            || !self.connects.is_full(now)
    }
}

#[cfg(test)]
#[path = "gate_tests.rs"]
mod tests;
