//! Child processes of the server: how they are started, how the ones that it adopts are reaped, and what
//! happens to output that outlives its run.

pub(crate) mod cgroup;
pub(crate) mod daemon;
pub(crate) mod drain;
pub(crate) mod exit_status;
pub(crate) mod launch;
pub(crate) mod path_root;
pub(crate) mod pipes;
mod process_tree;
pub(crate) mod program;
pub(crate) mod program_file;
pub(crate) mod reaper;
pub(crate) mod resolve_program;
pub(crate) mod running_program;
pub(crate) mod safe_state;
mod spawn;
pub(crate) mod tracking;
