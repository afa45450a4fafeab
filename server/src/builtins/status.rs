//! `status` (gat): what is running, and how the server stands.

use topside_shared::command::Command;
use topside_shared::tables;

use crate::builtins::{reads, say, server};
use crate::operations::status::status;
use crate::workers::worker::{Call, Calling, Worker};

pub(super) struct Status;

impl Worker for Status {
    fn declaration(&self) -> Command {
        let description = "Shows what runs, who is connected, and the server's own figures.";
        reads("status", &["gat"], "Show how things stand", description, Vec::new())
    }

    fn call<'a>(&'a self, call: Call) -> Calling<'a> {
        let status = status(&server(&call));
        let text = tables::status(&server(&call).info, &status);
        say(call, Ok(text))
    }
}
