//! What there is: the figures, clients, the menu, runs, keys, the log.

use clap::Args;
use topside_shared::methods::{
    self, ClientsList, KeysList, LogEntries, LogTail, RunsList, ServerStatus,
};
use topside_shared::notifications::{Level, LogEntry};
use topside_shared::records::RunState;
use topside_shared::tables;

use super::one_shot::OneShot;
use super::{SessionArgs, follow};
use crate::verbs::errors::VerbError;

/// Most rows of one page.
const PAGE: u64 = 500;
/// Most lines of the log in one answer.
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

fn state(text: &str) -> Result<RunState, String> {
    let wire = serde_json::Value::from(text);
    serde_json::from_value(wire).map_err(|_| {
        "it is one of queued, running, succeeded, failed, cancelled, timedOut, lost".to_owned()
    })
}

fn level(text: &str) -> Result<Level, String> {
    let wire = serde_json::Value::from(text);
    let wrong = |_| "it is one of error, warn, info, debug, trace".to_owned();
    serde_json::from_value(wire).map_err(wrong)
}

pub(super) async fn status(asker: &mut OneShot<'_>) -> Result<u8, VerbError> {
    let status = asker.call(&ServerStatus {}).await?;
    asker.print(&status, |status| tables::status(&asker.welcome.server, status)).await
}

pub(super) async fn clients(asker: &mut OneShot<'_>, args: &Clients) -> Result<u8, VerbError> {
    if args.watch {
        return follow::clients(asker).await;
    }
    let mut all = methods::Clients::default();
    loop {
        let page = asker.call(&ClientsList { after: all.next, limit: Some(PAGE) }).await?;
        all.clients.extend(page.clients);
        all.next = page.next;
        if all.next.is_none() {
            break;
        }
    }
    asker.print(&all, |all| tables::clients(&all.clients)).await
}

pub(super) async fn menu(asker: &mut OneShot<'_>, how: &SessionArgs) -> Result<u8, VerbError> {
    let menu = asker.menu().await?;
    how.on.keep(&menu);
    asker
        .print(&menu, |menu| {
            let hint = "\n… takes arguments: `topside run help NAME` shows them\n";
            tables::menu(&menu.commands) + hint
        })
        .await
}

pub(super) async fn runs(asker: &mut OneShot<'_>, args: &Runs) -> Result<u8, VerbError> {
    let Runs { state, command, user, before, limit, .. } = args;
    if args.watch {
        let wanted = |row: &topside_shared::records::RunRow| {
            state.is_none_or(|state| row.state == state)
                && command.as_ref().is_none_or(|command| row.command == *command)
                && user.as_ref().is_none_or(|user| row.user == *user)
        };
        return follow::runs(asker, wanted).await;
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
        let page = asker.call(&list).await?;
        all.runs.extend(page.runs);
        all.next = page.next;
        if all.next.is_none() {
            break;
        }
    }
    asker.print(&all, |all| tables::runs(&all.runs)).await
}

pub(super) async fn keys(asker: &mut OneShot<'_>) -> Result<u8, VerbError> {
    let keys = asker.call(&KeysList {}).await?;
    asker.print(&keys, |keys| tables::keys::list(&keys.keys)).await
}

pub(super) async fn log(asker: &mut OneShot<'_>, args: &Log) -> Result<u8, VerbError> {
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
        return follow::log(asker, last, wanted).await;
    }
    // With a level all are asked for: the last of those that matter so much may be long ago.
    let asked = if level.is_some() { MOST_LINES } else { *lines };
    let tail = LogTail { lines: Some(asked), matching: matching.clone() };
    let mut entries = asker.call(&tail).await?.entries;
    entries.retain(wanted);
    entries.drain(..entries.len().saturating_sub(last));
    asker
        .print(&LogEntries { entries }, |log| {
            log.entries.iter().map(|entry| tables::log_line(entry) + "\n").collect()
        })
        .await
}
