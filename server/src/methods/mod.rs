//! Methods: from a request to its answer. Each handler is a function of the caller and the parameters.

mod approvals;
mod clients;
mod commands;
mod files;
mod keys;
mod log;
mod notify;
mod page_limits;
mod runs;
mod schedules;
mod server;
mod session;
mod workers;

use crate::authorize::{Action, authorize};
use crate::base::limit::Limit;
use crate::clients::Client;
use crate::server::Server;

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use serde_json::value::RawValue;
use tokio_util::sync::DropGuard;
use topside_shared::envelope::{self, Rejection, Request};
use topside_shared::frame::MAX_LINE_OUT;
use topside_shared::methods::{Call, Method};
use topside_shared::text::{MAX_NAME, did_you_mean, nearest, quote};
use topside_shared::{ErrorKind, RpcError, SubscriptionId};

#[derive(Clone)]
pub(crate) struct Caller {
    pub(crate) server: Arc<Server>,
    pub(crate) client: Arc<Client>,
}

impl Caller {
    /// Checks whether the caller may call a method now.
    fn may(&self, method: Method) -> Result<(), RpcError> {
        if self.client.outbox.is_ending() {
            return Err(RpcError::new(ErrorKind::Forbidden, "this session has ended"));
        }
        authorize(&self.client.who(), Action::Call(method))
    }
}

/// Actions after an answer was put into the outbox.
pub(crate) enum After {
    /// Send this line.
    Send(Bytes),
    /// Send these lines, then the events of the subscription.
    Release(SubscriptionId, Vec<Bytes>),
    /// Run this as a request in flight.
    Follow(Pin<Box<dyn Future<Output = ()> + Send>>),
    /// Drop this: its cancellation reports that the answer is in the outbox.
    Answered(DropGuard),
    /// Take no more requests; this answer goes last.
    Close,
}

/// The line that answers a request, if it has one, and what follows it.
pub(crate) type Response = (Option<Vec<u8>>, Vec<After>);

/// How far a request or a batch has come.
pub(crate) enum Progress {
    Done(Response),
    /// Its ids are in flight, and its future must be polled.
    Waiting {
        ids: Vec<Box<str>>,
        future: Pin<Box<dyn Future<Output = Response> + Send>>,
    },
}

pub(crate) struct InFlight<'s> {
    /// Ids that are not answered yet.
    pub(crate) ids: &'s mut Vec<Box<str>>,
    /// How many lines wait for their answers.
    pub(crate) waiting: usize,
}

struct Answered<A> {
    answer: A,
    after: Vec<After>,
}

impl<A> From<A> for Answered<A> {
    fn from(answer: A) -> Self {
        Self { answer, after: Vec::new() }
    }
}

/// The line that answers with the result; none for a notification.
type HandlerResult = Result<Response, RpcError>;
type HandlerFuture = Pin<Box<dyn Future<Output = HandlerResult> + Send>>;

/// Whether a request may stream; nothing in a batch does.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Streaming {
    Allowed,
    No,
}

/// Starts one request, and polls it once.
pub(crate) fn one(
    caller: &Caller,
    item: Result<Request<'_>, Rejection<'_>>,
    in_flight: &mut InFlight<'_>,
    cx: &mut Context<'_>,
) -> Progress {
    let mut item = begin(caller, item, Streaming::Allowed, in_flight);
    let result = match item.handler {
        Err(error) => Err(error),
        Ok(mut handler) => match handler.as_mut().poll(cx) {
            Poll::Ready(result) => result,
            Poll::Pending => {
                item.handler = Ok(handler);
                let ids: Vec<Box<str>> = item.id.iter().cloned().collect();
                in_flight.ids.extend(ids.iter().cloned());
                let caller = caller.clone();
                return Progress::Waiting {
                    ids,
                    future: Box::pin(async move { item.finish(&caller).await }),
                };
            }
        },
    };
    Progress::Done(answer(caller, item.id.as_deref(), item.answered, result))
}

/// Starts a batch: its items in order, answered by one line.
pub(crate) fn batch(
    caller: &Caller,
    items: Vec<Result<Request<'_>, Rejection<'_>>>,
    in_flight: &mut InFlight<'_>,
) -> Progress {
    let mut ids = Vec::new();
    let items: Vec<Item> = items
        .into_iter()
        .map(|item| {
            let item = begin(caller, item, Streaming::No, in_flight);
            if item.holds
                && let Some(id) = &item.id
            {
                in_flight.ids.push(id.clone());
                ids.push(id.clone());
            }
            item
        })
        .collect();
    let caller = caller.clone();
    let future = Box::pin(async move {
        let mut line = Vec::new();
        let mut after = Vec::new();
        // Room for the refusals of the later items.
        let mut reserved: usize = items.iter().map(Item::least_room).sum();
        for item in items {
            reserved -= item.least_room();
            let id = item.id.clone();
            let (answer, follows) = item.finish(&caller).await;
            after.extend(follows);
            let Some(mut answer) = answer else { continue };
            // A comma or bracket before it, the closing bracket and the line ending after the last.
            if line.len() + answer.len() + 3 + reserved > MAX_LINE_OUT {
                answer = refuse(&caller, id.as_deref(), &too_large());
            }
            line.push(if line.is_empty() { b'[' } else { b',' });
            line.extend_from_slice(&answer);
        }
        if line.is_empty() {
            return (None, after);
        }
        line.push(b']');
        (Some(line), after)
    });
    Progress::Waiting { ids, future }
}

/// Bytes that an item of a batch takes to say that its answer does not fit, beside its id.
const ITEM_ROOM: usize = 256;

struct Item {
    /// Its id; none for a notification, or if the answer has the id null.
    id: Option<Box<str>>,
    answered: bool,
    /// Whether its id is taken until it is answered; a line that was no request takes none.
    holds: bool,
    handler: Result<HandlerFuture, RpcError>,
}

fn begin(
    caller: &Caller,
    item: Result<Request<'_>, Rejection<'_>>,
    streaming: Streaming,
    in_flight: &InFlight<'_>,
) -> Item {
    caller.server.counters.request();
    let request = match item {
        Ok(request) => request,
        Err(Rejection { id, error, notification }) => {
            let id = id.map(Into::into);
            return Item { id, answered: !notification, holds: false, handler: Err(error) };
        }
    };
    let Some(id) = request.id else {
        let handler = dispatch(caller, &request, streaming, in_flight.waiting);
        return Item { id: None, answered: false, holds: false, handler };
    };
    if in_flight.ids.iter().any(|known| &**known == id) {
        let message = format_args!("the id {} is in flight already", quote(id, MAX_NAME));
        let error = RpcError::new(ErrorKind::InvalidRequest, message);
        return Item { id: None, answered: true, holds: false, handler: Err(error) };
    }
    let handler = dispatch(caller, &request, streaming, in_flight.waiting);
    Item { id: Some(id.into()), answered: true, holds: true, handler }
}

impl Item {
    /// Bytes that its answer takes at least, in a batch.
    fn least_room(&self) -> usize {
        ITEM_ROOM + self.id.as_deref().map_or(0, str::len)
    }

    async fn finish(self, caller: &Caller) -> Response {
        let result = match self.handler {
            Ok(handler) => handler.await,
            Err(error) => Err(error),
        };
        answer(caller, self.id.as_deref(), self.answered, result)
    }
}

/// The line that answers a request. A notification is never answered.
fn answer(caller: &Caller, id: Option<&str>, answered: bool, result: HandlerResult) -> Response {
    match result {
        Ok((Some(line), after)) if line.len() >= MAX_LINE_OUT => {
            (Some(refuse(caller, id, &too_large())), after)
        }
        Ok(response) => response,
        Err(_) if !answered => (None, Vec::new()),
        Err(error) => (Some(refuse(caller, id, &error)), Vec::new()),
    }
}

/// The line that answers with an error, which is logged and counted.
pub(crate) fn refuse(caller: &Caller, id: Option<&str>, error: &RpcError) -> Vec<u8> {
    let more = &error.data.more;
    let limit = more.get("limit").and_then(serde_json::Value::as_str).and_then(Limit::from_name);
    let limit = limit.or_else(|| more.contains_key("lock").then_some(Limit::Lock));
    let kind = error.kind();
    // Without the sentence: it may quote an argument.
    tracing::debug!(
        target: "topside", client = caller.client.id.0, kind = kind.name(), limit = limit.map(Limit::name),
        "request refused"
    );
    caller.server.counters.refused(kind);
    // A limit is counted by its name too: an admin can change it.
    if let Some(limit) = limit {
        caller.server.counters.limited(limit);
    }
    envelope::error(id, error)
}

fn too_large() -> RpcError {
    let message = format_args!("the answer does not fit in {MAX_LINE_OUT} bytes: ask for less");
    RpcError::new(ErrorKind::TooLarge, message)
}

/// Limits how many requests of a client follow runs: each waits as long as its run and holds some output. Other requests
/// are bounded by other limits, or done soon.
fn may_follow(caller: &Caller, waiting: usize) -> Result<(), RpcError> {
    let most = caller.server.now().config.limits.max_waiting;
    if waiting < most {
        return Ok(());
    }
    let why = format_args!(
        "{most} requests of this session wait for their answers already, which is the limit: wait for one of \
         them, or cancel its run"
    );
    let error = RpcError::new(ErrorKind::Busy, why);
    Err(error.with("limit", Limit::MaxWaiting).with("most", most as u64))
}

/// Checks the caller's rights and calls the handler of the method.
fn dispatch(
    caller: &Caller,
    request: &Request<'_>,
    streaming: Streaming,
    waiting: usize,
) -> Result<HandlerFuture, RpcError> {
    let Some(method) = Method::from_name(&request.method) else {
        let shown = quote(&request.method, MAX_NAME);
        let near = nearest(&request.method, Method::ALL.iter().map(|method| method.name()));
        let message = format_args!("there is no method `{shown}`{}", did_you_mean(&near));
        return Err(RpcError::new(ErrorKind::UnknownMethod, message));
    };
    // Reading the log adds no line to it.
    if method != Method::LogTail {
        tracing::trace!(
            target: "topside", client = caller.client.id.0, method = method.name(), "request"
        );
    }
    if method == Method::RunAttach {
        may_follow(caller, waiting)?;
    }
    // A program asks these by itself, so they do not make a client active.
    if !matches!(method, Method::Ping | Method::ServerStatus) {
        caller.client.touch();
    }
    // A probe, such as that of the picker, leaves no line in the log.
    if !matches!(method, Method::Initialize | Method::Ping | Method::SessionClose) {
        caller.client.log(&caller.server.audit);
    }
    authorize(&caller.client.who(), Action::Call(method))?;
    let handler = match method {
        Method::Initialize => call_handler(caller, request, session::initialize),
        Method::Ping => call_handler(caller, request, session::ping),
        Method::SessionClose => call_handler(caller, request, session::close),
        Method::EventsSubscribe => call_handler(caller, request, session::subscribe),
        Method::EventsUnsubscribe => call_handler(caller, request, session::unsubscribe),
        Method::CommandsList => call_handler(caller, request, commands::list),
        Method::CommandChoices => call_handler(caller, request, commands::choices),
        Method::CommandRun => {
            // Text that was read as JSON.
            let id = request.id.and_then(|id| RawValue::from_string(id.to_owned()).ok());
            call_handler(caller, request, move |caller, params| {
                commands::run(caller, params, streaming, id)
            })
        }
        Method::RunAttach => call_handler(caller, request, move |caller, params| {
            runs::attach(caller, params, streaming)
        }),
        Method::RunCancel => call_handler(caller, request, runs::cancel),
        Method::RunInput => call_handler(caller, request, runs::input),
        Method::RunsList => call_handler(caller, request, runs::list),
        Method::RunFile => call_handler(caller, request, files::read_result),
        Method::FileOpen => call_handler(caller, request, files::open),
        Method::FileWrite => call_handler(caller, request, files::write),
        Method::FileClose => call_handler(caller, request, files::close),
        Method::ClientsList => call_handler(caller, request, clients::list),
        Method::LogTail => call_handler(caller, request, log::tail),
        Method::LogRotate => call_handler(caller, request, log::rotate),
        Method::NotifyTest => call_handler(caller, request, notify::test),
        Method::KeyInvite => call_handler(caller, request, keys::make_invite),
        Method::KeyEnrol => call_handler(caller, request, keys::enrol),
        Method::KeysList => call_handler(caller, request, keys::list),
        Method::KeyRevoke => call_handler(caller, request, keys::revoke),
        Method::Broadcast => call_handler(caller, request, clients::broadcast),
        Method::ClientKick => call_handler(caller, request, clients::disconnect),
        Method::ServerStatus => call_handler(caller, request, server::status),
        Method::ServerReload => call_handler(caller, request, server::reload),
        Method::ServerShutdown => call_handler(caller, request, server::shutdown),
        Method::ServerShutdownCancel => call_handler(caller, request, server::cancel_shutdown),
        Method::SchedulesList => call_handler(caller, request, schedules::list),
        Method::SchedulePause => call_handler(caller, request, schedules::pause),
        Method::ScheduleResume => call_handler(caller, request, schedules::resume),
        Method::ScheduleRun => call_handler(caller, request, schedules::run),
        Method::SchedulePlan => call_handler(caller, request, schedules::plan),
        Method::ApprovalsList => call_handler(caller, request, approvals::list),
        Method::ApprovalDecide => call_handler(caller, request, approvals::decide),
        Method::WorkerRestart => call_handler(caller, request, workers::restart),
        Method::ScheduleSet => call_handler(caller, request, schedules::set),
    }?;
    Ok(match streaming {
        Streaming::Allowed => handler,
        // An item of a batch waits for those before it, and its key may lose its rights meanwhile.
        Streaming::No => {
            let caller = caller.clone();
            Box::pin(async move {
                caller.may(method)?;
                handler.await
            })
        }
    })
}

/// Reads the parameters, calls the handler and writes its answer into a line.
fn call_handler<P, F, Fut, A>(
    caller: &Caller,
    request: &Request<'_>,
    handler: F,
) -> Result<HandlerFuture, RpcError>
where
    P: Call + Send + 'static,
    F: FnOnce(Caller, P) -> Fut,
    Fut: Future<Output = Result<A, RpcError>> + Send + 'static,
    A: Into<Answered<P::Answer>> + 'static,
{
    let params: P = request.params()?;
    let handling = handler(caller.clone(), params);
    let id: Option<Box<str>> = request.id.map(Into::into);
    Ok(Box::pin(async move {
        let Answered { answer, after } = handling.await?.into();
        Ok((id.map(|id| envelope::result(&id, &answer)), after))
    }))
}
