//! `shutdown` (ks): warns every client, ends every session, then ends the server.

use jiff::tz::TimeZone;
use topside_shared::after_shutdown::AfterShutdown;
use topside_shared::command::{Arg, ArgType, Command, Effect};
use topside_shared::methods::ServerShutdown;
use topside_shared::notifications::return_note;
use topside_shared::text::{self, MAX_REASON};
use topside_shared::values::{parse_duration, parse_expected_return};
use topside_shared::{Role, Time};

use crate::builtins::{optional, reads};
use crate::menu::builtin::{Answering, Builtin, BuiltinCall};
use crate::operations::shutdown;
use crate::server::ServerRef;

/// Most characters of the expected return.
const MAX_BACK: u64 = 64;

pub(super) struct Shutdown {
    pub(super) server: ServerRef,
    /// The ways to shut the box down that are set.
    pub(super) ways: Vec<AfterShutdown>,
}

impl Builtin for Shutdown {
    fn declaration(&self) -> Command {
        let delay = Arg {
            default: Some("0s".into()),
            maximum: Some(86_400_000.0),
            ..optional("delay", ArgType::Duration, "Time until it begins")
        };
        let reason = Arg {
            rest: true,
            max_length: Some(MAX_REASON as u64),
            ..optional("reason", ArgType::String, "Why")
        };
        // Given by name only: `reason` takes the rest of the line.
        let back = Arg {
            max_length: Some(MAX_BACK),
            ..optional("back", ArgType::String, "Expected return: 20:00, or 30m after the shutdown")
        };
        let restart = optional("restart", ArgType::Bool, "Start again at once");
        let mut args = vec![delay, restart, reason, back];
        if !self.ways.is_empty() {
            let description = "What happens to the box after the shutdown";
            let ways = self.ways.iter().map(|way| way.name().into());
            args.push(Arg {
                choices: ways.collect(),
                ..optional("then", ArgType::Enum, description)
            });
        }
        let description = "Warns every client, ends every session, then ends the server.";
        Command {
            effect: Effect::Destructive,
            role: Role::Admin,
            confirm: Some("Shut the server down for all clients?".into()),
            ..reads("shutdown", &["ks"], "Shut the server down", description, args)
        }
    }

    fn answer<'a>(&'a self, call: &'a BuiltinCall) -> Answering<'a> {
        Box::pin(async move {
            let delay_ms = call.text("delay").and_then(parse_duration).unwrap_or(0);
            let restart = call.flag("restart");
            let begin = Time::now().plus_millis(delay_ms);
            let back = call.text("back").filter(|text| !text.trim().is_empty());
            let zone = TimeZone::system();
            let back = back.map(|text| parse_expected_return(text, begin, &zone)).transpose()?;
            let reason = call.text("reason").map(str::to_owned);
            let then = call.text("then").and_then(AfterShutdown::from_name);
            let order = ServerShutdown { delay_ms, reason, back, then, restart };
            let what = order.then().does();
            let answered = call.answered.clone();
            let due = shutdown::schedule(&self.server.get(), &call.client, order, answered)
                .await
                .map_err(|error| error.message)?;
            let back = return_note(back, begin, &zone);
            Ok(if delay_ms == 0 {
                format!("the server {what} now{back}\n")
            } else {
                let left = text::duration(due.in_ms);
                format!("the server {what} in {left}{back}; `topside cancel-shutdown` cancels it\n")
            })
        })
    }
}
