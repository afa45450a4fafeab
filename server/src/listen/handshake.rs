//! TLS handshake, from an accepted connection to the session, in one task.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rustls::ServerConfig;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use topside_shared::{Pin, tls};

use crate::admission::Permit;
use crate::admission::tcp_port::OpenPort;
use crate::audit::action::AuditAction;
use crate::audit::aggregate::Origin;
use crate::base::identity::{Identity, Scope};
use crate::base::limit::Limit;
use crate::base::outbox::Outbox;
use crate::base::peer::RemoteEnd;
use crate::base::platform;
use crate::keys::KeyStanding;
use crate::listen::counting_stream::{CountingStream, Socket};
use crate::net::other_protocol::OtherProtocol;
use crate::net::reject;
use crate::server::Server;
use crate::session;

/// Time and bytes that a refused client may go on sending: closing at once would make the kernel discard the alert
/// that says why.
const LINGER: Duration = Duration::from_secs(1);
const LINGER_BYTES: u64 = 64 * 1024;

#[derive(Debug, thiserror::Error)]
#[error("the client does not speak TLS")]
struct NoTls(OtherProtocol);

pub(crate) async fn accept(
    server: Arc<Server>,
    opened: Arc<OpenPort>,
    stream: TcpStream,
    peer: SocketAddr,
    permit: Permit,
) {
    let peer = SocketAddr::new(peer.ip().to_canonical(), peer.port());
    let now = server.now();
    let limits = &now.config.limits;
    if let Err(error) = platform::tune(&stream, limits.keepalive, limits.user_timeout) {
        tracing::debug!(target: "topside", %peer, %error, "a connection's options cannot be set");
    }
    run(server, Arc::clone(&opened.tls), stream, peer.into(), permit).await;
}

/// Runs the handshake within its limits, then the session.
pub(crate) async fn run<S: Socket>(
    server: Arc<Server>,
    tls: Arc<ServerConfig>,
    stream: S,
    peer: RemoteEnd,
    mut permit: Permit,
) {
    // Boxed, so that the task is small once the handshake is done.
    let handshake = Box::pin(async {
        permit.wait_for_slot(stream.speaks()).await?;
        let first = permit.run(stream.speaks()).await?;
        if let Some(other) = first.and_then(OtherProtocol::of_byte_under_tls) {
            return Ok(Err((io::Error::other(NoTls(other)), CountingStream::new(stream))));
        }
        let handshake = TlsAcceptor::from(tls).accept(CountingStream::new(stream)).into_fallible();
        permit.run(handshake).await.map(|done| done.map(Box::new))
    });
    let limit = server.now().config.limits.handshake_timeout.unwrap_or(Duration::MAX);
    let done = tokio::select! {
        done = timeout(limit, handshake) => done,
        () = server.tcp.closed() => return,
    };
    let stream = match done {
        Ok(Ok(Ok(stream))) => stream,
        Ok(Ok(Err((error, stream)))) => {
            return Box::pin(fail(&server, peer, &error, stream, permit)).await;
        }
        Ok(Err(limit)) => return dropped(&server, peer, limit),
        Err(_) => {
            let origin = Origin::Network(peer.peer());
            server.audit.refused(origin, AuditAction::HandshakeFailed, "timeout");
            return dropped(&server, peer, Limit::HandshakeTimeout);
        }
    };
    Box::pin(start_session(server, stream, peer, permit)).await;
}

fn dropped(server: &Server, peer: RemoteEnd, limit: Limit) {
    tracing::debug!(target: "topside", %peer, limit = limit.name(), "connection dropped in its handshake");
    server.counters.limited(limit);
}

/// Records a failed handshake, and sends the alert.
async fn fail<S: Socket>(
    server: &Server,
    peer: RemoteEnd,
    error: &io::Error,
    mut stream: CountingStream<S>,
    permit: Permit,
) {
    let source = error.get_ref();
    let no_tls = source.and_then(|error| error.downcast_ref::<NoTls>());
    let failure = source.and_then(|error| error.downcast_ref::<rustls::Error>());
    match failure.map(crate::listen::key_check::refused_as) {
        None if no_tls.is_none() => {
            tracing::debug!(target: "topside", %peer, %error, "a connection ended before its handshake");
            return;
        }
        Some(Some(key)) => {
            server.counters.limited(Limit::Key);
            server.audit.refused(Origin::Network(permit.source()), AuditAction::KeyRefused, key);
            if let Some(times) = permit.key_refused(Instant::now()) {
                let source = permit.source();
                tracing::warn!(target: "topside", %peer, %source, key, times, "key refused");
            } else {
                tracing::debug!(target: "topside", %peer, key, "key refused");
            }
        }
        None | Some(None) => {
            server.counters.limited(Limit::Handshake);
            server.audit.refused(
                Origin::Network(permit.source()),
                AuditAction::HandshakeFailed,
                "tls",
            );
            tracing::debug!(target: "topside", %peer, %error, "a handshake failed");
        }
    }
    // The place is free for the next handshake.
    drop(permit);
    let linger = async {
        if let Some(NoTls(other)) = no_tls {
            stream.write_all(&other.answer()).await?;
        }
        stream.shutdown().await?;
        tokio::io::copy(&mut stream.take(LINGER_BYTES), &mut tokio::io::sink()).await
    };
    tokio::select! {
        _ = timeout(LINGER, linger) => {}
        () = server.tcp.closed() => {}
    }
}

async fn start_session<S: Socket>(
    server: Arc<Server>,
    stream: Box<TlsStream<CountingStream<S>>>,
    peer: RemoteEnd,
    mut permit: Permit,
) {
    let Some((key, identity)) = identify(&server, &stream) else { return };
    server.keys.mark_seen(key);
    let place = match server.tcp.sessions.take(identity.owner, identity.role) {
        Ok(place) => place,
        Err(full) => {
            server.counters.limited(full.limit);
            let user = &identity.user;
            tracing::warn!(target: "topside", %peer, user, limit = full.limit.name(), "connection refused");
            // The answer is sent under the limits of the handshake: admins may not be the first to retry too often.
            let error = full.into();
            tokio::select! {
                _ = permit.run(Box::pin(reject::answer(stream, &error))) => {}
                () = server.tcp.closed() => {}
            }
            return;
        }
    };
    permit.key_accepted(Instant::now());
    let connection = peer.connection(platform::own_networks);
    let outbox = Arc::new(Outbox::new(server.now().config.limits.max_outbox));
    let registered = server.clients.register(peer.to_string(), connection, identity, outbox);
    // A revocation may have looked through the list of clients just before this one was added.
    if identify(&server, &stream).is_some() {
        registered.client.signs_in(&server.audit);
        session::run(server, stream, registered).await;
    }
    drop(place);
}

/// The identity of the client, if its key is still accepted.
fn identify<S>(server: &Server, stream: &TlsStream<CountingStream<S>>) -> Option<(Pin, Identity)> {
    let (_, connection) = stream.get_ref();
    let key = tls::pin_of(connection.peer_certificates()?.first()?).ok()?;
    let identity = match server.keys.standing(key) {
        KeyStanding::Good(identity) => identity,
        KeyStanding::Invited(identity) => {
            let exporter =
                connection.export_keying_material([0; 32], tls::ENROL_LABEL, None).ok()?;
            Identity { scope: Scope::Enrol { exporter }, ..identity }
        }
        KeyStanding::Expired | KeyStanding::Revoked | KeyStanding::Unknown => return None,
    };
    Some((key, identity))
}
