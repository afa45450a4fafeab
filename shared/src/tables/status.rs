//! The server's status as text.

use jiff::tz::TimeZone;
use serde_json::Value;

use super::columns;
use crate::error::refusal_words;
use crate::methods::{BoxFigures, FleetStatus, RunCounts, ServerInfo, Status, WorkerStatus};
use crate::notifications::{Closing, return_note};
use crate::text::{self, MAX_NAME, MAX_REASON, clean};
use crate::time::Time;

/// The figures of a server, a line each.
pub fn status(info: &ServerInfo, status: &Status, zone: &TimeZone) -> String {
    let mut rows = Vec::new();
    let mut add =
        |name: &str, value: String| rows.push([name.to_owned(), clean(&value, MAX_REASON)]);
    add("server", format!("{} {} on {}", info.name, info.version, info.hostname));
    add(
        "up",
        format!("{}, since {}", text::duration(status.uptime_ms), info.started_at.to_second(zone)),
    );
    add("clients", status.clients.to_string());
    let RunCounts { running, queued, started } = status.runs;
    add("runs", format!("{running} now, {queued} queued, {started} in all"));
    for WorkerStatus { name, standing } in &status.workers {
        add("worker", format!("{name}: {standing}"));
    }
    for hook in &status.hooks {
        add("hook", hook.words(&hook.at.to_second(zone)));
    }
    for notifier in &status.notifiers {
        add("notifier", notifier.words());
    }
    add("requests", status.requests.to_string());
    let (received, sent) = (status.bytes.received, status.bytes.sent);
    add("bytes", format!("{} received, {} sent", text::bytes(received), text::bytes(sent)));
    let refusals: Vec<String> = status
        .refusals
        .iter()
        .map(|(name, count): (_, &Value)| format!("{count} {}", refusal_words(name)))
        .collect();
    add("refusals", if refusals.is_empty() { "none".into() } else { refusals.join(", ") });
    if let Some(memory) = status.memory_bytes {
        add("memory", text::bytes(memory));
    }
    if let Some([one, five, fifteen]) = status.load {
        add("load", format!("{one:.2} {five:.2} {fifteen:.2}"));
    }
    for (name, value) in box_rows(status.box_figures.as_ref()) {
        add(&name, value);
    }
    if let Some(behind) = status.clock_behind_ms {
        add("clock", format!("wrong: {} behind the newest time seen", text::duration(behind)));
    }
    for listening in &status.listeners {
        let how = match listening.transport.as_str() {
            "router" => "forwarded by",
            "hub" => "listens at",
            _ => "listens on",
        };
        add(how, format!("{} {}", listening.transport, listening.address));
    }
    if let Some(fleet) = &status.fleet {
        add("fleet", fleet_standing(fleet, zone));
        if let Some(problem) = &fleet.problem {
            add("fleet fault", problem.clone());
        }
    }
    if let Some(closing) = &status.closing {
        let reason = if closing.reason.is_empty() { "no reason given" } else { &closing.reason };
        let left = text::duration(closing.in_ms);
        let what = closing.then().does();
        let back = back(closing.back, zone);
        add(what, format!("in {left}: {reason} ({}){back}", closing.by));
    }
    if let Some(was_due) = &status.shutdown_was_due {
        let Closing { deadline, by, reason, .. } = was_due;
        let what = was_due.then().noun();
        let reason = if reason.is_empty() { String::new() } else { format!(", {reason}") };
        let (deadline, back) = (deadline.to_second(zone), back(was_due.back, zone));
        let shutdown =
            format!("a {what} at {deadline} ({by}{reason}{back}): the server was killed before it");
        add("was due", shutdown);
    }
    if let Some(last) = &status.last_reboot {
        add("last reboot", format!("{} ({}, {})", last.words(), last.at.to_second(zone), last.by));
    }
    columns(&rows)
}

fn fleet_standing(fleet: &FleetStatus, zone: &TimeZone) -> String {
    let FleetStatus { name, hub, people, .. } = fleet;
    let standing = match &fleet.why_no_member {
        None if *people == 1 => "member, 1 person admitted".to_owned(),
        None => format!("member, {people} people admitted"),
        Some(why) => format!("no member: {why}"),
    };
    let roster = match (fleet.roster_version, fleet.roster_at) {
        (Some(version), Some(at)) => format!("roster {version} of {}", at.to_second(zone)),
        (Some(version), None) => format!("roster {version}"),
        (None, _) => "no roster yet".to_owned(),
    };
    let connected = if fleet.connected { "connected to" } else { "not connected to" };
    format!("{name}: {standing}; {roster}; {connected} {hub}")
}

/// The figures of the box as rows; the load has a row of its own.
fn box_rows(figures: Option<&BoxFigures>) -> Vec<(String, String)> {
    let Some(figures) = figures else { return Vec::new() };
    let mut rows = Vec::new();
    if let Some(percent) = figures.cpu_percent {
        rows.push(("box cpu".to_owned(), format!("{percent:.0} %")));
    }
    if let (Some(total), Some(available)) =
        (figures.memory_total_bytes, figures.memory_available_bytes)
    {
        let used = text::bytes(total.saturating_sub(available));
        rows.push(("box memory".to_owned(), format!("{used} of {}", text::bytes(total))));
    }
    for disk in &figures.disks {
        let used = text::bytes(disk.total_bytes.saturating_sub(disk.free_bytes));
        let name = format!("disk {}", disk.path);
        rows.push((name, format!("{used} of {}", text::bytes(disk.total_bytes))));
    }
    if let Some(celsius) = figures.temperature_celsius {
        rows.push(("temperature".to_owned(), format!("{celsius:.0} °C")));
    }
    rows
}

fn back(back: Option<Time>, zone: &TimeZone) -> String {
    return_note(back, Time::now(), zone)
}

/// That a worker was restarted, and its state.
pub fn worker_restarted(worker: &WorkerStatus) -> String {
    format!("worker {}: {}", clean(&worker.name, MAX_NAME), clean(&worker.standing, MAX_REASON))
}
