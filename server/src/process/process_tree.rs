//! The processes of a run that has not ended: the group of its program, and those that left it. The search for them
//! blocks, so it runs where no request waits for it.

use std::time::Duration;

use rustix::process::{Pid, Signal};
use tokio::time::sleep;

use crate::base::platform;
use crate::process::running_program::Group;
use crate::process::tracking;
use crate::process::tracking::{Member, RunProcesses};

/// In so short a time the numbers of processes have not gone round.
const SHORT: Duration = Duration::from_secs(2);
/// Who ends within it was about to end anyway.
const MOMENT: Duration = Duration::from_millis(100);
/// So many processes are looked at one by one; where more were started since, all are.
const FEW: u32 = 512;

/// Dropping it before it was released kills them all.
#[derive(Debug)]
pub(crate) struct ProcessTree {
    group: Group,
    family: RunProcesses,
    /// Orphans that are the run's unless another program started them in the same moment, with their start times.
    /// They are reported, and never signalled.
    orphans: Vec<(Pid, u64)>,
    released: bool,
}

impl ProcessTree {
    pub(crate) fn new(group: Group, family: RunProcesses) -> Self {
        Self { group, family, orphans: Vec::new(), released: false }
    }

    pub(crate) fn family(&self) -> &RunProcesses {
        &self.family
    }

    pub(crate) fn family_mut(&mut self) -> &mut RunProcesses {
        &mut self.family
    }

    /// Puts the first process into the run's cgroup, if it has one. Not after that was waited for: its
    /// number could be another's.
    pub(crate) async fn contain(&mut self) {
        let (Some(cgroup), Some(first)) = (self.family.cgroup.clone(), &self.family.first) else {
            return;
        };
        let pid = first.pid;
        match blocking(move || cgroup.take_in(pid)).await.unwrap_or(Ok(Vec::new())) {
            Ok(orphans) => {
                self.orphans = orphans.iter().map(|orphan| (orphan.pid, orphan.start)).collect();
            }
            Err(error) => {
                let run = self.family.run.0;
                tracing::warn!(target: "topside", run, %error, "a run gets no cgroup");
            }
        }
    }

    /// Asks all of them to end: those that have left the group, while their parents still tell whose they
    /// are, and then the group.
    pub(crate) async fn stop(&mut self, signal: Signal) {
        self.look(signal).await;
        self.group.signal(signal);
        // A group that somebody stopped must go on to be able to end.
        self.group.signal(Signal::CONT);
    }

    /// Whether any of them still runs. One that has left the group and is seen for the first time is asked
    /// to end.
    pub(crate) async fn lives(&mut self, signal: Signal) -> bool {
        let known = self.family.known.clone();
        blocking(move || known.into_iter().any(|(pid, start)| lives(pid, start)))
            .await
            .unwrap_or(false)
            || self.look(signal).await
    }

    async fn look(&mut self, signal: Signal) -> bool {
        let family = self.family.clone();
        let found = blocking(move || tracking::members(&[family])).await.unwrap_or_default();
        for Member { process, .. } in &found {
            let is_new = self.family.known.insert(process.pid, process.start).is_none();
            if is_new && !self.group.is(process.group) {
                // It may have ended by itself, or be of another user.
                let _ = tracking::signal(process, signal);
                let _ = tracking::signal(process, Signal::CONT);
            }
        }
        !found.is_empty()
    }

    /// Kills all of them; who lives all the same.
    pub(crate) async fn kill(&mut self) -> Vec<u32> {
        self.group.signal(Signal::KILL);
        let family = self.family.clone();
        let left = blocking(move || tracking::kill(&[family], |_| {})).await.unwrap_or_default();
        self.release();
        self.with_orphans(left).await
    }

    /// The pids of these processes, and of the orphans that live.
    async fn with_orphans(&self, left: Vec<Member>) -> Vec<u32> {
        let mut pids: Vec<u32> = left.iter().map(Member::pid).collect();
        if !self.orphans.is_empty() {
            let orphans = self.orphans.clone();
            let live = move || orphans.into_iter().filter(|(pid, start)| lives(*pid, *start));
            let live: Vec<_> = blocking(move || live().collect()).await.unwrap_or_default();
            pids.extend(live.iter().map(|(pid, _)| pid.as_raw_nonzero().get().unsigned_abs()));
            pids.sort_unstable();
            pids.dedup();
        }
        pids
    }

    /// From here on they are left alone: their numbers may become somebody else's.
    pub(crate) fn release(&mut self) {
        self.released = true;
        self.group.release();
    }

    /// Who is left of a run that has ended by itself after so long; `held`: somebody has its output open.
    ///
    /// All of them were started after the first process, so have numbers that follow its own: where none was
    /// given out since, and mostly none was, nobody is looked at.
    pub(crate) async fn left(&self, after: Duration, held: bool) -> Vec<u32> {
        let Some(first) = self.family.first.as_ref().map(|first| first.pid) else {
            return Vec::new();
        };
        let newest = platform::newest_process().filter(|newest| after < SHORT && *newest >= first);
        if newest == Some(first) && !held {
            return Vec::new();
        }
        let mut family = self.family.clone();
        if !held {
            family.birth = None;
        }
        let look = move || match newest.filter(|newest| newest - first <= FEW) {
            None => tracking::members(&[family]),
            Some(newest) => {
                let since = (first + 1..=newest).filter_map(platform::process).collect();
                tracking::among(&[family], since)
            }
        };
        let found = blocking(look).await.unwrap_or_default();
        if found.is_empty() && self.orphans.is_empty() {
            return Vec::new();
        }
        sleep(MOMENT).await;
        let stays = |member: &Member| lives(member.process.pid, member.process.start);
        let stay = move || found.into_iter().filter(stays).collect();
        let left: Vec<Member> = blocking(stay).await.unwrap_or_default();
        self.with_orphans(left).await
    }

    /// Removes the run's cgroup, where nobody lives in it.
    pub(crate) async fn uncontain(self) {
        if let Some(cgroup) = self.family.cgroup.clone() {
            blocking(move || cgroup.remove()).await;
        }
    }
}

impl Drop for ProcessTree {
    fn drop(&mut self) {
        if self.released {
            return;
        }
        // The server ends at once. While the first ones live, they tell whose the others are.
        let found = tracking::members(std::slice::from_ref(&self.family));
        self.family
            .known
            .extend(found.iter().map(|member| (member.process.pid, member.process.start)));
        self.group.signal(Signal::KILL);
        if let Some(cgroup) = &self.family.cgroup {
            cgroup.kill();
        }
        for member in found.iter().chain(&tracking::members(std::slice::from_ref(&self.family))) {
            // It may have ended by now.
            let _ = tracking::signal(&member.process, Signal::KILL);
        }
    }
}

/// Whether the process that was started at this moment still runs.
fn lives(pid: Pid, start: u64) -> bool {
    let process = platform::process(pid.as_raw_nonzero().get().unsigned_abs());
    process.is_some_and(|process| process.start == start && !process.has_ended)
}

/// None: the server ends, or it panicked.
async fn blocking<T: Send + 'static>(look: impl FnOnce() -> T + Send + 'static) -> Option<T> {
    crate::base::blocking::blocking(look).await.ok()
}
