//! `broadcast`: tells everybody who is connected something.

use topside_shared::Role;
use topside_shared::command::{Arg, ArgType, Command, Effect};
use topside_shared::notifications::Urgency;
use topside_shared::text::MAX_BROADCAST;

use crate::builtins::{optional, reads, say};
use crate::methods::clients::tell_everybody;
use crate::workers::worker::{Call, Calling, Worker};

pub(super) struct Broadcast;

impl Worker for Broadcast {
    fn declaration(&self) -> Command {
        let warning = optional("warning", ArgType::Bool, "It is a warning");
        let message = Arg {
            rest: true,
            required: true,
            max_length: Some(MAX_BROADCAST as u64),
            ..optional("message", ArgType::String, "What everybody is told")
        };
        let description = "Tells everybody who is connected something, at once and with your name.";
        Command {
            effect: Effect::Write,
            role: Role::Admin,
            ..reads(
                "broadcast",
                &["wall"],
                "Tell everybody something",
                description,
                vec![warning, message],
            )
        }
    }

    fn call<'a>(&'a self, call: Call) -> Calling<'a> {
        let level = if call.flag("warning") { Urgency::Warning } else { Urgency::Info };
        let message = call.text("message").unwrap_or_default();
        let told = tell_everybody(&call.server, &call.client, message, level);
        let text = told.map_err(|error| error.message).map(|delivered| match delivered {
            1 => "1 client was told\n".to_owned(),
            n => format!("{n} clients were told\n"),
        });
        say(call, text)
    }
}
