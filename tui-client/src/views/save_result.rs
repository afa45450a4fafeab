//! Save dialog for a result of a run: which one, and where it goes on this device.

use serde_json::Value;
use topside_shared::RunId;
use topside_shared::command::{Arg, ArgType, Command};
use topside_shared::records::RunRow;

use super::command_form::{CommandForm, Submit};
use super::run_details::page_of_one;
use crate::app::ask::{self, Ask};
use crate::app::runs::export;
use crate::app::view::{self, Outcome, refuse};
use crate::app::{Effect, State};

/// Opens the dialog for the results of a run.
pub(super) fn open(row: &RunRow) -> Outcome {
    let Some(first) = row.files.first() else { return refuse("This run has left no results.") };
    let names: Vec<Value> = row.files.iter().map(|file| file.name.clone().into()).collect();
    let result = Arg {
        name: "result".into(),
        kind: ArgType::Enum,
        description: "the file that the run has left".into(),
        default: Some(first.name.clone().into()),
        choices: names,
        ..Arg::default()
    };
    let to = Arg {
        name: "to".into(),
        description:
            "a file or a directory of this device; without it, the directory where topside runs"
                .into(),
        ..Arg::default()
    };
    let name = format!("Save a result of run {}", row.run_id);
    let command = Command { name, args: vec![result, to], ..Command::default() };
    let form = CommandForm { submit: Submit::Result(row.run_id), ..CommandForm::new(command) };
    view::open(form)
}

/// Fetches the result of a form, and closes the form.
pub(super) fn save(state: &mut State, run_id: RunId, form: &CommandForm) -> Vec<Effect> {
    let args = form.args();
    let text = |name: &str| args.get(name).and_then(Value::as_str).map(str::to_owned);
    let first = form.command.args.first().and_then(|arg| arg.default.clone());
    let first = first.and_then(|name| name.as_str().map(str::to_owned));
    let (name, to) = (text("result").or(first).unwrap_or_default(), text("to").unwrap_or_default());
    state.close_views::<CommandForm>();
    state.ask(Ask::new(&page_of_one(run_id), move |state, answer| {
        let row = match answer {
            Ok(page) => page.runs.into_iter().find(|row| row.run_id == run_id),
            Err(error) => {
                state.refuse(ask::why(&error));
                return Vec::new();
            }
        };
        match row.and_then(|row| row.files.into_iter().find(|file| file.name == name)) {
            Some(file) => export::save_result(state, run_id, file, to),
            None => {
                state.refuse(format!("The server has run {run_id} no more: nothing was saved."));
                Vec::new()
            }
        }
    }))
}
