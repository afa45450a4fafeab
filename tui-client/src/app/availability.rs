//! Availability: which actions a screen has, and whether each is possible now, or why not.

use topside_shared::Role;

use crate::app::connection::ConnectionState;
use crate::app::console::{Console, SHUTDOWN};
use crate::app::runs::Phase;
use crate::app::{DialFailed, LocalServer, Screen, State, Via, picker, prompt, tab_actions};

use crate::input::actions::{ACTIONS, Action, Id, Needs, Scope, get};
use crate::input::key::Key;

/// A built-in that only roles with access to the log have in their menu.
const LOG: &str = "log";

/// Whether an action is possible now, or why not.
pub(crate) fn check(state: &State, action: &Action) -> Result<(), String> {
    match action.needs {
        Needs::Nothing => Ok(()),
        // Then it opens the line for the marked servers.
        Needs::ChosenReachable if picker::marked(state).next().is_some() => Ok(()),
        Needs::ChosenReachable => connectable(state),
        Needs::ChosenSaved => saved(state, action.id),
        Needs::ChosenMarkable => markable(state, action.id),
        Needs::AnyMarked => marked(state),
        Needs::AnySaved => any_saved(state),
        Needs::RunTakesInput => asks(state),
        Needs::PromptShown => answering(state),
        Needs::AnyOutput => printed(state),
        Needs::AnyCommand => has_block(state),
        Needs::Unwrapped => unwrapped(state),
        Needs::AnythingCleared => cleared(state),
        Needs::Connected => connected(state),
        Needs::Menu => menu(state),
        Needs::MayReadLog => may_read_log(state),
        Needs::ConnectionEnded => ended(state),
        Needs::ConnectionLost => lost(state),
        Needs::NoServerHere => startable(state),
        Needs::AdminRole => may_administer(state),
        Needs::AnotherClient => may_kick(state),
        Needs::NoShutdownDue => may_shut_down(state),
        Needs::MayPostpone => may_postpone(state),
        Needs::MayCancelShutdown => may_cancel_shutdown(state),
        Needs::Trying => trying(state),
        Needs::StandaloneClient => stoppable(state),
        Needs::SeveralTabs => several_tabs(state),
    }
}

/// Why an action is not possible, in the few words for which a list has room.
pub(crate) fn in_short(needs: Needs) -> &'static str {
    match needs {
        Needs::Nothing => "",
        Needs::ChosenReachable => "no route to it",
        Needs::ChosenSaved | Needs::ChosenMarkable => "not saved",
        Needs::AnyMarked => "none is marked",
        Needs::AnySaved => "none is saved",
        Needs::RunTakesInput | Needs::PromptShown => "no run asks",
        Needs::AnyOutput => "no output",
        Needs::AnyCommand => "no block",
        Needs::Unwrapped => "lines wrap",
        Needs::AnythingCleared => "nothing cleared",
        Needs::Connected => "no session",
        Needs::Menu => "no menu",
        Needs::MayReadLog | Needs::AdminRole => "not for your role",
        Needs::ConnectionEnded => "the session is open",
        Needs::ConnectionLost => "connected",
        Needs::NoServerHere => "not needed",
        Needs::AnotherClient => "no other client",
        Needs::NoShutdownDue => "not now",
        Needs::MayPostpone | Needs::MayCancelShutdown => "none is due",
        Needs::Trying => "nothing to stop",
        Needs::StandaloneClient => "server inside",
        Needs::SeveralTabs => "one tab",
    }
}

pub(crate) fn is_possible(state: &State, id: Id) -> bool {
    check(state, get(id)).is_ok()
}

pub(crate) fn actions_of(state: &State) -> impl Iterator<Item = &'static Action> {
    let place = match state.screen {
        Screen::Picker => Scope::Picker,
        Screen::Console(_) => Scope::Console,
    };
    ACTIONS.iter().filter(move |action| action.place == place || action.place == Scope::Both)
}

/// The action of a key. A bare key has one only while the input is empty and the action is possible; otherwise it is a
/// letter of a command.
pub(crate) fn action_of(state: &State, key: Key) -> Option<&'static Action> {
    let nothing_typed = nothing_typed(state);
    actions_of(state).filter(|action| action.dispatched).find(|action| {
        let bound = state.keys.of(action.id);
        bound.always.contains(&key)
            || nothing_typed && bound.bare.contains(&key) && check(state, action).is_ok()
    })
}

/// Whether bare keys mean actions: the input is empty, or there is no session.
pub(crate) fn nothing_typed(state: &State) -> bool {
    state.session().is_none()
        || state
            .console()
            .is_none_or(|console| console.input.editor.is_empty() && !console.prompt.is_up())
}

fn no(why: impl Into<String>) -> Result<(), String> {
    Err(why.into())
}

fn connectable(state: &State) -> Result<(), String> {
    picker::why_not(state).map_or(Ok(()), Err)
}

fn saved(state: &State, id: Id) -> Result<(), String> {
    if let Some(each) = picker::fleet::chosen(state) {
        let (name, fleet) = (&each.profile.name, &each.fleet);
        return no(format!(
            "{name} is a box of the fleet {fleet}, which its admin changes: `topside fleet tag` and `topside fleet remove`"
        ));
    }
    paired(state, id)
}

fn paired(state: &State, id: Id) -> Result<(), String> {
    match picker::chosen(state) {
        Some(_) => Ok(()),
        None => match picker::chosen_find(state) {
            Some(find) => {
                let key = state.keys.word(Id::Add);
                no(format!("{} is not saved yet: press {key} to save it", find.name))
            }
            None => {
                let done = match id {
                    Id::Duplicate => "duplicated",
                    Id::Delete => "deleted",
                    _ => "changed",
                };
                no(format!("this machine is not a saved server: it cannot be {done}"))
            }
        },
    }
}

/// This machine is marked as a saved server is, beside others.
fn markable(state: &State, id: Id) -> Result<(), String> {
    match picker::chosen_find(state) {
        Some(_) => paired(state, id),
        None => any_saved(state),
    }
}

fn marked(state: &State) -> Result<(), String> {
    if picker::marked(state).next().is_some() {
        return Ok(());
    }
    let (mark, all) = (state.keys.word(Id::Mark), state.keys.word(Id::MarkAll));
    no(format!("no server is marked: {mark} marks one, {all} marks all"))
}

fn any_saved(state: &State) -> Result<(), String> {
    match picker::profiles(state).next() {
        Some(_) => Ok(()),
        None => no("no server is saved"),
    }
}

fn connected(state: &State) -> Result<(), String> {
    match state.link {
        ConnectionState::Connected { .. } => Ok(()),
        _ => no("there is no session now"),
    }
}

fn menu(state: &State) -> Result<(), String> {
    match state.console() {
        Some(console) if !console.menu.commands.is_empty() => Ok(()),
        Some(Console { menu_refused: Some(why), .. }) => no(format!("there is no menu: {why}")),
        _ => no("the menu has not come yet"),
    }
}

fn lost(state: &State) -> Result<(), String> {
    match state.link {
        ConnectionState::Lost(_) => Ok(()),
        ConnectionState::Dialling(_) => no("it is being tried already"),
        _ => no("the session is open"),
    }
}

fn ended(state: &State) -> Result<(), String> {
    match state.link {
        ConnectionState::Connected { .. } => no("the session is open"),
        _ => Ok(()),
    }
}

fn startable(state: &State) -> Result<(), String> {
    match (&state.link, state.console()) {
        (ConnectionState::Lost(lost), Some(console)) if console.target.via == Via::Same => {
            let gone = matches!(lost.failed, Some(DialFailed::NoServer(_)));
            if gone || state.local_server == LocalServer::NotRunning {
                Ok(())
            } else {
                no("connect again first: a server may be there")
            }
        }
        (ConnectionState::Lost(_), _) => no("only a server of this machine can be started here"),
        _ => no("a server is running already"),
    }
}

fn stoppable(state: &State) -> Result<(), String> {
    if state.embedded_server {
        return no("the server inside this program would stop with it, for everybody");
    }
    Ok(())
}

fn several_tabs(state: &State) -> Result<(), String> {
    if state.tabs.len() > 1 {
        return Ok(());
    }
    no(format!("only one tab is open: {} opens another", state.keys.word(Id::NewTab)))
}

fn trying(state: &State) -> Result<(), String> {
    match &state.link {
        _ if state.saving.is_some() || state.sending.is_some() => Ok(()),
        ConnectionState::Dialling(_) => Ok(()),
        ConnectionState::Lost(lost) if lost.retry.is_some() => Ok(()),
        // Leaves a new tab for the one before it.
        _ if tab_actions::is_new(state) => Ok(()),
        _ => no("nothing is being tried now"),
    }
}

fn asks(state: &State) -> Result<(), String> {
    match state.console() {
        Some(console) if prompt::keyboard::can_switch(console) => Ok(()),
        _ => no("no run of yours takes input now"),
    }
}

fn answering(state: &State) -> Result<(), String> {
    match state.console() {
        Some(console) if console.prompt.is_up() => Ok(()),
        _ => no("nothing is typed for a run now"),
    }
}

fn printed(state: &State) -> Result<(), String> {
    match state.console() {
        Some(console) if !console.runs.is_empty() => Ok(()),
        _ => no("there is no output yet"),
    }
}

fn cleared(state: &State) -> Result<(), String> {
    match state.console() {
        Some(console) if console.runs.can_undo_clear() => Ok(()),
        _ => no("nothing was cleared, or its memory was needed"),
    }
}

fn has_block(state: &State) -> Result<(), String> {
    let chosen = state.console().and_then(|console| console.runs.chosen());
    match chosen {
        Some(info) if info.phase != Phase::Note => Ok(()),
        _ => no("no command was run yet"),
    }
}

fn unwrapped(state: &State) -> Result<(), String> {
    if state.pane_choice().unwrapped {
        return Ok(());
    }
    no(format!("long lines are wrapped: {} shows each in one row", state.keys.word(Id::Wrap)))
}

fn may_read_log(state: &State) -> Result<(), String> {
    may(state, LOG)
}

fn may_kick(state: &State) -> Result<(), String> {
    may_administer(state)?;
    match state.console() {
        Some(console) if console.clients.len() > 1 => Ok(()),
        _ => no("no other client is connected"),
    }
}

fn may_shut_down(state: &State) -> Result<(), String> {
    may(state, SHUTDOWN)?;
    match due(state) {
        Some(_) => no("one is due already: postpone it, or cancel it"),
        None => Ok(()),
    }
}

fn may_postpone(state: &State) -> Result<(), String> {
    may(state, SHUTDOWN)?;
    due(state).map_or_else(|| no("none is due"), |_| Ok(()))
}

fn may_cancel_shutdown(state: &State) -> Result<(), String> {
    may_administer(state)?;
    due(state).map_or_else(|| no("none is due"), |_| Ok(()))
}

fn due(state: &State) -> Option<u64> {
    state.console()?.due_in(state.clock.mono)
}

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

/// Whether the menu has this built-in; the menu has only what the role may run.
fn may(state: &State, command: &str) -> Result<(), String> {
    connected(state)?;
    menu(state)?;
    match state.console() {
        Some(console) if console.menu.find(command).is_some() => Ok(()),
        Some(console) => no(needs_another_role(console)),
        None => no("there is no session now"),
    }
}
