//! `runs`: the newest runs.

use jiff::tz::TimeZone;
use topside_shared::command::{Arg, ArgType, Command};
use topside_shared::methods::RunsPage;
use topside_shared::tables;

use crate::builtins::{json, optional, reads, render};
use crate::history::Filter;
use crate::menu::builtin::{Answering, Builtin, BuiltinCall};
use crate::server::ServerRef;

const DEFAULT_ROWS: i64 = 20;

pub(super) struct Runs(pub(super) ServerRef);

impl Builtin for Runs {
    fn declaration(&self) -> Command {
        let limit = Arg {
            default: Some(DEFAULT_ROWS.into()),
            minimum: Some(1.0),
            maximum: Some(200.0),
            ..optional("limit", ArgType::Int, "How many to show")
        };
        let description = "Lists running, queued and finished runs, newest first.";
        reads("runs", &[], "Show the runs", description, vec![limit, json()])
    }

    fn answer<'a>(&'a self, call: &'a BuiltinCall) -> Answering<'a> {
        Box::pin(async move {
            let limit = usize::try_from(call.int("limit").unwrap_or(DEFAULT_ROWS)).unwrap_or(1);
            let who = call.client.who();
            let rows = self.0.get().runs.list(Filter::default(), &who, limit).await;
            let page = RunsPage { runs: rows.map_err(|error| error.to_string())?, next: None };
            let you = call.client.called();
            render(call, &page, |page| {
                let rows = page.runs.iter().map(|row| row.clone().with_you(&you));
                tables::runs(&rows.collect::<Vec<_>>(), &TimeZone::system())
            })
        })
    }
}
