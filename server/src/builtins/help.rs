//! `help NAME`: one command in full. Without a name, the menu.

use topside_shared::command::{ArgType, Command, Effect};
use topside_shared::text;

use crate::builtins::menu::{arguments, usage, whole_menu};
use crate::builtins::{json, optional, reads, ready, render};
use crate::menu::builtin::{Answering, Builtin, BuiltinCall};
use crate::server::ServerRef;

pub(super) struct Help(pub(super) ServerRef);

impl Builtin for Help {
    fn declaration(&self) -> Command {
        let command = optional("command", ArgType::String, "Name or alias of a command");
        let description = "Shows what a command does and takes; without a name, the menu.";
        reads("help", &[], "Explain a command", description, vec![command, json()])
    }

    fn answer<'a>(&'a self, call: &'a BuiltinCall) -> Answering<'a> {
        let Some(name) = call.text("command") else { return ready(whole_menu(&self.0, call)) };
        let now = self.0.get().now();
        let entry = now.menu.find(name, call.who()).map_err(|error| error.message);
        ready(entry.and_then(|entry| render(call, &*entry.info, explain)))
    }
}

fn explain(command: &Command) -> String {
    let Command { title, description, aliases, effect, role, timeout_ms, confirm, .. } = command;
    let mut lines = vec![format!("{} - {title}", usage(command))];
    if !description.is_empty() {
        lines.push(format!("  {description}"));
    }
    if !command.args.is_empty() {
        lines.push("".to_owned());
        lines.push(arguments(command).trim_end().to_owned());
    }
    lines.push("".to_owned());
    if !aliases.is_empty() {
        lines.push(format!("  also: {}", aliases.join(", ")));
    }
    let harm = match effect {
        Effect::Read => "only reads",
        Effect::Write => "changes something",
        Effect::Destructive => "ends or destroys something",
    };
    lines.push(format!("  {harm}; needs role {role}"));
    if confirm.is_some() {
        lines.push("  asks to be confirmed".to_owned());
    }
    if let Some(ms) = timeout_ms {
        lines.push(format!("  is ended after {}", text::duration(*ms)));
    }
    lines.push(String::new());
    lines.join("\n")
}
