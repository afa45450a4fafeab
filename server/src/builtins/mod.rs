//! The commands that every server has, one file each. They stand in the same table as any other and
//! obey the same roles and arguments.

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

use topside_shared::command::{Arg, ArgType, Command, Effect};

use crate::server::Server;
use crate::workers::worker::{Call, Calling, Worker};

/// All of them, in the menu's order.
pub(crate) fn all() -> Vec<Arc<dyn Worker>> {
    vec![
        Arc::new(menu::Menu),
        Arc::new(help::Help),
        Arc::new(status::Status),
        Arc::new(clients::Clients),
        Arc::new(runs::Runs),
        Arc::new(log::Log),
        Arc::new(version::Version),
        Arc::new(time::Time),
        Arc::new(echo::Echo),
        Arc::new(close::Close),
        Arc::new(shutdown::Shutdown),
    ]
}

/// The server that a call belongs to.
fn server(call: &Call) -> Arc<Server> {
    let host = Arc::clone(&call.host).downcast();
    host.unwrap_or_else(|_| unreachable!("the server starts each built-in"))
}

/// Says `text`, or why there is none.
fn say<'a>(call: Call, text: Result<String, String>) -> Calling<'a> {
    Box::pin(async move {
        call.print(&text?).await;
        Ok(())
    })
}

/// A built-in that only looks.
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

/// An optional argument.
fn optional(name: &str, kind: ArgType, description: &str) -> Arg {
    Arg { name: name.into(), kind, description: description.into(), ..Arg::default() }
}

#[cfg(test)]
mod tests {
    use topside_shared::values::validate_args;

    use super::*;

    #[test]
    fn every_built_in_has_a_title_a_description_and_sound_arguments() {
        for worker in all() {
            let info = worker.declaration();
            assert!(!info.title.is_empty() && info.description.ends_with('.'), "{}", info.name);
            validate_args(&info.args).unwrap();
            for arg in &info.args {
                assert!(!arg.description.is_empty(), "{} {}", info.name, arg.name);
            }
        }
    }

    #[test]
    fn the_codes_of_the_old_server_still_work() {
        let all: Vec<Command> = all().iter().map(|worker| worker.declaration()).collect();
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
