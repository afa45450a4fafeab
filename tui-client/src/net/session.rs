//! One live session: requests out, answers back to whoever asked, the rest into the events.

use std::collections::HashMap;
use std::io;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::value::RawValue;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout_at};
use topside_shared::RpcError;
use topside_shared::envelope::{self, FromServer};
use topside_shared::frame::{Lines, MAX_LINE_IN, MAX_LINE_OUT};
use topside_shared::methods::{Call, Ping};
use topside_shared::notices::{Notice, SessionEnded};
use topside_shared::text::clean;

use super::events::{Event, Events, Queue};
use super::lost::LostReason;
use super::pace::Pace;
use super::tls;

/// Silence after which `ping` is sent, and silence after that which means a dead link.
pub(crate) const SILENCE: Duration = Duration::from_secs(20);
/// How long the server may take to close once no more is sent.
const GRACE: Duration = Duration::from_secs(1);
/// How long the reader pauses between two reads while output is held back.
const TRICKLE: Duration = Duration::from_secs(3);
/// Requests that wait for the writer; the next one waits for room.
const QUEUED_LINES: usize = 64;
/// Most bytes of waiting requests in one write.
const WRITE_AT_ONCE: usize = 64 * 1024;

/// Asks the server; cheap to clone. When the last handle and the events are gone, so is the session.
#[derive(Debug, Clone)]
pub struct Handle {
    lines: mpsc::Sender<Vec<u8>>,
    shared: Arc<Shared>,
}

/// Why a call has no answer.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// The server said no, in a sentence.
    #[error("{0}")]
    Refused(#[from] RpcError),
    /// The session ended first; the events say why. Whether the server did it is not known.
    #[error("the session ended before the answer came")]
    Lost,
    /// The request is too long for this server; it was not sent.
    #[error("this request is {length} bytes long; the server takes at most {max}")]
    TooLong {
        /// Its length in bytes.
        length: usize,
        /// The server's limit.
        max: usize,
    },
    /// So much waits to be sent that no more is taken; it was not sent.
    #[error("the connection is busy: nothing was sent; try again in a moment")]
    Busy,
    /// The answer is not what this method answers.
    #[error("the server's answer to {method} cannot be read")]
    Unreadable {
        /// The method asked for.
        method: &'static str,
        /// What the reader found.
        source: serde_json::Error,
    },
}

/// An answer as it came.
pub type Answer = Result<Box<RawValue>, RpcError>;

/// Reads what came as the answer to a call of this kind.
///
/// # Errors
/// [`CallError`]: the refusal it is, or that it cannot be read.
pub fn read_answer<C: Call>(answer: Answer) -> Result<C::Answer, CallError> {
    let method = C::METHOD.name();
    serde_json::from_str(answer?.get()).map_err(|source| CallError::Unreadable { method, source })
}

/// Who waits for an answer.
#[derive(Debug)]
enum Waiter {
    /// One future, woken when it comes.
    Call(oneshot::Sender<Answer>),
    /// Whoever takes the events: the answer has its place among them.
    Events,
}

/// What handles and reader share. The mutex is held for one map operation, never across an await.
#[derive(Debug)]
struct Shared {
    next_id: AtomicU64,
    max_line: AtomicUsize,
    /// Who waits for which answer; `None` once the session is over.
    pending: Mutex<Option<HashMap<u64, Waiter>>>,
    closing: watch::Sender<bool>,
}

impl Shared {
    fn pending(&self) -> MutexGuard<'_, Option<HashMap<u64, Waiter>>> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn id(&self) -> u64 {
        self.next_id.fetch_add(1, Ordering::Relaxed)
    }
}

/// Forgets a call whose future was dropped; its answer is then nobody's.
struct Waiting<'s> {
    id: u64,
    shared: &'s Shared,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        if let Some(pending) = self.shared.pending().as_mut() {
            pending.remove(&self.id);
        }
    }
}

impl Handle {
    /// Asks, and waits for the answer. Calls made side by side are answered as they finish. Dropping
    /// the future does not undo what was asked.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn call<C: Call>(&self, params: &C) -> Result<C::Answer, CallError> {
        let (sender, answer) = oneshot::channel();
        let (id, line) = self.prepare(params, Waiter::Call(sender))?;
        let _waiting = Waiting { id, shared: &self.shared };
        if *self.shared.closing.borrow() || self.lines.send(line).await.is_err() {
            return Err(CallError::Lost);
        }
        read_answer::<C>(answer.await.map_err(|_| CallError::Lost)?)
    }

    /// Asks, and does not wait: the answer comes as [`Event::Answer`] with the
    /// number that this returns, after all that the server said before it and before all that it said
    /// later.
    ///
    /// # Errors
    /// [`CallError`], where nothing was sent.
    pub fn ask<C: Call>(&self, params: &C) -> Result<u64, CallError> {
        let (id, line) = self.prepare(params, Waiter::Events)?;
        let sent = match *self.shared.closing.borrow() {
            true => Err(CallError::Lost),
            false => self.lines.try_send(line).map_err(|error| match error {
                mpsc::error::TrySendError::Full(_) => CallError::Busy,
                mpsc::error::TrySendError::Closed(_) => CallError::Lost,
            }),
        };
        if sent.is_err() {
            drop(Waiting { id, shared: &self.shared });
        }
        sent.map(|()| id)
    }

    /// The line that asks, and a place for its answer.
    fn prepare<C: Call>(&self, params: &C, waiter: Waiter) -> Result<(u64, Vec<u8>), CallError> {
        let id = self.shared.id();
        let mut line = envelope::request(id, C::METHOD.name(), params);
        let max = self.shared.max_line.load(Ordering::Relaxed);
        if line.len() > max {
            return Err(CallError::TooLong { length: line.len(), max });
        }
        line.push(b'\n');
        self.shared.pending().as_mut().ok_or(CallError::Lost)?.insert(id, waiter);
        Ok((id, line))
    }

    /// Leaves: what was asked so far is still sent, then the connection is closed. The events end
    /// with [`LostReason::Left`].
    pub fn close(&self) {
        self.shared.closing.send_replace(true);
    }

    pub(super) fn set_max_line(&self, max: u64) {
        let max = usize::try_from(max).unwrap_or(usize::MAX);
        self.shared.max_line.store(max, Ordering::Relaxed);
    }
}

/// Starts the two tasks of a session on the caller's runtime.
pub(super) fn start<R, W>(read: R, write: W) -> (Handle, Events)
where
    R: AsyncRead + Send + Unpin + 'static,
    W: AsyncWrite + Send + Unpin + 'static,
{
    let (lines, waiting) = mpsc::channel(QUEUED_LINES);
    let shared = Arc::new(Shared {
        next_id: AtomicU64::new(1),
        max_line: AtomicUsize::new(MAX_LINE_IN),
        pending: Mutex::new(Some(HashMap::new())),
        closing: watch::channel(false).0,
    });
    let queue = Arc::new(Queue::new());
    let writer = tokio::spawn(write_all(write, waiting, shared.closing.subscribe()));
    let reader = Reader {
        shared: shared.clone(),
        queue: queue.clone(),
        lines: lines.downgrade(),
        ended: None,
        refused: None,
    };
    tokio::spawn(reader.run(read, writer));
    let handle = Handle { lines, shared };
    (handle.clone(), Events::new(queue, handle))
}

/// Writes requests as they come, those that wait together in one write, until the session is left or
/// nobody can ask any more; then says that no more will come.
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
            // What the server still had to say is read to its end.
            return;
        }
    }
    let _ = stream.shutdown().await;
}

/// Waits until no more will be sent.
async fn leaving(writer: &mut JoinHandle<()>, closing: &mut watch::Receiver<bool>) {
    tokio::select! {
        _ = writer => {}
        _ = closing.wait_for(|closing| *closing) => {}
    }
}

struct Reader {
    shared: Arc<Shared>,
    queue: Arc<Queue>,
    /// For `ping`; weak, so that the reader keeps no session alive that nobody uses.
    lines: mpsc::WeakSender<Vec<u8>>,
    ended: Option<SessionEnded>,
    refused: Option<RpcError>,
}

impl Reader {
    async fn run<R: AsyncRead + Unpin>(mut self, stream: R, mut writer: JoinHandle<()>) {
        let how = self.read_all(stream, &mut writer).await;
        writer.abort();
        let reason = self.reason(how);
        // Those who wait for answers first: once the events say `Lost`, no answer comes any more.
        *self.shared.pending() = None;
        self.queue.end(reason);
    }

    /// What is known best about the end.
    fn reason(&mut self, how: LostReason) -> LostReason {
        if *self.shared.closing.borrow() {
            return LostReason::Left;
        }
        match (self.ended.take(), self.refused.take(), how) {
            (Some(ended), _, _) => LostReason::Ended(ended),
            (None, Some(error), LostReason::Gone) => LostReason::Refused(error),
            (None, _, how) => how,
        }
    }

    async fn read_all<R: AsyncRead + Unpin>(
        &mut self,
        mut stream: R,
        writer: &mut JoinHandle<()>,
    ) -> LostReason {
        let mut lines = Lines::new(MAX_LINE_OUT);
        let mut buffer = vec![0; 64 * 1024];
        let mut pace = Pace::new();
        let mut heard = Instant::now();
        let mut pinged = false;
        let mut last_call: Option<Instant> = None;
        let mut closing = self.shared.closing.subscribe();
        loop {
            // Where output is held back, a little is read on: the server would take a reader that
            // does not move for a dead one.
            let _ = tokio::time::timeout(TRICKLE, self.queue.wait_for_room()).await;
            if !self.queue.holds_output() {
                pace.wait().await;
            }
            let silence = if pinged { SILENCE * 2 } else { SILENCE };
            let deadline = last_call.unwrap_or(heard + silence);
            let read = tokio::select! {
                read = timeout_at(deadline, stream.read(&mut buffer)) => read,
                // Nobody asks any more, or the session was left, perhaps while a write hangs.
                () = leaving(writer, &mut closing), if last_call.is_none() => {
                    last_call = Some(Instant::now() + GRACE);
                    continue;
                }
            };
            match read {
                Ok(Ok(0)) => return LostReason::Gone,
                Ok(Ok(count)) => {
                    heard = Instant::now();
                    pinged = false;
                    pace.spend(count);
                    let mut input = &buffer[..count];
                    while let Some(line) = lines.next(&mut input) {
                        let taken = line
                            .map_err(|error| LostReason::NotTopside(error.to_string()))
                            .and_then(|line| self.take(line));
                        if let Err(reason) = taken {
                            return reason;
                        }
                    }
                }
                Ok(Err(error)) => return broken(&error),
                Err(_) if last_call.is_some() => return LostReason::Gone,
                Err(_) if pinged => {
                    let ms = u64::try_from(heard.elapsed().as_millis()).unwrap_or(u64::MAX);
                    return LostReason::Silent { ms };
                }
                Err(_) => {
                    pinged = true;
                    self.ping();
                }
            }
        }
    }

    fn ping(&self) {
        let mut line = envelope::request(self.shared.id(), Ping::METHOD.name(), &Ping {});
        line.push(b'\n');
        // A full queue is not written either: the silence then says the same.
        if let Some(lines) = self.lines.upgrade() {
            let _ = lines.try_send(line);
        }
    }

    /// Takes one line of the server.
    fn take(&mut self, line: &[u8]) -> Result<(), LostReason> {
        let message = FromServer::parse(line).map_err(|error| {
            // The reader's words may quote what came.
            LostReason::NotTopside(format!(
                "a line cannot be read: {}",
                clean(&error.to_string(), 200)
            ))
        })?;
        match message {
            FromServer::Response { id: Some(id), result } => {
                let waiting = self.shared.pending().as_mut().and_then(|calls| calls.remove(&id));
                let result = result.map(ToOwned::to_owned);
                match waiting {
                    Some(Waiter::Call(waiting)) => {
                        // Whoever asked may have stopped waiting.
                        let _ = waiting.send(result);
                    }
                    Some(Waiter::Events) => {
                        let answer = Event::Answer { id, result };
                        self.queue
                            .push_other(answer, line.len())
                            .map_err(|_| LostReason::Overflow)?;
                    }
                    None => {}
                }
            }
            FromServer::Response { id: None, result } => self.refused = result.err(),
            FromServer::Notification { method, params } => {
                // What a newer server tells in a way that is not known here is passed over.
                if let Ok(Some(notice)) = Notice::parse(&method, params.get()) {
                    if let Notice::Ended(ended) = &notice {
                        self.ended = Some(ended.clone());
                    }
                    self.queue.push(notice, line.len()).map_err(|_| LostReason::Overflow)?;
                }
            }
        }
        Ok(())
    }
}

fn broken(error: &io::Error) -> LostReason {
    if let Some(refused) = tls::key_refused(error) {
        return LostReason::KeyRefused(refused);
    }
    use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, UnexpectedEof};
    match error.kind() {
        BrokenPipe | ConnectionAborted | ConnectionReset | UnexpectedEof => LostReason::Gone,
        _ => LostReason::Broken(error.to_string()),
    }
}
