//! The real programs for the tests: a box with a server, and a terminal with a client. No test sleeps in place of a wait.

mod home;
mod screen;

use std::path::Path;
use std::time::{Duration, Instant};

pub(crate) use home::{Home, Server};
pub(crate) use screen::Screen;

/// No wait of a test that passes comes near this, also on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);

pub(crate) const TOPSIDE: &str = env!("CARGO_BIN_EXE_topside");

/// Calls `done` until it returns true: for what no terminal shows.
pub(crate) fn eventually(what: &str, done: impl Fn() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !done() {
        assert!(Instant::now() < deadline, "{what}: not in time");
        // What it waits for needs the processor.
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Whether a path exists.
pub(crate) fn exists(path: &Path) -> bool {
    path.symlink_metadata().is_ok()
}

/// How often these bytes are in what was printed.
pub(crate) fn occurrences(printed: &[u8], bytes: &[u8]) -> usize {
    printed.windows(bytes.len()).filter(|at| *at == bytes).count()
}
