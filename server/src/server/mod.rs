//! A running server: what all its sessions share, and its life from the first connection to the last.

pub(crate) mod alerts;
pub(crate) mod runtime_files;
mod shutdown_sequence;

use std::collections::HashMap;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::join;
use rustix::rand::{GetRandomFlags, getrandom};
use tokio::sync::Notify;
use tokio::time::Instant;
use topside_shared::methods::{ListenAddress, ServerInfo};
use topside_shared::notifications::Closing;
use topside_shared::{ErrorKind, RpcError, Time};

use crate::ServeError;
use crate::admission::tcp_port;
use crate::admission::tcp_port::{OpenError, TcpPort};
use crate::audit::Audit;
use crate::audit::entry::{By, Entry};
use crate::base::blocking::blocking;
use crate::base::clock::Clock;
use crate::base::counters::Counters;
use crate::base::log::Log;
use crate::base::shutdown::{Shutdown, Stop};
use crate::base::tasks::Tasks;
use crate::base::{platform, shutdown_record};
use crate::clients::registry::Registry;
use crate::config::Config;
use crate::config::active_config::{ActiveConfig, Loaded};
use crate::events::Events;
use crate::history::History;
use crate::hooks::Hooks;
use crate::keys::{Keys, expiry};
use crate::menu::Table;
use crate::net::local_socket::LocalListener;
use crate::net::port_mapping::router_address::RouterAddress;
use crate::operations::reload;
use crate::operations::shutdown;
use crate::runs::Runs;
use crate::serve::{advertise, metrics};
use crate::server::runtime_files::RuntimeFiles;

/// What stands for no limit where times are added up.
const FOR_EVER: Duration = Duration::from_secs(u32::MAX as u64);
/// How long sessions have at least to end when the server does.
const GOODBYE: Duration = Duration::from_secs(2);

/// What all sessions share.
#[derive(Debug)]
pub(crate) struct Server {
    in_force: ActiveConfig,
    /// Held while the files are read again.
    pub(crate) reloading: tokio::sync::Mutex<()>,
    /// Has the files checked that must be there: the socket, lock files, the log.
    pub(crate) check_files: Notify,
    pub(crate) info: ServerInfo,
    pub(crate) started: Instant,
    /// A time that no change of the wall clock moves.
    pub(crate) clock: Clock,
    /// The shutdown that was due when the server before this one was killed.
    pub(crate) shutdown_was_due: Option<Closing>,
    /// The path of the local socket.
    socket: String,
    pub(crate) door: TcpPort,
    pub(crate) keys: Arc<Keys>,
    /// Held by whoever changes the list of keys.
    pub(crate) changing_keys: Arc<tokio::sync::Mutex<()>>,
    pub(crate) reach: RouterAddress,
    /// Where metrics are served.
    metrics: OnceLock<SocketAddr>,
    pub(crate) clients: Arc<Registry>,
    pub(crate) events: Events,
    pub(crate) log: Arc<Log>,
    pub(crate) runs: Runs,
    pub(crate) audit: Arc<Audit>,
    pub(crate) hooks: Arc<Hooks>,
    pub(crate) shutdown: Shutdown,
    pub(crate) counters: Counters,
    pub(crate) users: Users,
    pub(crate) tasks: Tasks,
}

/// How a server ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// It was shut down; the caller may exit.
    Stopped,
    /// It was asked to restart; the caller starts it anew.
    Restart,
    /// It was shut down, but a `safe_state` could not be run; the log names the run, and the next start runs it.
    Pending,
    /// It was ended at once; somebody may not have been told.
    AtOnce,
}

/// What is kept in the state directory.
pub(crate) struct Stored {
    pub(crate) keys: Keys,
    pub(crate) history: History,
    pub(crate) audit: Arc<Audit>,
    pub(crate) hooks: Arc<Hooks>,
    /// Which start of the server its entries name.
    boot_id: String,
}

impl Stored {
    /// Opens it, with these keys.
    ///
    /// # Errors
    /// [`ServeError::Runs`], [`ServeError::Audit`], [`ServeError::Reserve`].
    pub(crate) fn open(config: &Config, keys: Keys) -> Result<Self, ServeError> {
        crate::base::blocking::reserve().map_err(ServeError::Reserve)?;
        let boot_id = boot_id();
        let audit = Audit::open(&config.state, Some(boot_id.clone())).map_err(ServeError::Audit)?;
        let audit = Arc::new(audit);
        let hooks = Hooks::start(Arc::clone(&audit)).map_err(ServeError::Reserve)?;
        let hooks = Arc::new(hooks);
        let hook_timeout = config.limits.hook_timeout;
        let history = History::open(
            &config.state,
            config.runs,
            hook_timeout,
            Arc::clone(&audit),
            Arc::clone(&hooks),
        )?;
        Ok(Self { keys, history, audit, hooks, boot_id })
    }
}

/// Names of users by number; looking one up may read a file each time.
#[derive(Debug, Default)]
pub(crate) struct Users(Mutex<HashMap<u32, String>>);

impl Users {
    pub(crate) fn name(&self, uid: u32) -> String {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.entry(uid).or_insert_with(|| platform::user_name(uid)).clone()
    }
}

impl Server {
    pub(crate) fn new(
        config: Config,
        menu: Table,
        stored: Stored,
        clock: Clock,
        local: &LocalListener,
        log: Arc<Log>,
        dispatch: tracing::Dispatch,
    ) -> Arc<Self> {
        let Stored { keys, history, audit, hooks, boot_id } = stored;
        let dirty = Arc::new(Notify::new());
        let poke = Arc::clone(&dirty);
        log.on_entry(move || poke.notify_one());
        let door = TcpPort::new(config.listen.clone(), config.state.clone(), &config.limits);
        let server = Arc::new(Self {
            info: ServerInfo {
                name: "topsided".into(),
                version: env!("CARGO_PKG_VERSION").into(),
                hostname: platform::hostname(),
                boot_id,
                started_at: Time::now(),
            },
            started: Instant::now(),
            clock,
            shutdown_was_due: shutdown_record::read(&config.state),
            socket: local.path().display().to_string(),
            door,
            keys: Arc::new(keys),
            changing_keys: Arc::default(),
            reach: RouterAddress::default(),
            metrics: OnceLock::new(),
            clients: Arc::new(Registry::new(Arc::clone(&dirty))),
            events: Events::new(dirty),
            log,
            runs: Runs::new(history),
            audit,
            hooks,
            shutdown: Shutdown::default(),
            counters: Counters::default(),
            users: Users::default(),
            tasks: Tasks::new(dispatch),
            in_force: ActiveConfig::new(config, menu),
            reloading: tokio::sync::Mutex::default(),
            check_files: Notify::new(),
        });
        alerts::connect(&server);
        server
    }

    /// The configuration and the menu that are in force.
    pub(crate) fn now(&self) -> Arc<Loaded> {
        self.in_force.get()
    }

    /// The path of the local socket.
    pub(crate) fn socket(&self) -> &std::path::Path {
        self.socket.as_ref()
    }

    /// Puts others in their place.
    pub(crate) fn put_in_force(&self, next: Loaded) {
        self.in_force.set(next);
    }

    /// Starts a task of this server; it ends with the server at the latest.
    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.tasks.spawn(task);
    }

    /// Does what blocks for the disk where nobody is kept waiting by it. What has begun is done whole,
    /// whoever goes away meanwhile.
    ///
    /// # Errors
    /// `internal`, where it panicked.
    pub(crate) async fn blocking<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&Self) -> T + Send + 'static,
    ) -> Result<T, RpcError> {
        let server = Arc::clone(self);
        let work =
            move || tracing::dispatcher::with_default(&server.tasks.dispatch(), || work(&server));
        let done = blocking(work).await;
        done.map_err(|error| RpcError::new(ErrorKind::Internal, error))
    }

    /// The answer where a task ended before it told the result: a shutdown ended it, or it panicked.
    pub(crate) fn interrupted(&self, what: &str) -> RpcError {
        if self.shutdown.has_begun() {
            return RpcError::new(ErrorKind::Closing, "the server is shutting down");
        }
        RpcError::new(
            ErrorKind::Internal,
            format_args!("{what} was interrupted by a fault of the server; see its log"),
        )
    }

    /// Prepares the door if somebody may come in by it; otherwise the first invite does that.
    ///
    /// # Errors
    /// [`OpenError`]; a server to which nobody was invited has none.
    pub(crate) fn prepare_door(&self) -> Result<Option<tcp_port::BoundPort>, OpenError> {
        let never =
            self.now().config.listen.as_ref().is_none_or(|listen| listen.addresses.is_empty());
        if never || self.keys.count() == (0, 0) {
            return Ok(None);
        }
        self.door.prepare(&self.keys)
    }

    /// Serves until it is told to stop, then ends every session and returns.
    pub(crate) async fn run(
        self: &Arc<Self>,
        mut files: RuntimeFiles,
        door: Option<tcp_port::BoundPort>,
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
        self.note("server/started", format!("version {}", self.info.version));
        if let Some(was_due) = &self.shutdown_was_due {
            let result = format!("was due {}, by {}", was_due.deadline, was_due.by);
            self.note("server/shutdown", result);
        }
        if let Some(ready) = door
            && let Err(error) = self.door.open(self, ready)
        {
            tracing::error!(target: "topside", %error, "TCP stays closed");
        }
        self.spawn(advertise::run(Arc::clone(self)));
        if let Some(listener) = &metrics {
            // Nobody else sets it.
            let _ = self.metrics.set(listener.address);
        }
        let now = self.now();
        let staff = now.menu.staff();
        staff.start(&self.runs.history, &self.audit, |life| self.spawn(life));
        // These two go on until the end is over.
        let supervisor = now.config.supervisor.clone();
        drop(now);
        let mut beside = pin!(
            join(
                metrics::serve(self, metrics),
                supervisor.report(&self.shutdown, || self.status())
            )
            .map(drop)
        );
        let plan = tokio::select! {
            () = files.serve(self) => unreachable!("accepting goes on for ever"),
            () = self.events.publish(&self.clients, &self.log) => unreachable!("publishing goes on for ever"),
            () = expiry::watch(&self.keys, &self.clients, &self.clock, async || self.save_seen().await) => unreachable!("watching goes on for ever"),
            () = reload::whenever(self, &stop) => unreachable!("listening goes on for ever"),
            () = &mut beside => unreachable!("both go on for ever"),
            plan = shutdown::wait_until_due(self) => plan,
            plan = stop.wanted() => {
                let by = By::named(plan.by.clone());
                self.audit.note_ahead(Entry::new(by, "server/shutdown", "server")).await;
                self.shutdown.begin(&plan);
                plan
            }
            () = stop.wanted_at_once() => return self.end_at_once(),
        };
        shutdown_record::remove(&self.now().config.state);
        // No new connection from here on; the locks stay until everything has ended.
        self.door.close();
        let _locks = files.close();
        tokio::select! {
            ended = self.end(&plan, &stop) => ended,
            () = &mut beside => unreachable!("both go on for ever"),
        }
    }

    /// How many clients and runs there are, in a few words.
    fn status(&self) -> String {
        let count = |count: usize, what: &str| {
            let plural = if count == 1 { "" } else { "s" };
            format!("{count} {what}{plural}")
        };
        let (clients, runs) = (self.clients.count(), self.runs.count());
        format!("{}, {}", count(clients, "client"), count(runs, "run"))
    }

    /// Saves when each key was last used, and from which sources.
    async fn save_seen(self: &Arc<Self>) {
        let save = |server: &Self| (server.keys.save_seen().err(), server.door.save_known().err());
        let Ok((keys, sources)) = self.blocking(save).await else { return };
        if let Some(error) = keys {
            tracing::warn!(target: "topside", %error, "when keys came in is not written down");
        }
        if let Some(error) = sources {
            tracing::warn!(target: "topside", %error, "from where keys came in is not written down");
        }
    }

    /// Records what the server itself has done.
    fn note(&self, action: &'static str, result: impl Into<String>) {
        self.audit.note(Entry::new(By::server(), action, "server").result(result));
    }

    /// Where the server listens now, and where the router does for it.
    pub(crate) fn listening(&self) -> Vec<ListenAddress> {
        let local = ListenAddress { transport: "unix".into(), address: self.socket.clone() };
        let opened = self.door.opened();
        let addresses = opened.iter().flat_map(|opened| &opened.addresses);
        let tcp = addresses
            .map(|address| ListenAddress { transport: "tls".into(), address: address.to_string() });
        let router = self.reach.outside().map(|outside| ListenAddress {
            transport: "router".into(),
            address: SocketAddr::new(outside.address, outside.port).to_string(),
        });
        let metrics = self.metrics.get().map(|address| ListenAddress {
            transport: "http".into(),
            address: address.to_string(),
        });
        std::iter::once(local).chain(tcp).chain(router).chain(metrics).collect()
    }

    /// Sends one notice to everybody who takes notices; how many that are.
    pub(crate) fn tell(&self, line: &bytes::Bytes) -> u64 {
        let mut told = 0;
        for client in self.clients.all() {
            if client.notices.load(Ordering::Relaxed) && !client.outbox.is_over() {
                client.outbox.push(line.clone());
                told += 1;
            }
        }
        told
    }
}

/// 16 hex digits that differ at each start.
fn boot_id() -> String {
    let mut bytes = [0; 8];
    // Asking for so few bytes fails only before the system's generator is ready.
    let random = getrandom(&mut bytes, GetRandomFlags::empty());
    let number = match random {
        Ok(count) if count == bytes.len() => u64::from_le_bytes(bytes),
        _ => {
            u64::try_from(Time::now().as_millis()).unwrap_or_default()
                ^ u64::from(std::process::id())
        }
    };
    format!("{number:016x}")
}
