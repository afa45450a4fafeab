//! Warnings that the server sends to connected admins.

use std::sync::Arc;

use topside_shared::Time;
use topside_shared::notifications::{Broadcast, Urgency, name};
use topside_shared::text::{MAX_BROADCAST, clean};

use crate::base::outbox::notification;
use crate::server::Server;

/// Has the audit log warn the admins of this server.
pub(super) fn connect(server: &Arc<Server>) {
    let admins = Arc::downgrade(server);
    server.audit.on_alarm(move |message| {
        if let Some(server) = admins.upgrade() {
            warn_admins(&server, message);
        }
    });
}

/// Sends a warning to all admins who take notices.
pub(crate) fn warn_admins(server: &Server, message: &str) {
    let warning = Broadcast {
        message: clean(message, MAX_BROADCAST),
        level: Urgency::Warning,
        by: server.info.name.clone(),
        time: Time::now(),
    };
    let line = notification(name::BROADCAST, &warning);
    server.tell_those(&line, |client| client.who().is_full_admin());
}
