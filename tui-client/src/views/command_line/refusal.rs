//! Lines that the parser accepts and the screen does not: a verb for a shell, or a value that the screen knows to be wrong.

use topside_shared::ClientId;

use super::run_verb::expected_return;
use super::saved_servers;
use crate::app::State;
use crate::input::actions::Id;
use crate::verb_args::Verb;
use crate::verb_args::server::{Input, ServerVerb};
use crate::verb_args::verb_line::LineVerb;
use crate::views::theme_chooser;

const JSON: &str = "--json is for a shell: the screen shows the answer as text";

/// Why a verb is not for the screen, if it is not. The line stays then.
pub(super) fn refusal(state: &State, verb: &LineVerb) -> Option<String> {
    let verb = match verb {
        LineVerb::Shell(verb) => verb,
        LineVerb::Theme { name: Some(name) } => return theme_chooser::unknown(state, name),
        LineVerb::Theme { name: None } | LineVerb::Quit => return None,
    };
    match verb {
        Verb::Ask(ask) => {
            let how = ask.how();
            if state.console().is_none() {
                let key = state.keys.word(Id::Connect);
                return Some(format!(
                    "this verb asks a server: {key} connects to the chosen one; type it there"
                ));
            }
            if how.on.is_given() {
                let name = state.console().map_or("this server", |console| console.name());
                return Some(format!("--on and --via are for a shell: this line goes to {name}"));
            }
            if how.json {
                return Some(JSON.to_owned());
            }
            match ask {
                ServerVerb::Input(Input { line: None, end: false, .. }) => Some(
                    "give the line for the run: `input RUN LINE`; --end ends its input".to_owned(),
                ),
                ServerVerb::Fetch(fetch) if fetch.output.as_deref() == Some("-") => {
                    Some("`-o -` is for a shell: -o takes a file or a directory".to_owned())
                }
                ServerVerb::Kick(kick) => {
                    let console = state.console()?;
                    let id = ClientId(kick.client);
                    (!console.clients.is_empty() && !console.clients.contains_key(&id))
                        .then(|| format!("there is no client {id}: it may have left"))
                }
                ServerVerb::Shutdown(args) => expected_return(state, args.back.as_deref(), 0).err(),
                ServerVerb::Postpone(args) => expected_return(state, args.back.as_deref(), 0).err(),
                _ => None,
            }
        }
        Verb::Saved(verb) if verb.json() => Some(JSON.to_owned()),
        Verb::Saved(verb) => saved_servers::edit_of(state, verb).err(),
        #[cfg(feature = "hub")]
        Verb::Fleet(_) => Some("this verb is for a shell".to_owned()),
        // The parser has refused these.
        Verb::Connect(_)
        | Verb::Run(_)
        | Verb::Pair(_)
        | Verb::Id
        | Verb::Import(_)
        | Verb::Mcp(_)
        | Verb::Completions(_)
        | Verb::Man(_)
        | Verb::Serve(_) => Some("this verb is for a shell".to_owned()),
    }
}
