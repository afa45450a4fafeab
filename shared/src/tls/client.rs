//! TLS of the client: it shows one key, and accepts only the server with the pinned key.

use std::net::Ipv4Addr;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{ClientConfig, ResolvesClientCert, Resumption};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::version::TLS13;
use rustls::{CertificateError, DigitallySignedStruct, Error, PeerIncompatible, SignatureScheme};

use super::{pin_of, provider};
use crate::pin::Pin;

/// TLS 1.3 to the server of this pin, showing the key that `client` gives.
pub fn client_config(
    server: Pin,
    client: Arc<dyn ResolvesClientCert>,
) -> Result<ClientConfig, Error> {
    let provider = provider();
    let verifier = PinnedServerVerifier { server, provider: Arc::clone(&provider) };
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&TLS13])?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_client_cert_resolver(client);
    // A resumed session asks neither side for its key.
    config.resumption = Resumption::disabled();
    config.enable_sni = false;
    Ok(config)
}

/// The name to connect to. It is never sent: the key alone says who the server is.
pub fn any_name() -> ServerName<'static> {
    ServerName::IpAddress(Ipv4Addr::UNSPECIFIED.into())
}

/// Accepts only the pinned key, and ignores the rest of the certificate.
#[derive(Debug)]
struct PinnedServerVerifier {
    server: Pin,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for PinnedServerVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if pin_of(end_entity)? == self.server {
            return Ok(ServerCertVerified::assertion());
        }
        Err(CertificateError::ApplicationVerificationFailure.into())
    }

    verify_tls13_only!(PeerIncompatible::Tls12NotOffered);
}
