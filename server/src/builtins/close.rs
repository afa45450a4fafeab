//! `close`: ends the caller's own session.

use topside_shared::command::Command;
use topside_shared::notifications::{EndCode, SessionEnded};

use crate::builtins::{reads, say};
use crate::workers::worker::{Call, Calling, Worker};

pub(super) struct Close;

impl Worker for Close {
    fn declaration(&self) -> Command {
        reads(
            "close",
            &[],
            "End your session",
            "Ends your own session; the server goes on.",
            Vec::new(),
        )
    }

    fn call<'a>(&'a self, call: Call) -> Calling<'a> {
        call.client.outbox.end(SessionEnded {
            code: EndCode::Closed,
            reason: String::new(),
            by: call.who().user.clone(),
        });
        say(call, Ok(String::new()))
    }
}
