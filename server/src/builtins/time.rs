//! `time` (gt): the box's clock.

use topside_shared::command::Command;

use crate::builtins::{json, reads, ready, render};
use crate::menu::builtin::{Answering, Builtin, BuiltinCall};

pub(super) struct Time;

impl Builtin for Time {
    fn declaration(&self) -> Command {
        let description = "Shows date and time of the box, in its own time zone and in UTC.";
        reads("time", &["gt"], "Show the time", description, vec![json()])
    }

    fn answer<'a>(&'a self, call: &'a BuiltinCall) -> Answering<'a> {
        let here = jiff::Zoned::now().strftime("%A %Y-%m-%d %H:%M:%S %Z").to_string();
        let time = serde_json::json!({"time": topside_shared::Time::now(), "local": here});
        ready(render(call, &time, |_| format!("{here}\n{}\n", topside_shared::Time::now())))
    }
}
