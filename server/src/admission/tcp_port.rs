//! The TCP port: it opens once a key or an invite exists, and stays open until the server ends.

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::task::Context;

use rustls::ServerConfig;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use topside_shared::Pin;
use topside_shared::private_key::{PrivateKey, PrivateKeyError};
use topside_shared::tls::server_config;

use crate::admission::session_limits::SessionLimits;
use crate::admission::{Admission, known_sources};
use crate::base::platform;
use crate::base::tasks::Tasks;
use crate::keys::Keys;
use crate::net::accept::{Acceptor, Room};
use crate::settings::Listen;
use crate::settings::limits::Limits;

/// Why TCP cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The server listens on its local socket only.
    #[error(
        "this server is for the same machine only and ends with the `topside` program that it is in: leave that, \
         start a server that stays with `topsided`, and invite there"
    )]
    LocalOnly,
    /// No address is configured.
    #[error("[listen] addresses of server.toml names none: TCP stays closed")]
    NoAddress,
    /// Another program has the port.
    #[error(
        "{0} is in use by another program, which `ss -ltnp` names to root: stop that, or set another port in [listen] of server.toml"
    )]
    InUse(SocketAddr),
    /// The system refused to listen.
    #[error("{address} cannot be listened on: {source}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// The system's error.
        source: io::Error,
    },
    /// The server has no key.
    #[error(transparent)]
    PrivateKey(#[from] PrivateKeyError),
    /// TLS cannot be configured.
    #[error("TLS cannot be set up: {0}")]
    Tls(#[from] rustls::Error),
}

type Handle = dyn Fn(TcpStream, SocketAddr, Room, &Arc<OpenPort>) + Send + Sync;

/// Receives each accepted connection, and whether a descriptor is free.
#[derive(Clone)]
struct Handler(Arc<Handle>);

impl fmt::Debug for Handler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handler").finish_non_exhaustive()
    }
}

#[derive(Debug)]
pub(crate) struct TcpPort {
    listen: Option<Listen>,
    state: PathBuf,
    pub(crate) admission: Arc<Admission>,
    pub(crate) sessions: Arc<SessionLimits>,
    /// Places of local users that get an error for an answer.
    pub(crate) refused: Arc<SessionLimits>,
    opened: watch::Sender<Option<Arc<OpenPort>>>,
    handler: OnceLock<Handler>,
    stored_pin: OnceLock<Option<Pin>>,
    closing: CancellationToken,
}

impl TcpPort {
    pub(crate) fn new(listen: Option<Listen>, state: PathBuf, limits: &Limits) -> Self {
        Self {
            listen,
            state,
            admission: Admission::new(limits, Instant::now()),
            sessions: SessionLimits::new(limits),
            refused: SessionLimits::of_refused(limits),
            opened: watch::Sender::new(None),
            handler: OnceLock::new(),
            stored_pin: OnceLock::new(),
            closing: CancellationToken::new(),
        }
    }

    /// Sets the handler. Without one, connections are closed.
    pub(crate) fn on_connection(
        &self,
        handler: impl Fn(TcpStream, SocketAddr, Room, &Arc<OpenPort>) + Send + Sync + 'static,
    ) {
        let _ = self.handler.set(Handler(Arc::new(handler)));
    }

    pub(crate) fn set_limits(&self, limits: &Limits) {
        self.admission.set_limits(limits, Instant::now());
        self.sessions.set_limits(limits);
    }

    pub(crate) fn watch(&self) -> watch::Receiver<Option<Arc<OpenPort>>> {
        self.opened.subscribe()
    }

    pub(crate) fn opened(&self) -> Option<Arc<OpenPort>> {
        self.opened.borrow().clone()
    }

    /// The pin of the server's key; none before it has one. A key of an earlier start is read once, where the port is closed.
    pub(crate) fn pin(&self) -> Option<Pin> {
        let stored = || *self.stored_pin.get_or_init(|| stored_pin(&self.state).ok().flatten());
        self.opened().map(|port| port.pin).or_else(stored)
    }

    /// Binds the addresses, so that opening cannot fail; `None` if the port is open already. Blocks for the disk.
    pub(crate) fn prepare(&self, keys: &Arc<Keys>) -> Result<Option<BoundPort>, OpenError> {
        if self.opened().is_some() {
            return Ok(None);
        }
        let listen = self.listen.as_ref().ok_or(OpenError::LocalOnly)?;
        let identity = PrivateKey::load_or_make(&self.state.join(KEY_FILE))?;
        let tls = Arc::new(server_config(identity.certified_key(), Arc::clone(keys) as _)?);
        let mut port = listen.port;
        let (mut addresses, mut listeners) = (Vec::new(), Vec::new());
        for address in &listen.addresses {
            let address = SocketAddr::new(*address, port);
            match bind(address) {
                Ok((socket, bound)) => {
                    // The other addresses use the free port that the first was given.
                    port = bound.port();
                    addresses.push(bound);
                    listeners.push(socket);
                }
                Err(error) if no_ipv6(address.ip(), &error) => {
                    tracing::warn!(
                        target: "topside", %address, %error,
                        "this machine has no IPv6: clients come in by IPv4 only"
                    );
                }
                Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
                    return Err(OpenError::InUse(address));
                }
                Err(source) => return Err(OpenError::Listen { address, source }),
            }
        }
        if listeners.is_empty() {
            return Err(OpenError::NoAddress);
        }
        Ok(Some(BoundPort { opened: OpenPort { addresses, pin: identity.pin(), tls }, listeners }))
    }

    /// Listens on the bound addresses; fails where another program was faster.
    pub(crate) fn open(
        &self,
        tasks: &Tasks,
        keys: &Keys,
        ready: BoundPort,
    ) -> Result<(), OpenError> {
        known_sources::load(&self.state, &self.admission);
        let BoundPort { opened, listeners } = ready;
        let listening = listeners.into_iter().zip(&opened.addresses).map(|(socket, address)| {
            let failed = |source| OpenError::Listen { address: *address, source };
            socket.listen(BACKLOG).map_err(failed)
        });
        let listening: Vec<TcpListener> = listening.collect::<Result<_, _>>()?;
        let opened = Arc::new(opened);
        for listener in listening {
            let (opened, closing) = (Arc::clone(&opened), self.closing.clone());
            let handler = self.handler.get().cloned();
            tasks.spawn(async move {
                let poll = |cx: &mut Context<'_>| listener.poll_accept(cx);
                let admit = |(stream, peer), room| {
                    if let Some(Handler(handle)) = &handler {
                        handle(stream, peer, room, &opened);
                    }
                };
                let mut acceptor = Acceptor::new(1);
                tokio::select! {
                    () = acceptor.accept(poll, admit) => {}
                    () = closing.cancelled() => {}
                }
            });
        }
        let (keys, invites) = keys.count();
        let addresses: Vec<String> = opened.addresses.iter().map(ToString::to_string).collect();
        tracing::info!(
            target: "topside", addresses = addresses.join(", "), keys, invites,
            "listening on TCP (paired devices only)"
        );
        self.opened.send_replace(Some(opened));
        Ok(())
    }

    pub(crate) fn save_known(&self) -> io::Result<()> {
        known_sources::save(&self.state, &self.admission)
    }

    /// Stops accepting, and ends pending handshakes.
    pub(crate) fn close(&self) {
        self.closing.cancel();
    }

    pub(crate) async fn closed(&self) {
        self.closing.cancelled().await;
    }
}

/// The pin of the server's key in its state directory; none before it has one. Blocks.
pub(crate) fn stored_pin(state: &Path) -> Result<Option<Pin>, PrivateKeyError> {
    Ok(PrivateKey::load(&state.join(KEY_FILE))?.map(|key| key.pin()))
}

/// The open port: its addresses and the server's key.
#[derive(Debug)]
pub(crate) struct OpenPort {
    pub(crate) addresses: Vec<SocketAddr>,
    pub(crate) pin: Pin,
    pub(crate) tls: Arc<ServerConfig>,
}

impl OpenPort {
    pub(crate) fn port(&self) -> u16 {
        self.addresses.first().map_or(0, SocketAddr::port)
    }
}

/// Bound addresses, ready to listen.
#[derive(Debug)]
pub(crate) struct BoundPort {
    opened: OpenPort,
    listeners: Vec<TcpSocket>,
}

impl BoundPort {
    pub(crate) fn opened(&self) -> &OpenPort {
        &self.opened
    }
}

pub(crate) const KEY_FILE: &str = "server.key";

const BACKLOG: u32 = 1024;

/// A socket bound to this address, and the bound address: port 0 takes a free port.
pub(crate) fn bind(address: SocketAddr) -> io::Result<(TcpSocket, SocketAddr)> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => {
            let socket = TcpSocket::new_v6()?;
            // IPv4 has a socket of its own.
            rustix::net::sockopt::set_ipv6_v6only(&socket, true)?;
            socket
        }
    };
    // A restarted server may reuse the port of its old connections.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    let bound = socket.local_addr()?;
    Ok((socket, bound))
}

/// Whether an error says that the box has no IPv6, which is no reason not to serve.
fn no_ipv6(address: IpAddr, error: &io::Error) -> bool {
    address == IpAddr::from(std::net::Ipv6Addr::UNSPECIFIED)
        && (error.kind() == io::ErrorKind::AddrNotAvailable || platform::is_no_such_family(error))
}
