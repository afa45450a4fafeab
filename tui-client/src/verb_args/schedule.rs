//! Arguments of `schedule`.

use clap::{Args, ValueEnum};
use serde_json::{Map, Value};
use topside_shared::methods::{
    Menu, SchedulePause, SchedulePlan, ScheduleResume, ScheduleRun, ScheduleSet, Schedules,
};
use topside_shared::text::{MAX_NAME, clean};
use topside_shared::values;

use super::server::SessionArgs;

/// What `topside schedule` does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ScheduleAction {
    /// Pause it until it is resumed, even across a restart
    Pause,
    /// Resume it
    Resume,
    /// Run its command now; the schedule stays as it is
    Run,
    /// Activate a plan in place of the active one; without a name, no plan is active
    Plan,
    /// Set its time or its arguments, where its declaration allows that
    Set,
}

#[derive(Debug, Args)]
pub(crate) struct ScheduleArgs {
    #[command(flatten)]
    pub(crate) how: SessionArgs,
    /// The action
    pub(crate) action: ScheduleAction,
    /// Name of the schedule; for `plan`, of the plan
    #[arg(required_if_eq_any([("action", "pause"), ("action", "resume"), ("action", "run"), ("action", "set")]))]
    pub(crate) name: Option<String>,
    /// For `pause`: the reason, shown to other users
    #[arg(long)]
    pub(crate) reason: Option<String>,
    /// For `set`: the time, in the form of its rule: 21:30, a cron pattern, 20m, 2026-12-01T06:00, or 08:30=2m,21:00=90s
    #[arg(long)]
    pub(crate) time: Option<String>,
    /// For `set`: forget what was set before
    #[arg(long)]
    pub(crate) reset: bool,
    /// For `set`: arguments of its command
    #[arg(value_name = "NAME=VALUE")]
    pub(crate) args: Vec<String>,
}

/// A change of a schedule.
pub(crate) enum ScheduleChange {
    Pause(SchedulePause),
    Resume(ScheduleResume),
    Run(ScheduleRun),
    Plan(SchedulePlan),
    /// The request needs the command's declaration: [`ScheduleArgs::set`].
    Set,
}

impl ScheduleArgs {
    pub(crate) fn change(&self) -> ScheduleChange {
        let schedule = self.name.clone().unwrap_or_default();
        match self.action {
            ScheduleAction::Pause => {
                ScheduleChange::Pause(SchedulePause { schedule, reason: self.reason.clone() })
            }
            ScheduleAction::Resume => ScheduleChange::Resume(ScheduleResume { schedule }),
            ScheduleAction::Run => ScheduleChange::Run(ScheduleRun { schedule }),
            ScheduleAction::Plan => ScheduleChange::Plan(SchedulePlan { plan: self.name.clone() }),
            ScheduleAction::Set => ScheduleChange::Set,
        }
    }

    /// The request that sets a schedule: the values are read as the arguments of its command declare them.
    ///
    /// # Errors
    /// One sentence: there is no such schedule, or an argument does not pass.
    pub(crate) fn set(&self, all: &Schedules, menu: &Menu) -> Result<ScheduleSet, String> {
        let schedule = self.name.clone().unwrap_or_default();
        let row = all.schedules.iter().find(|row| row.schedule == schedule);
        let command = row.and_then(|row| menu.find(&row.command));
        let mut args = Map::new();
        for word in &self.args {
            let Some((name, value)) = word.split_once('=') else {
                return Err(format!(
                    "`{}` is no argument: write NAME=VALUE",
                    clean(word, MAX_NAME)
                ));
            };
            let Some(command) = command else {
                return Err(format!("there is no schedule `{}`", clean(&schedule, MAX_NAME)));
            };
            let Some(arg) = command.args.iter().find(|arg| arg.name == name) else {
                let shown = clean(name, MAX_NAME);
                return Err(format!("{} has no argument `{shown}`", command.name));
            };
            let value = values::from_text(arg, value).map_err(|error| error.to_string())?;
            if arg.multiple {
                match args.get_mut(name) {
                    Some(Value::Array(values)) => values.push(value),
                    _ => drop(args.insert(name.to_owned(), Value::Array(vec![value]))),
                }
            } else {
                args.insert(name.to_owned(), value);
            }
        }
        let args = (!args.is_empty()).then_some(args);
        Ok(ScheduleSet { schedule, time: self.time.clone(), args, reset: self.reset })
    }
}
