//! A server inside this process, for a machine where none runs: the same library as `topsided`, on the user's own socket,
//! never on the network. It has its own thread and runtime. When this program ends, it shuts down in order and every
//! client gets the reason.

use std::io;
use std::sync::mpsc::{Receiver, Sender, TryRecvError, channel};
use std::time::Duration;

use topside_server::{
    Config, ConfigError, Ended, ListenError, Listeners, ServeError, Stop, prepare_process, serve,
};
use topside_shared::dirs::{Dirs, DirsError};

use crate::connect::{ConnectError, Hello, Session, Target, connect};

/// The reason that every client gets when this program ends.
const REASON: &str = "the program that held the server was closed";
/// What is allowed beyond the server's own time limit for an orderly end.
const MARGIN: Duration = Duration::from_secs(5);
const AT_ONCE: Duration = Duration::from_secs(2);

#[derive(Debug, thiserror::Error)]
pub(crate) enum StartError {
    #[error(transparent)]
    NoDirs(#[from] DirsError),
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(transparent)]
    Listen(#[from] ListenError),
    #[error(transparent)]
    Serve(#[from] ServeError),
    /// The system gave it no thread or runtime.
    #[error("a server cannot be started in this process: {0}")]
    Thread(#[source] io::Error),
}
impl StartError {
    /// Whether another server has started meanwhile, which can be connected to.
    pub(crate) fn is_served_already(&self) -> bool {
        matches!(
            self,
            Self::Listen(ListenError::AlreadyServed { .. })
                | Self::Serve(ServeError::State(ListenError::StateInUse { .. }))
        )
    }
}

#[derive(Debug, thiserror::Error)]
pub(crate) enum ReachError {
    #[error(transparent)]
    Connect(#[from] ConnectError),
    #[error(transparent)]
    Start(#[from] StartError),
}

/// Connects to the server of this machine. Where none runs, starts one inside this process first and leaves it in
/// `started`, even if the connection fails.
pub(crate) async fn connect_or_start(
    target: &Target,
    hello: &Hello,
    started: &mut Option<Embedded>,
) -> Result<Session, ReachError> {
    match connect(target, hello).await {
        Err(ConnectError::NoServer { .. }) => {}
        connected => return Ok(connected?),
    }
    // Reading its files may take a moment, so it runs on another thread.
    let starting = tokio::task::spawn_blocking(Embedded::start).await;
    match starting.unwrap_or_else(|error| Err(StartError::Thread(error.into()))) {
        Ok(embedded) => *started = Some(embedded),
        // Another server was started meanwhile: that one does as well.
        Err(error) if error.is_served_already() => {}
        Err(error) => return Err(error.into()),
    }
    // The server may have recorded another socket meanwhile.
    let found = Dirs::from_env().map(|dirs| Target::Local(dirs.local_server()));
    Ok(connect(found.as_ref().unwrap_or(target), hello).await?)
}

/// The server of this process. Dropping it ends it at once; [`Embedded::stop`] ends it in order.
#[derive(Debug)]
pub(crate) struct Embedded {
    stop: Stop,
    ended: Receiver<()>,
    /// How long an orderly shutdown may take.
    patience: Duration,
}

impl Embedded {
    /// Starts a server as the environment and the files say. It listens when this returns, after some milliseconds.
    pub(crate) fn start() -> Result<Self, StartError> {
        prepare_process();
        let dirs = Dirs::from_env()?;
        let config = load(&dirs)?;
        let patience = config.limits.shutdown_timeout.map_or(Duration::MAX, |limit| limit + MARGIN);
        let stop = Stop::new();
        let (report, started) = channel();
        let (alive, ended) = channel();
        let server_stop = stop.clone();
        std::thread::Builder::new()
            .name("server".to_owned())
            .spawn(move || {
                // Dropped at the end of the thread, which disconnects `ended`.
                let _alive = alive;
                run(&dirs, config, &server_stop, &report);
            })
            .map_err(StartError::Thread)?;
        let nothing_reported = |_| {
            Err(StartError::Thread(io::Error::other("it ended before it accepted connections")))
        };
        started.recv().unwrap_or_else(nothing_reported)?;
        Ok(Self { stop, ended, patience })
    }

    /// A handle that can end the server while [`Embedded::stop`] waits.
    pub(crate) fn stop_handle(&self) -> Stop {
        self.stop.clone()
    }

    /// Whether the server has ended, by the command `shutdown` or otherwise.
    pub(crate) fn has_ended(&self) -> bool {
        matches!(self.ended.try_recv(), Err(TryRecvError::Disconnected))
    }

    /// Ends it in order: every client gets the reason, runs are ended, the socket's file is removed. Blocks until then,
    /// but not beyond the time limit.
    pub(crate) fn stop(self) {
        let user = std::env::var("USER").unwrap_or_else(|_| "its own user".to_owned());
        self.stop.in_order(REASON, user);
        self.wait(self.patience);
        // Dropping it ends what is left.
    }

    fn wait(&self, patience: Duration) {
        if patience == Duration::MAX {
            let _ = self.ended.recv();
        } else {
            let _ = self.ended.recv_timeout(patience);
        }
    }
}

/// The server's thread. Reports to `started` whether the server accepts connections, and ends with the server.
fn run(dirs: &Dirs, config: Config, stop: &Stop, started: &Sender<Result<(), StartError>>) {
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            let _ = started.send(Err(StartError::Thread(error)));
            return;
        }
    };
    if let Err(error) = runtime.block_on(serve_to_end(dirs, config, stop, started)) {
        // Reaches `start` only before the server has accepted connections; later errors are in the server's log.
        let _ = started.send(Err(error));
    }
    runtime.shutdown_background();
}

async fn serve_to_end(
    dirs: &Dirs,
    config: Config,
    stop: &Stop,
    started: &Sender<Result<(), StartError>>,
) -> Result<(), StartError> {
    let listeners = Listeners::local(&dirs.socket(), config.local.is_open())?;
    // The socket takes connections from here on.
    let serving = serve(listeners, config, stop.clone());
    tokio::pin!(serving);
    // An error before the first connection is an error of starting.
    let early = tokio::select! {
        biased;
        ended = &mut serving => Some(ended),
        () = tokio::task::yield_now() => None,
    };
    let mut ended = match early {
        Some(ended) => ended?,
        None => {
            let _ = started.send(Ok(()));
            serving.await?
        }
    };
    while matches!(ended, Ended::Restart) {
        let config = load(dirs)?;
        let listeners = Listeners::local(&dirs.socket(), config.local.is_open())?;
        ended = serve(listeners, config, stop.clone()).await?;
    }
    Ok(())
}

/// The configuration, without TCP: a server that ends with a screen serves the same machine only.
fn load(dirs: &Dirs) -> Result<Config, StartError> {
    let mut config = Config::load(dirs, None, None)?;
    config.listen = None;
    config.metrics.listen = None;
    Ok(config)
}

impl Drop for Embedded {
    fn drop(&mut self) {
        if !self.has_ended() {
            self.stop.at_once();
            self.wait(AT_ONCE);
        }
    }
}
