//! A box of a fleet in the list, and the last record that it wrote at the hub.

use topside_shared::{Pin, Time};

use crate::config::Profile;

/// Silence after which a box counts as away.
pub(super) const AWAY_AFTER: i64 = 75_000;

/// A box of a fleet that this device may reach.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct FleetBoxRow {
    pub(crate) name: String,
    pub(crate) fleet: String,
    pub(crate) pin: Pin,
    pub(crate) tags: Vec<String>,
    /// What it last said of itself at the hub.
    pub(crate) presence: Option<BoxPresence>,
}

/// What a box said of itself at the hub.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct BoxPresence {
    pub(crate) version: String,
    /// False: it has ended in order.
    pub(crate) is_up: bool,
    /// Over one minute.
    pub(crate) load: Option<f64>,
    pub(crate) runs: u64,
    /// When it shuts down.
    pub(crate) shutdown: Option<Time>,
    /// How long ago it said so, in ms.
    pub(crate) age: u64,
}

/// A box of a fleet in the list.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct FleetBox {
    /// As a saved server: a name that no other server of the list has, its pin and its tags.
    pub(crate) profile: Profile,
    pub(crate) fleet: String,
    pub(crate) heard: Option<Heard>,
}

/// The last record of a box.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Heard {
    pub(crate) presence: BoxPresence,
    /// When it came, by the monotonic clock; before its zero for records that are older than this program.
    pub(super) at: i64,
}

impl FleetBox {
    /// The heading above it: its fleet, and its first tag.
    pub(crate) fn group(&self) -> String {
        match self.profile.tags.first() {
            Some(tag) => format!("FLEET {} #{tag}", self.fleet),
            None => format!("FLEET {}", self.fleet),
        }
    }

    pub(super) fn is_at_hub(&self, now: u64) -> bool {
        self.heard.as_ref().is_some_and(|heard| heard.presence.is_up && heard.age(now) < AWAY_AFTER)
    }

    /// The record of a box that is at the hub.
    pub(super) fn live(&self, now: u64) -> Option<&BoxPresence> {
        let heard = self.heard.as_ref().filter(|_| self.is_at_hub(now));
        heard.map(|heard| &heard.presence)
    }
}

impl Heard {
    pub(super) fn age(&self, now: u64) -> i64 {
        signed(now) - self.at
    }
}

pub(super) fn signed(ms: u64) -> i64 {
    i64::try_from(ms).unwrap_or(i64::MAX)
}
