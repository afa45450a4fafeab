//! Whether an action is possible now, or why not.

use topside_shared::Role;

use crate::app::connection::Link;
use crate::app::console::Console;
use crate::app::runs::Phase;
use crate::app::server::{admin, log};
use crate::app::{DialFailed, Here, State, Via, picker, prompt};

use crate::input::actions::Id;

fn no(why: impl Into<String>) -> Result<(), String> {
    Err(why.into())
}

pub(crate) fn connectable(state: &State) -> Result<(), String> {
    picker::why_not(state).map_or(Ok(()), Err)
}

pub(crate) fn saved(state: &State) -> Result<(), String> {
    match picker::chosen(state) {
        Some(_) => Ok(()),
        None => match picker::chosen_find(state) {
            Some(find) => {
                let key = state.keys.word(Id::Add);
                no(format!("{} is not saved yet: press {key} to save it", find.name))
            }
            None => {
                let key = state.keys.word(Id::Add);
                no(format!("this machine is not a saved server: press {key} to add one"))
            }
        },
    }
}

pub(crate) fn connected(state: &State) -> Result<(), String> {
    match state.link {
        Link::Connected { .. } => Ok(()),
        _ => no("there is no session now"),
    }
}

pub(crate) fn menu(state: &State) -> Result<(), String> {
    match state.console() {
        Some(console) if !console.menu.commands.is_empty() => Ok(()),
        Some(Console { menu_refused: Some(why), .. }) => no(format!("there is no menu: {why}")),
        _ => no("the menu has not come yet"),
    }
}

pub(crate) fn lost(state: &State) -> Result<(), String> {
    match state.link {
        Link::Lost(_) => Ok(()),
        Link::Dialling(_) => no("it is being tried already"),
        _ => no("the session is open"),
    }
}

pub(crate) fn ended(state: &State) -> Result<(), String> {
    match state.link {
        Link::Connected { .. } => no("the session is open"),
        _ => Ok(()),
    }
}

pub(crate) fn startable(state: &State) -> Result<(), String> {
    match (&state.link, state.console()) {
        (Link::Lost(lost), Some(console)) if console.target.via == Via::Same => {
            let gone = matches!(lost.failed, Some(DialFailed::NoServer(_)));
            if gone || state.here == Here::NotRunning {
                Ok(())
            } else {
                no("connect again first: a server may be there")
            }
        }
        (Link::Lost(_), _) => no("only a server of this machine can be started here"),
        _ => no("a server is running already"),
    }
}

pub(crate) fn stoppable(state: &State) -> Result<(), String> {
    if state.carries {
        return no("the server inside this program would stop with it, for everybody");
    }
    Ok(())
}

pub(crate) fn trying(state: &State) -> Result<(), String> {
    match &state.link {
        _ if state.saving.is_some() => Ok(()),
        Link::Dialling(_) => Ok(()),
        Link::Lost(lost) if lost.retry.is_some() => Ok(()),
        _ => no("nothing is being tried now"),
    }
}

pub(crate) fn asks(state: &State) -> Result<(), String> {
    match state.console() {
        Some(console) if prompt::can_switch(console) => Ok(()),
        _ => no("no run of yours takes input now"),
    }
}

pub(crate) fn answering(state: &State) -> Result<(), String> {
    match state.console() {
        Some(console) if console.prompt.is_up() => Ok(()),
        _ => no("nothing is typed for a run now"),
    }
}

pub(crate) fn printed(state: &State) -> Result<(), String> {
    match state.console() {
        Some(console) if !console.runs.is_empty() => Ok(()),
        _ => no("there is no output yet"),
    }
}

pub(crate) fn has_block(state: &State) -> Result<(), String> {
    let chosen = state.console().and_then(|console| console.runs.chosen());
    match chosen {
        Some(info) if info.phase != Phase::Note => Ok(()),
        _ => no("no command was run yet"),
    }
}

pub(crate) fn may_read_log(state: &State) -> Result<(), String> {
    may(state, log::COMMAND)
}

pub(crate) fn may_kick(state: &State) -> Result<(), String> {
    may_administer(state)?;
    match state.console() {
        Some(console) if console.clients.len() > 1 => Ok(()),
        _ => no("nobody else is connected"),
    }
}

pub(crate) fn may_shut_down(state: &State) -> Result<(), String> {
    may(state, admin::SHUTDOWN)?;
    match due(state) {
        Some(_) => no("one is due already: postpone it, or call it off"),
        None => Ok(()),
    }
}

pub(crate) fn may_postpone(state: &State) -> Result<(), String> {
    may(state, admin::SHUTDOWN)?;
    due(state).map_or_else(|| no("none is due"), |_| Ok(()))
}

pub(crate) fn may_call_off(state: &State) -> Result<(), String> {
    may_administer(state)?;
    due(state).map_or_else(|| no("none is due"), |_| Ok(()))
}

fn due(state: &State) -> Option<u64> {
    admin::due_in(state.console()?, state.clock.mono)
}

/// Whether the role may call the methods for admins.
pub(crate) fn may_administer(state: &State) -> Result<(), String> {
    connected(state)?;
    match state.console() {
        Some(console) if console.welcome.you.role == Role::Admin => Ok(()),
        Some(console) => no(needs_another_role(console)),
        None => no("there is no session now"),
    }
}

fn needs_another_role(console: &Console) -> String {
    format!("your role, {}, may not do this", console.welcome.you.role)
}

/// Whether the menu has this built-in: it has what the role may run.
fn may(state: &State, command: &str) -> Result<(), String> {
    connected(state)?;
    menu(state)?;
    match state.console() {
        Some(console) if console.menu.find(command).is_some() => Ok(()),
        Some(console) => no(needs_another_role(console)),
        None => no("there is no session now"),
    }
}
