//! `help NAME`: one command in full.

use topside_shared::command::{Arg, ArgType, Command, Effect};
use topside_shared::text;

use crate::builtins::menu::{arguments, usage};
use crate::builtins::{reads, say, server};
use crate::workers::worker::{Call, Calling, Worker};

pub(super) struct Help;

impl Worker for Help {
    fn declaration(&self) -> Command {
        let command = Arg {
            name: "command".into(),
            kind: ArgType::String,
            description: "Name or alias of a command".into(),
            default: Some("help".into()),
            ..Arg::default()
        };
        reads(
            "help",
            &[],
            "Explain a command",
            "Shows what a command does and takes.",
            vec![command],
        )
    }

    fn call<'a>(&'a self, call: Call) -> Calling<'a> {
        let text = explain(&call);
        say(call, text)
    }
}

fn explain(call: &Call) -> Result<String, String> {
    let name = call.text("command").unwrap_or("help");
    let now = server(call).now();
    let entry = now.menu.find(name, call.who()).map_err(|error| error.message)?;
    let Command { title, description, aliases, effect, role, timeout_ms, confirm, .. } =
        &entry.info;
    let mut lines = vec![format!("{} - {title}", usage(&entry.info))];
    if !description.is_empty() {
        lines.push(format!("  {description}"));
    }
    if !entry.info.args.is_empty() {
        lines.push("".to_owned());
        lines.push(arguments(&entry.info).trim_end().to_owned());
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
    lines.push(format!("  {harm}; needs the role {role}"));
    if confirm.is_some() {
        lines.push("  asks to be confirmed".to_owned());
    }
    if let Some(ms) = timeout_ms {
        lines.push(format!("  is ended after {}", text::duration(*ms)));
    }
    if name == "help" {
        lines.push("".to_owned());
        lines.push("`m` shows the menu; `help NAME` explains one command of it.".to_owned());
    }
    lines.push(String::new());
    Ok(lines.join("\n"))
}
