//! What comes into `update` and what goes out of it.

use ratatui::layout::Position;
use topside_shared::command;
use topside_shared::error::ErrorKind;
use topside_shared::invite::Invite;
use topside_shared::methods::{AuditEnd, InitializeResult, Menu};
use topside_shared::notifications::Notification;
use topside_shared::{Role, RunId};

use super::ask::{Ask, Reply};
use super::picker::routes::ProbeResult;
use super::runs::export::{ExportFailed, Exported};
use super::{LocalServer, Size, Target};
use crate::config::{PaneChoices, Profile, Settings};
use crate::connect::{CallError, DisconnectReason, DiscoveredServer, Reached, Via};
use crate::fan_out::Outcome;
use crate::input::key::Key;
use crate::theme::Background;

/// Something that happened.
#[derive(Debug)]
pub(crate) enum Msg {
    /// A key was pressed.
    Key(Key),
    /// Text was pasted.
    Paste(String),
    /// The wheel was turned by this many rows, up being negative, with the pointer here.
    Wheel {
        rows: i32,
        at: Position,
    },
    /// The left button was pressed here.
    Click(Position),
    /// The terminal has another size.
    Resize(Size),
    /// The terminal has said whether its background is dark.
    Background(Background),
    /// Time has passed that something on the screen counts.
    Tick,
    /// What was saved, as read at the start, or after an edit.
    Servers(Vec<Profile>),
    /// The same, where a mistake in the file hides some: the sentence.
    ServersPartly(Vec<Profile>, String),
    /// The saved servers cannot be read: why.
    ServersUnreadable(String),
    /// An edit of the saved servers could not be carried out: why.
    ServersFailed(String),
    /// An edit of the saved servers is on the disk: what was done.
    ServersSaved(String),
    /// Whether a server answers on this machine.
    Probed(LocalServer),
    /// How an address of a paired server stands, as asked in this round.
    Reached {
        round: u64,
        via: Via,
        reach: ProbeResult,
    },
    /// How an address of a saved server stands, as asked in this round of all servers.
    ServerReached {
        round: u64,
        server: String,
        via: Via,
        reach: ProbeResult,
    },
    /// Something of a command on several boxes.
    FanOut {
        id: u64,
        event: FanOutEvent,
    },
    /// All the servers that say on the LAN that they are there.
    Found(Vec<DiscoveredServer>),
    /// Using an invite has ended: with whom this device is paired now, or why not.
    Paired {
        attempt: u64,
        result: Result<InviteRedeemed, NotPaired>,
    },
    /// A dial has ended well.
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
    /// Something of a session.
    Session {
        session: u64,
        event: Event,
    },
    /// What was typed at this server in earlier days.
    History {
        server: String,
        lines: Vec<String>,
    },
    /// So many bytes of an output that is saved have come.
    Fetching {
        id: u64,
        done: u64,
    },
    /// An output is in a file, or why not.
    Fetched {
        id: u64,
        result: Result<Exported, ExportFailed>,
    },
    /// How the screen looks and listens from now on, and what is wrong in the files that say so; `asked`: a
    /// person wanted them read.
    Settings {
        settings: Box<Settings>,
        mistakes: Vec<String>,
        asked: bool,
    },
    /// The side panes that the user chose before.
    Panes(PaneChoices),
    /// The favourite commands of a server.
    Favourites {
        server: String,
        names: Vec<String>,
    },
    /// The audit log of the server of this session ends before an entry that this device has seen.
    AuditWarning {
        session: u64,
        warning: String,
    },
    /// An effect has done its work: what to say.
    Done(String),
    /// An effect could not be carried out: why.
    Failed(String),
}

/// The server that an invite paired this device with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct InviteRedeemed {
    /// What the server is called here.
    pub(crate) name: String,
    /// What this device may do there.
    pub(crate) role: Role,
    /// Whether it was paired before.
    pub(crate) already: bool,
}

/// Why an invite could not be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NotPaired {
    /// The sentence.
    pub(crate) why: String,
    /// Whether using the same invite again changes nothing.
    pub(crate) lasting: bool,
}

/// Why a dial failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum DialFailed {
    /// No server listens on this machine's socket: the sentence that says where was looked.
    NoServer(String),
    /// A retry cannot help before the user acts: the sentence says how.
    Hopeless(String),
    /// Anything else, as a sentence.
    Other(String),
}

impl DialFailed {
    /// What happened, as a sentence.
    pub(crate) fn sentence(&self) -> &str {
        match self {
            Self::NoServer(sentence) | Self::Hopeless(sentence) | Self::Other(sentence) => sentence,
        }
    }
}

/// What comes from a session.
#[derive(Debug)]
pub(crate) enum Event {
    /// The answer to a request.
    Answer(Reply),
    /// A notification of the server.
    Notice(Box<Notification>),
    /// The session has ended. Nothing of it comes after this.
    Lost(DisconnectReason),
}

/// What happens to a command on several boxes.
#[derive(Debug)]
pub(crate) enum FanOutEvent {
    /// An admin should know this of the box's audit log.
    Warning { index: usize, sentence: String },
    /// The command waits on these boxes to be confirmed.
    ConfirmationNeeded(Vec<WaitingBox>),
    /// A box is done.
    Ended { index: usize, outcome: Outcome },
    /// All boxes are done.
    Done,
    /// It was not started: why.
    Failed(String),
}

/// A box on which a command waits to be confirmed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct WaitingBox {
    pub(crate) index: usize,
    pub(crate) effect: command::Effect,
    /// The question that the command asks there.
    pub(crate) question: Option<String>,
}

/// What the user wants of a command on several boxes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FanOutOrder {
    /// Start it on the boxes that wait.
    Confirm,
    /// Start it on none of them.
    Decline,
    /// Cancel the runs; a second time: wait for them no longer.
    Cancel,
}

/// Why a command gave no result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum RunRefused {
    /// The server, or this program, would not: the sentence.
    Refused { kind: ErrorKind, message: String },
    /// The connection was lost first: it is unknown whether it ran.
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

/// Something to be done outside.
#[derive(Debug, PartialEq)]
pub(crate) enum Effect {
    /// End the program.
    Quit,
    /// Stop the program as Ctrl-Z does, until it is continued.
    Suspend,
    /// Ask whether a server answers on this machine, and one that is saved by these ways. It takes the
    /// place of what was asked before.
    Probe { round: u64, server: Option<String>, vias: Vec<Via> },
    /// Ask other saved servers by these ways whether they answer. It takes the place of the round before.
    ProbeAll { round: u64, servers: Vec<(String, Vec<Via>)> },
    /// Run the words of a command line on these saved servers.
    FanOut { id: u64, boxes: Vec<String>, words: Vec<String> },
    /// Confirm it, decline it, or cancel it.
    FanOutOrder { id: u64, order: FanOutOrder },
    /// Listen for servers on the LAN, or no more.
    Browse(bool),
    /// Use an invite.
    Pair { attempt: u64, invite: Box<Invite>, replaces: Option<String> },
    /// Give that up.
    CancelPair { attempt: u64 },
    /// Read the saved servers anew.
    ReadServers,
    /// Reach a server. With `start`, one is started inside this program if none answers.
    Dial { attempt: u64, target: Target, start: bool },
    /// Give a dial up.
    CancelDial { attempt: u64 },
    /// Send a request on a session.
    Ask { session: u64, ask: Ask },
    /// Drop a session, with a goodbye.
    HangUp { session: u64 },
    /// Change the saved servers.
    Edit(ProfileEdit),
    /// Read what was typed at a server in earlier days.
    LoadHistory { server: String },
    /// Keep a line that was typed at a server.
    SaveHistory { server: String, line: String },
    /// Keep the menu that a server has shown, for the completion of what is typed at a shell later.
    KeepMenu { server: String, menu: Menu },
    /// Compare the end of a server's audit log with what this device has seen of it. `server` is the saved server's name,
    /// or none for one on this machine, whose socket is `address`.
    CheckAudit { session: u64, server: Option<String>, address: String, shown: AuditEnd },
    /// Put text into the terminal's clipboard; what is too large for that goes to a file.
    Copy { name: String, text: String },
    /// Write text to a file named after this, and say why it is not more, if that is so.
    Save { name: String, text: String, why: Option<String> },
    /// Fetch the first `until` bytes of a run's output from the server of a session, and write them to a file named
    /// after this.
    Fetch { id: u64, session: u64, run: RunId, until: u64, name: String },
    /// Give that up.
    StopFetch { id: u64 },
    /// Read how the screen looks and listens, and say what came of it.
    ReadSettings,
    /// Keep the side panes that the user chose.
    KeepPanes(PaneChoices),
    /// Read the favourite commands of a server.
    LoadFavourites { server: String },
    /// Keep the favourite commands of a server.
    KeepFavourites { server: String, names: Vec<String> },
    /// Write the chosen theme into client.toml.
    SaveTheme(&'static str),
    /// Ask the terminal to report its mouse, or not to.
    Mouse(bool),
}

/// A change of the saved servers.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum ProfileEdit {
    /// A new one.
    Add(Profile),
    /// Another one in the place of the one of this name.
    Replace(String, Profile),
    /// Away with it.
    Remove(String),
}
