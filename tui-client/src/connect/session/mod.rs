//! A live session: requests go out, answers return to their callers, and notifications go to the events.

mod reader;

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::Serialize;
use serde_json::value::RawValue;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;
use topside_shared::RpcError;
use topside_shared::envelope::{self};
use topside_shared::frame::MAX_LINE_IN;
use topside_shared::methods::{Call, CommandsList, Menu, MenuPages, Method};

use super::events::{Events, Queue};
use reader::Reader;

/// Silence after which `ping` is sent, and silence after that which means a dead connection.
pub(crate) const SILENCE: Duration = Duration::from_secs(20);
/// The same for a server of this machine. Its end is told by the kernel; only a server that hangs is noticed by this. It is longer
/// than the minute after which an idle screen asks for the load anyway, so that no timer of this wakes it.
pub(crate) const SILENCE_HERE: Duration = Duration::from_secs(90);
/// How long the server may take to close once no more is sent.
const GRACE: Duration = Duration::from_secs(1);
/// Pause of the reader between two reads while output is held back.
const TRICKLE: Duration = Duration::from_secs(3);
/// Requests that wait for the writer; the next one waits for room.
const QUEUED_LINES: usize = 64;
/// Most bytes of waiting requests in one write.
const WRITE_AT_ONCE: usize = 64 * 1024;

/// Sends requests; cheap to clone. The session ends when the last handle and the events are dropped.
#[derive(Debug, Clone)]
pub(crate) struct Handle {
    lines: mpsc::Sender<Vec<u8>>,
    state: Arc<SessionState>,
}

#[derive(Debug, thiserror::Error)]
pub(crate) enum CallError {
    #[error("{0}")]
    Refused(#[from] RpcError),
    /// The session ended before the answer; the events say why. The server may have done what was asked.
    #[error("the session ended before the answer came")]
    Lost,
    /// The request was not sent.
    #[error("this request is {length} bytes long; the server takes at most {max}")]
    TooLong { length: usize, max: usize },
    /// Too many requests wait for the writer; this one was not sent.
    #[error("the connection is busy: nothing was sent; try again in a moment")]
    Busy,
    #[error("the server's answer to {method} cannot be read")]
    Unreadable { method: &'static str, source: serde_json::Error },
}

pub(crate) type Answer = Result<Box<RawValue>, RpcError>;

/// Reads the answer to a call of this kind.
pub(crate) fn read_answer<C: Call>(answer: Answer) -> Result<C::Answer, CallError> {
    let method = C::METHOD.name();
    serde_json::from_str(answer?.get()).map_err(|source| CallError::Unreadable { method, source })
}

/// Takes one page of the menu. Returns the whole menu after its last page, and none where the next page is to be requested.
pub(crate) fn take_page(pages: &mut MenuPages, answer: Answer) -> Result<Option<Menu>, CallError> {
    match answer {
        Err(error) if pages.start_again_after(error.kind()) => Ok(None),
        answer => {
            let bytes = answer.as_ref().map_or(0, |answer| answer.get().len());
            let page = read_answer::<CommandsList>(answer)?;
            pages.take(page, bytes).map_err(|error| CallError::Unreadable {
                method: CommandsList::METHOD.name(),
                source: serde::de::Error::custom(error),
            })
        }
    }
}

#[derive(Debug)]
enum Waiter {
    Call(oneshot::Sender<Answer>),
    /// The answer takes its place among the events.
    Events,
}

/// State of the handles and the reader. The mutex is held for one map operation, never across an await.
#[derive(Debug)]
struct SessionState {
    next_id: AtomicU64,
    max_line: AtomicUsize,
    /// The receivers by request id; `None` once the session has ended.
    pending: Mutex<Option<HashMap<u64, Waiter>>>,
    closing: watch::Sender<bool>,
}

impl SessionState {
    fn pending(&self) -> MutexGuard<'_, Option<HashMap<u64, Waiter>>> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn id(&self) -> u64 {
        self.next_id.fetch_add(1, Ordering::Relaxed)
    }
}

/// Removes a call when its future is dropped.
struct CallGuard<'s> {
    id: u64,
    state: &'s SessionState,
}

impl Drop for CallGuard<'_> {
    fn drop(&mut self) {
        if let Some(pending) = self.state.pending().as_mut() {
            pending.remove(&self.id);
        }
    }
}

impl Handle {
    /// Sends a request and waits for the answer. Concurrent calls are answered as they finish. Dropping the future does not
    /// undo the request.
    pub(crate) async fn call<C: Call>(&self, params: &C) -> Result<C::Answer, CallError> {
        let answer = self.call_raw(C::METHOD, params).await?;
        read_answer::<C>(answer)
    }

    pub(crate) async fn menu(&self) -> Result<Menu, CallError> {
        let mut pages = MenuPages::default();
        loop {
            let answer = self.call_raw(CommandsList::METHOD, &pages.request()).await?;
            if let Some(menu) = take_page(&mut pages, answer)? {
                return Ok(menu);
            }
        }
    }

    async fn call_raw(&self, method: Method, params: &impl Serialize) -> Result<Answer, CallError> {
        let (sender, answer) = oneshot::channel();
        let (id, line) = self.prepare(method, params, Waiter::Call(sender))?;
        let _pending = CallGuard { id, state: &self.state };
        if *self.state.closing.borrow() || self.lines.send(line).await.is_err() {
            return Err(CallError::Lost);
        }
        answer.await.map_err(|_| CallError::Lost)
    }

    /// Sends a request without waiting. The answer comes as [`Event::Answer`](super::Event::Answer) with the returned id,
    /// in the order in which the server sent it. An error means that nothing was sent.
    pub(crate) fn ask(&self, method: Method, params: &impl Serialize) -> Result<u64, CallError> {
        let (id, line) = self.prepare(method, params, Waiter::Events)?;
        let sent = match *self.state.closing.borrow() {
            true => Err(CallError::Lost),
            false => self.lines.try_send(line).map_err(|error| match error {
                mpsc::error::TrySendError::Full(_) => CallError::Busy,
                mpsc::error::TrySendError::Closed(_) => CallError::Lost,
            }),
        };
        if sent.is_err() {
            drop(CallGuard { id, state: &self.state });
        }
        sent.map(|()| id)
    }

    /// Makes the line of a request and registers the receiver of its answer.
    fn prepare(
        &self,
        method: Method,
        params: &impl Serialize,
        waiter: Waiter,
    ) -> Result<(u64, Vec<u8>), CallError> {
        let id = self.state.id();
        let mut line = envelope::request(id, method.name(), params);
        let max = self.state.max_line.load(Ordering::Relaxed);
        if line.len() > max {
            return Err(CallError::TooLong { length: line.len(), max });
        }
        line.push(b'\n');
        self.state.pending().as_mut().ok_or(CallError::Lost)?.insert(id, waiter);
        Ok((id, line))
    }

    /// Closes the connection once the requests so far are sent. The events end with
    /// [`DisconnectReason::Left`](super::DisconnectReason::Left).
    pub(crate) fn close(&self) {
        self.state.closing.send_replace(true);
    }

    pub(super) fn set_max_line(&self, max: u64) {
        let max = usize::try_from(max).unwrap_or(usize::MAX);
        self.state.max_line.store(max, Ordering::Relaxed);
    }
}

/// Starts the two tasks of a session on the caller's runtime.
pub(super) fn start<R, W>(read: R, write: W) -> (Handle, Events)
where
    R: AsyncRead + Send + Unpin + 'static,
    W: AsyncWrite + Send + Unpin + 'static,
{
    start_with(read, write, SILENCE)
}

/// The same with another time of silence after which `ping` is sent.
pub(super) fn start_with<R, W>(read: R, write: W, silence: Duration) -> (Handle, Events)
where
    R: AsyncRead + Send + Unpin + 'static,
    W: AsyncWrite + Send + Unpin + 'static,
{
    let (lines, waiting) = mpsc::channel(QUEUED_LINES);
    let state = Arc::new(SessionState {
        next_id: AtomicU64::new(1),
        max_line: AtomicUsize::new(MAX_LINE_IN),
        pending: Mutex::new(Some(HashMap::new())),
        closing: watch::channel(false).0,
    });
    let queue = Arc::new(Queue::new());
    let writer = tokio::spawn(write_all(write, waiting, state.closing.subscribe()));
    let reader = Reader {
        state: state.clone(),
        queue: queue.clone(),
        lines: lines.downgrade(),
        ended: None,
        refused: None,
        silence,
    };
    tokio::spawn(reader.run(read, writer));
    let handle = Handle { lines, state };
    (handle.clone(), Events::new(queue, handle))
}

/// Writes requests as they come, those that wait together in one write, until the session is closed or all handles are
/// dropped; then shuts the sending side down.
async fn write_all<W: AsyncWrite + Unpin>(
    mut stream: W,
    mut lines: mpsc::Receiver<Vec<u8>>,
    mut closing: watch::Receiver<bool>,
) {
    loop {
        let first = tokio::select! {
            biased;
            line = lines.recv() => line,
            _ = closing.wait_for(|closing| *closing) => None,
        };
        let Some(mut bytes) = first else { break };
        while bytes.len() < WRITE_AT_ONCE
            && let Ok(line) = lines.try_recv()
        {
            bytes.extend_from_slice(&line);
        }
        // Not an arm of the select: a write cut short would spoil the framing.
        let written = async {
            stream.write_all(&bytes).await?;
            // TLS keeps back what the socket had no room for.
            stream.flush().await
        };
        if written.await.is_err() {
            // The reader still reads what the server sent before.
            return;
        }
    }
    let _ = stream.shutdown().await;
}

/// Waits until no more requests will be sent.
async fn leaving(writer: &mut JoinHandle<()>, closing: &mut watch::Receiver<bool>) {
    tokio::select! {
        _ = writer => {}
        _ = closing.wait_for(|closing| *closing) => {}
    }
}
