//! `topsided doctor`: what stands between this box and a client, line by line, each with what to do.
//!
//! [`gather`] looks and changes nothing; [`judge`] thinks, and is what the tests are about.

mod facts;
mod firewall;
mod gather;
mod judge;

use topside_shared::dirs::Dirs;

use crate::{Config, ConfigError};
use judge::Verdict;

/// Looks at this box and prints what it finds; whether nothing failed.
pub(crate) async fn examine(dirs: &Dirs, config: &Result<Config, ConfigError>) -> bool {
    let config = config.as_ref().map_err(ToString::to_string);
    let lines = judge::judge(&gather::gather(dirs, config).await);
    for line in &lines {
        println!("{line}");
    }
    lines.iter().all(|line| line.verdict != Verdict::Fail)
}
