//! Records as text tables: the output of the built-ins and of the client's verbs.
//!
//! Times are in the zone that the caller names, with its offset: `2026-03-01 10:14:02+01:00`.
//!
//! Names and texts come from other users, so this module cleans each of them again.

use crate::role::Role;

mod approvals;
mod columns;
pub mod keys;
mod log;
mod menu;
mod records;
mod schedules;
mod status;

pub use approvals::{approval_decided, approvals};
pub use columns::{columns, table};
pub use log::{
    CLIENT_CONNECTED, CLIENT_DISCONNECTED, CLIENT_FIELD, CONNECTED_FOR, log_fields, log_line,
    log_lines, log_text, printed_log_line, short_value,
};
pub use menu::menu;
pub use records::{chosen_results, client, clients, results, run, runs};
pub use schedules::{
    active_plan, schedule_paused, schedule_resumed, schedule_run, schedule_set, schedules,
};
pub use status::{status, worker_restarted};

/// A role, with the mark of an agent: `operator (agent)`.
fn role(role: Role, is_agent: bool) -> String {
    if is_agent { format!("{role} (agent)") } else { role.to_string() }
}

/// A cell that may be empty.
fn cell(text: Option<String>) -> String {
    text.unwrap_or_else(|| "-".to_owned())
}
