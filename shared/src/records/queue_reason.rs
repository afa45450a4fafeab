//! Reasons why a run is queued, and their description for people.

use serde::{Deserialize, Serialize};

use super::RunState;
use crate::ids::RunId;
use crate::text::{MAX_NAME, clean};

/// Most runs that one [`QueueReason`] names.
pub const MAX_HELD_BY: usize = 8;

/// One thing that a run cannot have yet.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct QueueReason {
    /// The lock that it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lock: Option<String>,
    /// The limit that it is: `max_concurrent` of its command, or `max_runs` of the server.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<String>,
    /// The group of commands that has this `max_concurrent`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// The runs that hold it; if none does, the queued run that gets it first. At most [`MAX_HELD_BY`]
    /// runs, and none for `max_runs`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub held_by: Vec<Holder>,
}

/// A run that has what another one waits for, or has its turn before that.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Holder {
    /// Its number.
    pub run_id: RunId,
    /// The command's name.
    pub command: String,
    /// Who started it.
    pub user: String,
    /// `running`, also while what it left behind is being closed; or `queued`.
    pub state: RunState,
}

/// What is waited for, as the end of a sentence: "the lock relays, held by #7 zone-run of ann".
pub fn describe(waits_for: &[QueueReason]) -> String {
    let things: Vec<String> = waits_for.iter().map(thing).collect();
    match things.as_slice() {
        [] => "its turn".to_owned(),
        things => things.join(", and for "),
    }
}

fn thing(wait: &QueueReason) -> String {
    let queued = wait.held_by.iter().any(|holder| holder.state == RunState::Queued);
    match (&wait.lock, wait.held_by.as_slice()) {
        (Some(lock), []) => format!("the lock {}", clean(lock, MAX_NAME)),
        (Some(lock), [holder, ..]) => {
            let how = if queued { "which is kept for" } else { "held by" };
            format!("the lock {}, {how} {}", clean(lock, MAX_NAME), named(holder))
        }
        (None, []) => match wait.limit.as_deref() {
            Some("max_runs") => "a free place among the server's runs (max_runs)".to_owned(),
            Some(limit) => format!("the limit {}", clean(limit, MAX_NAME)),
            None => "its turn".to_owned(),
        },
        (None, [holder]) if queued => format!("{}, which is before it", named(holder)),
        (None, [holder]) => format!("the end of {}{}", named(holder), in_group(wait)),
        (None, [first, ..]) => {
            let numbers: Vec<String> =
                wait.held_by.iter().map(|holder| holder.run_id.to_string()).collect();
            let which = match in_group(wait) {
                own if own.is_empty() => format!(" ({})", clean(&first.command, MAX_NAME)),
                group => group,
            };
            format!("the end of one of {}{which}", numbers.join(", "))
        }
    }
}

fn in_group(wait: &QueueReason) -> String {
    let group = wait.group.as_ref();
    group.map_or_else(String::new, |group| format!(" (group {})", clean(group, MAX_NAME)))
}

fn named(holder: &Holder) -> String {
    let Holder { run_id, command, user, .. } = holder;
    format!("{run_id} {} of {}", clean(command, MAX_NAME), clean(user, MAX_NAME))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holder(run: u64, state: RunState) -> Holder {
        Holder { run_id: RunId(run), command: "zone-run".into(), user: "a\u{1b}nn".into(), state }
    }

    #[test]
    fn a_reason_names_what_is_missing_and_the_holder() {
        let lock = |held_by| QueueReason {
            lock: Some("relays".into()),
            held_by,
            ..QueueReason::default()
        };
        let limit = |name: &str, held_by| QueueReason {
            limit: Some(name.into()),
            held_by,
            ..QueueReason::default()
        };
        let (running, queued) = (RunState::Running, RunState::Queued);
        for (waits_for, says) in [
            (vec![lock(vec![holder(7, running)])], "the lock relays, held by #7 zone-run of ann"),
            (
                vec![lock(vec![holder(7, queued)]), limit("max_runs", vec![])],
                "the lock relays, which is kept for #7 zone-run of ann, and for a free place among \
                 the server's runs (max_runs)",
            ),
            (
                vec![limit("max_concurrent", vec![holder(7, running)])],
                "the end of #7 zone-run of ann",
            ),
            (
                vec![limit("max_concurrent", vec![holder(7, running), holder(9, running)])],
                "the end of one of #7, #9 (zone-run)",
            ),
            (
                vec![limit("max_concurrent", vec![holder(7, queued)])],
                "#7 zone-run of ann, which is before it",
            ),
            (vec![], "its turn"),
        ] {
            assert_eq!(describe(&waits_for), says);
        }
    }

    #[test]
    fn a_reason_on_the_wire_has_only_the_known_fields() {
        let wait = QueueReason { limit: Some("max_runs".into()), ..QueueReason::default() };
        assert_eq!(serde_json::to_string(&[wait]).unwrap(), r#"[{"limit":"max_runs"}]"#);
    }
}
