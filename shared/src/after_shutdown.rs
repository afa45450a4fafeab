//! What a server does after a shutdown: it ends, starts again, or has the box rebooted or switched off.

use serde::{Deserialize, Serialize};

use crate::text;
use crate::time::Time;

wire_enum! {
    /// What a server does after a shutdown.
    #[derive(Default)]
    pub enum AfterShutdown {
        /// It ends.
        #[default]
        Exit = "exit",
        /// It starts again at once.
        Restart = "restart",
        /// The box starts again.
        Reboot = "reboot",
        /// The box is switched off.
        Poweroff = "poweroff",
    }
}

impl AfterShutdown {
    /// What `then` asks for; without it, what `restart` asks for, which is the older way to write it.
    pub(crate) fn of(then: Option<Self>, restart: bool) -> Self {
        then.unwrap_or(if restart { Self::Restart } else { Self::Exit })
    }

    /// What happens, after the name of a server: `shuts down`, `reboots`.
    pub fn does(self) -> &'static str {
        match self {
            Self::Exit => "shuts down",
            Self::Restart => "restarts",
            Self::Reboot => "reboots",
            Self::Poweroff => "powers off",
        }
    }

    /// What a user orders: `Shut down`, `Reboot`.
    pub fn order(self) -> &'static str {
        match self {
            Self::Exit => "Shut down",
            Self::Restart => "Restart",
            Self::Reboot => "Reboot",
            Self::Poweroff => "Power off",
        }
    }

    /// What is due: `shutdown`, `reboot`.
    pub fn noun(self) -> &'static str {
        match self {
            Self::Exit => "shutdown",
            Self::Restart => "restart",
            Self::Reboot => "reboot",
            Self::Poweroff => "power off",
        }
    }

    /// Whether the whole box goes down, and not only the server.
    pub fn is_of_box(self) -> bool {
        matches!(self, Self::Reboot | Self::Poweroff)
    }

    /// Whether the server comes back by itself.
    pub fn comes_back(self) -> bool {
        matches!(self, Self::Restart | Self::Reboot)
    }
}

/// What became of a reboot or a power off.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LastReboot {
    /// `reboot` or `poweroff`.
    pub then: AfterShutdown,
    /// When its program was run.
    pub at: Time,
    /// Who ordered it.
    pub by: String,
    /// Whether the box was started anew.
    pub done: bool,
    /// From then until the server was back; absent where it is not known, and after a power off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub took_ms: Option<u64>,
    /// Why it was not done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
}

impl LastReboot {
    /// In words: `the box did not reboot: the program ended with exit status 1`.
    pub fn words(&self) -> String {
        match (self.then, self.done) {
            (AfterShutdown::Poweroff, true) => {
                "the box was powered off, and is on again".to_owned()
            }
            (_, true) => {
                let took = self.took_ms.map(|ms| format!(" in {}", text::duration(ms)));
                format!("the box was rebooted{}", took.unwrap_or_default())
            }
            (then, false) => {
                let why = self.failure.as_ref().map(|why| format!(": {why}")).unwrap_or_default();
                format!("the box did not {}{why}", then.noun())
            }
        }
    }
}
