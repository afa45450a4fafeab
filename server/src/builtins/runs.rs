//! `runs`: what goes on, and what went on before.

use topside_shared::command::{Arg, ArgType, Command};
use topside_shared::tables;

use crate::builtins::{optional, reads, server};
use crate::history::Filter;
use crate::workers::worker::{Call, Calling, Worker};

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
            let found = server(&call).runs.list(filter, &call.who, limit).await;
            let found = found.map_err(|error| error.to_string())?;
            call.print(&tables::runs(&found)).await;
            Ok(())
        })
    }
}
