//! The rows of schedules, as a user may see them.

use topside_shared::Time;
use topside_shared::methods;
use topside_shared::records::{ScheduleOutcome, ScheduleRow};
use topside_shared::time::millis;

use crate::authorize::may_see_command;
use crate::base::identity::Identity;
use crate::config::active_config::Loaded;
use crate::menu_file::schedule::DeclaredSchedule;
use crate::schedules::Schedules;

/// Starts that are shown ahead.
const SHOWN: usize = 5;

impl Schedules {
    /// The schedules of the commands that `who` may run.
    pub(crate) fn list(&self, who: &Identity) -> methods::Schedules {
        let now = self.config.get();
        let all = self.all();
        let seen: Vec<&DeclaredSchedule> =
            all.iter().filter(|schedule| may_see(&now, who, schedule)).collect();
        let mut plans: Vec<String> =
            seen.iter().filter_map(|schedule| schedule.plan.clone()).collect();
        plans.sort_unstable();
        plans.dedup();
        let plan = self.state.lock().plan.clone().filter(|plan| plans.contains(plan));
        methods::Schedules {
            schedules: seen.into_iter().map(|one| self.row(one)).collect(),
            plan,
            plans,
        }
    }

    pub(super) fn row(&self, schedule: &DeclaredSchedule) -> ScheduleRow {
        let rule = &schedule.rule;
        let inactive = self.inactive(schedule);
        let next = match inactive {
            None => rule.next(self.now(rule), SHOWN),
            Some(_) => Vec::new(),
        };
        let state = self.state.lock();
        let known = state.known.get(&schedule.name);
        ScheduleRow {
            schedule: schedule.name.clone(),
            command: schedule.command.clone(),
            args: schedule.args.clone(),
            rule: schedule.text.clone(),
            zone: rule.zone.iana_name().unwrap_or("local time").to_owned(),
            for_ms: rule.window.map(millis),
            plan: schedule.plan.clone(),
            inactive,
            paused: known.and_then(|known| known.pause.clone()),
            next: next.into_iter().map(|found| self.on_wall(rule, found.at)).collect(),
            open_until: known.and_then(|known| known.open_until),
            last: known.and_then(|known| known.last.clone()).map(|last| {
                let wall = known.and_then(|known| known.last_wall);
                let at: Time = wall.unwrap_or_else(|| self.on_wall(rule, last.at));
                ScheduleOutcome { at, ..last }
            }),
            adjustable: schedule.adjustable.clone(),
            set: schedule.set.clone(),
        }
    }

    /// Publishes the row of a schedule to those who may see it.
    pub(super) fn publish(&self, schedule: &DeclaredSchedule) {
        let now = self.config.get();
        self.events.schedule_changed(|| self.row(schedule), |who| may_see(&now, who, schedule));
    }
}

pub(super) fn may_see(now: &Loaded, who: &Identity, schedule: &DeclaredSchedule) -> bool {
    let entry = now.menu.get(&schedule.command);
    entry.is_some_and(|entry| may_see_command(who, &entry.info))
}
