//! Network thread: dials, sessions and the embedded server, apart from the screen.

mod dial_task;
mod fan_out_task;
#[cfg(feature = "hub")]
mod fleet_watch;
mod network_worker;

use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::mpsc;
use topside_server::Stop;
use topside_shared::dirs::Dirs;

use super::download::Download;
use super::result_download::ResultDownload;
use super::upload::Upload;
use crate::app::ask::Ask;
use crate::app::msg::FanOutOrder;
use crate::app::{Msg, Target};
use crate::config::Profile;
use crate::connect::{PastedInvite, Via};
use crate::fan_out::TargetBox;
use crate::platform::{Signal, Signals};
use crate::terminal;
pub(super) use dial_task::sentence;
use network_worker::NetworkWorker;

pub(super) const THREAD: &str = "topside-net";
/// Orders that wait for the thread. A user gives few.
const ORDERS: usize = 256;
/// After this time of waiting the user gets a message.
const SLOW: Duration = Duration::from_millis(700);

#[derive(Debug)]
pub(super) enum Order {
    /// Probes this machine's server, and a saved one by these routes.
    Probe {
        round: u64,
        profile: Option<Profile>,
        vias: Vec<Via>,
    },
    /// Probes saved servers by these routes.
    ProbeAll {
        round: u64,
        servers: Vec<(Profile, Vec<Via>)>,
    },
    /// Runs the words of a command line on several boxes.
    FanOut {
        id: u64,
        boxes: Vec<TargetBox>,
        words: Vec<String>,
    },
    /// Reads the cached menus of saved servers.
    ReadMenus {
        id: u64,
        servers: Vec<String>,
    },
    /// Confirms a command on several boxes, declines it, or cancels it.
    Steer(u64, FanOutOrder),
    Browse(bool),
    Pair {
        attempt: u64,
        invite: PastedInvite,
        /// The saved server that this one replaces.
        replaces: Option<String>,
    },
    CancelPair(u64),
    Dial {
        attempt: u64,
        target: Target,
        profile: Option<Profile>,
        start: bool,
    },
    CancelDial(u64),
    Ask(u64, Ask),
    HangUp(u64),
    /// Saves text in a file. `why`: why it is not copied instead.
    Save {
        name: String,
        text: String,
        why: Option<String>,
    },
    /// Downloads a run's output to a file, from the server of this session.
    Fetch(u64, Download),
    /// Downloads a result of a run.
    FetchResult(u64, ResultDownload),
    /// Sends the files of a command to the server of this session.
    SendFiles(u64, Upload),
    /// Stops one of these three.
    StopFetch(u64),
}

#[derive(Debug, thiserror::Error)]
#[error("the network is busy: try again in a moment")]
pub(super) struct Busy;

/// Handle of the thread. Dropping the channel ends it.
pub(super) struct Network {
    orders: mpsc::Sender<Order>,
    thread: JoinHandle<()>,
    embedded_stop: SharedStop,
}

/// The handle that ends the embedded server, if there is one, so that the user can end it at once while its orderly
/// shutdown is waited for. Locked for one read or write.
type SharedStop = Arc<Mutex<Option<Stop>>>;

impl Network {
    pub(super) fn start(dirs: Dirs, tell: mpsc::Sender<Msg>) -> std::io::Result<Self> {
        let (orders, taken) = mpsc::channel(ORDERS);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let embedded_stop = SharedStop::default();
        let worker = NetworkWorker::new(dirs, tell, Arc::clone(&embedded_stop));
        let thread = std::thread::Builder::new()
            .name(THREAD.to_owned())
            .spawn(move || runtime.block_on(worker.run(taken)))?;
        Ok(Self { orders, thread, embedded_stop })
    }

    /// Does not wait, so that the screen never blocks.
    pub(super) fn order(&self, order: Order) -> Result<(), Busy> {
        self.orders.try_send(order).map_err(|_| Busy)
    }

    /// Closes all sessions, stops the embedded server, and waits for that. A signal meanwhile ends that server at once.
    pub(super) async fn stop(self, signals: &mut Signals) {
        let Self { orders, thread, embedded_stop } = self;
        drop(orders);
        // A panic there was reported when it happened.
        let mut ended = tokio::task::spawn_blocking(move || drop(thread.join()));
        let mut complained = false;
        loop {
            tokio::select! {
                _ = &mut ended => return,
                signal = signals.next() => {
                    // A terminal window that is closed sends this signal twice; it does not mean impatience.
                    if signal == Signal::HangUp {
                        continue;
                    }
                    let stop = embedded_stop.lock().unwrap_or_else(PoisonError::into_inner).take();
                    match stop {
                        Some(stop) => stop.at_once(),
                        None => return,
                    }
                }
                () = tokio::time::sleep(SLOW), if !complained => {
                    complained = true;
                    terminal::complain("waiting for the server that ends with it; Ctrl-C ends it at once");
                }
            }
        }
    }
}
