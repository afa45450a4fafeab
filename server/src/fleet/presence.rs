//! Presence of the box: its record in the bucket of the fleet, every 30 s, at the start and at the end.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep_until, timeout};
use topside_shared::fleet::{PRESENCE_INTERVAL, Presence, PresenceState, presence_key};
use topside_shared::hub::Bucket;
use topside_shared::{Pin, Time};

use crate::base::box_figures;
use crate::server::Server;

/// How often a new shutdown is looked for, which is reported at once.
const CHECK: Duration = Duration::from_secs(3);
/// How long the last record may take.
const LAST: Duration = Duration::from_secs(1);

/// Writes the record regularly.
pub(super) struct Heartbeat {
    server: Arc<Server>,
    bucket: Bucket,
    pin: Pin,
    next_check: Instant,
    next_record: Instant,
    shutdown: Option<Time>,
    was_member: bool,
}

impl Heartbeat {
    pub(super) fn new(server: &Arc<Server>, bucket: Bucket, pin: Pin) -> Self {
        let now = Instant::now();
        let server = Arc::clone(server);
        let (shutdown, was_member) = (None, false);
        Self { server, bucket, pin, next_check: now, next_record: now, shutdown, was_member }
    }

    /// Waits for the next check, and writes a record if it is due. Dropping the future loses none.
    pub(super) async fn beat(&mut self, is_member: bool) {
        sleep_until(self.next_check).await;
        let now = Instant::now();
        self.next_check = now + CHECK;
        let shutdown = self.server.shutdown.closing().map(|closing| closing.deadline);
        let has_changed = shutdown != self.shutdown || is_member != self.was_member;
        if now < self.next_record && !has_changed {
            return;
        }
        (self.next_record, self.shutdown, self.was_member) =
            (now + PRESENCE_INTERVAL, shutdown, is_member);
        let record = record(&self.server, PresenceState::Up);
        if let Err(error) = self.bucket.send(&presence_key(&self.pin), record.into()).await {
            tracing::debug!(target: "topside", %error, "no record of the box's presence");
        }
    }
}

fn record(server: &Server, state: PresenceState) -> String {
    let presence = Presence {
        name: server.info.hostname.clone(),
        version: server.info.version.clone(),
        state,
        load: box_figures::load(Path::new("/")).map(|[one, _, _]| one),
        runs: server.runs.counts().running,
        shutdown: server.shutdown.closing().map(|closing| closing.deadline),
        at: Time::now(),
        every: PRESENCE_INTERVAL.as_secs(),
    };
    // A record of numbers and text always has a JSON form.
    serde_json::to_string(&presence).unwrap_or_default()
}

/// Writes that the server ends.
pub(crate) async fn say_stopping(server: &Server, bucket: &Bucket, pin: &Pin) {
    let record = record(server, PresenceState::Stopping);
    let _ = timeout(LAST, bucket.put(&presence_key(pin), record.into())).await;
}
