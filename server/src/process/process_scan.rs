//! Scan of all processes, shared by the runs that need one at the same time.
//!
//! A scan reads several files of each process of the machine, so one for each of many runs that are cancelled together
//! would take time that grows with the square of their number.

use std::panic::AssertUnwindSafe;

use tokio::sync::oneshot;

use crate::base::blocking;
use crate::base::mutex::Mutex;
use crate::base::platform::ProcessInfo;
use crate::process::run_processes::{self, RunProcesses};

static QUEUE: Mutex<ScanQueue> = Mutex::new(ScanQueue { waiting: Vec::new(), is_scanning: false });

struct ScanQueue {
    waiting: Vec<Request>,
    /// Whether a thread takes the requests.
    is_scanning: bool,
}

struct Request {
    run: RunProcesses,
    found: oneshot::Sender<Vec<ProcessInfo>>,
}

/// The processes of a run, found by a scan that begins after this call. All that are asked for while a scan is under way
/// are found by the next one.
pub(crate) async fn processes_of(run: RunProcesses) -> Vec<ProcessInfo> {
    let (found, answer) = oneshot::channel();
    let begins = {
        let mut queue = QUEUE.lock();
        queue.waiting.push(Request { run, found });
        !std::mem::replace(&mut queue.is_scanning, true)
    };
    if begins {
        blocking::start(scan_all);
    }
    answer.await.unwrap_or_default()
}

/// Scans until no request waits.
fn scan_all() {
    loop {
        let requests = {
            let mut queue = QUEUE.lock();
            if queue.waiting.is_empty() {
                queue.is_scanning = false;
                return;
            }
            std::mem::take(&mut queue.waiting)
        };
        let (runs, askers): (Vec<_>, Vec<_>) =
            requests.into_iter().map(|request| (request.run, request.found)).unzip();
        // After a panic, which was reported, the next scan still takes place.
        let members = std::panic::catch_unwind(AssertUnwindSafe(|| run_processes::members(&runs)));
        let mut found: Vec<Vec<ProcessInfo>> = vec![Vec::new(); runs.len()];
        for member in members.unwrap_or_default() {
            found[member.run].push(member.process);
        }
        for (asker, found) in askers.into_iter().zip(found) {
            // The run may have been dropped.
            let _ = asker.send(found);
        }
    }
}
