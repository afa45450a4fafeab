//! `menu` (m): what there is.

use topside_shared::command::Command;
use topside_shared::values;

use super::{Calling, reads, say};
use crate::commands::{Call, Worker};

pub(super) struct Menu;

impl Worker for Menu {
    fn declaration(&self) -> Command {
        reads("menu", &["m"], "Show the menu", "Lists every command that you may run.", Vec::new())
    }

    fn call<'a>(&'a self, call: Call) -> Calling<'a> {
        let now = call.server.now();
        let commands: Vec<&Command> = now.menu.of(call.who()).collect();
        let mut categories: Vec<&str> = Vec::new();
        for command in &commands {
            if !categories.contains(&command.category.as_str()) {
                categories.push(&command.category);
            }
        }
        // What the owner of the box declared comes before what every server has.
        categories.sort_by_key(|category| *category == "Server");
        let mut rows: Vec<[String; 3]> = Vec::new();
        for category in categories {
            if !rows.is_empty() {
                rows.push([const { String::new() }; 3]);
            }
            rows.push([category.to_owned(), String::new(), String::new()]);
            for command in commands.iter().filter(|command| command.category == category) {
                // Narrow enough for half a screen: the arguments are in `help NAME`.
                let more = if command.args.is_empty() { "" } else { " …" };
                rows.push([
                    format!("  {}{more}", command.name),
                    command.aliases.join(" "),
                    command.title.clone(),
                ]);
            }
        }
        let mut text = crate::table::columns(&rows);
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
    crate::table::columns(&rows)
}
