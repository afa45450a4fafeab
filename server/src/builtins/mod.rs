//! Built-ins: the commands that every server has and answers itself, one file each.

mod clients;
mod close;
mod echo;
mod help;
mod log;
mod menu;
mod runs;
mod shutdown;
mod status;
mod time;
mod version;

use std::sync::Arc;

use serde::Serialize;
use topside_shared::command::{Arg, ArgType, Command, Effect};

use crate::menu::builtin::{Answering, Builtin, BuiltinCall};
use crate::server::ServerRef;
use crate::settings::host::Host;

/// All built-ins, in the order of the menu.
pub(crate) fn all(server: &ServerRef, host: &Host) -> Vec<Arc<dyn Builtin>> {
    let server = || server.clone();
    vec![
        Arc::new(menu::Menu(server())),
        Arc::new(help::Help(server())),
        Arc::new(status::Status(server())),
        Arc::new(clients::Clients(server())),
        Arc::new(runs::Runs(server())),
        Arc::new(log::Log(server())),
        Arc::new(version::Version(server())),
        Arc::new(time::Time),
        Arc::new(echo::Echo),
        Arc::new(close::Close),
        Arc::new(shutdown::Shutdown { server: server(), ways: host.offered() }),
    ]
}

/// An answer that waits for nothing.
fn ready<'a>(answer: Result<String, String>) -> Answering<'a> {
    Box::pin(std::future::ready(answer))
}

/// A value as JSON if the call asks for that, else as text.
fn render<T: Serialize>(
    call: &BuiltinCall,
    value: &T,
    text: impl FnOnce(&T) -> String,
) -> Result<String, String> {
    if !call.flag("json") {
        return Ok(text(value));
    }
    let json = serde_json::to_string(value).map_err(|error| error.to_string())?;
    Ok(json + "\n")
}

fn reads(name: &str, aliases: &[&str], title: &str, description: &str, args: Vec<Arg>) -> Command {
    let effect = Effect::Read;
    Command {
        name: name.into(),
        title: title.into(),
        description: description.into(),
        category: "Server".into(),
        aliases: aliases.iter().map(|alias| (*alias).into()).collect(),
        effect,
        role: effect.default_role(),
        args,
        ..Command::default()
    }
}

/// The argument that asks [`render`] for JSON.
fn json() -> Arg {
    optional("json", ArgType::Bool, "Answer with one JSON document")
}

fn optional(name: &str, kind: ArgType, description: &str) -> Arg {
    Arg { name: name.into(), kind, description: description.into(), ..Arg::default() }
}

#[cfg(test)]
mod tests {
    use topside_shared::values::validate_args;

    use super::*;

    #[test]
    fn every_built_in_has_a_title_a_description_and_sound_arguments() {
        for builtin in all(&ServerRef::default(), &Host::default()) {
            let info = builtin.declaration();
            assert!(!info.title.is_empty() && info.description.ends_with('.'), "{}", info.name);
            validate_args(&info.args).unwrap();
            for arg in &info.args {
                assert!(!arg.description.is_empty(), "{} {}", info.name, arg.name);
            }
        }
    }

    #[test]
    fn the_codes_of_the_old_server_still_work() {
        let all = all(&ServerRef::default(), &Host::default());
        let all: Vec<Command> = all.iter().map(|builtin| builtin.declaration()).collect();
        for (code, name) in [
            ("m", "menu"),
            ("gv", "version"),
            ("gt", "time"),
            ("gat", "status"),
            ("rlf", "log"),
            ("ks", "shutdown"),
            ("close", "close"),
        ] {
            let found = all.iter().find(|info| info.answers_to(code)).unwrap();
            assert_eq!(found.name, name);
        }
    }
}
