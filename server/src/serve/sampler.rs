//! Sampler: takes the figures of the server and of its box every two seconds.

use std::time::Duration;

use tokio::time::{Instant, MissedTickBehavior, interval};
use topside_shared::Time;

use crate::base::blocking::blocking;
use crate::base::box_figures::BoxReader;
use crate::base::samples::{Counts, STEP};
use crate::server::Server;

/// Takes samples until the server ends.
pub(super) async fn run(server: &Server) {
    let mut reader = BoxReader::new(server.now().config.figures_root.clone());
    let mut ticks = interval(STEP);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut last = Instant::now();
    loop {
        ticks.tick().await;
        let state = server.now().config.state.clone();
        // A sensor or a network filesystem may be slow.
        let read = blocking(move || (reader.read(&state), reader)).await;
        let Ok((figures, again)) = read else { return std::future::pending().await };
        reader = again;
        let counts = Counts {
            clients: server.clients.count() as u64,
            requests: server.counters.requests(),
            runs: server.runs.counts().running,
        };
        let elapsed = std::mem::replace(&mut last, Instant::now()).elapsed();
        server.samples.add(counts, figures, elapsed.max(Duration::from_millis(1)), Time::now());
    }
}
