//! Keys over the wire: inviting, enrolling, listing and taking away.

use std::net::SocketAddr;
use std::sync::Arc;

use topside_shared::methods::{
    Empty, Enrolled, KeyEnrol, KeyInvite, KeyInvited, KeyRevoke, KeyRow, Keys as Listed, KeysList,
};
use topside_shared::text::clean;
use topside_shared::{ErrorKind, Pin, RpcError, text, tls};

use super::{After, Answered, Caller};
use crate::clients::{Client, Owner, Scope};
use crate::door::{OpenError, invite_addresses};
use crate::keys::{Change, KeyError, Offer, Place, Revoked, watch};
use crate::server::Server;

pub(super) async fn invite(caller: Caller, params: KeyInvite) -> Result<KeyInvited, RpcError> {
    make_invite(&caller.server, &caller.client, params).await
}

/// Makes an invite or a token for a client that may; the first one opens the door.
///
/// # Errors
/// `invalidParams`, `busy`, or why TCP cannot be opened.
pub(crate) async fn make_invite(
    server: &Arc<Server>,
    client: &Client,
    wanted: KeyInvite,
) -> Result<KeyInvited, RpcError> {
    let offer = Offer::check(wanted, &server.menu)?;
    // One first invite at a time: both would open the door.
    let _opening = server.door.opening().await;
    // First, so that what goes wrong goes wrong before anybody has been invited.
    let ready = server.blocking(|server| server.door.prepare(&server.keys)).await?;
    let ready = ready.map_err(cannot_open)?;
    let opened = server.door.opened();
    let opened = match (&ready, &opened) {
        (Some(ready), _) => ready.opened(),
        (None, Some(opened)) => opened,
        (None, None) => return Err(cannot_open(OpenError::NoAddress)),
    };
    let place = Place {
        pin: opened.pin,
        name: server.info.hostname.clone(),
        addresses: invite_addresses(opened.addresses.iter().map(SocketAddr::ip)),
        port: opened.port(),
        router: server.reach.for_invites(),
    };
    let (row, invite, _) =
        offer.make(place).map_err(|error| RpcError::new(ErrorKind::Internal, error))?;
    let row = change(server, Change::Add(row)).await?;
    if let Some(ready) = ready {
        server.door.open(server, ready).map_err(cannot_open)?;
    }
    tracing::info!(
        target: "topside", client = client.id.0, by = client.who().user, key = row.name,
        role = row.role.name(), id = %row.key_id, state = row.state.words(), "key made"
    );
    Ok(KeyInvited { invite: invite.to_string(), key: row })
}

pub(super) async fn enrol(
    caller: Caller,
    params: KeyEnrol,
) -> Result<Answered<Enrolled>, RpcError> {
    let Caller { server, client } = &caller;
    let who = client.who();
    let (Owner::Key(invite), Scope::Enrol { exporter }) = (who.owner, &who.scope) else {
        return Err(RpcError::new(ErrorKind::Forbidden, "only a one-time key enrols another"));
    };
    let KeyEnrol { key, name, signature } = params;
    let message = tls::enrol_message(exporter, &key.0);
    if !tls::is_signed_by(&key.0, &message, &signature.0) {
        let message = "`signature` must be by `key`, an Ed25519 key, over this very connection";
        return Err(RpcError::new(ErrorKind::InvalidParams, message).with("argument", "signature"));
    }
    let key = Pin::of_spki(&key.0);
    if key == invite {
        let message =
            "`key` must be the client's own: whoever has seen the invite has the invite's too";
        return Err(RpcError::new(ErrorKind::InvalidParams, message).with("argument", "key"));
    }
    let name = clean(&name, text::MAX_NAME);
    let row = change(server, Change::Enrol { invite, key, name }).await?;
    tracing::info!(
        target: "topside", client = client.id.0, key = row.name, role = row.role.name(),
        id = %row.key_id, "key enrolled"
    );
    watch::enforce(server, Some(client.id), "its invite was used", "");
    let answer = Enrolled { key_id: row.key_id, name: row.name, role: row.role };
    Ok(Answered { answer, after: vec![After::Close] })
}

pub(super) async fn list(caller: Caller, KeysList {}: KeysList) -> Result<Listed, RpcError> {
    Ok(Listed { keys: caller.server.keys.list() })
}

pub(super) async fn revoke(caller: Caller, params: KeyRevoke) -> Result<Empty, RpcError> {
    revoke_key(&caller.server, &caller.client, params.key_id).await.map(|()| Empty {})
}

/// Takes a key away for a client that may, and ends its sessions.
///
/// # Errors
/// `notFound`, or `forbidden` for the last admin key from elsewhere.
pub(crate) async fn revoke_key(
    server: &Arc<Server>,
    client: &Client,
    key: Pin,
) -> Result<(), RpcError> {
    let who = client.who();
    let from = match who.owner {
        Owner::User(_) => Revoked::Here,
        Owner::Key(_) => Revoked::Remotely,
    };
    let row = change(server, Change::Revoke { key, from }).await?;
    let by = format!("{} ({})", who.user, client.id);
    tracing::info!(
        target: "topside", client = client.id.0, by, key = row.name, id = %row.key_id, "key revoked"
    );
    watch::enforce(server, None, "", &by);
    Ok(())
}

/// Changes the list of keys; what has begun is done whole, whoever goes away meanwhile.
async fn change(server: &Arc<Server>, change: Change) -> Result<KeyRow, RpcError> {
    server.blocking(move |server| server.keys.change(change)).await?.map_err(refused)
}

fn refused(error: KeyError) -> RpcError {
    let kind = match &error {
        KeyError::TooManyInvites | KeyError::Full => ErrorKind::Busy,
        KeyError::Unknown(_) | KeyError::Over(..) => ErrorKind::NotFound,
        KeyError::LastAdmin => ErrorKind::Forbidden,
        KeyError::Write { .. } => ErrorKind::Internal,
    };
    RpcError::new(kind, error)
}

fn cannot_open(error: OpenError) -> RpcError {
    let kind = match &error {
        OpenError::LocalOnly | OpenError::NoAddress => ErrorKind::Forbidden,
        _ => ErrorKind::Internal,
    };
    RpcError::new(kind, error)
}
