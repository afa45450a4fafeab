//! `version` (gv): what runs here.

use topside_shared::PROTOCOL_VERSION;
use topside_shared::command::Command;

use crate::builtins::{reads, say, server};
use crate::workers::worker::{Call, Calling, Worker};

pub(super) struct Version;

impl Worker for Version {
    fn declaration(&self) -> Command {
        let description = "Shows the server's version and that of the protocol.";
        reads("version", &["gv"], "Show the version", description, Vec::new())
    }

    fn call<'a>(&'a self, call: Call) -> Calling<'a> {
        let info = &server(&call).info;
        let text = format!("{} {}, protocol {PROTOCOL_VERSION}\n", info.name, info.version);
        say(call, Ok(text))
    }
}
