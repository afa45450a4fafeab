//! The server's side of TLS: its own key, and which keys are let in.

use std::sync::Arc;

use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::server::{NoServerSessionStorage, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, ServerConfig,
    SignatureScheme,
};
use topside_shared::identity::Identity;
use topside_shared::tls::{self, SCHEMES};

use crate::keys::{Keys, Standing};

/// TLS 1.3 and nothing else, for those whose key `keys` lets in.
///
/// # Errors
/// The library's own.
pub(super) fn config(identity: &Identity, keys: Arc<Keys>) -> Result<ServerConfig, Error> {
    let provider = tls::provider();
    let verifier = KeyCheck { keys, provider: Arc::clone(&provider) };
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .with_client_cert_verifier(Arc::new(verifier))
        .with_cert_resolver(Arc::new(OwnKey(identity.certified_key())));
    // A resumed session would come in without being looked at: also one whose key was revoked.
    config.send_tls13_tickets = 0;
    config.session_storage = Arc::new(NoServerSessionStorage {});
    Ok(config)
}

/// What a refusal means that this server's own check made; none: it was something else.
pub(super) fn refused_as(error: &Error) -> Option<&'static str> {
    match error {
        Error::InvalidCertificate(CertificateError::Revoked) => Some("revoked or used"),
        Error::InvalidCertificate(CertificateError::Expired) => Some("expired"),
        Error::InvalidCertificate(CertificateError::ApplicationVerificationFailure) => {
            Some("unknown")
        }
        Error::InvalidCertificate(CertificateError::BadEncoding) => Some("unreadable"),
        // Whoever shows another's certificate cannot sign for it.
        Error::InvalidCertificate(_) => Some("not its own"),
        _ => None,
    }
}

/// The one certificate there is, whatever name is asked for.
#[derive(Debug)]
struct OwnKey(Arc<CertifiedKey>);

impl ResolvesServerCert for OwnKey {
    fn resolve(&self, _: rustls::server::ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0))
    }
}

#[derive(Debug)]
struct KeyCheck {
    keys: Arc<Keys>,
    provider: Arc<CryptoProvider>,
}

impl ClientCertVerifier for KeyCheck {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    /// Names and dates in the certificate are not looked at: the key alone counts, so no clock but the
    /// server's own locks anybody out. The error becomes the alert that tells the client why.
    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        let refused = match self.keys.standing(tls::pin_of(end_entity)?) {
            Standing::Good(_) | Standing::Invited(_) => return Ok(ClientCertVerified::assertion()),
            Standing::Revoked => CertificateError::Revoked,
            Standing::Expired => CertificateError::Expired,
            Standing::Unknown => CertificateError::ApplicationVerificationFailure,
        };
        Err(Error::InvalidCertificate(refused))
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _certificate: &CertificateDer<'_>,
        _signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(Error::PeerIncompatible(rustls::PeerIncompatible::Tls12NotOfferedOrEnabled))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        tls::verify_signature(&self.provider, message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        SCHEMES.to_vec()
    }
}
