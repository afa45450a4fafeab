//! `menu` (m): the commands of the caller.

use topside_shared::command::Command;
use topside_shared::{tables, values};

use crate::builtins::{json, reads, ready, render};
use crate::menu::builtin::{Answering, Builtin, BuiltinCall};
use crate::server::ServerRef;

pub(super) struct Menu(pub(super) ServerRef);

impl Builtin for Menu {
    fn declaration(&self) -> Command {
        let description = "Lists every command that you may run.";
        reads("menu", &["m"], "Show the menu", description, vec![json()])
    }

    fn answer<'a>(&'a self, call: &'a BuiltinCall) -> Answering<'a> {
        ready(whole_menu(&self.0, call))
    }
}

/// The menu of the caller.
pub(super) fn whole_menu(server: &ServerRef, call: &BuiltinCall) -> Result<String, String> {
    let now = server.get().now();
    let commands: Vec<&Command> = now.menu.of(call.who()).collect();
    let menu = serde_json::json!({"revision": now.menu.revision(), "commands": commands});
    render(call, &menu, |_| {
        let mut text = tables::menu(commands.iter().copied());
        text.push_str("\n`help NAME` explains a command and its arguments\n");
        text
    })
}

/// A command's name and its arguments: `<required>`, `[optional]`.
pub(super) fn usage(command: &Command) -> String {
    let mut usage = command.name.clone();
    for arg in &command.args {
        let shown = match arg.kind {
            topside_shared::command::ArgType::Bool => format!("--{}", arg.name),
            _ if arg.by_name => format!("--{} ..", arg.name),
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
        .map(|arg| {
            [format!("  {}", arg.name), values::describe_in_words(arg), arg.description.clone()]
        })
        .collect();
    tables::columns(&rows)
}
