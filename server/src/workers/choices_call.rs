//! Calls of functions that list the choices of an argument: they are no runs, and wait behind the calls of runs.

use std::time::Duration;

use serde_json::Value;
use tokio::time::timeout;
use topside_shared::text;
use topside_shared::time::millis;

use crate::workers::{Resident, worker_messages};

impl Resident {
    /// Whether a call would have to wait until another was answered.
    pub(crate) fn is_busy(&self) -> bool {
        self.calls.is_full()
    }

    /// Calls a function that lists choices: its result. After `limit` the call is cancelled, as that of a cancelled run.
    ///
    /// # Errors
    /// Why there is no result, as a sentence.
    pub(crate) async fn list(&self, function: &str, limit: Duration) -> Result<Value, String> {
        let id = self.calls.next_list();
        let line = worker_messages::own_call(id, function);
        let stop_timeout =
            (!self.declared.waits_for_cancelled).then_some(self.declared.stop_timeout);
        let mut queued = self.calls.enter(line, (id, None), stop_timeout)?;
        let name = self.name();
        let answer = timeout(limit, queued.answer()).await;
        match answer {
            Ok(answer) => answer.map_err(|why| format!("{function} of the worker {name}: {why}")),
            // Dropping it cancels it.
            Err(_) => {
                let limit = text::duration(millis(limit));
                Err(format!("{function} of the worker {name} did not answer within {limit}"))
            }
        }
    }
}
