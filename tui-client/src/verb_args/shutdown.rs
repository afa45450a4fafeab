//! Arguments of `shutdown`.

use std::time::Duration;

use clap::{Args, ValueEnum};
use topside_shared::Time;
use topside_shared::after_shutdown::AfterShutdown;
use topside_shared::methods::ServerShutdown;

use super::duration;
use super::server::{ConfirmArgs, DELAYS, SessionArgs, values};

#[derive(Debug, Args)]
pub(crate) struct Shutdown {
    #[command(flatten)]
    pub(crate) how: SessionArgs,
    #[command(flatten)]
    pub(crate) confirm: ConfirmArgs,
    /// Begin after this time: 90, 90s, 5m, 1h30m; without it, at once
    #[arg(long = "in", value_name = "DURATION", value_parser = duration::parse, add = values(DELAYS))]
    pub(crate) delay: Option<Duration>,
    /// Restart the server: the same as --then restart
    #[arg(long, conflicts_with = "then")]
    pub(crate) restart: bool,
    /// What happens then; reboot and poweroff must be set in server.toml
    #[arg(long, value_enum)]
    pub(crate) then: Option<ThenArg>,
    /// Confirm with the name of the server; a power off without a terminal needs it
    #[arg(long, value_name = "SERVER")]
    pub(crate) name: Option<String>,
    /// Expected return: 20:00, 30m (after the shutdown begins), or a time in RFC 3339
    #[arg(long, value_name = "WHEN")]
    pub(crate) back: Option<String>,
    /// The reason, shown to every client
    #[arg(value_name = "REASON")]
    pub(crate) reason: Vec<String>,
}

/// What happens after a shutdown.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum ThenArg {
    /// The server ends
    Exit,
    /// The server starts again
    Restart,
    /// The box starts again
    Reboot,
    /// The box is switched off
    Poweroff,
}

impl Shutdown {
    /// What happens then.
    pub(crate) fn then(&self) -> AfterShutdown {
        match self.then {
            None if self.restart => AfterShutdown::Restart,
            None | Some(ThenArg::Exit) => AfterShutdown::Exit,
            Some(ThenArg::Restart) => AfterShutdown::Restart,
            Some(ThenArg::Reboot) => AfterShutdown::Reboot,
            Some(ThenArg::Poweroff) => AfterShutdown::Poweroff,
        }
    }

    /// The request. A restart is written as older servers read it.
    pub(crate) fn order(
        &self,
        delay_ms: u64,
        reason: Option<String>,
        back: Option<Time>,
    ) -> ServerShutdown {
        let then = self.then();
        let restart = then == AfterShutdown::Restart;
        let then = then.is_of_box().then_some(then);
        ServerShutdown { delay_ms, reason, back, then, restart }
    }
}
