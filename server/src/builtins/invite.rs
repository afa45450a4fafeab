//! `invite`: one string that pairs one more device with this server.

use topside_shared::Role;
use topside_shared::command::{Arg, ArgType, Command, Effect};
use topside_shared::methods::KeyInvite;
use topside_shared::text::MAX_NAME;

use crate::builtins::{optional, reads};
use crate::methods::keys::make_invite;
use crate::workers::worker::{Call, Calling, Worker};

pub(super) struct Invite;

impl Worker for Invite {
    fn declaration(&self) -> Command {
        let name = Arg {
            required: true,
            max_length: Some(MAX_NAME as u64),
            ..optional("name", ArgType::String, "What its holder is called in lists and logs")
        };
        let role = Arg {
            required: true,
            choices: Role::ALL.iter().map(|role| role.name().into()).collect(),
            ..optional("role", ArgType::Enum, "What it may do")
        };
        let minutes = Arg {
            default: Some(10.into()),
            minimum: Some(1.0),
            maximum: Some(1440.0),
            ..optional("minutes", ArgType::Int, "For how long the invite is good")
        };
        let description =
            "Prints one string that lets one more device in over TCP, and opens that if need be.";
        let args = vec![name, role, minutes];
        Command {
            effect: Effect::Write,
            role: Role::Admin,
            ..reads("invite", &[], "Invite a device", description, args)
        }
    }

    fn call<'a>(&'a self, call: Call) -> Calling<'a> {
        Box::pin(async move {
            let text = invite(&call).await?;
            call.print(&text).await;
            Ok(())
        })
    }
}

async fn invite(call: &Call) -> Result<String, String> {
    let role: Role = call.text("role").unwrap_or_default().parse()?;
    let wanted = KeyInvite {
        name: call.text("name").unwrap_or_default().to_owned(),
        role,
        ttl_ms: call.int("minutes").and_then(|minutes| u64::try_from(minutes * 60_000).ok()),
        commands: None,
        lasting: false,
    };
    // It asks whether the caller may: a key that is limited to this command must not make one that is not.
    let made = make_invite(call.caller(), wanted).await.map_err(|error| error.message)?;
    Ok(format!(
        "{}\n\nGood once, for {} as {role}: `topside pair` with it, or i in the picker there.\n",
        made.invite, made.key.name
    ))
}
