//! Known sources: addresses that were admitted within a day, kept over a restart.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use tokio::time::Instant;
use topside_shared::Time;

use crate::admission::Admission;
use crate::base::atomic_file;
use crate::base::clock::Clock;

const FILE: &str = "sources.json";
/// Most sources that are kept, the most recently admitted ones.
const MOST: usize = 1024;

/// Loads the known sources. A file that cannot be read is ignored with a warning: known sources are only a courtesy.
pub(crate) fn load(state: &Path, admission: &Admission) {
    let path = state.join(FILE);
    let Ok(text) = std::fs::read_to_string(&path) else { return };
    let kept: BTreeMap<String, Time> = match serde_json::from_str(&text) {
        Ok(kept) => kept,
        Err(error) => {
            let path = path.display();
            tracing::warn!(target: "topside", %path, %error, "known sources cannot be read: every source is unknown at first");
            return;
        }
    };
    let (clock, now) = (Clock::open(state).now(), Instant::now());
    for (source, admitted) in kept.iter().take(MOST) {
        let ago = Duration::from_millis(clock.millis_since(*admitted));
        if let (Ok(source), Some(admitted)) = (source.parse(), now.checked_sub(ago)) {
            admission.remember(source, admitted, now);
        }
    }
}

/// Saves the known sources, if any was admitted since the last save. Blocks for the disk.
pub(crate) fn save(state: &Path, admission: &Admission) -> std::io::Result<()> {
    // The wall clock may be set before the file is read.
    let clock = Clock::open(state).now();
    let Some(mut known) = admission.take_new_known(Instant::now()) else { return Ok(()) };
    known.sort_by_key(|(_, ago)| *ago);
    known.truncate(MOST);
    let at = |ago: Duration| {
        let ms = i64::try_from(ago.as_millis()).unwrap_or(i64::MAX);
        Time::from_millis(clock.as_millis().saturating_sub(ms))
    };
    let kept: BTreeMap<String, Time> =
        known.into_iter().map(|(source, ago)| (source.to_string(), at(ago))).collect();
    atomic_file::write(&state.join(FILE), &serde_json::to_vec_pretty(&kept)?)
}
