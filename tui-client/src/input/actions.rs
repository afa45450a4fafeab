//! Table of actions: name, keys and requirements of each. The key hints, the help and the palette are made from it.
//! keymap.toml can change the keys: see [`Keymap`](super::Keymap).

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Id {
    Connect,
    Up,
    Down,
    ListTop,
    ListEnd,
    ListPageUp,
    ListPageDown,
    OtherColumn,
    ToServers,
    ToWays,
    Invite,
    Add,
    Edit,
    Duplicate,
    Delete,
    Test,
    Filter,
    Mark,
    MarkAll,
    RunOnMarked,
    RunOnAll,
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
    Wrap,
    ScrollLeft,
    ScrollRight,
    Zoom,
    ShowMenu,
    ShowClients,
    UndoClear,
    Clients,
    Kick,
    Menu,
    Runs,
    Schedules,
    Approvals,
    Notices,
    Status,
    Log,
    Interrupt,
    ToPicker,
    Back,
    Reconnect,
    StartHere,
    QuitEnded,
    Broadcast,
    Shutdown,
    Postpone,
    CancelShutdown,
    Keys,
    MakeInvite,
    Reload,
    NewTab,
    CloseTab,
    NextTab,
    PreviousTab,
    SelectTab,
    Mouse,
    Help,
    Palette,
    CommandLine,
    Theme,
    ReadSettings,
    Suspend,
    Leave,
    Quit,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scope {
    Picker,
    Console,
    Both,
}

/// Whether an action can do harm, and how it is confirmed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Danger {
    None,
    /// A dialog, with Cancel focused.
    Asks,
    /// The user types the name of the server.
    Name,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Needs {
    Nothing,
    /// The chosen server can be connected to.
    ChosenReachable,
    /// The chosen server is saved.
    ChosenSaved,
    /// The chosen server is saved, a box of a fleet, or this machine.
    ChosenMarkable,
    /// At least one saved server is marked.
    AnyMarked,
    /// At least one server is saved.
    AnySaved,
    RunTakesInput,
    PromptShown,
    AnyOutput,
    AnyCommand,
    /// Long lines are not wrapped.
    Unwrapped,
    AnythingCleared,
    Connected,
    Menu,
    MayReadLog,
    ConnectionEnded,
    ConnectionLost,
    /// This machine is chosen, and no server runs on it.
    NoServerHere,
    AdminRole,
    /// The role may disconnect clients, and there is another one.
    AnotherClient,
    /// The role may shut the server down, and no shutdown is due.
    NoShutdownDue,
    /// The role may shut the server down, and a shutdown is due.
    MayPostpone,
    /// The role may cancel a shutdown, and one is due.
    MayCancelShutdown,
    /// A connection or an export is under way.
    Trying,
    /// No server runs inside this program.
    StandaloneClient,
    /// More than one tab is open.
    SeveralTabs,
}

pub(crate) struct Action {
    pub(crate) id: Id,
    /// Its name in keymap.toml, which never changes.
    pub(crate) name: &'static str,
    pub(crate) title: &'static str,
    /// The title in one word, for the hint line; an empty one is never there.
    pub(crate) short: &'static str,
    /// Keys that always trigger it, unless keymap.toml replaces them.
    pub(crate) always: &'static [&'static str],
    /// Keys that trigger it while nothing is typed.
    pub(crate) bare: &'static [&'static str],
    pub(crate) place: Scope,
    pub(crate) group: &'static str,
    pub(crate) danger: Danger,
    pub(crate) needs: Needs,
    /// Whether `update` carries it out; the others are keys of the input box.
    pub(crate) dispatched: bool,
}

const BASE: Action = Action {
    id: Id::Help,
    name: "",
    title: "",
    short: "",
    always: &[],
    bare: &[],
    place: Scope::Console,
    group: "",
    danger: Danger::None,
    needs: Needs::Nothing,
    dispatched: true,
};

const TYPING: Action = Action { group: "Typing", dispatched: false, ..BASE };
const OUTPUT: Action = Action { group: "Output", ..BASE };
const SERVER: Action = Action { group: "Server", ..BASE };
const CHOICE: Action = Action { group: "Choosing", place: Scope::Picker, ..BASE };
const TABS: Action = Action { group: "Tabs", place: Scope::Both, ..BASE };
const TOPSIDE: Action = Action { group: "Topside", place: Scope::Both, ..BASE };

/// In the order of the help.
#[rustfmt::skip]
pub(crate) const ACTIONS: &[Action] = &[
    Action { id: Id::Connect, name: "connect", title: "Connect", short: "connect", always: &["enter"], needs: Needs::ChosenReachable, ..CHOICE },
    Action { id: Id::Up, name: "up", title: "Up", always: &["up", "k"], ..CHOICE },
    Action { id: Id::Down, name: "down", title: "Down", always: &["down", "j"], ..CHOICE },
    Action { id: Id::ListTop, name: "list-top", title: "First row", always: &["home", "g"], ..CHOICE },
    Action { id: Id::ListEnd, name: "list-end", title: "Last row", always: &["end", "G"], ..CHOICE },
    Action { id: Id::ListPageUp, name: "list-page-up", title: "A page up", always: &["pgup"], ..CHOICE },
    Action { id: Id::ListPageDown, name: "list-page-down", title: "A page down", always: &["pgdn"], ..CHOICE },
    Action { id: Id::OtherColumn, name: "other-column", title: "Servers or routes", short: "routes", always: &["tab", "backtab"], ..CHOICE },
    Action { id: Id::ToServers, name: "to-servers", title: "To the servers", always: &["left"], ..CHOICE },
    Action { id: Id::ToWays, name: "to-ways", title: "To the routes", always: &["right"], ..CHOICE },
    Action { id: Id::Invite, name: "invite", title: "Paste an invite, to pair", short: "invite", always: &["i"], ..CHOICE },
    Action { id: Id::Add, name: "add", title: "Add a server", short: "add", always: &["a"], ..CHOICE },
    Action { id: Id::Edit, name: "edit", title: "Edit this server", short: "edit", always: &["e"], needs: Needs::ChosenSaved, ..CHOICE },
    Action { id: Id::Duplicate, name: "duplicate", title: "Duplicate this server", short: "duplicate", always: &["c"], needs: Needs::ChosenSaved, ..CHOICE },
    Action { id: Id::Delete, name: "delete", title: "Delete this server", short: "delete", always: &["d", "delete"], needs: Needs::ChosenSaved, danger: Danger::Asks, ..CHOICE },
    Action { id: Id::Test, name: "test", title: "Test the routes to a server", short: "test", always: &["t", "r", "f5"], ..CHOICE },
    Action { id: Id::Filter, name: "filter", title: "Filter by words, or by a tag: `#garden`", short: "filter", always: &["/"], ..CHOICE },
    Action { id: Id::Mark, name: "mark", title: "Mark or unmark this server", short: "mark", always: &["space"], needs: Needs::ChosenMarkable, ..CHOICE },
    Action { id: Id::MarkAll, name: "mark-all", title: "Mark all servers that the filter shows, or none", short: "mark all", always: &["*"], needs: Needs::AnySaved, ..CHOICE },
    Action { id: Id::RunOnMarked, name: "run-on-marked", title: "Run a command on the marked servers", short: "command", always: &["x"], needs: Needs::AnyMarked, ..CHOICE },

    Action { id: Id::Run, name: "run", title: "Run the line", short: "run", always: &["enter"], ..TYPING },
    Action { id: Id::Complete, name: "complete", title: "Complete; again for the next", short: "complete", always: &["tab"], ..TYPING },
    Action { id: Id::Older, name: "older", title: "Earlier lines that begin as typed", always: &["up", "down"], ..TYPING },
    Action { id: Id::Recall, name: "recall", title: "Search earlier lines", always: &["ctrl-r"], ..TYPING },
    Action { id: Id::EditLine, name: "edit-line", title: "Move by word; to start; to end", always: &["alt-b", "alt-f", "ctrl-a", "ctrl-e"], ..TYPING },
    Action { id: Id::KillLine, name: "kill-line", title: "Cut word; cut line; paste it", always: &["ctrl-w", "ctrl-u", "ctrl-k", "ctrl-y"], ..TYPING },

    Action { id: Id::OtherBox, name: "other-box", title: "To the run that asks, or the commands", short: "other input", always: &["ctrl-o"], needs: Needs::RunTakesInput, dispatched: true, ..TYPING },
    Action { id: Id::Unhide, name: "unhide", title: "Show or hide what is typed for a run", short: "show or hide", always: &["ctrl-s"], needs: Needs::PromptShown, dispatched: true, ..TYPING },

    Action { id: Id::PageUp, name: "page-up", title: "Page up", short: "scroll", always: &["pgup"], ..OUTPUT },
    Action { id: Id::PageDown, name: "page-down", title: "Page down", always: &["pgdn"], ..OUTPUT },
    Action { id: Id::LineUp, name: "line-up", title: "Line up", always: &["shift-up"], ..OUTPUT },
    Action { id: Id::LineDown, name: "line-down", title: "Line down", always: &["shift-down"], ..OUTPUT },
    Action { id: Id::Top, name: "top", title: "To the beginning", bare: &["home"], always: &["ctrl-home"], ..OUTPUT },
    Action { id: Id::End, name: "end", title: "To the end, and follow it", short: "follow", bare: &["end"], always: &["ctrl-end"], ..OUTPUT },
    Action { id: Id::Search, name: "search", title: "Search the output", short: "search", bare: &["/"], always: &["alt-/"], needs: Needs::AnyOutput, ..OUTPUT },
    Action { id: Id::SelectOlder, name: "select-older", title: "Select the block above", always: &["alt-up"], needs: Needs::AnyOutput, ..OUTPUT },
    Action { id: Id::SelectNewer, name: "select-newer", title: "Select the block below", always: &["alt-down"], needs: Needs::AnyOutput, ..OUTPUT },
    Action { id: Id::Copy, name: "copy", title: "Copy the block's output", short: "copy", always: &["f6"], needs: Needs::AnyCommand, ..OUTPUT },
    Action { id: Id::Save, name: "save", title: "Save the block's output to a file", short: "save", always: &["f7"], needs: Needs::AnyCommand, ..OUTPUT },
    Action { id: Id::Fold, name: "fold", title: "Fold or unfold the block", short: "fold", always: &["f8"], needs: Needs::AnyCommand, ..OUTPUT },
    Action { id: Id::FoldAll, name: "fold-all", title: "Fold or unfold all blocks", always: &["shift-f8"], needs: Needs::AnyCommand, ..OUTPUT },
    Action { id: Id::Clear, name: "clear", title: "Clear ended blocks", always: &["ctrl-l"], needs: Needs::AnyOutput, ..OUTPUT },
    Action { id: Id::Wrap, name: "wrap", title: "Long lines: wrap them or not", short: "wrap", always: &["alt-r"], ..OUTPUT },
    Action { id: Id::ScrollLeft, name: "scroll-left", title: "Scroll left in long lines", always: &["shift-left"], bare: &["<"], needs: Needs::Unwrapped, ..OUTPUT },
    Action { id: Id::ScrollRight, name: "scroll-right", title: "Scroll right in long lines", always: &["shift-right"], bare: &[">"], needs: Needs::Unwrapped, ..OUTPUT },
    Action { id: Id::Zoom, name: "zoom", title: "Zoom the output to the whole screen, or back", short: "zoom", always: &["alt-z"], ..OUTPUT },
    Action { id: Id::ShowMenu, name: "show-menu", title: "Show or hide the menu", always: &["alt-h"], ..OUTPUT },
    Action { id: Id::ShowClients, name: "show-clients", title: "Show or hide the clients", always: &["alt-c"], ..OUTPUT },
    Action { id: Id::UndoClear, name: "undo-clear", title: "Restore cleared blocks", short: "undo clear", always: &["alt-u"], needs: Needs::AnythingCleared, ..OUTPUT },

    Action { id: Id::Clients, name: "clients", title: "Connected clients", short: "clients", always: &["f2"], needs: Needs::Connected, ..SERVER },
    Action { id: Id::Menu, name: "menu", title: "The menu of commands", short: "menu", always: &["f3"], needs: Needs::Menu, ..SERVER },
    Action { id: Id::Runs, name: "runs", title: "Runs, active and ended", short: "runs", always: &["f12"], needs: Needs::Connected, ..SERVER },
    Action { id: Id::Schedules, name: "schedules", title: "Schedules of commands", short: "schedules", always: &["alt-t"], needs: Needs::Connected, ..SERVER },
    Action { id: Id::Approvals, name: "approvals", title: "Runs that wait for approval", short: "approvals", always: &["alt-a"], needs: Needs::Connected, ..SERVER },
    Action { id: Id::Notices, name: "notices", title: "Notices", short: "notices", always: &["alt-n"], ..SERVER },
    Action { id: Id::Status, name: "status", title: "Status of the server", short: "status", always: &["alt-s"], needs: Needs::Connected, ..SERVER },
    Action { id: Id::Log, name: "log", title: "The server's log, live", short: "log", always: &["alt-l"], needs: Needs::MayReadLog, ..SERVER },
    Action { id: Id::ToPicker, name: "to-picker", title: "Close the session, to the picker", short: "picker", always: &["f4"], ..SERVER },
    Action { id: Id::Back, name: "back", title: "Back to the picker", short: "picker", bare: &["P"], needs: Needs::ConnectionEnded, ..SERVER },
    Action { id: Id::Reconnect, name: "reconnect", title: "Reconnect", short: "reconnect", always: &["f5"], bare: &["R"], needs: Needs::ConnectionLost, ..SERVER },
    Action { id: Id::StartHere, name: "start-here", title: "Start a server here", short: "start one here", bare: &["S"], needs: Needs::NoServerHere, ..SERVER },
    Action { id: Id::QuitEnded, name: "quit-ended", title: "Quit after the session has ended", short: "quit", bare: &["q"], needs: Needs::ConnectionEnded, ..SERVER },
    Action { id: Id::Interrupt, name: "interrupt", title: "Cancel the run, or leave", short: "cancel", always: &["ctrl-c"], ..SERVER },
    Action { id: Id::Broadcast, name: "broadcast", title: "Broadcast a message", needs: Needs::AdminRole, ..SERVER },
    Action { id: Id::Kick, name: "kick", title: "Disconnect a client", danger: Danger::Asks, needs: Needs::AnotherClient, ..SERVER },
    Action { id: Id::Shutdown, name: "shutdown", title: "Shut the server down, or restart it", danger: Danger::Name, needs: Needs::NoShutdownDue, ..SERVER },
    Action { id: Id::Postpone, name: "postpone", title: "Postpone the shutdown", short: "postpone", always: &["f9"], danger: Danger::Asks, needs: Needs::MayPostpone, ..SERVER },
    Action { id: Id::CancelShutdown, name: "cancel-shutdown", title: "Cancel the shutdown", needs: Needs::MayCancelShutdown, ..SERVER },
    Action { id: Id::Keys, name: "keys", title: "Keys: list and revoke them", danger: Danger::Asks, needs: Needs::AdminRole, ..SERVER },
    Action { id: Id::MakeInvite, name: "make-invite", title: "Invite a device, or make a token", needs: Needs::AdminRole, ..SERVER },
    Action { id: Id::Reload, name: "reload", title: "Reload the server's files", needs: Needs::AdminRole, ..SERVER },
    Action { id: Id::RunOnAll, name: "run-on-all", title: "Run a command on all saved servers", needs: Needs::AnySaved, ..SERVER },

    Action { id: Id::NewTab, name: "new-tab", title: "Connect to another server, in a new tab", short: "new tab", always: &["ctrl-t"], ..TABS },
    Action { id: Id::SelectTab, name: "select-tab", title: "Tab 1 to 10", short: "tab", always: &["alt-1", "alt-2", "alt-3", "alt-4", "alt-5", "alt-6", "alt-7", "alt-8", "alt-9", "alt-0"], needs: Needs::SeveralTabs, ..TABS },
    Action { id: Id::NextTab, name: "next-tab", title: "Next tab", short: "next tab", always: &["ctrl-tab", "ctrl-pgdn"], needs: Needs::SeveralTabs, ..TABS },
    Action { id: Id::PreviousTab, name: "previous-tab", title: "Previous tab", short: "previous tab", always: &["ctrl-backtab", "ctrl-pgup"], needs: Needs::SeveralTabs, ..TABS },
    Action { id: Id::CloseTab, name: "close-tab", title: "Close this tab and its session", short: "close tab", always: &["alt-w"], needs: Needs::SeveralTabs, danger: Danger::Asks, ..TABS },

    Action { id: Id::StopTrying, name: "stop-trying", title: "Stop connecting or saving; leave a new tab", short: "give up", always: &["esc"], place: Scope::Both, needs: Needs::Trying, ..TOPSIDE },
    Action { id: Id::Palette, name: "palette", title: "All actions", short: "actions", always: &["ctrl-p"], ..TOPSIDE },
    Action { id: Id::CommandLine, name: "command-line", title: "Verbs of the shell: `:`", short: "verbs", bare: &[":"], ..TOPSIDE },
    Action { id: Id::Help, name: "help", title: "Help", short: "help", always: &["f1"], bare: &["?"], ..TOPSIDE },
    Action { id: Id::Mouse, name: "mouse", title: "Mouse on or off; Shift selects text", always: &["alt-m"], ..TOPSIDE },
    Action { id: Id::Theme, name: "theme", title: "Choose a theme", ..TOPSIDE },
    Action { id: Id::ReadSettings, name: "read-settings", title: "Read the settings again", ..TOPSIDE },
    Action { id: Id::Suspend, name: "suspend", title: "Suspend, until `fg`", always: &["ctrl-z"], needs: Needs::StandaloneClient, ..TOPSIDE },
    Action { id: Id::Leave, name: "leave", title: "Leave", bare: &["ctrl-d"], place: Scope::Console, danger: Danger::Asks, ..TOPSIDE },
    Action { id: Id::Quit, name: "quit", title: "Quit", short: "quit", always: &["q", "ctrl-c"], place: Scope::Picker, ..TOPSIDE },
];

pub(crate) fn get(id: Id) -> &'static Action {
    ACTIONS.iter().find(|action| action.id == id).unwrap_or(&ACTIONS[0])
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::input::key::Key;

    #[test]
    fn every_key_name_is_a_key_and_no_two_actions_of_a_screen_share_one() {
        for place in [Scope::Picker, Scope::Console] {
            let mut seen = HashSet::new();
            for action in ACTIONS.iter().filter(|a| a.place == place || a.place == Scope::Both) {
                let names = action.bare.iter().chain(action.always);
                for key in names.map(|name| name.parse::<Key>().unwrap()) {
                    assert!(seen.insert(key), "{key} of `{}` is taken", action.title);
                }
            }
        }
    }

    #[test]
    fn every_action_is_in_the_table_once_and_has_a_title() {
        let ids: HashSet<Id> = ACTIONS.iter().map(|action| action.id).collect();
        assert_eq!(ids.len(), ACTIONS.len());
        assert!(ACTIONS.iter().all(|a| !a.title.is_empty() && !a.group.is_empty()));
        let names: HashSet<&str> = ACTIONS.iter().map(|action| action.name).collect();
        assert!(names.len() == ACTIONS.len() && !names.contains(""), "a name for keymap.toml");
    }

    fn document(path: &str) -> String {
        let root = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
        std::fs::read_to_string(format!("{root}/{path}")).unwrap()
    }

    #[test]
    fn the_sample_of_the_keymap_has_each_action_with_its_title_and_keys() {
        let sample = document("config/keymap.toml");
        let lines: Vec<&str> = sample.lines().filter(|line| line.starts_with('#')).collect();
        let entries: Vec<[&str; 2]> = lines
            .windows(2)
            .filter(|two| !two[1].starts_with("# ") && two[1].contains(" = ["))
            .map(|two| [two[0], two[1]])
            .collect();
        let wanted = ACTIONS.iter().filter(|action| action.dispatched).map(|action| {
            let keys: Vec<&str> = action.bare.iter().chain(action.always).copied().collect();
            [format!("# {}.", action.title), format!("#{} = {keys:?}", action.name)]
        });
        assert_eq!(entries, wanted.collect::<Vec<_>>());
    }

    #[test]
    fn a_key_with_a_modifier_or_a_number_in_screen_md_has_an_action() {
        // Of a list: one cancels, revokes or disconnects, the others scroll by a page.
        let others = ["ctrl-x", "ctrl-b", "ctrl-f", "ctrl-u", "ctrl-d"];
        let names = ACTIONS.iter().flat_map(|action| action.bare.iter().chain(action.always));
        let known: HashSet<Key> =
            names.chain(&others).map(|name| name.parse::<Key>().unwrap()).collect();
        let text = document("docs/SCREEN.md");
        let is_key = |word: &&str| {
            let modified = ["Ctrl-", "Alt-", "Shift-"].iter().any(|with| word.starts_with(with));
            let number = word.strip_prefix('F').and_then(|digits| digits.parse::<u8>().ok());
            modified || number.is_some()
        };
        // A key hint has a word behind its key.
        let codes = text.split('`').skip(1).step_by(2);
        let words = codes.filter_map(|code| code.split(' ').next());
        let found: Vec<&str> = words.filter(is_key).collect();
        assert!(found.len() > 30, "{found:?}");
        for word in found {
            let key = word.to_lowercase().parse::<Key>();
            let key = key.unwrap_or_else(|_| panic!("`{word}` is no key"));
            assert!(known.contains(&key), "`{word}` has no action");
        }
    }
}
