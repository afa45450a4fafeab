//! Cleans up after a crash: kills the processes of lost runs, runs their hooks, and makes their rows final.

use std::collections::HashMap;
use std::sync::mpsc;

use topside_shared::Time;
use topside_shared::notifications::Stream;
use topside_shared::records::{ApprovalState, RunState};

use crate::files;
use crate::history::database_writer::HistoryWriter;
use crate::history::db::{Db, LostRun};
use crate::history::{WriteJob, output, results};
use crate::hooks::{HookOwner, HookRequest};
use crate::output::Output;
use crate::process::run_processes;
use crate::process::run_processes::{Member, RunProcesses};
use crate::process::safe_state::{HookResult, RunHook};

impl HistoryWriter {
    /// Kills the remaining processes of these runs and of workers: two owners of one relay are worse than
    /// none.
    pub(super) fn kill(&self, instance: &str, lost: &[LostRun]) {
        let workers = RunProcesses {
            run: run_processes::WORKERS,
            instance: instance.to_owned(),
            leader: None,
            spawn_record: None,
            cgroup: None,
            known: HashMap::new(),
        };
        let families: Vec<RunProcesses> = lost
            .iter()
            .map(|run| RunProcesses {
                run: run.id,
                instance: instance.to_owned(),
                leader: run.first.clone(),
                spawn_record: run.birth.clone(),
                cgroup: self.delegated.as_ref().map(|delegated| delegated.of(run.id)),
                known: HashMap::new(),
            })
            .chain(std::iter::once(workers))
            .collect();
        let owner = |member: &Member| match families[member.run].run {
            run_processes::WORKERS => "a worker".to_owned(),
            run => format!("the lost run {run}"),
        };
        let left = run_processes::kill(&families, |member| {
            let (owner, pid) = (owner(member), member.pid());
            tracing::warn!(target: "topside", pid, "a process that is left of {owner} is killed");
        });
        for member in left {
            let (owner, pid) = (owner(&member), member.pid());
            tracing::error!(target: "topside", pid, "a process that is left of {owner} cannot be killed");
        }
        if let Some(delegated) = &self.delegated {
            delegated.sweep();
        }
    }

    /// Runs the pending hooks of lost runs in parallel. A run is final as soon as its hook was run, so that the next
    /// start does not run it again. If a hook could not be started before the server ended, its row stays open for
    /// the next start.
    ///
    /// A function is called by the next process of its worker: it is recorded there, and the run is final.
    pub(super) fn close(&self, db: &mut Db, lost: &[LostRun]) {
        let (tell, told) = mpsc::channel();
        for (at, run) in lost.iter().enumerate() {
            let hook = match run.hook.clone() {
                Some(RunHook::Program(hook)) => hook,
                Some(RunHook::Function { worker, function }) => {
                    if self.hooks.workers.add(&worker, &function) {
                        let said = format!(
                            "worker {worker} is called with {function} before anything else\n"
                        );
                        let output = said.into_bytes();
                        self.lose(db, run, Some(HookResult { output, failure: None }));
                    }
                    continue;
                }
                None => {
                    self.lose(db, run, None);
                    continue;
                }
            };
            let tell = tell.clone();
            // The receiver is below.
            let done = Box::new(move |closed| drop(tell.send((at, closed))));
            let command = db.get(run.id).ok().flatten().map(|record| record.row.command);
            let command = command.unwrap_or_default();
            self.hooks.submit(HookRequest {
                owner: HookOwner::Run(run.id, command),
                hook,
                limit: self.hook_timeout,
                done,
            });
        }
        drop(tell);
        for (at, closed) in told {
            let (run, Some(closed)) = (&lost[at], closed) else { continue };
            self.lose(db, run, Some(closed));
            self.hooks.release(run.id);
        }
    }

    fn lose(&self, db: &mut Db, run: &LostRun, closed: Option<HookResult>) {
        let run = run.id;
        let mut record = match db.get(run) {
            Ok(Some(record)) => record,
            Ok(None) => return,
            Err(error) => {
                tracing::error!(target: "topside", run = run.0, %error, "its row cannot be read");
                return;
            }
        };
        let said = closed.map(HookResult::into_output).unwrap_or_default();
        // The undamaged part of its output, and the output of its hook.
        let path = output(&self.state, run);
        let kept = Output::add_to(&path, Stream::Stderr, &said)
            .or_else(|_| Output::add_to(&path, Stream::Stderr, &[]));
        let (bytes, size) = kept.unwrap_or_else(|error| {
            tracing::warn!(target: "topside", run = run.0, %error, "its output cannot be read");
            (0, 0)
        });
        // They are not in its row.
        files::remove(&results(&self.state, run));
        record.row.state = RunState::Lost;
        if let Some(approval) = &mut record.row.approval
            && approval.state == ApprovalState::Waiting
        {
            approval.state = ApprovalState::Withdrawn;
            approval.in_ms = None;
            approval.reason = Some("the server ended".to_owned());
        }
        record.row.ended_at = Some(Time::now());
        record.row.bytes = bytes;
        self.notify.run_ended(&record.row, |most| {
            // The log has why the output cannot be read.
            Output::newest_in(&path, most).unwrap_or_default()
        });
        self.write(db, vec![WriteJob::End(Box::new(record), size, None)]);
        tracing::warn!(target: "topside", run = run.0, "run lost: the server had ended under it");
    }
}
