//! `safe_state` of a worker and of its commands: `{ function = "NAME" }`, or for a command also a program.

use toml::de::DeValue;
use topside_shared::text;

use crate::base::toml_file::errors::Errors;
use crate::base::toml_file::fields::Fields;
use crate::menu_file::{Rules, args, exec};
use crate::process::piped_program::PipedProgram;
use crate::process::safe_state::SafeState;
use crate::workers::FunctionSafeState;

/// The form of the name of a function.
pub(super) const FUNCTION_FORM: &str =
    "the name of the function in the worker: a string of one line, not empty";

/// The name of a function, if the value is one.
pub(super) fn function_name<'a>(value: &'a DeValue<'_>) -> Option<&'a str> {
    DeValue::as_str(value).filter(|name| !name.is_empty() && !name.chars().any(text::is_control))
}

pub(super) enum ReadSafeState {
    Program(Vec<String>),
    Function(String),
}

impl ReadSafeState {
    /// That of a function of the worker that is started like this.
    pub(super) fn of(self, program: &PipedProgram) -> FunctionSafeState {
        match self {
            Self::Program(argv) => {
                FunctionSafeState::Program(SafeState { argv, program: program.clone() })
            }
            Self::Function(name) => FunctionSafeState::Function(name),
        }
    }
}

/// The `safe_state` of a command; `Err`: why this machine cannot run its program.
pub(super) fn read(
    fields: &Fields<'_, '_>,
    arguments: &[args::Argument],
    rules: Rules<'_>,
    m: &mut Errors<'_>,
) -> Option<Result<ReadSafeState, String>> {
    if fields.get("safe_state")?.get_ref().as_table().is_some() {
        return function(fields, m).map(|name| Ok(ReadSafeState::Function(name)));
    }
    Some(exec::safe_state(fields, arguments, rules, m)?.map(ReadSafeState::Program))
}

/// The function in the `safe_state` of a worker or of one of its commands.
pub(super) fn function(fields: &Fields<'_, '_>, m: &mut Errors<'_>) -> Option<String> {
    let value = fields.get("safe_state")?;
    let Some(table) = value.get_ref().as_table() else {
        m.add(
            &value.span(),
            format_args!(
                "`safe_state` of {} must name a function of the worker, such as {{ function = \"close_all\" }}",
                fields.owner
            ),
        );
        return None;
    };
    let owner = format!("`safe_state` of {}", fields.owner);
    function_in(&Fields { table, owner, span: value.span() }, m)
}

/// The function in a table such as `{ function = "close_all" }`.
pub(super) fn function_in(table: &Fields<'_, '_>, m: &mut Errors<'_>) -> Option<String> {
    table.refuse_unknown(&["function"], m);
    if table.get("function").is_none() && !table.misspells("function") {
        m.add(&table.span, format_args!("{} needs `function`: {FUNCTION_FORM}", table.owner));
    }
    table.read("function", FUNCTION_FORM, m, function_name).map(|name| name.value.to_owned())
}
