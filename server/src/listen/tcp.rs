//! The door: where clients come in over TCP. It opens once somebody may come in that way, and then stays
//! open until the server ends.
//!
//! `gate` decides who may come to it, `handshake` who comes in, and `seats` how many.

use crate::admission::tcp_port::OpenPort;
use crate::base::peer;
use crate::listen::handshake;
use crate::server::Server;
use std::net::SocketAddr;
use std::sync::Arc;

use tokio::net::TcpStream;
use tokio::time::Instant;

/// Somebody is there: whoever may come to the door gets a task, which will be the session's.
pub(crate) fn come(
    server: &Arc<Server>,
    opened: &Arc<OpenPort>,
    stream: TcpStream,
    peer: SocketAddr,
) {
    match server.door.gate.enter(peer::Peer::of(peer.ip()), Instant::now()) {
        Ok(pass) => {
            let (here, opened) = (Arc::clone(server), Arc::clone(opened));
            server.spawn(handshake::welcome(here, opened, stream, peer, pass));
        }
        Err(refusal) => server.counters.turned_away(refusal.limit()),
    }
}

#[cfg(test)]
#[path = "tcp_tests.rs"]
mod tests;
