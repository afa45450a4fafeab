//! Admission of TCP connections before TLS: how many handshakes run at once and how often a source may connect, so
//! that unknown clients cannot keep known devices out.
//!
//! A source is one IPv4 address or one /64 of IPv6. A whole household, an attacker included, may share one with its
//! admin: a source with a successful handshake within a day is *known* and is never refused.
//!
//! An unknown source runs four handshakes at once, a known one 32. A connection that has sent nothing runs none, so
//! silent connections delay no other. A connection that has sent something and finds no free slot queues, and the
//! newest is next: if it replaced a running handshake, none would last long enough, and if the oldest were next, a
//! client would wait for every stalled connection before it. The first success makes the source known, so a burst of
//! connections with one good key is served whole, from a new address too. (A semaphore serves the oldest first.)

mod known_sources;
mod pending_connections;
mod permit;
pub(crate) mod session_limits;
mod source_record;
pub(crate) mod tcp_port;
pub(crate) mod token_bucket;

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::admission::pending_connections::{PendingConnection, Phase};
pub(crate) use crate::admission::permit::Permit;
use crate::admission::source_record::{SourceRecord, source_bucket};
use crate::admission::token_bucket::TokenBucket;
use crate::base::limit::Limit;
use crate::base::mutex::Mutex;
use crate::base::peer::Peer;
use crate::settings::limits::Limits;

/// Most sources that are remembered.
const MAX_SOURCES: usize = 16_384;

/// The mutex is never held across an `.await`.
#[derive(Debug)]
pub(crate) struct Admission(Mutex<AdmissionState>);

#[derive(Debug)]
struct AdmissionState {
    limits: Limits,
    sources: HashMap<Peer, SourceRecord>,
    connects: TokenBucket,
    /// Whether a source was admitted since [`Admission::take_new_known`].
    has_new_known: bool,
    /// Oldest first.
    pending: VecDeque<PendingConnection>,
    last_id: u64,
}

impl Admission {
    pub(crate) fn new(limits: &Limits, now: Instant) -> Arc<Self> {
        Arc::new(Self(Mutex::new(AdmissionState {
            limits: limits.clone(),
            sources: HashMap::new(),
            connects: TokenBucket::new(limits.connects, limits.connects, now),
            has_new_known: false,
            pending: VecDeque::new(),
            last_id: 0,
        })))
    }

    /// Sets the limits. A rate that changed starts with a full bucket.
    pub(crate) fn set_limits(&self, limits: &Limits, now: Instant) {
        let mut state = self.0.lock();
        let before = std::mem::replace(&mut state.limits, limits.clone());
        if before.connects != limits.connects {
            state.connects = TokenBucket::new(limits.connects, limits.connects, now);
        }
        if before.connects_per_source != limits.connects_per_source {
            for record in state.sources.values_mut() {
                record.connects = source_bucket(limits, now);
            }
        }
    }

    /// Admits a new connection, for which an older one may be dropped. `Err`: the limit that refuses it.
    pub(crate) fn enter(self: &Arc<Self>, source: Peer, now: Instant) -> Result<Permit, Limit> {
        let mut state = self.0.lock();
        let record = state.record(source, now);
        let known = record.is_known(now);
        if !known && record.is_penalized(now) {
            return Err(Limit::Penalty);
        }
        let within_rate = record.connects.take(now);
        if !known && !within_rate && !state.may_queue_over_rate(source) {
            return Err(Limit::ConnectsPerSource);
        }
        if !known && !state.connects.take(now) {
            return Err(Limit::Connects);
        }
        state.make_room(now);
        state.last_id += 1;
        let id = state.last_id;
        let (drop, dropped) = oneshot::channel();
        let (start, started) = oneshot::channel();
        let (phase, start) = (Phase::Silent, Some(start));
        let pending = PendingConnection { id, source, phase, since: now, within_rate, drop, start };
        state.pending.push_back(pending);
        Ok(Permit { admission: Arc::clone(self), id, source, dropped, started })
    }

    /// The known sources, and how long ago each was admitted; none if no source was admitted since the last call.
    pub(crate) fn take_new_known(&self, now: Instant) -> Option<Vec<(Peer, Duration)>> {
        let mut state = self.0.lock();
        if !std::mem::take(&mut state.has_new_known) {
            return None;
        }
        let known = state.sources.iter().filter(|(_, record)| record.is_known(now));
        let ago = |record: &SourceRecord| record.admitted.map(|at| now.duration_since(at));
        Some(known.filter_map(|(source, record)| Some((*source, ago(record)?))).collect())
    }

    /// Records that a source was admitted at a time before this start of the server.
    pub(crate) fn remember(&self, source: Peer, admitted: Instant, now: Instant) {
        self.0.lock().record(source, now).admitted = Some(admitted);
    }
}

impl AdmissionState {
    /// The record of a source. At the limit the least useful of the other records is removed.
    fn record(&mut self, source: Peer, now: Instant) -> &mut SourceRecord {
        if self.sources.len() >= MAX_SOURCES && !self.sources.contains_key(&source) {
            self.sources.retain(|_, record| record.is_needed(now));
            if self.sources.len() >= MAX_SOURCES {
                let worth =
                    |record: &SourceRecord| (record.is_known(now), record.connects.last_taken());
                let least = self.sources.iter().min_by_key(|(_, record)| worth(record));
                if let Some(least) = least.map(|(source, _)| *source) {
                    self.sources.remove(&least);
                }
            }
        }
        self.sources.entry(source).or_insert_with(|| SourceRecord::new(&self.limits, now))
    }

    fn is_known(&self, source: Peer, now: Instant) -> bool {
        self.sources.get(&source).is_some_and(|record| record.is_known(now))
    }
}

#[cfg(test)]
mod tests;
