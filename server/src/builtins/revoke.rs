//! `revoke`: takes a key away.

use topside_shared::Role;
use topside_shared::command::{Arg, ArgType, Command, Effect};
use topside_shared::methods::Method;
use topside_shared::tables::keys;

use crate::authorize::{Action, authorize};
use crate::builtins::{optional, reads};
use crate::methods::keys::revoke_key;
use crate::workers::worker::{Call, Calling, Worker};

pub(super) struct Revoke;

impl Worker for Revoke {
    fn declaration(&self) -> Command {
        let key = Arg {
            required: true,
            ..optional("key", ArgType::String, "Its name, or the beginning of its digits")
        };
        let description =
            "Takes a key away: nobody comes in with it any more, and its sessions end.";
        Command {
            effect: Effect::Destructive,
            role: Role::Admin,
            confirm: Some("Take the key {key} away, and end its sessions?".into()),
            ..reads("revoke", &[], "Take a key away", description, vec![key])
        }
    }

    fn call<'a>(&'a self, call: Call) -> Calling<'a> {
        Box::pin(async move {
            let said = revoke(&call).await?;
            call.line(said).await;
            Ok(())
        })
    }
}

async fn revoke(call: &Call) -> Result<String, String> {
    authorize(call.who(), Action::Call(Method::KeyRevoke)).map_err(|error| error.message)?;
    let rows = call.server.keys.list();
    let called = call.text("key").unwrap_or_default();
    let row = keys::find(&rows, called).map_err(|error| error.to_string())?;
    revoke_key(call.caller(), row.key_id).await.map_err(|error| error.message)?;
    Ok(format!("revoked {} ({})", row.name, row.key_id))
}
