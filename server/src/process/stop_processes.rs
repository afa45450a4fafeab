//! The processes of a running run: the group of its program, and those that left it. The search for them blocks, so it runs
//! on the thread pool; runs that search at the same time share a scan.

use std::time::Duration;

use rustix::process::{Pid, Signal};
use tokio::time::sleep;

use crate::base::platform::{self, ProcessInfo};
use crate::process::process_scan;
use crate::process::run_processes::{self, INTERVAL, KILLS, RunProcesses};
use crate::process::running_program::Group;

/// Pids are not reused within such a short time.
const SHORT: Duration = Duration::from_secs(2);
/// A process that ends within it was about to end anyway.
const MOMENT: Duration = Duration::from_millis(100);
/// Up to this number, new pids are checked one by one; above it, all processes are listed.
const FEW: u32 = 512;

/// Dropping it before it was released kills all its processes.
#[derive(Debug)]
pub(crate) struct ProcessTree {
    group: Group,
    pub(super) processes: RunProcesses,
    /// Orphans, with their start times, that probably belong to the run; another program may have started them in the same
    /// moment. They are reported, and never signalled.
    orphans: Vec<(Pid, u64)>,
    released: bool,
}

impl ProcessTree {
    pub(crate) fn new(group: Group, processes: RunProcesses) -> Self {
        Self { group, processes, orphans: Vec::new(), released: false }
    }

    /// Puts the leader into the run's cgroup, if it has one. Must not be called after the leader was waited for: its pid may
    /// be reused.
    pub(crate) async fn contain(&mut self) {
        let RunProcesses { run, cgroup, leader, .. } = &self.processes;
        let (Some(cgroup), Some(leader)) = (cgroup.clone(), leader) else { return };
        let pid = leader.pid;
        match blocking(move || cgroup.add_tree(pid)).await.unwrap_or(Ok(Vec::new())) {
            Ok(orphans) => {
                self.orphans = orphans.iter().map(|orphan| (orphan.pid, orphan.start)).collect();
            }
            Err(error) => {
                let run = run.0;
                tracing::warn!(target: "topside", run, %error, "a run gets no cgroup");
            }
        }
    }

    /// Signals all of them: first those that have left the group, while their parents still identify them.
    pub(crate) async fn stop(&mut self, signal: Signal) {
        let found = self.signal_new(signal).await;
        if found.iter().any(|process| !self.group.is(process.group)) {
            // They may have started others before they were signalled.
            self.signal_new(signal).await;
        }
        self.group.signal(signal);
        // A stopped group must continue to be able to end.
        self.group.signal(Signal::CONT);
    }

    /// Whether any of them still runs. A process that has left the group and is found for the first time is signalled.
    pub(crate) async fn lives(&mut self, signal: Signal) -> bool {
        let known = self.processes.known.clone();
        blocking(move || known.into_iter().any(|(pid, start)| lives(pid, start)))
            .await
            .unwrap_or(false)
            || !self.signal_new(signal).await.is_empty()
    }

    /// Finds all of them, and signals those that have left the group and were not found before.
    async fn signal_new(&mut self, signal: Signal) -> Vec<ProcessInfo> {
        let found = process_scan::processes_of(self.processes.clone()).await;
        for process in &found {
            let is_new = self.processes.known.insert(process.pid, process.start).is_none();
            if is_new && !self.group.is(process.group) {
                // It may have ended by itself, or belong to another user.
                let _ = run_processes::signal(process, signal);
                let _ = run_processes::signal(process, Signal::CONT);
            }
        }
        found
    }

    /// Kills all of them; returns those that are still alive.
    pub(crate) async fn kill(&mut self) -> Vec<u32> {
        self.group.signal(Signal::KILL);
        let mut left = Vec::new();
        for _ in 0..KILLS {
            if let Some(cgroup) = self.processes.cgroup.clone() {
                blocking(move || cgroup.kill()).await;
            }
            left = process_scan::processes_of(self.processes.clone()).await;
            if !run_processes::kill_once(left.iter()) {
                break;
            }
            sleep(INTERVAL).await;
        }
        self.release();
        self.with_orphans(left).await
    }

    /// All of them have ended; returns the orphans that are alive.
    pub(crate) async fn ended(&mut self) -> Vec<u32> {
        self.group.signal(Signal::KILL);
        self.release();
        self.with_orphans(Vec::new()).await
    }

    /// The pids of these processes, and of the orphans that are alive.
    async fn with_orphans(&self, left: Vec<ProcessInfo>) -> Vec<u32> {
        let mut pids: Vec<u32> = left.iter().map(|process| platform::number(process.pid)).collect();
        if !self.orphans.is_empty() {
            let orphans = self.orphans.clone();
            let live = move || orphans.into_iter().filter(|(pid, start)| lives(*pid, *start));
            let live: Vec<_> = blocking(move || live().collect()).await.unwrap_or_default();
            pids.extend(live.iter().map(|(pid, _)| platform::number(*pid)));
            pids.sort_unstable();
            pids.dedup();
        }
        pids
    }

    /// Stops signalling: pids may be reused.
    pub(crate) fn release(&mut self) {
        self.released = true;
        self.group.release();
    }

    /// The remaining processes of a run that ended by itself after this time; `held`: a process has its output open.
    ///
    /// All of them have newer pids than the leader: mostly no process was started since, and none is checked.
    pub(crate) async fn left(&self, after: Duration, held: bool) -> Vec<u32> {
        let Some(first) = self.processes.leader.as_ref().map(|leader| leader.pid) else {
            return Vec::new();
        };
        let newest = platform::newest_process().filter(|newest| after < SHORT && *newest >= first);
        if newest == Some(first) && !held {
            return Vec::new();
        }
        let mut processes = self.processes.clone();
        if !held {
            processes.spawn_record = None;
        }
        let found = match newest.filter(|newest| newest - first <= FEW) {
            None => process_scan::processes_of(processes).await,
            Some(newest) => {
                let look = move || {
                    let since = (first + 1..=newest).filter_map(platform::process).collect();
                    run_processes::among(&[processes], since)
                };
                let members = blocking(look).await.unwrap_or_default();
                members.into_iter().map(|member| member.process).collect()
            }
        };
        if found.is_empty() && self.orphans.is_empty() {
            return Vec::new();
        }
        sleep(MOMENT).await;
        let stays = |process: &ProcessInfo| lives(process.pid, process.start);
        let stay = move || found.into_iter().filter(stays).collect();
        let left: Vec<ProcessInfo> = blocking(stay).await.unwrap_or_default();
        self.with_orphans(left).await
    }

    /// Removes the run's cgroup, if it is empty.
    pub(crate) async fn uncontain(self) {
        if let Some(cgroup) = self.processes.cgroup.clone() {
            blocking(move || cgroup.remove()).await;
        }
    }
}

impl Drop for ProcessTree {
    fn drop(&mut self) {
        if self.released {
            return;
        }
        // The server ends at once. While the first processes live, they identify the others.
        let processes = std::slice::from_mut(&mut self.processes);
        let found = run_processes::members(processes);
        let known = found.iter().map(|member| (member.process.pid, member.process.start));
        processes[0].known.extend(known);
        self.group.signal(Signal::KILL);
        if let Some(cgroup) = &processes[0].cgroup {
            cgroup.kill();
        }
        for member in found.iter().chain(&run_processes::members(processes)) {
            // It may have ended by now.
            let _ = run_processes::signal(&member.process, Signal::KILL);
        }
    }
}

/// Whether the process with this start time still runs.
fn lives(pid: Pid, start: u64) -> bool {
    platform::process(platform::number(pid))
        .is_some_and(|process| process.start == start && !process.has_ended)
}

/// None: the server ends, or the work panicked.
async fn blocking<T: Send + 'static>(look: impl FnOnce() -> T + Send + 'static) -> Option<T> {
    crate::base::blocking::blocking(look).await.ok()
}
