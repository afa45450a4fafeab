//! `log` (rlf): the last lines of the server's log.

use jiff::tz::TimeZone;
use topside_shared::Role;
use topside_shared::command::{Arg, ArgType, Command};
use topside_shared::methods::{LogEntries, MAX_BEFORE};
use topside_shared::notifications::Level;
use topside_shared::tables::log_lines;
use topside_shared::values::parse_since;

use crate::base::log::{KEPT, LogQuery};
use crate::builtins::{json, optional, reads, render};
use crate::menu::builtin::{Answering, Builtin, BuiltinCall};
use crate::server::ServerRef;

const DEFAULT_LINES: i64 = 50;
/// Most characters of a time.
const MAX_SINCE: u64 = 64;

pub(super) struct Log(pub(super) ServerRef);

impl Builtin for Log {
    fn declaration(&self) -> Command {
        let lines = Arg {
            default: Some(DEFAULT_LINES.into()),
            minimum: Some(1.0),
            maximum: Some(KEPT as f64),
            ..optional("lines", ArgType::Int, "Number of last lines")
        };
        let text = Arg {
            rest: true,
            ..optional("match", ArgType::String, "Only lines that contain this text, ignoring case")
        };
        // The others are given by name only: `match` takes the rest of the line.
        let or = Arg {
            multiple: true,
            by_name: true,
            ..optional("or", ArgType::String, "Also lines that contain this text")
        };
        let since = Arg {
            max_length: Some(MAX_SINCE),
            by_name: true,
            ..optional(
                "since",
                ArgType::String,
                "Only lines since then: 2h ago, or a time in RFC 3339",
            )
        };
        let level = Arg {
            choices: Level::ALL.map(|level| level.name().into()).into(),
            by_name: true,
            ..optional("level", ArgType::Enum, "Only lines of this level or above")
        };
        let before = Arg {
            minimum: Some(0.0),
            maximum: Some(MAX_BEFORE as f64),
            by_name: true,
            ..optional("before", ArgType::Int, "Number of lines above each of them")
        };
        let description = "Shows starts and stops, connections and commands.";
        let args = vec![lines, text, or, since, level, before, json()];
        Command { role: Role::Admin, ..reads("log", &["rlf"], "Read the log", description, args) }
    }

    fn answer<'a>(&'a self, call: &'a BuiltinCall) -> Answering<'a> {
        let number = |name: &str| call.int(name).and_then(|number| usize::try_from(number).ok());
        let lines = number("lines").unwrap_or(DEFAULT_LINES as usize);
        let before = number("before").unwrap_or_default();
        let matching = call.text("match").map(str::to_owned).into_iter().chain(call.texts("or"));
        let matching = matching.collect();
        let level = call.text("level").and_then(Level::from_name);
        Box::pin(async move {
            let since = call.text("since").map(parse_since).transpose();
            let since = since.map_err(|why| format!("since: {why}"))?;
            let query = LogQuery { lines, matching, since, level, before, numbers: true };
            let entries = self.0.get().log.search(query).await;
            render(call, &LogEntries { entries }, |found| match found.entries.is_empty() {
                true => "(no line of the log matches)\n".to_owned(),
                false => log_lines(&found.entries, &TimeZone::system()),
            })
        })
    }
}
