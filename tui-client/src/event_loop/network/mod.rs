//! The network's thread: dials, sessions and the server inside this program, away from the screen.

mod dial;
mod network_worker;

use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::mpsc;
use topside_server::Stop;
use topside_shared::dirs::Dirs;
use topside_shared::invite::Invite;

use super::download::Download;
use crate::app::ask::Ask;
use crate::app::{Msg, Target};
use crate::config::Profile;
use crate::connect::Via;
use crate::platform::{Signal, Signals};
use crate::terminal;
pub(super) use dial::sentence;
use network_worker::NetworkWorker;

/// The name of the thread.
pub(super) const THREAD: &str = "topside-net";
/// Orders that wait for the thread. A person gives few.
const ORDERS: usize = 256;
/// After so long a person wants to know what is waited for.
const SLOW: Duration = Duration::from_millis(700);

/// What the screen wants done.
#[derive(Debug)]
pub(super) enum Order {
    /// This machine's server, and a saved one by these ways.
    Probe {
        round: u64,
        profile: Option<Profile>,
        vias: Vec<Via>,
    },
    Browse(bool),
    Pair {
        attempt: u64,
        invite: Box<Invite>,
        /// The saved server that this one takes the place of.
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
    /// Text into a file, and why it is not more.
    Save {
        name: String,
        text: String,
        why: Option<String>,
    },
    /// A run's output into a file, from the server of this session.
    Fetch(u64, Download),
    StopFetch(u64),
}

/// The thread does not take orders.
#[derive(Debug, thiserror::Error)]
#[error("the network is busy: try again in a moment")]
pub(super) struct Busy;

/// The thread, seen from the screen. Dropping the channel ends it.
pub(super) struct Network {
    orders: mpsc::Sender<Order>,
    thread: JoinHandle<()>,
    hand: SharedStop,
}

/// A hand on the server inside this program, if there is one: so that an impatient person can end it
/// at once while its orderly end is waited for. Locked for one read or write.
type SharedStop = Arc<Mutex<Option<Stop>>>;

impl Network {
    pub(super) fn start(dirs: Dirs, tell: mpsc::Sender<Msg>) -> std::io::Result<Self> {
        let (orders, taken) = mpsc::channel(ORDERS);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let hand = SharedStop::default();
        let desk = NetworkWorker::new(dirs, tell, Arc::clone(&hand));
        let thread = std::thread::Builder::new()
            .name(THREAD.to_owned())
            .spawn(move || runtime.block_on(desk.run(taken)))?;
        Ok(Self { orders, thread, hand })
    }

    /// Never waits: the screen must not.
    pub(super) fn order(&self, order: Order) -> Result<(), Busy> {
        self.orders.try_send(order).map_err(|_| Busy)
    }

    /// Says goodbye everywhere, stops the server inside this program, and waits for that. A signal
    /// meanwhile ends that server at once.
    pub(super) async fn stop(self, signals: &mut Signals) {
        let Self { orders, thread, hand } = self;
        drop(orders);
        // A panic there was reported when it happened.
        let mut ended = tokio::task::spawn_blocking(move || drop(thread.join()));
        let mut told = false;
        loop {
            tokio::select! {
                _ = &mut ended => return,
                signal = signals.next() => {
                    // A window that is closed says so twice, and is not impatient.
                    if signal == Signal::HangUp {
                        continue;
                    }
                    let hand = hand.lock().unwrap_or_else(PoisonError::into_inner).take();
                    match hand {
                        Some(stop) => stop.at_once(),
                        None => return,
                    }
                }
                () = tokio::time::sleep(SLOW), if !told => {
                    told = true;
                    terminal::complain("waiting for the server that ends with it; Ctrl-C ends it at once");
                }
            }
        }
    }
}
