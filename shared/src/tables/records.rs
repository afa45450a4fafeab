//! Tables of clients and of runs.

use jiff::tz::TimeZone;

use super::{cell, columns};
use crate::records::{ClientRow, ResultFile, RunRow, RunState};
use crate::signals;
use crate::text::{self, MAX_NAME, MAX_QUOTED, MAX_REASON, clean, did_you_mean, nearest, quote};
use crate::time::Time;

/// Clients, a line each under their heads.
pub fn clients<'r>(rows: impl IntoIterator<Item = &'r ClientRow>) -> String {
    let heads = ["", "address", "type", "user", "role", "program", "idle", "runs"];
    let rows = rows.into_iter().map(client_cells);
    columns(&std::iter::once(heads.map(str::to_owned)).chain(rows).collect::<Vec<_>>())
}

/// One client on a line of its own.
pub fn client(row: &ClientRow) -> String {
    columns(&[client_cells(row)])
}

fn client_cells(row: &ClientRow) -> [String; 8] {
    let runs: Vec<String> = row
        .runs
        .iter()
        .map(|run| format!("{} {}", run.run_id, clean(&run.command, MAX_NAME)))
        .collect();
    [
        row.client_id.to_string(),
        clean(&row.address, MAX_NAME),
        row.connection.title().to_owned(),
        clean(&row.user, MAX_NAME),
        super::role(row.role, row.agent),
        cell(row.client.as_ref().map(|program| clean(&program.name, MAX_NAME))),
        if row.you { "you".to_owned() } else { text::duration(row.idle_ms) },
        runs.join(", "),
    ]
}

/// Runs, a line each under their heads.
pub fn runs<'r>(rows: impl IntoIterator<Item = &'r RunRow>, zone: &TimeZone) -> String {
    let heads = ["", "state", "exit", "took", "started", "user", "command"];
    let rows = rows.into_iter().map(|row| run_cells(row, zone));
    columns(&std::iter::once(heads.map(str::to_owned)).chain(rows).collect::<Vec<_>>())
}

/// One run on a line of its own.
pub fn run(row: &RunRow, zone: &TimeZone) -> String {
    columns(&[run_cells(row, zone)])
}

fn run_cells(row: &RunRow, zone: &TimeZone) -> [String; 7] {
    let more = row.remark().map(|more| format!(" ({more})")).unwrap_or_default();
    [
        row.run_id.to_string(),
        row.state.words().to_owned(),
        match (row.exit_code, row.signal) {
            (Some(code), _) => code.to_string(),
            (None, Some(signal)) => signals::name(signal),
            (None, None) => "-".to_owned(),
        },
        match row.duration_ms {
            None if row.state != RunState::Running => "-".to_owned(),
            ms => text::duration(ms.unwrap_or_else(|| Time::now().millis_since(row.started_at))),
        },
        row.started_at.to_second(zone),
        clean(&row.user, MAX_NAME),
        format!("{}{more}", clean(&row.command, MAX_NAME)),
    ]
}

/// Results of a run, a line each: name, size and SHA-256.
pub fn results(files: &[ResultFile]) -> String {
    let row = |file: &ResultFile| {
        [clean(&file.name, MAX_REASON), text::bytes(file.size), file.sha256.clone()]
    };
    columns(&files.iter().map(row).collect::<Vec<_>>())
}

/// The results of a run that `fetch` means: the one of this name, or all.
///
/// # Errors
/// The run has no such result, or none at all, as a sentence.
pub fn chosen_results<'r>(row: &'r RunRow, name: Option<&str>) -> Result<&'r [ResultFile], String> {
    let run = row.run_id;
    if row.files.is_empty() {
        return Err(match row.state.ended() {
            true => format!("run {run} has left no results"),
            false => format!("run {run} has not ended: its results are there afterwards"),
        });
    }
    let Some(name) = name else { return Ok(&row.files) };
    let found = row.files.iter().find(|file| file.name == name).map(std::slice::from_ref);
    found.ok_or_else(|| {
        let near = nearest(name, row.files.iter().map(|file| file.name.as_str()));
        let hint = clean(&did_you_mean(&near), MAX_REASON);
        format!("run {run} has no result {}{hint}", quote(name, MAX_QUOTED))
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// A run of today had its time of day alone, and no zone.
    #[test]
    fn a_run_has_its_date_and_the_offset_of_the_zone() {
        let row = json!({
            "runId": 7, "command": "dig", "args": {}, "user": "ann", "clientId": 1, "state": "lost",
            "startedAt": "2020-02-20T12:00:00.000Z", "bytes": 0,
        });
        let row: RunRow = serde_json::from_value(row).unwrap();
        let today = RunRow { started_at: Time::now(), ..row.clone() };
        let zone = TimeZone::fixed(jiff::tz::offset(2));
        assert_eq!(run_cells(&row, &zone)[4], "2020-02-20 14:00:00+02:00");
        assert_eq!(run_cells(&today, &zone)[4].len(), "2020-02-20 14:00:00+02:00".len());
    }

    /// The row read `not approved: cancelled by ann (#3); cancelled by ann (#3)`.
    #[test]
    fn the_reason_of_a_run_that_was_cancelled_before_its_approval_is_written_once() {
        let row = json!({
            "runId": 7, "command": "wipe", "args": {}, "user": "ann", "clientId": 3, "state": "cancelled",
            "startedAt": "2020-02-20T12:00:00.000Z", "bytes": 0, "endedBy": "ann (#3)",
            "approval": {"role": "admin", "state": "withdrawn", "reason": "cancelled by ann (#3)"},
        });
        let row: RunRow = serde_json::from_value(row).unwrap();
        let command = |row: &RunRow| run_cells(row, &TimeZone::UTC)[6].clone();
        assert_eq!(command(&row), "wipe (not approved; cancelled by ann (#3))");
        let yours = row.clone().with_you("ann (#3)");
        assert_eq!(command(&yours), "wipe (not approved; cancelled by you)");
        assert_eq!(
            command(&row.with_you("ann (#4)")),
            "wipe (not approved; cancelled by ann (#3))"
        );
    }

    #[test]
    fn what_others_wrote_cannot_steer_the_reader_s_terminal() {
        let row = json!({
            "clientId": 4, "address": "192.168.1.9:4\u{1b}[2J", "connection": "lan", "user": "a\u{202e}nn",
            "role": "viewer", "client": {"name": "x\ny"}, "connectedAt": "2020-02-20T12:00:00.000Z", "idleMs": 41,
        });
        let row: ClientRow = serde_json::from_value(row).unwrap();
        let said = client(&row);
        assert!(said.contains("192.168.1.9:4[2J") && said.contains("ann"), "{said}");
        assert!(said.trim_end().chars().all(|c| !text::is_control(c)), "{said:?}");
    }
}
