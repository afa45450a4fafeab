//! `[host]`: programs that reboot the box or switch it off.

use std::time::Duration;

use topside_shared::after_shutdown::AfterShutdown;

use crate::base::path_trust::Trust;
use crate::base::toml_file::errors::Errors;
use crate::base::toml_file::fields::Fields;
use crate::settings::hooks::argv;
use crate::settings::value_forms::time;

/// `[host]`. A program without elements is not set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Host {
    /// Reboots the box.
    pub reboot: Vec<String>,
    /// Switches the box off.
    pub poweroff: Vec<String>,
    /// How long each may take, and how long the box may then take to stop the server; none: no limit.
    pub timeout: Option<Duration>,
}

impl Default for Host {
    fn default() -> Self {
        let timeout = Some(Duration::from_secs(60));
        Self { reboot: Vec::new(), poweroff: Vec::new(), timeout }
    }
}

impl Host {
    /// The program for a shutdown of the box; none where it is not set, or where only the server ends.
    pub(crate) fn program(&self, then: AfterShutdown) -> Option<&[String]> {
        let argv = match then {
            AfterShutdown::Reboot => &self.reboot,
            AfterShutdown::Poweroff => &self.poweroff,
            AfterShutdown::Exit | AfterShutdown::Restart => return None,
        };
        (!argv.is_empty()).then_some(argv)
    }

    /// The ways to shut the box down that are set.
    pub(crate) fn offered(&self) -> Vec<AfterShutdown> {
        let ways = [AfterShutdown::Reboot, AfterShutdown::Poweroff];
        ways.into_iter().filter(|then| self.program(*then).is_some()).collect()
    }
}

pub(crate) fn read(table: &Fields<'_, '_>, trust: Trust, m: &mut Errors<'_>) -> Host {
    table.refuse_unknown(&["reboot", "poweroff", "timeout"], m);
    Host {
        reboot: argv(table, "reboot", trust, m),
        poweroff: argv(table, "poweroff", trust, m),
        timeout: time::read(table, "timeout", m).unwrap_or(Host::default().timeout),
    }
}
