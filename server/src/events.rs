//! Subscriptions, and the task that publishes changes.
//!
//! A subscriber gets a snapshot and then every later change, none twice. Each topic has a clock; a subscription
//! records the clock of its snapshot, and a publication leaves out older changes. Between its snapshot and the answer
//! that carries it, a subscription *holds* its events, so that no change is sent before the snapshot.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::Notify;
use tokio::time::Instant;
use topside_shared::methods::{KeyRow, Topic};
use topside_shared::notifications::{ClientsChanged, KeysChanged, MenuChanged, name};
use topside_shared::records::{ApprovalRow, ClientRow, RunRow, ScheduleRow};
use topside_shared::{ClientId, Pin, Role, SubscriptionId};

use crate::authorize::{Action, RunAccess, authorize};
use crate::base::identity::Identity;
use crate::base::log::Log;
use crate::base::mutex::Mutex;
use crate::base::outbox::notification;
use crate::clients::Client;
use crate::clients::registry::Registry;
use crate::clients::snapshot::SnapshotProgress;

/// Shortest time between two publications: at most ten a second.
const PUBLISH_INTERVAL: Duration = Duration::from_millis(100);
/// Rows in the answer to a subscription: each takes a few hundred bytes of the 256 KiB a line may have.
const ROWS_IN_ANSWER: usize = 200;
/// Rows in one `clients/changed`. A client that does not read holds one such line that was made for it alone.
const ROWS_A_LINE: usize = 16;
/// Most subscriptions of one connection.
pub(crate) const MAX_SUBSCRIPTIONS: usize = 16;

#[derive(Debug, Default)]
pub(crate) struct Events {
    last_id: AtomicU64,
    /// Never held across an `.await`. Taken before the registry's mutex, never after.
    subscriptions: Mutex<BTreeMap<(ClientId, SubscriptionId), Subscription>>,
    /// Notified of each change that is published at intervals.
    dirty: Arc<Notify>,
}

#[derive(Debug)]
struct Subscription {
    id: SubscriptionId,
    client: Arc<Client>,
    topics: Vec<Topic>,
    clients_seen: SnapshotProgress,
    /// The clock of the snapshot of the log.
    log_seen: u64,
    /// Events that wait until the answer is sent; none afterwards.
    held: Option<Vec<Bytes>>,
}

/// The snapshot of a new subscription.
#[derive(Debug)]
pub(crate) struct NewSubscription {
    pub(crate) id: SubscriptionId,
    pub(crate) clients: Option<Vec<ClientRow>>,
    /// Whether these are all clients; if not, [`Events::send_rest`] sends the others.
    pub(crate) is_whole: bool,
    pub(crate) log_seen: u64,
}

/// A connection has [`MAX_SUBSCRIPTIONS`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TooMany;

impl Events {
    /// No subscription; `dirty` is notified when the list of clients or the log changes.
    pub(crate) fn new(dirty: Arc<Notify>) -> Self {
        Self { dirty, ..Self::default() }
    }

    /// Starts a subscription, holding its events until [`Events::release`].
    pub(crate) fn subscribe(
        &self,
        client: &Arc<Client>,
        topics: Vec<Topic>,
        registry: &Registry,
        log: &Log,
    ) -> Result<NewSubscription, TooMany> {
        let mut subscriptions = self.subscriptions.lock();
        if subscriptions.range(of_client(client.id)).count() >= MAX_SUBSCRIPTIONS {
            return Err(TooMany);
        }
        let id = SubscriptionId(self.last_id.fetch_add(1, Ordering::Relaxed) + 1);
        let mut clients_seen = SnapshotProgress::default();
        let rows = topics
            .contains(&Topic::Clients)
            .then(|| registry.snapshot(client, &mut clients_seen, ROWS_IN_ANSWER));
        let is_whole = rows.is_none() || clients_seen.is_complete();
        let log_seen = log.clock();
        let subscription = Subscription {
            id,
            client: Arc::clone(client),
            topics,
            clients_seen,
            log_seen,
            held: Some(Vec::new()),
        };
        subscriptions.insert((client.id, id), subscription);
        Ok(NewSubscription { id, clients: rows, is_whole, log_seen })
    }

    /// Sends the rest of the list of clients in pages, each once the client has read the one before. So a client that does
    /// not read holds one page, not the list.
    pub(crate) async fn send_rest(&self, client: &Client, id: SubscriptionId, registry: &Registry) {
        // Without a session nothing is sent.
        while client.outbox.nearly_empty().await.is_ok() {
            if !self.send_page(client.id, id, registry) {
                return;
            }
        }
    }

    /// Sends one page; whether there are more.
    fn send_page(&self, client: ClientId, id: SubscriptionId, registry: &Registry) -> bool {
        let mut subscriptions = self.subscriptions.lock();
        let Some(subscription) = subscriptions.get_mut(&(client, id)) else { return false };
        if !subscription.receives(Topic::Clients) {
            return false;
        }
        let progress = &mut subscription.clients_seen;
        let joined = registry.snapshot(&subscription.client, progress, ROWS_A_LINE);
        let more = !progress.is_complete();
        let page = ClientsChanged { joined, ..ClientsChanged::default() };
        if let Some(line) = clients_changed(&page) {
            subscription.client.outbox.push(line);
        }
        more
    }

    pub(crate) fn unsubscribe(&self, client: ClientId, id: SubscriptionId) -> bool {
        self.subscriptions.lock().remove(&(client, id)).is_some()
    }

    pub(crate) fn forget(&self, client: ClientId) {
        let mut subscriptions = self.subscriptions.lock();
        while let Some((key, _)) = subscriptions.range(of_client(client)).next() {
            let key = *key;
            subscriptions.remove(&key);
        }
    }

    /// The answer was sent: sends `first` and then the held events.
    pub(crate) fn release(&self, client: ClientId, id: SubscriptionId, first: Vec<Bytes>) {
        let mut subscriptions = self.subscriptions.lock();
        if let Some(subscription) = subscriptions.get_mut(&(client, id)) {
            let held = subscription.held.take().unwrap_or_default();
            for line in first.into_iter().chain(held) {
                subscription.client.outbox.event(id, line);
            }
        }
    }

    /// Publishes a run at once to those who may see it. `seen_by` is its row for one of them, needed if the run waits
    /// for others.
    pub(crate) fn run_changed(
        &self,
        row: &RunRow,
        access: RunAccess,
        seen_by: impl Fn(&Identity) -> RunRow,
    ) {
        let mut line = None;
        for subscription in self.subscriptions.lock().values_mut() {
            let who = subscription.client.who();
            if !access.is_given_to(&who) || !subscription.receives(Topic::Runs) {
                continue;
            }
            if row.waits_for.is_empty() {
                let line = line.get_or_insert_with(|| notification(name::RUN_CHANGED, row));
                subscription.send(line.clone());
            } else {
                subscription.send(notification(name::RUN_CHANGED, &seen_by(&who)));
            }
        }
    }

    pub(crate) fn menu_changed(&self, revision: u64) {
        let line = || notification(name::SERVER_RELOADED, &MenuChanged { revision });
        self.send_to(Topic::Server, line, |_| true);
    }

    /// Publishes a change of the keys; `invite` is that which the key's device used.
    pub(crate) fn keys_changed(&self, key: &KeyRow, invite: Option<Pin>) {
        let line = || notification(name::KEYS_CHANGED, &KeysChanged { key: key.clone(), invite });
        self.send_to(Topic::Keys, line, |_| true);
    }

    /// Publishes the row of a schedule to those who may see it.
    pub(crate) fn schedule_changed(
        &self,
        row: impl Fn() -> ScheduleRow,
        may_see: impl Fn(&Identity) -> bool,
    ) {
        let line = || notification(name::SCHEDULE_CHANGED, &row());
        self.send_to(Topic::Schedules, line, may_see);
    }

    /// Publishes the approval of a run to those who may see the run.
    pub(crate) fn approval_changed(
        &self,
        access: RunAccess,
        row_for: impl Fn(&Identity) -> Option<ApprovalRow>,
    ) {
        for subscription in self.subscriptions.lock().values_mut() {
            let who = subscription.client.who();
            if access.is_given_to(&who)
                && subscription.receives(Topic::Approvals)
                && let Some(row) = row_for(&who)
            {
                subscription.send(notification(name::APPROVAL_CHANGED, &row));
            }
        }
    }

    /// Sends a line to all that receive this topic and may see the line, which is made for the first of them.
    fn send_to(&self, topic: Topic, line: impl Fn() -> Bytes, may_see: impl Fn(&Identity) -> bool) {
        let mut made = None;
        for subscription in self.subscriptions.lock().values_mut() {
            if subscription.receives(topic) && may_see(&subscription.client.who()) {
                subscription.send(made.get_or_insert_with(&line).clone());
            }
        }
    }

    /// Publishes changes of the clients and the log at intervals, for ever.
    pub(crate) async fn publish(&self, registry: &Registry, log: &Log) {
        let mut log_sent = 0;
        let mut next = Instant::now();
        loop {
            if !registry.changed() && log.clock() == log_sent {
                self.dirty.notified().await;
            }
            tokio::time::sleep_until(next).await;
            next = Instant::now() + PUBLISH_INTERVAL;
            self.publish_clients(registry);
            log_sent = self.publish_log(log, log_sent);
        }
    }

    /// Sends the changes in parts. A subscriber that has seen some of a part gets a line of its own, and shares those of all
    /// later parts with the others.
    fn publish_clients(&self, registry: &Registry) {
        let mut subscriptions = self.subscriptions.lock();
        let Some(changes) = registry.publish() else { return };
        let subscribers = subscriptions.values_mut().filter(|seen| seen.receives(Topic::Clients));
        let mut subscribers: Vec<_> = subscribers
            .map(|subscription| {
                let who = subscription.client.who();
                // Clients of one role see the same, except for their own runs.
                let is_usual = who.sees_others() && !changes.concern(who.owner);
                (subscription, who, is_usual)
            })
            .collect();
        for part in changes.parts(ROWS_A_LINE) {
            let mut by_role: [Option<Option<Bytes>>; Role::ALL.len()] = Default::default();
            for (subscription, who, is_usual) in &mut subscribers {
                let seen = &subscription.clients_seen;
                let line = || clients_changed(&part.since(seen, who));
                let shared = by_role.get_mut(who.role as usize).filter(|_| *is_usual);
                let line = match shared.filter(|_| part.all_new_to(seen)) {
                    Some(shared) => shared.get_or_insert_with(line).clone(),
                    None => line(),
                };
                if let Some(line) = line {
                    subscription.send(line);
                }
            }
        }
        subscribers.iter_mut().for_each(|(subscription, ..)| subscription.clients_seen.published());
    }

    fn publish_log(&self, log: &Log, changes: u64) -> u64 {
        let mut subscriptions = self.subscriptions.lock();
        let mut wanted: Vec<&mut Subscription> =
            subscriptions.values_mut().filter(|seen| seen.receives(Topic::Log)).collect();
        if wanted.is_empty() {
            return log.clock();
        }
        let (entries, clock) = log.since(changes);
        // The log keeps a limited number: in a burst the oldest are gone before they are published.
        let before = entries.first().map_or(clock, |(moment, _)| moment - 1);
        for subscription in &wanted {
            let missed = before.saturating_sub(changes.max(subscription.log_seen));
            subscription.client.outbox.missed(subscription.id, missed);
        }
        for (moment, entry) in entries {
            let line = notification(name::LOG_ENTRY, &entry);
            for subscription in &mut wanted {
                if moment > subscription.log_seen {
                    subscription.send(line.clone());
                }
            }
        }
        clock
    }
}

impl Subscription {
    /// Whether it has this topic and its client may still subscribe to it: a key can be given another role while it
    /// is in use.
    fn receives(&self, topic: Topic) -> bool {
        self.topics.contains(&topic)
            && authorize(&self.client.who(), Action::Subscribe(topic)).is_ok()
    }

    fn send(&mut self, line: Bytes) {
        match &mut self.held {
            Some(held) => held.push(line),
            None => self.client.outbox.event(self.id, line),
        }
    }
}

/// The keys of all subscriptions of one client.
fn of_client(client: ClientId) -> RangeInclusive<(ClientId, SubscriptionId)> {
    (client, SubscriptionId(0))..=(client, SubscriptionId(u64::MAX))
}

/// The notification of a change; none if it is empty.
fn clients_changed(changes: &ClientsChanged) -> Option<Bytes> {
    (*changes != ClientsChanged::default()).then(|| notification(name::CLIENTS_CHANGED, changes))
}

#[cfg(test)]
#[path = "events_tests.rs"]
mod tests;
