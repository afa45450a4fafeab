//! Figures of a server's status, with a history of two minutes. They last as long as the session.

use std::collections::VecDeque;

use topside_shared::methods::Status;
use topside_shared::text::bytes;

use crate::app::Clock;

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
    /// An answer is pending.
    pub(crate) asked: bool,
    /// When to ask next, by the monotonic clock.
    pub(crate) due: u64,
    pub(crate) last: Option<StatusAnswer>,
    /// Why the last question was not answered.
    pub(crate) failed: Option<String>,
    samples: VecDeque<Sample>,
}

impl Figures {
    /// The values of a figure, oldest first.
    pub(crate) fn samples(&self, figure: Figure) -> impl DoubleEndedIterator<Item = Option<f64>> {
        self.samples.iter().map(move |sample| sample[figure as usize])
    }

    pub(crate) fn take(&mut self, status: Status, at: Clock) {
        let before = self.last.take();
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
        self.last = Some(StatusAnswer { status, at, rates });
    }

    fn keep(&mut self, sample: Sample) {
        if self.samples.len() == KEPT {
            self.samples.pop_front();
        }
        self.samples.push_back(sample);
    }
}
