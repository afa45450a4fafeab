//! Dialling, and saying who the two sides are: the same for the first time and for every reconnect.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use topside_shared::methods::{Initialize, Initialized, Program};
use topside_shared::text::{MAX_REASON, clean};
use topside_shared::{ErrorKind, PROTOCOL_VERSION, RpcError};

use super::events::{Event, Events};
use super::lost::LostReason;
use super::session::{CallError, Handle, Session, start};
use crate::platform;

/// How long dialling and the first answer may take, each.
const PATIENCE: Duration = Duration::from_secs(10);

/// Where a server is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// On this machine: sockets to try in order.
    Local(Vec<PathBuf>),
}

/// What is said of this side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hello {
    /// Whether the server may tell things unasked.
    pub notices: bool,
    /// The program, as other people see it in the list.
    pub name: &'static str,
}

/// Why there is no session. Its display is a sentence a person can act on, without a full stop.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// No server listens at any of these.
    #[error("no server runs on this machine (looked at {}): start one with `topside serve`", list(.tried))]
    NoServer {
        /// The sockets that were looked for.
        tried: Vec<PathBuf>,
    },
    /// There is a server, and this user may not talk to it.
    #[error("this user may not use the server at {}: {why}", path.display())]
    NotAllowed {
        /// Its socket.
        path: PathBuf,
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
        reason: LostReason,
    },
    /// Nothing answered in time.
    #[error("the server at {} has not answered for {} s", path.display(), PATIENCE.as_secs())]
    NoAnswer {
        /// Its socket.
        path: PathBuf,
    },
    /// What answered is something else.
    #[error("what answers at {} is not a Topside server: {why}", path.display())]
    NotTopside {
        /// The socket.
        path: PathBuf,
        /// What it did.
        why: String,
    },
    /// The system refused in another way.
    #[error("cannot connect to {}", path.display())]
    Io {
        /// The socket.
        path: PathBuf,
        /// The system's own words.
        source: io::Error,
    },
}

impl ConnectError {
    /// Whether trying again changes nothing until a person does something.
    pub fn is_lasting(&self) -> bool {
        match self {
            Self::NotAllowed { .. }
            | Self::ForeignDirectory { .. }
            | Self::PathTooLong { .. }
            | Self::NoLocalSocket
            | Self::Version(_) => true,
            Self::Refused(error) => !error.data.retryable,
            Self::NoServer { .. }
            | Self::Lost { .. }
            | Self::NoAnswer { .. }
            | Self::NotTopside { .. }
            | Self::Io { .. } => false,
        }
    }
}

fn list(paths: &[PathBuf]) -> String {
    paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(" and ")
}

/// Dials, says hello and returns the session, whose tasks run on the caller's runtime. Dropping the
/// future gives up.
///
/// # Errors
/// [`ConnectError`].
pub async fn connect(target: &Target, hello: &Hello) -> Result<Session, ConnectError> {
    match target {
        Target::Local(sockets) => local(sockets, hello).await,
    }
}

async fn local(sockets: &[PathBuf], hello: &Hello) -> Result<Session, ConnectError> {
    for path in sockets {
        let Some((read, write)) = dial(path).await? else { continue };
        let (handle, mut events) = start(read, write);
        let welcome =
            match tokio::time::timeout(PATIENCE, greet(&handle, &mut events, hello, path)).await {
                Ok(greeted) => greeted?,
                Err(_) => return Err(ConnectError::NoAnswer { path: path.clone() }),
            };
        handle.set_max_line(welcome.limits.max_line);
        return Ok(Session { welcome, handle, events });
    }
    Err(ConnectError::NoServer { tried: sockets.to_vec() })
}

/// Connects to one socket; `None` where nobody listens.
async fn dial(path: &Path) -> Result<Option<platform::Halves>, ConnectError> {
    let dir = path.parent().unwrap_or(Path::new("."));
    match platform::check_socket_directory(dir) {
        Ok(None) => {}
        Ok(Some(why)) => {
            // Without a socket in it the directory does no harm here, and somebody else's server
            // may be the one that is meant.
            if !path.exists() {
                return Ok(None);
            }
            return Err(ConnectError::ForeignDirectory { dir: dir.to_owned(), why });
        }
        Err(error) => return unreachable(path, error),
    }
    match tokio::time::timeout(PATIENCE, platform::dial(path)).await {
        Ok(Ok(halves)) => Ok(Some(halves)),
        Ok(Err(error)) => unreachable(path, error),
        Err(_) => Err(ConnectError::NoAnswer { path: path.to_owned() }),
    }
}

fn unreachable<T>(path: &Path, error: io::Error) -> Result<Option<T>, ConnectError> {
    let path = path.to_owned();
    match error.kind() {
        io::ErrorKind::NotFound
        | io::ErrorKind::NotADirectory
        | io::ErrorKind::ConnectionRefused => Ok(None),
        io::ErrorKind::PermissionDenied => {
            Err(ConnectError::NotAllowed { path, why: "the system denies it".to_owned() })
        }
        io::ErrorKind::InvalidInput => Err(ConnectError::PathTooLong { path }),
        io::ErrorKind::Unsupported => Err(ConnectError::NoLocalSocket),
        _ => Err(ConnectError::Io { path, source: error }),
    }
}

async fn greet(
    handle: &Handle,
    events: &mut Events,
    hello: &Hello,
    path: &Path,
) -> Result<Initialized, ConnectError> {
    let params = Initialize {
        protocol_version: Some(PROTOCOL_VERSION),
        client: Some(Program {
            name: hello.name.to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
        }),
        notices: hello.notices,
    };
    match handle.call(&params).await {
        Ok(welcome) if welcome.protocol_version != PROTOCOL_VERSION => {
            let older =
                if welcome.protocol_version < PROTOCOL_VERSION { "server" } else { "client" };
            Err(ConnectError::Version(format!(
                "the server speaks version {} of the protocol and this client version \
                 {PROTOCOL_VERSION}: update the {older}",
                welcome.protocol_version
            )))
        }
        Ok(welcome) => Ok(welcome),
        Err(CallError::Refused(error)) => Err(refused(error, path)),
        Err(CallError::Lost) => Err(loop {
            match events.next().await {
                Event::Notice(_) | Event::Answer { .. } => {}
                Event::Lost(LostReason::Refused(error)) => break refused(error, path),
                Event::Lost(LostReason::NotTopside(why)) => {
                    break ConnectError::NotTopside { path: path.to_owned(), why };
                }
                Event::Lost(reason) => break ConnectError::Lost { reason },
            }
        }),
        Err(
            error @ (CallError::TooLong { .. } | CallError::Unreadable { .. } | CallError::Busy),
        ) => Err(ConnectError::NotTopside { path: path.to_owned(), why: error.to_string() }),
    }
}

fn refused(error: RpcError, path: &Path) -> ConnectError {
    match error.kind() {
        ErrorKind::UnsupportedVersion => ConnectError::Version(clean(&error.message, MAX_REASON)),
        ErrorKind::Forbidden => ConnectError::NotAllowed {
            path: path.to_owned(),
            why: clean(&error.message, MAX_REASON),
        },
        _ => ConnectError::Refused(error),
    }
}
