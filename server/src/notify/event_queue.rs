//! EventQueue: the events that wait to be sent, for each notifier, in `notify.json` of the state directory.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::io;
use std::path::Path;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use topside_shared::time::millis;

use crate::base::{json_file, platform};
use crate::notify::event::Event;

const FILE: &str = "notify.json";
/// Most events that wait for one notifier; over that the oldest are dropped.
const MOST: usize = 200;
/// How long an event is kept while its notifier fails. Time in which the box is off does not count.
const KEPT: Duration = Duration::from_secs(24 * 60 * 60);

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct EventQueue {
    /// By the name of the notifier.
    pub(super) waiting: BTreeMap<String, VecDeque<Waiting>>,
    /// Commands that have failed and not succeeded since.
    pub(super) failing: BTreeSet<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Waiting {
    pub(super) event: Event,
    /// Whether it was sent before, perhaps with success: no equal event is added to it.
    pub(super) is_tried: bool,
    /// For how long its notifier has failed since.
    pub(super) waited_ms: u64,
    /// The recipients of a mail that do not have it yet, once others have; empty: all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) recipients: Vec<String>,
}

impl EventQueue {
    /// Reads what the server before this one has not sent.
    pub(super) fn read(state: &Path) -> Self {
        let text = match platform::if_there(std::fs::read(state.join(FILE))) {
            Ok(text) => text.unwrap_or_default(),
            Err(error) => {
                tracing::error!(target: "topside", %error, "{FILE} cannot be read: notifications that waited are lost");
                return Self::default();
            }
        };
        if text.is_empty() {
            return Self::default();
        }
        let mut outbox: Self = serde_json::from_slice(&text).unwrap_or_else(|error| {
            tracing::error!(target: "topside", %error, "{FILE} is damaged: notifications that waited are lost");
            Self::default()
        });
        // The server before this one may have sent them, and was killed.
        for one in outbox.waiting.values_mut().flatten() {
            one.is_tried = true;
        }
        outbox
    }

    /// Blocks for the disk.
    pub(super) fn write(&self, state: &Path) -> io::Result<()> {
        let path = state.join(FILE);
        if *self == Self::default() {
            return json_file::remove(&path);
        }
        json_file::write(&path, self)
    }

    /// Adds an event, or counts it with an equal one that was not sent yet. Returns whether an older one was dropped.
    pub(super) fn add(&mut self, notifier: &str, event: Event) -> bool {
        let waiting = self.waiting.entry(notifier.to_owned()).or_default();
        let equal = |other: &&mut Waiting| !other.is_tried && other.event.equals(&event);
        if let Some(other) = waiting.iter_mut().find(equal) {
            let (id, count) = (other.event.id.clone(), other.event.count + event.count);
            other.event = Event { id, count, ..event };
            return false;
        }
        waiting.push_back(Waiting { event, is_tried: false, waited_ms: 0, recipients: Vec::new() });
        if waiting.len() <= MOST {
            return false;
        }
        // One that was tried may be on its way.
        let oldest = usize::from(waiting[0].is_tried);
        waiting.remove(oldest);
        true
    }

    /// Counts a pause after a failure. Returns the events that have waited for too long, which are dropped.
    pub(super) fn waited(&mut self, notifier: &str, pause: Duration) -> Vec<Event> {
        let Some(waiting) = self.waiting.get_mut(notifier) else { return Vec::new() };
        for one in waiting.iter_mut() {
            one.waited_ms += millis(pause);
        }
        let (keep, dropped) = std::mem::take(waiting)
            .into_iter()
            .partition::<VecDeque<_>, _>(|one| one.waited_ms < millis(KEPT));
        *waiting = keep;
        dropped.into_iter().map(|one| one.event).collect()
    }

    /// Keeps an event for these recipients of a mail alone: the others have it.
    pub(super) fn keep_for_recipients(&mut self, notifier: &str, id: &str, left: Vec<String>) {
        let waiting = self.waiting.get_mut(notifier);
        if let Some(one) = waiting.into_iter().flatten().find(|one| one.event.id == id) {
            one.recipients = left;
        }
    }

    pub(super) fn remove(&mut self, notifier: &str, id: &str) {
        if let Some(waiting) = self.waiting.get_mut(notifier) {
            waiting.retain(|one| one.event.id != id);
            if waiting.is_empty() {
                self.waiting.remove(notifier);
            }
        }
    }

    /// Removes what waits for notifiers that are not there any more; returns how many events.
    pub(super) fn keep_for(&mut self, is_there: impl Fn(&str) -> bool) -> usize {
        let before: usize = self.waiting.values().map(VecDeque::len).sum();
        self.waiting.retain(|name, _| is_there(name));
        before - self.waiting.values().map(VecDeque::len).sum::<usize>()
    }
}

#[cfg(test)]
mod tests {
    use topside_shared::Time;

    use super::*;
    use crate::notify::event::About;
    use crate::settings::notify::EventKind;

    fn event(id: u64, command: &str) -> Event {
        let about = About { command: Some(command.to_owned()), ..About::default() };
        let (message, host) = ("m".to_owned(), "box".to_owned());
        let (time, event) = (Time::from_millis(i64::try_from(id).unwrap()), EventKind::Failed);
        Event { id: id.to_string(), event, time, host, message, count: 1, about }
    }

    #[test]
    fn equal_events_are_one_until_it_is_sent() {
        let mut outbox = EventQueue::default();
        outbox.add("ops", event(1, "backup"));
        outbox.add("ops", event(2, "other"));
        outbox.add("ops", event(3, "backup"));
        let of_backup = &outbox.waiting["ops"][0].event;
        assert_eq!((&of_backup.id[..], of_backup.count), ("1", 2));
        assert_eq!(of_backup.time.as_millis(), 3);
        outbox.waiting.get_mut("ops").unwrap()[0].is_tried = true;
        outbox.add("ops", event(4, "backup"));
        assert_eq!(outbox.waiting["ops"].len(), 3);
    }

    #[test]
    fn an_event_is_dropped_after_a_day_of_failures_and_the_oldest_over_the_limit() {
        let mut outbox = EventQueue::default();
        for id in 0..MOST as u64 {
            assert!(!outbox.add("ops", event(id, &id.to_string())));
        }
        outbox.waiting.get_mut("ops").unwrap()[0].is_tried = true;
        assert!(outbox.add("ops", event(1000, "more")));
        assert_eq!(outbox.waiting["ops"][1].event.id, "2");
        assert!(outbox.waited("ops", KEPT / 2).is_empty());
        outbox.add("ops", event(1001, "late"));
        let dropped = outbox.waited("ops", KEPT / 2).len();
        assert_eq!((dropped, outbox.waiting["ops"].len()), (MOST - 1, 1));
    }

    #[test]
    fn what_waits_is_on_the_disk_and_an_empty_outbox_has_no_file() {
        let state = tempfile::tempdir().unwrap();
        let mut outbox = EventQueue::read(state.path());
        outbox.add("ops", event(1, "backup"));
        outbox.failing.insert("backup".to_owned());
        outbox.write(state.path()).unwrap();
        outbox.waiting.get_mut("ops").unwrap()[0].is_tried = true;
        assert_eq!(EventQueue::read(state.path()), outbox);
        outbox.remove("ops", "1");
        outbox.failing.clear();
        outbox.write(state.path()).unwrap();
        assert!(!state.path().join(FILE).exists());
    }
}
