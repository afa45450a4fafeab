//! Record of reboots: the one that was ordered, and how long earlier ones took.
//!
//! It is written before the program runs. The next start of the server compares the boot id, and so knows whether the box was
//! started anew.

use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};
use topside_shared::Time;
use topside_shared::after_shutdown::{AfterShutdown, LastReboot};

use crate::base::json_file;

const FILE: &str = "reboot.json";
/// How many durations are kept.
const KEPT: usize = 5;
/// A longer time was not a reboot only: the box was off.
const LONGEST_MS: u64 = 3_600_000;

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct RebootRecord {
    /// The one that was ordered.
    pending: Option<Pending>,
    /// The last one with a result.
    last: Option<LastReboot>,
    /// How long the last reboots took, the newest last.
    took_ms: Vec<u64>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Pending {
    then: AfterShutdown,
    at: Time,
    by: String,
    boot_id: Option<String>,
    failure: Option<String>,
}

fn read(state: &Path) -> RebootRecord {
    json_file::read(&state.join(FILE)).ok().flatten().unwrap_or_default()
}

fn write(state: &Path, record: &RebootRecord) -> io::Result<()> {
    json_file::write(&state.join(FILE), record)
}

/// How long a reboot usually takes: the median of the last ones.
pub(crate) fn usual_ms(state: &Path) -> Option<u64> {
    let mut took = read(state).took_ms;
    took.sort_unstable();
    took.get(took.len() / 2).copied()
}

/// Records that the program is about to run.
pub(crate) fn begin(
    state: &Path,
    then: AfterShutdown,
    by: &str,
    boot_id: Option<String>,
) -> io::Result<()> {
    let pending = Pending { then, at: Time::now(), by: by.to_owned(), boot_id, failure: None };
    write(state, &RebootRecord { pending: Some(pending), ..read(state) })
}

/// Records why the box stays up.
pub(crate) fn fail(state: &Path, failure: &str) -> io::Result<()> {
    let mut record = read(state);
    if let Some(pending) = &mut record.pending {
        pending.failure = Some(failure.to_owned());
    }
    write(state, &record)
}

/// At the start of a server: the last reboot or power off with a result, and whether that result is new. Without a boot id
/// it is not known whether the box was started anew, so there is no result.
pub(crate) fn finish(state: &Path, boot_id: Option<&str>, now: Time) -> (Option<LastReboot>, bool) {
    let mut record = read(state);
    let Some(Pending { then, at, by, boot_id: before, failure }) = record.pending.take() else {
        return (record.last, false);
    };
    let last = match (before.as_deref(), boot_id) {
        (Some(before), Some(now)) if before == now => {
            let failure = failure.or_else(|| Some("it was not started anew".to_owned()));
            Some(LastReboot { then, at, by, done: false, took_ms: None, failure })
        }
        (Some(_), Some(_)) => {
            let took = now.millis_since(at);
            let is_measured = then == AfterShutdown::Reboot && (1..LONGEST_MS).contains(&took);
            let took_ms = is_measured.then_some(took);
            record.took_ms.extend(took_ms);
            let too_many = record.took_ms.len().saturating_sub(KEPT);
            record.took_ms.drain(..too_many);
            Some(LastReboot { then, at, by, done: true, took_ms, failure: None })
        }
        _ => failure.map(|why| LastReboot {
            then,
            at,
            by,
            done: false,
            took_ms: None,
            failure: Some(why),
        }),
    };
    record.last.clone_from(&last);
    if let Err(error) = write(state, &record) {
        tracing::warn!(target: "topside", %error, "{FILE} is not written: the next start reports this reboot again");
    }
    let is_new = last.is_some();
    (last, is_new)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_usual_time_is_the_median_of_the_last_five_reboots() {
        let state = tempfile::tempdir().unwrap();
        let state = state.path();
        assert_eq!(usual_ms(state), None);
        for (number, seconds) in [900, 20, 40, 30, 41, 35].into_iter().enumerate() {
            let boot = |number: usize| Some(format!("boot-{number}"));
            begin(state, AfterShutdown::Reboot, "anna", boot(number)).unwrap();
            let now = Time::now().plus_millis(seconds * 1_000);
            let (last, is_new) = finish(state, boot(number + 1).as_deref(), now);
            assert!(is_new && last.unwrap().done);
        }
        // The first one is forgotten.
        let usual = usual_ms(state).unwrap();
        assert!((35_000..35_500).contains(&usual), "{usual}");
        let (last, is_new) = finish(state, Some("boot-6"), Time::now());
        assert!(last.is_some() && !is_new);
    }

    #[test]
    fn a_box_with_the_same_boot_id_did_not_reboot_and_says_why() {
        let state = tempfile::tempdir().unwrap();
        let state = state.path();
        begin(state, AfterShutdown::Reboot, "anna", Some("one".into())).unwrap();
        fail(state, "it ended with exit status: 1").unwrap();
        let (last, _) = finish(state, Some("one"), Time::now());
        assert_eq!(last.unwrap().words(), "the box did not reboot: it ended with exit status: 1");
        assert_eq!(usual_ms(state), None);
        // A box that was off for a day did not take a day to reboot.
        begin(state, AfterShutdown::Reboot, "anna", Some("one".into())).unwrap();
        let tomorrow = Time::now().plus_millis(86_400_000);
        let (last, _) = finish(state, Some("two"), tomorrow);
        assert_eq!(last.unwrap().words(), "the box was rebooted");
        assert_eq!(usual_ms(state), None);
    }
}
