//! The task that sends what the outbox has: one event of each notifier at a time, in their order.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::future::{BoxFuture, join_all};
use futures_util::stream::FuturesUnordered;
use tokio::time::{Instant, sleep_until, timeout};
use topside_shared::Time;
use topside_shared::methods::NotifyTestRow;
use topside_shared::text::{MAX_NAME, did_you_mean, nearest, quote};

use crate::base::blocking::blocking;
use crate::notify::delivered::Delivered;
use crate::notify::event::{About, Event};
use crate::notify::event_queue::EventQueue;
use crate::notify::{LONGEST_RETRY, Notifications, State, exec, ntfy, smtp, webhook};
use crate::settings::notify::target::Target;
use crate::settings::notify::{EventKind, Notifier};

/// How long the end of the server waits for notifications.
pub(crate) const GOODBYE: Duration = Duration::from_secs(2);
/// Pause before an outbox that could not be written is written again.
const REWRITE: Duration = Duration::from_secs(5);

/// What came of a notification that was sent, or why it was not.
type SendResult = Result<Delivered, String>;
/// A notifier, the event that it sends, and the recipients of a mail that others have already.
type Due = (Notifier, Event, Vec<String>);
/// A notifier, the event that it sent, and what came of it.
type Sent = (Notifier, Event, SendResult);

impl Notifications {
    /// Sends events, for ever.
    pub(crate) async fn run(self: &Arc<Self>) {
        let mut sending: FuturesUnordered<BoxFuture<'_, Sent>> = FuturesUnordered::new();
        let mut is_unwritable = false;
        loop {
            let written = self.save().await;
            if let Err(error) = &written
                && !is_unwritable
            {
                tracing::error!(target: "topside", error, "notifications are not kept over a restart: they cannot be written down");
            }
            is_unwritable = written.is_err();
            let (due, mut wake) = self.take_due();
            for (notifier, event, recipients) in due {
                sending.push(Box::pin(async move {
                    let result = self.send(&notifier, &event, &recipients).await;
                    (notifier, event, result)
                }));
            }
            if is_unwritable {
                let again = Instant::now() + REWRITE;
                wake = Some(wake.map_or(again, |wake| wake.min(again)));
            }
            tokio::select! {
                Some(sent) = sending.next() => self.sent(sent),
                () = self.changed.notified() => {}
                () = sleep_until(wake.unwrap_or_else(Instant::now)), if wake.is_some() => {}
            }
        }
    }

    /// Waits until what is due was sent or has failed, for [`GOODBYE`] at most. The rest is sent by the next start.
    pub(crate) async fn finish(&self) {
        let mut idle = self.idle.subscribe();
        // The sender is in `self`.
        let _ = timeout(GOODBYE, idle.wait_for(|idle| *idle)).await;
    }

    /// Writes the outbox if it has changed.
    async fn save(&self) -> Result<(), String> {
        let outbox = {
            let mut state = self.state.lock();
            if !std::mem::take(&mut state.is_dirty) {
                return Ok(());
            }
            state.outbox.clone()
        };
        let directory = self.state_directory.clone();
        let written = blocking(move || EventQueue::write(&outbox, &directory)).await;
        let written = match written {
            Ok(written) => written.map_err(|error| error.to_string()),
            Err(panicked) => Err(panicked.to_string()),
        };
        if written.is_err() {
            self.state.lock().is_dirty = true;
        }
        written
    }

    /// The events to send now, and when the next ones are due.
    fn take_due(&self) -> (Vec<Due>, Option<Instant>) {
        let (now, quiet) = (Instant::now(), self.pace.quiet);
        let mut state = self.state.lock();
        let State { rules, outbox, standing, is_dirty } = &mut *state;
        let (mut due, mut wake, mut is_idle) = (Vec::new(), None::<Instant>, true);
        let mut at = |at: Instant| wake = Some(wake.map_or(at, |wake| wake.min(at)));
        for notifier in &rules.notifiers {
            let standing = standing.entry(notifier.name.clone()).or_default();
            let Some(waiting) = outbox.waiting.get_mut(&notifier.name) else {
                is_idle &= !standing.is_sending;
                continue;
            };
            if standing.is_sending {
                is_idle = false;
                continue;
            }
            if let Some(retry_at) = standing.retry_at.filter(|retry_at| *retry_at > now) {
                at(retry_at);
                continue;
            }
            standing.sent.retain(|(_, at)| *at + quiet > now);
            let pause = |event: &Event| {
                let before = standing.sent.iter().find(|(before, _)| before.equals(event));
                before.map(|(_, at)| *at + quiet)
            };
            for one in waiting.iter() {
                if let Some(until) = pause(&one.event) {
                    at(until);
                }
            }
            if let Some(next) = waiting.iter_mut().find(|one| pause(&one.event).is_none()) {
                *is_dirty |= !next.is_tried;
                next.is_tried = true;
                due.push((notifier.clone(), next.event.clone(), next.recipients.clone()));
                standing.is_sending = true;
                is_idle = false;
            }
        }
        is_idle &= !*is_dirty;
        drop(state);
        self.idle.send_if_modified(|idle| std::mem::replace(idle, is_idle) != is_idle);
        (due, wake)
    }

    /// Notes whether an event was sent.
    fn sent(&self, (notifier, event, result): Sent) {
        let name = &notifier.name;
        let mut state = self.state.lock();
        let State { outbox, standing, is_dirty, .. } = &mut *state;
        // A reload may have removed it.
        let Some(standing) = standing.get_mut(name) else { return };
        standing.is_sending = false;
        *is_dirty = true;
        let kind = event.event.name();
        let failure = match result {
            Err(failure) => failure,
            Ok(delivered) => {
                if delivered.refused.is_empty() || !delivered.accepted.is_empty() {
                    standing.sent_at = Some(Time::now());
                }
                standing.refused.retain(|address, _| !delivered.accepted.contains(address));
                for (address, why) in &delivered.refused {
                    let is_new = standing.refused.insert(address.clone(), why.clone()).is_none();
                    if is_new && !delivered.later.contains(address) {
                        tracing::warn!(
                            target: "topside", notifier = name, event = kind,
                            "a notification does not reach {address}: {why}"
                        );
                    }
                }
                if delivered.later.is_empty() {
                    outbox.remove(name, &event.id);
                    standing.sent.push((event, Instant::now()));
                    (standing.retry_at, standing.failure) = (None, None);
                    if std::mem::take(&mut standing.failures) > 0 {
                        tracing::info!(target: "topside", notifier = name, "notifications are sent again");
                    }
                    tracing::info!(target: "topside", notifier = name, event = kind, "notification sent");
                    return;
                }
                let failure = delivered.failure().unwrap_or_default();
                outbox.keep_for_recipients(name, &event.id, delivered.later);
                failure
            }
        };
        let pause = self.pace.retry.saturating_mul(1 << standing.failures.min(16));
        let pause = pause.min(LONGEST_RETRY.max(self.pace.retry));
        standing.failures = standing.failures.saturating_add(1);
        standing.retry_at = Some(Instant::now() + pause);
        let is_first = standing.failure.replace(failure.clone()).is_none();
        let dropped = outbox.waited(name, pause);
        drop(state);
        if is_first {
            tracing::warn!(
                target: "topside", notifier = name, event = kind,
                "a notification could not be sent, is kept and sent again: {failure}"
            );
        }
        for event in dropped {
            tracing::error!(
                target: "topside", notifier = name, event = event.event.name(),
                "a notification is dropped: it could not be sent for a day: {}", event.message
            );
        }
    }

    /// Checks that there is a notifier of this name, or any.
    ///
    /// # Errors
    /// No notifier is configured, or none has this name.
    pub(crate) fn check_name(&self, name: Option<&str>) -> Result<(), String> {
        let all = self.state.lock().rules.notifiers.clone();
        if all.is_empty() {
            return Err("server.toml has no [[notify]]: add one, and reload".to_owned());
        }
        let names = || all.iter().map(|notifier| notifier.name.as_str());
        if let Some(name) = name
            && names().all(|known| known != name)
        {
            let near = did_you_mean(&nearest(name, names()));
            let names = names().collect::<Vec<_>>().join(", ");
            let name = quote(name, MAX_NAME);
            return Err(format!("there is no notifier `{name}`{near}; server.toml has {names}"));
        }
        Ok(())
    }

    /// Sends a test through the notifier of this name, or all, at once and without a retry.
    pub(crate) async fn test(&self, name: Option<&str>, by: &str) -> Vec<NotifyTestRow> {
        let all = self.state.lock().rules.notifiers.clone();
        let chosen = all.iter().filter(|one| name.is_none_or(|name| one.name == name));
        let tests = chosen.map(async |notifier| {
            let message = format!("test of the notifier {}, by {by}", notifier.name);
            let event = self.event(EventKind::Test, About::default(), &message, 1);
            let (answer, failure) = match self.send(notifier, &event, &[]).await {
                Ok(delivered) => {
                    self.retry_now(&notifier.name);
                    let failure = delivered.failure();
                    (delivered.answer, failure)
                }
                Err(failure) => (None, Some(failure)),
            };
            NotifyTestRow {
                notifier: notifier.name.clone(),
                kind: notifier.target.kind().to_owned(),
                answer,
                failure,
            }
        });
        join_all(tests).await
    }

    /// Ends the pause after a failure: the target takes notifications again.
    fn retry_now(&self, notifier: &str) {
        let mut state = self.state.lock();
        let standing = state.standing.get_mut(notifier);
        let paused = standing.and_then(|standing| standing.retry_at.take());
        drop(state);
        if paused.is_some() {
            self.wake();
        }
    }

    /// Sends an event; a mail to these recipients, or to all where none is named.
    async fn send(&self, notifier: &Notifier, event: &Event, recipients: &[String]) -> SendResult {
        let http = &self.http;
        let answer = match &notifier.target {
            Target::Exec(argv) => {
                let instance = self.instance.get().map(|instance| &**instance);
                let mut json = serde_json::to_vec(event).map_err(|error| error.to_string())?;
                json.push(b'\n');
                exec::send(argv, &notifier.name, instance, &json).await.map(|()| None)
            }
            Target::Webhook { url, secret_file } => {
                webhook::send(http, url, secret_file, event).await.map(Some)
            }
            Target::Ntfy(ntfy) => ntfy::send(http, ntfy, event).await.map(Some),
            Target::Smtp(mail) => return smtp::send(mail, event, recipients, &http.tls).await,
            // Only for a test: it gets no events.
            Target::Heartbeat { url, .. } => http.get(url).await.map(Some),
        };
        answer.map(Delivered::whole)
    }
}
