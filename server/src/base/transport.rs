//! Transport: what a session needs of a byte stream.

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::UnixStream;

pub(crate) trait Transport: AsyncRead + AsyncWrite + Unpin + Send + 'static {
    fn hung_up(&self) -> bool;

    /// Whether the peer has closed its sending direction (a TCP FIN). It may still read.
    fn is_half_closed(&self) -> bool {
        false
    }

    /// Sends bytes that the peer ignores. The system of a peer that has closed its socket answers with a reset, after
    /// which [`Transport::hung_up`] is true.
    fn probe(&mut self) {}

    /// Bytes sent so far, if the stream buffers more than it has sent.
    fn sent(&self) -> Option<u64> {
        None
    }

    /// Whether the peer's system has all bytes, so that closing the connection loses none.
    fn is_delivered(&self) -> bool;

    /// Whether a close is enough to end the stream in order, once the peer's system has all bytes.
    fn ends_by_close(&self) -> bool {
        false
    }
}

impl Transport for UnixStream {
    fn hung_up(&self) -> bool {
        crate::base::platform::hung_up(self)
    }

    fn is_delivered(&self) -> bool {
        // Written bytes are in the peer's own queue, and stay there.
        true
    }

    fn ends_by_close(&self) -> bool {
        true
    }
}
