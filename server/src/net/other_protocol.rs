//! Recognizes clients of other protocols by the first bytes of a connection, and names the protocol of this server.
//!
//! Such a client would wait forever for an answer of its own protocol. No request of this protocol begins with such bytes,
//! so closing the connection loses nothing.

use bytes::Bytes;
use topside_shared::envelope;
use topside_shared::{ErrorKind, RpcError};

use crate::base::outbox::line;

/// The type of a TLS record that begins a handshake.
const TLS_HANDSHAKE: u8 = 22;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OtherProtocol {
    /// HTTP, of any version and with any method.
    Http,
    /// Headers before each message, as in the language server protocol.
    Headers,
    /// TLS on the local socket.
    Tls,
    /// No TLS on the TCP port.
    Plaintext,
}

impl OtherProtocol {
    /// The protocol of the first line of a connection, if it is another one.
    pub(crate) fn of_line(line: &[u8]) -> Option<Self> {
        let word = line.iter().position(|byte| !byte.is_ascii_alphabetic() && *byte != b'-')?;
        let (word, rest) = line.split_at(word);
        let rest = rest.trim_ascii_start();
        if rest.starts_with(b":") {
            let is_content =
                word.get(..8).is_some_and(|head| head.eq_ignore_ascii_case(b"content-"));
            return is_content.then_some(Self::Headers);
        }
        let is_method = matches!(word, b"GET" | b"HEAD" | b"POST" | b"PUT" | b"PRI" | b"OPTIONS");
        let is_request = rest.windows(5).any(|bytes| bytes.eq_ignore_ascii_case(b"HTTP/"));
        (!word.is_empty() && (is_method || is_request)).then_some(Self::Http)
    }

    /// The same by the first byte of a connection without TLS.
    pub(crate) fn of_byte(first: u8) -> Option<Self> {
        (first == TLS_HANDSHAKE).then_some(Self::Tls)
    }

    /// The same by the first byte of a connection with TLS.
    pub(crate) fn of_byte_under_tls(first: u8) -> Option<Self> {
        (first != TLS_HANDSHAKE).then_some(Self::Plaintext)
    }

    /// One sentence that names the protocol of this server.
    pub(crate) fn error(self) -> RpcError {
        const SPOKEN: &str = "Topside speaks JSON-RPC 2.0, one JSON object a line";
        let message = match self {
            Self::Http => format!("this is not HTTP: {SPOKEN}, without headers"),
            Self::Headers => format!("Content-Length and other headers are not read: {SPOKEN}"),
            Self::Tls => format!("there is no TLS on the local socket: {SPOKEN}, as it is"),
            Self::Plaintext => format!(
                "this port takes TLS 1.3 with a paired device's key, and nothing else: {SPOKEN}, inside TLS"
            ),
        };
        RpcError::new(ErrorKind::Parse, message)
    }

    /// The line that is sent before the connection is closed.
    pub(crate) fn answer(self) -> Bytes {
        line(envelope::error(None, &self.error()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_http_and_of_headers_are_recognized() {
        use OtherProtocol::{Headers, Http};
        for (line, want) in [
            ("GET / HTTP/1.1", Some(Http)),
            ("GET /", Some(Http)),
            ("POST /rpc HTTP/1.0", Some(Http)),
            ("OPTIONS * HTTP/1.1", Some(Http)),
            ("PRI * HTTP/2.0", Some(Http)),
            ("M-SEARCH * HTTP/1.1", Some(Http)),
            ("delete /x http/1.1", Some(Http)),
            ("Content-Length: 40", Some(Headers)),
            ("content-length:40", Some(Headers)),
            ("CONTENT-LENGTH : 40", Some(Headers)),
            ("Content-Type: application/vscode-jsonrpc; charset=utf-8", Some(Headers)),
            (r#"{"jsonrpc":"2.0"}"#, None),
            (r#"["GET / HTTP/1.1"]"#, None),
            (" HTTP/1.1", None),
            ("hello", None),
            ("help me", None),
            ("", None),
        ] {
            assert_eq!(OtherProtocol::of_line(line.as_bytes()), want, "{line}");
        }
    }
}
