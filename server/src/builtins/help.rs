//! `help NAME`: one command in full.

use topside_shared::command::{Arg, ArgType, Command, Effect};
use topside_shared::text;

use crate::builtins::menu::{arguments, usage};
use crate::builtins::{json, optional, reads, ready, render};
use crate::menu::builtin::{Answering, Builtin, BuiltinCall};
use crate::server::ServerRef;

pub(super) struct Help(pub(super) ServerRef);

impl Builtin for Help {
    fn declaration(&self) -> Command {
        let command = Arg {
            default: Some("help".into()),
            ..optional("command", ArgType::String, "Name or alias of a command")
        };
        let description = "Shows what a command does and takes.";
        reads("help", &[], "Explain a command", description, vec![command, json()])
    }

    fn answer<'a>(&'a self, call: &'a BuiltinCall) -> Answering<'a> {
        let name = call.text("command").unwrap_or("help");
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
        Effect::Read => "only looks",
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
    if command.name == "help" {
        lines.push("".to_owned());
        lines.push("`menu` lists the commands; `help NAME` explains one of them.".to_owned());
    }
    lines.push(String::new());
    lines.join("\n")
}
