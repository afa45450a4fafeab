//! The state that all sessions of a server share.

mod agent_rate;
pub(crate) mod alerts;

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::Ordering;
use std::sync::{Arc, OnceLock, Weak};

use bytes::Bytes;
use tokio::sync::{Notify, oneshot};
use tokio::time::Instant;
use topside_shared::after_shutdown::LastReboot;
use topside_shared::methods::{ListenAddress, ServerInfo};
use topside_shared::notifications::Closing;
use topside_shared::{ErrorKind, RpcError, Time, text};

use crate::admission::tcp_port::TcpPort;
use crate::audit::Audit;
use crate::base::blocking::blocking;
use crate::base::clock::Clock;
use crate::base::counters::Counters;
use crate::base::log::Log;
use crate::base::mutex::Mutex;
use crate::base::samples::Samples;
use crate::base::shutdown::Shutdown;
use crate::base::tasks::Tasks;
use crate::base::{box_boot, platform, reboot_record, shutdown_record};
use crate::clients::Client;
use crate::clients::registry::Registry;
use crate::config::Config;
use crate::config::active_config::{ActiveConfig, Loaded};
use crate::events::Events;
use crate::files::Files;
use crate::history::History;
use crate::hooks::Hooks;
use crate::hooks::box_hooks::BoxHooks;
use crate::keys::Keys;
use crate::menu::Table;
use crate::net::hub_link::{HubLink, HubState};
use crate::net::local_socket::LocalListener;
use crate::net::port_mapping::router_address::RouterAddress;
use crate::notify::Notifications;
use crate::runs::{Runs, Services};
use crate::schedules::Schedules;
use crate::server::agent_rate::AgentRate;
use crate::workers::WorkerServices;

#[derive(Debug)]
pub(crate) struct Server {
    active_config: Arc<ActiveConfig>,
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
    /// The last reboot with a result, and whether that is news.
    pub(crate) last_reboot: (Option<LastReboot>, bool),
    pub(crate) socket: String,
    pub(crate) tcp: TcpPort,
    pub(crate) hub: HubLink,
    pub(crate) keys: Arc<Keys>,
    /// Held while the list of keys is changed.
    pub(crate) changing_keys: Arc<tokio::sync::Mutex<()>>,
    pub(crate) router_address: RouterAddress,
    pub(crate) metrics: OnceLock<SocketAddr>,
    pub(crate) clients: Arc<Registry>,
    pub(crate) events: Arc<Events>,
    pub(crate) log: Arc<Log>,
    pub(crate) runs: Arc<Runs>,
    pub(crate) schedules: Arc<Schedules>,
    pub(crate) audit: Arc<Audit>,
    pub(crate) hooks: Arc<Hooks>,
    pub(crate) box_hooks: Arc<BoxHooks>,
    pub(crate) notify: Arc<Notifications>,
    pub(crate) shutdown: Arc<Shutdown>,
    pub(crate) counters: Arc<Counters>,
    pub(crate) samples: Samples,
    pub(crate) users: Users,
    pub(crate) agent_rate: AgentRate,
    pub(crate) tasks: Tasks,
}

/// A reference to a server, for the built-ins, which are there before it.
#[derive(Debug, Clone, Default)]
pub(crate) struct ServerRef(Arc<OnceLock<Weak<Server>>>);

impl ServerRef {
    /// Only the first call has an effect.
    pub(crate) fn set(&self, server: &Arc<Server>) {
        let _ = self.0.set(Arc::downgrade(server));
    }

    /// The server. A session calls this, and sessions keep their server.
    pub(crate) fn get(&self) -> Arc<Server> {
        let server = self.0.get().and_then(Weak::upgrade);
        server.unwrap_or_else(|| unreachable!("a built-in is called by a session of its server"))
    }
}

/// How a server ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// It was shut down; the caller may exit.
    Stopped,
    /// It was asked to restart; the caller starts it again.
    Restart,
    /// It was shut down, but a `safe_state` could not be run, or a hook of the box failed; the log names it, and the next
    /// start runs it.
    Pending,
    /// It was ended at once; clients may not have been notified.
    AtOnce,
}

/// What is kept in the state directory.
pub(crate) struct Stored {
    pub(crate) keys: Keys,
    pub(crate) history: History,
    pub(crate) files: Files,
    pub(crate) audit: Arc<Audit>,
    pub(crate) hooks: Arc<Hooks>,
    pub(crate) box_hooks: Arc<BoxHooks>,
    pub(crate) notify: Arc<Notifications>,
    /// Which start of the server its entries name.
    pub(crate) boot_id: String,
}

/// Names of users by number; looking one up may read a file each time.
#[derive(Debug, Default)]
pub(crate) struct Users(Mutex<HashMap<u32, String>>);

impl Users {
    pub(crate) fn name(&self, uid: u32) -> String {
        let mut known = self.0.lock();
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
        let Stored { keys, history, files, audit, hooks, box_hooks, notify, boot_id } = stored;
        let dirty = Arc::new(Notify::new());
        let poke = Arc::clone(&dirty);
        log.on_entry(move || poke.notify_one());
        let box_name = config.naming.box_name();
        let tcp = TcpPort::new(config.listen.clone(), config.state.clone(), &config.limits);
        let shutdown_was_due = shutdown_record::read(&config.state);
        let box_boot_id = box_boot::boot_id(&config.figures_root);
        let last_reboot = reboot_record::finish(&config.state, box_boot_id.as_deref(), Time::now());
        let keys = Arc::new(keys);
        let clients = Arc::new(Registry::new(Arc::clone(&dirty)));
        let events = Arc::new(Events::new(dirty));
        let counters = Arc::<Counters>::default();
        let shutdown = Arc::<Shutdown>::default();
        let tasks = Tasks::new(dispatch);
        let active_config = Arc::new(ActiveConfig::new(config, menu));
        let services = Services {
            audit: Arc::clone(&audit),
            hooks: Arc::clone(&hooks),
            notify: Arc::clone(&notify),
            events: Arc::clone(&events),
            clients: Arc::clone(&clients),
            keys: Arc::clone(&keys),
            counters: Arc::clone(&counters),
            shutdown: Arc::clone(&shutdown),
            config: Arc::clone(&active_config),
            tasks: tasks.clone(),
        };
        let runs = Arc::new(Runs::new(history, files, services));
        let schedules = Arc::new(Schedules::new(
            Arc::clone(&runs),
            Arc::clone(&active_config),
            Arc::clone(&events),
            Arc::clone(&audit),
            Arc::clone(&notify),
            clock.clone(),
        ));
        let server = Arc::new(Self {
            info: ServerInfo {
                name: "topsided".into(),
                version: env!("CARGO_PKG_VERSION").into(),
                hostname: box_name,
                boot_id,
                started_at: Time::now(),
                box_boot_id,
                pin: None,
            },
            started: Instant::now(),
            clock,
            shutdown_was_due,
            last_reboot,
            socket: local.path().display().to_string(),
            tcp,
            hub: HubLink::default(),
            keys,
            changing_keys: Arc::default(),
            router_address: RouterAddress::default(),
            metrics: OnceLock::new(),
            clients,
            events,
            log,
            runs,
            schedules,
            audit,
            hooks,
            box_hooks,
            notify,
            shutdown,
            counters,
            samples: Samples::default(),
            users: Users::default(),
            agent_rate: AgentRate::default(),
            tasks,
            active_config,
            reloading: tokio::sync::Mutex::default(),
            check_files: Notify::new(),
        });
        alerts::connect(&server);
        server
    }

    pub(crate) fn now(&self) -> Arc<Loaded> {
        self.active_config.get()
    }

    /// What workers use, as the configuration is now.
    pub(crate) fn worker_services(&self) -> WorkerServices {
        let (audit, hooks) = (Arc::clone(&self.audit), Arc::clone(&self.hooks));
        WorkerServices { audit, hooks, limit: self.now().config.limits.hook_timeout }
    }

    pub(crate) fn socket(&self) -> &std::path::Path {
        self.socket.as_ref()
    }

    pub(crate) fn activate(&self, next: Loaded) {
        self.active_config.set(next);
    }

    /// Starts a task of this server; it ends with the server at the latest.
    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.tasks.spawn(task);
    }

    /// Does work that blocks for the disk on another thread. It is not interrupted when its caller leaves.
    ///
    /// # Errors
    /// `internal` after a panic.
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

    /// Does work that must not stop half-way when its caller leaves.
    ///
    /// # Errors
    /// Those of the work; `closing` or `internal` where it was interrupted.
    pub(crate) async fn finish<T: Send + 'static>(
        &self,
        what: &str,
        work: impl Future<Output = Result<T, RpcError>> + Send + 'static,
    ) -> Result<T, RpcError> {
        let (sender, result) = oneshot::channel();
        self.spawn(async move {
            // The caller may have left.
            let _ = sender.send(work.await);
        });
        result.await.unwrap_or_else(|_| Err(self.shutdown.interrupted(what)))
    }

    /// Host and port that invites name for the internet: those of `[router]`, or those that the router has given.
    pub(crate) fn internet_address(&self, own_port: u16) -> Option<(String, u16)> {
        self.named_address(own_port).or_else(|| self.router_address.for_invites())
    }

    /// Host and port of `[router]`.
    fn named_address(&self, own_port: u16) -> Option<(String, u16)> {
        let mapped = self.router_address.outside().map(|outside| outside.port);
        self.now().config.router.internet_address(mapped, own_port)
    }

    /// Where the server listens now, and where the router does for it.
    pub(crate) fn listening(&self) -> Vec<ListenAddress> {
        let local = ListenAddress { transport: "unix".into(), address: self.socket.clone() };
        let opened = self.tcp.opened();
        let addresses = opened.iter().flat_map(|opened| &opened.addresses);
        let tcp = addresses
            .map(|address| ListenAddress { transport: "tls".into(), address: address.to_string() });
        let named = opened.as_ref().and_then(|opened| self.named_address(opened.port()));
        let outside = self.router_address.outside();
        let outside = outside.map(|outside| (outside.address.to_string(), outside.port));
        let router = named.or(outside).map(|(host, port)| ListenAddress {
            transport: "router".into(),
            address: text::host_port(&host, port),
        });
        let hub = match self.hub.state() {
            HubState::Listening(address) => {
                Some(ListenAddress { transport: "hub".into(), address })
            }
            HubState::None | HubState::Away => None,
        };
        let metrics = self.metrics.get().map(|address| ListenAddress {
            transport: "http".into(),
            address: address.to_string(),
        });
        std::iter::once(local).chain(tcp).chain(router).chain(hub).chain(metrics).collect()
    }

    /// Sends a notice to each client that takes notices; returns how many.
    pub(crate) fn tell(&self, line: &Bytes) -> u64 {
        self.tell_those(line, |_| true)
    }

    /// The same for the clients that `wanted` selects.
    fn tell_those(&self, line: &Bytes, wanted: impl Fn(&Client) -> bool) -> u64 {
        let mut sent = 0;
        for client in self.clients.all() {
            let takes_it = client.notices.load(Ordering::Relaxed) && !client.outbox.is_ending();
            if takes_it && wanted(&client) {
                client.outbox.push(line.clone());
                sent += 1;
            }
        }
        sent
    }
}
