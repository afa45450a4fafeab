//! A minimal HTTP/1.1 server for one GET on each connection; the head is bounded, the body ignored.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

const PATIENCE: Duration = Duration::from_secs(5);
pub(super) const MAX_HEAD: usize = 8 * 1024;
/// Bytes that are read and discarded after the answer.
const MAX_REST: u64 = 64 * 1024;

#[derive(Debug)]
pub(super) struct HttpResponse {
    /// Status code, reason and further header fields.
    pub(super) status: &'static str,
    pub(super) content_type: &'static str,
    pub(super) body: String,
}

impl HttpResponse {
    pub(super) fn plain(status: &'static str, body: &str) -> Self {
        Self { status, content_type: "text/plain; charset=utf-8", body: body.to_owned() }
    }

    fn head(&self) -> String {
        let Self { status, content_type, body } = self;
        let date = jiff::Timestamp::now().strftime("%a, %d %b %Y %H:%M:%S GMT");
        format!(
            "HTTP/1.1 {status}\r\nDate: {date}\r\nContent-Type: {content_type}\r\nContent-Length: {}\r\n\
             Cache-Control: no-store\r\nConnection: close\r\n\r\n",
            body.len()
        )
    }
}

/// Reads one request, writes the answer for its path, and waits for the end of the connection, within [`PATIENCE`].
pub(super) async fn serve_one<S>(
    stream: &mut S,
    answer: impl AsyncFnOnce(&str) -> HttpResponse,
) -> io::Result<()>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    tokio::time::timeout(PATIENCE, request(stream, answer)).await?
}

async fn request<S>(
    stream: &mut S,
    answer: impl AsyncFnOnce(&str) -> HttpResponse,
) -> io::Result<()>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let (answer, with_body) = match read_head(stream).await? {
        None => return Ok(()),
        Some(Err(error)) => (error, true),
        Some(Ok(head)) => match parse(&head) {
            Err(error) => (error, true),
            Ok(Request { path, is_head }) => (answer(path).await, !is_head),
        },
    };
    let mut bytes = answer.head().into_bytes();
    if with_body {
        bytes.extend_from_slice(answer.body.as_bytes());
    }
    stream.write_all(&bytes).await?;
    stream.shutdown().await?;
    // Closing with unread input would make the kernel discard the answer.
    tokio::io::copy(&mut stream.take(MAX_REST), &mut tokio::io::sink()).await?;
    Ok(())
}

/// The head of the request up to its empty line; none if the connection ends before that.
async fn read_head<S: AsyncRead + Unpin>(
    stream: &mut S,
) -> io::Result<Option<Result<Vec<u8>, HttpResponse>>> {
    let mut head = Vec::new();
    let mut buffer = [0; 1024];
    loop {
        let count = stream.read(&mut buffer).await?;
        if count == 0 {
            return Ok(None);
        }
        // The empty line may come in two reads.
        let from = head.len().saturating_sub(3);
        head.extend_from_slice(&buffer[..count]);
        if let Some(end) = head[from..].windows(4).position(|four| four == b"\r\n\r\n") {
            head.truncate(from + end + 4);
            if head.len() <= MAX_HEAD {
                return Ok(Some(Ok(head)));
            }
        }
        if head.len() >= MAX_HEAD {
            let message = format!("the head of a request has at most {MAX_HEAD} bytes\n");
            return Ok(Some(Err(HttpResponse::plain(
                "431 Request Header Fields Too Large",
                &message,
            ))));
        }
    }
}

#[derive(Debug, PartialEq, Eq)]
struct Request<'a> {
    /// Without the query.
    path: &'a str,
    is_head: bool,
}

fn parse(head: &[u8]) -> Result<Request<'_>, HttpResponse> {
    let line = head.split(|byte| *byte == b'\r').next().unwrap_or_default();
    let bad = || HttpResponse::plain("400 Bad Request", "this is not an HTTP request\n");
    let line = str::from_utf8(line).map_err(|_| bad())?;
    let mut words = line.split(' ');
    let (Some(method), Some(target), Some(version), None) =
        (words.next(), words.next(), words.next(), words.next())
    else {
        return Err(bad());
    };
    let Some(version) = version.strip_prefix("HTTP/") else { return Err(bad()) };
    if !version.starts_with("1.") {
        return Err(HttpResponse::plain("505 HTTP Version Not Supported", "use HTTP/1.1\n"));
    }
    let is_head = match method {
        "GET" => false,
        "HEAD" => true,
        _ => {
            return Err(HttpResponse::plain(
                "405 Method Not Allowed\r\nAllow: GET, HEAD",
                "only GET and HEAD\n",
            ));
        }
    };
    let path = target.split('?').next().unwrap_or_default();
    Ok(Request { path, is_head })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The response to a request that arrives in these pieces.
    async fn answered(pieces: &[&[u8]]) -> String {
        let (mut near, mut far) = tokio::io::duplex(64 * 1024);
        let pieces: Vec<Vec<u8>> = pieces.iter().map(|piece| piece.to_vec()).collect();
        let asking = async move {
            for piece in pieces {
                near.write_all(&piece).await.unwrap();
                tokio::task::yield_now().await;
            }
            near.shutdown().await.unwrap();
            let mut text = String::new();
            near.read_to_string(&mut text).await.unwrap();
            text
        };
        let answering = async move {
            let answer = async |path: &str| HttpResponse::plain("200 OK", &format!("[{path}]"));
            serve_one(&mut far, answer).await.unwrap();
        };
        tokio::join!(asking, answering).0
    }

    #[tokio::test]
    async fn a_request_is_answered_wherever_its_bytes_are_split() {
        let request = b"GET /metrics?x=1 HTTP/1.1\r\nHost: a\r\n\r\n";
        for cut in 0..request.len() {
            let (first, rest) = request.split_at(cut);
            let pieces: &[&[u8]] = if cut == 0 { &[rest] } else { &[first, rest] };
            let text = answered(pieces).await;
            assert!(text.starts_with("HTTP/1.1 200 OK\r\n"), "{cut}: {text}");
            assert!(text.ends_with("\r\n\r\n[/metrics]"), "{cut}: {text}");
        }
    }

    #[tokio::test]
    async fn an_invalid_request_gets_its_error_and_half_a_request_no_answer() {
        for (request, status) in [
            ("POST /metrics HTTP/1.1\r\n\r\n", "405 Method Not Allowed"),
            ("GET /metrics HTTP/2\r\n\r\n", "505 HTTP Version Not Supported"),
            ("GET /metrics\r\n\r\n", "400 Bad Request"),
            ("GET  /metrics HTTP/1.1\r\n\r\n", "400 Bad Request"),
            ("\u{16}\u{3}\u{1}\r\n\r\n", "400 Bad Request"),
            ("\r\n\r\n", "400 Bad Request"),
        ] {
            let text = answered(&[request.as_bytes()]).await;
            assert!(text.starts_with(&format!("HTTP/1.1 {status}\r\n")), "{request:?}: {text}");
        }
        assert_eq!(answered(&[b"GET /metrics HTTP/1.1\r\nHost: a"]).await, "");
        let invalid = answered(&[b"GET /\xff HTTP/1.1\r\n\r\n"]).await;
        assert!(invalid.starts_with("HTTP/1.1 400 "), "{invalid}");
    }

    #[tokio::test]
    async fn a_head_at_its_limit_passes_and_one_byte_more_does_not() {
        let head = |length: usize| {
            let around = "GET / HTTP/1.1\r\nX: \r\n\r\n".len();
            format!("GET / HTTP/1.1\r\nX: {}\r\n\r\n", "x".repeat(length - around))
        };
        let fits = answered(&[head(MAX_HEAD).as_bytes()]).await;
        assert!(fits.starts_with("HTTP/1.1 200 "), "{fits}");
        let over = answered(&[head(MAX_HEAD + 1).as_bytes()]).await;
        assert!(over.starts_with("HTTP/1.1 431 "), "{over}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_connection_is_dropped_whether_it_reads_or_writes_slowly() {
        let answer = async |_: &str| HttpResponse::plain("200 OK", &"x".repeat(10_000));
        let started = tokio::time::Instant::now();
        // One byte a second.
        let (mut near, mut far) = tokio::io::duplex(1);
        let drip = async {
            while near.write_all(b"x").await.is_ok() {
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        };
        let dropped = tokio::select! {
            dropped = serve_one(&mut far, answer) => dropped,
            () = drip => unreachable!("it is dropped first"),
        };
        assert_eq!(dropped.unwrap_err().kind(), io::ErrorKind::TimedOut);
        assert_eq!(started.elapsed(), PATIENCE);
        // A whole request, and an answer that is not read.
        let (mut near, mut far) = tokio::io::duplex(64);
        near.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
        let dropped = serve_one(&mut far, answer).await;
        assert_eq!(dropped.unwrap_err().kind(), io::ErrorKind::TimedOut);
        assert_eq!(started.elapsed(), 2 * PATIENCE);
    }

    #[tokio::test]
    async fn a_head_request_gets_the_length_only() {
        let text = answered(&[b"HEAD / HTTP/1.0\r\n\r\n"]).await;
        assert!(text.contains("\r\nContent-Length: 3\r\n") && text.ends_with("\r\n\r\n"), "{text}");
    }
}
