//! `log` (rlf): the last lines of the server's log.

use jiff::tz::TimeZone;
use topside_shared::Role;
use topside_shared::command::{Arg, ArgType, Command};
use topside_shared::methods::LogEntries;
use topside_shared::tables::printed_log_line;

use crate::base::log::KEPT;
use crate::builtins::{json, optional, reads, render};
use crate::menu::builtin::{Answering, Builtin, BuiltinCall};
use crate::server::ServerRef;

const DEFAULT_LINES: i64 = 50;

pub(super) struct Log(pub(super) ServerRef);

impl Builtin for Log {
    fn declaration(&self) -> Command {
        let lines = Arg {
            default: Some(DEFAULT_LINES.into()),
            minimum: Some(1.0),
            maximum: Some(KEPT as f64),
            ..optional("lines", ArgType::Int, "How many of the last lines")
        };
        let text = Arg {
            rest: true,
            ..optional("match", ArgType::String, "Only lines that hold this text, in any case")
        };
        let description = "Shows starts and stops, connections and commands.";
        Command {
            role: Role::Admin,
            ..reads("log", &["rlf"], "Read the log", description, vec![lines, text, json()])
        }
    }

    fn answer<'a>(&'a self, call: &'a BuiltinCall) -> Answering<'a> {
        let lines = usize::try_from(call.int("lines").unwrap_or(DEFAULT_LINES)).unwrap_or(1);
        Box::pin(async move {
            let entries = self.0.get().log.search(lines, call.text("match")).await;
            render(call, &LogEntries { entries }, |found| match found.entries.is_empty() {
                true => "(no line of the log matches)\n".to_owned(),
                false => {
                    let zone = TimeZone::system();
                    let line = |entry| printed_log_line(entry, &zone) + "\n";
                    found.entries.iter().map(line).collect()
                }
            })
        })
    }
}
