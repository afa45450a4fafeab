//! Private key of a server or a client: Ed25519 (RFC 8032). It is created at the first use and stored in a file that only
//! its owner may read. The file is replaced atomically.

use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use data_encoding::BASE64;
use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair, PKCS_ED25519, PublicKeyData};
use rustls::SignatureScheme;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::sign::CertifiedKey;

use crate::pin::Pin;
use crate::tls;

/// What stands before the seed in a private key (RFC 8410, section 7).
const PKCS8: &[u8] = &[
    0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20,
];

/// Counts the files that this process has written, for their temporary names.
static WRITES: AtomicU64 = AtomicU64::new(0);

/// The secret that an Ed25519 key is made from. It is never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Seed([u8; 32]);

impl Seed {
    /// A random seed.
    pub fn random() -> Result<Self, PrivateKeyError> {
        let mut bytes = [0; 32];
        let random = tls::provider().secure_random;
        random.fill(&mut bytes).map_err(|_| PrivateKeyError::NoRandomness)?;
        Ok(Self(bytes))
    }

    /// The seed with these bytes.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The secret itself.
    pub fn expose(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for Seed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Seed(..)")
    }
}

/// Why a key cannot be loaded or created.
#[derive(Debug, thiserror::Error)]
pub enum PrivateKeyError {
    /// The file cannot be read or made.
    #[error("the key {} cannot be {what}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// `read` or `written`.
        what: &'static str,
        /// The error of the system.
        source: io::Error,
    },
    /// Others may read it: it is no secret.
    #[error("others may read the key {}: `chmod 600 {}`, or move it away to have a new one made", .0.display(), .0.display())]
    Open(PathBuf),
    /// The file holds something else.
    #[error("{} holds no Ed25519 key: move it away to have a new one made, and pair again", .0.display())]
    Unreadable(PathBuf),
    /// The system gives no random bytes.
    #[error("the system gives no random bytes")]
    NoRandomness,
    /// The library refused.
    #[error("a certificate for the key cannot be made: {0}")]
    Certificate(String),
}

/// A key pair, and the certificate that carries its public half.
#[derive(Clone)]
pub struct PrivateKey {
    pkcs8: Vec<u8>,
    spki: Vec<u8>,
    certificate: CertificateDer<'static>,
    key: Arc<CertifiedKey>,
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("PrivateKey").field(&self.pin()).finish()
    }
}

impl PrivateKey {
    /// The key of this seed.
    pub fn from_seed(seed: &Seed) -> Result<Self, PrivateKeyError> {
        Self::from_pkcs8([PKCS8, seed.expose().as_slice()].concat())
    }

    /// Loads or creates the key in the file at `path`. An unusable file is never overwritten.
    pub fn load_or_make(path: &Path) -> Result<Self, PrivateKeyError> {
        if let Some(found) = Self::load(path)? {
            return Ok(found);
        }
        let made = Self::from_seed(&Seed::random()?)?;
        match made.save_new(path) {
            Ok(()) => Ok(made),
            // Another process was first.
            Err(PrivateKeyError::Io { source, .. })
                if source.kind() == io::ErrorKind::AlreadyExists =>
            {
                Self::load(path)?.ok_or_else(|| PrivateKeyError::Unreadable(path.to_owned()))
            }
            Err(error) => Err(error),
        }
    }

    /// The key in the file at `path`, if there is one.
    pub fn load(path: &Path) -> Result<Option<Self>, PrivateKeyError> {
        let Some(text) = read_private(path)? else { return Ok(None) };
        let key = Self::from_pem(&text);
        key.map(Some).ok_or_else(|| PrivateKeyError::Unreadable(path.to_owned()))
    }

    /// The first private key in a text (PEM); none if it is no Ed25519 key.
    pub fn from_pem(text: &[u8]) -> Option<Self> {
        let pkcs8 = PrivatePkcs8KeyDer::from_pem_slice(text).ok()?;
        Self::from_pkcs8(pkcs8.secret_pkcs8_der().to_vec()).ok()
    }

    /// Writes the key to a file that must not be there yet, whole or not at all.
    pub fn save_new(&self, path: &Path) -> Result<(), PrivateKeyError> {
        write_new(path, &self.private_pem())
    }

    fn from_pkcs8(pkcs8: Vec<u8>) -> Result<Self, PrivateKeyError> {
        let refused = |error: &dyn fmt::Display| PrivateKeyError::Certificate(error.to_string());
        let pair = KeyPair::from_pkcs8_der_and_sign_algo(
            &PrivatePkcs8KeyDer::from(pkcs8.as_slice()),
            &PKCS_ED25519,
        )
        .map_err(|error| refused(&error))?;
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, "topside");
        let certificate = params.self_signed(&pair).map_err(|error| refused(&error))?;
        let certificate = certificate.der().clone();
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(pkcs8.clone()));
        let signing = tls::provider().key_provider.load_private_key(key);
        let signing = signing.map_err(|error| refused(&error))?;
        let spki = pair.subject_public_key_info();
        let key = Arc::new(CertifiedKey::new(vec![certificate.clone()], signing));
        Ok(Self { pkcs8, spki, certificate, key })
    }

    /// The pin of the public key.
    pub fn pin(&self) -> Pin {
        Pin::of_spki(&self.spki)
    }

    /// The public key in DER (SubjectPublicKeyInfo).
    pub fn spki(&self) -> &[u8] {
        &self.spki
    }

    /// Key and certificate for TLS.
    pub fn certified_key(&self) -> Arc<CertifiedKey> {
        Arc::clone(&self.key)
    }

    /// Signs a message (Ed25519, RFC 8032).
    pub fn sign(&self, message: &[u8]) -> Result<Vec<u8>, PrivateKeyError> {
        let refused = |why: String| PrivateKeyError::Certificate(why);
        let signer = self.key.key.choose_scheme(&[SignatureScheme::ED25519]);
        let signer = signer.ok_or_else(|| refused("the key cannot sign".into()))?;
        signer.sign(message).map_err(|error| refused(error.to_string()))
    }

    /// The private key as PEM (RFC 7468, section 10).
    pub fn private_pem(&self) -> String {
        pem("PRIVATE KEY", &self.pkcs8)
    }

    /// The certificate as PEM (RFC 7468, section 5).
    pub fn certificate_pem(&self) -> String {
        pem("CERTIFICATE", &self.certificate)
    }
}

fn pem(label: &str, der: &[u8]) -> String {
    let text = BASE64.encode(der);
    let mut pem = format!("-----BEGIN {label}-----\n");
    for line in text.as_bytes().chunks(64) {
        pem.extend(line.iter().map(|byte| char::from(*byte)));
        pem.push('\n');
    }
    pem.push_str(&format!("-----END {label}-----\n"));
    pem
}

/// Reads the file of a key, if there is one. A file that others may read is refused.
pub fn read_private(path: &Path) -> Result<Option<Vec<u8>>, PrivateKeyError> {
    let failed = |source| PrivateKeyError::Io { path: path.to_owned(), what: "read", source };
    let text = match std::fs::read(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(error)),
    };
    if std::fs::metadata(path).map_err(failed)?.mode() & 0o077 != 0 {
        return Err(PrivateKeyError::Open(path.to_owned()));
    }
    Ok(Some(text))
}

/// Writes a key as PEM to a file that must not be there yet, whole or not at all. Only its owner may read it.
pub fn write_new(path: &Path, pem: &str) -> Result<(), PrivateKeyError> {
    let failed = |source| PrivateKeyError::Io { path: path.to_owned(), what: "written", source };
    let mut name = path.file_name().unwrap_or_default().to_owned();
    // Two threads of a process may write at the same time.
    let nth = WRITES.fetch_add(1, Ordering::Relaxed);
    name.push(format!(".{}-{nth}.new", std::process::id()));
    let whole = path.with_file_name(name);
    let written = create_private(&whole)
        .and_then(|mut file| {
            file.write_all(pem.as_bytes())?;
            file.sync_all()
        })
        // Unlike a rename, a link never takes another file's place.
        .and_then(|()| std::fs::hard_link(&whole, path))
        .and_then(|()| sync_directory(path));
    let _ = std::fs::remove_file(&whole);
    written.map_err(failed)
}

fn create_private(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)
}

/// Makes sure that a new name outlives a power cut.
fn sync_directory(path: &Path) -> io::Result<()> {
    path.parent().map_or(Ok(()), |directory| File::open(directory)?.sync_all())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The first key of RFC 8032, section 7.1.
    const SEED: &str = "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60";
    const PUBLIC: &str = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";

    #[test]
    fn the_public_key_belongs_to_the_seed() {
        let bytes = data_encoding::HEXLOWER.decode(SEED.as_bytes()).unwrap();
        let identity = PrivateKey::from_seed(&Seed::from_bytes(bytes.try_into().unwrap())).unwrap();
        let public = data_encoding::HEXLOWER.encode(&identity.spki()[12..]);
        assert_eq!(public, PUBLIC);
        assert!(!format!("{identity:?}").contains(SEED));
    }

    #[test]
    fn a_key_is_made_once_and_read_ever_after() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.key");
        let made = PrivateKey::load_or_make(&path).unwrap();
        let read = PrivateKey::load_or_make(&path).unwrap();
        assert_eq!(made.pin(), read.pin());
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn threads_that_need_the_key_at_the_same_time_get_the_same_one() {
        for _ in 0..20 {
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join("a.key");
            let start = std::sync::Barrier::new(8);
            let pins: Vec<Pin> = std::thread::scope(|scope| {
                let make = || {
                    start.wait();
                    PrivateKey::load_or_make(&path).unwrap().pin()
                };
                let threads: Vec<_> = (0..8).map(|_| scope.spawn(make)).collect();
                threads.into_iter().map(|thread| thread.join().unwrap()).collect()
            });
            assert!(pins.iter().all(|pin| *pin == pins[0]), "{pins:?}");
            assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
        }
    }

    #[test]
    fn a_key_is_its_owners_alone_and_one_that_is_not_is_refused() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.key");
        PrivateKey::load_or_make(&path).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        for mode in [0o640, 0o604] {
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
            let error = PrivateKey::load_or_make(&path).unwrap_err();
            assert!(matches!(error, PrivateKeyError::Open(_)), "{error}");
        }
    }

    #[test]
    fn a_file_that_holds_no_key_is_refused_and_kept() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.key");
        let whole = PrivateKey::load_or_make(&path).unwrap().private_pem();
        for end in 0..whole.trim_end().len() {
            std::fs::write(&path, &whole[..end]).unwrap();
            let error = PrivateKey::load_or_make(&path).unwrap_err();
            assert!(matches!(error, PrivateKeyError::Unreadable(_)), "{end}: {error}");
            assert_eq!(std::fs::read_to_string(&path).unwrap(), whole[..end]);
        }
    }
}
