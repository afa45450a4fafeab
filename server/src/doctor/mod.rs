//! `topsided doctor`: finds what keeps clients from connecting, with advice on each finding.
//!
//! [`collect`] reads the state of the box and changes nothing; [`diagnose`] judges it and has the tests.

mod collect;
mod diagnose;
mod facts;
mod firewall;
mod hub;

use topside_shared::dirs::Dirs;

use crate::config::{Config, ConfigError};
use crate::doctor::diagnose::Verdict;

/// Prints the findings; whether none failed.
pub(crate) async fn examine(dirs: &Dirs, config: &Result<Config, ConfigError>) -> bool {
    let config = config.as_ref().map_err(ToString::to_string);
    let lines = diagnose::diagnose(&collect::collect_facts(dirs, config).await);
    for line in &lines {
        println!("{line}");
    }
    lines.iter().all(|line| line.verdict != Verdict::Fail)
}
