//! Warnings that the server sends to connected admins.

use std::sync::Arc;

use bytes::Bytes;
use topside_shared::Time;
use topside_shared::notifications::{Broadcast, Urgency, name};
use topside_shared::text::{MAX_BROADCAST, clean};

use crate::base::outbox::notification;
use crate::server::Server;

/// Has the audit log warn the admins of this server, and the hooks of the box all its clients.
pub(super) fn connect(server: &Arc<Server>) {
    let admins = Arc::downgrade(server);
    server.audit.on_alarm(move |message| {
        if let Some(server) = admins.upgrade() {
            server.notify.audit_broken(message);
            warn_admins(&server, message);
        }
    });
    let clients = Arc::downgrade(server);
    server.box_hooks.on_failure(move |message| {
        if let Some(server) = clients.upgrade() {
            server.tell(&warning(&server, message));
        }
    });
}

/// Sends a warning to all admins who take notices.
pub(crate) fn warn_admins(server: &Server, message: &str) {
    server.tell_those(&warning(server, message), |client| client.who().is_full_admin());
}

fn warning(server: &Server, message: &str) -> Bytes {
    let warning = Broadcast {
        message: clean(message, MAX_BROADCAST),
        level: Urgency::Warning,
        by: server.info.name.clone(),
        time: Time::now(),
    };
    notification(name::BROADCAST, &warning)
}
