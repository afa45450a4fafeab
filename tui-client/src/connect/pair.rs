//! Pairing: uses an invite once to register this device's own key, or keeps the key of a token.

use std::io;

use tokio::time::timeout;
use topside_shared::advice::{INVITE_ON_THE_BOX, TOKEN_ON_THE_BOX};
use topside_shared::dirs::Dirs;
use topside_shared::invite::Invite;
use topside_shared::methods::{Base64, KeyEnrol, KeyEnrolResult};
use topside_shared::private_key::{PrivateKey, PrivateKeyError};
use topside_shared::text::{MAX_REASON, clean};
use topside_shared::{Role, RpcError, tls};

use super::dial::{Dialled, dial};
use super::disconnect::{DisconnectReason, KeyRefused};
use super::error::ConnectError;
use super::events::Events;
use super::handshake::{Hello, Session, begin_remote, connect_as};
use super::pair_profile::{self, PairedProfile, SaveAs};
use super::remote::{Address, hub_addresses, make_dir, own_key, saved_key, token_path};
use super::session::{CallError, Handle, start};
use super::{PATIENCE, Via};
use crate::config::{ConfigError, Profile};

const HELLO: Hello = Hello { notices: false, agent: false, name: "topside pair" };

#[derive(Debug)]
pub(crate) struct Paired {
    pub(crate) profile: Profile,
    pub(crate) role: Role,
    /// Whether this device was paired before and has used the invite itself.
    pub(crate) already: bool,
    /// The name that the server had here before, where another name was asked for.
    pub(crate) renamed: Option<String>,
}

/// Why nothing was paired, as a sentence with advice and without a full stop.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PairError {
    #[error("this invite was used already, or taken back: ask for a new one ({INVITE_ON_THE_BOX})")]
    Used,
    #[error("this invite has expired: ask for a new one ({INVITE_ON_THE_BOX})")]
    Expired,
    #[error("this token was revoked: ask for a new one ({TOKEN_ON_THE_BOX})")]
    TokenRevoked,
    #[error("the server does not know this invite: ask for a new one ({INVITE_ON_THE_BOX})")]
    Unknown,
    #[error(
        "{0} is another server, saved already: choose another --name, or give --replace if the box was set up again. \
         The invite was not used"
    )]
    NameTaken(String),
    /// The token's key would be shown in the place of this device's own key.
    #[error(
        "this device is let in there by its own key already, as {role}, and the token's key would take its \
         place: for a script, run the same with another directory as TOPSIDE_STATE_DIR"
    )]
    OwnKeyIn { role: Role },
    #[error(
        "this invite names no address of the box: connect the box to a network, then make a new one ({INVITE_ON_THE_BOX})"
    )]
    NoAddress,
    #[error(transparent)]
    Unreachable(#[from] ConnectError),
    #[error("the server refused to pair: {}", clean(&.0.message, MAX_REASON))]
    Refused(RpcError),
    #[error("{0}; whether the invite was used is not known: run the same again")]
    NoAnswer(String),
    #[error(transparent)]
    PrivateKey(#[from] PrivateKeyError),
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error("the connection cannot be signed for: {0}")]
    Exporter(String),
}

impl PairError {
    /// Whether another use of the same invite fails too.
    pub(crate) fn is_lasting(&self) -> bool {
        match self {
            Self::Refused(error) => !error.data.retryable,
            Self::Unreachable(_)
            | Self::NoAnswer(_)
            | Self::PrivateKey(_)
            | Self::Config(_)
            | Self::Exporter(_) => false,
            _ => true,
        }
    }
}

impl From<KeyRefused> for PairError {
    fn from(refused: KeyRefused) -> Self {
        match refused {
            KeyRefused::Unknown => Self::Unknown,
            KeyRefused::Revoked => Self::Used,
            KeyRefused::Expired => Self::Expired,
        }
    }
}

struct Pairing<'p> {
    invite: &'p Invite,
    save_as: SaveAs<'p>,
    dirs: &'p Dirs,
    addresses: Vec<Address>,
}

/// Uses an invite, so that the server accepts this device's own key from now on, or keeps the key of a token; and saves
/// the server.
pub(crate) async fn pair(
    invite: &Invite,
    save_as: SaveAs<'_>,
    dirs: &Dirs,
) -> Result<Paired, PairError> {
    let mut addresses = addresses_of(invite);
    // A hub that cannot be used matters only where nothing else is left.
    addresses.extend(hub_addresses(&dirs.state).unwrap_or_default());
    if addresses.is_empty() {
        return Err(PairError::NoAddress);
    }
    if let Some(name) = save_as.name
        && pair_profile::is_anothers(dirs, invite, save_as)?
    {
        return Err(PairError::NameTaken(name.to_owned()));
    }
    let key = PrivateKey::from_seed(&invite.seed)?;
    let dialled = dial(&addresses, invite.server, &key).await?;
    let pairing = Pairing { invite, save_as, dirs, addresses };
    if invite.lasting {
        pairing.keep_token(&key, dialled).await
    } else {
        pairing.enrol(dialled).await
    }
}

/// The addresses in an invite, those of the LAN first.
fn addresses_of(invite: &Invite) -> Vec<Address> {
    let at = |via, host, port| Address::Network { via, host, port };
    let lan = invite.addresses.iter().map(|ip| at(Via::Lan, ip.to_string(), invite.port));
    let router = invite.router.clone();
    lan.chain(router.map(|host| at(Via::Internet, host, invite.router_port))).collect()
}

/// Closes a session that was opened to learn the role of this device.
async fn leave(session: Session) -> Role {
    let role = session.welcome.you.role;
    session.leave().await;
    role
}

impl Pairing<'_> {
    /// Keeps the key of a token, once the server has accepted it and has refused this device's own.
    async fn keep_token(self, key: &PrivateKey, dialled: Dialled) -> Result<Paired, PairError> {
        let Self { invite, save_as, dirs, .. } = self;
        let reached = dialled.address.clone();
        let session = begin_remote(dialled, &HELLO).await.map_err(|error| match error {
            ConnectError::KeyRefused(KeyRefused::Revoked) => PairError::TokenRevoked,
            ConnectError::KeyRefused(refused) => refused.into(),
            error => error.into(),
        })?;
        let role = leave(session).await;
        if let Some(own) = saved_key(&dirs.state)? {
            match self.connect_as(&own).await {
                Ok(session) => return Err(PairError::OwnKeyIn { role: leave(session).await }),
                Err(error) if error.refuses_the_key() => {}
                Err(error) => return Err(error.into()),
            }
        }
        let path = token_path(&dirs.state, &invite.server);
        if let Some(dir) = path.parent() {
            make_dir(dir)?;
        }
        let had_token = path.exists();
        let already = PrivateKey::load(&path)?.is_some_and(|kept| kept.pin() == key.pin());
        // The rename replaces an older token only by a complete new one.
        let new = path.with_extension("new");
        remove(&new)?;
        key.save_new(&new)?;
        std::fs::rename(&new, &path).map_err(|source| PrivateKeyError::Io {
            path: path.clone(),
            what: "written",
            source,
        })?;
        let entry = pair_profile::save(dirs, invite, save_as, &reached, had_token)?;
        let renamed = entry.renamed();
        let profile = if already { entry.with_old_addresses(dirs)? } else { entry.profile };
        Ok(Paired { profile, role, already, renamed })
    }

    async fn connect_as(&self, key: &PrivateKey) -> Result<Session, ConnectError> {
        connect_as(key, &self.addresses, self.invite.server, &HELLO).await
    }

    /// Replaces the one-time key of the invite, which made the connection, by this device's own key. Key and server are
    /// saved first, so that they are valid even if the answer is lost.
    async fn enrol(self, dialled: Dialled) -> Result<Paired, PairError> {
        let Self { invite, save_as, dirs, .. } = self;
        let had_key =
            saved_key(&dirs.state)?.is_some() || token_path(&dirs.state, &invite.server).exists();
        let own = own_key(&dirs.state)?;
        let Dialled { stream, address } = dialled;
        let exporter = stream.get_ref().1.export_keying_material([0; 32], tls::ENROL_LABEL, None);
        let exporter = exporter.map_err(|error| PairError::Exporter(error.to_string()))?;
        let signature = own.sign(&tls::enrol_message(&exporter, own.spki()))?;
        let entry = pair_profile::save(dirs, invite, save_as, &address, had_key)?;
        let (read, write) = tokio::io::split(stream);
        let (handle, mut events) = start(read, write);
        let request = KeyEnrol {
            key: Base64(own.spki().to_vec()),
            name: String::new(),
            signature: Base64(signature),
        };
        match call(&handle, &mut events, &request).await {
            Ok(enrolled) => {
                handle.close();
                events.end().await;
                self.use_own_key()?;
                let renamed = entry.renamed();
                Ok(Paired { profile: entry.profile, role: enrolled.role, already: false, renamed })
            }
            // This device may have used the invite before and lost the answer.
            Err(why @ (PairError::Used | PairError::NoAnswer(_))) => {
                self.try_own_key(&own, entry, why).await
            }
            Err(why) => {
                entry.undo(dirs)?;
                Err(why)
            }
        }
    }

    /// Tries this device's own key before `why` is reported. If the server refuses that key too, nothing stays saved.
    async fn try_own_key(
        self,
        own: &PrivateKey,
        entry: PairedProfile,
        why: PairError,
    ) -> Result<Paired, PairError> {
        match self.connect_as(own).await {
            Ok(session) => {
                let role = leave(session).await;
                self.use_own_key()?;
                let renamed = entry.renamed();
                let profile = entry.with_old_addresses(self.dirs)?;
                Ok(Paired { profile, role, already: true, renamed })
            }
            Err(error) if error.refuses_the_key() => {
                entry.undo(self.dirs)?;
                Err(why)
            }
            // The pairing may have succeeded: what is saved stays, and the next connection will show.
            Err(_) => Err(why),
        }
    }

    /// Removes a token's key for this server, which would be shown in the place of this device's own.
    fn use_own_key(&self) -> Result<(), PrivateKeyError> {
        remove(&token_path(&self.dirs.state, &self.invite.server))
    }
}

async fn call(
    handle: &Handle,
    events: &mut Events,
    request: &KeyEnrol,
) -> Result<KeyEnrolResult, PairError> {
    let Ok(answer) = timeout(PATIENCE, handle.call(request)).await else {
        let waited = format!("the server has not answered for {} s", PATIENCE.as_secs());
        return Err(PairError::NoAnswer(waited));
    };
    match answer {
        Ok(enrolled) => Ok(enrolled),
        Err(CallError::Refused(error)) => Err(PairError::Refused(error)),
        Err(CallError::Lost) => Err(match events.end().await {
            DisconnectReason::KeyRefused(refused) => refused.into(),
            DisconnectReason::Refused(error) => PairError::Refused(error),
            reason => PairError::NoAnswer(reason.to_string()),
        }),
        Err(error) => Err(PairError::NoAnswer(error.to_string())),
    }
}

fn remove(path: &std::path::Path) -> Result<(), PrivateKeyError> {
    match std::fs::remove_file(path) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => {
            Err(PrivateKeyError::Io { path: path.to_owned(), what: "removed", source })
        }
        _ => Ok(()),
    }
}
