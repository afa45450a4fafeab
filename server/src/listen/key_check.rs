//! TLS of the server: which keys are accepted, and why one was refused.

use rustls::{CertificateError, Error};
use topside_shared::Pin;
use topside_shared::tls::Admission;

use crate::keys::{KeyStanding, Keys};

impl Admission for Keys {
    fn admit(&self, key: Pin) -> Result<(), CertificateError> {
        match self.standing(key) {
            KeyStanding::Good(_) | KeyStanding::Invited(_) => Ok(()),
            KeyStanding::Revoked => Err(CertificateError::Revoked),
            KeyStanding::Expired => Err(CertificateError::Expired),
            KeyStanding::Unknown => Err(CertificateError::ApplicationVerificationFailure),
        }
    }
}

/// Why the key was refused; none: the handshake failed for another reason.
pub(crate) fn refused_as(error: &Error) -> Option<&'static str> {
    match error {
        Error::InvalidCertificate(CertificateError::Revoked) => Some("revoked or used"),
        Error::InvalidCertificate(CertificateError::Expired) => Some("expired"),
        Error::InvalidCertificate(CertificateError::ApplicationVerificationFailure) => {
            Some("unknown")
        }
        Error::InvalidCertificate(CertificateError::BadEncoding) => Some("unreadable"),
        // A client that shows another client's certificate cannot sign for it.
        Error::InvalidCertificate(_) => Some("not its own"),
        _ => None,
    }
}
