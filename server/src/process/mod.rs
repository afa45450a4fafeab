//! Child processes of the server: how they are started, how the ones that it adopts are reaped, and what
//! happens to output that outlives its run.

mod drain;
mod reaper;
mod start;

pub(crate) use drain::drain;
pub(crate) use reaper::reap_adopted;
pub(crate) use start::{start, start_blocking};
