//! TLS of the server: it shows its own key, and accepts clients with admitted keys.

use std::fmt::Debug;
use std::sync::Arc;

use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::server::{NoServerSessionStorage, ServerConfig};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::version::TLS13;
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, PeerIncompatible,
    SignatureScheme,
};

use super::{pin_of, provider};
use crate::pin::Pin;

/// Decides which keys are accepted.
pub trait Admission: Debug + Send + Sync {
    /// Whether the client with this key is accepted; the error becomes the alert that the client reads.
    fn admit(&self, key: Pin) -> Result<(), CertificateError>;
}

/// TLS 1.3 only. The server shows one key for every name, and accepts the keys that `admission` accepts.
pub fn server_config(
    shown: Arc<CertifiedKey>,
    admission: Arc<dyn Admission>,
) -> Result<ServerConfig, Error> {
    let provider = provider();
    let verifier = AdmissionVerifier { admission, provider: Arc::clone(&provider) };
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&TLS13])?
        .with_client_cert_verifier(Arc::new(verifier))
        .with_cert_resolver(Arc::new(SingleCertAndKey::from(shown)));
    // A resumed session would skip the check of its key, which may be revoked.
    config.send_tls13_tickets = 0;
    config.session_storage = Arc::new(NoServerSessionStorage {});
    Ok(config)
}

#[derive(Debug)]
struct AdmissionVerifier {
    admission: Arc<dyn Admission>,
    provider: Arc<CryptoProvider>,
}

impl ClientCertVerifier for AdmissionVerifier {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    // Names and dates in the certificate are ignored, so a wrong clock of a client cannot lock it out.
    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        self.admission.admit(pin_of(end_entity)?)?;
        Ok(ClientCertVerified::assertion())
    }

    verify_tls13_only!(PeerIncompatible::Tls12NotOfferedOrEnabled);
}
