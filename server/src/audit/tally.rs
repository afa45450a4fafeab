//! Failed handshakes, summed by source: a line for each would let strangers push everything else out.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use super::entry::{By, Entry};
use crate::door::Source;

/// Sources that are told apart in one minute; what else comes is one sum.
const MOST_SOURCES: usize = 32;

/// See the module. The mutex is private to this type and never held across an `.await`.
#[derive(Debug, Default)]
pub(super) struct Tally(Mutex<Sums>);

/// What went wrong: an action, and to what.
pub(super) type Failure = (&'static str, &'static str);

#[derive(Debug, Default)]
struct Sums {
    sources: HashMap<(Source, Failure), u64>,
    others: u64,
}

impl Tally {
    /// Counts one; whether it is the first since they were taken.
    pub(super) fn add(&self, source: Source, failure: Failure) -> bool {
        let mut sums = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let first = sums.sources.is_empty();
        if sums.sources.len() < MOST_SOURCES || sums.sources.contains_key(&(source, failure)) {
            *sums.sources.entry((source, failure)).or_default() += 1;
        } else {
            sums.others += 1;
        }
        first
    }

    /// Takes the sums, each as an entry.
    pub(super) fn take(&self) -> Vec<Entry> {
        let Sums { sources, others } =
            std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        let times = |count: u64| match count {
            1 => "once within a minute".to_owned(),
            count => format!("{count} times within a minute"),
        };
        let entry = |by: By, (action, object): Failure, count: u64| {
            Entry::new(by, action, object).result(times(count))
        };
        let mut entries: Vec<Entry> = sources
            .into_iter()
            .map(|((source, failure), count)| {
                entry(By::stranger(source.to_string()), failure, count)
            })
            .collect();
        if others > 0 {
            entries.push(entry(By::stranger("other sources"), ("handshake/failed", "any"), others));
        }
        entries
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    #[test]
    fn a_crowd_of_sources_is_one_sum_beside_the_first_of_them() {
        let tally = Tally::default();
        let source = |n: u32| Source::of(Ipv4Addr::from(n).into());
        let failure = ("key/refused", "unknown");
        assert!(tally.add(source(0), failure));
        for n in 0..10_000 {
            assert!(!tally.add(source(n), failure));
        }
        assert_eq!(tally.take().len(), MOST_SOURCES + 1);
        assert!(tally.take().is_empty());
        assert!(tally.add(source(0), failure));
    }
}
