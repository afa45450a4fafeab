//! Clients over TCP: what a device knows, and connections as it makes them, well or badly.

use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};
use std::sync::Arc;

use data_encoding::BASE64;
use rustix::net::{AddressFamily, SocketFlags, SocketType, bind, connect, socket_with};
use rustls::client::{ResolvesClientCert, Resumption};
use rustls::sign::CertifiedKey;
use rustls::{
    AlertDescription, ClientConfig, ClientConnection, Error, SignatureScheme, StreamOwned,
};
use serde_json::{Value, json};
use topside_shared::invite::Invite;
use topside_shared::private_key::{PrivateKey, Seed};
use topside_shared::{Pin, tls};

use super::DEADLINE;
use super::raw::{Raw, Wire};

/// A device with its key, and the server that it knows.
#[derive(Clone)]
pub(crate) struct Device {
    /// What it shows: a certificate, and the key that signs for it.
    shown: Option<Arc<CertifiedKey>>,
    identity: PrivateKey,
    server: Pin,
    pub(crate) address: SocketAddr,
    /// Where it comes from.
    from: IpAddr,
    config: Option<Arc<ClientConfig>>,
}

impl Device {
    /// The holder of this invite or token.
    pub(crate) fn of_invite(invite: &str) -> Self {
        let invite: Invite = invite.parse().unwrap();
        let identity = PrivateKey::from_seed(&invite.seed).unwrap();
        Self {
            shown: Some(identity.certified_key()),
            identity,
            server: invite.server,
            address: SocketAddr::new(invite.addresses[0], invite.port),
            from: Ipv4Addr::LOCALHOST.into(),
            config: None,
        }
    }

    /// The same with an unknown key.
    pub(crate) fn stranger(&self) -> Self {
        let identity = PrivateKey::from_seed(&Seed::random().unwrap()).unwrap();
        Self { shown: Some(identity.certified_key()), identity, config: None, ..self.clone() }
    }

    /// A thief: shows this device's certificate, which is public, without having its key.
    pub(crate) fn thief(&self) -> Self {
        let certificate = self.identity.certified_key().cert.clone();
        let key = Arc::clone(&self.stranger().identity.certified_key().key);
        let shown = Some(Arc::new(CertifiedKey::new(certificate, key)));
        Self { shown, config: None, ..self.clone() }
    }

    /// The same showing nothing.
    pub(crate) fn without_certificate(&self) -> Self {
        Self { shown: None, config: None, ..self.clone() }
    }

    /// The same at another address of loopback: another source.
    pub(crate) fn at(&self, last: u8) -> Self {
        Self { from: Ipv4Addr::new(127, 0, 0, last).into(), ..self.clone() }
    }

    /// The same, keeping what rustls keeps to resume a session.
    pub(crate) fn resuming(&self) -> Self {
        let mut config = (*self.tls()).clone();
        config.resumption = Resumption::in_memory_sessions(8);
        Self { config: Some(Arc::new(config)), ..self.clone() }
    }

    pub(crate) fn pin(&self) -> Pin {
        self.identity.pin()
    }

    /// The pin of the server that it knows.
    pub(crate) fn server(&self) -> Pin {
        self.server
    }

    /// A TCP connection on which nothing has been said.
    pub(crate) fn dial(&self) -> TcpStream {
        let SocketAddr::V4(to) = self.address else { panic!("tests use IPv4") };
        let IpAddr::V4(from) = self.from else { panic!("tests use IPv4") };
        // The server's programs are started by this process: they must not hold the connection open.
        let flags = SocketFlags::CLOEXEC;
        let socket = socket_with(AddressFamily::INET, SocketType::STREAM, flags, None).unwrap();
        bind(&socket, &SocketAddr::from((from, 0))).unwrap();
        connect(&socket, &to).unwrap();
        let stream = TcpStream::from(socket);
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        stream
    }

    /// A connection that is let in, its handshake done.
    pub(crate) fn tls_stream(&self) -> Tls {
        self.tls_over(self.dial()).unwrap()
    }

    /// The same over this connection. In TLS 1.3 the server's refusal comes only afterwards.
    pub(crate) fn tls_over(&self, mut stream: TcpStream) -> io::Result<Tls> {
        let mut connection = ClientConnection::new(self.tls(), tls::any_name()).unwrap();
        while connection.is_handshaking() {
            connection.complete_io(&mut stream)?;
        }
        Ok(StreamOwned::new(connection, stream))
    }

    /// A client that is let in.
    pub(crate) fn connect(&self) -> Raw {
        Raw::over(self.tls_stream())
    }

    /// A client that is let in and has asked for notices.
    pub(crate) fn connect_with_notices(&self) -> Raw {
        let mut client = self.connect();
        client.ok("initialize", json!({"notices": true}));
        client
    }

    /// Whether it is let in at the first try.
    pub(crate) fn is_let_in(&self) -> bool {
        let Ok(mut stream) = self.tls_over(self.dial()) else { return false };
        let ping = b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}\n";
        stream.write_all(ping).is_ok() && stream.read(&mut [0; 64]).is_ok_and(|count| count > 0)
    }

    /// Why it is not let in: the server's alert; none: the connection ended without one.
    pub(crate) fn refusal(&self) -> Option<AlertDescription> {
        let error = match self.tls_over(self.dial()) {
            Err(error) => error,
            Ok(mut stream) => match stream.read(&mut [0; 1]) {
                Ok(count) => panic!("it was let in, and told {count} bytes"),
                Err(error) => error,
            },
        };
        match error.get_ref().and_then(|error| error.downcast_ref::<Error>()) {
            Some(Error::AlertReceived(alert)) => Some(*alert),
            Some(other) => panic!("{other}"),
            None => None,
        }
    }

    /// Enrols a new key with the one-time key that this is, and is the device with that key.
    pub(crate) fn enrol(&self) -> Self {
        let own = self.stranger();
        let stream = self.tls_stream();
        let params = own.enrolment(&stream);
        let mut client = Raw::over(stream);
        let enrolled = client.ok("key/enrol", params);
        assert_eq!(enrolled["keyId"], json!(own.pin()));
        own
    }

    /// The parameters that enrol this device's key over that connection.
    pub(crate) fn enrolment(&self, stream: &Tls) -> Value {
        let exporter: [u8; 32] =
            stream.conn.export_keying_material([0; 32], tls::ENROL_LABEL, None).unwrap();
        let message = tls::enrol_message(&exporter, self.identity.spki());
        json!({
            "key": BASE64.encode(self.identity.spki()),
            "signature": BASE64.encode(&self.identity.sign(&message).unwrap()),
        })
    }

    fn tls(&self) -> Arc<ClientConfig> {
        if let Some(config) = &self.config {
            return Arc::clone(config);
        }
        let shown = Arc::new(Shown(self.shown.clone()));
        Arc::new(tls::client_config(self.server, shown).unwrap())
    }
}

/// A TLS connection.
pub(crate) type Tls = StreamOwned<ClientConnection, TcpStream>;

impl Wire for Tls {
    fn set_deadline(&self) {
        self.sock.set_read_timeout(Some(DEADLINE)).unwrap();
        self.sock.set_write_timeout(Some(DEADLINE)).unwrap();
    }

    fn half_close(&mut self) {
        self.conn.send_close_notify();
        self.flush().unwrap();
    }

    fn second_hand(&self) -> Box<dyn Wire> {
        panic!("a TLS connection has one hand")
    }
}

/// Shows one certificate, or none, to every server.
#[derive(Debug)]
struct Shown(Option<Arc<CertifiedKey>>);

impl ResolvesClientCert for Shown {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        self.0.clone()
    }

    fn has_certs(&self) -> bool {
        self.0.is_some()
    }
}
