//! How long and how often each benchmark measures.

use std::time::Duration;

/// Rounds, durations and sizes of the benchmarks.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Settings {
    /// Rounds of each measurement; their median counts.
    pub(crate) rounds: usize,
    /// One slice of load.
    pub(crate) slice: Duration,
    /// Clients that receive the larger broadcast.
    pub(crate) broadcast_clients: usize,
    /// Boxes on one hub.
    pub(crate) fleet_boxes: usize,
    /// Bytes of output that one client reads.
    pub(crate) output_bytes: u64,
    /// Bytes of output that no client reads to the end.
    pub(crate) flood_bytes: u64,
}

impl Settings {
    pub(crate) const FULL: Self = Self {
        rounds: 5,
        slice: Duration::from_millis(300),
        broadcast_clients: 10_000,
        fleet_boxes: 5_000,
        output_bytes: 256 << 20,
        flood_bytes: 1 << 30,
    };
    pub(crate) const QUICK: Self = Self {
        rounds: 3,
        slice: Duration::from_millis(120),
        broadcast_clients: 4_000,
        fleet_boxes: 1_000,
        output_bytes: 64 << 20,
        flood_bytes: 256 << 20,
    };
}
