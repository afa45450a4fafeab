//! A connection to a mail server with limits for each answer. The library parses an answer from its beginning with each line, without a
//! pause, and reads a line of any length.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use lettre::transport::smtp::client::AsyncTokioStream;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Most bytes that arrive before the next ones are sent. A TLS handshake with a list of authorities fits.
const MOST_ANSWERED: usize = 32 * 1024;
/// Most bytes that the library parses for one answer. Encrypted bytes look like lines too, and stay below half of it.
const MOST_PARSED: usize = 4 * 1024 * 1024;

#[derive(Debug)]
pub(super) struct LimitedStream<S> {
    stream: S,
    peer: SocketAddr,
    /// Bytes that have arrived since the last ones were sent.
    answered: usize,
    /// Bytes that were parsed of them: all that had arrived, with each line.
    parsed: usize,
}

impl<S> LimitedStream<S> {
    pub(super) fn new(stream: S, peer: SocketAddr) -> Self {
        Self { stream, peer, answered: 0, parsed: 0 }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for LimitedStream<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(cx, buf))?;
        for byte in &buf.filled()[before..] {
            self.answered += 1;
            if *byte == b'\n' {
                self.parsed += self.answered;
            }
        }
        let what = match (self.answered > MOST_ANSWERED, self.parsed > MOST_PARSED) {
            (true, _) => "bytes",
            (false, true) => "lines",
            (false, false) => return Poll::Ready(Ok(())),
        };
        Poll::Ready(Err(io::Error::other(format!("the mail server answers with too many {what}"))))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for LimitedStream<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let count = ready!(Pin::new(&mut self.stream).poll_write(cx, bytes))?;
        (self.answered, self.parsed) = (0, 0);
        Poll::Ready(Ok(count))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

impl<S> AsyncTokioStream for LimitedStream<S>
where
    S: AsyncRead + AsyncWrite + Send + Sync + Unpin + std::fmt::Debug,
{
    fn peer_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.peer)
    }
}
