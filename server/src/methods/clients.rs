//! `clients/list`, `broadcast` and `client/kick`.

use std::sync::Arc;

use topside_shared::methods::{
    Broadcast, BroadcastResult, ClientKick, Clients, ClientsList, Empty,
};
use topside_shared::notifications::{self, EndCode, SessionEnded, Urgency, name};
use topside_shared::records::ClientRow;
use topside_shared::text::{MAX_BROADCAST, MAX_REASON, clean};
use topside_shared::{ErrorKind, RpcError, Time};

use crate::audit::action::AuditAction;
use crate::audit::entry::Entry;
use crate::base::outbox::notification;
use crate::clients::Client;
use crate::methods::Caller;
use crate::methods::page_limits::within;
use crate::server::Server;

/// Rows of one page of clients: by default, and at most.
const PAGE: u64 = 100;
const LONGEST_PAGE: u64 = 500;

pub(super) async fn list(caller: Caller, params: ClientsList) -> Result<Clients, RpcError> {
    let limit = within("limit", params.limit, PAGE, LONGEST_PAGE)?;
    // One row more shows whether there is another page.
    let mut page = caller.server.clients.page(params.after, limit + 1);
    let more = page.len() > limit;
    page.truncate(limit);
    let next = if more { page.last().map(|client| client.id) } else { None };
    let viewer = caller.client.who();
    let row = |client: &Arc<Client>| {
        let key_id = client.key_for(&viewer);
        ClientRow { key_id, ..client.row(&viewer, client.id == caller.client.id) }
    };
    let clients = page.iter().map(row).collect();
    Ok(Clients { clients, next })
}

pub(super) async fn broadcast(
    caller: Caller,
    params: Broadcast,
) -> Result<BroadcastResult, RpcError> {
    let Broadcast { message, level } = params;
    let delivered = send_to_all(&caller.server, &caller.client, &message, level)?;
    Ok(BroadcastResult { delivered })
}

/// Sends a message to all clients with notices; returns how many.
fn send_to_all(
    server: &Server,
    client: &Client,
    message: &str,
    level: Urgency,
) -> Result<u64, RpcError> {
    let bytes = message.len();
    let refuse = |message: &str| Err(RpcError::invalid_argument("message", message));
    if bytes > MAX_BROADCAST {
        return refuse(&format!(
            "`message` is {bytes} bytes long; a broadcast has at most {MAX_BROADCAST}"
        ));
    }
    let message = clean(message, MAX_BROADCAST);
    if message.trim().is_empty() {
        return refuse("`message` is empty: give a text");
    }
    let by = client.called();
    let notice = notifications::Broadcast { message, level, by, time: Time::now() };
    tracing::info!(
        target: "topside", client = client.id.0, by = notice.by, level = level.name(),
        message = notice.message, "broadcast"
    );
    let argv = vec![format!("level={}", level.name()), format!("message={}", notice.message)];
    let entry = Entry::new(client.by(), AuditAction::Broadcast, "all clients").argv(argv);
    let delivered = server.tell(&notification(name::BROADCAST, &notice));
    server.audit.note(entry.result(format!("told {delivered} clients")));
    Ok(delivered)
}

/// Ends another client's session. The audit entry is written first; if it cannot be written, the session ends all the same.
pub(super) async fn disconnect(caller: Caller, params: ClientKick) -> Result<Empty, RpcError> {
    let Caller { server, client, .. } = &caller;
    let reason = params.reason.as_deref().unwrap_or_default();
    let target = params.client_id;
    if target == client.id {
        let message = "this is your own session: `close` ends it";
        return Err(RpcError::invalid_argument("clientId", message));
    }
    let length = reason.chars().count();
    if length > MAX_REASON {
        let message = format_args!("`reason` has {length} characters; it may have {MAX_REASON}");
        return Err(RpcError::invalid_argument("reason", message));
    }
    let other = server.clients.get(target).filter(|other| !other.outbox.is_ending());
    let Some(other) = other else {
        let message = format_args!("there is no client {target}: it may have left");
        return Err(RpcError::new(ErrorKind::NotFound, message));
    };
    let (by, reason) = (client.called(), clean(reason, MAX_REASON));
    let argv = vec![format!("user={}", other.who().user), format!("reason={reason}")];
    let entry = Entry::new(client.by(), AuditAction::ClientKick, format!("client {target}"));
    server.audit.note_ahead(entry.argv(argv)).await;
    tracing::info!(
        target: "topside", client = target.0, user = other.who().user, by, reason, "client kicked"
    );
    other.outbox.end(SessionEnded::new(EndCode::Kicked, reason, by));
    Ok(Empty {})
}
