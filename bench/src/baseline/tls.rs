//! Baseline JSON server behind TLS 1.3, with the same provider as our server. It accepts each client, because the bench starts
//! both sides.

use std::io;
use std::path::Path;
use std::sync::Arc;

use rustls::CertificateError;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use topside_shared::Pin;
use topside_shared::private_key::PrivateKey;
use topside_shared::tls::{Admission, server_config};

use super::json::{Broadcaster, connection, serve_on};
use crate::connect::ADDRESSES;

/// Serves on a port of all [`ADDRESSES`], with the key in a file.
pub(crate) fn serve(port: &str, key: &Path) -> io::Result<()> {
    let port: u16 = port.parse().map_err(io::Error::other)?;
    let key = PrivateKey::load_or_make(key).map_err(io::Error::other)?.certified_key();
    let config = server_config(key, Arc::new(AnyClientKey)).map_err(io::Error::other)?;
    let acceptor = TlsAcceptor::from(Arc::new(config));
    serve_on(1, async move |bus| {
        let mut accepting = JoinSet::new();
        for address in ADDRESSES {
            let listener = TcpListener::bind((address, port)).await?;
            accepting.spawn(accept(listener, acceptor.clone(), bus.clone()));
        }
        accepting.join_next().await.unwrap_or(Ok(Ok(())))?
    })
}

async fn accept(listener: TcpListener, acceptor: TlsAcceptor, bus: Broadcaster) -> io::Result<()> {
    loop {
        let (tcp, _) = listener.accept().await?;
        tcp.set_nodelay(true)?;
        let (acceptor, bus) = (acceptor.clone(), bus.clone());
        tokio::spawn(async move {
            if let Ok(stream) = acceptor.accept(tcp).await {
                connection(stream, bus).await;
            }
        });
    }
}

/// Accepts each client.
#[derive(Debug)]
pub(super) struct AnyClientKey;

impl Admission for AnyClientKey {
    fn admit(&self, _: Pin) -> Result<(), CertificateError> {
        Ok(())
    }
}
