//! Notifications to people elsewhere, as `[[notify]]` of `server.toml` says. `outbox` keeps what is not sent yet, `delivery`
//! has the task that sends it, and `exec`, `webhook`, `ntfy` and `smtp` are the ways to send. `heartbeat` reports nothing but that
//! the server is up.
//!
//! An event is added to the outbox by any thread, and is on the disk before it is sent. It is sent again, with growing
//! pauses, until it was sent or a day has passed. A crash between the sending and the next write sends it twice, with
//! the same id. Failures of a notifier are logged and shown by the status; no notifier reports them.

mod connect;
mod delivered;
mod delivery;
mod event;
mod event_queue;
mod event_text;
mod exec;
mod heartbeat;
mod http;
mod limited_stream;
mod ntfy;
mod smtp;
mod tls_client;
mod webhook;

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio::time::Instant;
use topside_shared::methods::NotifierStatus;
use topside_shared::notifications::Closing;
use topside_shared::records::{RunRow, RunState};
use topside_shared::text::{MAX_REASON, clean};
use topside_shared::{Role, RunId, Time};

use crate::base::blocking::blocking;
use crate::base::mutex::Mutex;
use crate::notify::event::{About, Event, kind_of_end};
use crate::notify::event_queue::EventQueue;
use crate::notify::event_text::last_lines;
use crate::notify::http::HttpClient;
use crate::settings::notify::secret_file::SecretFile;
use crate::settings::notify::{EventKind, Notifier};

/// How soon a notification is sent again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Pace {
    /// The first pause after a failure; each later one is twice as long, up to [`LONGEST_RETRY`].
    pub(crate) retry: Duration,
    /// Equal events after one that was sent wait for this long, and are then sent as one.
    pub(crate) quiet: Duration,
}

/// Most bytes of the output of a run in an event.
const MOST_OUTPUT: usize = 4096;
const LONGEST_RETRY: Duration = Duration::from_secs(15 * 60);

impl Default for Pace {
    fn default() -> Self {
        Self { retry: Duration::from_secs(10), quiet: Duration::from_secs(60) }
    }
}

/// What is reported to whom.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Rules {
    pub(crate) notifiers: Vec<Notifier>,
    /// The kinds that commands name themselves.
    pub(crate) of_commands: BTreeMap<String, Vec<EventKind>>,
}

impl Rules {
    fn heartbeats(&self) -> impl Iterator<Item = &Notifier> {
        self.notifiers.iter().filter(|notifier| notifier.is_heartbeat())
    }
}

#[derive(Debug)]
pub(crate) struct Notifications {
    state_directory: PathBuf,
    /// The name of the box, as users see it.
    host: String,
    /// Which start of the server the ids of its events name.
    boot_id: String,
    next_id: AtomicU64,
    pace: Pace,
    /// The id of the database, once it is open: a crash is cleaned up by it.
    instance: OnceLock<Arc<str>>,
    /// Private to this type, never held across an `.await`.
    state: Mutex<State>,
    /// Notified when the state has changed.
    changed: Notify,
    /// Notified when other heartbeats are to be sent.
    heartbeats_changed: Notify,
    /// Whether nothing is due.
    idle: watch::Sender<bool>,
    http: HttpClient,
}

#[derive(Debug, Default)]
struct State {
    rules: Rules,
    outbox: EventQueue,
    /// Whether the outbox differs from that on the disk.
    is_dirty: bool,
    standing: HashMap<String, DeliveryState>,
}

/// How a notifier does.
#[derive(Debug, Default)]
struct DeliveryState {
    is_sending: bool,
    failures: u32,
    retry_at: Option<Instant>,
    failure: Option<String>,
    /// Recipients that its mail server has refused and not accepted since, and why.
    refused: BTreeMap<String, String>,
    sent_at: Option<Time>,
    /// The events that were sent last, each of another kind or subject.
    sent: Vec<(Event, Instant)>,
}

impl DeliveryState {
    /// Why it cannot send, or why some recipients get nothing.
    fn shown_failure(&self) -> Option<String> {
        let refused = self.refused.iter().map(|(address, why)| (&**address, &**why));
        self.failure.clone().or_else(|| delivered::failure(refused))
    }
}

impl Notifications {
    /// Reads the outbox in this state directory. Events are sent once [`Notifications::run`] is called.
    pub(crate) fn open(
        state: &Path,
        host: String,
        boot_id: String,
        rules: Rules,
        pace: Pace,
    ) -> Self {
        let notify = Self {
            state_directory: state.to_path_buf(),
            host,
            boot_id,
            next_id: AtomicU64::new(1),
            pace,
            instance: OnceLock::new(),
            state: Mutex::new(State { outbox: EventQueue::read(state), ..State::default() }),
            changed: Notify::new(),
            heartbeats_changed: Notify::new(),
            http: HttpClient::default(),
            idle: watch::Sender::new(false),
        };
        notify.set_rules(rules);
        notify
    }

    /// For a server without notifiers.
    #[cfg(test)]
    pub(crate) fn silent(state: &Path) -> Arc<Self> {
        Self::open(state, "box".to_owned(), String::new(), Rules::default(), Pace::default()).into()
    }

    /// Replaces the rules. What waits for a notifier that is gone is dropped.
    pub(crate) fn set_rules(&self, rules: Rules) {
        let mut state = self.state.lock();
        let is_there = |name: &str| rules.notifiers.iter().any(|notifier| notifier.name == name);
        let before = state.outbox.clone();
        let dropped = state.outbox.keep_for(is_there);
        state.standing.retain(|name, _| is_there(name));
        // What a target failed for may be corrected.
        for standing in state.standing.values_mut() {
            (standing.retry_at, standing.refused) = (None, BTreeMap::new());
        }
        if rules.notifiers.is_empty() {
            state.outbox.failing.clear();
        }
        if !rules.heartbeats().eq(state.rules.heartbeats()) {
            self.heartbeats_changed.notify_one();
        }
        state.rules = rules;
        // A server without notifiers writes nothing, and starts no thread for it.
        state.is_dirty |= state.outbox != before;
        drop(state);
        if dropped > 0 {
            tracing::warn!(target: "topside", count = dropped, "notifications are dropped: their notifier is gone from server.toml");
        }
        self.wake();
    }

    /// Sets the id that marks the processes of this server.
    pub(crate) fn set_instance(&self, instance: Arc<str>) {
        // Only the first call has an effect.
        let _ = self.instance.set(instance);
    }

    /// Reports the end of a run: a failure, or the first success after one. `newest` gives the last bytes of its output, so
    /// many at most, and is called where a notifier reports them.
    pub(crate) fn run_ended(&self, row: &RunRow, newest: impl FnOnce(usize) -> Vec<u8>) {
        let mut state = self.state.lock();
        if state.rules.notifiers.is_empty() {
            return;
        }
        let kind = match kind_of_end(row.state) {
            Some(kind) => {
                state.is_dirty |= state.outbox.failing.insert(row.command.clone());
                kind
            }
            None if row.state == RunState::Succeeded
                && state.outbox.failing.remove(&row.command) =>
            {
                state.is_dirty = true;
                EventKind::Recovered
            }
            None => return,
        };
        let has_output = state.rules.notifiers.iter().any(|notifier| notifier.has_output);
        drop(state);
        let outcome = match kind {
            EventKind::Recovered => "succeeded again".to_owned(),
            _ => row.outcome(),
        };
        let message = format!("{}: {outcome} (run {}, by {})", row.command, row.run_id, row.user);
        let output = has_output.then(|| last_lines(&newest(MOST_OUTPUT), MOST_OUTPUT));
        let about = About { output, ..About::run(row) };
        self.report(kind, about, &message);
    }

    /// Reports that a run waits until a user with this role approves it.
    pub(crate) fn approval_requested(&self, row: &RunRow, role: Role) {
        let (command, run, user) = (&row.command, row.run_id, &row.user);
        let message = format!("{command} waits for approval by role {role} (run {run}, by {user})");
        self.report(EventKind::Approval, About::run(row), &message);
    }

    /// Reports that starts of a schedule did not take place.
    pub(crate) fn start_missed(&self, schedule: &str, command: &str, count: u64, why: &str) {
        let about = About {
            schedule: Some(schedule.to_owned()),
            command: Some(command.to_owned()),
            ..About::default()
        };
        let starts = if count == 1 { "a start was missed" } else { "starts were missed" };
        let message = format!("schedule {schedule} of {command}: {starts}: {why}");
        self.add(EventKind::Missed, about, &message, count);
    }

    /// Reports that the `safe_state` of a run failed.
    pub(crate) fn safe_state_failed(&self, run: RunId, command: &str, failure: &str) {
        let about =
            About { command: Some(command.to_owned()), run_id: Some(run), ..About::default() };
        let message = format!("safe_state of {command} (run {run}) failed: {failure}");
        self.report(EventKind::HookFailed, about, &message);
    }

    /// Reports that a hook of the box failed, or the `safe_state` of a worker.
    pub(crate) fn hook_failed(&self, hook: &str, failure: &str) {
        let about = About { hook: Some(hook.to_owned()), ..About::default() };
        self.report(EventKind::HookFailed, about, &format!("the hook {hook} failed: {failure}"));
    }

    /// Reports that the server shuts down.
    pub(crate) fn closing(&self, closing: &Closing) {
        let (then, by) = (closing.then().name(), &closing.by);
        let reason =
            if closing.reason.is_empty() { "no reason was given" } else { &closing.reason };
        let message = format!("the server shuts down ({then}), by {by}: {reason}");
        self.report(EventKind::Closing, About::default(), &message);
    }

    /// Reports that a file of the audit log was removed or changed.
    pub(crate) fn audit_broken(&self, message: &str) {
        self.report(EventKind::AuditBroken, About::default(), message);
    }

    fn report(&self, event: EventKind, about: About, message: &str) {
        self.add(event, about, message, 1);
    }

    /// Adds an event to the outbox of each notifier that wants it. Does not wait.
    fn add(&self, kind: EventKind, about: About, message: &str, count: u64) {
        let event = self.event(kind, about, message, count);
        let mut state = self.state.lock();
        let State { rules, outbox, is_dirty, .. } = &mut *state;
        let command = event.about.command.as_deref();
        let own = command.and_then(|name| rules.of_commands.get(name)).map(Vec::as_slice);
        let mut dropped = Vec::new();
        for notifier in rules.notifiers.iter().filter(|one| one.wants(kind, command, own)) {
            let mut event = event.clone();
            event.about.args = event.about.args.filter(|_| notifier.has_args);
            event.about.output = event.about.output.filter(|_| notifier.has_output);
            if outbox.add(&notifier.name, event) {
                dropped.push(notifier.name.clone());
            }
            *is_dirty = true;
        }
        drop(state);
        for notifier in dropped {
            tracing::warn!(target: "topside", notifier, "a notification is dropped: too many wait");
        }
        self.wake();
    }

    fn event(&self, event: EventKind, about: About, message: &str, count: u64) -> Event {
        let number = self.next_id.fetch_add(1, Ordering::Relaxed);
        Event {
            id: format!("{}-{number}", self.boot_id),
            event,
            time: Time::now(),
            host: self.host.clone(),
            message: clean(message, MAX_REASON),
            count,
            about,
        }
    }

    fn wake(&self) {
        self.idle.send_replace(false);
        self.changed.notify_one();
    }

    /// Each notifier, in the order of the file.
    pub(crate) fn status(&self) -> Vec<NotifierStatus> {
        let state = self.state.lock();
        let row = |notifier: &Notifier| {
            let standing = state.standing.get(&notifier.name);
            let waiting = state.outbox.waiting.get(&notifier.name);
            NotifierStatus {
                notifier: notifier.name.clone(),
                kind: notifier.target.kind().to_owned(),
                waiting: waiting.map_or(0, |waiting| waiting.len() as u64),
                sent_at: standing.and_then(|standing| standing.sent_at),
                failure: standing.and_then(DeliveryState::shown_failure),
            }
        };
        state.rules.notifiers.iter().map(row).collect()
    }
}

/// Reads a secret on a thread that may wait for the disk.
///
/// # Errors
/// The file cannot be read, others may read it, or it holds no secret.
async fn secret(file: &SecretFile) -> Result<String, String> {
    let file = file.clone();
    blocking(move || file.read()).await.map_err(|error| error.to_string())?
}
