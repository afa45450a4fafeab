//! Baseline servers: they do only what no server can leave out. They have no limits, no log and no registry.

pub(crate) mod boxes;
pub(crate) mod hub_end;
pub(crate) mod json;
pub(crate) mod line;
pub(crate) mod ssh;
pub(crate) mod tls;

use std::cell::RefCell;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf};

thread_local! {
    /// One buffer a thread: what is idle holds none, as in our server.
    static SCRATCH: RefCell<Box<[u8]>> = RefCell::new(vec![0; 64 * 1024].into());
    static ANSWER: RefCell<Vec<u8>> = RefCell::default();
}

/// Reads whole lines and gives them to `answer`, which appends what goes back. False: at the end.
async fn turn(
    stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
    rest: &mut Vec<u8>,
    mut answer: impl FnMut(&[u8], &mut Vec<u8>),
) -> io::Result<bool> {
    let left = poll_fn(|cx| {
        SCRATCH.with_borrow_mut(|scratch| {
            let mut buffer = ReadBuf::new(scratch);
            ready!(Pin::new(&mut *stream).poll_read(cx, &mut buffer))?;
            let bytes = buffer.filled();
            if bytes.is_empty() {
                return Poll::Ready(io::Result::Ok(None));
            }
            ANSWER.with_borrow_mut(|out| {
                out.clear();
                lines(rest, bytes, |line| answer(line, out));
                // Nearly always all of it is taken at once.
                let wrote = if out.is_empty() {
                    0
                } else {
                    match Pin::new(&mut *stream).poll_write(cx, out) {
                        Poll::Ready(wrote) => wrote?,
                        Poll::Pending => 0,
                    }
                };
                Ok(Some(out[wrote..].to_vec())).into()
            })
        })
    })
    .await?;
    match left {
        None => Ok(false),
        Some(left) => {
            stream.write_all(&left).await?;
            stream.flush().await?;
            Ok(true)
        }
    }
}

fn lines(rest: &mut Vec<u8>, bytes: &[u8], mut each: impl FnMut(&[u8])) {
    for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
        if !piece.ends_with(b"\n") {
            rest.extend_from_slice(piece);
        } else if rest.is_empty() {
            each(piece);
        } else {
            rest.extend_from_slice(piece);
            each(rest);
            *rest = Vec::new();
        }
    }
}
