//! One session on the network's thread: requests go out; answers and notifications go to the screen in the order in
//! which the server sent them.

use std::collections::HashMap;

use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::app::ask::{Ask, Reply};
use crate::app::{Event, Msg};
use crate::connect::{CallError, Event as SessionEvent, Handle, Session};

/// Requests that wait; a user makes few.
const WAITING: usize = 64;

pub(super) struct SessionTask {
    requests: mpsc::Sender<Ask>,
    handle: Handle,
    task: JoinHandle<()>,
}

impl SessionTask {
    /// Sends a request; its answer goes to the screen. Where too many wait, the answer is what this returns.
    pub(super) fn ask(&self, ask: Ask) -> Option<Reply> {
        match self.requests.try_send(ask) {
            // The screen learns of the end of a session anyway.
            Ok(()) | Err(mpsc::error::TrySendError::Closed(_)) => None,
            Err(mpsc::error::TrySendError::Full(ask)) => Some(ask.answer(Err(CallError::Busy))),
        }
    }

    pub(super) fn has_ended(&self) -> bool {
        self.task.is_finished()
    }

    pub(super) async fn hang_up(self) {
        self.handle.close();
        let _ = self.task.await;
    }
}

pub(super) fn serve(id: u64, session: Session, screen: mpsc::Sender<Msg>) -> SessionTask {
    let (requests, waiting) = mpsc::channel(WAITING);
    let handle = session.handle.clone();
    let task = tokio::spawn(async move {
        // The user closed this session: no message is needed.
        let _ = forward(id, session, waiting, screen).await;
    });
    SessionTask { requests, handle, task }
}

struct ScreenClosed;

async fn forward(
    id: u64,
    session: Session,
    mut requests: mpsc::Receiver<Ask>,
    screen: mpsc::Sender<Msg>,
) -> Result<(), ScreenClosed> {
    let Session { handle, mut events, .. } = session;
    let send = async |event: Event| {
        let sent = screen.send(Msg::Session { session: id, event }).await;
        sent.map_err(|_| ScreenClosed)
    };
    let mut pending: HashMap<u64, Ask> = HashMap::new();
    let mut open = true;
    let lost = loop {
        tokio::select! {
            event = events.next() => match event {
                SessionEvent::Notice(notice) => send(Event::Notice(Box::new(notice))).await?,
                SessionEvent::Answer { id, result } => {
                    if let Some(ask) = pending.remove(&id) {
                        let reply = ask.answer(result.map_err(CallError::Refused));
                        send(Event::Answer(reply)).await?;
                    }
                }
                SessionEvent::Lost(reason) => break reason,
            },
            ask = requests.recv(), if open => match ask {
                Some(ask) => match handle.ask(ask.method, &ask.params) {
                    Ok(id) => drop(pending.insert(id, ask)),
                    Err(error) => send(Event::Answer(ask.answer(Err(error)))).await?,
                },
                None => open = false,
            },
        }
    };
    // Every request is answered, if only by the loss.
    for ask in pending.into_values() {
        send(Event::Answer(ask.answer(Err(CallError::Lost)))).await?;
    }
    send(Event::Lost(lost)).await
}

#[cfg(test)]
mod tests;
