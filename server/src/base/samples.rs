//! Ring of samples: the figures of the last two minutes.

use std::collections::VecDeque;
use std::time::Duration;

use topside_shared::Time;
use topside_shared::methods::{BoxFigures, StatusHistory};
use topside_shared::time::millis;

use crate::base::mutex::Mutex;

/// The time between two samples.
pub(crate) const STEP: Duration = Duration::from_secs(2);
/// Two minutes.
const CAPACITY: usize = 60;

/// What the server counts itself.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Counts {
    pub(crate) clients: u64,
    /// Since the start.
    pub(crate) requests: u64,
    pub(crate) runs: u64,
}

#[derive(Debug)]
struct Sample {
    counts: Counts,
    requests_per_second: f64,
    cpu_percent: Option<f64>,
    memory_used_bytes: Option<u64>,
    load: Option<f64>,
    temperature_celsius: Option<f64>,
}

#[derive(Debug, Default)]
struct Ring {
    samples: VecDeque<Sample>,
    newest: Option<Time>,
    figures: BoxFigures,
}

/// The samples of the last two minutes, and the newest figures of the box.
#[derive(Debug, Default)]
pub(crate) struct Samples(Mutex<Ring>);

impl Samples {
    /// Adds a sample; `elapsed` is the time since the one before.
    pub(crate) fn add(&self, counts: Counts, figures: BoxFigures, elapsed: Duration, now: Time) {
        let mut ring = self.0.lock();
        let before = ring.samples.back().map_or(counts.requests, |last| last.counts.requests);
        let rate = counts.requests.saturating_sub(before) as f64 / elapsed.as_secs_f64().max(0.001);
        let used = figures.memory_total_bytes.zip(figures.memory_available_bytes);
        if ring.samples.len() == CAPACITY {
            ring.samples.pop_front();
        }
        ring.samples.push_back(Sample {
            counts,
            requests_per_second: (rate * 10.0).round() / 10.0,
            cpu_percent: figures.cpu_percent,
            memory_used_bytes: used.map(|(total, available)| total.saturating_sub(available)),
            load: figures.load.map(|[one, ..]| one),
            temperature_celsius: figures.temperature_celsius,
        });
        ring.newest = Some(now);
        ring.figures = figures;
    }

    /// The figures of the box at the newest sample.
    pub(crate) fn figures(&self) -> Option<BoxFigures> {
        let ring = self.0.lock();
        (ring.figures != BoxFigures::default()).then(|| ring.figures.clone())
    }

    /// All samples, oldest first; none before the first one.
    pub(crate) fn history(&self) -> Option<StatusHistory> {
        let ring = self.0.lock();
        let samples = &ring.samples;
        Some(StatusHistory {
            step_ms: millis(STEP),
            newest: ring.newest?,
            clients: samples.iter().map(|sample| sample.counts.clients).collect(),
            requests_per_second: samples.iter().map(|sample| sample.requests_per_second).collect(),
            runs: samples.iter().map(|sample| sample.counts.runs).collect(),
            cpu_percent: known(samples, |sample| sample.cpu_percent),
            memory_used_bytes: known(samples, |sample| sample.memory_used_bytes),
            load: known(samples, |sample| sample.load),
            temperature_celsius: known(samples, |sample| sample.temperature_celsius),
        })
    }
}

/// A figure of each sample; empty if no sample has it.
fn known<T>(samples: &VecDeque<Sample>, figure: impl Fn(&Sample) -> Option<T>) -> Vec<Option<T>> {
    let figures: Vec<Option<T>> = samples.iter().map(figure).collect();
    if figures.iter().all(Option::is_none) { Vec::new() } else { figures }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ring_keeps_two_minutes_and_the_rate_of_requests() {
        let samples = Samples::default();
        assert_eq!(samples.history(), None);
        for step in 0..70 {
            let counts = Counts { clients: step, requests: step * 3, runs: 1 };
            let time = Time::from_millis(i64::try_from(step).unwrap() * 2000);
            samples.add(counts, BoxFigures::default(), STEP, time);
        }
        let history = samples.history().unwrap();
        assert_eq!((history.clients.len(), history.clients[0]), (60, 10));
        assert_eq!((history.step_ms, history.newest), (2000, Time::from_millis(138_000)));
        assert_eq!(history.requests_per_second[59], 1.5);
        assert!(history.cpu_percent.is_empty() && history.load.is_empty());
        assert_eq!(samples.figures(), None);
    }

    #[test]
    fn a_figure_that_one_sample_lacks_is_null_there() {
        let samples = Samples::default();
        let counts = Counts { clients: 1, requests: 5, runs: 0 };
        samples.add(counts, BoxFigures::default(), STEP, Time::from_millis(0));
        let figures = BoxFigures {
            cpu_percent: Some(12.5),
            memory_total_bytes: Some(10),
            memory_available_bytes: Some(4),
            temperature_celsius: Some(51.0),
            ..BoxFigures::default()
        };
        samples.add(counts, figures.clone(), STEP, Time::from_millis(2000));
        let history = samples.history().unwrap();
        assert_eq!(history.cpu_percent, [None, Some(12.5)]);
        assert_eq!(history.memory_used_bytes, [None, Some(6)]);
        assert_eq!(history.temperature_celsius, [None, Some(51.0)]);
        assert_eq!(history.requests_per_second, [0.0, 0.0]);
        assert_eq!(samples.figures(), Some(figures));
    }
}
