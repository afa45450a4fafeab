//! Services that keep what a server sends them: the side of a test that notifications arrive at.

mod http;
mod smtp;

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use data_encoding::BASE64;
use rustix::net::sockopt::set_socket_reuseaddr;
use rustix::net::{AddressFamily, SocketFlags, SocketType, bind, getsockname, listen, socket_with};
use rustls::pki_types::PrivateKeyDer;
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use topside_shared::tls;

use super::DEADLINE;
pub(crate) use http::{Caught, HttpCatcher};
pub(crate) use smtp::SmtpCatcher;

/// A connection, with or without TLS.
trait Connection: Read + Write + Send {}
impl<C: Read + Write + Send> Connection for C {}

/// What a catcher does with a connection.
type Serve = Arc<dyn Fn(TcpStream) + Send + Sync>;

/// A port of loopback that stays this catcher's also while nothing listens on it.
struct Port {
    /// Bound and never listening: no other program gets the port, and a client is refused.
    _held: OwnedFd,
    address: SocketAddr,
    serve: Serve,
    accepting: Mutex<Option<JoinHandle<()>>>,
}

impl Port {
    fn open(serve: Serve) -> Self {
        let held = bound(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)));
        let address = SocketAddr::try_from(getsockname(&held).unwrap()).unwrap();
        let port = Self { _held: held, address, serve, accepting: Mutex::default() };
        port.listen();
        port
    }

    /// Accepts connections, until [`Port::close`].
    fn listen(&self) {
        let socket = bound(self.address);
        listen(&socket, 16).unwrap();
        let (listener, serve) = (TcpListener::from(socket), Arc::clone(&self.serve));
        let accepting = std::thread::spawn(move || {
            while let Ok((mut stream, _)) = listener.accept() {
                // The call of `close`.
                if stream.peer_addr().is_ok_and(|from| from.ip() == CLOSER) {
                    let _ = stream.write_all(b"closed");
                    return;
                }
                stream.set_read_timeout(Some(DEADLINE)).unwrap();
                stream.set_write_timeout(Some(DEADLINE)).unwrap();
                let serve = Arc::clone(&serve);
                std::thread::spawn(move || serve(stream));
            }
        });
        *self.accepting.lock().unwrap() = Some(accepting);
    }

    /// From its return on, connections are refused.
    fn close(&self) {
        let Some(accepting) = self.accepting.lock().unwrap().take() else { return };
        let socket = bound(SocketAddr::from((CLOSER, 0)));
        rustix::net::connect(&socket, &self.address).unwrap();
        accepting.join().unwrap();
    }
}

impl Drop for Port {
    fn drop(&mut self) {
        self.close();
    }
}

/// The address of loopback that ends a listener.
const CLOSER: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 99);

/// A socket that programs of the server under test do not inherit.
fn bound(address: SocketAddr) -> OwnedFd {
    let (family, kind) = (AddressFamily::INET, SocketType::STREAM);
    let socket = socket_with(family, kind, SocketFlags::CLOEXEC, None).unwrap();
    set_socket_reuseaddr(&socket, true).unwrap();
    bind(&socket, &address).unwrap();
    socket
}

/// A certificate for `localhost` that no authority has signed, and its key.
pub(crate) struct SelfSigned {
    certificate: Vec<u8>,
    config: Arc<ServerConfig>,
}

impl SelfSigned {
    pub(crate) fn new() -> Self {
        let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
        let config = ServerConfig::builder_with_provider(tls::provider())
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], key)
            .unwrap();
        Self { certificate: made.cert.der().to_vec(), config: Arc::new(config) }
    }

    /// Writes the certificate as a file that `SSL_CERT_FILE` can name.
    pub(crate) fn write(&self, path: &Path) {
        let text = BASE64.encode(&self.certificate);
        let lines: Vec<_> = text.as_bytes().chunks(64).map(String::from_utf8_lossy).collect();
        let pem = format!(
            "-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n",
            lines.join("\n")
        );
        std::fs::write(path, pem).unwrap();
    }

    /// The server's side of TLS over this connection.
    fn accept(
        config: Arc<ServerConfig>,
        stream: TcpStream,
    ) -> StreamOwned<ServerConnection, TcpStream> {
        StreamOwned::new(ServerConnection::new(config).unwrap(), stream)
    }
}
