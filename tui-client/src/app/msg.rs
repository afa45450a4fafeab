//! What comes into [`update`](super::update()) and what goes out of it.

use topside_shared::error::ErrorKind;
use topside_shared::invite::Invite;
use topside_shared::methods::{
    AuditEnd, Broadcast, ClientKick, CommandRun, InitializeResult, KeyInvite, Keys, LogEntries,
    MaskedText, Menu, ReloadResult, RunResult, RunsPage, Status, SubscribeResult,
};
use topside_shared::notifications::Notification;
use topside_shared::records::ClientRow;
use topside_shared::{ClientId, Pin, RunId, SubscriptionId};

use super::mouse::Clicked;
use super::picker::redeem_invite::{InviteRedeemed, NotPaired};
use super::picker::routes::ProbeResult;
use super::runs::export::{ExportFailed, Exported};
use super::server::create_invite::CreatedInvite;
use super::server::reload::NotReloaded;
use super::{Here, Size, Target};
use crate::config::{Profile, Settings};
use crate::connect::{DisconnectReason, DiscoveredServer, Reached, Via};
use crate::input::key::Key;

/// Something that happened.
#[derive(Debug)]
pub(crate) enum Msg {
    /// A key was pressed.
    Key(Key),
    /// Text was pasted.
    Paste(String),
    /// The wheel was turned by this many rows, up being negative, with the pointer here.
    Wheel { rows: i32, column: u16, row: u16 },
    /// The left button was pressed on this.
    Click(Clicked),
    /// The terminal has another size.
    Resize(Size),
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
    Probed(Here),
    /// How an address of a paired server stands, as asked in this round.
    Reached { round: u64, via: Via, reach: ProbeResult },
    /// All the servers that say on the LAN that they are there.
    Found(Vec<DiscoveredServer>),
    /// Using an invite has ended: with whom this device is paired now, or why not.
    Paired { attempt: u64, result: Result<InviteRedeemed, NotPaired> },
    /// A dial has ended well.
    Dialled { attempt: u64, welcome: Box<InitializeResult>, reached: Reached, carries: bool },
    /// A dial has failed.
    DialFailed { attempt: u64, failed: DialFailed },
    /// Something of a session.
    Session { session: u64, event: Event },
    /// What was typed at this server in earlier days.
    History { server: String, lines: Vec<String> },
    /// So many bytes of an output that is saved have come.
    Fetching { id: u64, done: u64 },
    /// An output is in a file, or why not.
    Fetched { id: u64, result: Result<Exported, ExportFailed> },
    /// How the screen looks and listens from now on, and what is wrong in the files that say so; `asked`: a
    /// person wanted them read.
    Settings { settings: Box<Settings>, mistakes: Vec<String>, asked: bool },
    /// The audit log of the server of this session ends before an entry that this device has seen.
    AuditWarning { session: u64, warning: String },
    /// An effect has done its work: what to say.
    Done(String),
    /// An effect could not be carried out: why.
    Failed(String),
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

/// What a session says. All answers name what they answer.
#[derive(Debug)]
pub(crate) enum Event {
    /// The menu, or why there is none.
    Menu(Result<Menu, String>),
    /// The live list has begun, or why not.
    Subscribed(Result<SubscribeResult, String>),
    /// A command has ended, or was refused.
    Ran { block: u64, result: Result<Box<RunResult>, RunRefused> },
    /// Runs of the server, the newest or those before one.
    Runs { before: Option<RunId>, result: Result<RunsPage, String> },
    /// The server's figures.
    Status(Result<Box<Status>, String>),
    /// The last lines of the log.
    LogTail(Result<LogEntries, String>),
    /// The log is told from now on, or why not.
    LogSubscribed(Result<SubscribeResult, String>),
    /// One client, if it is still there.
    Client { id: ClientId, result: Result<Option<ClientRow>, String> },
    /// The keys that may come in, and those that no longer may.
    Keys(Result<Keys, String>),
    /// An invite or a token was made, or not: why.
    Invited(Result<Box<CreatedInvite>, String>),
    /// The server has read its files again, or not: why.
    Reloaded(Result<ReloadResult, NotReloaded>),
    /// A key was taken away, or not: why.
    Revoked { key: Pin, result: Result<(), String> },
    /// An admin action was carried out: what to say; or it was refused: why.
    Administered(Result<String, String>),
    /// The cancel of a run was refused: why.
    CancelRefused { run: RunId, why: String },
    /// What was typed for a run was taken, or not: why.
    InputTaken { run: RunId, result: Result<(), String> },
    /// Unasked.
    Notice(Box<Notification>),
    /// The session is over. Nothing of it comes after this.
    Lost(DisconnectReason),
}

/// Why a command gave no result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum RunRefused {
    /// The server, or this program, would not: the sentence.
    Refused { kind: ErrorKind, message: String },
    /// The connection was lost first: it is unknown whether it ran.
    Lost,
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
    /// Say something on a session.
    Call { session: u64, call: Call },
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
    /// Ask the terminal to report its mouse, or not to.
    Mouse(bool),
}

/// A request on a session.
#[derive(Debug)]
pub(crate) enum Call {
    /// The menu.
    Menu,
    /// The live list.
    Subscribe,
    /// The last lines of the log.
    LogTail,
    /// Each new line of the log.
    LogSubscribe,
    /// No more of a live list that has holes, or of the log.
    Unsubscribe(SubscriptionId),
    /// A command, whose output belongs to this block.
    Run { block: u64, run: CommandRun },
    /// The output of a run that is known by its number, from a byte of it on, for this block.
    Attach { block: u64, run: RunId, from: u64 },
    /// Runs of the server, the newest or those before one.
    Runs { before: Option<RunId> },
    /// The server's figures.
    Status,
    /// One client as it stands now.
    Client(ClientId),
    /// The list of keys.
    Keys,
    /// An invite or a token.
    Invite(KeyInvite),
    /// The server's files, read again.
    Reload,
    /// No more of a key.
    Revoke(Pin),
    /// A message to all clients.
    Broadcast(Broadcast),
    /// The end of another client's session.
    Kick(ClientKick),
    /// The end of a scheduled shutdown.
    CancelShutdown,
    /// The end of a run.
    Cancel(RunId),
    /// What was typed for a run; nothing is the end of its input.
    Input { run: RunId, data: Option<MaskedText> },
}

impl PartialEq for Call {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Menu, Self::Menu)
            | (Self::Subscribe, Self::Subscribe)
            | (Self::Status, Self::Status)
            | (Self::LogTail, Self::LogTail)
            | (Self::LogSubscribe, Self::LogSubscribe)
            | (Self::Keys, Self::Keys)
            | (Self::CancelShutdown, Self::CancelShutdown)
            | (Self::Reload, Self::Reload) => true,
            (Self::Invite(a), Self::Invite(b)) => a == b,
            (Self::Revoke(a), Self::Revoke(b)) => a == b,
            (Self::Broadcast(a), Self::Broadcast(b)) => a == b,
            (Self::Kick(a), Self::Kick(b)) => a == b,
            (Self::Cancel(a), Self::Cancel(b)) => a == b,
            (Self::Client(a), Self::Client(b)) => a == b,
            (Self::Input { run: a, data: c }, Self::Input { run: b, data: d }) => a == b && c == d,
            (Self::Runs { before: a }, Self::Runs { before: b }) => a == b,
            (
                Self::Attach { block: a, run: c, from: e },
                Self::Attach { block: b, run: d, from: f },
            ) => (a, c, e) == (b, d, f),
            (Self::Unsubscribe(a), Self::Unsubscribe(b)) => a == b,
            (Self::Run { block: a, run: b }, Self::Run { block: c, run: d }) => {
                a == c && b.command == d.command && b.args == d.args && b.confirm == d.confirm
            }
            _ => false,
        }
    }
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
