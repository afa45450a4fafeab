//! `close`: ends the caller's own session.

use topside_shared::command::Command;
use topside_shared::notifications::{EndCode, SessionEnded};

use crate::builtins::{reads, ready};
use crate::menu::builtin::{Answering, Builtin, BuiltinCall};

pub(super) struct Close;

impl Builtin for Close {
    fn declaration(&self) -> Command {
        let description = "Ends your own session; the server continues.";
        reads("close", &[], "End your session", description, Vec::new())
    }

    fn answer<'a>(&'a self, call: &'a BuiltinCall) -> Answering<'a> {
        // The session sends this answer before it ends.
        let by = call.who().user.clone();
        call.client.outbox.end(SessionEnded::new(EndCode::Closed, "", by));
        ready(Ok(String::new()))
    }
}
