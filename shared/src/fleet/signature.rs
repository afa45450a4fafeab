//! Signature of a text by an Ed25519 key, with the public key that checks it.

use data_encoding::BASE64;
use serde::{Deserialize, Serialize};

use crate::pin::Pin;
use crate::private_key::{PrivateKey, PrivateKeyError};
use crate::tls::is_signed_by;

/// A public key and its signature, both in base64.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Signature {
    /// The public key (SubjectPublicKeyInfo).
    key: String,
    signature: String,
}

/// Signs a text. `context` stands before the signed bytes and says what they are.
pub(super) fn sign(
    key: &PrivateKey,
    context: &str,
    text: &str,
) -> Result<Signature, PrivateKeyError> {
    let signature = key.sign([context, text].concat().as_bytes())?;
    Ok(Signature { key: BASE64.encode(key.spki()), signature: BASE64.encode(&signature) })
}

impl Signature {
    /// The pin of the key that signed the text; none if it did not.
    pub(super) fn signer(&self, context: &str, text: &str) -> Option<Pin> {
        let key = BASE64.decode(self.key.as_bytes()).ok()?;
        let signature = BASE64.decode(self.signature.as_bytes()).ok()?;
        let message = [context, text].concat();
        is_signed_by(&key, message.as_bytes(), &signature).then(|| Pin::of_spki(&key))
    }
}
