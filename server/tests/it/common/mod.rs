//! What every test here stands on: a server, clients that send bytes, and gates that programs wait
//! at. A deadline is only ever a bound on failure; no test sleeps in place of a wait.

pub(crate) mod catcher;
pub(crate) mod clock;
mod disk;
mod fifo;
#[cfg(feature = "hub")]
pub(crate) mod hub;
pub(crate) mod live_runs;
mod mount_namespace;
#[cfg(feature = "hub")]
mod nats_server;
pub(crate) mod notify;
pub(crate) mod pattern;
pub(crate) mod pids;
pub(crate) mod power;
pub(crate) mod program;
pub(crate) mod raw;
mod require;
pub(crate) mod server;
pub(crate) mod service;
pub(crate) mod tls;

use std::path::Path;
use std::time::{Duration, Instant};

pub(crate) use disk::Disk;
pub(crate) use fifo::Fifo;
pub(crate) use program::{Spawned, Topsided};
pub(crate) use raw::Raw;
pub(crate) use require::{require, skipped};
pub(crate) use server::TestServer;
pub(crate) use tls::Device;

/// After this a test gives up; on a busy machine the right thing may take seconds.
pub(crate) const DEADLINE: Duration = Duration::from_secs(60);

/// Between two looks: what a test waits for needs the processor.
const PAUSE: Duration = Duration::from_millis(1);

/// The menu of most tests. `sh` runs what it is told, so that each test shows its own program.
pub(crate) const MENU: &str = r#"
[commands.sh]
title = "Run a script"
aliases = ["script"]
exec = ["sh", "-c", "{script}"]
timeout = "none"
stop_timeout = "1h"
[[commands.sh.args]]
name = "script"
type = "string"
required = true
allow_dash = true

[commands.look]
title = "Look"
exec = ["printf", "%s", "{text}"]
effect = "read"
[[commands.look.args]]
name = "text"
type = "string"
default = "seen"

[commands.work]
title = "Work"
exec = ["sh", "-c", "{script}"]
effect = "write"
timeout = "none"
[[commands.work.args]]
name = "script"
type = "string"
default = "exit 0"
"#;

/// Functions for a worker that is a script of the shell and reads each line of the protocol into `$call`.
pub(crate) const SHELL_WORKER: &str = r#"id() { echo "$call" | sed 's/.*"id":\([0-9]*\).*/\1/'; }
method() { echo "$call" | sed 's/.*"method":"\([a-z_]*\)".*/\1/'; }
answer() { printf '%s\n' "{\"id\":$(id),$1}"; }"#;

/// Calls `look` until its result is as `wanted`, and returns that.
#[track_caller]
pub(crate) fn wait_for<T: std::fmt::Debug>(
    what: &str,
    mut look: impl FnMut() -> T,
    wanted: impl Fn(&T) -> bool,
) -> T {
    let deadline = Instant::now() + DEADLINE;
    loop {
        let there = look();
        if wanted(&there) {
            return there;
        }
        assert!(Instant::now() < deadline, "{what}: not in time; last seen: {there:#?}");
        std::thread::sleep(PAUSE);
    }
}

/// Calls `done` until it returns true.
#[track_caller]
pub(crate) fn eventually(what: &str, done: impl FnMut() -> bool) {
    wait_for(what, done, |done| *done);
}

/// Numbers that look random and are the same each time (SplitMix64).
pub(crate) struct Chance(pub(crate) u64);

impl Chance {
    pub(crate) fn below(&mut self, most: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (z ^ (z >> 31)) % most
    }
}

/// Whether the tests run as root, which can act as another user.
pub(crate) fn require_root() -> bool {
    rustix::process::geteuid().is_root() || skipped("root")
}

/// The lines of a file; none while it does not exist.
pub(crate) fn lines(path: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    text.lines().map(str::to_owned).collect()
}

/// The memory of a process that is not swapped out, in KiB.
pub(crate) fn resident_kb(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

/// Each file below `directory` that holds the word of the tests of secrets.
pub(crate) fn holding(directory: &Path, found: &mut Vec<String>) {
    for entry in std::fs::read_dir(directory).unwrap() {
        let entry = entry.unwrap();
        let kind = entry.file_type().unwrap();
        if kind.is_dir() {
            holding(&entry.path(), found);
        } else if kind.is_file() {
            let bytes = std::fs::read(entry.path()).unwrap();
            if bytes.windows(7).any(|bytes| bytes == b"hunter2") {
                found.push(entry.path().display().to_string());
            }
        }
    }
}
