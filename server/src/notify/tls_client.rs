//! TLS to the services that notifications go to.

use std::sync::Arc;

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::OnceCell;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use topside_shared::tls;

use crate::base::blocking::blocking;

/// The certificates that the system trusts, read at the first use.
#[derive(Debug, Default)]
pub(super) struct TlsClient(OnceCell<Arc<ClientConfig>>);

impl TlsClient {
    /// Reads the certificates, unless they were read before.
    ///
    /// # Errors
    /// The system has none.
    pub(super) async fn connector(&self) -> Result<TlsConnector, String> {
        let made = self.0.get_or_try_init(|| async {
            let roots = blocking(system_roots).await.map_err(|error| error.to_string())??;
            let config = ClientConfig::builder_with_provider(tls::provider())
                .with_safe_default_protocol_versions()
                .map_err(|error| error.to_string())?
                .with_root_certificates(roots)
                .with_no_client_auth();
            Ok::<_, String>(Arc::new(config))
        });
        Ok(TlsConnector::from(Arc::clone(made.await?)))
    }
}

/// Begins TLS with a server that must have a certificate for `host`.
///
/// # Errors
/// It has none, or the handshake failed.
pub(super) async fn encrypt<S>(
    connector: &TlsConnector,
    host: &str,
    stream: S,
) -> Result<TlsStream<S>, String>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let name = ServerName::try_from(host.to_owned())
        .map_err(|_| "the host is no name that a certificate can have".to_owned())?;
    connector.connect(name, stream).await.map_err(|error| format!("TLS: {error}"))
}

/// The certificates of authorities that the system trusts.
fn system_roots() -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    let found = rustls_native_certs::load_native_certs();
    roots.add_parsable_certificates(found.certs);
    if roots.is_empty() {
        let why = found.errors.first().map(|error| format!(" ({error})")).unwrap_or_default();
        return Err(format!(
            "this system has no certificates of authorities{why}: install ca-certificates, or name a file in \
             SSL_CERT_FILE"
        ));
    }
    Ok(roots)
}
