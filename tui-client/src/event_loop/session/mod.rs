//! One session on the network's thread: calls go out, answers and notices go to the screen in the
//! order in which the server sent them.

use std::collections::HashMap;

use serde_json::Value;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use topside_shared::methods::{
    Broadcast, BroadcastResult, ClientKick, ClientsList, CommandRun, CommandsList, EventsSubscribe,
    EventsUnsubscribe, KeyInvite, KeyInviteResult, KeyRevoke, KeysList, LogTail, Menu, MenuPages,
    RunAttach, RunCancel, RunInput, RunResult, RunsList, ServerReload, ServerShutdownCancel,
    ServerStatus, Topic,
};
use topside_shared::records::ClientRow;
use topside_shared::{ClientId, ErrorKind, Pin, RunId};

use crate::app::server::create_invite::CreatedInvite;
use crate::app::server::log;
use crate::app::server::reload::{FileMistake, NotReloaded};
use crate::app::{Call, Event, Msg, RunRefused};
use crate::connect::{Answer, CallError, Event as Told, Handle, Session, read_answer, take_page};
use crate::text::secret::Secret;

/// Calls that wait; a person makes few.
const CALLS: usize = 64;

/// A session, seen from the thread's desk.
pub(super) struct SessionTask {
    calls: mpsc::Sender<Call>,
    handle: Handle,
    task: JoinHandle<()>,
}

impl SessionTask {
    /// Asks something; the answer goes to the screen. What cannot be taken is answered by what this
    /// returns.
    pub(super) fn call(&self, call: Call) -> Option<Event> {
        match self.calls.try_send(call) {
            Ok(()) => None,
            Err(mpsc::error::TrySendError::Full(call)) => {
                PendingCall::of(&call).answered(Err(CallError::Busy))
            }
            // The screen is told of the end anyway.
            Err(mpsc::error::TrySendError::Closed(_)) => None,
        }
    }

    /// Whether it is over, and the screen has been told.
    pub(super) fn is_over(&self) -> bool {
        self.task.is_finished()
    }

    /// Closes the session and waits for its end.
    pub(super) async fn hang_up(self) {
        self.handle.close();
        let _ = self.task.await;
    }
}

/// Runs a session until it ends.
pub(super) fn serve(id: u64, session: Session, tell: mpsc::Sender<Msg>) -> SessionTask {
    let (calls, taken) = mpsc::channel(CALLS);
    let handle = session.handle.clone();
    let task = tokio::spawn(async move {
        // The user closed this session: no message is needed.
        let _ = turn(id, session, taken, tell).await;
    });
    SessionTask { calls, handle, task }
}

/// The screen takes no messages any more.
struct NobodyListens;

async fn turn(
    id: u64,
    session: Session,
    mut orders: mpsc::Receiver<Call>,
    tell: mpsc::Sender<Msg>,
) -> Result<(), NobodyListens> {
    let Session { handle, mut events, .. } = session;
    let say = async |event: Option<Event>| match event {
        Some(event) => {
            let told = tell.send(Msg::Session { session: id, event }).await;
            told.map_err(|_| NobodyListens)
        }
        None => Ok(()),
    };
    let mut asked: HashMap<u64, PendingCall> = HashMap::new();
    let mut open = true;
    let lost = loop {
        tokio::select! {
            told = events.next() => match told {
                Told::Notice(notice) => say(Some(Event::Notice(Box::new(notice)))).await?,
                Told::Answer { id, result } => match asked.remove(&id) {
                    Some(PendingCall::Menu(pages)) => match menu_page(&handle, pages, result) {
                        Page::Next(id, pages) => drop(asked.insert(id, PendingCall::Menu(pages))),
                        Page::Last(menu) => say(Some(Event::Menu(menu.map_err(words)))).await?,
                    },
                    Some(asked) => say(asked.answered(Ok(result))).await?,
                    None => {}
                },
                Told::Lost(reason) => break reason,
            },
            order = orders.recv(), if open => match order {
                Some(call) => match ask(&handle, &call) {
                    Ok(id) => drop(asked.insert(id, PendingCall::of(&call))),
                    Err(error) => say(PendingCall::of(&call).answered(Err(error))).await?,
                },
                None => open = false,
            },
        }
    };
    // Every call is answered, if only by the loss.
    for asked in asked.into_values() {
        say(asked.answered(Err(CallError::Lost))).await?;
    }
    say(Some(Event::Lost(lost))).await
}

/// Sends one call, and gives the number that its answer will have.
fn ask(handle: &Handle, call: &Call) -> Result<u64, CallError> {
    match call {
        Call::Menu => handle.ask(&CommandsList::default()),
        Call::Subscribe => handle
            .ask(&EventsSubscribe { topics: vec![Topic::Clients, Topic::Runs, Topic::Server] }),
        Call::LogTail => handle.ask(&LogTail { lines: Some(log::TAIL), ..LogTail::default() }),
        Call::LogSubscribe => handle.ask(&EventsSubscribe { topics: vec![Topic::Log] }),
        Call::Unsubscribe(id) => handle.ask(&EventsUnsubscribe { subscription_id: *id }),
        Call::Run { run, .. } => handle.ask(run),
        Call::Attach { run, from, .. } => handle.ask(&RunAttach { run_id: *run, from: *from }),
        Call::Runs { before } => handle.ask(&RunsList { before: *before, ..RunsList::default() }),
        Call::Status => handle.ask(&ServerStatus {}),
        // A page of one, from the number before it.
        Call::Client(id) => {
            let after = ClientId(id.0.saturating_sub(1));
            handle.ask(&ClientsList { after: Some(after), limit: Some(1) })
        }
        Call::Keys => handle.ask(&KeysList {}),
        Call::Invite(wanted) => handle.ask(wanted),
        Call::Reload => handle.ask(&ServerReload {}),
        Call::Revoke(key_id) => handle.ask(&KeyRevoke { key_id: *key_id }),
        Call::Broadcast(broadcast) => handle.ask(broadcast),
        Call::Kick(kick) => handle.ask(kick),
        Call::CancelShutdown => handle.ask(&ServerShutdownCancel {}),
        Call::Cancel(run_id) => handle.ask(&RunCancel { run_id: *run_id }),
        Call::Input { run, data } => {
            let (data, eof) = (data.clone(), data.is_none());
            handle.ask(&RunInput { run_id: *run, data, base64: None, eof })
        }
    }
}

/// What became of a page of the menu.
enum Page {
    /// The next one is asked for, by this number.
    Next(u64, MenuPages),
    /// The menu is whole, or there is none.
    Last(Result<Menu, CallError>),
}

/// Takes a page of the menu, and asks for the next one.
fn menu_page(handle: &Handle, mut pages: MenuPages, answer: Answer) -> Page {
    match take_page(&mut pages, answer) {
        Ok(Some(menu)) => Page::Last(Ok(menu)),
        Ok(None) => match handle.ask(&pages.request()) {
            Ok(id) => Page::Next(id, pages),
            Err(error) => Page::Last(Err(error)),
        },
        Err(error) => Page::Last(Err(error)),
    }
}

/// What an answer answers.
#[derive(Debug)]
enum PendingCall {
    /// The menu, with its pages so far.
    Menu(MenuPages),
    Subscribe,
    LogTail,
    LogSubscribe,
    Unsubscribe,
    Run {
        block: u64,
    },
    Attach {
        block: u64,
    },
    Runs {
        before: Option<RunId>,
    },
    Status,
    Client(ClientId),
    Keys,
    Invite,
    Reload,
    Revoke(Pin),
    Broadcast,
    Kick(ClientId),
    CancelShutdown,
    Cancel(RunId),
    Input {
        run: RunId,
    },
}

impl PendingCall {
    fn of(call: &Call) -> Self {
        match call {
            Call::Menu => Self::Menu(MenuPages::default()),
            Call::Subscribe => Self::Subscribe,
            Call::LogTail => Self::LogTail,
            Call::LogSubscribe => Self::LogSubscribe,
            Call::Unsubscribe(_) => Self::Unsubscribe,
            Call::Run { block, .. } => Self::Run { block: *block },
            Call::Attach { block, .. } => Self::Attach { block: *block },
            Call::Runs { before } => Self::Runs { before: *before },
            Call::Status => Self::Status,
            Call::Client(id) => Self::Client(*id),
            Call::Keys => Self::Keys,
            Call::Invite(_) => Self::Invite,
            Call::Reload => Self::Reload,
            Call::Revoke(key) => Self::Revoke(*key),
            Call::Broadcast(_) => Self::Broadcast,
            Call::Kick(kick) => Self::Kick(kick.client_id),
            Call::CancelShutdown => Self::CancelShutdown,
            Call::Cancel(run) => Self::Cancel(*run),
            Call::Input { run, .. } => Self::Input { run: *run },
        }
    }

    /// The answer, or why there is none, as the screen takes it.
    fn answered(self, answer: Result<Answer, CallError>) -> Option<Event> {
        Some(match self {
            Self::Menu(_) => {
                Event::Menu(answer.and_then(read_answer::<CommandsList>).map_err(words))
            }
            Self::Subscribe => {
                Event::Subscribed(answer.and_then(read_answer::<EventsSubscribe>).map_err(words))
            }
            Self::LogTail => Event::LogTail(answer.and_then(read_answer::<LogTail>).map_err(words)),
            Self::LogSubscribe => {
                let begun = answer.and_then(read_answer::<EventsSubscribe>);
                Event::LogSubscribed(begun.map_err(words))
            }
            // A list that is not told any more needs no goodbye.
            Self::Unsubscribe => return None,
            Self::Run { block } => {
                let result = answer.and_then(read_answer::<CommandRun>).map(Box::new);
                Event::Ran { block, result: result.map_err(refused) }
            }
            Self::Attach { block } => {
                let result = answer.and_then(read_answer::<RunAttach>).map(|row| {
                    Box::new(RunResult { row, output: None, output_base64: None, truncated: None })
                });
                Event::Ran { block, result: result.map_err(refused) }
            }
            Self::Runs { before } => {
                let result = answer.and_then(read_answer::<RunsList>).map_err(words);
                Event::Runs { before, result }
            }
            Self::Status => {
                let status = answer.and_then(read_answer::<ServerStatus>);
                Event::Status(status.map(Box::new).map_err(words))
            }
            Self::Client(id) => {
                let page = answer.and_then(read_answer::<ClientsList>).map_err(words);
                let one = |row: &ClientRow| row.client_id == id;
                let result = page.map(|page| page.clients.into_iter().find(one));
                Event::Client { id, result }
            }
            Self::Keys => Event::Keys(answer.and_then(read_answer::<KeysList>).map_err(words)),
            Self::Invite => {
                let handed = |KeyInviteResult { invite, key }| {
                    Box::new(CreatedInvite { invite: Secret(invite), key })
                };
                let result = answer.and_then(read_answer::<KeyInvite>).map(handed);
                Event::Invited(result.map_err(words))
            }
            Self::Reload => {
                let result = answer.and_then(read_answer::<ServerReload>);
                Event::Reloaded(result.map_err(not_reloaded))
            }
            Self::Revoke(key) => {
                let result = answer.and_then(read_answer::<KeyRevoke>);
                Event::Revoked { key, result: result.map(drop).map_err(words) }
            }
            Self::Broadcast => {
                let sent = answer.and_then(read_answer::<Broadcast>);
                Event::Administered(sent.map(BroadcastResult::sentence).map_err(words))
            }
            Self::Kick(id) => {
                let kicked = answer.and_then(read_answer::<ClientKick>);
                let done = |_| format!("{id} was disconnected");
                Event::Administered(kicked.map(done).map_err(words))
            }
            Self::CancelShutdown => {
                let cancelled = answer.and_then(read_answer::<ServerShutdownCancel>);
                let done = |_| "the shutdown is called off".to_owned();
                Event::Administered(cancelled.map(done).map_err(words))
            }
            Self::Input { run } => {
                let result = answer.and_then(read_answer::<RunInput>);
                Event::InputTaken { run, result: result.map(drop).map_err(words) }
            }
            // Its end is the run's own answer.
            Self::Cancel(run) => match answer.and_then(read_answer::<RunCancel>) {
                Ok(_) | Err(CallError::Lost) => return None,
                Err(error) => Event::CancelRefused { run, why: words(error) },
            },
        })
    }
}

/// The sentence, and the mistakes in the files with their places.
fn not_reloaded(error: CallError) -> NotReloaded {
    let told = match &error {
        CallError::Refused(error) => error.data.more.get("mistakes").and_then(Value::as_array),
        _ => None,
    };
    let mistake = |told: &Value| {
        let file = told["file"].as_str()?;
        let place = ["line", "column"].map(|name| told[name].as_u64().map(|n| format!(":{n}")));
        let at =
            place.into_iter().map_while(|number| number).fold(file.to_owned(), |at, n| at + &n);
        Some(FileMistake { at, message: told["message"].as_str()?.to_owned() })
    };
    let mistakes = told.into_iter().flatten().filter_map(mistake).collect();
    NotReloaded { why: words(error), mistakes }
}

fn refused(error: CallError) -> RunRefused {
    let kind = match &error {
        CallError::Lost => return RunRefused::Lost,
        CallError::Refused(error) => error.kind(),
        CallError::TooLong { .. } => ErrorKind::TooLarge,
        CallError::Busy => ErrorKind::Busy,
        CallError::Unreadable { .. } => ErrorKind::Unknown,
    };
    RunRefused::Refused { kind, message: words(error) }
}

#[allow(clippy::needless_pass_by_value)]
fn words(error: CallError) -> String {
    error.to_string()
}

#[cfg(test)]
mod tests;
