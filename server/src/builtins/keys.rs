//! `keys`: who may come in over TCP.

use topside_shared::Role;
use topside_shared::command::Command;
use topside_shared::methods::Method;
use topside_shared::tables::keys;

use crate::authorize::{Action, authorize};
use crate::builtins::{reads, say};
use crate::workers::worker::{Call, Calling, Worker};

pub(super) struct Keys;

impl Worker for Keys {
    fn declaration(&self) -> Command {
        let description = "Lists the keys that may come in over TCP, and those that no longer may.";
        let reads = reads("keys", &[], "Show the keys", description, Vec::new());
        Command { role: Role::Admin, ..reads }
    }

    fn call<'a>(&'a self, call: Call) -> Calling<'a> {
        let allowed = authorize(call.who(), Action::Call(Method::KeysList));
        let text = allowed.map(|()| keys::list(&call.server.keys.list()));
        say(call, text.map_err(|error| error.message))
    }
}
