//! The stream below TLS, over TCP or through a hub, which counts bytes.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;

use crate::base::platform;
use crate::base::transport::Transport;

pub(crate) trait Socket: AsyncRead + AsyncWrite + Unpin + Send + 'static {
    /// Whether the peer has closed both directions.
    fn hung_up(&self) -> bool;

    /// Whether the peer has closed its sending direction.
    fn is_half_closed(&self) -> bool {
        false
    }

    /// Whether the peer has acknowledged all that was sent, and the end after it.
    fn is_acknowledged(&self) -> bool;

    /// Waits until the peer has sent something or closed; the first byte, which stays to be read.
    fn speaks(&self) -> impl Future<Output = Option<u8>> + Send;
}

impl Socket for TcpStream {
    async fn speaks(&self) -> Option<u8> {
        let mut first = [0];
        // An error will show again at the next read.
        (self.peek(&mut first).await.ok()? > 0).then_some(first[0])
    }

    fn hung_up(&self) -> bool {
        platform::hung_up(self)
    }

    fn is_half_closed(&self) -> bool {
        platform::is_half_closed(self)
    }

    fn is_acknowledged(&self) -> bool {
        let ends = self.local_addr().and_then(|own| Ok((own, self.peer_addr()?)));
        // Without a peer there is no acknowledgement to wait for.
        ends.map_or(true, |(own, peer)| platform::is_acknowledged(own, peer))
    }
}

#[cfg(feature = "hub")]
impl Socket for topside_shared::hub::HubStream {
    async fn speaks(&self) -> Option<u8> {
        self.first_byte().await
    }

    fn hung_up(&self) -> bool {
        self.is_gone()
    }

    fn is_half_closed(&self) -> bool {
        self.is_half_closed()
    }

    fn is_acknowledged(&self) -> bool {
        self.is_acknowledged()
    }
}

/// A connection that counts the bytes sent through it: TLS accepts more than it has sent.
#[derive(Debug)]
pub(crate) struct CountingStream<S> {
    stream: S,
    sent: u64,
}

impl<S> CountingStream<S> {
    pub(crate) fn new(stream: S) -> Self {
        Self { stream, sent: 0 }
    }

    fn count(&mut self, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if let Poll::Ready(Ok(count)) = &written {
            self.sent += *count as u64;
        }
        written
    }
}

/// Boxed: it is large, and moves from one future to the next.
impl<S: Socket> Transport for Box<TlsStream<CountingStream<S>>> {
    fn hung_up(&self) -> bool {
        self.get_ref().0.stream.hung_up()
    }

    fn is_half_closed(&self) -> bool {
        self.get_ref().0.stream.is_half_closed()
    }

    fn probe(&mut self) {
        // A new traffic key is the one message of TLS without content. If it cannot be sent, the next write fails too
        // and ends the session.
        let _ = self.get_mut().1.refresh_traffic_keys();
    }

    fn sent(&self) -> Option<u64> {
        Some(self.get_ref().0.sent)
    }

    fn is_delivered(&self) -> bool {
        self.get_ref().0.stream.is_acknowledged()
    }
}

impl<S: Socket> AsyncRead for CountingStream<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl<S: Socket> AsyncWrite for CountingStream<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.count(written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, slices);
        self.count(written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
