//! A server inside this process, for a machine where none runs: the same library as `topsided`, on
//! the user's own socket, never on the network. It has a thread and a runtime of its own, and ends
//! in order with this program: whoever else is connected is told.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

use topside_server::{
    Config, ConfigError, Ended, ListenError, Listeners, ServeError, Stop, prepare_process, serve,
};
use topside_shared::dirs::{Dirs, DirsError};

use crate::connect::{ConnectError, Hello, Session, Target, connect};

/// What everybody connected is told when this program ends.
const REASON: &str = "the program that held the server was closed";
/// What is allowed beyond the server's own time limit for an orderly end.
const MARGIN: Duration = Duration::from_secs(5);
/// How long ending at once may take.
const AT_ONCE: Duration = Duration::from_secs(2);

/// Why no server could be started here.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// There is no place for its files.
    #[error(transparent)]
    NoDirs(#[from] DirsError),
    /// Its configuration is wrong; the sentence says where.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// Its socket cannot be served.
    #[error(transparent)]
    Listen(#[from] ListenError),
    /// It did not come up.
    #[error(transparent)]
    Serve(#[from] ServeError),
    /// The system gave it no thread or runtime.
    #[error("a server cannot be started in this process: {0}")]
    Thread(#[source] io::Error),
}

impl StartError {
    /// Whether another server was quicker: connecting is then what is left to do.
    pub fn is_served_already(&self) -> bool {
        matches!(
            self,
            Self::Listen(ListenError::AlreadyServed { .. })
                | Self::Serve(ServeError::State(ListenError::StateInUse { .. }))
        )
    }
}

/// Why there is no session with a server of this machine.
#[derive(Debug, thiserror::Error)]
pub enum ReachError {
    /// One runs, and there is no talking to it.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// None runs, and none could be started.
    #[error(transparent)]
    Start(#[from] StartError),
}

/// Connects to the server of this machine. Where none runs, one is started inside this process first
/// and left in `started`, whatever comes of the connection.
///
/// # Errors
/// [`ReachError`].
pub async fn connect_or_start(
    target: &Target,
    hello: &Hello,
    started: &mut Option<Embedded>,
) -> Result<Session, ReachError> {
    match connect(target, hello).await {
        Err(ConnectError::NoServer { .. }) => {}
        connected => return Ok(connected?),
    }
    // Reading its files may take a moment.
    let starting = tokio::task::spawn_blocking(Embedded::start).await;
    match starting.unwrap_or_else(|error| Err(StartError::Thread(error.into()))) {
        Ok(embedded) => *started = Some(embedded),
        // Another one was quicker: that one is as good.
        Err(error) if error.is_served_already() => {}
        Err(error) => return Err(error.into()),
    }
    // The server may have recorded another socket meanwhile.
    let found = Dirs::from_env().map(|dirs| Target::Local(dirs.local_server()));
    Ok(connect(found.as_ref().unwrap_or(target), hello).await?)
}

/// The server of this process. Dropping it ends it at once; [`Embedded::stop`] is the orderly way.
#[derive(Debug)]
pub struct Embedded {
    socket: PathBuf,
    stop: Stop,
    /// Closed when the server has ended.
    ended: Receiver<()>,
    /// How long an orderly end may take.
    patience: Duration,
}

impl Embedded {
    /// Starts a server as the environment and the files say. It listens when this returns, after some
    /// milliseconds.
    ///
    /// # Errors
    /// [`StartError`].
    pub fn start() -> Result<Self, StartError> {
        prepare_process();
        let dirs = Dirs::from_env()?;
        let config = load(&dirs)?;
        let socket = dirs.socket();
        let patience = config.limits.shutdown_timeout.map_or(Duration::MAX, |limit| limit + MARGIN);
        let stop = Stop::new();
        let (tell_started, started) = channel();
        let (alive, ended) = channel();
        let server = {
            let (socket, stop, again) = (socket.clone(), stop.clone(), stop.clone());
            move || {
                let _alive = alive;
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
                let runtime = match runtime {
                    Ok(runtime) => runtime,
                    Err(error) => {
                        let _ = tell_started.send(Err(StartError::Thread(error)));
                        return;
                    }
                };
                runtime.block_on(async {
                    let listeners = match Listeners::local(&socket, config.local.is_open()) {
                        Ok(listeners) => listeners,
                        Err(error) => {
                            let _ = tell_started.send(Err(error.into()));
                            return;
                        }
                    };
                    // The socket takes connections from here on.
                    let serving = serve(listeners, config, stop);
                    tokio::pin!(serving);
                    // An error before the first connection is one of starting.
                    let early = tokio::select! {
                        biased;
                        ended = &mut serving => Some(ended),
                        () = tokio::task::yield_now() => None,
                    };
                    match early {
                        Some(Err(error)) => {
                            let _ = tell_started.send(Err(error.into()));
                        }
                        Some(Ok(_)) => {}
                        None => {
                            let _ = tell_started.send(Ok(()));
                            let mut ended = serving.await;
                            while matches!(ended, Ok(Ended::Restart)) {
                                ended = match serve_again(&dirs) {
                                    Ok((listeners, config)) => {
                                        serve(listeners, config, again.clone()).await
                                    }
                                    // The log has the server's last words; clients see it gone.
                                    Err(_) => return,
                                };
                            }
                        }
                    }
                });
                runtime.shutdown_background();
            }
        };
        std::thread::Builder::new()
            .name("server".to_owned())
            .spawn(server)
            .map_err(StartError::Thread)?;
        match started.recv() {
            Ok(started) => started?,
            Err(_) => {
                let error = io::Error::other("it ended before it had begun");
                return Err(StartError::Thread(error));
            }
        }
        Ok(Self { socket, stop, ended, patience })
    }

    /// The socket it serves.
    pub fn socket(&self) -> &Path {
        &self.socket
    }

    /// A hand on the server that can end it while somebody else waits in [`Embedded::stop`].
    pub fn hand(&self) -> Stop {
        self.stop.clone()
    }

    /// Whether it has ended, by `ks` or otherwise.
    pub fn has_ended(&self) -> bool {
        matches!(self.ended.try_recv(), Err(std::sync::mpsc::TryRecvError::Disconnected))
    }

    /// Ends it in order: everybody connected is told why, runs are ended, the socket's file is taken
    /// away. Waits for that on this thread, but not for ever.
    pub fn stop(self) {
        let user = std::env::var("USER").unwrap_or_else(|_| "its own user".to_owned());
        self.stop.in_order(REASON, user);
        self.wait(self.patience);
        // Dropping it ends what is left.
    }

    /// Waits for the end; whether it came.
    fn wait(&self, patience: Duration) -> bool {
        if patience == Duration::MAX {
            return self.ended.recv().is_err();
        }
        matches!(self.ended.recv_timeout(patience), Err(RecvTimeoutError::Disconnected))
    }
}

/// The configuration, without TCP: a server that ends with a screen is for its own machine.
fn load(dirs: &Dirs) -> Result<Config, StartError> {
    let mut config = Config::load(dirs, None, None)?;
    config.listen = None;
    config.metrics.listen = None;
    Ok(config)
}

/// What a server that was told to restart begins anew with.
fn serve_again(dirs: &Dirs) -> Result<(Listeners, Config), StartError> {
    let config = load(dirs)?;
    let listeners = Listeners::local(&dirs.socket(), config.local.is_open())?;
    Ok((listeners, config))
}

impl Drop for Embedded {
    fn drop(&mut self) {
        if !self.has_ended() {
            self.stop.at_once();
            self.wait(AT_ONCE);
        }
    }
}
