//! `menu` (m): what there is.

use topside_shared::command::Command;
use topside_shared::{tables, values};

use crate::builtins::{reads, say, server};
use crate::workers::worker::{Call, Calling, Worker};

pub(super) struct Menu;

impl Worker for Menu {
    fn declaration(&self) -> Command {
        reads("menu", &["m"], "Show the menu", "Lists every command that you may run.", Vec::new())
    }

    fn call<'a>(&'a self, call: Call) -> Calling<'a> {
        let now = server(&call).now();
        let mut text = tables::menu(now.menu.of(call.who()));
        text.push_str("\n… takes arguments: `help NAME` shows them\n");
        say(call, Ok(text))
    }
}

/// A command's name and its arguments: `<required>`, `[optional]`.
pub(super) fn usage(command: &Command) -> String {
    let mut usage = command.name.clone();
    for arg in &command.args {
        let shown = match arg.kind {
            topside_shared::command::ArgType::Bool => format!("--{}", arg.name),
            _ if arg.multiple => format!("{}..", arg.name),
            _ => arg.name.clone(),
        };
        usage.push_str(&if arg.required { format!(" <{shown}>") } else { format!(" [{shown}]") });
    }
    usage
}

/// One line for each argument: its name, what passes, what it is.
pub(super) fn arguments(command: &Command) -> String {
    let rows: Vec<[String; 3]> = command
        .args
        .iter()
        .map(|arg| [format!("  {}", arg.name), values::describe(arg), arg.description.clone()])
        .collect();
    tables::columns(&rows)
}
