//! The trait behind every command that is written in Rust: the built-ins, and workers that another
//! author adds.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use serde_json::{Map, Value};
use topside_shared::RunId;
use topside_shared::command::Command;
use topside_shared::notices::Stream;

use crate::clients::{Client, Identity};
use crate::methods::Caller;
use crate::runs::Run;
use crate::server::Server;

/// A command carried out in the server's own process.
///
/// The server checks role and arguments before [`Worker::call`], and puts what it declares into the
/// menu. A worker that panics fails its run; the server goes on.
pub trait Worker: Send + Sync + 'static {
    /// The command as the menu shows it.
    fn declaration(&self) -> Command;

    /// Carries it out. The future is dropped when the server ends; before that, when the run is
    /// cancelled, [`Call::cancelled`] says so and the worker should return.
    fn call<'a>(&'a self, call: Call) -> Pin<Box<dyn Future<Output = Outcome> + Send + 'a>>;
}

/// How a worker's run ended: an error is one sentence, shown on the run's standard error, and makes
/// its exit status 1.
pub type Outcome = Result<(), String>;

/// One execution of a worker: who asked, with what, and where the output goes.
#[derive(Clone)]
pub struct Call {
    pub(crate) server: Arc<Server>,
    pub(crate) client: Arc<Client>,
    pub(crate) who: Arc<Identity>,
    pub(crate) run: Arc<Run>,
    pub(crate) args: Map<String, Value>,
}

impl fmt::Debug for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call").field("run", &self.run.id).finish_non_exhaustive()
    }
}

impl Call {
    /// The run's number.
    pub fn run_id(&self) -> RunId {
        self.run.id
    }

    /// Who asked.
    pub fn who(&self) -> &Identity {
        &self.who
    }

    /// Who asked, as the methods know it.
    pub(crate) fn caller(&self) -> Caller {
        Caller { server: Arc::clone(&self.server), client: Arc::clone(&self.client) }
    }

    /// The checked arguments, defaults filled in.
    pub fn args(&self) -> &Map<String, Value> {
        &self.args
    }

    /// The text of an argument, if it was given.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.args.get(name).and_then(Value::as_str)
    }

    /// The whole number of an argument, if it was given.
    pub fn int(&self, name: &str) -> Option<i64> {
        self.args.get(name).and_then(Value::as_i64)
    }

    /// Writes to the run's standard output, as it is.
    pub async fn print(&self, text: &str) {
        self.run.output.append(Stream::Stdout, text.as_bytes()).await;
    }

    /// Writes one line to the run's standard output.
    pub async fn line(&self, text: impl fmt::Display) {
        self.print(&format!("{text}\n")).await;
    }

    /// Waits until somebody cancels the run.
    pub async fn cancelled(&self) {
        self.run.cancel.cancelled().await;
    }
}
