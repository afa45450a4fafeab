//! Heartbeats: an HTTP GET to a web service at a fixed interval. The service reports a box that no longer sends them: it is dead,
//! or has no network.

use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use tokio::time::{MissedTickBehavior, interval};
use topside_shared::Time;

use crate::notify::Notifications;
use crate::settings::notify::target::Target;
use crate::settings::notify::web_url::WebUrl;

impl Notifications {
    /// Sends the heartbeats, for ever. A changed set of heartbeats begins anew.
    pub(crate) async fn send_heartbeats(&self) {
        let mut beats: FuturesUnordered<BoxFuture<'_, ()>> = FuturesUnordered::new();
        loop {
            tokio::select! {
                // The first rules are such a change too.
                () = self.heartbeats_changed.notified() => beats = self.heartbeats(),
                Some(()) = beats.next() => {}
            }
        }
    }

    fn heartbeats(&self) -> FuturesUnordered<BoxFuture<'_, ()>> {
        let notifiers = self.state.lock().rules.notifiers.clone();
        let beats = notifiers.into_iter().filter_map(|notifier| match notifier.target {
            Target::Heartbeat { url, every } => Some((notifier.name, url, every)),
            _ => None,
        });
        beats
            .map(|(name, url, every)| -> BoxFuture<'_, ()> {
                Box::pin(self.send_heartbeat(name, url, every))
            })
            .collect()
    }

    /// The first one at once. One that fails is not repeated: the next one follows.
    async fn send_heartbeat(&self, name: String, url: WebUrl, every: Duration) {
        let mut times = interval(every);
        times.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            times.tick().await;
            let result = self.http.get(&url).await;
            self.heartbeat_sent(&name, result.err());
        }
    }

    /// Notes the outcome of a heartbeat. The first of several failures is logged.
    fn heartbeat_sent(&self, name: &str, failure: Option<String>) {
        let mut state = self.state.lock();
        let standing = state.standing.entry(name.to_owned()).or_default();
        let before = std::mem::replace(&mut standing.failure, failure.clone());
        if failure.is_none() {
            standing.sent_at = Some(Time::now());
        }
        drop(state);
        match (before, failure) {
            (None, Some(failure)) => {
                tracing::warn!(target: "topside", notifier = name, "a heartbeat could not be sent: {failure}");
            }
            (Some(_), None) => {
                tracing::info!(target: "topside", notifier = name, "heartbeats are sent again");
            }
            _ => {}
        }
    }
}
