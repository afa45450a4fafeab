//! Answers the first request of a client that is refused, with the reason.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::UnixStream;
use topside_shared::RpcError;
use topside_shared::envelope::{self, ClientMessage, Rejection, Request};
use topside_shared::frame::{Lines, MAX_LINE_IN};

/// Longest wait of a refused client for its request, and then for its reading of the answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// Sends `error` without waiting. It answers the first request if that has arrived, else it has no id.
pub(crate) fn answer_at_once(stream: &UnixStream, error: &RpcError) {
    let mut buffer = [0; 4096];
    let count = stream.try_read(&mut buffer).unwrap_or(0);
    let first = buffer[..count].split(|byte| *byte == b'\n').next().unwrap_or_default();
    let id = match envelope::parse(first) {
        ClientMessage::One(Ok(request)) => request.id,
        _ => None,
    };
    let mut answer = envelope::error(id, error);
    answer.push(b'\n');
    // An empty socket buffer takes it at once.
    let _ = stream.try_write(&answer);
}

/// Answers the first request with `error`, and closes the connection.
pub(crate) async fn answer<S>(mut stream: S, error: &RpcError)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let answer = async {
        let mut lines = Lines::new(MAX_LINE_IN);
        let mut buffer = vec![0; 4096];
        loop {
            let count = stream.read(&mut buffer).await?;
            let mut bytes = &buffer[..count];
            if count == 0 {
                return io::Result::Ok(());
            }
            while let Some(line) = lines.next(&mut bytes) {
                let id = match line.map(envelope::parse) {
                    // A notification is never answered: the answer is for the first request after it.
                    Ok(ClientMessage::One(Ok(Request { id: None, .. }))) => continue,
                    Ok(ClientMessage::One(Err(Rejection { notification: true, .. }))) => continue,
                    Ok(ClientMessage::One(Ok(request))) => request.id,
                    _ => None,
                };
                let mut answer = envelope::error(id, error);
                answer.push(b'\n');
                stream.write_all(&answer).await?;
                stream.shutdown().await?;
                // Closing with unread input would make the kernel discard the answer.
                tokio::io::copy(&mut stream.take(MAX_LINE_IN as u64), &mut tokio::io::sink())
                    .await?;
                return Ok(());
            }
        }
    };
    let _ = tokio::time::timeout(PATIENCE, answer).await;
}
