//! Whether an action is possible now, or why not.

use crate::app::console::Console;
use crate::app::link::Link;
use crate::app::runs::Phase;
use crate::app::{
    DialFailed, Here, State, Via, inviting, keys_view, log_view, ordering, people, picker, prompt,
    reloading,
};

use super::Id;

fn no(why: impl Into<String>) -> Result<(), String> {
    Err(why.into())
}

pub(super) fn connectable(state: &State) -> Result<(), String> {
    picker::why_not(state).map_or(Ok(()), Err)
}

pub(super) fn saved(state: &State) -> Result<(), String> {
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

pub(super) fn connected(state: &State) -> Result<(), String> {
    match state.link {
        Link::Connected { .. } => Ok(()),
        _ => no("there is no session now"),
    }
}

pub(super) fn menu(state: &State) -> Result<(), String> {
    match state.console() {
        Some(console) if !console.menu.commands.is_empty() => Ok(()),
        Some(Console { menu_refused: Some(why), .. }) => no(format!("there is no menu: {why}")),
        _ => no("the menu has not come yet"),
    }
}

pub(super) fn lost(state: &State) -> Result<(), String> {
    match state.link {
        Link::Lost(_) => Ok(()),
        Link::Dialling(_) => no("it is being tried already"),
        _ => no("the session is open"),
    }
}

pub(super) fn ended(state: &State) -> Result<(), String> {
    match state.link {
        Link::Connected { .. } => no("the session is open"),
        _ => Ok(()),
    }
}

pub(super) fn startable(state: &State) -> Result<(), String> {
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

pub(super) fn stoppable(state: &State) -> Result<(), String> {
    if state.carries {
        return no("the server inside this program would stop with it, for everybody");
    }
    Ok(())
}

pub(super) fn trying(state: &State) -> Result<(), String> {
    match &state.link {
        _ if state.saving.is_some() => Ok(()),
        Link::Dialling(_) => Ok(()),
        Link::Lost(lost) if lost.retry.is_some() => Ok(()),
        _ => no("nothing is being tried now"),
    }
}

pub(super) fn asks(state: &State) -> Result<(), String> {
    match state.console() {
        Some(console) if prompt::can_switch(console) => Ok(()),
        _ => no("no run of yours takes input now"),
    }
}

pub(super) fn answering(state: &State) -> Result<(), String> {
    match state.console() {
        Some(console) if console.prompt.is_up() => Ok(()),
        _ => no("nothing is typed for a run now"),
    }
}

pub(super) fn printed(state: &State) -> Result<(), String> {
    match state.console() {
        Some(console) if !console.runs.is_empty() => Ok(()),
        _ => no("there is no output yet"),
    }
}

pub(super) fn has_block(state: &State) -> Result<(), String> {
    let chosen = state.console().and_then(|console| console.runs.chosen());
    match chosen {
        Some(info) if info.phase != Phase::Note => Ok(()),
        _ => no("no command was run yet"),
    }
}

pub(super) fn may_broadcast(state: &State) -> Result<(), String> {
    may(state, ordering::BROADCAST)
}

pub(super) fn may_read_log(state: &State) -> Result<(), String> {
    may(state, log_view::COMMAND)
}

pub(super) fn may_kick(state: &State) -> Result<(), String> {
    may(state, people::KICK)?;
    match state.console() {
        Some(console) if console.clients.len() > 1 => Ok(()),
        _ => no("nobody else is connected"),
    }
}

pub(super) fn may_invite(state: &State) -> Result<(), String> {
    may(state, inviting::INVITE)
}

pub(super) fn may_list_keys(state: &State) -> Result<(), String> {
    may(state, keys_view::KEYS)
}

pub(super) fn may_reload(state: &State) -> Result<(), String> {
    may(state, reloading::RELOAD)
}

pub(super) fn may_shut_down(state: &State) -> Result<(), String> {
    may(state, ordering::SHUTDOWN)?;
    match due(state) {
        Some(_) => no("one is due already: postpone it, or call it off"),
        None => Ok(()),
    }
}

pub(super) fn may_postpone(state: &State) -> Result<(), String> {
    may(state, ordering::SHUTDOWN)?;
    due(state).map_or_else(|| no("none is due"), |_| Ok(()))
}

pub(super) fn may_call_off(state: &State) -> Result<(), String> {
    may(state, ordering::CALL_OFF)?;
    due(state).map_or_else(|| no("none is due"), |_| Ok(()))
}

fn due(state: &State) -> Option<u64> {
    ordering::due_in(state.console()?, state.clock.mono)
}

/// Whether the menu has this built-in: it has what the role may run.
pub(crate) fn may(state: &State, command: &str) -> Result<(), String> {
    connected(state)?;
    menu(state)?;
    match state.console() {
        Some(console) if console.menu.find(command).is_some() => Ok(()),
        Some(console) => no(format!("your role, {}, may not do this", console.welcome.you.role)),
        None => no("there is no session now"),
    }
}
