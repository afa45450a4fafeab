//! Schedules of commands: `schedules/list`, `schedule/pause`, `schedule/resume`, `schedule/run`, `schedule/plan` and
//! `schedule/set`.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{Call, Empty, Method};
use crate::records::RunRow;
pub use crate::records::{
    Adjustable, Inactive, Outcome, Pause, ScheduleOutcome, ScheduleRow, SetBy,
};

/// Most schedules in a menu, so that their list fits in one line.
pub const MAX_SCHEDULES: usize = 200;

/// `schedules/list`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SchedulesList {}
call!(SchedulesList -> Schedules);

/// Answer to `schedules/list` and `schedule/plan`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Schedules {
    /// The schedules of the commands that the caller may run, in the order of the menu.
    pub schedules: Vec<ScheduleRow>,
    /// The active plan; absent: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<String>,
    /// All plans that schedules name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub plans: Vec<String>,
}

/// `schedule/pause`: it starts nothing until it is resumed, also after a restart.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SchedulePause {
    /// Its name.
    pub schedule: String,
    /// Why, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}
call!(SchedulePause -> ScheduleRow);

/// `schedule/resume`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScheduleResume {
    /// Its name.
    pub schedule: String,
}
call!(ScheduleResume -> ScheduleRow);

/// `schedule/run`: runs its command now, with its arguments and for its time. It takes the place of no later start.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScheduleRun {
    /// Its name.
    pub schedule: String,
}
call!(ScheduleRun -> RunRow);

/// `schedule/plan`: activates one plan in place of another.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SchedulePlan {
    /// The plan; absent: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<String>,
}
call!(SchedulePlan -> Empty);

/// `schedule/set`: sets the time or the arguments, as far as the declaration says `adjustable`. It is kept until the
/// declaration changes.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ScheduleSet {
    /// Its name.
    pub schedule: String,
    /// When it starts, in the form of its rule: `21:30` or a pattern for `cron`, `20m` for `every`, `2026-12-01T06:00` for `at`,
    /// `08:30=2m, 09:30=90s` for `times`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time: Option<String>,
    /// Arguments that take the place of those in the file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub args: Option<Map<String, Value>>,
    /// Everything is as in the file again, before the rest of this is set.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub reset: bool,
}
call!(ScheduleSet -> ScheduleRow);
