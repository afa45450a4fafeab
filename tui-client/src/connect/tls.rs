//! The client's end of TLS 1.3: it shows one key, and accepts only the server that proves to hold the pinned one.

use std::fmt::Debug;
use std::io;
use std::sync::Arc;

use rustls::sign::SingleCertAndKey;
use rustls::{AlertDescription, Error};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsConnector;
use topside_shared::Pin;
use topside_shared::private_key::PrivateKey;
use topside_shared::tls::{any_name, client_config};

use super::disconnect::KeyRefused;
use super::error::ConnectError;

/// A connection to a server that has proved to hold the pinned key. The first read shows whether the server accepts the
/// key of this side.
pub(super) type Stream<S = Box<dyn ByteStream>> = tokio_rustls::client::TlsStream<S>;

/// What carries TLS: a TCP connection, or a stream through a hub.
pub(super) trait ByteStream: AsyncRead + AsyncWrite + Unpin + Send + Debug {}

impl<S: AsyncRead + AsyncWrite + Unpin + Send + Debug> ByteStream for S {}

/// Shakes hands with the server of this pin. `at` names it in errors.
pub(super) async fn handshake<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    server: Pin,
    key: &PrivateKey,
    at: &str,
) -> Result<Stream<S>, ConnectError> {
    let failed = |source| ConnectError::Io { at: at.to_owned(), source };
    let shown = Arc::new(SingleCertAndKey::from(key.certified_key()));
    let config = client_config(server, shown).map_err(|error| failed(io::Error::other(error)))?;
    let shaken = TlsConnector::from(Arc::new(config)).connect(any_name(), stream).await;
    shaken.map_err(|error| refusal(error, at))
}

fn refusal(error: io::Error, at: &str) -> ConnectError {
    let at = at.to_owned();
    if let Some(refused) = key_refused(&error) {
        return refused.into();
    }
    match tls_error(&error) {
        // A wrong signature comes from a server that holds a copy of the certificate only.
        Some(Error::InvalidCertificate(_)) => ConnectError::WrongKey { at },
        Some(error) => ConnectError::NotTopside { at, why: error.to_string() },
        None => match error.kind() {
            io::ErrorKind::UnexpectedEof
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::BrokenPipe => ConnectError::TurnedAway { at },
            _ => ConnectError::Io { at, source: error },
        },
    }
}

/// What the server's alert says of this side's key. In TLS 1.3 the client ends its handshake before the server has seen
/// that key, so the alert comes with any read.
pub(super) fn key_refused(error: &io::Error) -> Option<KeyRefused> {
    match tls_error(error)? {
        Error::AlertReceived(AlertDescription::AccessDenied) => Some(KeyRefused::Unknown),
        Error::AlertReceived(AlertDescription::CertificateRevoked) => Some(KeyRefused::Revoked),
        Error::AlertReceived(AlertDescription::CertificateExpired) => Some(KeyRefused::Expired),
        _ => None,
    }
}

fn tls_error(error: &io::Error) -> Option<&Error> {
    error.get_ref()?.downcast_ref()
}
