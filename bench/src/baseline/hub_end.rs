//! The other end of streams that are measured: it listens at a hub as a box does, and on a TCP port, with TLS on both.

use std::io;
use std::path::Path;
use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use topside_shared::hub::{HubAccess, HubConnection, HubCredentials, HubRole};
use topside_shared::private_key::PrivateKey;
use topside_shared::tls::server_config;

use super::tls::AnyClientKey;

/// Bytes of a message; its time to the other end and back is measured.
pub(crate) const MESSAGE: usize = 64;

/// Serves until it is killed. It prints its TCP port once it listens at both.
pub(crate) fn serve(strings: &Path, key: &Path) -> io::Result<()> {
    let access = access(strings, HubRole::Box)?;
    let key = PrivateKey::load_or_make(key).map_err(io::Error::other)?;
    let config = server_config(key.certified_key(), Arc::new(AnyClientKey));
    let acceptor = TlsAcceptor::from(Arc::new(config.map_err(io::Error::other)?));
    // One thread for all sessions, as `topsided` has.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async move {
        let hub = HubConnection::open(&access).await.map_err(io::Error::other)?;
        let mut dials = hub.listen(&key.pin()).await.map_err(io::Error::other)?;
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        println!("{}", listener.local_addr()?.port());
        loop {
            tokio::select! {
                dial = dials.next() => {
                    let Some(dial) = dial else { return Ok(()) };
                    let stream = dial.accept().await.map_err(io::Error::other)?;
                    tokio::spawn(answer(acceptor.clone(), stream));
                }
                accepted = listener.accept() => {
                    let (stream, _) = accepted?;
                    stream.set_nodelay(true)?;
                    tokio::spawn(answer(acceptor.clone(), stream));
                }
            }
        }
    })
}

/// The access of one side to a hub, from the file with the string that `topsided hub init` printed.
pub(crate) fn access(strings: &Path, role: HubRole) -> io::Result<HubAccess> {
    let text = std::fs::read_to_string(strings)?;
    let credentials = HubCredentials::find(&text).map_err(io::Error::other)?;
    let fleet = "bench".parse().map_err(io::Error::other)?;
    Ok(credentials.access(role, &fleet))
}

/// Sends as many bytes as the caller says; if it says none, what the caller sends, [`MESSAGE`] by [`MESSAGE`].
async fn answer(
    acceptor: TlsAcceptor,
    stream: impl AsyncRead + AsyncWrite + Unpin,
) -> io::Result<()> {
    let mut stream = acceptor.accept(stream).await?;
    let mut left = usize::try_from(stream.read_u64().await?).map_err(io::Error::other)?;
    if left == 0 {
        let mut message = [0; MESSAGE];
        loop {
            stream.read_exact(&mut message).await?;
            stream.write_all(&message).await?;
            stream.flush().await?;
        }
    }
    let block = vec![b'x'; 64 * 1024];
    while left > 0 {
        let count = left.min(block.len());
        stream.write_all(&block[..count]).await?;
        left -= count;
    }
    stream.shutdown().await
}
