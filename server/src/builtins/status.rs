//! `status` (gat): the state of the server and its figures.

use jiff::tz::TimeZone;
use topside_shared::command::Command;
use topside_shared::tables;

use crate::builtins::{json, reads, ready, render};
use crate::menu::builtin::{Answering, Builtin, BuiltinCall};
use crate::operations::status::status;
use crate::server::ServerRef;

pub(super) struct Status(pub(super) ServerRef);

impl Builtin for Status {
    fn declaration(&self) -> Command {
        let description = "Shows what runs, who is connected, and the server's own figures.";
        reads("status", &["gat"], "Show the server's status", description, vec![json()])
    }

    fn answer<'a>(&'a self, call: &'a BuiltinCall) -> Answering<'a> {
        let server = self.0.get();
        let text = |status: &_| tables::status(&server.info, status, &TimeZone::system());
        ready(render(call, &status(&server), text))
    }
}
