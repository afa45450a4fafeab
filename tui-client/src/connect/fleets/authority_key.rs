//! Key of a fleet's authority as a file holds it: PEM, in plain text or encrypted with a passphrase. The encryption is that
//! of RFC 8018 (scrypt and AES-256-CBC in PKCS #8), which `openssl pkey` reads too.

use std::path::Path;

use pkcs8::der::SecretDocument;
use pkcs8::pkcs5::pbes2::{Kdf, Parameters};
use pkcs8::pkcs5::{EncryptionScheme, scrypt};
use pkcs8::{EncryptedPrivateKeyInfo, LineEnding, PrivateKeyInfo};
use topside_shared::private_key::{PrivateKey, PrivateKeyError, Seed, read_private};

use crate::text::secret::Secret;

/// Fewest characters of a new passphrase.
pub(crate) const MIN_PASSPHRASE: usize = 8;
/// Most bytes of a passphrase.
pub(crate) const MAX_PASSPHRASE: usize = 1024;

const LABEL: &str = "ENCRYPTED PRIVATE KEY";
const BEGIN: &str = "-----BEGIN ENCRYPTED PRIVATE KEY-----";
const END: &str = "-----END ENCRYPTED PRIVATE KEY-----";
const PLAIN_LABEL: &str = "PRIVATE KEY";

/// Cost of each guess (scrypt): 16 MiB of memory, written five times. OpenSSL takes at most 32 MiB.
const LOG_N: u8 = 14;
const BLOCK: u32 = 8;
const TIMES: u32 = 5;
/// Highest cost of a file that is read: memory in bytes, and rounds.
const MAX_MEMORY: u64 = 256 * 1024 * 1024;
const MAX_ROUNDS: u64 = 50_000_000;

/// The key, or the PEM text that a passphrase unlocks.
#[derive(Debug, Clone)]
pub(crate) enum AuthorityKey {
    Plain(PrivateKey),
    Encrypted(String),
}

/// A passphrase that does not unlock the key, or a file that is damaged: the two cannot be told apart.
#[derive(Debug)]
pub(crate) struct WrongPassphrase;

impl AuthorityKey {
    /// The key in a file, if there is one.
    pub(super) fn load(path: &Path) -> Result<Option<Self>, PrivateKeyError> {
        let Some(text) = read_private(path)? else { return Ok(None) };
        let key = Self::find(&String::from_utf8_lossy(&text));
        key.map(Some).ok_or_else(|| PrivateKeyError::Unreadable(path.to_owned()))
    }

    /// The first key in a text.
    pub(super) fn find(text: &str) -> Option<Self> {
        let Some(begin) = text.find(BEGIN) else {
            return PrivateKey::from_pem(text.as_bytes()).map(Self::Plain);
        };
        let end = begin + text[begin..].find(END)? + END.len();
        let pem = format!("{}\n", &text[begin..end]);
        let (_, document) = SecretDocument::from_pem(&pem).ok()?;
        let info = EncryptedPrivateKeyInfo::try_from(document.as_bytes()).ok()?;
        is_affordable(&info.encryption_algorithm).then_some(Self::Encrypted(pem))
    }

    /// Encrypts a key.
    pub(crate) fn encrypt(key: &PrivateKey, passphrase: &Secret) -> Result<Self, PrivateKeyError> {
        let random = Seed::random()?;
        let (salt, vector) = random.expose().split_at(16);
        let encrypted = || {
            let cost = scrypt::Params::new(LOG_N, BLOCK, TIMES, 32).ok()?;
            let parameters = Parameters::scrypt_aes256cbc(cost, salt, vector.try_into().ok()?);
            let (_, document) = SecretDocument::from_pem(&key.private_pem()).ok()?;
            let info = PrivateKeyInfo::try_from(document.as_bytes()).ok()?;
            let encrypted = info.encrypt_with_params(parameters.ok()?, &passphrase.0).ok()?;
            encrypted.to_pem(LABEL, LineEnding::LF).ok()
        };
        let failed = || PrivateKeyError::Certificate("it cannot be encrypted".to_owned());
        encrypted().map(|pem| Self::Encrypted(pem.to_string())).ok_or_else(failed)
    }

    /// Decrypts the key. One that is not encrypted needs no passphrase.
    pub(crate) fn unlock(&self, passphrase: &Secret) -> Result<PrivateKey, WrongPassphrase> {
        let pem = match self {
            Self::Plain(key) => return Ok(key.clone()),
            Self::Encrypted(pem) => pem,
        };
        let decrypted = || {
            let (_, document) = SecretDocument::from_pem(pem).ok()?;
            let info = EncryptedPrivateKeyInfo::try_from(document.as_bytes()).ok()?;
            let plain = info.decrypt(&passphrase.0).ok()?;
            let plain = plain.to_pem(PLAIN_LABEL, LineEnding::LF).ok()?;
            PrivateKey::from_pem(plain.as_bytes())
        };
        decrypted().ok_or(WrongPassphrase)
    }

    /// Whether a passphrase unlocks it.
    pub(crate) fn is_encrypted(&self) -> bool {
        matches!(self, Self::Encrypted(_))
    }

    /// The text of its file.
    pub(super) fn pem(&self) -> String {
        match self {
            Self::Plain(key) => key.private_pem(),
            Self::Encrypted(pem) => pem.clone(),
        }
    }
}

/// Whether this machine can decrypt it in a short time: a file from elsewhere could ask for any cost.
fn is_affordable(scheme: &EncryptionScheme<'_>) -> bool {
    let EncryptionScheme::Pbes2(parameters) = scheme else { return false };
    match &parameters.kdf {
        Kdf::Scrypt(cost) => {
            let memory = cost.cost_parameter.saturating_mul(128 * u64::from(cost.block_size));
            memory <= MAX_MEMORY && cost.parallelization <= 64
        }
        Kdf::Pbkdf2(cost) => u64::from(cost.iteration_count) <= MAX_ROUNDS,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // openssl genpkey -algorithm ed25519 | openssl pkcs8 -topk8 -passout 'pass:correct horse' [-iter 50000001]
    const USUAL: &str = "-----BEGIN ENCRYPTED PRIVATE KEY-----\n\
        MIGbMFcGCSqGSIb3DQEFDTBKMCkGCSqGSIb3DQEFDDAcBAg/8HdfjWpRjgICCAAw\n\
        DAYIKoZIhvcNAgkFADAdBglghkgBZQMEASoEEBWKebdDmYwT1DFKyC23VrMEQIP6\n\
        qWN0laa4015d0MwJ9uccp6Mw9myID9fAMxi0N1z7N2+yQ9C4S6GJvIwBwUFJy3vX\n\
        wZUDSA4ZTDVczE2j4ls=\n\
        -----END ENCRYPTED PRIVATE KEY-----\n";
    const TOO_COSTLY: &str = "-----BEGIN ENCRYPTED PRIVATE KEY-----\n\
        MIGdMFkGCSqGSIb3DQEFDTBMMCsGCSqGSIb3DQEFDDAeBAgfY9yDtQU4HwIEAvrw\n\
        gTAMBggqhkiG9w0CCQUAMB0GCWCGSAFlAwQBKgQQ8YFnXmBz+QN6aMhz930hjgRA\n\
        P+RWuT+ECxeKRTkwNcHoaGEVJxE1Y9LnyS9HmuiPbHxAhxA7rS/XFsJR9ovD6JyG\n\
        dSVy3rNlk/QcIUcCZRBscA==\n\
        -----END ENCRYPTED PRIVATE KEY-----\n";

    fn secret(text: &str) -> Secret {
        Secret(text.to_owned())
    }

    fn key() -> PrivateKey {
        PrivateKey::from_seed(&Seed::from_bytes([7; 32])).unwrap()
    }

    #[test]
    fn an_encrypted_key_needs_its_passphrase() {
        let encrypted = AuthorityKey::encrypt(&key(), &secret("correct horse")).unwrap();
        let pem = encrypted.pem();
        assert!(pem.starts_with(BEGIN) && !format!("{encrypted:?}").contains("horse"), "{pem}");
        let text = format!("# a comment\nfleet: garden\n\n{pem}");
        let found = AuthorityKey::find(&text).unwrap();
        assert!(found.is_encrypted());
        assert_eq!(found.unlock(&secret("correct horse")).unwrap().pin(), key().pin());
        for wrong in ["correct hors", "correct horse ", ""] {
            assert!(found.unlock(&secret(wrong)).is_err(), "{wrong}");
        }
        // Twice the same key and passphrase give different texts.
        assert_ne!(AuthorityKey::encrypt(&key(), &secret("correct horse")).unwrap().pem(), pem);
        let plain = AuthorityKey::find(&key().private_pem()).unwrap();
        assert!(!plain.is_encrypted());
        assert_eq!(plain.unlock(&secret("")).unwrap().pin(), key().pin());
    }

    #[test]
    fn a_damaged_key_is_refused() {
        let pem = AuthorityKey::encrypt(&key(), &secret("correct horse")).unwrap().pem();
        for end in 0..pem.len() - 2 {
            assert!(AuthorityKey::find(&pem[..end]).is_none(), "{end}");
        }
        let of = |from: &str, to: &str| AuthorityKey::find(&pem.replacen(from, to, 1));
        assert!(of("PRIVATE KEY-----\n", "PRIVATE KEY-----\n!").is_none());
    }

    #[test]
    fn a_key_of_openssl_is_unlocked_unless_it_asks_for_too_much() {
        let found = AuthorityKey::find(USUAL).unwrap();
        assert!(found.unlock(&secret("correct horse")).is_ok());
        assert!(AuthorityKey::find(TOO_COSTLY).is_none());
    }
}
