//! The one registry of actions. The hint line, the help and the palette read it, and `update` finds
//! here what a key does; an action that is not possible now says why. Which keys it has is the
//! [`Keymap`]'s to say: those of this registry, but for what keymap.toml changes.

use crate::app::availability::{
    answering, asks, connectable, connected, ended, has_block, lost, may_administer, may_call_off,
    may_kick, may_postpone, may_read_log, may_shut_down, menu, printed, saved, startable,
    stoppable, trying,
};
use crate::app::connection::Link;
use crate::app::console::{Console, shows_clients};
use crate::app::{Screen, State, prompt};
use crate::input::key::Key;

/// Names an action.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Id {
    Connect,
    Up,
    Down,
    OtherColumn,
    ToServers,
    ToWays,
    Invite,
    Add,
    Edit,
    Duplicate,
    Delete,
    Test,
    StopTrying,
    Run,
    Complete,
    Older,
    Recall,
    EditLine,
    KillLine,
    OtherBox,
    Unhide,
    PageUp,
    PageDown,
    LineUp,
    LineDown,
    Top,
    End,
    Search,
    SelectOlder,
    SelectNewer,
    Fold,
    FoldAll,
    Copy,
    Save,
    Clear,
    Clients,
    Kick,
    Menu,
    Runs,
    Notices,
    Status,
    Log,
    Interrupt,
    ToPicker,
    Back,
    Reconnect,
    StartHere,
    Broadcast,
    Shutdown,
    Postpone,
    CallOff,
    Keys,
    MakeInvite,
    Reload,
    Mouse,
    Help,
    Palette,
    ReadSettings,
    Suspend,
    Leave,
    Quit,
}

/// On which screen an action exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    Picker,
    Console,
    Both,
}

/// Whether an action can do harm, and what stands before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Danger {
    None,
    /// It asks, with Cancel focused.
    Asks,
    /// It wants the server's name typed.
    Name,
}

/// One thing that a person can do.
pub(crate) struct Action {
    pub(crate) id: Id,
    /// What keymap.toml calls it. It never changes, whatever the title says.
    pub(crate) name: &'static str,
    /// What it does, in a few words.
    pub(crate) title: &'static str,
    /// The same in one word, for the hint line; empty: it is never there.
    pub(crate) short: &'static str,
    /// Keys that always mean it, unless keymap.toml says otherwise.
    pub(super) always: &'static [&'static str],
    /// Keys that mean it while nothing is typed.
    pub(super) bare: &'static [&'static str],
    pub(crate) place: Place,
    /// The heading in the help.
    pub(crate) group: &'static str,
    pub(crate) danger: Danger,
    /// Whether it is possible now, or why not.
    pub(crate) enabled: fn(&State) -> Result<(), String>,
    /// Whether `update` carries it out; the other ones are the input box's own keys.
    pub(crate) dispatched: bool,
}

const BASE: Action = Action {
    id: Id::Help,
    name: "",
    title: "",
    short: "",
    always: &[],
    bare: &[],
    place: Place::Console,
    group: "",
    danger: Danger::None,
    enabled: |_| Ok(()),
    dispatched: true,
};

const TYPING: Action = Action { group: "Typing", dispatched: false, ..BASE };
const OUTPUT: Action = Action { group: "Output", ..BASE };
const SERVER: Action = Action { group: "Server", ..BASE };
const CHOICE: Action = Action { group: "Choosing", place: Place::Picker, ..BASE };
const TOPSIDE: Action = Action { group: "Topside", place: Place::Both, ..BASE };

/// All of them, in the order of the help.
#[rustfmt::skip]
pub(crate) const ACTIONS: &[Action] = &[
    Action { id: Id::Connect, name: "connect", title: "Connect", short: "connect", always: &["enter"], enabled: connectable, ..CHOICE },
    Action { id: Id::Up, name: "up", title: "Up", always: &["up", "k"], ..CHOICE },
    Action { id: Id::Down, name: "down", title: "Down", always: &["down", "j"], ..CHOICE },
    Action { id: Id::OtherColumn, name: "other-column", title: "Servers or connection types", short: "how", always: &["tab", "backtab"], ..CHOICE },
    Action { id: Id::ToServers, name: "to-servers", title: "To the servers", always: &["left"], ..CHOICE },
    Action { id: Id::ToWays, name: "to-ways", title: "To the connection types", always: &["right"], ..CHOICE },
    Action { id: Id::Invite, name: "invite", title: "Paste an invite, to pair", short: "invite", always: &["i"], ..CHOICE },
    Action { id: Id::Add, name: "add", title: "Add a server", short: "add", always: &["a"], ..CHOICE },
    Action { id: Id::Edit, name: "edit", title: "Edit this server", short: "edit", always: &["e"], enabled: saved, ..CHOICE },
    Action { id: Id::Duplicate, name: "duplicate", title: "Duplicate this server", short: "duplicate", always: &["c"], enabled: saved, ..CHOICE },
    Action { id: Id::Delete, name: "delete", title: "Forget this server", short: "delete", always: &["d", "delete"], enabled: saved, danger: Danger::Asks, ..CHOICE },
    Action { id: Id::Test, name: "test", title: "Test whether a server answers", short: "test", always: &["t"], ..CHOICE },

    Action { id: Id::Run, name: "run", title: "Run the line", short: "run", always: &["enter"], ..TYPING },
    Action { id: Id::Complete, name: "complete", title: "Complete; again for the next", short: "complete", always: &["tab"], ..TYPING },
    Action { id: Id::Older, name: "older", title: "Earlier lines that begin so", always: &["up", "down"], ..TYPING },
    Action { id: Id::Recall, name: "recall", title: "Search earlier lines", always: &["ctrl-r"], ..TYPING },
    Action { id: Id::EditLine, name: "edit-line", title: "By word; start; end", always: &["alt-b", "alt-f", "ctrl-a", "ctrl-e"], ..TYPING },
    Action { id: Id::KillLine, name: "kill-line", title: "Cut word; line; back again", always: &["ctrl-w", "ctrl-u", "ctrl-k", "ctrl-y"], ..TYPING },

    Action { id: Id::OtherBox, name: "other-box", title: "To the run that asks, or the commands", short: "other box", always: &["ctrl-o"], enabled: asks, dispatched: true, ..TYPING },
    Action { id: Id::Unhide, name: "unhide", title: "Show or hide what is typed for a run", short: "show or hide", always: &["ctrl-s"], enabled: answering, dispatched: true, ..TYPING },

    Action { id: Id::PageUp, name: "page-up", title: "Page up", short: "scroll", always: &["pgup"], ..OUTPUT },
    Action { id: Id::PageDown, name: "page-down", title: "Page down", always: &["pgdn"], ..OUTPUT },
    Action { id: Id::LineUp, name: "line-up", title: "Line up", always: &["shift-up"], ..OUTPUT },
    Action { id: Id::LineDown, name: "line-down", title: "Line down", always: &["shift-down"], ..OUTPUT },
    Action { id: Id::Top, name: "top", title: "To the beginning", bare: &["home"], always: &["ctrl-home"], ..OUTPUT },
    Action { id: Id::End, name: "end", title: "To the end, and follow it", short: "follow", bare: &["end"], always: &["ctrl-end"], ..OUTPUT },
    Action { id: Id::Search, name: "search", title: "Search the output", short: "search", bare: &["/"], always: &["alt-/"], enabled: printed, ..OUTPUT },
    Action { id: Id::SelectOlder, name: "select-older", title: "Pick the block above", always: &["alt-up"], enabled: printed, ..OUTPUT },
    Action { id: Id::SelectNewer, name: "select-newer", title: "Pick the block below", always: &["alt-down"], enabled: printed, ..OUTPUT },
    Action { id: Id::Copy, name: "copy", title: "Copy the block's output", short: "copy", always: &["f6"], enabled: has_block, ..OUTPUT },
    Action { id: Id::Save, name: "save", title: "Save the block's output to a file", short: "save", always: &["f7"], enabled: has_block, ..OUTPUT },
    Action { id: Id::Fold, name: "fold", title: "Fold or unfold the block", short: "fold", always: &["f8"], enabled: has_block, ..OUTPUT },
    Action { id: Id::FoldAll, name: "fold-all", title: "Fold or unfold all blocks", always: &["shift-f8"], enabled: has_block, ..OUTPUT },
    Action { id: Id::Clear, name: "clear", title: "Clear what has ended", always: &["ctrl-l"], enabled: printed, ..OUTPUT },

    Action { id: Id::Clients, name: "clients", title: "Who is connected", short: "clients", always: &["f2"], enabled: connected, ..SERVER },
    Action { id: Id::Menu, name: "menu", title: "The menu of commands", short: "menu", always: &["f3"], enabled: menu, ..SERVER },
    Action { id: Id::Runs, name: "runs", title: "Runs, live and past", short: "runs", always: &["f12"], enabled: connected, ..SERVER },
    Action { id: Id::Notices, name: "notices", title: "What was said unasked", short: "notices", always: &["alt-n"], ..SERVER },
    Action { id: Id::Status, name: "status", title: "How the server stands", short: "status", always: &["alt-s"], enabled: connected, ..SERVER },
    Action { id: Id::Log, name: "log", title: "The server's log, live", short: "log", always: &["alt-l"], enabled: may_read_log, ..SERVER },
    Action { id: Id::ToPicker, name: "to-picker", title: "Close the session, to the picker", short: "picker", always: &["f4"], ..SERVER },
    Action { id: Id::Back, name: "back", title: "Back to the picker", short: "picker", bare: &["P"], enabled: ended, ..SERVER },
    Action { id: Id::Reconnect, name: "reconnect", title: "Connect again", short: "reconnect", always: &["f5"], bare: &["R"], enabled: lost, ..SERVER },
    Action { id: Id::StartHere, name: "start-here", title: "Start a server here", short: "start one here", bare: &["S"], enabled: startable, ..SERVER },
    Action { id: Id::Interrupt, name: "interrupt", title: "Cancel what runs, or leave", short: "cancel", always: &["ctrl-c"], ..SERVER },
    Action { id: Id::Broadcast, name: "broadcast", title: "Tell everybody something", enabled: may_administer, ..SERVER },
    Action { id: Id::Kick, name: "kick", title: "Send a client away", danger: Danger::Asks, enabled: may_kick, ..SERVER },
    Action { id: Id::Shutdown, name: "shutdown", title: "Shut the server down, or restart it", danger: Danger::Name, enabled: may_shut_down, ..SERVER },
    Action { id: Id::Postpone, name: "postpone", title: "Postpone the shutdown", danger: Danger::Asks, enabled: may_postpone, ..SERVER },
    Action { id: Id::CallOff, name: "call-off", title: "Call the shutdown off", enabled: may_call_off, ..SERVER },
    Action { id: Id::Keys, name: "keys", title: "Keys: who may come in, and taking one away", danger: Danger::Asks, enabled: may_administer, ..SERVER },
    Action { id: Id::MakeInvite, name: "make-invite", title: "Invite a device, or make a token", enabled: may_administer, ..SERVER },
    Action { id: Id::Reload, name: "reload", title: "Reload the server's files", enabled: may_administer, ..SERVER },

    Action { id: Id::StopTrying, name: "stop-trying", title: "Stop trying to connect, or saving", short: "give up", always: &["esc"], place: Place::Both, enabled: trying, ..TOPSIDE },
    Action { id: Id::Palette, name: "palette", title: "All actions", short: "actions", always: &["ctrl-p"], ..TOPSIDE },
    Action { id: Id::Help, name: "help", title: "Help", short: "help", always: &["f1"], bare: &["?"], ..TOPSIDE },
    Action { id: Id::Mouse, name: "mouse", title: "Mouse on or off; Shift selects text", always: &["f9"], ..TOPSIDE },
    Action { id: Id::ReadSettings, name: "read-settings", title: "Settings: read again", ..TOPSIDE },
    Action { id: Id::Suspend, name: "suspend", title: "Stop, until `fg`", always: &["ctrl-z"], enabled: stoppable, ..TOPSIDE },
    Action { id: Id::Leave, name: "leave", title: "Leave", bare: &["ctrl-d"], place: Place::Console, danger: Danger::Asks, ..TOPSIDE },
    Action { id: Id::Quit, name: "quit", title: "Quit", short: "quit", always: &["q", "ctrl-c"], place: Place::Picker, ..TOPSIDE },
];

/// The actions of the screen that is up.
pub(crate) fn of(state: &State) -> impl Iterator<Item = &'static Action> {
    let place = match state.screen {
        Screen::Picker => Place::Picker,
        Screen::Console(_) => Place::Console,
    };
    ACTIONS.iter().filter(move |action| action.place == place || action.place == Place::Both)
}

/// The action of this name.
pub(crate) fn get(id: Id) -> &'static Action {
    ACTIONS.iter().find(|action| action.id == id).unwrap_or(&ACTIONS[0])
}

/// What a key means now. A bare key means something only while nothing is typed and the action is
/// possible: else it is a letter of a command.
pub(crate) fn find(state: &State, key: Key) -> Option<&'static Action> {
    let nothing_typed = nothing_typed(state);
    of(state).filter(|action| action.dispatched).find(|action| {
        let bound = state.keys.of(action.id);
        bound.always.contains(&key)
            || nothing_typed && bound.bare.contains(&key) && (action.enabled)(state).is_ok()
    })
}

/// Whether the input is empty, so that bare keys mean actions.
pub(crate) fn nothing_typed(state: &State) -> bool {
    state.console().is_none_or(|console| console.input.editor.is_empty() && !console.prompt.is_up())
}

/// The actions for the hint line, the most wanted first; each is possible now.
pub(crate) fn hints(state: &State) -> impl Iterator<Item = &'static Action> {
    let wanted: &[Id] = match (&state.screen, &state.link) {
        (Screen::Picker, Link::Dialling(_)) => &[Id::StopTrying, Id::Help, Id::Quit],
        // One column at a time: that there is another one is worth a place.
        (Screen::Picker, _) if !crate::app::picker::is_wide(state.size) => {
            &[Id::Connect, Id::OtherColumn, Id::Invite, Id::Help, Id::Quit]
        }
        (Screen::Picker, _) => &[
            Id::Connect,
            Id::Invite,
            Id::Add,
            Id::Edit,
            Id::Help,
            Id::Quit,
            Id::Test,
            Id::Delete,
            Id::Duplicate,
            Id::Palette,
        ],
        (Screen::Console(_), Link::Lost(_) | Link::Idle) if nothing_typed(state) => &[
            Id::Reconnect,
            Id::Back,
            Id::StartHere,
            Id::StopTrying,
            Id::PageUp,
            Id::Copy,
            Id::Search,
            Id::Help,
        ],
        (Screen::Console(_), Link::Lost(_) | Link::Idle) => {
            &[Id::Reconnect, Id::ToPicker, Id::StopTrying, Id::PageUp, Id::Help]
        }
        (Screen::Console(_), Link::Dialling(_)) => {
            &[Id::StopTrying, Id::ToPicker, Id::PageUp, Id::Help]
        }
        (Screen::Console(console), Link::Connected { .. }) => hints_connected(state, console),
    };
    wanted.iter().map(|id| get(*id)).filter(|action| (action.enabled)(state).is_ok())
}

fn hints_connected(state: &State, console: &Console) -> &'static [Id] {
    let runs = console.runs.live().next().is_some();
    if console.runs.selected().is_some() {
        &[Id::Copy, Id::Save, Id::Fold, Id::Search, Id::End, Id::Palette, Id::Help]
    } else if !console.runs.pane.is_following() {
        &[Id::End, Id::PageUp, Id::Search, Id::Copy, Id::Palette, Id::Help]
    } else if prompt::can_switch(console) {
        &[Id::OtherBox, Id::Complete, Id::Palette, Id::Clients, Id::Menu, Id::Help, Id::PageUp]
    } else if runs && console.input.editor.is_empty() {
        &[Id::Interrupt, Id::Palette, Id::Clients, Id::Help, Id::PageUp, Id::Search]
    } else if shows_clients(state.size) {
        &[
            Id::Complete,
            Id::Palette,
            Id::Menu,
            Id::Clients,
            Id::Help,
            Id::Runs,
            Id::PageUp,
            Id::Search,
        ]
    } else {
        &[Id::Complete, Id::Palette, Id::Clients, Id::Menu, Id::Help, Id::PageUp]
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_key_name_is_a_key_and_no_two_actions_of_a_screen_share_one() {
        for place in [Place::Picker, Place::Console] {
            let mut seen = HashSet::new();
            for action in ACTIONS.iter().filter(|a| a.place == place || a.place == Place::Both) {
                let names = action.bare.iter().chain(action.always);
                for key in names.map(|name| name.parse::<Key>().unwrap()) {
                    assert!(seen.insert(key), "{key} of `{}` is taken", action.title);
                }
            }
        }
    }

    #[test]
    fn every_action_is_in_the_registry_once_and_has_a_title() {
        let ids: HashSet<Id> = ACTIONS.iter().map(|action| action.id).collect();
        assert_eq!(ids.len(), ACTIONS.len());
        assert!(ACTIONS.iter().all(|a| !a.title.is_empty() && !a.group.is_empty()));
        let names: HashSet<&str> = ACTIONS.iter().map(|action| action.name).collect();
        assert!(names.len() == ACTIONS.len() && !names.contains(""), "a name for keymap.toml");
    }
}
