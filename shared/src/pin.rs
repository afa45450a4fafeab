//! Pin: the SHA-256 of the public key of a server or a client.

use std::fmt;

use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};

/// What a pin begins with where it is written.
const SCHEME: &str = "sha256:";

/// The SHA-256 of a key's SubjectPublicKeyInfo (RFC 5280, section 4.1.2.7); `sha256:` and 64 lower-case hex
/// digits where it is written. On the wire it is also a key's id.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Pin([u8; 32]);

/// A text that is no pin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a pin is `sha256:` and 64 digits of 0-9 and a-f")]
pub struct PinError;

impl Pin {
    /// The pin of a public key in DER.
    pub fn of_spki(spki: &[u8]) -> Self {
        Self(Sha256::digest(spki).into())
    }

    /// The pin with these bytes.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Its bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Its digits, without what they begin with.
    pub fn digits(&self) -> String {
        HEXLOWER.encode(&self.0)
    }

    /// Its first 16 digits, in groups that two people can compare: `3f9a 12c0 77de 01b4`.
    pub fn short(&self) -> String {
        let groups: Vec<String> = self.0[..8].chunks(2).map(|pair| HEXLOWER.encode(pair)).collect();
        groups.join(" ")
    }
}

impl fmt::Display for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{SCHEME}{}", self.digits())
    }
}

impl fmt::Debug for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pin({self})")
    }
}

from_str!(Pin, PinError, |text: &str| {
    let digits = text.strip_prefix(SCHEME).ok_or(PinError)?;
    let bytes = HEXLOWER.decode(digits.as_bytes()).map_err(|_| PinError)?;
    bytes.try_into().map(Pin).map_err(|_| PinError)
});

wire_text!(Pin);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pin_is_written_and_read_in_one_form_only() {
        // The SHA-256 of nothing, by FIPS 180-4.
        let pin = Pin::of_spki(b"");
        let text = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(pin.to_string(), text);
        assert_eq!(text.parse(), Ok(pin));
        assert_eq!(pin.short(), "e3b0 c442 98fc 1c14");
        for bad in [&text[7..], &text[..70], &text.to_uppercase(), &format!("{text}0"), "sha256:"] {
            assert_eq!(bad.parse::<Pin>(), Err(PinError), "{bad}");
        }
    }
}
