//! The client's end of TLS 1.3: it shows one key, and talks to whoever proves to hold the pinned one.

use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{ClientConfig, Resumption};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::sign::SingleCertAndKey;
use rustls::version::TLS13;
use rustls::{
    AlertDescription, CertificateError, DigitallySignedStruct, Error, PeerIncompatible,
    SignatureScheme,
};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use topside_shared::identity::Identity;
use topside_shared::{Pin, tls};

use super::error::ConnectError;
use super::lost::KeyRefused;

/// A connection on which the server has proved that it holds the pinned key. Whether it lets this side's
/// key in is told on the first read.
pub(super) type Stream<S = TcpStream> = tokio_rustls::client::TlsStream<S>;

/// Shakes hands with the server of this pin. `at` names it in errors.
pub(super) async fn handshake<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    server: Pin,
    identity: &Identity,
    at: &str,
) -> Result<Stream<S>, ConnectError> {
    let failed = |source| ConnectError::Io { at: at.to_owned(), source };
    let config = config(server, identity).map_err(|error| failed(io::Error::other(error)))?;
    // It is never sent: the key alone says who the server is.
    let name = ServerName::from(IpAddr::from(Ipv4Addr::UNSPECIFIED));
    let shaken = TlsConnector::from(Arc::new(config)).connect(name, stream).await;
    shaken.map_err(|error| refusal(error, at))
}

fn config(server: Pin, identity: &Identity) -> Result<ClientConfig, Error> {
    let provider = tls::provider();
    let verifier = OnePin { server, provider: Arc::clone(&provider) };
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&TLS13])?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_client_cert_resolver(Arc::new(SingleCertAndKey::from(identity.certified_key())));
    // A resumed session asks neither side for its key.
    config.resumption = Resumption::disabled();
    config.enable_sni = false;
    Ok(config)
}

/// Takes the one pinned key, whatever the certificate around it says.
#[derive(Debug)]
struct OnePin {
    server: Pin,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for OnePin {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if tls::pin_of(end_entity)? == self.server {
            return Ok(ServerCertVerified::assertion());
        }
        Err(CertificateError::ApplicationVerificationFailure.into())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(PeerIncompatible::Tls12NotOffered.into())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        tls::verify_signature(&self.provider, message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        tls::SCHEMES.to_vec()
    }
}

/// Why a handshake failed.
fn refusal(error: io::Error, at: &str) -> ConnectError {
    let at = at.to_owned();
    if let Some(refused) = key_refused(&error) {
        return refused.into();
    }
    match tls_error(&error) {
        // A wrong signature is that of somebody who holds a copy of the certificate only.
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

/// What the server says of this side's key by its alert. In TLS 1.3 the client has ended its handshake
/// before the server has looked at that key, so this comes with any read.
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
