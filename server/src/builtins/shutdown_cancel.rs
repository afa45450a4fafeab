//! `shutdown-cancel`: calls a scheduled shutdown off.

use topside_shared::Role;
use topside_shared::command::{Command, Effect};

use crate::builtins::{reads, say};
use crate::methods::server::call_off_shutdown;
use crate::workers::worker::{Call, Calling, Worker};

pub(super) struct ShutdownCancel;

impl Worker for ShutdownCancel {
    fn declaration(&self) -> Command {
        let description = "Calls off a shutdown that is due, and tells everybody.";
        Command {
            effect: Effect::Write,
            role: Role::Admin,
            ..reads("shutdown-cancel", &[], "Call a shutdown off", description, Vec::new())
        }
    }

    fn call<'a>(&'a self, call: Call) -> Calling<'a> {
        let called_off = call_off_shutdown(&call.server, &call.client);
        let text = called_off.map(|()| "the shutdown is called off\n".to_owned());
        say(call, text.map_err(|error| error.message))
    }
}
