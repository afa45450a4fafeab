//! After a reboot or power off of the box: whether the box was started anew.

use topside_shared::after_shutdown::AfterShutdown;
use topside_shared::methods::{ServerInfo, ServerStatus};

use crate::app::ask::Ask;
use crate::text::sanitize;

/// What a new session shows of the server since the session before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CameBack {
    /// It is the same process.
    Same,
    /// The server was started anew.
    Anew,
    /// The box was started anew.
    Rebooted,
    /// The box was to reboot or to be switched off, and was not.
    StayedUp,
}

impl CameBack {
    /// The end of the sentence about the connection.
    pub(crate) fn words(self, of_box: Option<AfterShutdown>) -> &'static str {
        match self {
            Self::Same => "",
            Self::Anew => "; it was started anew",
            Self::Rebooted => "; the box was rebooted",
            Self::StayedUp if of_box == Some(AfterShutdown::Poweroff) => {
                "; the box did not power off"
            }
            Self::StayedUp => "; the box did not reboot",
        }
    }
}

/// Compares a server with what it was. `of_box` is the reboot or power off that ended the session before.
pub(crate) fn came_back(
    of_box: Option<AfterShutdown>,
    before: &ServerInfo,
    now: &ServerInfo,
) -> CameBack {
    match (&before.box_boot_id, &now.box_boot_id) {
        (Some(before), Some(now)) if before != now => CameBack::Rebooted,
        (Some(_), Some(_)) if of_box.is_some() => CameBack::StayedUp,
        _ if before.boot_id != now.boot_id => CameBack::Anew,
        _ => CameBack::Same,
    }
}

/// Asks the server why the box stayed up, and shows the answer.
pub(super) fn ask_why() -> Ask {
    Ask::new(&ServerStatus::default(), |state, status| {
        let Some(last) = status.ok().and_then(|status| sanitize::status(status).last_reboot) else {
            return Vec::new();
        };
        let words = last.words();
        let (note, clock) = (state.next_serial(), state.clock);
        if let Some(console) = state.console_mut() {
            console.runs.note(note, &words, &[], clock);
            console.notices.push(clock.wall, true, words.clone());
        }
        state.warn(words);
        Vec::new()
    })
}
