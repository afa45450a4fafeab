//! Runs a server from its start to its end.

pub(crate) mod advertise;
mod load_config;
pub(crate) mod metrics;
mod runtime_files;
mod sampler;
mod shutdown_sequence;

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::join5;
use topside_shared::Time;
use topside_shared::methods::KeyRow;
use tracing::instrument::WithSubscriber;

use crate::admission::session_limits::{FEWEST_DESCRIPTORS, TooFewDescriptors, max_sessions};
use crate::admission::tcp_port::{BoundPort, OpenError};
use crate::audit::Audit;
use crate::audit::action::AuditAction;
use crate::audit::entry::{By, Entry};
use crate::base::blocking;
use crate::base::clock::Clock;
use crate::base::deadline::FOR_EVER;
use crate::base::log::Log;
use crate::base::random;
use crate::base::shutdown::{Plan, ShutdownOptions, Stop};
use crate::base::shutdown_record;
use crate::base::toml_file::errors::FileErrors;
use crate::builtins;
use crate::config::{BuiltIns, Config};
use crate::files::Files;
#[cfg(feature = "hub")]
use crate::fleet;
use crate::history::{History, NoHistory};
use crate::hooks::box_hooks::BoxHooks;
use crate::hooks::{HookOwner, Hooks};
use crate::keys::{Keys, expiry};
#[cfg(feature = "hub")]
use crate::listen::hub;
use crate::listen::tcp;
use crate::menu::TableError;
use crate::net::local_socket::{ListenError, Listeners};
use crate::net::lock_file::ServerLock;
use crate::notify::Notifications;
use crate::operations::shutdown::wait_until_due;
use crate::operations::{box_power, reload};
use crate::serve::metrics::MetricsError;
use crate::serve::runtime_files::RuntimeFiles;
use crate::server::{Ended, Server, ServerRef, Stored};

/// Least time for sessions to end at a shutdown.
const GOODBYE: Duration = Duration::from_secs(2);

/// Why a server could not start.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The system has no thread for the log.
    #[error("the system gives no thread for the log: {0}")]
    Log(#[source] std::io::Error),
    /// Two commands have one name, or clients cannot show a worker's declaration.
    #[error(transparent)]
    Menu(#[from] TableError),
    /// The system allows too few descriptors.
    #[error(
        "this process may have {0} files open, and needs {FEWEST_DESCRIPTORS} at least: raise it with `ulimit -n`"
    )]
    Descriptors(u64),
    /// Another process uses the state directory.
    #[error(transparent)]
    State(#[from] ListenError),
    /// `keys.json` is not accepted.
    #[error(transparent)]
    Keys(#[from] FileErrors),
    /// The history of runs cannot be kept.
    #[error(transparent)]
    Runs(#[from] NoHistory),
    /// The audit log cannot be opened.
    #[error("the audit log cannot be kept: {0}")]
    Audit(#[source] std::io::Error),
    /// The hook thread or its descriptors cannot be reserved.
    #[error(
        "a thread and descriptors for safe_state programs cannot be reserved: {0}; raise the limits of processes \
         (`ulimit -u`, `TasksMax=`) and of open files (`ulimit -n`)"
    )]
    Reserve(#[source] std::io::Error),
    /// TCP cannot be opened, and a key or an invite exists.
    #[error(transparent)]
    Tcp(#[from] OpenError),
    /// Metrics cannot be served on the configured address.
    #[error(transparent)]
    Metrics(#[from] MetricsError),
}

/// Serves until `stop` is raised or an admin shuts the server down. When it returns, every client was notified, every
/// run has ended and the socket's file is gone.
///
/// # Errors
/// [`ServeError`], before the first connection.
pub async fn serve(
    listeners: Listeners,
    mut config: Config,
    stop: Stop,
) -> Result<Ended, ServeError> {
    let (log, dispatch, _writing) =
        Log::open(&config.log, config.log_level.0).map_err(ServeError::Log)?;
    let server_ref = ServerRef::default();
    config.built_ins = BuiltIns(builtins::all(&server_ref, &config.host));
    let menu = config.table(None)?;
    // No other server, and no verb of `topsided`, may change the state under this one, wherever its socket is.
    let state = ServerLock::of_state(&config.state)?;
    let clock = Clock::open(&config.state);
    if let Err(error) = clock.save() {
        tracing::dispatcher::with_default(&dispatch, || {
            tracing::warn!(target: "topside", %error, "the newest time is not written down");
        });
    }
    let keys = Keys::open(&config.state)?;
    let metrics = metrics::listen(config.metrics)?;
    let files = RuntimeFiles::new(listeners.local, state, stop.handles_signals());
    let (server, port) = tracing::dispatcher::with_default(&dispatch, || {
        config.limits.max_sessions = max_sessions(&config.limits)
            .map_err(|TooFewDescriptors(most)| ServeError::Descriptors(most))?;
        let stored = Stored::open(&config, keys)?;
        let server = Server::new(config, menu, stored, clock, files.local(), log, dispatch.clone());
        server_ref.set(&server);
        tcp::attach(&server);
        #[cfg(feature = "hub")]
        fleet::restore(&server);
        let port = server.prepare_tcp()?;
        Ok::<_, ServeError>((server, port))
    })?;
    Ok(server.run(files, port, metrics, stop).with_subscriber(dispatch).await)
}

impl Stored {
    pub(crate) fn open(config: &Config, keys: Keys) -> Result<Self, ServeError> {
        blocking::reserve().map_err(ServeError::Reserve)?;
        let boot_id = boot_id();
        let audit = Audit::open(&config.state, Some(boot_id.clone())).map_err(ServeError::Audit)?;
        let audit = Arc::new(audit);
        let notify = Notifications::open(
            &config.state,
            config.naming.box_name(),
            boot_id.clone(),
            config.notify_rules(),
            config.notify_pace,
        );
        let notify = Arc::new(notify);
        let hooks = Hooks::start(Arc::clone(&audit), Arc::clone(&notify), &config.state);
        let hooks = hooks.map_err(ServeError::Reserve)?;
        let hooks = Arc::new(hooks);
        let hook_timeout = config.limits.hook_timeout;
        let box_hooks = Arc::new(BoxHooks::new(config.state.clone(), Arc::clone(&hooks)));
        let files = Files::new(&config.state);
        files.clean_uploads();
        let at_start = {
            let (box_hooks, settings) = (Arc::clone(&box_hooks), config.hooks.clone());
            let files = files.clone();
            move || {
                // By now the `safe_state` programs of lost runs have ended, which may use theirs.
                files.clean_runs();
                box_hooks.at_start(&settings)
            }
        };
        let history = History::open(
            &config.state,
            config.runs,
            hook_timeout,
            Arc::clone(&audit),
            Arc::clone(&hooks),
            Arc::clone(&notify),
            Box::new(at_start),
        )?;
        Ok(Self { keys, history, files, audit, hooks, box_hooks, notify, boot_id })
    }
}

impl Server {
    /// Binds the TCP port if a key, an invite or a person of a fleet is accepted; otherwise the first of them does that.
    fn prepare_tcp(&self) -> Result<Option<BoundPort>, OpenError> {
        let never =
            self.now().config.listen.as_ref().is_none_or(|listen| listen.addresses.is_empty());
        if never || !self.keys.admits_any() {
            return Ok(None);
        }
        self.tcp.prepare(&self.keys)
    }

    /// Serves until it is stopped, then ends every session and returns.
    async fn run(
        self: &Arc<Self>,
        mut files: RuntimeFiles,
        port: Option<BoundPort>,
        metrics: Option<metrics::Listener>,
        stop: Stop,
    ) -> Ended {
        for remark in &self.now().config.remarks {
            tracing::info!(target: "topside", "{remark}");
        }
        tracing::info!(
            target: "topside", version = self.info.version, address = self.socket,
            commands = self.now().menu.len(), "server started"
        );
        self.note(AuditAction::ServerStarted, format!("version {}", self.info.version));
        if let Some(was_due) = &self.shutdown_was_due {
            let result = format!("was due {}, by {}", was_due.deadline, was_due.by);
            self.note(AuditAction::ServerShutdown, result);
        }
        self.report_reboot();
        if let Some(ready) = port
            && let Err(error) = self.tcp.open(&self.tasks, &self.keys, ready)
        {
            tracing::error!(target: "topside", %error, "TCP stays closed");
        }
        self.spawn(advertise::run(Arc::clone(self)));
        #[cfg(feature = "hub")]
        self.spawn(hub::run(Arc::clone(self)));
        if let Some(listener) = &metrics {
            // Set only here.
            let _ = self.metrics.set(listener.address);
        }
        let now = self.now();
        let pool = now.menu.worker_pool();
        pool.start(&self.runs.history, &self.worker_services(), |life| self.spawn(life));
        self.spawn(runs_after_workers(Arc::clone(self)));
        // These run until the end of the shutdown.
        let supervisor = now.config.supervisor.clone();
        drop(now);
        let mut beside = pin!(
            join5(
                metrics::serve(self, metrics),
                supervisor.report(&self.shutdown, || self.status()),
                sampler::run(self),
                self.runs.files.expire_unused(|| self.now().config.files.keep_unused),
                self.send_notifications()
            )
            .map(drop)
        );
        let plan = tokio::select! {
            () = files.serve(self) => unreachable!("accepting goes on for ever"),
            () = self.events.publish(&self.clients, &self.log) => unreachable!("publishing goes on for ever"),
            () = expiry::watch(&self.keys, &self.clients, &self.clock, |row| self.key_expired(row), async || self.save_seen().await) => unreachable!("watching goes on for ever"),
            () = self.schedules.run() => unreachable!("schedules go on for ever"),
            () = reload::reload_on_request(self, &stop) => unreachable!("listening goes on for ever"),
            () = &mut beside => unreachable!("all go on for ever"),
            plan = wait_until_due(self) => plan,
            plan = stop.requested() => {
                let by = By::named(plan.by.clone());
                self.audit.note_ahead(Entry::new(by, AuditAction::ServerShutdown, "server")).await;
                self.shutdown.begin(&plan);
                plan
            }
            () = self.box_hooks.refused() => {
                let reason = "a hook failed at the start, and `required` is set".to_owned();
                let options = ShutdownOptions { reason, ..ShutdownOptions::default() };
                let plan = Plan::new(Duration::ZERO, self.info.name.clone(), options);
                self.shutdown.begin(&plan);
                plan
            }
            () = stop.at_once_requested() => return self.end_at_once(),
        };
        shutdown_record::remove(&self.now().config.state);
        // No connection is accepted from here on; the locks stay until everything has ended.
        self.tcp.close();
        let _locks = files.close();
        tokio::select! {
            ended = self.end(&plan, &stop) => ended,
            () = &mut beside => unreachable!("all go on for ever"),
        }
    }

    /// Reports the reboot or power off that the server before this one began.
    fn report_reboot(&self) {
        let (Some(last), true) = &self.last_reboot else { return };
        let words = last.words();
        match last.done {
            true => tracing::info!(target: "topside", by = last.by, "{words}"),
            false => tracing::error!(target: "topside", by = last.by, "{words}"),
        }
        let entry = Entry::new(By::server(), box_power::action(last.then), "box").result(words);
        self.audit.note(entry);
    }

    /// Sends notifications, for ever, once the processes that a killed server left have ended.
    async fn send_notifications(&self) {
        if let Ok(instance) = self.runs.history.instance().await {
            self.notify.set_instance(instance);
        }
        tokio::join!(self.notify.run(), self.notify.send_heartbeats());
    }

    fn status(&self) -> String {
        let count = |count: usize, what: &str| {
            let plural = if count == 1 { "" } else { "s" };
            format!("{count} {what}{plural}")
        };
        let (clients, runs) = (self.clients.count(), self.runs.count());
        format!("{}, {}", count(clients, "client"), count(runs, "run"))
    }

    /// Saves when each key was last used, and the known sources.
    fn key_expired(&self, row: &KeyRow) {
        self.events.keys_changed(row, None);
        self.runs.recheck_approvals();
    }

    async fn save_seen(self: &Arc<Self>) {
        let save = |server: &Self| (server.keys.save_seen().err(), server.tcp.save_known().err());
        let Ok((keys, sources)) = self.blocking(save).await else { return };
        if let Some(error) = keys {
            tracing::warn!(target: "topside", %error, "when keys came in is not written down");
        }
        if let Some(error) = sources {
            tracing::warn!(target: "topside", %error, "from where keys came in is not written down");
        }
    }

    fn note(&self, action: AuditAction, result: impl Into<String>) {
        self.audit.note(Entry::new(By::server(), action, "server").result(result));
    }
}

/// Lets runs start once the workers of a killed server are made safe, or that has taken longer than a hook may.
async fn runs_after_workers(server: Arc<Server>) {
    // Before that no worker starts.
    let _ = server.runs.history.instance().await;
    report_removed_workers(&server).await;
    let now = server.now();
    let limit = now.config.limits.hook_timeout.unwrap_or(FOR_EVER);
    if tokio::time::timeout(limit, now.menu.worker_pool().made_safe()).await.is_err() {
        tracing::error!(
            target: "topside",
            "a worker has not called its safe_state in time after the server was killed; runs start all the same"
        );
    }
    server.runs.workers_are_safe();
}

/// Reports each worker that an earlier server left without its safe state, and for which the menu has no function any more.
async fn report_removed_workers(server: &Arc<Server>) {
    let remove = |server: &Server| {
        let now = server.now();
        let pool = now.menu.worker_pool();
        server.hooks.workers.remove_uncallable(|worker| pool.has_safe_state(worker))
    };
    let Ok(removed) = server.blocking(remove).await else { return };
    for (worker, functions) in removed {
        let failure = format!(
            "the safe state of worker {worker} may not have been reached: the worker did not end in order under an earlier \
             server, and the menu does not have the worker or its `safe_state` any more, so nothing is called. Check what \
             it controls"
        );
        tracing::error!(target: "topside", worker, "{failure}");
        let owner = HookOwner::Worker(worker);
        server.audit.note(owner.entry(functions).result(format!("failed: {failure}")));
        server.hooks.report_failure(&owner, &failure);
    }
}

/// 16 hex digits that are new at each start.
fn boot_id() -> String {
    let number = random::bytes().map_or_else(
        || {
            u64::try_from(Time::now().as_millis()).unwrap_or_default()
                ^ u64::from(std::process::id())
        },
        u64::from_le_bytes,
    );
    format!("{number:016x}")
}
