//! Sessions over the local socket: the role of a user, and the answer to one that is refused.

use std::sync::Arc;
use std::task::Context;

use futures_util::FutureExt;
use tokio::net::UnixStream;
use topside_shared::{Connection, ErrorKind, Role, RpcError};

use crate::audit::action::AuditAction;
use crate::audit::aggregate::Origin;
use crate::base::identity::{Identity, Owner, Scope};
use crate::base::limit::Limit;
use crate::base::outbox::Outbox;
use crate::base::shortage::Shortage;
use crate::net::accept::{Acceptor, Room};
use crate::net::local_socket::{FOR_ADMINS, LocalListener};
use crate::net::reject;
use crate::server::Server;
use crate::session;

pub(crate) async fn accept_local(
    server: &Arc<Server>,
    local: &LocalListener,
    acceptor: &mut Acceptor,
) {
    let poll = |cx: &mut Context<'_>| local.listener.poll_accept(cx);
    acceptor.accept(poll, |(stream, _), room| admit(server, stream, room)).await;
}

fn admit(server: &Arc<Server>, stream: UnixStream, room: Room) {
    let peer = match stream.peer_cred() {
        Ok(peer) => peer,
        Err(error) => {
            tracing::warn!(target: "topside", %error, "the user of a local connection is unknown: it is closed");
            return;
        }
    };
    let uid = peer.uid();
    let owner = Owner::User(uid);
    if let Room::Reserved(left) = room
        && (owner.has_limits() || left == 0)
    {
        server.counters.limited(Limit::Descriptors);
        tracing::debug!(target: "topside", uid, limit = Limit::Descriptors.name(), "connection not admitted");
        let error = RpcError::new(ErrorKind::Busy, Shortage::Descriptors);
        if left >= FOR_ADMINS {
            refuse(server, stream, owner, error);
        } else {
            reject::answer_at_once(&stream, &error);
        }
        return;
    }
    let user = server.users.name(uid);
    let address = peer.pid().map_or_else(|| "pid ?".to_owned(), |pid| format!("pid {pid}"));
    let Some(role) = server.now().config.local.role(uid, &user) else {
        server.counters.refused(ErrorKind::Forbidden);
        let origin = Origin::User { uid, name: user.clone() };
        if server.audit.refused(origin, AuditAction::SessionRefused, "local") {
            tracing::warn!(
                target: "topside", address, user,
                "connection refused (the audit log counts further ones of this user)"
            );
        } else {
            tracing::debug!(target: "topside", address, user, "connection refused");
        }
        let error = RpcError::new(
            ErrorKind::Forbidden,
            format_args!(
                "`[local] allow` of server.toml does not name the user {user}. Add this user there and reload the server, or \
                 use sudo"
            ),
        );
        refuse(server, stream, owner, error);
        return;
    };
    let place = match owner.has_limits().then(|| server.tcp.sessions.take(owner, role)).transpose()
    {
        Ok(place) => place,
        Err(full) => {
            server.counters.limited(full.limit);
            tracing::debug!(target: "topside", address, user, limit = full.limit.name(), "connection refused");
            refuse(server, stream, owner, full.into());
            return;
        }
    };
    tracing::trace!(target: "topside", address, user, "connection admitted");
    let outbox = Arc::new(Outbox::new(server.now().config.limits.max_outbox));
    let identity = Identity { owner, user, role, scope: Scope::Whole, agent: false };
    let registered = server.clients.register(address, Connection::Same, identity, outbox);
    let session = session::run(Arc::clone(server), stream, registered);
    // Not an `async` block, which would have room for the session twice.
    server.spawn(session.map(move |()| drop(place)));
}

/// Answers the first request of a local user with `error`. Each user may hold a few such connections; more are closed
/// at once, so that they do not take the descriptors of others.
fn refuse(server: &Arc<Server>, stream: UnixStream, owner: Owner, error: RpcError) {
    let Ok(place) = server.tcp.refused.take(owner, Role::Viewer) else { return };
    server.spawn(async move {
        reject::answer(stream, &error).await;
        drop(place);
    });
}
