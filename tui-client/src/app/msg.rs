//! Messages into `update`, and the effects that it returns.

use ratatui::layout::Position;
use topside_shared::command::{Arg, Command};
use topside_shared::error::ErrorKind;
use topside_shared::methods::{AuditEnd, CommandRun, InitializeResult, Menu};
use topside_shared::notifications::Notification;
use topside_shared::records::ResultFile;
use topside_shared::{Role, RunId};

use super::ask::{Ask, Reply};
pub(crate) use super::fan_out_event::{FanOutEvent, FanOutOrder, WaitingBox};
use super::picker::{fleet_box::FleetBoxRow, picker_state::ProbeResult};
use super::runs::export::{ExportFailed, Exported};
use super::{LocalServer, Size, Target};
use crate::config::{PaneChoices, Profile, Settings};
use crate::connect::{CallError, DisconnectReason, DiscoveredServer, PastedInvite, Reached, Via};
use crate::input::key::Key;
use crate::theme::Background;

/// An event.
#[derive(Debug)]
pub(crate) enum Msg {
    Key(Key),
    Paste(String),
    /// The wheel was turned by this many rows, up being negative, with the pointer here.
    Wheel {
        rows: i32,
        at: Position,
    },
    /// The left button was pressed here.
    Click(Position),
    Resize(Size),
    /// The terminal has reported its background.
    Background(Background),
    /// Time has passed, so that something on the screen changes.
    Tick,
    /// The saved servers, as read at the start or after a change.
    Servers(Vec<Profile>),
    /// The saved servers that are not hidden by an error in the file: the sentence.
    ServersPartly(Vec<Profile>, String),
    ServersUnreadable(String),
    /// The names of the saved hubs.
    Hubs(Vec<String>),
    /// All boxes of the fleets of this device.
    #[cfg_attr(
        not(feature = "hub"),
        allow(dead_code, reason = "the task that follows fleets sends it")
    )]
    Fleet(Vec<FleetBoxRow>),
    /// A change of the saved servers failed: why.
    ServersFailed(String),
    /// A change of the saved servers is on the disk: what was changed.
    ServersSaved(String),
    Probed(LocalServer),
    /// The result of a probe of the selected server, in this round.
    Reached {
        round: u64,
        via: Via,
        reach: ProbeResult,
    },
    /// The result of a probe of another saved server, in this round.
    ServerReached {
        round: u64,
        server: String,
        via: Via,
        reach: ProbeResult,
    },
    /// An event of a command on several boxes.
    FanOut {
        id: u64,
        event: FanOutEvent,
    },
    /// All servers that announce themselves on the LAN.
    Found(Vec<DiscoveredServer>),
    /// An invite was used: the server that this device is paired with now, or why not.
    Paired {
        attempt: u64,
        result: Result<InviteRedeemed, NotPaired>,
    },
    Dialled {
        attempt: u64,
        welcome: Box<InitializeResult>,
        reached: Reached,
        embedded_server: bool,
    },
    DialFailed {
        attempt: u64,
        failed: DialFailed,
    },
    /// An event of a session.
    Session {
        session: u64,
        event: Event,
    },
    /// The history of the lines typed at this server.
    History {
        server: String,
        lines: Vec<String>,
    },
    /// Progress of an output that is being saved, in bytes.
    Fetching {
        id: u64,
        done: u64,
    },
    /// An output was saved, or why not.
    Fetched {
        id: u64,
        result: Result<Exported, ExportFailed>,
    },
    /// The paths of this device that begin with what is typed in the field of a file.
    Paths {
        typed: String,
        paths: Vec<String>,
    },
    /// Progress of a file that is being sent for a command, in bytes.
    Sending {
        id: u64,
        name: String,
        done: u64,
        size: u64,
    },
    /// The files of a command were sent: the command with their ids; or why not.
    Sent {
        id: u64,
        result: Result<Box<CommandRun>, String>,
    },
    /// The settings, and the errors in their files. `asked`: the user asked for them to be read.
    Settings {
        settings: Box<Settings>,
        mistakes: Vec<String>,
        asked: bool,
    },
    /// The side panes that the user chose in an earlier session.
    Panes(PaneChoices),
    Favourites {
        server: String,
        names: Vec<String>,
    },
    /// The audit log of the server of this session ends before an entry that this device has seen.
    AuditWarning {
        session: u64,
        warning: String,
    },
    /// An effect was carried out: what to show.
    Done(String),
    /// An effect failed: why.
    Failed(String),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct InviteRedeemed {
    /// The name of the fleet, where the invite was one of a fleet.
    pub(crate) fleet: Option<String>,
    /// Its name in the list of saved servers; in a fleet, what the fleet calls this device.
    pub(crate) name: String,
    /// The role of this device there.
    pub(crate) role: Role,
    /// Whether the device was paired before.
    pub(crate) already: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NotPaired {
    pub(crate) why: String,
    /// Whether another use of the same invite fails too.
    pub(crate) lasting: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum DialFailed {
    /// No server listens on this machine's socket: the sentence names the sockets that were tried.
    NoServer(String),
    /// A retry cannot help before the user acts: the sentence says how.
    Hopeless(String),
    /// Another error, as a sentence.
    Other(String),
}

impl DialFailed {
    pub(crate) fn sentence(&self) -> &str {
        match self {
            Self::NoServer(sentence) | Self::Hopeless(sentence) | Self::Other(sentence) => sentence,
        }
    }
}

/// An event of one session.
#[derive(Debug)]
pub(crate) enum Event {
    Answer(Reply),
    Notice(Box<Notification>),
    /// The session has ended. It is the last event.
    Lost(DisconnectReason),
}

/// Why a command has no result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum RunRefused {
    /// The server or this program refused it: the sentence.
    Refused { kind: ErrorKind, message: String },
    /// The connection was lost: it is unknown whether the command ran.
    Lost,
}

impl From<CallError> for RunRefused {
    fn from(error: CallError) -> Self {
        let kind = match &error {
            CallError::Lost => return Self::Lost,
            CallError::Refused(error) => error.kind(),
            CallError::TooLong { .. } => ErrorKind::TooLarge,
            CallError::Busy => ErrorKind::Busy,
            CallError::Unreadable { .. } => ErrorKind::Unknown,
        };
        Self::Refused { kind, message: error.to_string() }
    }
}

/// An action outside the state.
#[derive(Debug, PartialEq)]
pub(crate) enum Effect {
    Quit,
    /// Suspend the program, as Ctrl-Z does.
    Suspend,
    /// Probe the server of this machine, and a saved one by these routes. It replaces the round before.
    Probe {
        round: u64,
        server: Option<String>,
        vias: Vec<Via>,
    },
    /// Probe other saved servers by these routes. It replaces the round before.
    ProbeAll {
        round: u64,
        servers: Vec<(String, Vec<Via>)>,
    },
    /// Run the words of a command line on these saved servers.
    FanOut {
        id: u64,
        boxes: Vec<String>,
        words: Vec<String>,
    },
    /// Read the cached menus of these saved servers.
    ReadMenus {
        id: u64,
        servers: Vec<String>,
    },
    /// Confirm, decline or cancel it.
    FanOutOrder {
        id: u64,
        order: FanOutOrder,
    },
    /// Start or stop the search for servers on the LAN, and for the boxes of fleets.
    Browse(bool),
    /// The boxes of the fleets, by the names that the list has for them.
    KeepFleet(Vec<Profile>),
    Pair {
        attempt: u64,
        invite: PastedInvite,
        replaces: Option<String>,
    },
    CancelPair {
        attempt: u64,
    },
    ReadServers,
    /// Dial a server. With `start`, one is started inside this program if none answers.
    Dial {
        attempt: u64,
        target: Target,
        start: bool,
    },
    CancelDial {
        attempt: u64,
    },
    Ask {
        session: u64,
        ask: Ask,
    },
    /// Close a session with `session/close`.
    HangUp {
        session: u64,
    },
    Edit(ProfileEdit),
    /// Read the history of the lines typed at a server.
    LoadHistory {
        server: String,
    },
    /// Store a line that was typed at a server.
    SaveHistory {
        server: String,
        line: String,
    },
    /// Store the menu of a server, for completion in a shell.
    KeepMenu {
        server: String,
        menu: Menu,
    },
    /// Compare the end of a server's audit log with what this device has seen of it. `server` is the saved server's
    /// name, or none for one on this machine; `address` is then its socket.
    CheckAudit {
        session: u64,
        server: Option<String>,
        address: String,
        shown: AuditEnd,
    },
    /// Copy text to the clipboard of the terminal; a text that is too large goes to a file.
    Copy {
        name: String,
        text: String,
    },
    /// Write text to a file of this name; `why` says why it is incomplete.
    Save {
        name: String,
        text: String,
        why: Option<String>,
    },
    /// Fetch the first `until` bytes of a run's output from the server of a session, and write them to a file of this
    /// name.
    Fetch {
        id: u64,
        session: u64,
        run: RunId,
        until: u64,
        name: String,
    },
    /// Fetch a result of a run to this path of the device; an empty one is its name in the current directory.
    FetchResult {
        id: u64,
        session: u64,
        run: RunId,
        file: ResultFile,
        to: String,
    },
    /// Stop a fetch, or the sending of files.
    StopFetch {
        id: u64,
    },
    /// List the paths of this device that begin with this text and that an argument takes.
    ListPaths {
        arg: Box<Arg>,
        typed: String,
    },
    /// Send the files that the arguments of a command name to the server of a session.
    SendFiles {
        id: u64,
        session: u64,
        command: Box<Command>,
        run: Box<CommandRun>,
    },
    /// Read the settings, and show the result.
    ReadSettings,
    /// Store the side panes that the user chose.
    KeepPanes(PaneChoices),
    LoadFavourites {
        server: String,
    },
    /// Store the favourite commands of a server.
    KeepFavourites {
        server: String,
        names: Vec<String>,
    },
    SaveTheme(&'static str),
    /// Turn mouse reports on or off.
    Mouse(bool),
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum ProfileEdit {
    Add(Profile),
    /// Replace the server of this name.
    Replace(String, Profile),
    Remove(String),
}
