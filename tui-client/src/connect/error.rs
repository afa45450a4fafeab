//! Why there is no session, in words.

use std::error::Error as _;
use std::io;
use std::path::PathBuf;

use topside_shared::RpcError;
use topside_shared::advice::INVITE_ON_THE_BOX;
use topside_shared::private_key::PrivateKeyError;
use topside_shared::server_record::ServerRecord;
use topside_shared::text::{MAX_REASON, clean};

use super::PATIENCE;
use super::disconnect::{DisconnectReason, KeyRefused};

/// Why there is no session, as a sentence with advice and without a full stop. `at` is the socket or the address that
/// was tried.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConnectError {
    #[error(
        "{at} is not the paired server: it has another key. Another machine may have that address on \
         this network; if the server was set up anew, pair again ({INVITE_ON_THE_BOX})"
    )]
    WrongKey { at: String },
    /// The server of this machine is not the saved one that was named.
    #[error(
        "the server of this machine ({at}) is not the saved server: it has another key; choose another route, or \
         `this machine` for the server that runs here"
    )]
    OtherServer { at: String },
    /// The server does not accept the key of this device.
    #[error(transparent)]
    KeyRefused(#[from] KeyRefused),
    #[error("no server runs on this machine (looked at {}): start one with `topside serve`", list(.tried))]
    NoServer { tried: Vec<PathBuf> },
    #[error("the server of this machine (pid {}) runs, but {server}", server.pid)]
    SocketRemoved { server: ServerRecord },
    #[error("this user may not use the server at {at}: {why}")]
    NotAllowed { at: String, why: String },
    /// Another user could have put the socket there.
    #[error("the directory {} cannot be trusted: {why}; make it yours with mode 0700", dir.display())]
    ForeignDirectory { dir: PathBuf, why: String },
    #[error("the socket path {} is too long for this system: set TOPSIDE_RUNTIME_DIR to a shorter directory", path.display())]
    PathTooLong { path: PathBuf },
    #[error(transparent)]
    PrivateKey(#[from] PrivateKeyError),
    /// The two sides share no version of the protocol; the sentence says which is older.
    #[error("{0}")]
    Version(String),
    #[error("the server refused the connection: {}", clean(&.0.message, MAX_REASON))]
    Refused(RpcError),
    #[error("{reason}")]
    Lost { reason: DisconnectReason },
    /// The server closed the connection before either side had shown its key.
    #[error(
        "{at} closed the connection at once: the server is too busy, or accepts no connection from this address for a while (up \
         to ten minutes) because too many tries have failed"
    )]
    TurnedAway { at: String },
    #[error(
        "nothing listens at {at}: is `topsided` running there, and is this its port? \
         It opens the port once it has made an invite"
    )]
    NotListening { at: String },
    #[error("{at} has not answered for {} s: is the box on, and does no firewall stand between?", PATIENCE.as_secs())]
    NoAnswer { at: String },
    /// A server accepted the connection and sent nothing.
    #[error("the server at {at} has said nothing for {} s: look at its log on the box", PATIENCE.as_secs())]
    Stuck { at: String },
    #[error("there is no route to {at} from here: is this machine on the network?")]
    NoRoute { at: String },
    #[error(
        "the host of {at} is not found: check its name, and that this machine is on the network"
    )]
    NoHost { at: String, source: io::Error },
    #[error("the box does not announce itself on this LAN")]
    NotOnLan,
    /// The hub cannot be reached, or does not accept this device.
    #[cfg(feature = "hub")]
    #[error("{why}")]
    NoHub { why: String, lasting: bool },
    #[cfg(feature = "hub")]
    #[error(
        "the box is not at the hub of {hub}: is it on, and has it joined (`topsided doctor` on the box)?"
    )]
    NotAtHub { hub: String },
    #[cfg(feature = "hub")]
    #[error(
        "the box accepts no connection through the hub of {hub} now: too many are being set up; try again in a moment"
    )]
    BusyAtHub { hub: String },
    #[error("what answers at {at} is not a Topside server: {why}")]
    NotTopside { at: String, why: String },
    #[error("cannot connect to {at}")]
    Io { at: String, source: io::Error },
    /// All addresses failed; the most specific error is the first.
    #[error("{}", each(.0))]
    Nowhere(Vec<ConnectError>),
}

impl ConnectError {
    /// Whether another try fails too until a person changes something.
    pub(crate) fn is_lasting(&self) -> bool {
        match self {
            Self::WrongKey { .. }
            | Self::OtherServer { .. }
            | Self::KeyRefused(_)
            | Self::NotAllowed { .. }
            | Self::ForeignDirectory { .. }
            | Self::PathTooLong { .. }
            | Self::PrivateKey(_)
            | Self::Version(_) => true,
            #[cfg(feature = "hub")]
            Self::NoHub { lasting, .. } => *lasting,
            Self::Refused(error) => !error.data.retryable,
            // An address that is down now may come up again.
            Self::Nowhere(errors) => errors.iter().all(Self::is_lasting),
            _ => false,
        }
    }

    pub(super) fn refuses_the_key(&self) -> bool {
        match self {
            Self::KeyRefused(_) => true,
            Self::Nowhere(errors) => errors.iter().any(Self::refuses_the_key),
            _ => false,
        }
    }

    /// The most specific error, where several addresses were tried.
    pub(crate) fn first(&self) -> &Self {
        match self {
            Self::Nowhere(errors) => errors.first().unwrap_or(self),
            error => error,
        }
    }

    /// One error for several addresses that all failed.
    pub(super) fn of_addresses(mut errors: Vec<Self>) -> Self {
        errors.sort_by_key(Self::rank);
        match errors.len() {
            1 => errors.swap_remove(0),
            _ => Self::Nowhere(errors),
        }
    }

    pub(super) fn most_specific(errors: Vec<Self>) -> Option<Self> {
        errors.into_iter().min_by_key(Self::rank)
    }

    fn rank(&self) -> u8 {
        match self {
            Self::WrongKey { .. } => 0,
            Self::KeyRefused(_) => 1,
            Self::NotTopside { .. } | Self::TurnedAway { .. } => 2,
            Self::NotListening { .. } => 3,
            Self::NoHost { .. } | Self::NoRoute { .. } => 4,
            Self::NotOnLan => 6,
            _ => 5,
        }
    }
}

fn list(paths: &[PathBuf]) -> String {
    paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(" and ")
}

fn each(errors: &[ConnectError]) -> String {
    let each = errors.iter().map(|error| match error.source() {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    });
    each.collect::<Vec<_>>().join("; and ")
}
