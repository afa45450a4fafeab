//! Follow-up runs: the commands that `then` names start after a success.

use std::pin::Pin;
use std::sync::Arc;

use serde_json::{Map, Value};
use topside_shared::command::REASON;
use topside_shared::values::{self, Limits};
use topside_shared::{ErrorKind, RpcError, RunId};

use crate::base::identity::Identity;
use crate::files::run_directory::TakenFiles;
use crate::keys::expiry;
use crate::menu::Runnable;
use crate::runs::requester::Requester;
use crate::runs::{Runs, scheduler};

/// A run that succeeded.
pub(super) struct Success {
    pub(super) run: RunId,
    pub(super) who: Arc<Identity>,
    pub(super) reason: Option<String>,
}

/// Starts the commands that `then` of a command names; the log has those that could not start. A box, because each of them
/// may start further ones.
pub(super) fn start_all(
    runs: Arc<Runs>,
    command: Arc<Runnable>,
    success: Success,
) -> Pin<Box<dyn Future<Output = ()> + Send>> {
    Box::pin(async move {
        for name in &command.rules.then {
            if let Err(error) = start(&runs, name, &success).await {
                tracing::warn!(
                    target: "topside", run = success.run.0, command = name, error = error.message,
                    "`then` could not start its command"
                );
            }
        }
    })
}

async fn start(runs: &Arc<Runs>, name: &str, success: &Success) -> Result<(), RpcError> {
    let now = runs.services.config.get();
    let command = now.menu.runnable(name)?;
    let who = expiry::identity(&runs.services.keys, &now.config.local, &success.who)
        .map_err(|why| RpcError::new(ErrorKind::Forbidden, why))?;
    if who.role < command.info.role {
        let message = format_args!("{} is {} only by now", who.user, who.role);
        return Err(RpcError::new(ErrorKind::Forbidden, message));
    }
    let mut given = Map::new();
    if command.info.asks_reason() {
        let cause = || format!("started by the success of {}", success.run);
        let reason = success.reason.clone().unwrap_or_else(cause);
        given.insert(REASON.to_owned(), Value::from(reason));
    }
    let limits = Limits { max_argument: now.config.limits.max_argument };
    let args = values::check(&command.info.args, &given, limits)?;
    let requester = Requester::FollowUp { who, cause: success.run };
    let files = TakenFiles::default();
    scheduler::start(runs, &requester, command, args, files, None).await.map(drop)
}
