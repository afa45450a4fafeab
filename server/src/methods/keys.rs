//! `key/invite`, `key/enrol`, `keys/list` and `key/revoke`.

use std::net::SocketAddr;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use topside_shared::methods::{
    Empty, KeyEnrol, KeyEnrolResult, KeyInvite, KeyInviteResult, KeyRevoke, KeyRow, Keys as Listed,
    KeysList, Method,
};
use topside_shared::text::clean;
use topside_shared::{ErrorKind, Pin, RpcError, text, tls};

use crate::admission::tcp_port::OpenError;
use crate::base::identity::{Owner, Scope};
use crate::base::peer::invite_addresses;
use crate::base::shortage;
use crate::clients::Client;
use crate::keys::change::{KeyChange, Revoked};
use crate::keys::invite::{InviteRequest, ServerAddress};
use crate::keys::{KeyError, expiry};
use crate::methods::{After, Answered, Caller};
use crate::server::Server;

/// Creates an invite or a token; the first one opens the TCP port.
pub(super) async fn make_invite(
    caller: Caller,
    wanted: KeyInvite,
) -> Result<KeyInviteResult, RpcError> {
    let request =
        InviteRequest::check(wanted, &caller.server.now().menu.all().collect::<Vec<_>>())?;
    in_turn(caller, Method::KeyInvite, |server, client| {
        Box::pin(async move {
            // First, so that a failure leaves no key behind.
            let ready = server.blocking(|server| server.tcp.prepare(&server.keys)).await?;
            let ready = ready.map_err(cannot_open)?;
            let opened = server.tcp.opened();
            let opened = match (&ready, &opened) {
                (Some(ready), _) => ready.opened(),
                (None, Some(opened)) => opened,
                (None, None) => return Err(cannot_open(OpenError::NoAddress)),
            };
            let place = ServerAddress {
                pin: opened.pin,
                name: server.info.hostname.clone(),
                addresses: invite_addresses(opened.addresses.iter().map(SocketAddr::ip)),
                port: opened.port(),
                router: server.internet_address(opened.port()),
            };
            let (row, invite, _) = request
                .make(place)
                .map_err(|error| shortage::rpc_error(error, ErrorKind::Internal))?;
            let row = change(server, client, KeyChange::Add(row)).await?;
            if let Some(ready) = ready {
                server.tcp.open(&server.tasks, &server.keys, ready).map_err(cannot_open)?;
            }
            tracing::info!(
                target: "topside", client = client.id.0, by = client.who().user, key = row.name,
                role = row.role.name(), id = %row.key_id, state = row.state.name(), "key made"
            );
            Ok(KeyInviteResult { invite: invite.to_string(), key: row })
        })
    })
    .await
}

pub(super) async fn enrol(
    caller: Caller,
    params: KeyEnrol,
) -> Result<Answered<KeyEnrolResult>, RpcError> {
    let who = caller.client.who();
    let (Owner::Key(invite), Scope::Enrol { exporter }) = (who.owner, &who.scope) else {
        return Err(RpcError::new(ErrorKind::Forbidden, "only a one-time key enrols another"));
    };
    let KeyEnrol { key, name, signature } = params;
    let message = tls::enrol_message(exporter, &key.0);
    if !tls::is_signed_by(&key.0, &message, &signature.0) {
        let message = "`signature` must be by `key`, an Ed25519 key, over this very connection";
        return Err(RpcError::invalid_argument("signature", message));
    }
    let name = clean(&name, text::MAX_NAME);
    let wanted = KeyChange::Enrol { invite, key: Pin::of_spki(&key.0), name };
    let row = in_turn(caller, Method::KeyEnrol, |server, client| {
        Box::pin(async move {
            let row = change(server, client, wanted).await?;
            tracing::info!(
                target: "topside", client = client.id.0, key = row.name, role = row.role.name(),
                id = %row.key_id, "key enrolled"
            );
            expiry::enforce(
                &server.keys,
                &server.clients,
                Some(client.id),
                "its invite was used",
                "",
            );
            server.runs.recheck_approvals();
            Ok(row)
        })
    })
    .await?;
    let answer = KeyEnrolResult { key_id: row.key_id, name: row.name, role: row.role };
    Ok(Answered { answer, after: vec![After::Close] })
}

pub(super) async fn list(caller: Caller, KeysList {}: KeysList) -> Result<Listed, RpcError> {
    Ok(Listed { keys: caller.server.keys.list() })
}

pub(super) async fn revoke(caller: Caller, params: KeyRevoke) -> Result<Empty, RpcError> {
    let key = params.key_id;
    in_turn(caller, Method::KeyRevoke, move |server, client| {
        Box::pin(async move {
            let from = match client.who().owner {
                Owner::User(_) | Owner::Agent(_) | Owner::Schedule => Revoked::Here,
                Owner::Key(_) => Revoked::Remotely,
            };
            let row = change(server, client, KeyChange::Revoke { key, from }).await?;
            let by = client.called();
            tracing::info!(
                target: "topside", client = client.id.0, by, key = row.name, id = %row.key_id,
                "key revoked"
            );
            expiry::enforce(&server.keys, &server.clients, None, "", &by);
            server.runs.recheck_approvals();
            Ok(Empty {})
        })
    })
    .await
}

/// Changes keys as a task of the server, so that a client that leaves does not interrupt it. One change is done at a time,
/// in order, and each client has at most one waiting, so that it cannot delay others. Its rights are checked at its turn.
async fn in_turn<T, W>(caller: Caller, method: Method, work: W) -> Result<T, RpcError>
where
    T: Send + 'static,
    W: for<'a> FnOnce(&'a Arc<Server>, &'a Arc<Client>) -> BoxFuture<'a, Result<T, RpcError>>
        + Send
        + 'static,
{
    let of_client = Arc::clone(&caller.client.changing_keys).lock_owned().await;
    let of_all = Arc::clone(&caller.server.changing_keys).lock_owned().await;
    caller.may(method)?;
    let server = Arc::clone(&caller.server);
    let work = async move {
        let done = work(&caller.server, &caller.client).await;
        drop((of_all, of_client));
        done
    };
    server.finish("the change of the keys", work).await
}

async fn change(
    server: &Arc<Server>,
    client: &Client,
    change: KeyChange,
) -> Result<KeyRow, RpcError> {
    let by = client.by();
    let invite = match &change {
        KeyChange::Enrol { invite, .. } => Some(*invite),
        _ => None,
    };
    let change = move |server: &Server| server.keys.change(change, &server.audit, by);
    let row = server.blocking(change).await?.map_err(refused)?;
    server.events.keys_changed(&row, invite);
    Ok(row)
}

fn refused(error: KeyError) -> RpcError {
    let kind = match &error {
        KeyError::Unrecorded(error) => return error.clone().into(),
        KeyError::AnInvites(_) => return RpcError::invalid_argument("key", error),
        KeyError::NameTaken(_) | KeyError::NameOfUser(_) => {
            return RpcError::invalid_argument("name", error);
        }
        KeyError::TooManyInvites | KeyError::Full => ErrorKind::Busy,
        KeyError::Unknown(_) | KeyError::Over(..) => ErrorKind::NotFound,
        KeyError::LastAdmin => ErrorKind::Forbidden,
        KeyError::Write { .. } => ErrorKind::Internal,
    };
    shortage::rpc_error(error, kind)
}

fn cannot_open(error: OpenError) -> RpcError {
    let kind = match &error {
        OpenError::LocalOnly | OpenError::NoAddress => ErrorKind::Forbidden,
        _ => ErrorKind::Internal,
    };
    shortage::rpc_error(error, kind)
}
