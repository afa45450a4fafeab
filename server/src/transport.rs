//! What a session needs of a stream of bytes, whichever kind it is.

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::UnixStream;

/// A connected stream.
pub(crate) trait Transport: AsyncRead + AsyncWrite + Unpin + Send + 'static {
    /// Whether the peer has closed both directions: gone, not only done with asking.
    fn hung_up(&self) -> bool;
}

impl Transport for UnixStream {
    fn hung_up(&self) -> bool {
        crate::platform::hung_up(self)
    }
}
