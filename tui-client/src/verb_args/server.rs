//! Arguments of the verbs that send requests to a server.

use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};
use clap_complete::engine::{ArgValueCandidates, CompletionCandidate};
use serde::de::DeserializeOwned;
use topside_server::cli::{InviteArgs, TokenArgs};
use topside_shared::methods::{SchedulePause, SchedulePlan, ScheduleResume, ScheduleRun};
use topside_shared::notifications::Level;
use topside_shared::records::RunState;

use super::duration;
use super::target::TargetArgs;

/// Most lines that the log gives.
pub(crate) const MOST_LINES: u64 = 1000;

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
    /// Confirm without a question; needed without a terminal
    #[arg(long)]
    pub(crate) yes: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ServerVerb {
    /// Show the status of a server: its figures, and a shutdown that is due
    Status(SessionArgs),
    /// Show who is connected
    Clients(Clients),
    /// Show the menu: the commands that you may run
    Menu(SessionArgs),
    /// Show the runs, live and past
    Runs(Runs),
    /// Follow a run: its output from the beginning, and its exit status; Ctrl-C leaves it alone
    Attach(Attach),
    /// Cancel a run, and wait for its end
    Cancel(Cancel),
    /// Answer a run that asks: a line, or standard input as it comes
    Input(Input),
    /// Show the schedules: what the server starts by itself, and when
    Schedules(SessionArgs),
    /// Pause or resume a schedule, run its command now, or change the plan (operator)
    Schedule(ScheduleArgs),
    /// Show notifications as they come: broadcasts, and the server's end
    Notices(SessionArgs),
    /// Read the server's log (admin)
    Log(Log),
    /// Send a message to every client (admin)
    Broadcast(BroadcastArgs),
    /// Disconnect a client (admin)
    Kick(Kick),
    /// Shut the server down, or restart it: every client is warned (admin)
    Shutdown(Shutdown),
    /// Postpone the shutdown that is due (admin)
    Postpone(Postpone),
    /// Cancel the shutdown (admin)
    #[command(alias = "call-off", alias = "shutdown-cancel")]
    CancelShutdown(SessionArgs),
    /// Have the server read its files again: all of it takes effect, or nothing does (admin)
    Reload(SessionArgs),
    /// Show the keys that the server accepts over TCP (admin)
    Keys(SessionArgs),
    /// Revoke a key, and end its sessions (admin)
    Revoke(Revoke),
    #[command(alias = "make-invite")]
    /// Make an invite: one string that pairs one client with the server (admin)
    Invite {
        #[command(flatten)]
        invite: InviteArgs,
        #[command(flatten)]
        how: SessionArgs,
    },
    /// Make a token: the same for a script, limited to some commands (admin)
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
            | Self::Invite { how, .. }
            | Self::Token { how, .. } => how,
            Self::Schedule(args) => &args.how,
            Self::Clients(args) => &args.how,
            Self::Runs(args) => &args.how,
            Self::Attach(args) => &args.how,
            Self::Cancel(args) => &args.how,
            Self::Input(args) => &args.how,
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

/// What `topside schedule` does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ScheduleAction {
    /// Pause it until it is resumed, also over a restart
    Pause,
    /// Resume it
    Resume,
    /// Run its command now; its later starts stay
    Run,
    /// Activate a plan in place of another; without a name, none
    Plan,
}

#[derive(Debug, Args)]
pub(crate) struct ScheduleArgs {
    #[command(flatten)]
    pub(crate) how: SessionArgs,
    /// What to do
    pub(crate) action: ScheduleAction,
    /// The schedule; for `plan` the plan
    #[arg(required_if_eq_any([("action", "pause"), ("action", "resume"), ("action", "run")]))]
    pub(crate) name: Option<String>,
    /// For `pause`: why, for other users
    #[arg(long)]
    pub(crate) reason: Option<String>,
}

/// A change of a schedule.
pub(crate) enum ScheduleChange {
    Pause(SchedulePause),
    Resume(ScheduleResume),
    Run(ScheduleRun),
    Plan(SchedulePlan),
}

impl ScheduleArgs {
    pub(crate) fn change(&self) -> ScheduleChange {
        let schedule = self.name.clone().unwrap_or_default();
        match self.action {
            ScheduleAction::Pause => {
                ScheduleChange::Pause(SchedulePause { schedule, reason: self.reason.clone() })
            }
            ScheduleAction::Resume => ScheduleChange::Resume(ScheduleResume { schedule }),
            ScheduleAction::Run => ScheduleChange::Run(ScheduleRun { schedule }),
            ScheduleAction::Plan => ScheduleChange::Plan(SchedulePlan { plan: self.name.clone() }),
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct Clients {
    #[command(flatten)]
    pub(crate) how: SessionArgs,
    /// Go on with every change: in words at a terminal, else JSON lines
    #[arg(long)]
    pub(crate) watch: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Runs {
    #[command(flatten)]
    pub(crate) how: SessionArgs,
    /// Go on with every change of a live run: in words at a terminal, else JSON lines
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
    /// At most so many, the newest first
    #[arg(long, value_name = "COUNT", default_value_t = 20)]
    pub(crate) limit: u64,
}

#[derive(Debug, Args)]
pub(crate) struct Log {
    #[command(flatten)]
    pub(crate) how: SessionArgs,
    /// How many of the last lines: 1 to 1,000
    #[arg(short = 'n', long, value_name = "COUNT", default_value_t = 50, value_parser = clap::value_parser!(u64).range(1..=MOST_LINES))]
    pub(crate) lines: u64,
    /// Only lines that hold this text, in any case
    #[arg(long = "match", value_name = "TEXT")]
    pub(crate) matching: Option<String>,
    /// Only lines that matter so much or more: error, warn, info, debug, trace
    #[arg(long, value_parser = level, add = values(LEVELS))]
    pub(crate) level: Option<Level>,
    /// Go on with each new line: in words at a terminal, else JSON lines
    #[arg(short, long)]
    pub(crate) follow: bool,
}

const STATES: &[&str] =
    &["queued", "running", "succeeded", "failed", "cancelled", "timedOut", "lost"];
const LEVELS: &[&str] = &["error", "warn", "info", "debug", "trace"];
/// Delays that are offered for completion.
const DELAYS: &[&str] = &["1m", "5m", "15m", "1h"];

/// Completes these values.
fn values(values: &'static [&'static str]) -> ArgValueCandidates {
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

fn level(text: &str) -> Result<Level, String> {
    from_wire(text, LEVELS)
}

#[derive(Debug, Args)]
pub(crate) struct Attach {
    #[command(flatten)]
    pub(crate) how: SessionArgs,
    /// Its number, as `topside runs` shows it
    #[arg(value_parser = number)]
    pub(crate) run: u64,
    /// Leave the first so many bytes of its output out
    #[arg(long, value_name = "BYTES", default_value_t = 0)]
    pub(crate) from: u64,
}

#[derive(Debug, Args)]
pub(crate) struct Cancel {
    #[command(flatten)]
    pub(crate) how: SessionArgs,
    /// Its number, as `topside runs` shows it
    #[arg(value_parser = number)]
    pub(crate) run: u64,
}

#[derive(Debug, Args)]
pub(crate) struct Input {
    #[command(flatten)]
    pub(crate) how: SessionArgs,
    /// Its number, as `topside runs` shows it
    #[arg(value_parser = number)]
    pub(crate) run: u64,
    /// The line that it is given; without one, standard input as it comes
    pub(crate) line: Option<String>,
    /// End its input afterwards
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
    /// How much it matters
    #[arg(long, value_enum, default_value = "info")]
    pub(crate) level: LevelArg,
    /// The message to every client
    #[arg(required = true, value_name = "MESSAGE")]
    pub(crate) message: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LevelArg {
    /// Good to know
    Info,
    /// Something that may go wrong, or must be done
    Warning,
}

#[derive(Debug, Args)]
pub(crate) struct Kick {
    #[command(flatten)]
    pub(crate) how: SessionArgs,
    #[command(flatten)]
    pub(crate) confirm: ConfirmArgs,
    /// The client's number, as `topside clients` shows it
    #[arg(value_parser = number)]
    pub(crate) client: u64,
    /// The reason for that client
    #[arg(value_name = "REASON")]
    pub(crate) reason: Vec<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Shutdown {
    #[command(flatten)]
    pub(crate) how: SessionArgs,
    #[command(flatten)]
    pub(crate) confirm: ConfirmArgs,
    /// Begin after so long: 90, 90s, 5m, 1h30m; without it, at once
    #[arg(long = "in", value_name = "DURATION", value_parser = duration::parse, add = values(DELAYS))]
    pub(crate) delay: Option<Duration>,
    /// Start again at once
    #[arg(long)]
    pub(crate) restart: bool,
    /// Expected return: 20:00, 30m (after the shutdown begins), or a time in RFC 3339
    #[arg(long, value_name = "WHEN")]
    pub(crate) back: Option<String>,
    /// The reason for every client
    #[arg(value_name = "REASON")]
    pub(crate) reason: Vec<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Postpone {
    #[command(flatten)]
    pub(crate) how: SessionArgs,
    /// By how much: 90, 90s, 5m, 1h30m
    #[arg(value_name = "DURATION", value_parser = duration::parse, add = values(DELAYS), default_value = "5m")]
    pub(crate) by: Duration,
    /// Another expected return: 20:00, 30m (after the shutdown begins), or a time in RFC 3339
    #[arg(long, value_name = "WHEN")]
    pub(crate) back: Option<String>,
    /// Another reason for every client
    #[arg(value_name = "REASON")]
    pub(crate) reason: Vec<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Revoke {
    #[command(flatten)]
    pub(crate) how: SessionArgs,
    #[command(flatten)]
    pub(crate) confirm: ConfirmArgs,
    /// Its name, or the beginning of its digits as `topside keys` shows them
    pub(crate) key: String,
}
