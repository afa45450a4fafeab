//! Exit statuses, as `timeout` and `env` use them.

use topside_shared::ErrorKind;
use topside_shared::methods::BuiltinAnswer;
use topside_shared::records::{RunRow, RunState};

use crate::connect::CallError;
use crate::fan_out::{CommandEnd, Cut, NotStarted, Outcome};

pub(super) const OK: u8 = 0;
/// The arguments are wrong.
pub(super) const USAGE: u8 = 2;
pub(super) const TIMED_OUT: u8 = 124;
/// A failure of topside.
pub(super) const OWN_FAILURE: u8 = 125;
pub(super) const REFUSED: u8 = 126;
/// There is no such command.
pub(super) const UNKNOWN: u8 = 127;
/// The reader of the output has gone: the status of a program that SIGPIPE ends.
pub(super) const BROKEN_PIPE: u8 = 128 + 13;

/// The status of a run that has ended.
pub(super) fn of_row(row: &RunRow) -> u8 {
    if row.was_not_approved() && row.ended_by.is_none() {
        return REFUSED;
    }
    if row.state == RunState::TimedOut {
        return TIMED_OUT;
    }
    let own = match (row.exit_code, row.signal) {
        // As in a shell: the low eight bits.
        (Some(code), _) => code.rem_euclid(256) as u8,
        (None, Some(signal)) => u8::try_from(128 + signal).unwrap_or(u8::MAX),
        (None, None) => OK,
    };
    // A run that did not succeed must not look as if it had.
    if own == OK && row.state != RunState::Succeeded { 1 } else { own }
}

/// The status of a built-in's answer.
pub(super) fn of_answer(answer: &BuiltinAnswer) -> u8 {
    match answer.state {
        RunState::TimedOut => TIMED_OUT,
        // As a shell sees it: the low eight bits.
        _ => answer.exit_code.rem_euclid(256) as u8,
    }
}

/// The status of a run that did not start, or of one with an unknown end.
pub(super) fn of_error(error: &CallError) -> u8 {
    match error {
        CallError::Refused(error) => match error.kind() {
            ErrorKind::NotFound => UNKNOWN,
            ErrorKind::InvalidParams
            | ErrorKind::Forbidden
            | ErrorKind::ConfirmRequired
            | ErrorKind::Busy
            | ErrorKind::RateLimited
            | ErrorKind::TooLarge => REFUSED,
            _ => OWN_FAILURE,
        },
        CallError::TooLong { .. } | CallError::Busy => REFUSED,
        CallError::Lost | CallError::Unreadable { .. } => OWN_FAILURE,
    }
}

/// The exit status that `topside run` has for the box alone; none where nothing was to be sent to it any more.
pub(super) fn of_outcome(outcome: &Outcome) -> Option<u8> {
    match outcome {
        Outcome::Ended(run) => {
            let (state, ..) = run.end();
            let is_late = run.cut == Some(Cut::Timeout)
                && !matches!(state, RunState::Succeeded | RunState::Failed);
            Some(match &run.result {
                _ if is_late => TIMED_OUT,
                CommandEnd::Run(row) => of_row(row),
                CommandEnd::Answer(answer) => of_answer(answer),
            })
        }
        Outcome::Rejected(rejection) => Some(rejection.status),
        Outcome::Failed { error, .. } => Some(of_error(error)),
        Outcome::Abandoned { .. } | Outcome::Unreachable(_) => Some(OWN_FAILURE),
        Outcome::NotStarted(NotStarted::NotConfirmed | NotStarted::MenuChanged) => Some(REFUSED),
        Outcome::NotStarted(NotStarted::TooManyFailed | NotStarted::Cancelled) => None,
    }
}

/// The exit status for all boxes: Topside's own statuses go before those of the command.
pub(super) fn of_all(statuses: &[u8]) -> u8 {
    let own = [OWN_FAILURE, UNKNOWN, REFUSED, TIMED_OUT];
    let worst = own.into_iter().find(|own| statuses.contains(own));
    worst.or(statuses.iter().max().copied()).unwrap_or(OK)
}

#[cfg(test)]
mod tests {
    use topside_shared::records::{ApprovalState, RunApproval};
    use topside_shared::{ClientId, RpcError, RunId, Time};

    use super::*;

    fn row(state: RunState, exit_code: Option<i32>, signal: Option<i32>) -> RunRow {
        RunRow {
            run_id: RunId(1),
            command: "x".into(),
            args: serde_json::Map::new(),
            user: "u".into(),
            owner: None,
            approval: None,
            client_id: ClientId(1),
            state,
            place: None,
            waits_for: Vec::new(),
            started_at: Time::from_millis(0),
            ended_at: None,
            duration_ms: None,
            exit_code,
            signal,
            ended_by: None,
            bytes: 0,
            cut_at: None,
            reason: None,
            caused_by: None,
            escaped: Vec::new(),
            files: Vec::new(),
        }
    }

    #[test]
    fn a_run_gives_its_own_status_or_128_and_its_signal() {
        use RunState::{Cancelled, Failed, Succeeded, TimedOut};
        for (state, code, signal, want) in [
            (Succeeded, Some(0), None, 0),
            (Succeeded, Some(3), None, 3),
            (Failed, Some(42), None, 42),
            (Failed, None, Some(9), 137),
            (Cancelled, None, Some(15), 143),
            (Cancelled, Some(0), None, 1),
            (Cancelled, None, None, 1),
            (Failed, Some(0), None, 1),
            (TimedOut, None, Some(15), 124),
            (TimedOut, Some(0), None, 124),
        ] {
            assert_eq!(of_row(&row(state, code, signal)), want, "{state:?} {code:?} {signal:?}");
        }
    }

    #[test]
    fn a_run_that_was_not_approved_gives_126() {
        let of = |state, ended_by: Option<&str>| {
            let approval = RunApproval {
                role: topside_shared::Role::Admin,
                state,
                expires_at: None,
                in_ms: None,
                by: None,
                reason: None,
            };
            let mut row = row(RunState::Cancelled, None, None);
            (row.approval, row.ended_by) = (Some(approval), ended_by.map(str::to_owned));
            of_row(&row)
        };
        assert_eq!(of(ApprovalState::Refused, None), 126);
        assert_eq!(of(ApprovalState::Expired, None), 126);
        assert_eq!(of(ApprovalState::Withdrawn, None), 126);
        assert_eq!(of(ApprovalState::Withdrawn, Some("ann (#1)")), 1);
        assert_eq!(of(ApprovalState::Approved, None), 1);
    }

    #[test]
    fn a_refusal_gives_126_an_unknown_command_127_and_the_rest_125() {
        let refused = |kind| of_error(&CallError::Refused(RpcError::new(kind, "m")));
        assert_eq!(refused(ErrorKind::NotFound), 127);
        assert_eq!(refused(ErrorKind::Forbidden), 126);
        assert_eq!(refused(ErrorKind::ConfirmRequired), 126);
        assert_eq!(refused(ErrorKind::Busy), 126);
        assert_eq!(refused(ErrorKind::Closing), 125);
        assert_eq!(refused(ErrorKind::SpawnFailed), 125);
        assert_eq!(of_error(&CallError::Lost), 125);
        assert_eq!(of_error(&CallError::TooLong { length: 2, max: 1 }), 126);
    }

    #[test]
    fn the_status_of_all_is_topsides_own_before_the_greatest_of_the_command() {
        for (statuses, want) in [
            (&[][..], 0),
            (&[0, 0], 0),
            (&[0, 3, 200, 1], 200),
            (&[0, 200, 124], 124),
            (&[126, 127, 124], 127),
            (&[127, 125, 0, 255], 125),
        ] {
            assert_eq!(of_all(statuses), want, "{statuses:?}");
        }
    }
}
