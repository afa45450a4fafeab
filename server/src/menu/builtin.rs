//! The `Builtin` trait: a command that the server answers itself. An answer is no run.

use std::fmt;
use std::future::Future;
use std::ops::Deref;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use serde_json::{Map, Value};
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;
use topside_shared::command::Command;
use topside_shared::methods::BuiltinAnswer;
use topside_shared::records::RunState;
use topside_shared::text;
use topside_shared::time::millis;

use crate::base::identity::Identity;
use crate::clients::Client;
use crate::workers::arguments::Arguments;

/// Longest time for an answer, unless the command declares a shorter `timeout_ms`: it keeps one of the client's
/// requests waiting.
const LONGEST_ANSWER: Duration = Duration::from_secs(30);

/// A command that the server's own process answers at once. [`Config::with_builtin`] adds one to a server.
///
/// The server checks role and arguments before [`Builtin::answer`]. The answer is one text: it has no run number,
/// cannot be cancelled and is in no list of runs. What takes longer than a moment, or prints as it goes, is a
/// [`Worker`](crate::Worker). A built-in that panics answers with a failure; the server continues.
///
/// A built-in that declares a bool argument `json` answers with one JSON document if it is true.
///
/// [`Config::with_builtin`]: crate::Config::with_builtin
///
/// ```
/// use topside_server::{Answering, Builtin, BuiltinCall};
/// use topside_shared::command::{Command, Effect};
///
/// /// `zones`: how many valves there are.
/// struct Zones(usize);
///
/// impl Builtin for Zones {
///     fn declaration(&self) -> Command {
///         Command {
///             name: "zones".into(),
///             title: "Count the zones".into(),
///             category: "Garden".into(),
///             effect: Effect::Read,
///             role: Effect::Read.default_role(),
///             ..Command::default()
///         }
///     }
///
///     fn answer<'a>(&'a self, _: &'a BuiltinCall) -> Answering<'a> {
///         Box::pin(async move { Ok(format!("{} zones\n", self.0)) })
///     }
/// }
/// ```
pub trait Builtin: Send + Sync + 'static {
    /// The command as the menu shows it.
    fn declaration(&self) -> Command;

    /// Answers one call. The future is dropped when the client leaves, unless the command changes something.
    fn answer<'a>(&'a self, call: &'a BuiltinCall) -> Answering<'a>;
}

/// What [`Builtin::answer`] returns. An error is one sentence: it becomes the output of an answer that has failed.
pub type Answering<'a> = Pin<Box<dyn Future<Output = Result<String, String>> + Send + 'a>>;

/// One call of a built-in: the caller and the arguments.
pub struct BuiltinCall {
    pub(crate) client: Arc<Client>,
    who: Arc<Identity>,
    args: Arguments,
    /// Cancelled once the answer is in the client's outbox, or will never be; none where the command only reads.
    pub(crate) answered: Option<CancellationToken>,
}

impl fmt::Debug for BuiltinCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BuiltinCall").field("client", &self.client.id).finish_non_exhaustive()
    }
}

impl Deref for BuiltinCall {
    type Target = Arguments;

    fn deref(&self) -> &Arguments {
        &self.args
    }
}

impl BuiltinCall {
    pub(crate) fn new(client: Arc<Client>, who: Arc<Identity>, args: Map<String, Value>) -> Self {
        let args = Arguments(args);
        Self { client, who, args, answered: None }
    }

    /// The caller.
    pub fn who(&self) -> &Identity {
        &self.who
    }
}

/// Calls a built-in and measures it. A panic and a call that takes too long are failures.
pub(crate) async fn perform(
    builtin: &dyn Builtin,
    info: &Command,
    call: &BuiltinCall,
) -> BuiltinAnswer {
    let started = Instant::now();
    let limit = info.timeout_ms.map_or(LONGEST_ANSWER, Duration::from_millis).min(LONGEST_ANSWER);
    let answer = AssertUnwindSafe(async { builtin.answer(call).await }).catch_unwind();
    let (state, output) = match timeout(limit, answer).await {
        Ok(Ok(Ok(output))) => (RunState::Succeeded, output),
        Ok(Ok(Err(sentence))) => (RunState::Failed, format!("{sentence}\n")),
        Ok(Err(_)) => {
            let sentence = "the built-in panicked: the standard error of the server has the place";
            (RunState::Failed, format!("{sentence}\n"))
        }
        Err(_) => {
            let limit = text::duration(millis(limit));
            (RunState::TimedOut, format!("{} did not answer within {limit}\n", info.name))
        }
    };
    BuiltinAnswer {
        exit_code: i32::from(state != RunState::Succeeded),
        state,
        output,
        duration_ms: millis(started.elapsed()),
    }
}
