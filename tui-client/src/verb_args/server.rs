//! Arguments of the verbs that send requests to a server.

use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};
use clap_complete::engine::{ArgValueCandidates, CompletionCandidate};
use serde::de::DeserializeOwned;
use topside_server::cli::{InviteArgs, TokenArgs};
use topside_shared::notifications::Level;
use topside_shared::records::RunState;

use super::approval::DecisionArgs;
use super::duration;
use super::log::Log;
use super::notify::NotifyArgs;
use super::schedule::ScheduleArgs;
use super::shutdown::Shutdown;
use super::target::TargetArgs;
use super::worker::WorkerArgs;

/// The server, and the form of the answer.
#[derive(Debug, Args)]
pub(crate) struct SessionArgs {
    #[command(flatten)]
    pub(crate) on: TargetArgs,
    /// Print JSON, one object a line: the answer, or `{"error": ..}`
    #[arg(long)]
    pub(crate) json: bool,
}

/// Confirmation of a dangerous verb.
#[derive(Debug, Args)]
pub(crate) struct ConfirmArgs {
    /// Confirm without a question; required where there is no terminal
    #[arg(long)]
    pub(crate) yes: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ServerVerb {
    /// Show the status of a server: its load, its limits, and a shutdown that is due
    Status(SessionArgs),
    /// Show the connected clients
    Clients(Clients),
    /// Show the menu: the commands that you may run
    Menu(SessionArgs),
    /// Show the runs, current and past
    Runs(Runs),
    /// Follow a run: print its output from the beginning, and exit with its status; Ctrl-C does not stop the run
    Attach(Attach),
    /// Cancel a run, and wait for its end
    Cancel(Cancel),
    /// Fetch the results of a run: files that it has left
    Fetch(Fetch),
    /// Send input to a run: one line, or standard input
    Input(Input),
    /// Show the runs that wait for approval
    Approvals(SessionArgs),
    /// Approve a run that waits for it: it starts once, with the arguments of its request
    Approve(DecisionArgs),
    /// Refuse a run that waits for approval
    Refuse(DecisionArgs),
    /// Show the schedules: the commands that the server starts itself, and when
    Schedules(SessionArgs),
    /// Pause, resume, set or run a schedule, or change the plan (operator)
    Schedule(ScheduleArgs),
    /// Restart a worker: its process ends in order, and another is started (admin)
    Worker(WorkerArgs),
    /// Test the notifiers, which tell people elsewhere what happened (admin)
    Notify(NotifyArgs),
    /// Print notices as they arrive: broadcasts, and shutdowns of the server
    Notices(SessionArgs),
    /// Read the server's log (admin)
    Log(Log),
    /// Send a message to every client (admin)
    Broadcast(BroadcastArgs),
    /// Disconnect a client (admin)
    Kick(Kick),
    /// Shut down or restart the server, or reboot or power off the box (admin)
    Shutdown(Shutdown),
    /// Postpone the shutdown that is due (admin)
    Postpone(Postpone),
    /// Cancel the shutdown that is due (admin)
    #[command(alias = "call-off", alias = "shutdown-cancel")]
    CancelShutdown(SessionArgs),
    /// Reload the server's files; after a mistake in one, nothing changes (admin)
    Reload(SessionArgs),
    /// Show the keys that the server accepts over TCP (admin)
    Keys(SessionArgs),
    /// Revoke a key, and end its sessions (admin)
    Revoke(Revoke),
    #[command(alias = "make-invite")]
    /// Create an invite: one string that pairs one client with the server (admin)
    Invite {
        #[command(flatten)]
        invite: InviteArgs,
        #[command(flatten)]
        how: SessionArgs,
    },
    /// Create a token: a key for a script, limited to some commands (admin)
    Token {
        #[command(flatten)]
        token: TokenArgs,
        #[command(flatten)]
        how: SessionArgs,
    },
}

impl ServerVerb {
    pub(crate) fn how(&self) -> &SessionArgs {
        match self {
            Self::Status(how)
            | Self::Menu(how)
            | Self::Notices(how)
            | Self::CancelShutdown(how)
            | Self::Reload(how)
            | Self::Keys(how)
            | Self::Schedules(how)
            | Self::Approvals(how)
            | Self::Invite { how, .. }
            | Self::Token { how, .. } => how,
            Self::Schedule(args) => &args.how,
            Self::Approve(args) | Self::Refuse(args) => &args.how,
            Self::Worker(args) => &args.how,
            Self::Notify(args) => &args.how,
            Self::Clients(args) => &args.how,
            Self::Runs(args) => &args.how,
            Self::Attach(args) => &args.how,
            Self::Cancel(args) => &args.how,
            Self::Input(args) => &args.how,
            Self::Fetch(args) => &args.how,
            Self::Log(args) => &args.how,
            Self::Broadcast(args) => &args.how,
            Self::Kick(args) => &args.how,
            Self::Shutdown(args) => &args.how,
            Self::Postpone(args) => &args.how,
            Self::Revoke(args) => &args.how,
        }
    }

    /// Whether the verb prints notifications, beside the answer.
    pub(crate) fn listens(&self) -> bool {
        match self {
            Self::Notices(_) => true,
            Self::Clients(args) => args.watch,
            Self::Runs(args) => args.watch,
            Self::Log(args) => args.follow,
            Self::Attach(_) => true,
            _ => false,
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct Clients {
    #[command(flatten)]
    pub(crate) how: SessionArgs,
    /// Print every change too: as text at a terminal, else as JSON lines
    #[arg(long)]
    pub(crate) watch: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Runs {
    #[command(flatten)]
    pub(crate) how: SessionArgs,
    /// Print every change of a run too: as text at a terminal, else as JSON lines
    #[arg(long, conflicts_with_all = ["limit", "before"])]
    pub(crate) watch: bool,
    /// Only runs in this state: queued, running, succeeded, failed, cancelled, timedOut, lost
    #[arg(long, value_parser = state, add = values(STATES))]
    pub(crate) state: Option<RunState>,
    /// Only runs of this command
    #[arg(long, value_name = "NAME")]
    pub(crate) command: Option<String>,
    /// Only runs of this user
    #[arg(long, value_name = "NAME")]
    pub(crate) user: Option<String>,
    /// Only runs with a smaller number
    #[arg(long, value_name = "RUN", value_parser = number)]
    pub(crate) before: Option<u64>,
    /// At most this number of runs, newest first
    #[arg(long, value_name = "COUNT", default_value_t = 20)]
    pub(crate) limit: u64,
}

const STATES: &[&str] =
    &["queued", "running", "succeeded", "failed", "cancelled", "timedOut", "lost"];
pub(super) const LEVELS: &[&str] = &["error", "warn", "info", "debug", "trace"];
/// Delays that are offered for completion.
pub(super) const DELAYS: &[&str] = &["1m", "5m", "15m", "1h"];

/// Completes these values.
pub(super) fn values(values: &'static [&'static str]) -> ArgValueCandidates {
    ArgValueCandidates::new(move || values.iter().map(CompletionCandidate::new).collect())
}

/// Parses a value by its name on the wire.
fn from_wire<T: DeserializeOwned>(text: &str, names: &[&str]) -> Result<T, String> {
    let names = names.join(", ");
    serde_json::from_value(text.into()).map_err(|_| format!("it is one of {names}"))
}

fn state(text: &str) -> Result<RunState, String> {
    from_wire(text, STATES)
}

pub(super) fn level(text: &str) -> Result<Level, String> {
    from_wire(text, LEVELS)
}

#[derive(Debug, Args)]
pub(crate) struct Attach {
    #[command(flatten)]
    pub(crate) how: SessionArgs,
    /// Number of the run, from `topside runs`
    #[arg(value_parser = number)]
    pub(crate) run: u64,
    /// Skip this number of bytes at the beginning of its output
    #[arg(long, value_name = "BYTES", default_value_t = 0)]
    pub(crate) from: u64,
}

#[derive(Debug, Args)]
pub(crate) struct Cancel {
    #[command(flatten)]
    pub(crate) how: SessionArgs,
    /// Number of the run, from `topside runs`
    #[arg(value_parser = number)]
    pub(crate) run: u64,
}

#[derive(Debug, Args)]
pub(crate) struct Fetch {
    #[command(flatten)]
    pub(crate) how: SessionArgs,
    /// Its number, as `topside runs` shows it
    #[arg(value_parser = number)]
    pub(crate) run: u64,
    /// The result, as --list shows it; without it, all of them
    pub(crate) name: Option<String>,
    /// The file or the directory that it goes to, or - for standard output; without it, this directory
    #[arg(short, long, value_name = "PATH", value_hint = clap::ValueHint::AnyPath)]
    pub(crate) output: Option<String>,
    /// Show the results, and fetch none
    #[arg(long, conflicts_with = "output")]
    pub(crate) list: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Input {
    #[command(flatten)]
    pub(crate) how: SessionArgs,
    /// Number of the run, from `topside runs`
    #[arg(value_parser = number)]
    pub(crate) run: u64,
    /// The line to send; without it, standard input
    pub(crate) line: Option<String>,
    /// Close the run's input afterwards
    #[arg(long)]
    pub(crate) end: bool,
}

/// Parses a number as the user types it, or as lists show it.
pub(crate) fn number(text: &str) -> Result<u64, String> {
    let digits = text.strip_prefix('#').unwrap_or(text);
    digits.parse().map_err(|_| "it is a number, such as 7".to_owned())
}

#[derive(Debug, Args)]
pub(crate) struct BroadcastArgs {
    #[command(flatten)]
    pub(crate) how: SessionArgs,
    /// Importance of the message
    #[arg(long, value_enum, default_value = "info")]
    pub(crate) level: LevelArg,
    /// The message to every client
    #[arg(required = true, value_name = "MESSAGE")]
    pub(crate) message: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LevelArg {
    /// For information
    Info,
    /// A problem, or something to do
    Warning,
}

#[derive(Debug, Args)]
pub(crate) struct Kick {
    #[command(flatten)]
    pub(crate) how: SessionArgs,
    #[command(flatten)]
    pub(crate) confirm: ConfirmArgs,
    /// Number of the client, from `topside clients`
    #[arg(value_parser = number)]
    pub(crate) client: u64,
    /// The reason, shown to that client
    #[arg(value_name = "REASON")]
    pub(crate) reason: Vec<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Postpone {
    #[command(flatten)]
    pub(crate) how: SessionArgs,
    /// Additional time: 90, 90s, 5m, 1h30m
    #[arg(value_name = "DURATION", value_parser = duration::parse, add = values(DELAYS), default_value = "5m")]
    pub(crate) by: Duration,
    /// New expected return: 20:00, 30m (after the shutdown begins), or a time in RFC 3339
    #[arg(long, value_name = "WHEN")]
    pub(crate) back: Option<String>,
    /// New reason, shown to every client
    #[arg(value_name = "REASON")]
    pub(crate) reason: Vec<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Revoke {
    #[command(flatten)]
    pub(crate) how: SessionArgs,
    #[command(flatten)]
    pub(crate) confirm: ConfirmArgs,
    /// Name of the key, or the first digits that `topside keys` shows
    pub(crate) key: String,
}
