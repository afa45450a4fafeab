//! The benchmarks, one file each, in the order in which they are printed.

mod burst;
mod fleet;
pub(crate) mod flood;
mod growth;
mod memory;
mod notifications;
mod output;
mod programs;
mod requests;
mod shutdown;
mod startup;
mod tls;

use std::io;

use crate::report::Report;
use crate::servers::Programs;
use crate::settings::Settings;

/// Measures, and adds its rows.
type Group = fn(&Programs, &Settings, &mut Report) -> io::Result<()>;

/// By the name that `--only` takes.
pub(crate) const GROUPS: &[(&str, Group)] = &[
    ("requests", requests::measure),
    ("memory", memory::measure),
    ("start", startup::measure),
    ("notices", notifications::measure),
    ("programs", programs::measure),
    ("output", output::measure),
    ("flood", flood::measure),
    ("burst", burst::measure),
    ("shutdown", shutdown::measure),
    ("growth", growth::measure),
    ("tls", tls::measure),
    ("fleet", fleet::measure),
];
