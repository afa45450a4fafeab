//! Hooks of the box: `on_start` and `on_stop` of server.toml.
//!
//! **Invariant:** from the moment that the server starts anything until `on_stop` succeeded, the file `on_stop.json` in
//! the state directory holds the program. A server that finds it runs `on_stop` before anything else.

use std::path::PathBuf;
use std::sync::{Arc, OnceLock, mpsc};

use serde::{Deserialize, Serialize};
use tokio::sync::Notify;
use topside_shared::Time;
use topside_shared::methods::{HookState, HookStatus};

use crate::base::mutex::Mutex;
use crate::base::{json_file, platform};
use crate::hooks::{HookOwner, HookRequest, Hooks};
use crate::process::program_spec::DEFAULT_CWD;
use crate::process::safe_state::{Hook, HookResult};
use crate::settings::hooks as settings;

const FILE: &str = "on_stop.json";
const ON_START: &str = "on_start";
const ON_STOP: &str = "on_stop";

/// Reports a failure to clients.
type Report = Box<dyn Fn(&str) + Send + Sync>;

/// The program that must still run.
#[derive(Serialize, Deserialize)]
struct StopRecord {
    argv: Vec<String>,
}

pub(crate) struct BoxHooks {
    state: PathBuf,
    hooks: Arc<Hooks>,
    results: Mutex<Results>,
    /// The server must not start: a required hook failed.
    refused: Notify,
    on_failure: OnceLock<Report>,
}

/// The last result of each hook that has run.
#[derive(Debug, Default)]
struct Results {
    /// In the order of their last runs.
    last: Vec<HookStatus>,
    is_refused: bool,
}

impl std::fmt::Debug for BoxHooks {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BoxHooks").field("results", &self.results).finish_non_exhaustive()
    }
}

impl BoxHooks {
    pub(crate) fn new(state: PathBuf, hooks: Arc<Hooks>) -> Self {
        let (results, refused, on_failure) = (Mutex::default(), Notify::new(), OnceLock::new());
        Self { state, hooks, results, refused, on_failure }
    }

    /// Has each failure reported. Only the first call has an effect.
    pub(crate) fn on_failure(&self, report: impl Fn(&str) + Send + Sync + 'static) {
        let _ = self.on_failure.set(Box::new(report));
    }

    /// Runs `on_stop` if the server before this one did not, then `on_start`; whether the server may start anything.
    /// Blocks until they have ended.
    pub(crate) fn at_start(&self, settings: &settings::BoxHooks) -> bool {
        let mut is_safe = true;
        if let Some(recorded) = self.recorded() {
            let argv =
                if settings.on_stop.is_empty() { recorded } else { settings.on_stop.clone() };
            is_safe = match argv.is_empty() {
                true => self.end(ON_STOP, Some(self.unknown())),
                false => {
                    tracing::warn!(target: "topside", "on_stop of the box has not run: it runs now");
                    self.run_blocking(ON_STOP, argv, settings)
                }
            };
        }
        // One that failed and that the settings no longer name stays recorded, so that a later start runs it.
        if is_safe || !settings.on_stop.is_empty() {
            self.record(settings);
        }
        if !settings.on_start.is_empty() {
            is_safe &= self.run_blocking(ON_START, settings.on_start.clone(), settings);
        }
        if is_safe || !settings.required {
            return true;
        }
        tracing::error!(target: "topside", "the server does not start: a hook failed, and `required` is set in [hooks]");
        self.results.lock().is_refused = true;
        self.refused.notify_one();
        false
    }

    /// Returns once a required hook has failed.
    pub(crate) async fn refused(&self) {
        self.refused.notified().await;
    }

    /// Records which `on_stop` must run. Blocks for the disk.
    pub(crate) fn record(&self, settings: &settings::BoxHooks) {
        let path = self.state.join(FILE);
        let written = match settings.on_stop.is_empty() {
            true => json_file::remove(&path),
            false => json_file::write(&path, &StopRecord { argv: settings.on_stop.clone() }),
        };
        if let Err(error) = written {
            tracing::error!(
                target: "topside", %error,
                "{FILE} cannot be written: after a crash the next start does not know which on_stop to run"
            );
        }
    }

    /// Runs `on_stop`. After a failure the next start runs it again.
    pub(crate) async fn at_stop(&self, settings: &settings::BoxHooks) {
        if settings.on_stop.is_empty() {
            return;
        }
        self.set(ON_STOP, HookState::Running, None);
        let hook = hook(settings.on_stop.clone(), ON_STOP);
        let result = self.hooks.run(HookOwner::Box(ON_STOP), hook, settings.timeout).await;
        if self.end(ON_STOP, result)
            && let Err(error) = json_file::remove(&self.state.join(FILE))
        {
            tracing::warn!(target: "topside", %error, "{FILE} is not removed: the next start runs on_stop again");
        }
    }

    /// The hooks that have run or are running.
    pub(crate) fn status(&self) -> Vec<HookStatus> {
        let mut hooks = self.results.lock().last.clone();
        hooks.sort_by(|a, b| a.name.cmp(&b.name));
        hooks
    }

    /// Whether the hook that ran last failed, or a required one.
    pub(crate) fn has_failed(&self) -> bool {
        let results = self.results.lock();
        results.is_refused
            || results.last.last().is_some_and(|hook| hook.state != HookState::Succeeded)
    }

    /// The result where the record is damaged, and the settings name no program either.
    fn unknown(&self) -> HookResult {
        let failure = format!(
            "{} is damaged and [hooks] has no on_stop, so the program to run is not known: make the box safe by hand, \
             then delete this file",
            self.state.join(FILE).display()
        );
        tracing::error!(target: "topside", "{failure}");
        HookResult { output: Vec::new(), failure: Some(failure) }
    }

    /// The program that must still run; empty: the record is damaged.
    fn recorded(&self) -> Option<Vec<String>> {
        let text = match platform::if_there(std::fs::read(self.state.join(FILE))) {
            Ok(text) => text?,
            Err(error) => {
                tracing::error!(target: "topside", %error, "{FILE} cannot be read");
                return None;
            }
        };
        match serde_json::from_slice(&text) {
            Ok(StopRecord { argv }) => Some(argv),
            Err(error) => {
                tracing::error!(target: "topside", %error, "{FILE} is damaged");
                Some(Vec::new())
            }
        }
    }

    fn run_blocking(
        &self,
        name: &'static str,
        argv: Vec<String>,
        settings: &settings::BoxHooks,
    ) -> bool {
        self.set(name, HookState::Running, None);
        let (sender, result) = mpsc::channel();
        self.hooks.submit(HookRequest {
            owner: HookOwner::Box(name),
            hook: hook(argv, name),
            limit: settings.timeout,
            // The receiver is below.
            done: Box::new(move |result| drop(sender.send(result))),
        });
        self.end(name, result.recv().ok().flatten())
    }

    /// Keeps and reports the result; whether the hook succeeded.
    fn end(&self, name: &'static str, result: Option<HookResult>) -> bool {
        let failure = match result {
            Some(result) => result.failure,
            None => Some("it could not be started before the server ended".to_owned()),
        };
        let state = if failure.is_none() { HookState::Succeeded } else { HookState::Failed };
        self.set(name, state, failure.clone());
        let Some(failure) = failure else { return true };
        if let Some(report) = self.on_failure.get() {
            report(&format!("{name} of the box failed: {failure}"));
        }
        false
    }

    fn set(&self, name: &str, state: HookState, failure: Option<String>) {
        let mut results = self.results.lock();
        results.last.retain(|hook| hook.name != name);
        results.last.push(HookStatus { name: name.to_owned(), state, at: Time::now(), failure });
    }
}

fn hook(argv: Vec<String>, name: &str) -> Hook {
    Hook {
        argv,
        user: None,
        cwd: DEFAULT_CWD.to_owned(),
        env: vec![("TOPSIDE_HOOK".to_owned(), name.to_owned())],
        inherit_env: Vec::new(),
        caller: None,
    }
}
