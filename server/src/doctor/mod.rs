//! `topsided doctor`: what stands between this box and a client, line by line, each with what to do.
//!
//! [`collect`] reads the state of the box and changes nothing; [`diagnose`] judges it, and is what the tests are about.

mod collect;
mod diagnose;
mod facts;
mod firewall;

use topside_shared::dirs::Dirs;

use crate::config::{Config, ConfigError};
use crate::doctor::diagnose::Verdict;

/// Looks at this box and prints what it finds; whether nothing failed.
pub(crate) async fn examine(dirs: &Dirs, config: &Result<Config, ConfigError>) -> bool {
    let config = config.as_ref().map_err(ToString::to_string);
    let lines = diagnose::judge(&collect::gather(dirs, config).await);
    for line in &lines {
        println!("{line}");
    }
    lines.iter().all(|line| line.verdict != Verdict::Fail)
}
