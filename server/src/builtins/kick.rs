//! `kick`: ends somebody else's session.

use topside_shared::command::{Arg, ArgType, Command, Effect};
use topside_shared::text::MAX_REASON;
use topside_shared::{ClientId, Role};

use crate::builtins::{optional, reads};
use crate::methods::clients::send_away;
use crate::workers::worker::{Call, Calling, Worker};

pub(super) struct Kick;

impl Worker for Kick {
    fn declaration(&self) -> Command {
        let client = Arg {
            required: true,
            minimum: Some(1.0),
            ..optional("client", ArgType::Int, "The number that `clients` shows")
        };
        let reason = Arg {
            rest: true,
            max_length: Some(MAX_REASON as u64),
            ..optional("reason", ArgType::String, "Told to that client")
        };
        let description = "Ends the session of another client, who is told why and by whom.";
        Command {
            effect: Effect::Write,
            role: Role::Admin,
            confirm: Some("End the session of client {client}?".into()),
            ..reads("kick", &[], "Send a client away", description, vec![client, reason])
        }
    }

    fn call<'a>(&'a self, call: Call) -> Calling<'a> {
        Box::pin(async move {
            let whom = ClientId(u64::try_from(call.int("client").unwrap_or(0)).unwrap_or(0));
            let reason = call.text("reason").unwrap_or_default();
            let sent = send_away(&call.server, &call.client, whom, reason).await;
            sent.map_err(|error| error.message)?;
            call.line(format!("{whom} was sent away")).await;
            Ok(())
        })
    }
}
