//! What the runs of a server that died have left behind: found, and killed before anything new is started.
//!
//! A run is its process group, told from a later one of the same number by when its first process was
//! started, and the group of every process that has the run's own variables in its environment, whatever
//! session that went to.

use std::collections::HashSet;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use super::Process;
use super::db::Lost;
use crate::platform::{self, Listed};

/// How often it is looked again: a process may start another before it is killed, and takes a moment to die.
const LOOKS: u32 = 200;
const APART: Duration = Duration::from_millis(10);

/// Kills everything that is left of these runs.
pub(super) fn kill(instance: &str, lost: &[Lost]) {
    let instance = format!("TOPSIDE_INSTANCE={instance}");
    let runs: Vec<String> = lost.iter().map(|run| format!("TOPSIDE_RUN={}", run.id.0)).collect();
    let is_told = |process: &Listed| {
        let has = |run: &String| platform::has_variables(process.pid, &[&instance, run]);
        runs.iter().any(has)
    };
    let mut told = HashSet::new();
    for _ in 0..LOOKS {
        let mut processes = platform::processes();
        let spared = own(&processes);
        processes.retain(|process| !process.has_ended && !spared.contains(&process.pid));
        let known = lost.iter().filter_map(|run| group(run.process.as_ref()?, &processes));
        let by_variables = processes.iter().filter(|process| is_told(process));
        let groups: HashSet<Pid> = known.chain(by_variables.map(|process| process.group)).collect();
        let is_left = |process: &&Listed| groups.contains(&process.group);
        let left: Vec<Pid> = processes.iter().filter(is_left).map(|process| process.pid).collect();
        if left.is_empty() {
            return;
        }
        for pid in left {
            let number = pid.as_raw_nonzero().get();
            if told.insert(number) {
                tracing::warn!(target: "topside", pid = number, "a process of a lost run is killed");
            }
            // It may have ended by itself.
            let _ = kill_process(pid, Signal::KILL);
        }
        std::thread::sleep(APART);
    }
    tracing::error!(target: "topside", "processes of lost runs could not be killed");
}

/// The group of this process, if it is still that. Where its first process has ended and left others, its
/// number cannot have gone to another group since, but for one that ended in the same way; that would be
/// of another session.
fn group(process: &Process, processes: &[Listed]) -> Option<Pid> {
    if platform::boot()? != process.boot {
        return None;
    }
    let group = Pid::from_raw(i32::try_from(process.pid).ok()?)?;
    let is_same = match platform::process_start(process.pid) {
        Some(start) => start == process.start,
        None => {
            let session = Pid::from_raw(process.session);
            processes.iter().any(|other| other.group == group && other.session == session)
        }
    };
    is_same.then_some(group)
}

/// This process and those above it: a run may have been what started the server anew.
fn own(processes: &[Listed]) -> HashSet<Pid> {
    let mut own = HashSet::new();
    let mut next = Some(rustix::process::getpid());
    while let Some(pid) = next.filter(|pid| own.insert(*pid)) {
        let listed = processes.iter().find(|process| process.pid == pid);
        next = listed.and_then(|process| process.parent);
    }
    own
}
