//! Known sources: addresses that were admitted within a day, kept over a restart.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use tokio::time::Instant;
use topside_shared::Time;

use crate::admission::Admission;
use crate::base::atomic_file;
use crate::base::clock::Clock;

/// Name of the file in the state directory.
const FILE: &str = "sources.json";
/// Sources that are kept, those that were let in last.
const MOST: usize = 1024;

/// Tells the gate of the sources that the server knew before. A file that cannot be read is as good as none:
/// nothing but a courtesy is lost.
pub(crate) fn load(state: &Path, admission: &Admission) {
    let path = state.join(FILE);
    let Ok(text) = std::fs::read_to_string(&path) else { return };
    let kept: BTreeMap<String, Time> = match serde_json::from_str(&text) {
        Ok(kept) => kept,
        Err(error) => {
            let path = path.display();
            tracing::warn!(target: "topside", %path, %error, "which sources were let in is not known");
            return;
        }
    };
    let (clock, now) = (Clock::open(state).now(), Instant::now());
    for (source, let_in) in kept.iter().take(MOST) {
        let ago = Duration::from_millis(clock.millis_since(*let_in));
        if let (Ok(source), Some(let_in)) = (source.parse(), now.checked_sub(ago)) {
            admission.remember(source, let_in, now);
        }
    }
}

/// Writes them down, if somebody was let in since it was done last. Blocks for the disk.
///
/// # Errors
/// What the system said.
pub(crate) fn save(state: &Path, admission: &Admission) -> std::io::Result<()> {
    // Not by the wall clock, which may be set until the file is read.
    let clock = Clock::open(state).now();
    let Some(mut known) = admission.news(Instant::now()) else { return Ok(()) };
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
