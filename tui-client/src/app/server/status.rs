//! Status of the server: asked once a second while it is shown, one request at a time, with a history of the
//! figures.

use std::collections::VecDeque;

use topside_shared::methods::{ServerStatus, Status};
use topside_shared::text::{bytes, duration};

use crate::app::ask::{self, Ask};
use crate::app::connection::{self, ConnectionState};
use crate::app::console::Console;
use crate::app::overlay::{self, Overlay};
use crate::app::{Clock, Effect, State};
use crate::connect::CallError;
use crate::scrollback::grouped;
use crate::text::{fit, sanitize, times};

/// How often the server is asked.
const EVERY: u64 = 1_000;
/// The same after a question that was refused.
const REFUSED: u64 = 5_000;
/// Figures that lie further apart are not of one look: between them the figures are unknown.
const GAP: u64 = 5_000;
/// How many samples are kept.
pub(crate) const KEPT: usize = 120;

/// What changes and is drawn as a line of bars.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Figure {
    Clients,
    /// A second.
    Requests,
    /// Those that go on, and those that wait.
    Runs,
    Memory,
    /// Over one minute.
    Load,
}

impl Figure {
    /// All of them, in the order of a sample.
    pub(crate) const ALL: [Self; 5] =
        [Self::Clients, Self::Requests, Self::Runs, Self::Memory, Self::Load];

    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Clients => "clients",
            Self::Requests => "req/s",
            Self::Runs => "runs",
            Self::Memory => "memory",
            Self::Load => "load",
        }
    }

    /// A value, as it is read.
    pub(crate) fn words(self, value: f64) -> String {
        match self {
            Self::Clients | Self::Runs => format!("{value:.0}"),
            Self::Requests => rate(value),
            Self::Memory => bytes(value as u64),
            Self::Load => format!("{value:.2}"),
        }
    }
}

/// How much a second: one digit after the point while that tells something.
fn rate(value: f64) -> String {
    if value < 100.0 { format!("{value:.1}") } else { format!("{value:.0}") }
}

/// The figures at one moment, in the order of [`Figure::ALL`]; none: unknown.
type Sample = [Option<f64>; Figure::ALL.len()];

/// What the server said last.
#[derive(Debug)]
pub(crate) struct StatusAnswer {
    pub(crate) status: Status,
    pub(crate) at: Clock,
    /// Since the answer before it, if that was of the same look.
    pub(crate) rates: Option<Rates>,
}

/// How much there was a second.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Rates {
    pub(crate) requests: f64,
    /// Bytes, seen from the server.
    pub(crate) received: f64,
    pub(crate) sent: f64,
}

/// What is known of a server's figures. It lasts as long as the session.
#[derive(Debug, Default)]
pub(crate) struct Figures {
    /// An answer is waited for.
    asked: bool,
    /// When to ask next, by the monotonic clock.
    due: u64,
    pub(crate) told: Option<StatusAnswer>,
    /// Why the last question was not answered.
    pub(crate) failed: Option<String>,
    samples: VecDeque<Sample>,
}

impl Figures {
    /// The values of a figure, oldest first.
    pub(crate) fn samples(&self, figure: Figure) -> impl DoubleEndedIterator<Item = Option<f64>> {
        self.samples.iter().map(move |sample| sample[figure as usize])
    }

    fn take(&mut self, status: Status, at: Clock) {
        let before = self.told.take();
        // By the server's own clock: how long an answer was on its way does not count.
        let ms =
            before.map(|before| (status.uptime_ms.saturating_sub(before.status.uptime_ms), before));
        let rates = ms.filter(|(ms, _)| (1..GAP).contains(ms)).map(
            |(ms, StatusAnswer { status: before, .. })| {
                let rate =
                    |now: u64, was: u64| now.saturating_sub(was) as f64 * 1_000.0 / ms as f64;
                Rates {
                    requests: rate(status.requests, before.requests),
                    received: rate(status.bytes.received, before.bytes.received),
                    sent: rate(status.bytes.sent, before.bytes.sent),
                }
            },
        );
        if rates.is_none() && !self.samples.is_empty() {
            self.keep(Sample::default());
        }
        self.keep([
            Some(status.clients as f64),
            rates.map(|rates| rates.requests),
            Some((status.runs.running + status.runs.queued) as f64),
            status.memory_bytes.map(|memory| memory as f64),
            status.load.map(|[one, ..]| one),
        ]);
        self.told = Some(StatusAnswer { status, at, rates });
    }

    fn keep(&mut self, sample: Sample) {
        if self.samples.len() == KEPT {
            self.samples.pop_front();
        }
        self.samples.push_back(sample);
    }
}

/// Opens the view.
pub(crate) fn open(state: &mut State) -> Vec<Effect> {
    state.overlays.push(Overlay::Status { top: 0 });
    ask(state)
}

/// A session has begun: what another one said is no news of it.
pub(crate) fn session_began(state: &mut State) -> Vec<Effect> {
    if let Some(console) = state.console_mut() {
        console.figures = Figures::default();
    }
    if is_up(state) { ask(state) } else { Vec::new() }
}

fn is_up(state: &State) -> bool {
    state.overlays.iter().any(|overlay| matches!(overlay, Overlay::Status { .. }))
}

/// Asks, unless an answer is waited for.
fn ask(state: &mut State) -> Vec<Effect> {
    if state.session().is_none() {
        return Vec::new();
    }
    let Some(console) = state.console_mut() else { return Vec::new() };
    if std::mem::replace(&mut console.figures.asked, true) {
        return Vec::new();
    }
    state.ask_if_connected(Ask::new(&ServerStatus {}, |state, result| {
        told(state, result);
        Vec::new()
    }))
}

/// Milliseconds until the server is asked again; none while the status is not shown.
pub(crate) fn ask_in(state: &State) -> Option<u64> {
    let connected = matches!(state.link, ConnectionState::Connected { .. });
    let figures = &state.console()?.figures;
    (connected && is_up(state) && state.size.enough() && !figures.asked)
        .then(|| figures.due.saturating_sub(state.clock.mono))
}

/// Asks, if it is time.
pub(crate) fn tick(state: &mut State) -> Vec<Effect> {
    if ask_in(state) == Some(0) { ask(state) } else { Vec::new() }
}

/// The server's answer; what comes after the view was closed is not kept.
fn told(state: &mut State, result: Result<Status, CallError>) {
    let (clock, looked_at) = (state.clock, is_up(state));
    let Some(console) = state.console_mut() else { return };
    let figures = &mut console.figures;
    figures.asked = false;
    let pause = if result.is_ok() { EVERY } else { REFUSED };
    figures.due = clock.mono + pause;
    if !looked_at {
        return;
    }
    match result {
        Ok(status) => {
            figures.failed = None;
            figures.take(sanitize::status(status), clock);
        }
        Err(error) => figures.failed = Some(ask::why(&error)),
    }
}

/// Columns of the labels.
pub(crate) const LABELS: u16 = 9;

/// One row of the view.
pub(crate) enum StatusLine {
    /// What must be seen first; whether it begins here.
    Warning(bool, String),
    /// The names of the columns.
    Head,
    Bars(Figure),
    /// A label, empty where a text goes on, and the text.
    Fact(&'static str, String),
}

/// Columns inside the box.
pub(crate) fn width(state: &State) -> u16 {
    overlay::room(state.size).width.min(state.size.width.saturating_sub(4))
}

/// All rows, the most wanted first.
pub(crate) fn rows(state: &State) -> Vec<StatusLine> {
    let Some(console) = state.console() else { return Vec::new() };
    let figures = &console.figures;
    let room = usize::from(width(state));
    let mut rows = Vec::new();
    let mut warn = |text: &str| {
        let lines = fit::wrap(text, room.saturating_sub(2)).into_iter().enumerate();
        rows.extend(lines.map(|(nth, line)| StatusLine::Warning(nth == 0, line)));
    };
    if !matches!(state.link, ConnectionState::Connected { .. }) {
        warn(&format!("These figures are old: {}.", connection::brief(state)));
    }
    if let Some(why) = &figures.failed {
        warn(&format!("The server was asked and did not tell: {why}"));
    }
    let Some(told) = &figures.told else { return rows };
    rows.push(StatusLine::Head);
    rows.extend(Figure::ALL.map(StatusLine::Bars));
    for (label, text) in facts(state, console, told) {
        let lines = fit::wrap(&text, room.saturating_sub(usize::from(LABELS)));
        for (nth, line) in lines.into_iter().enumerate() {
            rows.push(StatusLine::Fact(if nth == 0 { label } else { "" }, line));
        }
    }
    rows
}

fn facts(state: &State, console: &Console, told: &StatusAnswer) -> Vec<(&'static str, String)> {
    let Status { runs, load, listeners, workers, refusals, memory_bytes, .. } = &told.status;
    let mut facts = vec![(
        "runs",
        format!(
            "{} running, {} queued, {} started",
            grouped(runs.running),
            grouped(runs.queued),
            grouped(runs.started)
        ),
    )];
    facts.push(match load {
        Some([one, five, fifteen]) => {
            ("load", format!("{one:.2}, {five:.2}, {fifteen:.2} over 1, 5, 15 min"))
        }
        None => ("load", "the server does not tell it".to_owned()),
    });
    if memory_bytes.is_none() {
        facts.push(("memory", "the server does not tell it".to_owned()));
    }
    facts.push(("requests", format!("{} in all", grouped(told.status.requests))));
    let (received, sent) = (told.status.bytes.received, told.status.bytes.sent);
    let a_second = |of: fn(&Rates) -> f64| {
        told.rates
            .as_ref()
            .map_or_else(String::new, |rates| format!(" ({} a second)", bytes(of(rates) as u64)))
    };
    let (a, b) = (a_second(|rates| rates.received), a_second(|rates| rates.sent));
    facts.push(("bytes in", format!("{}{a}", bytes(received))));
    facts.push(("out", format!("{}{b}", bytes(sent))));
    let since = times::stamp(console.welcome.server.started_at, state.clock.wall, &state.zone);
    facts.push(("up", format!("{}, since {since}", duration(told.status.uptime_ms))));
    facts.push(("version", told.status.version.clone()));
    facts.push(("menu", format!("revision {}", told.status.revision)));
    let listens = listeners.iter().map(|at| format!("{} {}", at.transport, at.address));
    facts.extend(listens.map(|text| ("listens", text)));
    if listeners.is_empty() {
        facts.push(("listens", "nowhere".to_owned()));
    }
    facts.extend(workers.iter().map(|w| ("worker", format!("{}: {}", w.name, w.standing))));
    let refused: Vec<String> =
        refusals.iter().map(|(kind, count)| format!("{count} {kind}")).collect();
    let none = || "nobody and nothing since the start".to_owned();
    facts.push(("refused", if refused.is_empty() { none() } else { refused.join(", ") }));
    facts
}
