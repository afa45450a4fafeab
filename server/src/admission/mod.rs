//! Admission of TCP connections before TLS: how many handshakes run at once and how often a source may connect, so
//! that unknown clients cannot keep known devices out.
//!
//! A source is one IPv4 address or one /64 of IPv6. A whole household, an attacker included, may share one with its
//! admin: a source with a successful handshake within a day is *known* and is never refused.
//!
//! Handshakes take turns. An unknown source has four turns at once, a known one 32. A connection that has sent nothing
//! has no turn, so silent connections hold nobody up. A connection that has sent something and finds no turn free
//! waits, and the newest is next: if it pushed out a handshake that is running, no turn would last long enough, and
//! if the oldest were next, a client would wait for every stalled connection before it. The first success makes the
//! source known, so a burst of connections with one good key is served whole, from a new address too.

mod known_sources;
mod permit;
pub(crate) mod session_limits;
pub(crate) mod tcp_port;
pub(crate) mod token_bucket;

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::admission::token_bucket::TokenBucket;
use crate::base::peer::Peer;
use crate::settings::limits::Limits;

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
/// Turns of a known source at once: a client that begins a handshake and stops holds one of them, not all.
const TURNS_OF_KNOWN: usize = 32;
/// Connections of an unknown source that may wait beside those that have their turns.
const WAITING_OF_UNKNOWN: usize = 28;
/// For how long a connection may send nothing before it counts as silent.
const SILENT_AFTER: Duration = Duration::from_millis(250);
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

#[derive(Debug)]
pub(crate) struct Admission {
    /// Private to this type, never held across an `.await`.
    limits: Mutex<Arc<Limits>>,
    /// Private to this type, never held across an `.await`.
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    sources: HashMap<Peer, Record>,
    connects: TokenBucket,
    /// Whether somebody was let in since [`Admission::news`] was asked.
    news: bool,
    /// Oldest first.
    at_door: VecDeque<AtDoor>,
    last_number: u64,
}

/// What is known of a source.
#[derive(Debug)]
struct Record {
    connects: TokenBucket,
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
    source: Peer,
    drop: oneshot::Sender<Refusal>,
    stand: Stand,
    since: Instant,
    /// Whether it is within `connects_per_source`. Of an unknown source one that is not has no turn until the source is
    /// known or the rate allows another.
    paid: bool,
}

/// The state of a connection before its handshake is done.
#[derive(Debug)]
enum Stand {
    /// It has sent nothing yet. The sender tells it that it has its turn.
    Silent(oneshot::Sender<()>),
    /// It has sent something, and others of its source have their turns.
    Waiting(oneshot::Sender<()>),
    /// Its handshake runs since then.
    Turn(Instant),
}

/// A place at the door. Dropping it makes room.
#[derive(Debug)]
pub(crate) struct Permit {
    admission: Arc<Admission>,
    number: u64,
    source: Peer,
    dropped: oneshot::Receiver<Refusal>,
    /// Is told when its turn has come.
    turn: oneshot::Receiver<()>,
}

impl Admission {
    pub(crate) fn new(limits: &Limits, now: Instant) -> Arc<Self> {
        let state = State {
            sources: HashMap::new(),
            connects: TokenBucket::new(limits.connects, limits.connects, now),
            news: false,
            at_door: VecDeque::new(),
            last_number: 0,
        };
        Arc::new(Self { limits: Mutex::new(Arc::new(limits.clone())), state: Mutex::new(state) })
    }

    /// From now on these count. How fast connections may come begins anew where that has changed.
    pub(crate) fn set_limits(&self, limits: &Limits, now: Instant) {
        let before = self.limits();
        *self.limits.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(limits.clone());
        let mut state = self.lock();
        if before.connects != limits.connects {
            state.connects = TokenBucket::new(limits.connects, limits.connects, now);
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

    /// Admits a new connection, which may push out an older one.
    ///
    /// # Errors
    /// Why it is refused.
    pub(crate) fn enter(self: &Arc<Self>, source: Peer, now: Instant) -> Result<Permit, Refusal> {
        let limits = self.limits();
        let mut state = self.lock();
        let record = state.record(source, &limits, now);
        let known = record.is_known(now);
        if !known && record.is_shut_out(now) {
            return Err(Refusal::Penalty);
        }
        let paid = record.connects.take(now);
        if !known && !paid && !state.may_wait_unpaid(source, &limits) {
            return Err(Refusal::ConnectsOfSource);
        }
        if !known && !state.connects.take(now) {
            return Err(Refusal::Connects);
        }
        state.make_room(limits.max_handshakes, now);
        state.last_number += 1;
        let number = state.last_number;
        let (drop, dropped) = oneshot::channel();
        let (next, turn) = oneshot::channel();
        let stand = Stand::Silent(next);
        state.at_door.push_back(AtDoor { number, source, drop, stand, since: now, paid });
        Ok(Permit { admission: Arc::clone(self), number, source, dropped, turn })
    }

    /// The sources that are known for having been let in, and how long ago that was; none where nobody was
    /// let in since this was asked.
    pub(crate) fn news(&self, now: Instant) -> Option<Vec<(Peer, Duration)>> {
        let mut state = self.lock();
        if !std::mem::take(&mut state.news) {
            return None;
        }
        let known = state.sources.iter().filter(|(_, record)| record.is_known(now));
        let ago = |record: &Record| record.let_in.map(|let_in| now.duration_since(let_in));
        Some(known.filter_map(|(source, record)| Some((*source, ago(record)?))).collect())
    }

    /// Takes a source for one that was let in then.
    pub(crate) fn remember(&self, source: Peer, let_in: Instant, now: Instant) {
        let limits = self.limits();
        self.lock().record(source, &limits, now).let_in = Some(let_in);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How fast connections of one source may come.
fn of_source(limits: &Limits, now: Instant) -> TokenBucket {
    let each = limits.connects_per_source;
    TokenBucket::new(each, each.saturating_mul(BURST), now)
}

impl State {
    /// What is known of a source; the least telling of the others is forgotten where there are too many.
    fn record(&mut self, source: Peer, limits: &Limits, now: Instant) -> &mut Record {
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

    fn is_known(&self, source: Peer, now: Instant) -> bool {
        self.sources.get(&source).is_some_and(|record| record.is_known(now))
    }

    /// Whether a connection of an unknown source that comes too soon may wait for the success of an earlier one, which
    /// makes the source known.
    fn may_wait_unpaid(&self, source: Peer, limits: &Limits) -> bool {
        let most = limits.max_handshakes_per_source.saturating_add(WAITING_OF_UNKNOWN);
        let own = || self.at_door.iter().filter(|at| at.source == source);
        own().any(|at| at.paid) && own().count() < most
    }

    /// Drops connections until one more is not too many, each time the oldest of the first group that has any. Known
    /// devices are dropped only where there are no others, or where one source has more than half of all places.
    fn make_room(&mut self, most: usize, now: Instant) {
        while self.at_door.len() >= most {
            let half_of_all =
                |source| self.at_door.iter().filter(|at| at.source == source).count() > most / 2;
            let group = |at: &AtDoor| match (&at.stand, self.is_known(at.source, now)) {
                (Stand::Silent(_), known) if at.since + SILENT_AFTER <= now => u8::from(known),
                (Stand::Silent(_), true) if half_of_all(at.source) => 2,
                (Stand::Waiting(_), true) if half_of_all(at.source) => 3,
                (_, false) => 4,
                (Stand::Silent(_) | Stand::Waiting(_), true) => 5,
                (Stand::Turn(_), true) => 6,
            };
            let oldest = self.at_door.iter().enumerate().min_by_key(|(_, at)| group(at));
            let Some(place) = oldest.map(|(place, _)| place) else { return };
            self.drop_one(place, Refusal::Handshakes);
        }
    }

    fn drop_one(&mut self, place: usize, why: Refusal) {
        if let Some(at) = self.at_door.remove(place) {
            // It may have gone by itself.
            let _ = at.drop.send(why);
        }
    }

    /// Drops those of a source that this is true for.
    fn drop_all(&mut self, source: Peer, why: Refusal, which: impl Fn(&AtDoor) -> bool) {
        while let Some(place) = self.at_door.iter().position(|at| at.source == source && which(at))
        {
            self.drop_one(place, why);
        }
    }

    /// Starts the handshakes of a source that may run now, the newest first.
    fn next(&mut self, source: Peer, limits: &Limits, now: Instant) {
        let known = self.is_known(source, now);
        let most = if known { TURNS_OF_KNOWN } else { limits.max_handshakes_per_source };
        let own = |at: &AtDoor| at.source == source;
        let running =
            self.at_door.iter().filter(|at| own(at) && matches!(at.stand, Stand::Turn(_))).count();
        for _ in running..most.max(running) {
            let waits = |at: &AtDoor| own(at) && matches!(at.stand, Stand::Waiting(_));
            let newest = self.at_door.iter().rposition(|at| waits(at) && (at.paid || known));
            let newest = newest.or_else(|| {
                let unpaid = self.at_door.iter().rposition(waits)?;
                self.sources.get_mut(&source)?.connects.take(now).then_some(unpaid)
            });
            let Some(at) = newest.and_then(|place| self.at_door.get_mut(place)) else { break };
            at.paid = true;
            if let Stand::Waiting(next) = std::mem::replace(&mut at.stand, Stand::Turn(now)) {
                // Where it has just gone, its pass gives the turn on.
                let _ = next.send(());
            }
        }
        // The others wait for a success of these; where there are none, it cannot come.
        if !known && !self.at_door.iter().any(|at| own(at) && at.paid) {
            self.drop_all(source, Refusal::ConnectsOfSource, |_| true);
        }
    }

    /// A connection has sent something: it may have its turn.
    fn spoke(&mut self, number: u64, limits: &Limits, now: Instant) {
        let Some(at) = self.at_door.iter_mut().find(|at| at.number == number) else { return };
        let source = at.source;
        let stand = std::mem::replace(&mut at.stand, Stand::Turn(now));
        at.stand = match stand {
            Stand::Silent(next) => Stand::Waiting(next),
            other => other,
        };
        self.next(source, limits, now);
    }

    /// Holds an unknown source to so many silent connections: the oldest is dropped.
    fn hold_silent(&mut self, source: Peer, limits: &Limits, now: Instant) {
        if self.is_known(source, now) {
            return;
        }
        let silent = |at: &AtDoor| {
            at.source == source
                && matches!(at.stand, Stand::Silent(_))
                && at.since + SILENT_AFTER <= now
        };
        self.drop_all(source, Refusal::ConnectsOfSource, |at| silent(at) && !at.paid);
        while self.at_door.iter().filter(|at| silent(at)).count() > limits.max_handshakes_per_source
            && let Some(oldest) = self.at_door.iter().position(silent)
        {
            self.drop_one(oldest, Refusal::HandshakesOfSource);
        }
    }

    /// Ends a turn of this source that has lasted long enough.
    fn hurry(&mut self, source: Peer, limits: &Limits, now: Instant) {
        let known = self.is_known(source, now);
        let waits = |at: &&AtDoor| {
            at.source == source && matches!(at.stand, Stand::Waiting(_)) && (at.paid || known)
        };
        let waiting = u32::try_from(self.at_door.iter().filter(waits).count()).unwrap_or(u32::MAX);
        let lasts = (TURN / (waiting / SHARED_BY).max(1)).max(SHORTEST_TURN);
        let over = |at: &AtDoor| {
            at.source == source && matches!(at.stand, Stand::Turn(since) if since + lasts <= now)
        };
        if waiting > 0
            && let Some(place) = self.at_door.iter().position(over)
        {
            self.drop_one(place, Refusal::HandshakesOfSource);
        }
        self.next(source, limits, now);
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
mod tests;
