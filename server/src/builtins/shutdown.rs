//! `shutdown` (ks): warns every client, ends every session, then ends the server.

use std::time::Duration;

use topside_shared::Role;
use topside_shared::command::{Arg, ArgType, Command, Effect};
use topside_shared::methods::ServerShutdown;
use topside_shared::text::{self, MAX_REASON};

use crate::builtins::{optional, reads};
use crate::menu::builtin::{Answering, Builtin, BuiltinCall};
use crate::operations::shutdown;
use crate::server::ServerRef;

/// Most characters of the expected return.
const MAX_BACK: u64 = 64;

pub(super) struct Shutdown(pub(super) ServerRef);

impl Builtin for Shutdown {
    fn declaration(&self) -> Command {
        let delay = Arg {
            default: Some(0.into()),
            minimum: Some(0.0),
            maximum: Some(86_400.0),
            ..optional("delay", ArgType::Int, "Seconds until it begins")
        };
        let reason = Arg {
            rest: true,
            max_length: Some(MAX_REASON as u64),
            ..optional("reason", ArgType::String, "Why")
        };
        // Given by name only: `reason` takes the rest of the line.
        let back = Arg {
            max_length: Some(MAX_BACK),
            ..optional("back", ArgType::String, "When it is expected back: 14:00, tomorrow")
        };
        let restart = optional("restart", ArgType::Bool, "Start again at once");
        let description = "Warns every client, ends every session, then ends the server.";
        Command {
            effect: Effect::Destructive,
            role: Role::Admin,
            confirm: Some("Shut the server down for all clients?".into()),
            ..reads(
                "shutdown",
                &["ks"],
                "Shut the server down",
                description,
                vec![delay, restart, reason, back],
            )
        }
    }

    fn answer<'a>(&'a self, call: &'a BuiltinCall) -> Answering<'a> {
        Box::pin(async move {
            let delay = u64::try_from(call.int("delay").unwrap_or(0)).unwrap_or(0);
            let restart = call.flag("restart");
            let reason = ServerShutdown::reason_with_return(call.text("reason"), call.text("back"));
            let due = shutdown::schedule(
                &self.0.get(),
                &call.client,
                Duration::from_secs(delay),
                reason.as_deref(),
                restart,
                Some(call.answered.clone()),
            )
            .await
            .map_err(|error| error.message)?;
            let what = if restart { "restarts" } else { "shuts down" };
            Ok(if delay == 0 {
                format!("the server {what} now\n")
            } else {
                let left = text::duration(due.in_ms);
                format!("the server {what} in {left}; `topside call-off` cancels that\n")
            })
        })
    }
}
