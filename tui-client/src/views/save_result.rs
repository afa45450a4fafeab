//! Save dialog for a result of a run: which one, and where it goes on this device.

use serde_json::Value;
use topside_shared::RunId;
use topside_shared::command::{Arg, ArgType, Command};
use topside_shared::records::RunRow;
use topside_shared::tables;

use super::command_form::{CommandForm, Submit};
use super::run_details::one_run;
use crate::app::runs::export;
use crate::app::view::{self, Outcome, refuse};
use crate::app::{Effect, State};
use crate::text::sanitize;

/// Opens the dialog for the results of a run.
pub(super) fn open(row: &RunRow) -> Outcome {
    dialog(row, None).map_or_else(|| refuse("This run has left no results."), view::open)
}

fn dialog(row: &RunRow, path: Option<&str>) -> Option<CommandForm> {
    let first = row.files.first()?;
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
    let args = path.map(|path| ("to".to_owned(), path.into())).into_iter().collect();
    Some(CommandForm { submit: Submit::Result(row.run_id), ..CommandForm::filled(command, &args) })
}

/// Fetches the result of a form, and closes the form.
pub(super) fn save(state: &mut State, run_id: RunId, form: &CommandForm) -> Vec<Effect> {
    let args = form.args();
    let text = |name: &str| args.get(name).and_then(Value::as_str).map(str::to_owned);
    let first = form.command.args.first().and_then(|arg| arg.default.clone());
    let first = first.and_then(|name| name.as_str().map(str::to_owned));
    let (name, to) = (text("result").or(first), text("to"));
    state.close_views::<CommandForm>();
    fetch(state, run_id, name, to)
}

/// Saves a result of a run: the named one, or the only one. Of several without a name, the dialog asks which.
pub(super) fn fetch(
    state: &mut State,
    run_id: RunId,
    name: Option<String>,
    to: Option<String>,
) -> Vec<Effect> {
    one_run(state, run_id, move |state, row| {
        let saved = row.and_then(|row| match tables::chosen_results(&row, name.as_deref())? {
            [file] => Ok(export::save_result(state, run_id, file.clone(), to.unwrap_or_default())),
            _ => {
                if let Some(dialog) = dialog(&sanitize::run(row), to.as_deref()) {
                    state.open(dialog);
                }
                Ok(Vec::new())
            }
        });
        saved.unwrap_or_else(|why| {
            state.refuse(format!("nothing was saved: {why}"));
            Vec::new()
        })
    })
}
