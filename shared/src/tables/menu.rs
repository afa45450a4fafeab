//! The menu as a table.

use super::columns;
use crate::command::Command;
use crate::text::{MAX_NAME, MAX_REASON, clean};

/// Commands by category, with their aliases and titles; the built-ins last.
pub fn menu<'c>(commands: impl IntoIterator<Item = &'c Command>) -> String {
    let commands: Vec<&Command> = commands.into_iter().collect();
    let mut categories: Vec<&str> = Vec::new();
    for command in &commands {
        if !categories.contains(&command.category.as_str()) {
            categories.push(&command.category);
        }
    }
    categories.sort_by_key(|category| *category == "Server");
    let mut rows: Vec<[String; 3]> = Vec::new();
    for category in categories {
        if !rows.is_empty() {
            rows.push([const { String::new() }; 3]);
        }
        rows.push([clean(category, MAX_NAME), String::new(), String::new()]);
        for command in commands.iter().filter(|command| command.category == category) {
            // Narrow enough for half a screen: the arguments are in `help NAME`.
            let needs_arguments = command.args.iter().any(|arg| arg.required);
            let more = if needs_arguments { " (needs arguments)" } else { "" };
            let mark = if command.scheduled { " (scheduled)" } else { "" };
            rows.push([
                format!("  {}", clean(&command.name, MAX_NAME)),
                clean(&command.aliases.join(" "), MAX_REASON),
                clean(&command.title, MAX_REASON) + more + mark,
            ]);
        }
    }
    columns(&rows)
}
