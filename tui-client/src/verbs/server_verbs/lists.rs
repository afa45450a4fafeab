//! Verbs that print a list: status, clients, the menu, runs, keys, the log.

use clap::Args;
use serde::de::DeserializeOwned;
use topside_shared::methods::{
    self, ClientsList, KeysList, LogEntries, LogTail, RunsList, ServerStatus,
};
use topside_shared::notifications::{Level, LogEntry};
use topside_shared::records::RunState;
use topside_shared::tables;

use super::one_shot::OneShot;
use super::{SessionArgs, follow};
use crate::verbs::errors::VerbError;

const PAGE: u64 = 500;
pub(super) const MOST_LINES: u64 = 1000;

#[derive(Debug, Args)]
pub(in crate::verbs) struct Clients {
    #[command(flatten)]
    pub(super) how: SessionArgs,
    /// Go on with every change: in words at a terminal, else JSON lines
    #[arg(long)]
    pub(super) watch: bool,
}

#[derive(Debug, Args)]
pub(in crate::verbs) struct Runs {
    #[command(flatten)]
    pub(super) how: SessionArgs,
    /// Go on with every change of a live run: in words at a terminal, else JSON lines
    #[arg(long, conflicts_with_all = ["limit", "before"])]
    pub(super) watch: bool,
    /// Only runs in this state: queued, running, succeeded, failed, cancelled, timedOut, lost
    #[arg(long, value_parser = state)]
    state: Option<RunState>,
    /// Only runs of this command
    #[arg(long, value_name = "NAME")]
    command: Option<String>,
    /// Only runs of this user
    #[arg(long, value_name = "NAME")]
    user: Option<String>,
    /// Only runs with a smaller number
    #[arg(long, value_name = "RUN", value_parser = super::runs::number)]
    before: Option<u64>,
    /// At most so many, the newest first
    #[arg(long, value_name = "COUNT", default_value_t = 20)]
    limit: u64,
}

#[derive(Debug, Args)]
pub(in crate::verbs) struct Log {
    #[command(flatten)]
    pub(super) how: SessionArgs,
    /// How many of the last lines: 1 to 1,000
    #[arg(short = 'n', long, value_name = "COUNT", default_value_t = 50, value_parser = clap::value_parser!(u64).range(1..=MOST_LINES))]
    lines: u64,
    /// Only lines that hold this text, in any case
    #[arg(long = "match", value_name = "TEXT")]
    matching: Option<String>,
    /// Only lines that matter so much or more: error, warn, info, debug, trace
    #[arg(long, value_parser = level)]
    level: Option<Level>,
    /// Go on with each new line: in words at a terminal, else JSON lines
    #[arg(short, long)]
    pub(super) follow: bool,
}

/// Parses a value by its name on the wire.
fn from_wire<T: DeserializeOwned>(text: &str, names: &str) -> Result<T, String> {
    serde_json::from_value(text.into()).map_err(|_| format!("it is one of {names}"))
}

fn state(text: &str) -> Result<RunState, String> {
    from_wire(text, "queued, running, succeeded, failed, cancelled, timedOut, lost")
}

fn level(text: &str) -> Result<Level, String> {
    from_wire(text, "error, warn, info, debug, trace")
}

pub(super) async fn status(session: &mut OneShot<'_>) -> Result<u8, VerbError> {
    let status = session.call(&ServerStatus::default()).await?;
    session.print(&status, |status| tables::status(&session.welcome.server, status)).await
}

pub(super) async fn clients(session: &mut OneShot<'_>, args: &Clients) -> Result<u8, VerbError> {
    if args.watch {
        return follow::clients(session).await;
    }
    let mut all = methods::Clients::default();
    loop {
        let page = session.call(&ClientsList { after: all.next, limit: Some(PAGE) }).await?;
        all.clients.extend(page.clients);
        all.next = page.next;
        if all.next.is_none() {
            break;
        }
    }
    session.print(&all, |all| tables::clients(&all.clients)).await
}

pub(super) async fn menu(session: &mut OneShot<'_>, how: &SessionArgs) -> Result<u8, VerbError> {
    let menu = session.menu().await?;
    how.on.keep(&menu);
    session
        .print(&menu, |menu| {
            let hint = "\n… needs arguments: `topside run help NAME` shows them\n";
            tables::menu(&menu.commands) + hint
        })
        .await
}

pub(super) async fn runs(session: &mut OneShot<'_>, args: &Runs) -> Result<u8, VerbError> {
    let Runs { state, command, user, before, limit, .. } = args;
    if args.watch {
        let wanted = |row: &topside_shared::records::RunRow| {
            state.is_none_or(|state| row.state == state)
                && command.as_ref().is_none_or(|command| row.command == *command)
                && user.as_ref().is_none_or(|user| row.user == *user)
        };
        return follow::runs(session, wanted).await;
    }
    let mut all =
        methods::RunsPage { next: before.map(topside_shared::RunId), ..Default::default() };
    while (all.runs.len() as u64) < *limit {
        let list = RunsList {
            state: *state,
            command: command.clone(),
            user: user.clone(),
            before: all.next,
            limit: Some(PAGE.min(limit - all.runs.len() as u64)),
        };
        let page = session.call(&list).await?;
        all.runs.extend(page.runs);
        all.next = page.next;
        if all.next.is_none() {
            break;
        }
    }
    session.print(&all, |all| tables::runs(&all.runs)).await
}

pub(super) async fn keys(session: &mut OneShot<'_>) -> Result<u8, VerbError> {
    let keys = session.call(&KeysList {}).await?;
    session.print(&keys, |keys| tables::keys::list(&keys.keys)).await
}

pub(super) async fn log(session: &mut OneShot<'_>, args: &Log) -> Result<u8, VerbError> {
    let Log { lines, matching, level, follow, .. } = args;
    let needle = matching.as_ref().map(|text| text.to_lowercase());
    let wanted = |entry: &LogEntry| {
        level.is_none_or(|level| entry.level >= level)
            && needle
                .as_ref()
                .is_none_or(|text| tables::log_line(entry).to_lowercase().contains(text))
    };
    let last = usize::try_from(*lines).unwrap_or(usize::MAX);
    if *follow {
        return follow::log(session, last, wanted).await;
    }
    // With a level the whole log is read: the last lines of that level may be old.
    let asked = if level.is_some() { MOST_LINES } else { *lines };
    let tail = LogTail { lines: Some(asked), matching: matching.clone() };
    let mut entries = session.call(&tail).await?.entries;
    entries.retain(wanted);
    entries.drain(..entries.len().saturating_sub(last));
    session
        .print(&LogEntries { entries }, |log| {
            log.entries.iter().map(|entry| tables::log_line(entry) + "\n").collect()
        })
        .await
}
