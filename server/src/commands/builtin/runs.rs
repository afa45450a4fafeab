//! `runs`: what goes on, and what went on before.

use topside_shared::command::{Arg, ArgType, Command};
use topside_shared::rows::RunRow;
use topside_shared::text;

use super::{Calling, optional, reads, say};
use crate::authorize::may_see_run;
use crate::commands::{Call, Worker};

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
        let description = "Lists the runs that go on, then those that ended, newest first.";
        reads("runs", &[], "Show the runs", description, vec![limit])
    }

    fn call<'a>(&'a self, call: Call) -> Calling<'a> {
        let limit = usize::try_from(call.int("limit").unwrap_or(USUAL)).unwrap_or(1);
        let runs = &call.server.runs;
        let live = runs.live().into_iter().rev().filter(|run| run.id != call.run.id);
        let live = live.map(|run| (run.owner, run.role, run.row()));
        let heads = ["", "state", "exit", "took", "started", "user", "command"];
        let mut rows = vec![heads.map(str::to_owned)];
        let seen = live
            .chain(runs.ended())
            .filter(|(owner, role, _)| may_see_run(call.who(), *owner, *role));
        rows.extend(seen.take(limit).map(|(_, _, row)| cells(row)));
        say(call, Ok(crate::table::columns(&rows)))
    }
}

fn cells(row: RunRow) -> [String; 7] {
    let started = row.started_at.timestamp().to_zoned(jiff::tz::TimeZone::system());
    let now = topside_shared::Time::now();
    [
        row.run_id.to_string(),
        row.state.words().to_owned(),
        match (row.exit_code, row.signal) {
            (Some(code), _) => code.to_string(),
            (None, Some(signal)) => format!("signal {signal}"),
            (None, None) => "-".to_owned(),
        },
        text::duration(row.duration_ms.unwrap_or_else(|| now.millis_since(row.started_at))),
        started.strftime("%H:%M:%S").to_string(),
        row.user,
        row.command,
    ]
}
