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
pub(crate) const KILLS: u32 = 200;
pub(crate) const INTERVAL: Duration = Duration::from_millis(10);

/// The first process of a run, distinguished from others with the same pid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LeaderProcess {
    /// Also the number of its group.
    pub(crate) pid: u32,
    pub(crate) boot: String,
    pub(crate) start: u64,
    /// Its session at its start; 0: its leader is outside of this container.
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
        Some(Self { boot: platform::boot()?.to_owned(), since: platform::moment(), pipes })
    }
}

/// `TOPSIDE_RUN` of a worker, which belongs to no run: no run has this number.
pub(crate) const WORKERS: RunId = RunId(0);

/// What identifies the processes of one run, or the workers.
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

impl RunProcesses {
    /// Its record, if that is of this boot of the machine.
    fn current_record(&self) -> Option<&SpawnRecord> {
        self.spawn_record.as_ref().filter(|record| platform::boot() == Some(&record.boot))
    }

    /// No process of the run started earlier; 0: that is not known.
    fn since(&self) -> u64 {
        self.current_record().map_or(0, |record| record.since)
    }
}

#[derive(Debug, Clone)]
pub(crate) struct Member {
    /// The index of its run among those that were searched for.
    pub(crate) run: usize,
    pub(crate) process: ProcessInfo,
}

impl Member {
    pub(crate) fn pid(&self) -> u32 {
        platform::number(self.process.pid)
    }
}

/// The processes of these runs, found by one scan of all processes.
pub(crate) fn members(runs: &[RunProcesses]) -> Vec<Member> {
    among(runs, platform::processes())
}

pub(crate) fn among(runs: &[RunProcesses], mut processes: Vec<ProcessInfo>) -> Vec<Member> {
    let spared = own(&processes);
    processes.retain(|process| !process.has_ended && !spared.contains(&process.pid));
    let mut groups: HashMap<Pid, usize> = runs
        .iter()
        .enumerate()
        .filter_map(|(run, of)| Some((of.leader.as_ref()?.group(&processes)?, run)))
        .collect();
    let marks = Marks::of(runs);
    let marked = |process: &ProcessInfo| Some((process.pid, marks.run_of(process)?));
    let mut members: HashMap<Pid, usize> = processes.iter().filter_map(marked).collect();
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

/// The marks that a process can have of its own, each with the index of its run: the cost of a process does not grow with
/// the number of runs.
struct Marks<'r> {
    contained: HashMap<Pid, usize>,
    known: HashMap<(Pid, u64), usize>,
    /// By `TOPSIDE_INSTANCE` and `TOPSIDE_RUN`.
    variables: HashMap<(&'r str, u64), usize>,
    /// By the number of the pipe; and the run's [`SpawnRecord::since`].
    pipes: HashMap<u64, (usize, u64)>,
    pipe_numbers: Vec<u64>,
    /// No process of the runs that could be marked started earlier.
    since: u64,
}

impl<'r> Marks<'r> {
    fn of(runs: &'r [RunProcesses]) -> Self {
        let indexed = || runs.iter().enumerate();
        let contained = indexed().filter_map(|(run, of)| Some((run, of.cgroup.as_ref()?)));
        let contained = contained
            .flat_map(|(run, cgroup)| cgroup.processes().into_iter().map(move |pid| (pid, run)));
        let known = indexed()
            .flat_map(|(run, of)| of.known.iter().map(move |(pid, start)| ((*pid, *start), run)));
        let recorded = indexed().filter_map(|(run, of)| Some((run, of.current_record()?)));
        let pipes: HashMap<u64, (usize, u64)> = recorded
            .flat_map(|(run, record)| record.pipes.map(|pipe| (pipe, (run, record.since))))
            .collect();
        Self {
            contained: contained.collect(),
            known: known.collect(),
            variables: indexed().map(|(run, of)| ((of.instance.as_str(), of.run.0), run)).collect(),
            pipe_numbers: pipes.keys().copied().collect(),
            pipes,
            since: runs.iter().map(RunProcesses::since).min().unwrap_or(0),
        }
    }

    /// The index of the run that a process belongs to by its own marks.
    fn run_of(&self, process: &ProcessInfo) -> Option<usize> {
        let contained = self.contained.get(&process.pid);
        let found = contained.or_else(|| self.known.get(&(process.pid, process.start))).copied();
        // Only the environment and the pipes must be read, of a process that is young enough.
        if found.is_some() || process.start < self.since {
            return found;
        }
        self.by_variables(process).or_else(|| self.by_pipe(process))
    }

    fn by_variables(&self, process: &ProcessInfo) -> Option<usize> {
        let variables = platform::environment(process.pid)?;
        let value = |name: &[u8]| {
            let own = variables.split(|byte| *byte == 0).find_map(|own| own.strip_prefix(name))?;
            std::str::from_utf8(own).ok()
        };
        let instance = value(b"TOPSIDE_INSTANCE=")?;
        let run = value(b"TOPSIDE_RUN=")?.parse().ok()?;
        self.variables.get(&(instance, run)).copied()
    }

    fn by_pipe(&self, process: &ProcessInfo) -> Option<usize> {
        if self.pipes.is_empty() {
            return None;
        }
        let pipe = platform::writes_into(process, &self.pipe_numbers)?;
        let (run, since) = self.pipes.get(&pipe)?;
        (*since <= process.start).then_some(*run)
    }
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
        for member in &left {
            if reported.insert(member.process.pid) {
                report(member);
            }
        }
        if !kill_once(left.iter().map(|member| &member.process)) {
            break;
        }
        std::thread::sleep(INTERVAL);
    }
    left
}

/// Kills these processes; whether another search may find fewer: there are some, and one could be signalled.
pub(crate) fn kill_once<'p>(found: impl Iterator<Item = &'p ProcessInfo>) -> bool {
    // One that has ended by itself is no error here.
    found.fold(false, |any, process| any | (signal(process, Signal::KILL) != Err(Errno::PERM)))
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
