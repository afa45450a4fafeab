//! Messages for notifications and refusals.

use jiff::tz::TimeZone;
use topside_shared::notifications::{
    Broadcast, Closing, EventsDropped, GapReason, Notification, Phase, RunGap, return_note,
};
use topside_shared::records::{RunRow, RunState};
use topside_shared::text::{self, MAX_BROADCAST, MAX_NAME, MAX_REASON, clean};
use topside_shared::{ErrorKind, RpcError, Time};

use crate::app::console::shutdown_banner::usually_back;
use crate::connect::CallError;

/// The shutdown of the server, or its cancellation.
pub(super) fn closing(closing: &Closing) -> String {
    let by = clean(&closing.by, MAX_NAME);
    let is_cancelled = closing.phase == Phase::Cancelled;
    let by = match &by[..] {
        "" => String::new(),
        // The notification of a cancelled shutdown names the user who cancelled it.
        by if is_cancelled => format!(" by {by}"),
        by => format!(" (ordered by {by})"),
    };
    let reason = clean(&closing.reason, MAX_REASON);
    let why = if reason.is_empty() { String::new() } else { format!(": {reason}") };
    let does = closing.then().does();
    let usual = closing.usual_ms.filter(|_| closing.back.is_none());
    let usual = usually_back(usual).map(|usual| format!("; {usual}"));
    let back = return_note(closing.back, Time::now(), &TimeZone::system());
    let back = back + &usual.unwrap_or_default();
    match closing.phase {
        Phase::Scheduled => {
            format!("the server {does} in {}{why}{by}{back}", text::duration(closing.in_ms))
        }
        Phase::Now => format!("the server {does} now{why}{by}{back}"),
        Phase::Cancelled => format!("the server stays: the shutdown was cancelled{by}"),
    }
}

/// The user and connection `by`, as `ann (#4)`, for the user and connection `you`. A number alone may be one of a run.
fn person(by: &str, you: &str) -> String {
    if by == you { "you".to_owned() } else { by.replacen(" (#", " (client #", 1) }
}

/// The row of a run for a user who is named `you` in it.
pub(super) fn row_for(row: RunRow, you: &str) -> RunRow {
    let mut row = row.with_you(you);
    if let Some(by) = &mut row.ended_by {
        *by = person(by, you);
    }
    row
}

/// The notification with names for the user who is named `you` in it.
pub(super) fn notice_for(notice: Notification, you: &str) -> Notification {
    match notice {
        Notification::Closing(closing) => {
            Notification::Closing(Closing { by: person(&closing.by, you), ..closing })
        }
        Notification::RunChanged(row) => Notification::RunChanged(Box::new(row_for(*row, you))),
        other => other,
    }
}

/// A broadcast of an admin.
pub(super) fn broadcast(notice: &Broadcast) -> String {
    let (by, message) = (clean(&notice.by, MAX_NAME), clean(&notice.message, MAX_BROADCAST));
    let cleaned = Broadcast { by, message, ..*notice };
    format!("{}: {}", cleaned.title(), cleaned.message)
}

/// Missing output.
pub(super) fn gap(gap: &RunGap) -> String {
    let why = match gap.reason {
        Some(GapReason::MaxOutput) => {
            "the server keeps no more of it than `max_output` of the command"
        }
        Some(GapReason::Lost | GapReason::Unknown) => {
            "the server could not keep them, or their file is gone"
        }
        None => "this end was too slow",
    };
    format!("{} bytes of output of run {} were skipped: {why}", gap.bytes, gap.run_id)
}

/// Missing notifications.
pub(super) fn dropped(dropped: &EventsDropped) -> String {
    format!("{} changes were not sent: this end was too slow", dropped.count)
}

/// The place of a run in the queue; none unless it is queued.
pub(super) fn wait(row: &RunRow) -> Option<String> {
    if row.awaits_approval() {
        return Some(format!("run {} {}", row.run_id, row.approved()?));
    }
    if row.state == RunState::Running && row.approval.is_some() {
        return Some(format!("run {} is {}", row.run_id, row.approved()?));
    }
    Some(format!("run {} is queued, {}", row.run_id, row.wait()?))
}

/// Why a command did not run; `lost` is why the session ended, where it did.
pub(super) fn failure(error: &CallError, lost: Option<String>) -> String {
    match error {
        CallError::Refused(error) => refusal(error),
        CallError::Lost => {
            let why = lost.unwrap_or_else(|| "the session ended".to_owned());
            format!("{why}; whether the command went on is not known")
        }
        other => other.to_string(),
    }
}

fn refusal(error: &RpcError) -> String {
    let message = clean(&error.message, MAX_REASON);
    if error.kind() == ErrorKind::ConfirmRequired {
        return format!("{message} (give --yes to confirm it)");
    }
    message
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_closing_notice_says_when_why_and_who() {
        let mut notice = Closing {
            phase: Phase::Scheduled,
            reason: "moving\u{1b}[2J".into(),
            by: "ann (#4)".into(),
            deadline: Time::from_millis(0),
            in_ms: 58_000,
            restart: false,
            usual_ms: None,
            then: None,
            back: None,
        };
        let sentence = "the server shuts down in 58 s: moving[2J (ordered by ann (#4))";
        assert_eq!(closing(&notice), sentence);
        notice.back = Some(Time::from_millis(86_400_000 * 365));
        assert!(closing(&notice).starts_with(&format!("{sentence}; expected back 19")));
        notice.back = None;
        notice.phase = Phase::Now;
        notice.restart = true;
        notice.reason.clear();
        assert_eq!(closing(&notice), "the server restarts now (ordered by ann (#4))");
        notice.phase = Phase::Cancelled;
        assert_eq!(closing(&notice), "the server stays: the shutdown was cancelled by ann (#4)");
    }
}
