//! Transport: what a session needs of a byte stream.

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::UnixStream;

/// A connected stream.
pub(crate) trait Transport: AsyncRead + AsyncWrite + Unpin + Send + 'static {
    /// Whether the peer has closed both directions: gone, not only done with asking.
    fn hung_up(&self) -> bool;

    /// Whether the peer has closed its sending direction (a TCP FIN). A peer that leaves does that, and so does one
    /// that sends nothing more and still reads.
    fn is_half_closed(&self) -> bool {
        false
    }

    /// Sends the peer something that it ignores. The system of a peer that has closed its socket answers with a
    /// reset, after which [`Transport::hung_up`] is true.
    fn probe(&mut self) {}

    /// Bytes that have left so far, where the stream itself takes more than it has sent.
    fn sent(&self) -> Option<u64> {
        None
    }

    /// Whether the peer's system has all that was sent, so that closing the connection can lose none of it.
    fn is_delivered(&self) -> bool;
}

impl Transport for UnixStream {
    fn hung_up(&self) -> bool {
        crate::base::platform::hung_up(self)
    }

    fn is_delivered(&self) -> bool {
        // What was written is in the peer's own queue, and stays there.
        true
    }
}
