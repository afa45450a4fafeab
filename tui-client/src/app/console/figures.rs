//! Figures of a server's status, with a history of two minutes. They last as long as the session.
//!
//! The history is the server's own, so that it is complete at the first answer. A server that sends none is older: then
//! each answer adds a sample.

use std::collections::VecDeque;

use topside_shared::methods::{BoxFigures, Status, StatusHistory};

use crate::app::clock::Clock;

/// Answers that lie further apart give no rate: between them the figures are unknown.
const GAP: u64 = 5_000;
/// How many samples of answers are kept.
pub(crate) const KEPT: usize = 120;

/// A figure that is drawn as a line of bars.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Figure {
    Clients,
    /// Per second.
    Requests,
    /// Those that are running.
    Runs,
    /// Share of the processors in use.
    Cpu,
    /// Over one minute.
    Load,
    /// Of the box; of the server where the box's is unknown.
    Memory,
    /// Of the processor, in degrees Celsius.
    Temperature,
}

impl Figure {
    /// All of them, in the order of a sample.
    pub(crate) const ALL: [Self; 7] = [
        Self::Clients,
        Self::Requests,
        Self::Runs,
        Self::Cpu,
        Self::Load,
        Self::Memory,
        Self::Temperature,
    ];

    /// Its samples in a history of the server.
    fn of_history(self, history: &StatusHistory) -> Vec<Option<f64>> {
        let counts = |counts: &[u64]| counts.iter().map(|count| Some(*count as f64)).collect();
        match self {
            Self::Clients => counts(&history.clients),
            Self::Requests => history.requests_per_second.iter().copied().map(Some).collect(),
            Self::Runs => counts(&history.runs),
            Self::Cpu => history.cpu_percent.clone(),
            Self::Load => history.load.clone(),
            Self::Memory => {
                history.memory_used_bytes.iter().map(|used| used.map(|used| used as f64)).collect()
            }
            Self::Temperature => history.temperature_celsius.clone(),
        }
    }
}

/// The figures at one moment, in the order of [`Figure::ALL`]; none: unknown.
type Sample = [Option<f64>; Figure::ALL.len()];

/// The newest answer of the server.
#[derive(Debug)]
pub(crate) struct StatusAnswer {
    pub(crate) status: Status,
    pub(crate) at: Clock,
    /// Since the answer before it, if that is recent.
    pub(crate) rates: Option<Rates>,
}

/// Amounts per second.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Rates {
    pub(crate) requests: f64,
    /// Bytes that the server received.
    pub(crate) received: f64,
    pub(crate) sent: f64,
}

#[derive(Debug, Default)]
pub(crate) struct Figures {
    pub(crate) asked: bool,
    /// When the last answer came, by the monotonic clock.
    pub(crate) answered: Option<u64>,
    pub(crate) last: Option<StatusAnswer>,
    /// Why the last request was refused.
    pub(crate) failed: Option<String>,
    /// Of a server that sends no history.
    samples: VecDeque<Sample>,
    /// The server's uptime at the newest of them.
    sampled: u64,
}

impl Figures {
    /// The values of a figure, oldest first; empty if none is known.
    pub(crate) fn samples(&self, figure: Figure) -> Vec<Option<f64>> {
        let history = self.last.as_ref().and_then(|last| last.status.history.as_ref());
        let samples: Vec<_> = match history {
            Some(history) => figure.of_history(history),
            None => self.samples.iter().map(|sample| sample[figure as usize]).collect(),
        };
        if samples.iter().all(Option::is_none) { Vec::new() } else { samples }
    }

    /// A figure as it is now.
    pub(crate) fn now(&self, figure: Figure) -> Option<f64> {
        let last = self.last.as_ref()?;
        match figure {
            Figure::Requests => self.samples(figure).last().copied().flatten(),
            _ => sample(last)[figure as usize],
        }
    }

    /// Takes an answer. Without a history in it, it is kept as a sample if the figures are shown: `for_view`.
    pub(crate) fn take(&mut self, status: Status, at: Clock, for_view: bool) {
        let rates = self.last.take().and_then(|before| rates(&before.status, &status));
        let answer = StatusAnswer { status, at, rates };
        if answer.status.history.is_some() {
            self.samples.clear();
        } else if for_view {
            let uptime = answer.status.uptime_ms;
            if !self.samples.is_empty() && uptime.saturating_sub(self.sampled) >= GAP {
                self.keep(Sample::default());
            }
            self.sampled = uptime;
            self.keep(sample(&answer));
        }
        self.last = Some(answer);
    }

    fn keep(&mut self, sample: Sample) {
        if self.samples.len() == KEPT {
            self.samples.pop_front();
        }
        self.samples.push_back(sample);
    }
}

/// The amounts per second between two answers. By the server's own clock: the time on the way does not count.
fn rates(before: &Status, now: &Status) -> Option<Rates> {
    let ms = now.uptime_ms.saturating_sub(before.uptime_ms);
    let rate = |now: u64, was: u64| now.saturating_sub(was) as f64 * 1_000.0 / ms as f64;
    (1..GAP).contains(&ms).then(|| Rates {
        requests: rate(now.requests, before.requests),
        received: rate(now.bytes.received, before.bytes.received),
        sent: rate(now.bytes.sent, before.bytes.sent),
    })
}

fn sample(answer: &StatusAnswer) -> Sample {
    let status = &answer.status;
    let known = status.box_figures.as_ref();
    let memory = known.and_then(memory_used).or(status.memory_bytes);
    let load = known.and_then(|known| known.load).or(status.load);
    [
        Some(status.clients as f64),
        answer.rates.map(|rates| rates.requests),
        Some(status.runs.running as f64),
        known.and_then(|known| known.cpu_percent),
        load.map(|[one, ..]| one),
        memory.map(|memory| memory as f64),
        known.and_then(|known| known.temperature_celsius),
    ]
}

/// Memory of the box that is in use.
fn memory_used(figures: &BoxFigures) -> Option<u64> {
    let (total, available) = figures.memory_total_bytes.zip(figures.memory_available_bytes)?;
    Some(total.saturating_sub(available))
}
