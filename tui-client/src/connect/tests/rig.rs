//! A server behind TLS on a port of its own, with a list of who may come in.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex};

use rustls::CertificateError;
use rustls::sign::CertifiedKey;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use topside_shared::Pin;
use topside_shared::private_key::{PrivateKey, Seed};
use topside_shared::tls::{self, Admission};

use super::fake::Fake;
use crate::connect::{Address, Remote, Via};

/// A key of this number.
pub(super) fn key(number: u8) -> PrivateKey {
    PrivateKey::from_seed(&Seed::from_bytes([number; 32])).unwrap()
}

/// Who came in, and what ties an enrolment to the connection.
pub(super) struct Guest {
    pub(super) pin: Pin,
    pub(super) exporter: [u8; 32],
}

/// A server with one key, which lets in whom it is told to.
pub(super) struct Rig {
    pub(super) key: PrivateKey,
    listener: TcpListener,
    acceptor: TlsAcceptor,
    guests: Arc<Guests>,
}

impl Rig {
    pub(super) async fn new(key: PrivateKey) -> Self {
        let shown = key.certified_key();
        Self::showing(key, shown).await
    }

    /// A server that shows one key's certificate and signs with any key.
    pub(super) async fn showing(key: PrivateKey, shown: Arc<CertifiedKey>) -> Self {
        let guests = Arc::<Guests>::default();
        let config = tls::server_config(shown, guests.clone()).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        Self { key, listener, acceptor: TlsAcceptor::from(Arc::new(config)), guests }
    }

    /// From now on this key is let in, or refused for that reason. Others are unknown.
    pub(super) fn judge(&self, pin: Pin, verdict: Result<(), CertificateError>) {
        self.guests.verdicts.lock().unwrap().insert(pin, verdict);
    }

    pub(super) fn port(&self) -> u16 {
        self.listener.local_addr().unwrap().port()
    }

    /// Its address, as that on the LAN or at the router.
    pub(super) fn address(&self, via: Via) -> Address {
        Address::Network { via, host: "127.0.0.1".to_owned(), port: self.port() }
    }

    /// It alone, as a saved server.
    pub(super) fn remote(&self, state: &Path) -> Remote {
        remote(&self.key, vec![self.address(Via::Lan)], state)
    }

    /// The next client that is let in; those before it were refused.
    pub(super) async fn accept(&self) -> (Fake, Guest) {
        loop {
            let (stream, _) = self.listener.accept().await.unwrap();
            if let Some(let_in) = self.shake(stream).await {
                return let_in;
            }
        }
    }

    /// The next one is refused, and has read it.
    pub(super) async fn refuse(&self) {
        let (stream, _) = self.listener.accept().await.unwrap();
        assert!(self.shake(stream).await.is_none());
    }

    pub(super) async fn shake<S>(&self, stream: S) -> Option<(Fake, Guest)>
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        match self.acceptor.accept(stream).into_fallible().await {
            Ok(stream) => {
                let connection = stream.get_ref().1;
                let pin = tls::pin_of(&connection.peer_certificates().unwrap()[0]).unwrap();
                // The design says an empty context; TLS 1.3 knows no difference to none.
                let exporter =
                    connection.export_keying_material([0; 32], tls::ENROL_LABEL, Some(b""));
                let guest = Guest { pin, exporter: exporter.unwrap() };
                Some((Fake::new(stream), guest))
            }
            Err((_, mut stream)) => {
                // What is hung up on unread takes the alert with it.
                let _ = stream.read_to_end(&mut Vec::new()).await;
                None
            }
        }
    }
}

/// A saved server with these addresses.
pub(super) fn remote(server: &PrivateKey, addresses: Vec<Address>, state: &Path) -> Remote {
    let state = state.to_owned();
    Remote { name: "garden".to_owned(), pin: server.pin(), addresses, state }
}

#[derive(Debug, Default)]
struct Guests {
    verdicts: Mutex<HashMap<Pin, Result<(), CertificateError>>>,
}

impl Admission for Guests {
    fn admit(&self, key: Pin) -> Result<(), CertificateError> {
        let verdict = self.verdicts.lock().unwrap().get(&key).cloned();
        verdict.unwrap_or(Err(CertificateError::ApplicationVerificationFailure))
    }
}
