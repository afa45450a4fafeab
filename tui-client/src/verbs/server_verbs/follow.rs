//! Verbs that follow a list, the log or notifications until the session ends: a line for each change.

use std::io::IsTerminal;

use jiff::tz::TimeZone;
use serde::Serialize;
use serde_json::json;
use topside_shared::methods::{EventsSubscribe, LogTail, Snapshot, Topic};
use topside_shared::notifications::{LogEntry, Notification};
use topside_shared::records::{ClientRow, RunRow};
use topside_shared::tables;
use topside_shared::text::{MAX_NAME, clean};

use super::one_shot::{OneShot, json_line};
use crate::connect::Event;
use crate::verb_args::log::MOST_LINES;
use crate::verbs::errors::VerbError;
use crate::verbs::printer::OutputPart;
use crate::verbs::{messages, runner};

/// A line, as JSON and as text.
struct FollowLine {
    json: String,
    words: String,
}

impl FollowLine {
    fn new(json: &impl Serialize, words: String) -> Self {
        Self { json: json_line(json), words }
    }
}

/// Prints clients that join, change and leave.
pub(super) async fn clients(session: &mut OneShot<'_>) -> Result<u8, VerbError> {
    let joined = |row: &ClientRow| {
        FollowLine::new(&json!({ "joined": row }), format!("+ {}", tables::client(row)))
    };
    let begin =
        |snapshot: Snapshot| snapshot.clients.unwrap_or_default().iter().map(joined).collect();
    follow(session, Topic::Clients, begin, |notice| {
        let Notification::ClientsChanged(changed) = notice else { return Vec::new() };
        let left = changed.left.iter().map(|left| {
            let words = format!("- {} {}\n", left.client_id, clean(&left.reason, MAX_NAME));
            FollowLine::new(&json!({ "left": left }), words)
        });
        let updated = changed.updated.iter().map(|row| {
            FollowLine::new(&json!({ "updated": row }), format!("~ {}", tables::client(row)))
        });
        changed.joined.iter().map(joined).chain(left).chain(updated).collect()
    })
    .await
}

/// Prints the live runs, and each change of one.
pub(super) async fn runs(
    session: &mut OneShot<'_>,
    wanted: impl Fn(&RunRow) -> bool,
) -> Result<u8, VerbError> {
    let zone = TimeZone::system();
    let line = |row: &RunRow| wanted(row).then(|| FollowLine::new(row, tables::run(row, &zone)));
    let begin =
        |snapshot: Snapshot| snapshot.runs.unwrap_or_default().iter().filter_map(line).collect();
    follow(session, Topic::Runs, begin, |notice| match notice {
        Notification::RunChanged(row) => line(row).into_iter().collect(),
        _ => Vec::new(),
    })
    .await
}

/// Prints the last lines of the log, and each new one.
pub(super) async fn log(
    session: &mut OneShot<'_>,
    last: usize,
    wanted: impl Fn(&LogEntry) -> bool,
) -> Result<u8, VerbError> {
    let zone = TimeZone::system();
    let printed = |entry: &LogEntry| tables::printed_log_line(entry, &zone) + "\n";
    let line = |entry: &LogEntry| wanted(entry).then(|| FollowLine::new(entry, printed(entry)));
    let recent = subscribe(session, Topic::Log).await?.log.unwrap_or_default();
    let mut lines: Vec<FollowLine> = recent.iter().filter_map(line).collect();
    if lines.len() < last && !recent.is_empty() {
        // The snapshot is short. A longer tail holds it at its end, before the notifications.
        let tail = LogTail { lines: Some(MOST_LINES), ..LogTail::default() };
        let entries = session.call(&tail).await?.entries.into_iter();
        let entries: Vec<LogEntry> = entries.map(LogEntry::without_place).collect();
        let older = entries.windows(recent.len()).position(|some| *some == *recent).unwrap_or(0);
        lines.splice(..0, entries[..older].iter().filter_map(line));
    }
    lines.drain(..lines.len().saturating_sub(last));
    go_on(session, lines, |notice| match notice {
        Notification::LogEntry(entry) => line(entry).into_iter().collect(),
        _ => Vec::new(),
    })
    .await
}

/// Prints broadcasts, and the end of the server.
pub(super) async fn notices(session: &mut OneShot<'_>) -> Result<u8, VerbError> {
    let line = |notice: &Notification| match notice {
        Notification::Broadcast(told) => {
            Some(FollowLine::new(&json!({ "broadcast": told }), messages::broadcast(told) + "\n"))
        }
        Notification::Closing(closing) => {
            Some(FollowLine::new(&json!({ "closing": closing }), messages::closing(closing) + "\n"))
        }
        _ => None,
    };
    let due = session.welcome.closing.clone().map(Notification::Closing);
    let first = due.as_ref().and_then(line).into_iter().collect();
    go_on(session, first, |notice| line(notice).into_iter().collect()).await
}

/// Subscribes, and prints the snapshot and each change.
async fn follow(
    session: &mut OneShot<'_>,
    topic: Topic,
    begin: impl FnOnce(Snapshot) -> Vec<FollowLine>,
    lines: impl Fn(&Notification) -> Vec<FollowLine>,
) -> Result<u8, VerbError> {
    let first = begin(subscribe(session, topic).await?);
    go_on(session, first, lines).await
}

async fn subscribe(session: &mut OneShot<'_>, topic: Topic) -> Result<Snapshot, VerbError> {
    Ok(session.call(&EventsSubscribe { topics: vec![topic] }).await?.snapshot)
}

/// Prints until the session ends. Other notifications go to standard error.
async fn go_on(
    session: &mut OneShot<'_>,
    first: Vec<FollowLine>,
    lines: impl Fn(&Notification) -> Vec<FollowLine>,
) -> Result<u8, VerbError> {
    let json = session.is_json() || !std::io::stdout().is_terminal();
    let mut waiting = first;
    loop {
        for FollowLine { json: for_programs, words } in waiting {
            // The reader of the output has gone.
            let Some(room) = session.printer.room().await else {
                return Ok(session.printer.broken_status());
            };
            room.send(OutputPart::Print(if json { for_programs } else { words }));
        }
        let event = tokio::select! {
            biased;
            () = session.printer.broken() => return Ok(session.printer.broken_status()),
            event = session.events.next() => event,
        };
        waiting = match event {
            Event::Lost(why) => return Ok(session.over(&why).await),
            Event::Answer { .. } => Vec::new(),
            Event::Notice(notice) => {
                let printed = lines(&notice);
                if printed.is_empty()
                    && let Some(beside) = runner::sentence(&notice)
                {
                    session.printer.write(beside).await;
                }
                printed
            }
        };
    }
}
