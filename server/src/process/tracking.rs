//! Finds the processes of a run, also those that left its process group.
//!
//! A process belongs to a run by its group, told from a later one of the same number by when its first process
//! was started; by the run's own variables in its environment; by the pipes that it writes the run's output
//! into; by its cgroup where the server was given one; and by having been started by one that does. Who has
//! left all of these is found by nobody.
//!
//! Everything here blocks, if only for the files of the system.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use rustix::io::Errno;
use rustix::process::{Pid, Signal, kill_process};
use serde::{Deserialize, Serialize};
use topside_shared::RunId;

use crate::base::platform;
use crate::base::platform::Listed;
use crate::process::cgroup::Cgroup;

/// How often it is looked again after a kill: a process may start another before it is killed, and takes a
/// moment to die.
const LOOKS: u32 = 200;
const APART: Duration = Duration::from_millis(10);

/// The first process of a run, told from others that had its number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LeaderProcess {
    /// Its number, which is its group's too.
    pub(crate) pid: u32,
    /// The boot of the box that it belongs to.
    pub(crate) boot: String,
    /// When it was started.
    pub(crate) start: u64,
    /// The session that it was started in; 0: one whose leader is outside of this container.
    pub(crate) session: i32,
}

impl LeaderProcess {
    /// The process of this number, where the system tells of it.
    pub(crate) fn of(pid: u32) -> Option<Self> {
        let process = platform::process(pid)?;
        Some(Self {
            pid,
            boot: platform::boot()?.to_owned(),
            start: process.start,
            session: process.session.map_or(0, |leader| leader.as_raw_nonzero().get()),
        })
    }

    /// Its group, if that is still its own. Where it has ended and left others, the number cannot have gone
    /// to another group since, but for one that ended in the same way; that would be of another session. Where it
    /// led a session of its own, the two could not be told apart.
    fn group(&self, processes: &[Listed]) -> Option<Pid> {
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

/// What is known of a run's processes before the first of them is started.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SpawnRecord {
    /// The boot of the box.
    pub(crate) boot: String,
    /// None of them was started before this moment. Others may hold the pipes too: the master of an ssh
    /// connection is handed those of whoever uses it.
    pub(crate) since: u64,
    /// The pipes that they write their output into.
    pub(crate) pipes: [u64; 2],
}

impl SpawnRecord {
    /// Of a run with these pipes, where the system tells enough.
    pub(crate) fn now(pipes: [u64; 2]) -> Option<Self> {
        Some(Self { boot: platform::boot()?.to_owned(), since: platform::moment()?, pipes })
    }
}

/// In `TOPSIDE_RUN` of a resident worker, which belongs to no run: none has this number.
pub(crate) const WORKERS: RunId = RunId(0);

/// What the processes of one run, or the resident workers, are known by.
#[derive(Debug, Clone)]
pub(crate) struct RunProcesses {
    /// `TOPSIDE_RUN`.
    pub(crate) run: RunId,
    /// `TOPSIDE_INSTANCE`.
    pub(crate) instance: String,
    pub(crate) first: Option<LeaderProcess>,
    pub(crate) birth: Option<SpawnRecord>,
    pub(crate) cgroup: Option<Cgroup>,
    /// Those that were found before, by number, with their start.
    pub(crate) known: HashMap<Pid, u64>,
}

/// A process of a run.
#[derive(Debug, Clone)]
pub(crate) struct Member {
    pub(crate) run: RunId,
    pub(crate) process: Listed,
}

impl Member {
    pub(crate) fn pid(&self) -> u32 {
        self.process.pid.as_raw_nonzero().get().unsigned_abs()
    }
}

/// The processes of these runs that live.
pub(crate) fn members(families: &[RunProcesses]) -> Vec<Member> {
    among(families, platform::processes())
}

/// Those of `processes` that live and are of these runs.
pub(crate) fn among(families: &[RunProcesses], mut processes: Vec<Listed>) -> Vec<Member> {
    let spared = own(&processes);
    processes.retain(|process| !process.has_ended && !spared.contains(&process.pid));
    let mut groups: HashMap<Pid, RunId> = families
        .iter()
        .filter_map(|family| Some((family.first.as_ref()?.group(&processes)?, family.run)))
        .collect();
    let contained: HashMap<Pid, RunId> = families
        .iter()
        .filter_map(|family| Some((family.cgroup.as_ref()?, family.run)))
        .flat_map(|(cgroup, run)| cgroup.processes().into_iter().map(move |pid| (pid, run)))
        .collect();
    let marked = |process: &Listed| {
        let run = contained.get(&process.pid).copied().or_else(|| marked(families, process))?;
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
    let member = |process: Listed| Some(Member { run: *members.get(&process.pid)?, process });
    processes.into_iter().filter_map(member).collect()
}

/// The run that a process says by itself that it belongs to.
fn marked(families: &[RunProcesses], process: &Listed) -> Option<RunId> {
    let known = |family: &&RunProcesses| family.known.get(&process.pid) == Some(&process.start);
    if let Some(family) = families.iter().find(known) {
        return Some(family.run);
    }
    if let Some(variables) = platform::environment(process.pid) {
        let value = |name: &[u8]| {
            let own = variables.split(|byte| *byte == 0).find_map(|own| own.strip_prefix(name))?;
            std::str::from_utf8(own).ok()
        };
        if let (Some(instance), Some(run)) = (value(b"TOPSIDE_INSTANCE="), value(b"TOPSIDE_RUN="))
            && let Some(family) = families
                .iter()
                .find(|family| family.instance == instance && run.parse() == Ok(family.run.0))
        {
            return Some(family.run);
        }
    }
    let pipes: Vec<(u64, RunId)> = families
        .iter()
        .filter_map(|family| Some((family.birth.as_ref()?, family.run)))
        .filter(|(birth, _)| birth.since <= process.start && platform::boot() == Some(&birth.boot))
        .flat_map(|(birth, run)| birth.pipes.map(|pipe| (pipe, run)))
        .collect();
    if pipes.is_empty() {
        return None;
    }
    let numbers: Vec<u64> = pipes.iter().map(|(pipe, _)| *pipe).collect();
    let pipe = platform::writes_into(process, &numbers)?;
    pipes.iter().find(|(own, _)| *own == pipe).map(|(_, run)| *run)
}

/// Kills all processes of these runs, wherever they went; those that live all the same.
pub(crate) fn kill(families: &[RunProcesses], mut tell: impl FnMut(&Member)) -> Vec<Member> {
    let mut told = HashSet::new();
    let mut left = Vec::new();
    for _ in 0..LOOKS {
        for cgroup in families.iter().filter_map(|family| family.cgroup.as_ref()) {
            cgroup.kill();
        }
        left = members(families);
        let mut hopeless = true;
        for member in &left {
            if told.insert(member.process.pid) {
                tell(member);
            }
            // It may have ended by itself.
            hopeless &= signal(&member.process, Signal::KILL) == Err(Errno::PERM);
        }
        if hopeless {
            break;
        }
        std::thread::sleep(APART);
    }
    left
}

/// Signals one process.
pub(crate) fn signal(process: &Listed, signal: Signal) -> Result<(), Errno> {
    kill_process(process.pid, signal)
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
