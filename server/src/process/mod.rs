//! Programs and processes: starting, tracking, ending and reaping.

pub(crate) mod cgroup;
pub(crate) mod declared_program;
pub(crate) mod drain;
pub(crate) mod env_file;
pub(crate) mod exit_status;
pub(crate) mod path_root;
pub(crate) mod piped_program;
pub(crate) mod pipes;
mod polled_program;
pub(crate) mod process_scan;
pub(crate) mod program_file;
pub(crate) mod program_output;
pub(crate) mod program_spec;
pub(crate) mod reaper;
pub(crate) mod resolve_program;
pub(crate) mod run_processes;
pub(crate) mod run_user;
pub(crate) mod running_program;
pub(crate) mod safe_state;
pub(crate) mod short_program;
mod spawn;
pub(crate) mod start_program;
mod stop_processes;
