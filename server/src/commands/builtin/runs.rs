//! `runs`: what goes on, and what went on before.

use jiff::tz::TimeZone;
use topside_shared::command::{Arg, ArgType, Command};
use topside_shared::rows::{RunRow, RunState};
use topside_shared::{signals, text};

use super::{Calling, optional, reads};
use crate::commands::{Call, Worker};
use crate::runs::Filter;

/// Rows unless told.
const USUAL: i64 = 20;

pub(super) struct Runs;

impl Worker for Runs {
    fn declaration(&self) -> Command {
        let limit = Arg {
            default: Some(USUAL.into()),
            minimum: Some(1.0),
            maximum: Some(200.0),
            ..optional("limit", ArgType::Int, "How many to show")
        };
        let description = "Lists the runs that go on and those that ended, newest first.";
        reads("runs", &[], "Show the runs", description, vec![limit])
    }

    fn call<'a>(&'a self, call: Call) -> Calling<'a> {
        Box::pin(async move {
            let limit = usize::try_from(call.int("limit").unwrap_or(USUAL)).unwrap_or(1);
            let filter = Filter { before: Some(call.run.id), ..Filter::default() };
            let found = call.server.runs.list(filter, &call.who, limit).await;
            let found = found.map_err(|error| error.to_string())?;
            let heads = ["", "state", "exit", "took", "started", "user", "command"];
            let mut rows = vec![heads.map(str::to_owned)];
            rows.extend(found.into_iter().map(cells));
            call.print(&crate::table::columns(&rows)).await;
            Ok(())
        })
    }
}

fn cells(row: RunRow) -> [String; 7] {
    let more =
        row.wait().or_else(|| row.left()).map(|more| format!(" ({more})")).unwrap_or_default();
    let now = topside_shared::Time::now();
    let [started, today] =
        [row.started_at, now].map(|time| time.timestamp().to_zoned(TimeZone::system()));
    let is_of_today = started.date() == today.date();
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
            ms => text::duration(ms.unwrap_or_else(|| now.millis_since(row.started_at))),
        },
        started.strftime(if is_of_today { "%H:%M:%S" } else { "%Y-%m-%d %H:%M" }).to_string(),
        row.user,
        format!("{}{more}", row.command),
    ]
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_run_of_another_day_has_its_date() {
        let row = json!({
            "runId": 7, "command": "dig", "args": {}, "user": "ann", "clientId": 1, "state": "lost",
            "startedAt": "2020-02-20T12:00:00.000Z", "bytes": 0,
        });
        let row: RunRow = serde_json::from_value(row).unwrap();
        let today = RunRow { started_at: topside_shared::Time::now(), ..row.clone() };
        assert!(cells(row)[4].starts_with("2020-02-2"));
        assert_eq!(cells(today)[4].len(), "12:00:00".len());
    }
}
