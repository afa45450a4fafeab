//! Why there is no session, in words.

use std::error::Error as _;
use std::io;
use std::path::PathBuf;

use topside_shared::RpcError;
use topside_shared::identity::IdentityError;
use topside_shared::server_record::ServerRecord;
use topside_shared::text::{MAX_REASON, clean};

use super::PATIENCE;
use super::disconnect::{DisconnectReason, KeyRefused};

/// Why there is no session. Its display is a sentence a person can act on, without a full stop. `at` is
/// the socket, or the address, that was tried.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// Another key than the paired one: another machine, or a network where that address is another's.
    #[error(
        "{at} is not the paired server: it has another key. Another machine may have that address on \
         this network; if the server was set up anew, pair again (`topsided invite` on the box)"
    )]
    WrongKey {
        /// Its address.
        at: String,
    },
    /// The server knows no such key as this device's.
    #[error("{}", KeyRefused::Unknown)]
    UnknownDevice,
    /// The server no longer takes the key.
    #[error("{}", KeyRefused::Revoked)]
    Revoked,
    /// The key's time is over.
    #[error("{}", KeyRefused::Expired)]
    Expired,
    /// No server listens at any of these.
    #[error("no server runs on this machine (looked at {}): start one with `topside serve`", list(.tried))]
    NoServer {
        /// The sockets that were looked for.
        tried: Vec<PathBuf>,
    },
    /// A server runs, and the file of its socket was removed.
    #[error("the server of this machine (pid {}) runs, but {server}", server.pid)]
    SocketRemoved {
        /// What it recorded of itself.
        server: ServerRecord,
    },
    /// There is a server, and this user may not talk to it.
    #[error("this user may not use the server at {at}: {why}")]
    NotAllowed {
        /// Where it is.
        at: String,
        /// What the system or the server said.
        why: String,
    },
    /// The socket lies where others could have put it.
    #[error("the directory {} cannot be trusted: {why}; make it yours with mode 0700", dir.display())]
    ForeignDirectory {
        /// The directory.
        dir: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// The path is longer than the system allows for a socket.
    #[error("the socket path {} is too long for this system: set TOPSIDE_RUNTIME_DIR to a shorter directory", path.display())]
    PathTooLong {
        /// The path.
        path: PathBuf,
    },
    /// This system has no local socket.
    #[error("this system has no local socket: connect over the LAN or the internet")]
    NoLocalSocket,
    /// This device has no key that it could show.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// The two sides share no version of the protocol; the sentence says which is older.
    #[error("{0}")]
    Version(String),
    /// The server said no for another reason.
    #[error("the server refused the connection: {}", clean(&.0.message, MAX_REASON))]
    Refused(RpcError),
    /// The session ended before it began.
    #[error("{reason}")]
    Lost {
        /// Why.
        reason: DisconnectReason,
    },
    /// It hung up before either side had shown its key.
    #[error(
        "{at} hung up at once: the server is too busy, or lets nobody in from here for a while (up to ten \
         minutes) because too many tries have failed"
    )]
    TurnedAway {
        /// Its address.
        at: String,
    },
    /// The machine answers, and says that nobody listens on that port.
    #[error(
        "nothing listens at {at}: is `topsided` running there, and is this its port? \
         It opens the port once it has made an invite"
    )]
    NotListening {
        /// The address.
        at: String,
    },
    /// Nothing answered in time.
    #[error("{at} has not answered for {} s: is the box on, and does no firewall stand between?", PATIENCE.as_secs())]
    NoAnswer {
        /// Where.
        at: String,
    },
    /// There is a server, which does nothing.
    #[error("the server at {at} has said nothing for {} s: look at its log on the box", PATIENCE.as_secs())]
    Stuck {
        /// Where.
        at: String,
    },
    /// The network knows no way there.
    #[error("there is no way to {at} from here: is this machine on the network?")]
    NoRoute {
        /// The address.
        at: String,
    },
    /// The host's name leads nowhere.
    #[error(
        "the host of {at} is not found: check its name, and that this machine is on the network"
    )]
    NoHost {
        /// The address.
        at: String,
        /// The system's own words.
        source: io::Error,
    },
    /// What answered is something else.
    #[error("what answers at {at} is not a Topside server: {why}")]
    NotTopside {
        /// Where.
        at: String,
        /// What it did.
        why: String,
    },
    /// The system refused in another way.
    #[error("cannot connect to {at}")]
    Io {
        /// Where.
        at: String,
        /// The system's own words.
        source: io::Error,
    },
    /// No address led to the server; what says most comes first.
    #[error("{}", each(.0))]
    Nowhere(Vec<ConnectError>),
}

impl ConnectError {
    /// Whether trying again changes nothing until a person does something.
    pub fn is_lasting(&self) -> bool {
        match self {
            Self::WrongKey { .. }
            | Self::UnknownDevice
            | Self::Revoked
            | Self::Expired
            | Self::NotAllowed { .. }
            | Self::ForeignDirectory { .. }
            | Self::PathTooLong { .. }
            | Self::NoLocalSocket
            | Self::Identity(_)
            | Self::Version(_) => true,
            Self::Refused(error) => !error.data.retryable,
            Self::NoServer { .. }
            | Self::SocketRemoved { .. }
            | Self::Lost { .. }
            | Self::TurnedAway { .. }
            | Self::NotListening { .. }
            | Self::NoAnswer { .. }
            | Self::Stuck { .. }
            | Self::NoRoute { .. }
            | Self::NoHost { .. }
            | Self::NotTopside { .. }
            | Self::Io { .. } => false,
            // An address that is only down may come up again.
            Self::Nowhere(errors) => errors.iter().all(Self::is_lasting),
        }
    }

    /// Whether the paired server was reached and did not let this device's key in.
    pub(super) fn refuses_the_key(&self) -> bool {
        match self {
            Self::UnknownDevice | Self::Revoked | Self::Expired => true,
            Self::Nowhere(errors) => errors.iter().any(Self::refuses_the_key),
            _ => false,
        }
    }

    /// What says most, where several addresses were tried; else the error itself.
    pub fn first(&self) -> &Self {
        match self {
            Self::Nowhere(errors) => errors.first().unwrap_or(self),
            error => error,
        }
    }

    /// One error for several addresses, none of which led to the server.
    pub(super) fn of_addresses(mut errors: Vec<Self>) -> Self {
        errors.sort_by_key(Self::weight);
        match errors.len() {
            1 => errors.swap_remove(0),
            _ => Self::Nowhere(errors),
        }
    }

    /// The one that says most.
    pub(super) fn most_telling(errors: Vec<Self>) -> Option<Self> {
        errors.into_iter().min_by_key(Self::weight)
    }

    /// Less is told first.
    fn weight(&self) -> u8 {
        match self {
            Self::WrongKey { .. } => 0,
            Self::UnknownDevice | Self::Revoked | Self::Expired => 1,
            Self::NotTopside { .. } | Self::TurnedAway { .. } => 2,
            Self::NotListening { .. } => 3,
            Self::NoHost { .. } | Self::NoRoute { .. } => 4,
            _ => 5,
        }
    }
}

impl From<KeyRefused> for ConnectError {
    fn from(refused: KeyRefused) -> Self {
        match refused {
            KeyRefused::Unknown => Self::UnknownDevice,
            KeyRefused::Revoked => Self::Revoked,
            KeyRefused::Expired => Self::Expired,
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
