//! The `safe_state` of a run: a program, or a function of the worker that carries it out; and when it runs.

use std::sync::Arc;
use std::time::Duration;

use topside_shared::notifications::Stream;

use crate::hooks::{HookOwner, HookRequest};
use crate::process::safe_state::{Hook, HookResult, RunHook};
use crate::runs::run_end::{Recorded, RunGuard};
use crate::workers::safe_state_calls::FunctionHook;

/// What must be done unless the run succeeds.
pub(crate) enum PendingHook {
    Program(Hook),
    Function(FunctionHook),
}

impl PendingHook {
    pub(crate) fn recorded(&self) -> RunHook {
        match self {
            Self::Program(hook) => RunHook::Program(hook.clone()),
            Self::Function(function) => function.recorded(),
        }
    }

    /// Whether there may be something to make safe.
    pub(crate) fn is_needed(&self) -> bool {
        match self {
            Self::Program(_) => true,
            Self::Function(function) => function.is_needed(),
        }
    }
}

impl RunGuard {
    /// Runs its hook, and adds the result to its output.
    pub(super) async fn run_hook(&mut self) {
        let services = &self.runs.services;
        let limit = services.config.get().config.limits.hook_timeout;
        let owner = HookOwner::Run(self.run.id, self.run.row.lock().command.clone());
        let result = match &self.hook {
            Some(PendingHook::Program(hook)) => {
                services.hooks.run(owner, hook.clone(), limit).await
            }
            Some(PendingHook::Function(function)) => tokio::select! {
                result = function.run(owner, self.run.output.clone()) => result,
                () = self.gives_up(limit) => None,
            },
            None => return,
        };
        self.keep(result).await;
    }

    /// Waits for the end of the time that a function has once the server ends: its worker may be starting again.
    async fn gives_up(&self, limit: Option<Duration>) {
        self.runs.services.tasks.runs_ended().cancelled().await;
        match limit {
            Some(limit) => tokio::time::sleep(limit).await,
            None => std::future::pending().await,
        }
    }

    /// Adds the result of its hook to its output.
    async fn keep(&mut self, result: Option<HookResult>) {
        match result {
            Some(closed) => {
                self.run.output.append(Stream::Stderr, &closed.into_output()).await;
                self.hook = None;
            }
            None => {
                self.hook_pending = true;
                let text = "its safe_state has not run: the next start of the server runs it\n";
                self.run.output.append(Stream::Stderr, text.as_bytes()).await;
            }
        }
    }

    /// Interrupted before its hook ran: the hook thread runs it, and the run keeps its locks until then. Whether that is
    /// so.
    pub(super) fn runs_hook_later(&mut self) -> bool {
        self.hook.take_if(|hook| !hook.is_needed());
        let is_open = self.recorded == Recorded::Start
            && !self.hook_pending
            && !self.runs.services.tasks.has_ended();
        let Some(hook) = self.hook.take_if(|_| is_open) else { return false };
        let (runs, run) = (Arc::clone(&self.runs), Arc::clone(&self.run));
        let limit = runs.services.config.get().config.limits.hook_timeout;
        let command = run.row.lock().command.clone();
        let output = run.output.clone();
        let done = Box::new(move |closed: Option<_>| {
            if closed.is_some() {
                runs.history.end_later(run.past(), run.output.file_bytes());
                runs.services.hooks.release(run.id);
                runs.leave(run.id);
            }
        });
        let owner = HookOwner::Run(self.run.id, command);
        match hook {
            PendingHook::Program(hook) => {
                self.runs.services.hooks.submit(HookRequest { owner, hook, limit, done });
            }
            PendingHook::Function(function) => function.submit(owner, output, done),
        }
        true
    }
}
