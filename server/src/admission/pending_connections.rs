//! Connections before the end of their handshake: which of them run it, which wait, and which are dropped.

use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::admission::AdmissionState;
use crate::base::limit::Limit;
use crate::base::peer::Peer;

/// Least time of a handshake that others wait for. With many waiting it is shared, eight at a time, down to the
/// shortest: a handshake over the internet takes one round trip.
const SLOT_TIME: Duration = Duration::from_secs(1);
pub(super) const SHORTEST_SLOT_TIME: Duration = Duration::from_millis(250);
const SHARED_BY: u32 = 8;
/// Handshakes of a known source at once: a client that starts one and stops holds one slot, not all.
pub(super) const SLOTS_OF_KNOWN: usize = 32;
/// Connections of an unknown source that may wait beside its running handshakes.
const QUEUE_OF_UNKNOWN: usize = 28;
/// Time without a byte after which a connection counts as silent.
pub(super) const SILENT_AFTER: Duration = Duration::from_millis(250);

#[derive(Debug)]
pub(super) struct PendingConnection {
    pub(super) id: u64,
    pub(super) source: Peer,
    pub(super) phase: Phase,
    pub(super) since: Instant,
    /// Whether it is within `connects_per_source`. Else, from an unknown source, it gets no slot until the source is
    /// known or the rate allows another.
    pub(super) within_rate: bool,
    pub(super) drop: oneshot::Sender<Limit>,
    pub(super) start: Option<oneshot::Sender<()>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// It has sent nothing yet.
    Silent,
    /// It has sent something, and waits for a slot.
    Queued,
    /// Its handshake runs since then.
    Handshake(Instant),
}

impl AdmissionState {
    fn of_source(&self, source: Peer) -> impl Iterator<Item = &PendingConnection> {
        self.pending.iter().filter(move |pending| pending.source == source)
    }

    /// Whether a connection of an unknown source over the rate may wait for the success of an earlier one, which makes
    /// the source known.
    pub(super) fn may_queue_over_rate(&self, source: Peer) -> bool {
        let most = self.limits.max_handshakes_per_source.saturating_add(QUEUE_OF_UNKNOWN);
        self.of_source(source).any(|pending| pending.within_rate)
            && self.of_source(source).count() < most
    }

    /// Drops connections until there is room for one more, each time the oldest of the first group that has any. Known
    /// devices are dropped only where there are no others, or where one source has more than half of all places.
    pub(super) fn make_room(&mut self, now: Instant) {
        let most = self.limits.max_handshakes;
        while self.pending.len() >= most {
            let has_half = |source| self.of_source(source).count() > most / 2;
            let group = |pending: &PendingConnection| match (
                pending.phase,
                self.is_known(pending.source, now),
            ) {
                (Phase::Silent, known) if pending.since + SILENT_AFTER <= now => u8::from(known),
                (Phase::Silent, true) if has_half(pending.source) => 2,
                (Phase::Queued, true) if has_half(pending.source) => 3,
                (_, false) => 4,
                (Phase::Silent | Phase::Queued, true) => 5,
                (Phase::Handshake(_), true) => 6,
            };
            let oldest = self.pending.iter().enumerate().min_by_key(|(_, one)| group(one));
            let Some(place) = oldest.map(|(place, _)| place) else { return };
            self.drop_one(place, Limit::MaxHandshakes);
        }
    }

    fn drop_one(&mut self, place: usize, why: Limit) {
        if let Some(pending) = self.pending.remove(place) {
            // Its task may have ended.
            let _ = pending.drop.send(why);
        }
    }

    pub(super) fn drop_all(
        &mut self,
        source: Peer,
        why: Limit,
        which: impl Fn(&PendingConnection) -> bool,
    ) {
        let selected = |pending: &PendingConnection| pending.source == source && which(pending);
        while let Some(place) = self.pending.iter().position(&selected) {
            self.drop_one(place, why);
        }
    }

    /// Starts the handshakes of a source that may run now, the newest first.
    pub(super) fn start_next(&mut self, source: Peer, now: Instant) {
        let known = self.is_known(source, now);
        let most = if known { SLOTS_OF_KNOWN } else { self.limits.max_handshakes_per_source };
        let has_slot = |one: &&PendingConnection| matches!(one.phase, Phase::Handshake(_));
        let running = self.of_source(source).filter(has_slot).count();
        for _ in running..most.max(running) {
            let queued =
                |one: &PendingConnection| one.source == source && one.phase == Phase::Queued;
            let newest =
                self.pending.iter().rposition(|one| queued(one) && (one.within_rate || known));
            let newest = newest.or_else(|| {
                let over_rate = self.pending.iter().rposition(queued)?;
                self.sources.get_mut(&source)?.connects.take(now).then_some(over_rate)
            });
            let Some(pending) = newest.and_then(|place| self.pending.get_mut(place)) else { break };
            pending.within_rate = true;
            pending.phase = Phase::Handshake(now);
            if let Some(start) = pending.start.take() {
                // If its task has just ended, dropping its permit starts the next one.
                let _ = start.send(());
            }
        }
        // The others wait for a success of these, so without these they wait for nothing.
        if !known && !self.of_source(source).any(|pending| pending.within_rate) {
            self.drop_all(source, Limit::ConnectsPerSource, |_| true);
        }
    }

    /// Queues a connection that has sent something.
    pub(super) fn queue(&mut self, id: u64, now: Instant) {
        let Some(pending) = self.pending.iter_mut().find(|one| one.id == id) else { return };
        if pending.phase == Phase::Silent {
            pending.phase = Phase::Queued;
        }
        let source = pending.source;
        self.start_next(source, now);
    }

    /// Limits the silent connections of an unknown source: the oldest is dropped.
    pub(super) fn limit_silent(&mut self, source: Peer, now: Instant) {
        if self.is_known(source, now) {
            return;
        }
        let silent = |one: &PendingConnection| {
            one.source == source && one.phase == Phase::Silent && one.since + SILENT_AFTER <= now
        };
        self.drop_all(source, Limit::ConnectsPerSource, |one| silent(one) && !one.within_rate);
        while self.pending.iter().filter(|one| silent(one)).count()
            > self.limits.max_handshakes_per_source
            && let Some(oldest) = self.pending.iter().position(silent)
        {
            self.drop_one(oldest, Limit::MaxHandshakesPerSource);
        }
    }

    /// Drops one handshake of this source that has lasted long enough while others wait.
    pub(super) fn drop_slowest(&mut self, source: Peer, now: Instant) {
        let known = self.is_known(source, now);
        let waits =
            |one: &&PendingConnection| one.phase == Phase::Queued && (one.within_rate || known);
        let waiting =
            u32::try_from(self.of_source(source).filter(waits).count()).unwrap_or(u32::MAX);
        let lasts = (SLOT_TIME / (waiting / SHARED_BY).max(1)).max(SHORTEST_SLOT_TIME);
        let is_slow = |one: &PendingConnection| {
            one.source == source && matches!(one.phase, Phase::Handshake(at) if at + lasts <= now)
        };
        if waiting > 0
            && let Some(place) = self.pending.iter().position(is_slow)
        {
            self.drop_one(place, Limit::MaxHandshakesPerSource);
        }
        self.start_next(source, now);
    }
}
