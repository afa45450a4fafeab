//! Connections to a server: over the local socket, or with TLS over TCP.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use rustls::{ClientConfig, ClientConnection, StreamOwned};

/// Each handshake takes no longer.
const PATIENCE: Duration = Duration::from_secs(20);

/// Where servers listen. One address has ports for 28,000 connections, and each that ended holds its port
/// for a minute.
pub(crate) const ADDRESSES: [Ipv4Addr; 8] = [
    Ipv4Addr::new(127, 0, 0, 1),
    Ipv4Addr::new(127, 0, 0, 2),
    Ipv4Addr::new(127, 0, 0, 3),
    Ipv4Addr::new(127, 0, 0, 4),
    Ipv4Addr::new(127, 0, 0, 5),
    Ipv4Addr::new(127, 0, 0, 6),
    Ipv4Addr::new(127, 0, 0, 7),
    Ipv4Addr::new(127, 0, 0, 8),
];

/// A way into a server.
pub(crate) trait Connect {
    /// One more connection, that blocks.
    fn connect(&self) -> io::Result<Connection>;
}

impl Connect for PathBuf {
    fn connect(&self) -> io::Result<Connection> {
        UnixStream::connect(self).map(Connection::Socket)
    }
}

/// TLS on a port of this machine.
#[derive(Debug)]
pub(crate) struct Tls {
    port: u16,
    config: Arc<ClientConfig>,
    /// Counts connections: the addresses take turns.
    next: AtomicU8,
}

impl Tls {
    pub(crate) fn new(port: u16, config: Arc<ClientConfig>) -> Self {
        Self { port, config, next: AtomicU8::new(0) }
    }
}

impl Connect for Tls {
    fn connect(&self) -> io::Result<Connection> {
        let next = self.next.fetch_add(1, Ordering::Relaxed);
        let address = ADDRESSES[usize::from(next) % ADDRESSES.len()];
        let mut tcp = TcpStream::connect((address, self.port))?;
        tcp.set_nodelay(true)?;
        tcp.set_read_timeout(Some(PATIENCE))?;
        let name = std::net::IpAddr::from(address).into();
        let mut tls =
            ClientConnection::new(Arc::clone(&self.config), name).map_err(io::Error::other)?;
        while tls.is_handshaking() {
            tls.complete_io(&mut tcp)?;
        }
        Ok(Connection::Tls(Box::new(StreamOwned::new(tls, tcp))))
    }
}

/// A connection, whichever way it came in.
#[derive(Debug)]
pub(crate) enum Connection {
    Socket(UnixStream),
    Tls(Box<StreamOwned<ClientConnection, TcpStream>>),
}

impl Connection {
    pub(crate) fn set_nonblocking(&self, nonblocking: bool) -> io::Result<()> {
        match self {
            Self::Socket(stream) => stream.set_nonblocking(nonblocking),
            Self::Tls(stream) => stream.sock.set_nonblocking(nonblocking),
        }
    }

    pub(crate) fn set_read_timeout(&self, timeout: Option<Duration>) -> io::Result<()> {
        match self {
            Self::Socket(stream) => stream.set_read_timeout(timeout),
            Self::Tls(stream) => stream.sock.set_read_timeout(timeout),
        }
    }
}

impl AsFd for Connection {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Socket(stream) => stream.as_fd(),
            Self::Tls(stream) => stream.sock.as_fd(),
        }
    }
}

impl Read for Connection {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Socket(stream) => stream.read(buffer),
            Self::Tls(stream) => stream.read(buffer),
        }
    }
}

impl Write for Connection {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Socket(stream) => stream.write(bytes),
            Self::Tls(stream) => stream.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Socket(stream) => stream.flush(),
            Self::Tls(stream) => stream.flush(),
        }
    }
}
