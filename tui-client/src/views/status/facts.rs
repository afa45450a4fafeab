//! Facts below the figures of the status, in groups: what was done, how the server is reached, what it is.

use topside_shared::error::refusal_words;
use topside_shared::methods::{ListenAddress, Status};
use topside_shared::text::{bytes, duration};

use crate::app::State;
use crate::app::console::Console;
use crate::app::console::figures::{Rates, StatusAnswer};
use crate::scrollback::grouped;
use crate::text::times;
use crate::widgets::facts::Fact;

pub(super) fn groups(state: &State, console: &Console, answer: &StatusAnswer) -> [Vec<Fact>; 3] {
    let status = &answer.status;
    let first = hooks(state, status).chain(reboot(state, status)).chain(done(answer)).collect();
    [first, reached(status), server(state, console, status)]
}

/// The hooks of the box; above all else, since one may have failed.
fn hooks(state: &State, status: &Status) -> impl Iterator<Item = Fact> {
    status.hooks.iter().map(|hook| {
        let at = times::stamp(hook.at, state.clock.wall, &state.zone);
        ("Hook", hook.words(&at))
    })
}

/// The last reboot or power off of the box.
fn reboot(state: &State, status: &Status) -> Option<Fact> {
    let last = status.last_reboot.as_ref()?;
    let at = times::stamp(last.at, state.clock.wall, &state.zone);
    Some(("Reboot", format!("{at} by {}: {}", last.by, last.words())))
}

fn done(answer: &StatusAnswer) -> Vec<Fact> {
    let Status { runs, bytes: moved, requests, refusals, .. } = &answer.status;
    let runs = format!(
        "{} running · {} queued · {} since start",
        grouped(runs.running),
        grouped(runs.queued),
        grouped(runs.started)
    );
    let refused: Vec<String> =
        refusals.iter().map(|(name, count)| format!("{count} {}", refusal_words(name))).collect();
    let refused = if refused.is_empty() { "none".to_owned() } else { refused.join(", ") };
    let per_second = |of: fn(&Rates) -> f64| {
        let rates = answer.rates.as_ref();
        rates.map_or_else(String::new, |rates| format!(" ({}/s)", bytes(of(rates) as u64)))
    };
    let traffic = format!(
        "{} in{} · {} out{}",
        bytes(moved.received),
        per_second(|rates| rates.received),
        bytes(moved.sent),
        per_second(|rates| rates.sent)
    );
    vec![
        ("Runs", runs),
        ("Requests", format!("{} since start", grouped(*requests))),
        ("Refused", refused),
        ("Traffic", traffic),
    ]
}

fn reached(status: &Status) -> Vec<Fact> {
    let mut facts: Vec<Fact> = Vec::new();
    for at in &status.listeners {
        let label = if facts.is_empty() { "Listening" } else { "" };
        facts.push((label, listener(at)));
    }
    if facts.is_empty() {
        facts.push(("Listening", "nowhere".to_owned()));
    }
    let workers = status.workers.iter().map(|w| format!("{}: {}", w.name, w.standing));
    facts.extend(workers.map(|text| ("Worker", text)));
    facts
}

fn listener(at: &ListenAddress) -> String {
    let what = match at.transport.as_str() {
        "unix" => "same machine",
        "tls" => "paired devices",
        "router" => "the router's address",
        "http" => "metrics",
        other => other,
    };
    format!("{} ({what})", at.address)
}

fn server(state: &State, console: &Console, status: &Status) -> Vec<Fact> {
    let since = times::stamp(console.welcome.server.started_at, state.clock.wall, &state.zone);
    let load = status.box_figures.as_ref().and_then(|figures| figures.load).or(status.load);
    let load = load.map(|[one, five, fifteen]| {
        ("Load", format!("{one:.2}, {five:.2}, {fifteen:.2} over 1, 5, 15 min"))
    });
    let memory =
        status.memory_bytes.map(|memory| ("Memory", format!("{} of topsided", bytes(memory))));
    let up = format!("{}, since {since}", duration(status.uptime_ms));
    let version = format!("{} · menu revision {}", status.version, status.revision);
    [Some(("Version", version)), Some(("Up", up)), memory, load].into_iter().flatten().collect()
}
