//! The measurements, one file each, in the order in which they are printed.

mod flood;
mod growth;
mod memory;
mod notifications;
mod output;
mod programs;
mod requests;
mod shutdown;
mod start;
mod tls;

use std::io;

use crate::servers::Place;
use crate::settings::Settings;
use crate::table::Table;

/// Measures, and adds its rows.
type Group = fn(&Place, &Settings, &mut Table) -> io::Result<()>;

/// By the name that `--only` takes.
pub(crate) const GROUPS: &[(&str, Group)] = &[
    ("requests", requests::measure),
    ("memory", memory::measure),
    ("start", start::measure),
    ("notices", notifications::measure),
    ("programs", programs::measure),
    ("output", output::measure),
    ("flood", flood::measure),
    ("shutdown", shutdown::measure),
    ("growth", growth::measure),
    ("tls", tls::measure),
];
