//! The boxes of the fleets of this device, for the picker: as they were when each hub was last asked, then as it tells.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, sleep_until};
use topside_shared::fleet::{BoxEntry, Presence, PresenceState, presence_key};
use topside_shared::hub::HubAccess;
use topside_shared::time::{Time, millis};

use crate::app::Msg;
use crate::app::picker::fleet_box::{BoxPresence, FleetBoxRow};
use crate::connect::fleets::{self, Fleet, FleetHub, FleetHubError};

/// Pause before a hub that could not be reached, or was lost, is asked again.
const PAUSE: Duration = Duration::from_secs(5);
/// Changes are shown together: thousands of boxes make hundreds in a second.
const TOGETHER: Duration = Duration::from_millis(500);

/// Watches the fleets until it is dropped. Each hub has a connection as long.
pub(super) fn start(state: PathBuf, tell: mpsc::Sender<Msg>) -> JoinSet<()> {
    let mut task = JoinSet::new();
    task.spawn(watch_all(state, tell));
    task
}

async fn watch_all(state: PathBuf, tell: mpsc::Sender<Msg>) {
    let (report, mut reports) = mpsc::channel(8);
    // A fleet may be joined or left while the picker is shown.
    let mut watches: BTreeMap<String, Watched> = BTreeMap::new();
    let mut look = interval(PAUSE);
    look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = look.tick() => {
                // A mistake in the files is reported where a fleet is used.
                let Ok(names) = fleets::names(&state) else { continue };
                let before = watches.len();
                watches.retain(|name, _| names.contains(name));
                let has_left = watches.len() < before;
                for name in names {
                    // It may have moved to another hub.
                    let is_same = |watched: &Watched| {
                        fleets::access(&state, &name).as_ref() == Some(&watched.access)
                    };
                    if watches.get(&name).is_some_and(is_same) {
                        continue;
                    }
                    if let Ok(fleet) = fleets::load(&state, &name) {
                        let mut task = JoinSet::new();
                        let access = fleet.access.clone();
                        task.spawn(watch(state.clone(), fleet, report.clone()));
                        watches.insert(name, Watched { _task: task, access, rows: Vec::new() });
                    }
                }
                if !has_left {
                    continue;
                }
            }
            Some((fleet, boxes)) = reports.recv() => match watches.get_mut(&fleet) {
                Some(watched) => watched.rows = boxes,
                None => continue,
            },
        }
        let all = watches.values().flat_map(|watched| &watched.rows).cloned().collect();
        if tell.send(Msg::Fleet(all)).await.is_err() {
            return;
        }
    }
}

/// A fleet that is watched at its hub, and its rows.
struct Watched {
    /// Ends with this.
    _task: JoinSet<()>,
    access: HubAccess,
    rows: Vec<FleetBoxRow>,
}

/// The rows of a fleet, with its name.
type Report = (String, Vec<FleetBoxRow>);

async fn watch(state: PathBuf, fleet: Fleet, report: mpsc::Sender<Report>) {
    let mut watch = FleetWatch { fleet, records: HashMap::new(), report };
    watch.tell().await;
    loop {
        // The boxes stay in the list, and count as away when nothing is heard of them.
        let _ = watch.follow(&state).await;
        sleep(PAUSE).await;
    }
}

struct FleetWatch {
    fleet: Fleet,
    /// By the keys of the bucket: the record of a box, and when it was written.
    records: HashMap<String, (Presence, Instant)>,
    report: mpsc::Sender<Report>,
}

impl FleetWatch {
    /// Asks the hub, and follows its changes until the connection is lost.
    async fn follow(&mut self, state: &Path) -> Result<(), FleetHubError> {
        let hub = match fleets::refresh(state, &mut self.fleet).await {
            Ok(hub) => hub,
            Err(error) => {
                self.tell().await;
                return Err(error);
            }
        };
        let mut changes = hub.bucket.watch(">").await?;
        self.read(&hub).await?;
        let (mut shown_at, mut is_changed, mut are_members_old) = (Instant::now(), true, false);
        loop {
            tokio::select! {
                () = sleep_until(shown_at + TOGETHER), if is_changed || are_members_old => {
                    let result = match std::mem::take(&mut are_members_old) {
                        true => fleets::refresh(state, &mut self.fleet).await.map(drop),
                        false => Ok(()),
                    };
                    // Also where the fleet does not list this device any more.
                    self.tell().await;
                    result?;
                    (shown_at, is_changed) = (Instant::now(), false);
                }
                change = changes.next() => {
                    let Some(change) = change else { return Ok(()) };
                    let record = change.value.as_deref().and_then(Presence::read);
                    match (change.key.starts_with("presence."), record) {
                        (true, Some(record)) => {
                            let record = record.by_clock(Time::now());
                            self.records.insert(change.key, (record, Instant::now()));
                            is_changed = true;
                        }
                        (true, None) => {}
                        (false, _) => are_members_old = true,
                    }
                }
            }
        }
    }

    /// Reads the records of all boxes.
    async fn read(&mut self, hub: &FleetHub) -> Result<(), FleetHubError> {
        let presences = hub.presences().await?;
        let (now, clock) = (Instant::now(), Time::now());
        self.records.extend(presences.into_iter().map(|(key, record)| {
            let at = now.checked_sub(Duration::from_millis(clock.millis_since(record.at)));
            (key, (record, at.unwrap_or(now)))
        }));
        Ok(())
    }

    /// Reports the rows.
    async fn tell(&self) {
        let fleet = self.fleet.name().to_string();
        let row = |each: &BoxEntry| FleetBoxRow {
            name: each.name.clone(),
            fleet: fleet.clone(),
            pin: each.pin,
            tags: each.tags.clone(),
            presence: self.records.get(&presence_key(&each.pin)).map(|(record, at)| BoxPresence {
                version: record.version.clone(),
                is_up: record.state == PresenceState::Up,
                load: record.load,
                runs: record.runs,
                shutdown: record.shutdown,
                age: millis(at.elapsed()),
            }),
        };
        let rows = self.fleet.members.reachable().map(row).collect();
        // The picker is closed.
        let _ = self.report.send((fleet.clone(), rows)).await;
    }
}
