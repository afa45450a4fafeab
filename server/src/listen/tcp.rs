//! Connections over TCP: admission, then the handshake in a task that becomes the session's.

use crate::admission::tcp_port::OpenPort;
use crate::base::limit::Limit;
use crate::base::peer;
use crate::listen::handshake;
use crate::net::accept::Room;
use crate::server::Server;
use std::net::SocketAddr;
use std::sync::Arc;

use tokio::net::TcpStream;
use tokio::time::Instant;

pub(crate) fn attach(server: &Arc<Server>) {
    let weak = Arc::downgrade(server);
    server.tcp.on_connection(move |stream, peer, room, opened| {
        let Some(server) = weak.upgrade() else { return };
        match room {
            Room::Free => accept(&server, opened, stream, peer),
            // A handshake would take the reserved descriptor for seconds; a client that cannot connect tries again.
            Room::Reserved(_) => not_admitted(&server, peer, Limit::Descriptors),
        }
    });
}

fn accept(server: &Arc<Server>, opened: &Arc<OpenPort>, stream: TcpStream, peer: SocketAddr) {
    match server.tcp.admission.enter(peer::Peer::of(peer.ip()), Instant::now()) {
        Ok(permit) => {
            tracing::trace!(target: "topside", %peer, "connection admitted");
            let (here, opened) = (Arc::clone(server), Arc::clone(opened));
            server.spawn(handshake::accept(here, opened, stream, peer, permit));
        }
        Err(limit) => not_admitted(server, peer, limit),
    }
}

fn not_admitted(server: &Server, peer: SocketAddr, limit: Limit) {
    tracing::debug!(target: "topside", %peer, limit = limit.name(), "connection not admitted");
    server.counters.limited(limit);
}

#[cfg(test)]
#[path = "tcp_tests.rs"]
mod tests;
