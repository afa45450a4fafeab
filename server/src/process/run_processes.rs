//! Finds the processes of a run, also those that left its process group.
//!
//! A process belongs to a run by its group, if the leader of the group has the recorded start time; by the run's variables
//! in its environment; by the pipes that it writes the run's output into; by the run's cgroup; and by a parent that belongs
//! to the run. A process that has left all of these is not found.
//!
//! All functions here block.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use rustix::io::Errno;
use rustix::process::{Pid, Signal, kill_process};
use serde::{Deserialize, Serialize};
use topside_shared::RunId;

use crate::base::platform::{self, ProcessInfo};
use crate::process::cgroup::Cgroup;

/// How often a kill is repeated: a process may start another before it is killed, and takes a moment to die.
const KILLS: u32 = 200;
const INTERVAL: Duration = Duration::from_millis(10);

/// The first process of a run, distinguished from others with the same pid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LeaderProcess {
    /// Also the number of its group.
    pub(crate) pid: u32,
    pub(crate) boot: String,
    pub(crate) start: u64,
    /// Its session at its start; 0: one whose leader is outside of this container.
    pub(crate) session: i32,
}

impl LeaderProcess {
    /// The process with this pid, if the system shows it.
    pub(crate) fn of(pid: u32) -> Option<Self> {
        let process = platform::process(pid)?;
        Some(Self {
            pid,
            boot: platform::boot()?.to_owned(),
            start: process.start,
            session: process.session.map_or(0, |leader| leader.as_raw_nonzero().get()),
        })
    }

    /// Its group, if that is still its own. If it has ended and left others, another group can have the number only if that
    /// ended in the same way; it would be of another session. If the leader had a session of its own, the two could not be
    /// told apart.
    fn group(&self, processes: &[ProcessInfo]) -> Option<Pid> {
        if platform::boot()? != self.boot {
            return None;
        }
        let group = Pid::from_raw(i32::try_from(self.pid).ok()?)?;
        let is_same = match platform::process(self.pid) {
            Some(process) => process.start == self.start,
            None if self.session == group.as_raw_nonzero().get() => false,
            None => {
                let session = Pid::from_raw(self.session);
                processes.iter().any(|other| other.group == group && other.session == session)
            }
        };
        is_same.then_some(group)
    }
}

/// What identifies a run's processes before the first of them is started.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SpawnRecord {
    pub(crate) boot: String,
    /// None of them was started earlier. Other processes may hold the pipes too: the master of an ssh connection gets those
    /// of its clients.
    pub(crate) since: u64,
    /// The pipes that they write their output into.
    pub(crate) pipes: [u64; 2],
}

impl SpawnRecord {
    /// The record of a run with these pipes, if the system shows enough.
    pub(crate) fn now(pipes: [u64; 2]) -> Option<Self> {
        Some(Self { boot: platform::boot()?.to_owned(), since: platform::moment()?, pipes })
    }
}

/// `TOPSIDE_RUN` of a resident worker, which belongs to no run: no run has this number.
pub(crate) const WORKERS: RunId = RunId(0);

/// What identifies the processes of one run, or the resident workers.
#[derive(Debug, Clone)]
pub(crate) struct RunProcesses {
    /// `TOPSIDE_RUN`.
    pub(crate) run: RunId,
    /// `TOPSIDE_INSTANCE`.
    pub(crate) instance: String,
    pub(crate) leader: Option<LeaderProcess>,
    pub(crate) spawn_record: Option<SpawnRecord>,
    pub(crate) cgroup: Option<Cgroup>,
    /// Processes that were found before, with their start times.
    pub(crate) known: HashMap<Pid, u64>,
}

#[derive(Debug, Clone)]
pub(crate) struct Member {
    pub(crate) run: RunId,
    pub(crate) process: ProcessInfo,
}

impl Member {
    pub(crate) fn pid(&self) -> u32 {
        platform::number(self.process.pid)
    }
}

pub(crate) fn members(runs: &[RunProcesses]) -> Vec<Member> {
    among(runs, platform::processes())
}

pub(crate) fn among(runs: &[RunProcesses], mut processes: Vec<ProcessInfo>) -> Vec<Member> {
    let spared = own(&processes);
    processes.retain(|process| !process.has_ended && !spared.contains(&process.pid));
    let mut groups: HashMap<Pid, RunId> = runs
        .iter()
        .filter_map(|run| Some((run.leader.as_ref()?.group(&processes)?, run.run)))
        .collect();
    let contained: HashMap<Pid, RunId> = runs
        .iter()
        .filter_map(|run| Some((run.cgroup.as_ref()?, run.run)))
        .flat_map(|(cgroup, run)| cgroup.processes().into_iter().map(move |pid| (pid, run)))
        .collect();
    let marked = |process: &ProcessInfo| {
        let run = contained.get(&process.pid).copied().or_else(|| marked(runs, process))?;
        Some((process.pid, run))
    };
    let mut members: HashMap<Pid, RunId> = processes.iter().filter_map(marked).collect();
    let own_group = platform::own_group();
    loop {
        let before = members.len();
        for process in &processes {
            let of_parent = || members.get(&process.parent?);
            let of_group = || groups.get(&process.group);
            let run = members.get(&process.pid).or_else(of_group).or_else(of_parent).copied();
            if let Some(run) = run {
                members.insert(process.pid, run);
                if Some(process.group) != own_group {
                    groups.entry(process.group).or_insert(run);
                }
            }
        }
        if members.len() == before {
            break;
        }
    }
    let member = |process: ProcessInfo| Some(Member { run: *members.get(&process.pid)?, process });
    processes.into_iter().filter_map(member).collect()
}

/// The run that a process belongs to by its own marks.
fn marked(runs: &[RunProcesses], process: &ProcessInfo) -> Option<RunId> {
    let is_known = |run: &&RunProcesses| run.known.get(&process.pid) == Some(&process.start);
    if let Some(run) = runs.iter().find(is_known) {
        return Some(run.run);
    }
    if let Some(variables) = platform::environment(process.pid) {
        let value = |name: &[u8]| {
            let own = variables.split(|byte| *byte == 0).find_map(|own| own.strip_prefix(name))?;
            std::str::from_utf8(own).ok()
        };
        if let (Some(instance), Some(id)) = (value(b"TOPSIDE_INSTANCE="), value(b"TOPSIDE_RUN="))
            && let Some(run) =
                runs.iter().find(|run| run.instance == instance && id.parse() == Ok(run.run.0))
        {
            return Some(run.run);
        }
    }
    let pipes: Vec<(u64, RunId)> = runs
        .iter()
        .filter_map(|run| Some((run.spawn_record.as_ref()?, run.run)))
        .filter(|(record, _)| {
            record.since <= process.start && platform::boot() == Some(&record.boot)
        })
        .flat_map(|(record, run)| record.pipes.map(|pipe| (pipe, run)))
        .collect();
    if pipes.is_empty() {
        return None;
    }
    let numbers: Vec<u64> = pipes.iter().map(|(pipe, _)| *pipe).collect();
    let pipe = platform::writes_into(process, &numbers)?;
    pipes.iter().find(|(own, _)| *own == pipe).map(|(_, run)| *run)
}

/// Kills all processes of these runs, and calls `report` once for each; returns those that are still alive.
pub(crate) fn kill(runs: &[RunProcesses], mut report: impl FnMut(&Member)) -> Vec<Member> {
    let mut reported = HashSet::new();
    let mut left = Vec::new();
    for _ in 0..KILLS {
        for cgroup in runs.iter().filter_map(|run| run.cgroup.as_ref()) {
            cgroup.kill();
        }
        left = members(runs);
        let mut hopeless = true;
        for member in &left {
            if reported.insert(member.process.pid) {
                report(member);
            }
            // It may have ended by itself.
            hopeless &= signal(&member.process, Signal::KILL) == Err(Errno::PERM);
        }
        if hopeless {
            break;
        }
        std::thread::sleep(INTERVAL);
    }
    left
}

pub(crate) fn signal(process: &ProcessInfo, signal: Signal) -> Result<(), Errno> {
    kill_process(process.pid, signal)
}

/// This process and its ancestors: a run may have restarted the server.
fn own(processes: &[ProcessInfo]) -> HashSet<Pid> {
    let mut own = HashSet::new();
    let mut next = Some(rustix::process::getpid());
    while let Some(pid) = next.filter(|pid| own.insert(*pid)) {
        let listed = processes.iter().find(|process| process.pid == pid);
        next = listed.and_then(|process| process.parent);
    }
    own
}
