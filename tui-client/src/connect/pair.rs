//! Pairing: an invite is spent once, for this device's own key; a token's key is kept as it is.

use std::io;

use tokio::time::timeout;
use topside_shared::dirs::Dirs;
use topside_shared::identity::{Identity, IdentityError};
use topside_shared::invite::Invite;
use topside_shared::methods::{Base64, KeyEnrol, KeyEnrolResult};
use topside_shared::text::{MAX_REASON, clean};
use topside_shared::{Role, RpcError, tls};

use super::dial::{Dialled, dial};
use super::disconnect::{DisconnectReason, KeyRefused};
use super::error::ConnectError;
use super::events::Events;
use super::handshake::{Hello, begin_remote, connect_as};
use super::pair_profile::{self, PairedProfile, SaveAs};
use super::remote::{Address, make_dir, own_identity, saved_identity, token_path};
use super::session::{CallError, Handle, start};
use super::{PATIENCE, Via};
use crate::config::{ConfigError, Profile};

/// What is said to a server while pairing.
const HELLO: Hello = Hello { notices: false, name: "topside pair" };

/// A server that may be connected to from now on.
#[derive(Debug)]
pub struct Paired {
    /// As it was saved.
    pub profile: Profile,
    /// What this device may do there.
    pub role: Role,
    /// Whether this device was paired before: the invite was used, by nobody else.
    pub already: bool,
    /// What the server was called here until now, where another name was asked for.
    pub renamed: Option<String>,
}

/// Why nothing was paired. Its display is a sentence a person can act on, without a full stop.
#[derive(Debug, thiserror::Error)]
pub enum PairError {
    /// Somebody has used it, or it was taken back.
    #[error(
        "this invite was used already, or taken back: ask for a new one (`topsided invite` on the box)"
    )]
    Used,
    /// Its time is over.
    #[error("this invite has expired: ask for a new one (`topsided invite` on the box)")]
    Expired,
    /// It is a token that was taken back.
    #[error("this token was revoked: ask for a new one (`topsided token` on the box)")]
    TokenRevoked,
    /// The server has no such key.
    #[error(
        "the server does not know this invite: ask for a new one (`topsided invite` on the box)"
    )]
    Unknown,
    /// Another server is saved under the name that was asked for.
    #[error(
        "{0} is another server, saved already: choose another --name, or give --replace if the box was set up again. \
         The invite was not used"
    )]
    NameTaken(String),
    /// It is a token, whose key would be shown in the place of this device's own.
    #[error(
        "this device is let in there by its own key already, as {role}, and the token's key would take its \
         place: for a script, run the same with another directory as TOPSIDE_STATE_DIR"
    )]
    OwnKeyIn {
        /// What its own key may do.
        role: Role,
    },
    /// It does not say where the server is.
    #[error(
        "this invite names no address of the box: connect the box to a network, then run `topsided invite` \
         again"
    )]
    NoAddress,
    /// No address led to the server.
    #[error(transparent)]
    Unreachable(#[from] ConnectError),
    /// The server did not take this device's key.
    #[error("the server refused to pair: {}", clean(&.0.message, MAX_REASON))]
    Refused(RpcError),
    /// The connection ended before the answer.
    #[error("{0}; whether the invite was used is not known: run the same again")]
    NoAnswer(String),
    /// This device's key cannot be made, read or kept.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// The server cannot be saved.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The connection cannot be signed for.
    #[error("the connection cannot be signed for: {0}")]
    Exporter(String),
}

impl PairError {
    /// Whether using the same invite again changes nothing.
    pub fn is_lasting(&self) -> bool {
        match self {
            Self::Used
            | Self::Expired
            | Self::TokenRevoked
            | Self::Unknown
            | Self::NoAddress
            | Self::NameTaken(_)
            | Self::OwnKeyIn { .. } => true,
            Self::Refused(error) => !error.data.retryable,
            Self::Unreachable(_)
            | Self::NoAnswer(_)
            | Self::Identity(_)
            | Self::Config(_)
            | Self::Exporter(_) => false,
        }
    }
}

/// Uses an invite, so that this device's own key may come in from now on, or keeps the key of a token; and
/// saves the server.
///
/// # Errors
/// [`PairError`].
pub async fn pair(invite: &Invite, save_as: SaveAs<'_>, dirs: &Dirs) -> Result<Paired, PairError> {
    let addresses = named_by(invite);
    if addresses.is_empty() {
        return Err(PairError::NoAddress);
    }
    if let Some(name) = save_as.name
        && pair_profile::is_anothers(dirs, invite, save_as)?
    {
        return Err(PairError::NameTaken(name.to_owned()));
    }
    let key = Identity::from_seed(&invite.seed)?;
    let dialled = dial(&addresses, invite.server, &key).await?;
    if invite.lasting {
        keep_token(invite, save_as, dirs, &addresses, &key, dialled).await
    } else {
        enrol(invite, save_as, dirs, &addresses, dialled).await
    }
}

/// The addresses that an invite names, those of the LAN first.
fn named_by(invite: &Invite) -> Vec<Address> {
    let lan = invite.addresses.iter().map(|address| Address {
        via: Via::Lan,
        host: address.to_string(),
        port: invite.port,
    });
    let router = invite.router.iter().map(|host| Address {
        via: Via::Internet,
        host: host.clone(),
        port: invite.router_port,
    });
    lan.chain(router).collect()
}

/// Keeps the key of a token, once the server has let it in and has not let in this device's own.
async fn keep_token(
    invite: &Invite,
    save_as: SaveAs<'_>,
    dirs: &Dirs,
    addresses: &[Address],
    key: &Identity,
    dialled: Dialled,
) -> Result<Paired, PairError> {
    let reached = dialled.address.clone();
    let session = begin_remote(dialled, &HELLO).await.map_err(|error| match error {
        ConnectError::Revoked => PairError::TokenRevoked,
        ConnectError::Expired => PairError::Expired,
        ConnectError::UnknownDevice => PairError::Unknown,
        error => error.into(),
    })?;
    let role = session.welcome.you.role;
    session.leave().await;
    if let Some(role) = own_role(dirs, addresses, invite).await? {
        return Err(PairError::OwnKeyIn { role });
    }
    let path = token_path(&dirs.state, &invite.server);
    if let Some(dir) = path.parent() {
        make_dir(dir)?;
    }
    let already = Identity::load(&path)?.is_some_and(|kept| kept.pin() == key.pin());
    // A token that was there before gives way to a whole one.
    let new = path.with_extension("new");
    remove(&new)?;
    key.save_new(&new)?;
    std::fs::rename(&new, &path).map_err(|source| IdentityError::Io {
        path: path.clone(),
        what: "written",
        source,
    })?;
    let entry = pair_profile::save(dirs, invite, save_as, &reached)?;
    let renamed = entry.renamed();
    let profile = if already { entry.with_old_addresses(dirs)? } else { entry.profile };
    Ok(Paired { profile, role, already, renamed })
}

/// What this device may do there by its own key, where it has one and is let in by it.
async fn own_role(
    dirs: &Dirs,
    addresses: &[Address],
    invite: &Invite,
) -> Result<Option<Role>, PairError> {
    let Some(own) = saved_identity(&dirs.state)? else { return Ok(None) };
    match connect_as(&own, addresses, invite.server, &HELLO).await {
        Ok(session) => {
            let role = session.welcome.you.role;
            session.leave().await;
            Ok(Some(role))
        }
        Err(error) if error.refuses_the_key() => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Puts this device's own key in the place of the one-time key that the connection was made with. Key and
/// server are saved first: were the answer lost, they would still be good.
async fn enrol(
    invite: &Invite,
    save_as: SaveAs<'_>,
    dirs: &Dirs,
    addresses: &[Address],
    dialled: Dialled,
) -> Result<Paired, PairError> {
    let own = own_identity(&dirs.state)?;
    let Dialled { stream, address } = dialled;
    let exporter = stream.get_ref().1.export_keying_material([0; 32], tls::ENROL_LABEL, None);
    let exporter = exporter.map_err(|error| PairError::Exporter(error.to_string()))?;
    let signature = own.sign(&tls::enrol_message(&exporter, own.spki()))?;
    let entry = pair_profile::save(dirs, invite, save_as, &address)?;
    let (read, write) = tokio::io::split(stream);
    let (handle, mut events) = start(read, write);
    let request = KeyEnrol {
        key: Base64(own.spki().to_vec()),
        name: String::new(),
        signature: Base64(signature),
    };
    match ask(&handle, &mut events, &request).await {
        Ok(enrolled) => {
            handle.close();
            events.end().await;
            use_own_key(dirs, invite)?;
            let renamed = entry.renamed();
            Ok(Paired { profile: entry.profile, role: enrolled.role, already: false, renamed })
        }
        // It may have been this device that used it, and the answer was lost.
        Err(why @ (PairError::Used | PairError::NoAnswer(_))) => {
            own_key(&own, invite, dirs, addresses, entry, why).await
        }
        Err(why) => {
            entry.undo(dirs)?;
            Err(why)
        }
    }
}

async fn ask(
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
            DisconnectReason::KeyRefused(KeyRefused::Revoked) => PairError::Used,
            DisconnectReason::KeyRefused(KeyRefused::Expired) => PairError::Expired,
            DisconnectReason::KeyRefused(KeyRefused::Unknown) => PairError::Unknown,
            DisconnectReason::Refused(error) => PairError::Refused(error),
            reason => PairError::NoAnswer(reason.to_string()),
        }),
        Err(error) => Err(PairError::NoAnswer(error.to_string())),
    }
}

/// Tries this device's own key, before it is told that the invite did not do. If the server refuses that
/// key too, nothing is left saved.
async fn own_key(
    own: &Identity,
    invite: &Invite,
    dirs: &Dirs,
    addresses: &[Address],
    entry: PairedProfile,
    why: PairError,
) -> Result<Paired, PairError> {
    match connect_as(own, addresses, invite.server, &HELLO).await {
        Ok(session) => {
            let role = session.welcome.you.role;
            session.leave().await;
            use_own_key(dirs, invite)?;
            let renamed = entry.renamed();
            let profile = entry.with_old_addresses(dirs)?;
            Ok(Paired { profile, role, already: true, renamed })
        }
        Err(error) if error.refuses_the_key() => {
            entry.undo(dirs)?;
            Err(why)
        }
        // It may be that it was paired: what is saved will show.
        Err(_) => Err(why),
    }
}

/// A token's key for that server would be shown in the place of this device's own.
fn use_own_key(dirs: &Dirs, invite: &Invite) -> Result<(), IdentityError> {
    remove(&token_path(&dirs.state, &invite.server))
}

fn remove(path: &std::path::Path) -> Result<(), IdentityError> {
    match std::fs::remove_file(path) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => {
            Err(IdentityError::Io { path: path.to_owned(), what: "removed", source })
        }
        _ => Ok(()),
    }
}
