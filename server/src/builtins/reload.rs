//! `reload`: reads the server's files again.

use topside_shared::Role;
use topside_shared::command::{Command, Effect};

use crate::builtins::reads;
use crate::operations::reload::reload;
use crate::workers::worker::{Call, Calling, Worker};

pub(super) struct Reload;

impl Worker for Reload {
    fn declaration(&self) -> Command {
        let description =
            "Reads server.toml and the menu again: all of it takes effect, or nothing does.";
        Command {
            effect: Effect::Write,
            role: Role::Admin,
            ..reads("reload", &[], "Read the files again", description, Vec::new())
        }
    }

    fn call<'a>(&'a self, call: Call) -> Calling<'a> {
        Box::pin(async move {
            let by = call.client.called();
            let done = reload(&call.server, &by).await;
            let done = done.map_err(|error| format!("nothing was changed:\n{error}"))?;
            let said = done.changed.sentences();
            if said.is_empty() {
                call.line("nothing has changed").await;
            }
            for sentence in said {
                call.line(sentence).await;
            }
            Ok(())
        })
    }
}
