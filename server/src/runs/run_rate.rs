//! Rate limit of a command's runs: the times of its last ones.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use tokio::time::Instant;

use crate::workers::run_rules::Rate;

/// The times of the runs of each command with a rate, since the start of the server.
#[derive(Debug, Default)]
pub(super) struct RunRates(HashMap<String, VecDeque<Instant>>);

impl RunRates {
    /// Whether a command may have another run at `now`.
    ///
    /// # Errors
    /// The time until it may.
    pub(super) fn check(
        &mut self,
        command: &str,
        rate: Rate,
        now: Instant,
    ) -> Result<(), Duration> {
        let Some(times) = self.0.get_mut(command) else { return Ok(()) };
        while let Some(first) = times.front()
            && now.saturating_duration_since(*first) >= rate.period
        {
            times.pop_front();
        }
        // A reload may have lowered the number.
        let free = match times.len().checked_sub(rate.runs) {
            None => return Ok(()),
            Some(more) => times[more] + rate.period,
        };
        Err(free.saturating_duration_since(now))
    }

    /// Counts a run.
    pub(super) fn count(&mut self, command: &str, rate: Rate, now: Instant) {
        let times = self.0.entry(command.to_owned()).or_default();
        times.push_back(now);
        while times.len() > rate.runs {
            times.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_command_has_so_many_runs_in_any_period() {
        let rate = Rate { runs: 2, period: Duration::from_secs(60) };
        let mut rates = RunRates::default();
        let mut run = |rate| {
            let now = Instant::now();
            rates.check("a", rate, now).map(|()| rates.count("a", rate, now))
        };
        assert_eq!(run(rate), Ok(()));
        tokio::time::advance(Duration::from_secs(40)).await;
        assert_eq!(run(rate), Ok(()));
        assert_eq!(run(rate), Err(Duration::from_secs(20)));
        // A reload sets a lower number: the newest run counts.
        assert_eq!(run(Rate { runs: 1, ..rate }), Err(Duration::from_secs(60)));
        tokio::time::advance(Duration::from_secs(20)).await;
        assert_eq!(run(rate), Ok(()));
        assert_eq!(run(rate), Err(Duration::from_secs(40)));
    }
}
