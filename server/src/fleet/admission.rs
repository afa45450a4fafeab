//! Admission of the people of a fleet: their keys, their live sessions, and the TCP port.

use std::collections::HashMap;
use std::sync::Arc;

use topside_shared::Pin;

use super::Fleet;
use crate::admission::tcp_port::OpenError;
use crate::audit::action::AuditAction;
use crate::base::identity::Identity;
use crate::keys::expiry;
use crate::net::fleet_files;
use crate::server::Server;

/// Admits these people of the fleet and no others; ends the sessions of those who are not admitted any more.
pub(super) fn set_people(server: &Server, people: HashMap<Pin, Identity>, fleet: &str) {
    if server.keys.set_fleet_people(people) {
        let reason = format!("no longer a person of the fleet {fleet} with access to the box");
        expiry::enforce(&server.keys, &server.clients, None, &reason, &format!("fleet {fleet}"));
        server.runs.recheck_approvals();
    }
}

/// Joins the fleet that the environment names, if the box has joined none, and admits the people of the accepted roster,
/// before the server listens. Blocks for the disk.
pub(crate) fn restore(server: &Arc<Server>) {
    if let Err(error) = fleet_files::join_by_variable(&server.now().config.state) {
        tracing::error!(target: "topside", %error, "the box has not joined a fleet");
    }
    match Fleet::open(server) {
        Ok(None) => {}
        Ok(Some((mut fleet, _))) => fleet.admit(),
        Err(error) => tracing::error!(target: "topside", %error, "the fleet is not known"),
    }
}

/// Ends the membership: the fleet that the box has left admits no person any more.
pub(crate) fn left(fleet: &Fleet) {
    let server = &fleet.server;
    set_people(server, HashMap::new(), fleet.membership.join.access.fleet.as_str());
    server.hub.set_fleet(None);
    server.audit.note(fleet.audit_entry(AuditAction::FleetLeft));
}

/// Opens the TCP port for the people of the fleet, who reach the box on the LAN too.
pub(super) async fn open_tcp(server: &Arc<Server>) {
    let _guard = server.changing_keys.lock().await;
    let ready = match server.blocking(|server| server.tcp.prepare(&server.keys)).await {
        Ok(Ok(ready)) => ready,
        Ok(Err(OpenError::LocalOnly)) => return,
        Ok(Err(error)) => {
            tracing::warn!(target: "topside", %error, "TCP stays closed");
            return;
        }
        Err(error) => {
            tracing::warn!(target: "topside", error = error.message, "TCP stays closed");
            return;
        }
    };
    if let Some(ready) = ready
        && let Err(error) = server.tcp.open(&server.tasks, &server.keys, ready)
    {
        tracing::warn!(target: "topside", %error, "TCP stays closed");
    }
}
