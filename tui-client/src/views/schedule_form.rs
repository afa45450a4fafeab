//! Form that sets the time or the arguments of a schedule, where its declaration allows that.

use serde_json::{Map, Value};
use topside_shared::command::{Arg, ArgType, Command};
use topside_shared::methods::ScheduleSet;
use topside_shared::records::{Adjustable, ScheduleRow};

use super::command_form::{CommandForm, Submit};
use crate::app::ask::{self, Ask};
use crate::app::{Effect, State};
use crate::text::sanitize;

/// Names of fields that no argument of a command can have.
const TIME: &str = "new time";
const RESET: &str = "as in the file";

/// Opens the form, filled with what the schedule has.
pub(super) fn open(state: &mut State, row: &ScheduleRow) -> Vec<Effect> {
    if row.adjustable.is_empty() {
        state.refuse(format!(
            "{} cannot be set: `adjustable` in its declaration would allow it.",
            row.schedule
        ));
        return Vec::new();
    }
    let of_command = state.console().and_then(|console| console.menu.find(&row.command));
    let mut args = Vec::new();
    if row.adjustable.contains(&Adjustable::Time) {
        let now = format!("now {}", row.rule);
        args.push(Arg { name: TIME.into(), description: now, ..Arg::default() });
    }
    if row.adjustable.contains(&Adjustable::Args) {
        let own = of_command.map(|command| command.args.clone()).unwrap_or_default();
        let own = own.into_iter().filter(|arg| arg.kind != ArgType::Secret);
        args.extend(own.map(|arg| Arg { required: false, default: None, ..arg }));
    }
    if row.set.is_some() {
        let description = "what was set before is forgotten".into();
        args.push(Arg { name: RESET.into(), kind: ArgType::Bool, description, ..Arg::default() });
    }
    let command = Command { name: format!("Set {}", row.schedule), args, ..Command::default() };
    let form = CommandForm::filled(command, &row.args);
    state.open(CommandForm { submit: Submit::Schedule(row.schedule.clone()), ..form });
    Vec::new()
}

/// Sends what the form says, and closes it.
pub(super) fn send(state: &mut State, schedule: &str, form: &CommandForm) -> Vec<Effect> {
    let mut args: Map<String, Value> = form.args();
    let time = args.remove(TIME).and_then(|time| time.as_str().map(str::to_owned));
    let reset = args.remove(RESET) == Some(Value::Bool(true));
    let args = (!reset && !args.is_empty()).then_some(args);
    let set = ScheduleSet { schedule: schedule.to_owned(), time, args, reset };
    state.ask(Ask::new(&set, |state, answer| {
        match answer {
            Ok(row) => {
                state.close_views::<CommandForm>();
                let row = sanitize::schedule(row);
                let what = if row.set.is_some() { "is set" } else { "is as in its file" };
                state.note(format!("{} {what}: {}.", row.schedule, row.rule));
            }
            // The form stays, so that it can be corrected.
            Err(error) => state.refuse(ask::why(&error)),
        }
        Vec::new()
    }))
}
