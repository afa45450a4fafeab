//! What the device of an admin has of a fleet beside a person's: the fleet's authority, and the credentials of the hub.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use topside_shared::Pin;
use topside_shared::fleet::JoinString;
use topside_shared::hub::{FleetName, HubAccess, HubAccessError, HubCredentials, HubRole, HubUser};
use topside_shared::private_key::{PrivateKey, PrivateKeyError, Seed, write_new};
use topside_shared::text::{MAX_NAME, clean};

use super::authority_key::AuthorityKey;
use crate::config::write_private;
use crate::connect::fleet_store::{DIR, Fleet, FleetsError, read};
use crate::connect::remote::make_dir;
use crate::platform;
use crate::text::secret::Secret;

const AUTHORITY: &str = "authority.key";
const HUB: &str = "hub";
/// What the line with the name begins with, in an exported file.
const FLEET: &str = "fleet: ";

/// The authority of a fleet, and the credentials of its hub.
#[derive(Debug, Clone)]
pub(crate) struct AdminFiles {
    pub(crate) fleet: FleetName,
    pub(crate) authority: AuthorityKey,
    pub(crate) credentials: HubCredentials,
    /// The user of this device, at a hub in operator mode.
    pub(crate) user: Option<HubUser>,
}

/// Why a fleet's authority cannot be read or written, as a sentence with advice and without a full stop.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AdminFilesError {
    #[error(
        "this device cannot change the fleet {0}, because it does not have its authority: use the device that created it, or `topside fleet import`"
    )]
    NoAuthority(FleetName),
    #[error("{} cannot be used: {why}; give the hub's string to `topside fleet create {fleet} --hub`", path.display())]
    Credentials { fleet: FleetName, path: PathBuf, why: HubAccessError },
    #[error("{} is there already: choose a new name", .0.display())]
    Exists(PathBuf),
    #[error("{} cannot be {what}: {source}", path.display())]
    Io { path: PathBuf, what: &'static str, source: io::Error },
    #[error("{} is no file of `topside fleet export`", .0.display())]
    NotExported(PathBuf),
    #[error(transparent)]
    Fleets(#[from] FleetsError),
    #[error(transparent)]
    PrivateKey(#[from] PrivateKeyError),
}

impl AdminFiles {
    /// A new authority for a fleet, encrypted with a passphrase where there is one. That of a creation that was interrupted
    /// is used again.
    pub(crate) fn make(
        state: &Path,
        fleet: FleetName,
        credentials: HubCredentials,
        passphrase: Option<&Secret>,
    ) -> Result<Self, AdminFilesError> {
        let dir = state.join(DIR).join(fleet.as_str());
        make_dir(state)?;
        if !dir.is_dir() {
            let failed = |source| AdminFilesError::Io { path: dir.clone(), what: "made", source };
            platform::create_private_dir(&dir).map_err(failed)?;
        }
        let path = dir.join(AUTHORITY);
        let authority = match (AuthorityKey::load(&path)?, passphrase) {
            // It is written once the hub has the fleet.
            (Some(AuthorityKey::Plain(key)), Some(new)) => AuthorityKey::encrypt(&key, new)?,
            (Some(found), _) => found,
            (None, passphrase) => {
                let key = PrivateKey::from_seed(&Seed::random()?)?;
                let made = match passphrase {
                    Some(new) => AuthorityKey::encrypt(&key, new)?,
                    None => AuthorityKey::Plain(key),
                };
                write_new(&path, &made.pem())?;
                made
            }
        };
        Ok(Self { fleet, authority, credentials, user: None })
    }

    pub(crate) fn load(fleet: &Fleet) -> Result<Self, AdminFilesError> {
        let name = fleet.name().clone();
        let authority = AuthorityKey::load(&fleet.dir.join(AUTHORITY))?;
        let path = fleet.dir.join(HUB);
        let (Some(authority), Some(text)) = (authority, read(&path)?) else {
            return Err(AdminFilesError::NoAuthority(name));
        };
        let credentials = HubCredentials::find(&text)
            .map_err(|why| AdminFilesError::Credentials { fleet: name.clone(), path, why })?;
        let user = fleet.access.user.clone();
        Ok(Self { fleet: name, authority, credentials, user })
    }

    /// Saves both.
    pub(crate) fn save(&self, state: &Path) -> Result<(), AdminFilesError> {
        let dir = state.join(DIR).join(self.fleet.as_str());
        let write = |name: &str, text: &str| {
            let path = dir.join(name);
            let written = write_private(&path, text);
            written.map_err(|source| AdminFilesError::Io { path, what: "written", source })
        };
        write(HUB, &format!("{}\n", self.credentials))?;
        write(AUTHORITY, &self.authority.pem())
    }

    /// Access to the hub for this side.
    pub(crate) fn access(&self, role: HubRole) -> HubAccess {
        let access = self.credentials.access(role, &self.fleet);
        HubAccess { user: self.user.clone(), ..access }
    }

    /// The fleet as its members know it, by the pin of its authority.
    pub(crate) fn member(&self, authority: Pin) -> JoinString {
        JoinString { access: self.access(HubRole::Person), authority, enrolment: None }
    }

    /// Writes it to a new file, for another device.
    pub(crate) fn export(&self, path: &Path) -> Result<(), AdminFilesError> {
        let failed = |source: io::Error| match source.kind() {
            io::ErrorKind::AlreadyExists => AdminFilesError::Exists(path.to_owned()),
            _ => AdminFilesError::Io { path: path.to_owned(), what: "written", source },
        };
        let with = match self.authority.is_encrypted() {
            true => "with this file and its passphrase",
            false => "with this file",
        };
        let text = format!(
            "# The authority of a fleet of Topside, for `topside fleet import`. Keep it secret: {with}, a device\n\
             # admits people and boxes to the fleet.\n{FLEET}{}\n{}\n{}",
            self.fleet,
            self.credentials,
            self.authority.pem()
        );
        let mut options = OpenOptions::new();
        let file = platform::private(options.write(true).create_new(true)).open(path);
        let written = file.and_then(|mut file| {
            file.write_all(text.as_bytes())?;
            file.sync_all()
        });
        written.map_err(failed)
    }

    /// Reads a file that [`export`](Self::export) wrote.
    pub(crate) fn import(path: &Path) -> Result<Self, AdminFilesError> {
        let failed = |source| AdminFilesError::Io { path: path.to_owned(), what: "read", source };
        let text = std::fs::read_to_string(path).map_err(failed)?;
        let name = text.lines().find_map(|line| line.strip_prefix(FLEET));
        let fleet = name.and_then(|name| clean(name, MAX_NAME).parse().ok());
        let authority = AuthorityKey::find(&text);
        let credentials = HubCredentials::find(&text).ok();
        match (fleet, authority, credentials) {
            (Some(fleet), Some(authority), Some(credentials)) => {
                Ok(Self { fleet, authority, credentials, user: None })
            }
            _ => Err(AdminFilesError::NotExported(path.to_owned())),
        }
    }
}
