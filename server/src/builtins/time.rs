//! `time` (gt): the box's clock.

use topside_shared::command::Command;

use crate::builtins::{reads, say};
use crate::workers::worker::{Call, Calling, Worker};

pub(super) struct Time;

impl Worker for Time {
    fn declaration(&self) -> Command {
        let description = "Shows date and time of the box, in its own time zone and in UTC.";
        reads("time", &["gt"], "Show the time", description, Vec::new())
    }

    fn call<'a>(&'a self, call: Call) -> Calling<'a> {
        let now = jiff::Zoned::now();
        let here = now.strftime("%A %Y-%m-%d %H:%M:%S %Z");
        say(call, Ok(format!("{here}\n{}\n", topside_shared::Time::now())))
    }
}
