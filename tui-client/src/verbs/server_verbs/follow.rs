//! What goes on, as it comes, until the session ends: a line for each change.

use std::io::IsTerminal;

use serde::Serialize;
use serde_json::json;
use topside_shared::methods::{EventsSubscribe, LogTail, Snapshot, Topic};
use topside_shared::notifications::{LogEntry, Notification};
use topside_shared::records::{ClientRow, RunRow};
use topside_shared::tables;
use topside_shared::text::{MAX_NAME, clean};

use super::lists::MOST_LINES;
use super::one_shot::{OneShot, json_line};
use crate::connect::Event;
use crate::verbs::errors::VerbError;
use crate::verbs::printer::OutputPart;
use crate::verbs::{messages, runner};

/// A line: for programs, and for people.
struct FollowLine {
    json: String,
    words: String,
}

impl FollowLine {
    fn new(json: &impl Serialize, words: String) -> Self {
        Self { json: json_line(json), words }
    }
}

/// Who comes, changes and goes.
pub(super) async fn clients(asker: &mut OneShot<'_>) -> Result<u8, VerbError> {
    let joined = |row: &ClientRow| {
        FollowLine::new(&json!({ "joined": row }), format!("+ {}", tables::client(row)))
    };
    let begin =
        |snapshot: Snapshot| snapshot.clients.unwrap_or_default().iter().map(joined).collect();
    follow(asker, Topic::Clients, begin, |notice| {
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

/// The runs that go on, and each change of one.
pub(super) async fn runs(
    asker: &mut OneShot<'_>,
    wanted: impl Fn(&RunRow) -> bool,
) -> Result<u8, VerbError> {
    let line = |row: &RunRow| wanted(row).then(|| FollowLine::new(row, tables::run(row)));
    let begin =
        |snapshot: Snapshot| snapshot.runs.unwrap_or_default().iter().filter_map(line).collect();
    follow(asker, Topic::Runs, begin, |notice| match notice {
        Notification::RunChanged(row) => line(row).into_iter().collect(),
        _ => Vec::new(),
    })
    .await
}

/// The last lines of the log, and each new one.
pub(super) async fn log(
    asker: &mut OneShot<'_>,
    last: usize,
    wanted: impl Fn(&LogEntry) -> bool,
) -> Result<u8, VerbError> {
    let line = |entry: &LogEntry| {
        wanted(entry).then(|| FollowLine::new(entry, tables::log_line(entry) + "\n"))
    };
    let recent = subscribe(asker, Topic::Log).await?.log.unwrap_or_default();
    let mut lines: Vec<FollowLine> = recent.iter().filter_map(line).collect();
    if lines.len() < last && !recent.is_empty() {
        // The snapshot is short. What is told from here on stands behind it in a longer one.
        let tail = LogTail { lines: Some(MOST_LINES), matching: None };
        let entries = asker.call(&tail).await?.entries;
        let older = entries.windows(recent.len()).position(|some| *some == *recent).unwrap_or(0);
        lines.splice(..0, entries[..older].iter().filter_map(line));
    }
    lines.drain(..lines.len().saturating_sub(last));
    go_on(asker, lines, |notice| match notice {
        Notification::LogEntry(entry) => line(entry).into_iter().collect(),
        _ => Vec::new(),
    })
    .await
}

/// Broadcasts, and the server's end.
pub(super) async fn notices(asker: &mut OneShot<'_>) -> Result<u8, VerbError> {
    let line = |notice: &Notification| match notice {
        Notification::Broadcast(told) => {
            Some(FollowLine::new(&json!({ "broadcast": told }), messages::broadcast(told) + "\n"))
        }
        Notification::Closing(closing) => {
            Some(FollowLine::new(&json!({ "closing": closing }), messages::closing(closing) + "\n"))
        }
        _ => None,
    };
    let due = asker.welcome.closing.clone().map(Notification::Closing);
    let first = due.as_ref().and_then(line).into_iter().collect();
    go_on(asker, first, |notice| line(notice).into_iter().collect()).await
}

/// Subscribes, and prints what there is and each change.
async fn follow(
    asker: &mut OneShot<'_>,
    topic: Topic,
    begin: impl FnOnce(Snapshot) -> Vec<FollowLine>,
    lines: impl Fn(&Notification) -> Vec<FollowLine>,
) -> Result<u8, VerbError> {
    let first = begin(subscribe(asker, topic).await?);
    go_on(asker, first, lines).await
}

/// Has changes told; how things stand.
async fn subscribe(asker: &mut OneShot<'_>, topic: Topic) -> Result<Snapshot, VerbError> {
    Ok(asker.call(&EventsSubscribe { topics: vec![topic] }).await?.snapshot)
}

/// Prints until the session ends. What is told beside goes to standard error.
async fn go_on(
    asker: &mut OneShot<'_>,
    first: Vec<FollowLine>,
    lines: impl Fn(&Notification) -> Vec<FollowLine>,
) -> Result<u8, VerbError> {
    let json = asker.is_json() || !std::io::stdout().is_terminal();
    let mut waiting = first;
    loop {
        for FollowLine { json: for_programs, words } in waiting {
            // Nobody reads any more: what comes next is nobody's.
            let Some(room) = asker.printer.room().await else {
                return Ok(asker.printer.broken_status());
            };
            room.send(OutputPart::Print(if json { for_programs } else { words }));
        }
        let event = tokio::select! {
            biased;
            () = asker.printer.broken() => return Ok(asker.printer.broken_status()),
            event = asker.events.next() => event,
        };
        waiting = match event {
            Event::Lost(why) => return Ok(asker.over(&why).await),
            Event::Answer { .. } => Vec::new(),
            Event::Notice(notice) => {
                let printed = lines(&notice);
                if printed.is_empty()
                    && let Some(beside) = runner::sentence(&notice)
                {
                    asker.printer.write(beside).await;
                }
                printed
            }
        };
    }
}
