//! `log` (rlf): the last lines of the server's log.

use topside_shared::Role;
use topside_shared::command::{Arg, ArgType, Command};
use topside_shared::tables::log_line;

use crate::base::log::KEPT;
use crate::builtins::{optional, reads, say, server};
use crate::workers::worker::{Call, Calling, Worker};

/// Lines unless told.
const USUAL: i64 = 50;

pub(super) struct Log;

impl Worker for Log {
    fn declaration(&self) -> Command {
        let lines = Arg {
            default: Some(USUAL.into()),
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
            ..reads("log", &["rlf"], "Read the log", description, vec![lines, text])
        }
    }

    fn call<'a>(&'a self, call: Call) -> Calling<'a> {
        let lines = usize::try_from(call.int("lines").unwrap_or(USUAL)).unwrap_or(1);
        let log = &server(&call).log;
        let entries = log.tail(lines, call.text("match"), log.clock());
        let mut text: String = entries.iter().map(|entry| log_line(entry) + "\n").collect();
        if text.is_empty() {
            text.push_str("(no line of the log matches)\n");
        }
        say(call, Ok(text))
    }
}
