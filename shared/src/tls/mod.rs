//! TLS for both ends: TLS 1.3 only, Ed25519 keys, each end known by its pin. Certificates carry keys only; their names and
//! dates are ignored.

/// The methods that the verifiers of both ends have alike: no TLS 1.2, and signatures by [`SCHEMES`] only.
macro_rules! verify_tls13_only {
    ($no_tls12:expr) => {
        fn verify_tls12_signature(
            &self,
            _message: &[u8],
            _certificate: &CertificateDer<'_>,
            _signature: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, Error> {
            Err($no_tls12.into())
        }

        // Certificates are public: this check is the whole lock.
        fn verify_tls13_signature(
            &self,
            message: &[u8],
            certificate: &CertificateDer<'_>,
            signature: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, Error> {
            let algorithms = &self.provider.signature_verification_algorithms;
            rustls::crypto::verify_tls13_signature(message, certificate, signature, algorithms)
        }

        fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
            super::SCHEMES.to_vec()
        }
    };
}

mod client;
mod server;

use std::sync::Arc;

use rustls::crypto::CryptoProvider;
use rustls::pki_types::CertificateDer;
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, Error, SignatureScheme};

use crate::pin::Pin;

pub use client::{any_name, client_config};
pub use server::{Admission, server_config};

/// The signatures that either end takes.
pub const SCHEMES: [SignatureScheme; 1] = [SignatureScheme::ED25519];
/// The label of the exporter that ties an enrolment to its connection (RFC 8446, section 7.5); no context.
pub const ENROL_LABEL: &[u8] = b"EXPORTER-topside-enrol";
/// What a signature of an enrolment begins with, so that it is good for nothing else.
const ENROL_CONTEXT: &[u8] = b"topside-enrol-v1";
/// What stands before the 32 bytes of a public key (RFC 8410, section 4).
const SPKI: &[u8] = &[0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];

#[cfg(not(any(feature = "aws-lc-rs", feature = "ring")))]
compile_error!("choose the cryptography behind TLS: the feature `aws-lc-rs` or `ring`");

/// The cryptography of this build, by its features.
pub fn provider() -> Arc<CryptoProvider> {
    #[cfg(feature = "aws-lc-rs")]
    let provider = rustls::crypto::aws_lc_rs::default_provider();
    #[cfg(all(feature = "ring", not(feature = "aws-lc-rs")))]
    let provider = rustls::crypto::ring::default_provider();
    Arc::new(provider)
}

/// The pin of the key in a certificate.
pub fn pin_of(certificate: &CertificateDer<'_>) -> Result<Pin, Error> {
    let parsed = ParsedCertificate::try_from(certificate)
        .map_err(|_| Error::InvalidCertificate(CertificateError::BadEncoding))?;
    Ok(Pin::of_spki(&parsed.subject_public_key_info()))
}

/// What a client signs with its own key to be enrolled: the connection, by its exporter, and the key.
pub fn enrol_message(exporter: &[u8; 32], spki: &[u8]) -> Vec<u8> {
    [ENROL_CONTEXT, exporter, spki].concat()
}

/// Whether `signature` over `message` was made with the Ed25519 key that `spki` is the DER of.
pub fn is_signed_by(spki: &[u8], message: &[u8], signature: &[u8]) -> bool {
    let Some(key) = spki.strip_prefix(SPKI) else { return false };
    let algorithms = provider().signature_verification_algorithms;
    let ed25519 = algorithms.mapping.iter().find(|(scheme, _)| *scheme == SCHEMES[0]);
    let Some((_, [algorithm, ..])) = ed25519 else { return false };
    key.len() == 32 && algorithm.verify_signature(key, message, signature).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::private_key::{PrivateKey, Seed};

    #[test]
    fn a_signature_is_good_for_its_key_its_message_and_its_connection_only() {
        let one = PrivateKey::from_seed(&Seed::from_bytes([1; 32])).unwrap();
        let two = PrivateKey::from_seed(&Seed::from_bytes([2; 32])).unwrap();
        let message = enrol_message(&[7; 32], one.spki());
        let signature = one.sign(&message).unwrap();
        assert!(is_signed_by(one.spki(), &message, &signature));
        assert!(!is_signed_by(two.spki(), &message, &signature));
        assert!(!is_signed_by(one.spki(), &enrol_message(&[8; 32], one.spki()), &signature));
        assert!(!is_signed_by(one.spki(), &message, &signature[..63]));
        assert!(!is_signed_by(&one.spki()[1..], &message, &signature));
        assert!(!is_signed_by(&one.spki()[..43], &message, &signature));
    }

    #[test]
    fn the_certificate_carries_the_key_it_is_pinned_by() {
        let identity = PrivateKey::from_seed(&Seed::random().unwrap()).unwrap();
        let certificate = identity.certified_key().cert[0].clone();
        assert_eq!(pin_of(&certificate).unwrap(), identity.pin());
        assert!(pin_of(&CertificateDer::from(vec![0x30, 0x00])).is_err());
    }
}
