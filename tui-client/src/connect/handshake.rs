//! Dials and sends `initialize`, for the first connection and every reconnect.

use std::io;
use std::path::Path;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::time::{Instant, timeout};
use topside_shared::dirs::LocalServer;
use topside_shared::methods::{Initialize, InitializeResult};
use topside_shared::private_key::PrivateKey;
use topside_shared::records::Program;
use topside_shared::text::{MAX_REASON, clean};
use topside_shared::{ErrorKind, PROTOCOL_VERSION, Pin, RpcError};

use super::dial::{Dialled, dial};
use super::disconnect::DisconnectReason;
use super::error::ConnectError;
use super::events::Events;
use super::remote::{Address, Remote};
use super::session::{CallError, Handle, SILENCE, SILENCE_HERE, start_with};
use super::{PATIENCE, Via};
use crate::platform;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Target {
    Local(LocalServer),
    Remote(Remote),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Reached {
    /// Never [`Via::Auto`].
    pub(crate) via: Via,
    /// The socket, or host and port.
    pub(crate) address: String,
    /// Time of one request and its answer.
    pub(crate) rtt: Duration,
    /// The key of this device that was accepted; none over the local socket, which asks for none.
    pub(crate) key: Option<Pin>,
}

#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) welcome: InitializeResult,
    pub(crate) handle: Handle,
    pub(crate) events: Events,
    pub(crate) reached: Reached,
}

impl Session {
    /// Closes the session and waits until the connection is closed. Returns the round-trip time.
    pub(crate) async fn leave(mut self) -> Duration {
        self.handle.close();
        self.events.end().await;
        self.reached.rtt
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Hello {
    /// Whether the server sends notifications.
    pub(crate) notices: bool,
    /// Whether the client is an agent; the server then lets it do less.
    pub(crate) agent: bool,
    /// The program, as the list of clients shows it.
    pub(crate) name: &'static str,
}

/// Dials and sends `initialize`. The session's tasks run on the caller's runtime. Dropping the future gives up.
pub(crate) async fn connect(target: &Target, hello: &Hello) -> Result<Session, ConnectError> {
    match target {
        Target::Local(server) => local(server, hello).await,
        Target::Remote(remote) => connect_to(remote, &remote.addresses, hello).await,
    }
}

/// Whether a paired server answers at one address: opens and closes a session. Returns the round-trip time.
pub(crate) async fn probe(address: &Address, remote: &Remote) -> Result<Duration, ConnectError> {
    let addresses = std::slice::from_ref(address);
    let hello = Hello { notices: false, agent: false, name: "topside" };
    let session = connect_to(remote, addresses, &hello).await?;
    Ok(session.leave().await)
}

/// Connects to a paired server. Where the key of a token is refused, this device's own key is tried too.
async fn connect_to(
    remote: &Remote,
    addresses: &[Address],
    hello: &Hello,
) -> Result<Session, ConnectError> {
    let keys = remote.keys()?;
    let refused = match connect_as(&keys.first, addresses, remote.pin, hello).await {
        Err(error) if error.refuses_the_key() => error,
        result => return result,
    };
    let Some(own) = keys.then else { return Err(refused) };
    match connect_as(&own, addresses, remote.pin, hello).await {
        Err(error) if error.refuses_the_key() => Err(refused),
        result => result,
    }
}

pub(super) async fn connect_as(
    key: &PrivateKey,
    addresses: &[Address],
    server: Pin,
    hello: &Hello,
) -> Result<Session, ConnectError> {
    let mut session = begin_remote(dial(addresses, server, key).await?, hello).await?;
    session.reached.key = Some(key.pin());
    Ok(session)
}

pub(super) async fn begin_remote(dialled: Dialled, hello: &Hello) -> Result<Session, ConnectError> {
    let Dialled { stream, address } = dialled;
    let (read, write) = tokio::io::split(stream);
    begin(read, write, address.via(), address.to_string(), hello).await
}

async fn local(server: &LocalServer, hello: &Hello) -> Result<Session, ConnectError> {
    for path in &server.sockets {
        if let Some((read, write)) = dial_socket(path).await? {
            let at = path.display().to_string();
            let session = begin(read, write, Via::Same, at, hello).await?;
            let is_meant = server.pin.is_none() || server.pin == session.welcome.server.pin;
            return is_meant
                .then_some(session)
                .ok_or_else(|| ConnectError::OtherServer { at: path.display().to_string() });
        }
    }
    match server.without_socket(platform::is_locked) {
        Some(server) => Err(ConnectError::SocketRemoved { server }),
        None => Err(ConnectError::NoServer { tried: server.sockets.clone() }),
    }
}

async fn begin<R, W>(
    read: R,
    write: W,
    via: Via,
    address: String,
    hello: &Hello,
) -> Result<Session, ConnectError>
where
    R: AsyncRead + Send + Unpin + 'static,
    W: AsyncWrite + Send + Unpin + 'static,
{
    let silence = if via == Via::Same { SILENCE_HERE } else { SILENCE };
    let (handle, mut events) = start_with(read, write, silence);
    let asked = Instant::now();
    let greeted = timeout(PATIENCE, greet(&handle, &mut events, hello, &address)).await;
    let Ok(welcome) = greeted else { return Err(ConnectError::Stuck { at: address }) };
    let welcome = welcome?;
    handle.set_max_line(welcome.limits.max_line);
    let reached = Reached { via, address, rtt: asked.elapsed(), key: None };
    Ok(Session { welcome, handle, events, reached })
}

/// Connects to one socket; `None` where no server listens.
async fn dial_socket(path: &Path) -> Result<Option<(OwnedReadHalf, OwnedWriteHalf)>, ConnectError> {
    let dir = path.parent().unwrap_or(Path::new("."));
    match platform::check_socket_directory(dir) {
        Ok(None) => {}
        Ok(Some(why)) => {
            // Without a socket in it the directory does no harm here. The server that is meant may be that of another
            // user.
            if !path.exists() {
                return Ok(None);
            }
            return Err(ConnectError::ForeignDirectory { dir: dir.to_owned(), why });
        }
        Err(error) => return unreachable(path, error),
    }
    match timeout(PATIENCE, platform::dial(path)).await {
        Ok(Ok(halves)) => Ok(Some(halves)),
        Ok(Err(error)) => unreachable(path, error),
        Err(_) => Err(ConnectError::Stuck { at: path.display().to_string() }),
    }
}

fn unreachable<T>(path: &Path, error: io::Error) -> Result<Option<T>, ConnectError> {
    let at = path.display().to_string();
    match error.kind() {
        io::ErrorKind::NotFound
        | io::ErrorKind::NotADirectory
        | io::ErrorKind::ConnectionRefused => Ok(None),
        io::ErrorKind::PermissionDenied => {
            let why = "`[local] allow` of its server.toml names no other user. Add this user there and reload the server, \
                       or use sudo";
            Err(ConnectError::NotAllowed { at, why: why.to_owned() })
        }
        io::ErrorKind::InvalidInput => Err(ConnectError::PathTooLong { path: path.to_owned() }),
        _ => Err(ConnectError::Io { at, source: error }),
    }
}

async fn greet(
    handle: &Handle,
    events: &mut Events,
    hello: &Hello,
    at: &str,
) -> Result<InitializeResult, ConnectError> {
    let params = Initialize {
        protocol_version: Some(PROTOCOL_VERSION),
        client: Some(Program {
            name: hello.name.to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
        }),
        notices: hello.notices,
        agent: hello.agent,
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
        Err(CallError::Refused(error)) => Err(refused(error, at)),
        Err(CallError::Lost) => Err(match events.end().await {
            DisconnectReason::Refused(error) => refused(error, at),
            DisconnectReason::NotTopside(why) => {
                ConnectError::NotTopside { at: at.to_owned(), why }
            }
            DisconnectReason::KeyRefused(why) => why.into(),
            reason => ConnectError::Lost { reason },
        }),
        Err(
            error @ (CallError::TooLong { .. } | CallError::Unreadable { .. } | CallError::Busy),
        ) => Err(ConnectError::NotTopside { at: at.to_owned(), why: error.to_string() }),
    }
}

fn refused(error: RpcError, at: &str) -> ConnectError {
    match error.kind() {
        ErrorKind::UnsupportedVersion => ConnectError::Version(clean(&error.message, MAX_REASON)),
        ErrorKind::Forbidden => {
            ConnectError::NotAllowed { at: at.to_owned(), why: clean(&error.message, MAX_REASON) }
        }
        _ => ConnectError::Refused(error),
    }
}
