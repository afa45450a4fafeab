//! Metrics and a health probe over plain HTTP, if `[metrics]` has an address.
//!
//! Clients need no key, so there are numbers only: no names, commands or addresses.

mod http_server;
mod prometheus;

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::task::Context;

use tokio::net::{TcpListener, TcpStream};
use tokio_util::task::AbortOnDropHandle;

use crate::admission::tcp_port;
use crate::net::accept::{Acceptor, Room};
use crate::serve::metrics::http_server::HttpResponse;
use crate::server::Server;
use crate::settings::metrics::Metrics;

/// Connections at once; at the limit the oldest is dropped.
const CONNECTIONS: usize = 8;
/// Connections that the system keeps until they are accepted.
const BACKLOG: u32 = 16;

/// Why metrics cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum MetricsError {
    /// Another program has the port.
    #[error(
        "{0} is in use by another program, which `ss -ltnp` names to root: stop that, or set another port in [metrics] of server.toml"
    )]
    InUse(SocketAddr),
    /// The system refused to listen.
    #[error("{address} of [metrics] in server.toml cannot be listened on: {source}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// The system's error.
        source: io::Error,
    },
}

#[derive(Debug)]
pub(crate) struct Listener {
    tcp: TcpListener,
    pub(crate) address: SocketAddr,
}

/// Listens on the configured address, if there is one.
pub(crate) fn listen(metrics: Metrics) -> Result<Option<Listener>, MetricsError> {
    let Some(address) = metrics.listen else { return Ok(None) };
    let listening = tcp_port::bind(address)
        .and_then(|(socket, bound)| Ok(Listener { tcp: socket.listen(BACKLOG)?, address: bound }));
    match listening {
        Ok(listener) => Ok(Some(listener)),
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => Err(MetricsError::InUse(address)),
        Err(source) => Err(MetricsError::Listen { address, source }),
    }
}

/// Serves for ever; dropping the future ends every connection. Without a listener it only waits.
pub(crate) async fn serve(server: &Arc<Server>, listener: Option<Listener>) {
    let Some(Listener { tcp, address }) = listener else { return std::future::pending().await };
    if address.ip().is_loopback() {
        tracing::info!(target: "topside", %address, "metrics are served");
    } else {
        tracing::warn!(
            target: "topside", %address,
            "metrics are served to all who reach this address: no key is needed"
        );
    }
    let mut connections: VecDeque<AbortOnDropHandle<()>> = VecDeque::new();
    let poll = |cx: &mut Context<'_>| tcp.poll_accept(cx);
    let admit = |(stream, _), room| {
        if room != Room::Free {
            return;
        }
        connections.retain(|connection| !connection.is_finished());
        if connections.len() == CONNECTIONS {
            connections.pop_front();
        }
        let connection = tokio::spawn(connection(Arc::clone(server), stream));
        connections.push_back(AbortOnDropHandle::new(connection));
    };
    Acceptor::new(1).accept(poll, admit).await;
}

async fn connection(server: Arc<Server>, mut stream: TcpStream) {
    // A slow or closed connection gets no answer.
    let _ = http_server::serve_one(&mut stream, async |path| answer(&server, path).await).await;
}

async fn answer(server: &Arc<Server>, path: &str) -> HttpResponse {
    match path {
        "/metrics" => match server.blocking(prometheus::text).await {
            Ok(body) => {
                HttpResponse { status: "200 OK", content_type: prometheus::CONTENT_TYPE, body }
            }
            Err(_) => HttpResponse::plain(
                "500 Internal Server Error",
                "the metrics cannot be collected; see the log\n",
            ),
        },
        "/healthz" if server.shutdown.has_begun() => {
            HttpResponse::plain("503 Service Unavailable", "closing\n")
        }
        "/healthz" => HttpResponse::plain("200 OK", "ok\n"),
        _ => HttpResponse::plain("404 Not Found", "there are /metrics and /healthz\n"),
    }
}
