//! State of the picker: the selection, and the results of its probes.

use std::collections::{BTreeSet, HashMap};

use topside_shared::Time;

use crate::config::Profile;
use crate::connect::Via;
use crate::text::sanitize;
use crate::widgets::editor::Editor;

/// Time without a key after which the picker counts as unattended.
const LOOKING: u64 = 120_000;

/// State of the picker.
#[derive(Debug, Default)]
pub(crate) struct Picker {
    /// Index of the selected server: the saved ones, this machine, the boxes of fleets, then the discovered ones.
    pub(crate) at: usize,
    /// The first row of the list that is drawn, unless the chosen one would be out of sight.
    pub(crate) top: usize,
    pub(crate) way: usize,
    /// Whether the list of routes has the focus.
    pub(crate) on_ways: bool,
    /// A server to select as soon as it is in the list.
    pub(crate) wanted: Option<String>,
    /// Probes of the selected server.
    pub(crate) asking: ProbeSchedule,
    pub(crate) last: LastResults,
    /// Names of the saved servers and boxes of fleets that are marked for a command.
    pub(crate) marked: BTreeSet<String>,
    pub(crate) filter: Editor,
    /// Whether the filter has the focus.
    pub(crate) is_filtering: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ProbeResult {
    /// The paired server answered after this many milliseconds.
    Up(u64),
    Down {
        /// Why, in a few words.
        words: &'static str,
        sentence: String,
        lasting: bool,
    },
}

impl ProbeResult {
    pub(crate) fn is_lasting(&self) -> bool {
        matches!(self, Self::Down { lasting: true, .. })
    }

    /// The place among the results of one server: it answers, or a lasting error, or another error.
    pub(super) fn rank(&self) -> u8 {
        match self {
            Self::Up(_) => 0,
            Self::Down { lasting: true, .. } => 1,
            Self::Down { lasting: false, .. } => 2,
        }
    }

    /// The same, sanitized.
    pub(super) fn clean(self) -> Self {
        match self {
            Self::Down { words, sentence, lasting } => {
                Self::Down { words, sentence: sanitize::sentence(&sentence), lasting }
            }
            Self::Up(ms) => Self::Up(ms),
        }
    }
}

/// Results for the selected server, and the time of the next probe.
#[derive(Debug, Default)]
pub(crate) struct ProbeSchedule {
    /// Results with their time, by the monotonic clock.
    pub(super) known: Vec<(Via, ProbeResult, u64)>,
    /// Routes without a result in this round.
    pub(super) waiting: Vec<Via>,
    /// Number of the current round.
    pub(super) round: u64,
    /// Time of the next probe, if it is not by the interval.
    pub(super) due: Option<u64>,
    /// Time of the last probe.
    pub(super) asked: Option<u64>,
    /// Time of the last key.
    pub(super) used: u64,
    /// Time of the last result that lasts until the user acts.
    pub(super) refused: Option<u64>,
}

impl ProbeSchedule {
    #[cfg(test)]
    pub(crate) fn round(&self) -> u64 {
        self.round
    }

    pub(crate) fn reach(&self, via: Via) -> Option<&ProbeResult> {
        self.known.iter().find(|(known, ..)| *known == via).map(|(_, reach, _)| reach)
    }

    /// Whether a key was pressed lately. Otherwise no server is probed.
    pub(super) fn is_watched(&self, now: u64) -> bool {
        now <= self.used + LOOKING
    }
}

/// The last results of each saved server.
#[derive(Debug, Default)]
pub(crate) struct LastResults {
    pub(super) of: HashMap<String, Vec<Known>>,
    /// Number of the current round.
    pub(super) round: u64,
    /// When it began.
    pub(super) asked: Option<u64>,
}

#[derive(Debug)]
pub(super) struct Known {
    pub(super) via: Via,
    pub(super) result: ProbeResult,
    /// When it came, by both clocks.
    pub(super) at: (u64, Time),
}

impl LastResults {
    pub(super) fn of(&self, profile: &Profile) -> &[Known] {
        self.of.get(&profile.name).map_or(&[], Vec::as_slice)
    }
}
