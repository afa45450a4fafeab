//! Baseline JSON server behind TLS 1.3, with the same provider as our server. Both sides show an Ed25519 key and check the
//! signature. Neither compares the key with a list, because the bench starts both sides.

use std::io;
use std::path::Path;
use std::sync::Arc;

use rustls::client::Resumption;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::sign::SingleCertAndKey;
use rustls::version::TLS13;
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, Error, SignatureScheme};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use topside_shared::Pin;
use topside_shared::identity::Identity;
use topside_shared::tls::{Admission, SCHEMES, provider, server_config, verify_signature};

use super::json::{Broadcaster, connection, serve_on};
use crate::connect::ADDRESSES;

/// Serves on a port of all [`ADDRESSES`], with the key in a file.
pub(crate) fn serve(port: &str, key: &Path) -> io::Result<()> {
    let port: u16 = port.parse().map_err(io::Error::other)?;
    let key = Identity::load_or_make(key).map_err(io::Error::other)?.certified_key();
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

/// What the generator's connections have in common.
pub(crate) fn client(key: &Identity) -> io::Result<Arc<ClientConfig>> {
    let mut config = ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&TLS13])
        .map_err(io::Error::other)?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(AnyServerKey(provider())))
        .with_client_cert_resolver(Arc::new(SingleCertAndKey::from(key.certified_key())));
    config.resumption = Resumption::disabled();
    Ok(Arc::new(config))
}

/// Accepts each server that holds the key that it shows.
#[derive(Debug)]
struct AnyServerKey(Arc<CryptoProvider>);

impl ServerCertVerifier for AnyServerKey {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(Error::General("only TLS 1.3 is spoken".to_owned()))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_signature(&self.0, message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        SCHEMES.to_vec()
    }
}

/// Accepts each client.
#[derive(Debug)]
struct AnyClientKey;

impl Admission for AnyClientKey {
    fn admit(&self, _: Pin) -> Result<(), CertificateError> {
        Ok(())
    }
}
