//! Workers: `worker/restart`.

use serde::{Deserialize, Serialize};

use super::{Call, Method, WorkerStatus};

/// `worker/restart`: ends the process of a worker in order, and starts another. The answer comes once that runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkerRestart {
    /// Its name in the menu's files.
    pub worker: String,
}
call!(WorkerRestart -> WorkerStatus);
