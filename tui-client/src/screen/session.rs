//! One session on the network's thread: calls go out, answers and notices go to the screen in the
//! order in which the server sent them.

use futures_util::StreamExt as _;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use topside_shared::ErrorKind;
use topside_shared::methods::{CommandsList, EventsSubscribe, RunCancel, Topic};

use crate::app::{Call, Event, Msg, RunRefused};
use crate::net::{CallError, Event as Told, Handle, Session};

/// Calls that wait; a person makes few.
const CALLS: usize = 64;

/// A session, seen from the thread's desk.
pub(super) struct Line {
    calls: mpsc::Sender<Call>,
    handle: Handle,
    task: JoinHandle<()>,
}

impl Line {
    /// Asks something; the answer goes to the screen.
    pub(super) fn call(&self, call: Call) {
        // Only a session that has ended takes no calls, and the screen is told of that anyway.
        let _ = self.calls.try_send(call);
    }

    /// Closes the session and waits for its end.
    pub(super) async fn hang_up(self) {
        self.handle.close();
        let _ = self.task.await;
    }
}

/// Runs a session until it ends.
pub(super) fn serve(id: u64, session: Session, tell: mpsc::Sender<Msg>) -> Line {
    let (calls, taken) = mpsc::channel(CALLS);
    let handle = session.handle.clone();
    let task = tokio::spawn(turn(id, session, taken, tell));
    Line { calls, handle, task }
}

async fn turn(
    id: u64,
    session: Session,
    mut orders: mpsc::Receiver<Call>,
    tell: mpsc::Sender<Msg>,
) {
    let Session { handle, mut events, .. } = session;
    let mut answers: FuturesUnordered<BoxFuture<'static, Option<Event>>> = FuturesUnordered::new();
    let say = async |event: Event| tell.send(Msg::Session { session: id, event }).await.is_ok();
    let mut open = true;
    let lost = 'turn: loop {
        tokio::select! {
            told = events.next() => match told {
                Told::Notice(notice) => {
                    if !say(Event::Notice(Box::new(notice))).await {
                        return;
                    }
                }
                Told::Lost(reason) => break reason,
            },
            order = orders.recv(), if open => match order {
                Some(call) => answers.push(Box::pin(answer(handle.clone(), call))),
                None => open = false,
            },
            Some(answer) = answers.next(), if !answers.is_empty() => {
                // What the server told before this answer comes before it.
                let mut ended = None;
                while let Some(told) = events.try_next() {
                    match told {
                        Told::Notice(notice) => {
                            say(Event::Notice(Box::new(notice))).await;
                        }
                        Told::Lost(reason) => ended = Some(reason),
                    }
                }
                if let Some(event) = answer {
                    say(event).await;
                }
                if let Some(reason) = ended {
                    break 'turn reason;
                }
            }
        }
    };
    // Every call is answered, if only by the loss.
    while let Some(answer) = answers.next().await {
        if let Some(event) = answer {
            say(event).await;
        }
    }
    say(Event::Lost(lost)).await;
}

/// One call and its answer, as the screen takes it.
async fn answer(handle: Handle, call: Call) -> Option<Event> {
    Some(match call {
        Call::Menu => {
            Event::Menu(handle.call(&CommandsList::default()).await.map_err(|e| words(&e)))
        }
        Call::Subscribe => {
            let params = EventsSubscribe { topics: vec![Topic::Clients] };
            Event::Subscribed(handle.call(&params).await.map_err(|e| words(&e)))
        }
        Call::Run { block, run } => {
            let result = match handle.call(&run).await {
                Ok(result) => Ok(Box::new(result)),
                Err(CallError::Lost) => Err(RunRefused::Lost),
                Err(CallError::Refused(error)) => {
                    Err(RunRefused::Refused { kind: error.kind(), message: error.message })
                }
                Err(error @ CallError::TooLong { .. }) => {
                    Err(RunRefused::Refused { kind: ErrorKind::TooLarge, message: words(&error) })
                }
                Err(error @ CallError::Unreadable { .. }) => {
                    Err(RunRefused::Refused { kind: ErrorKind::Unknown, message: words(&error) })
                }
            };
            Event::Ran { block, result }
        }
        // Its end is the run's own answer.
        Call::Cancel(run_id) => match handle.call(&RunCancel { run_id }).await {
            Ok(_) | Err(CallError::Lost) => return None,
            Err(error) => Event::CancelRefused(words(&error)),
        },
    })
}

fn words(error: &CallError) -> String {
    error.to_string()
}
