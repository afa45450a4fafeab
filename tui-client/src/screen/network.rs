//! The network's thread: dials, sessions and the server inside this program, away from the screen.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::sync::mpsc;
use tokio::task::AbortHandle;
use topside_server::Stop;
use topside_shared::dirs::Dirs;

use super::session;
use crate::app::{Call, DialFailed, Here, Msg, Target};
use crate::embedded::{Embedded, ReachError, connect_or_start};
use crate::net::{self, ConnectError, Hello, Session, Via, connect};
use crate::platform::{Signal, Signals};
use crate::term;

/// The name of the thread.
pub(super) const THREAD: &str = "topside-net";
/// Orders that wait for the thread. A person gives few.
const ORDERS: usize = 256;
/// How long leaving waits for goodbyes.
const GOODBYE: Duration = Duration::from_millis(1500);
/// After so long a person wants to know what is waited for.
const SLOW: Duration = Duration::from_millis(700);

/// What the screen wants done.
#[derive(Debug)]
pub(super) enum Order {
    Probe,
    Dial { attempt: u64, target: Target, start: bool },
    CancelDial(u64),
    Call(u64, Call),
    HangUp(u64),
}

/// The thread does not take orders.
#[derive(Debug, thiserror::Error)]
#[error("the network is busy: try again in a moment")]
pub(super) struct Busy;

/// The thread, seen from the screen. Dropping the channel ends it.
pub(super) struct Network {
    orders: mpsc::Sender<Order>,
    thread: JoinHandle<()>,
    hand: Hand,
}

/// A hand on the server inside this program, if there is one: so that an impatient person can end it
/// at once while its orderly end is waited for. Locked for one read or write.
type Hand = Arc<Mutex<Option<Stop>>>;

impl Network {
    pub(super) fn start(dirs: Dirs, tell: mpsc::Sender<Msg>) -> std::io::Result<Self> {
        let (orders, taken) = mpsc::channel(ORDERS);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let hand = Hand::default();
        let desk = Desk::new(dirs, tell, Arc::clone(&hand));
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
                    term::complain("waiting for the server that ends with it; Ctrl-C ends it at once");
                }
            }
        }
    }
}

/// How a dial ended.
struct Dialled {
    attempt: u64,
    result: Result<Session, DialFailed>,
    /// A server that was started for it.
    started: Option<Embedded>,
}

struct Desk {
    dirs: Dirs,
    tell: mpsc::Sender<Msg>,
    probe: Option<AbortHandle>,
    dials: HashMap<u64, AbortHandle>,
    sessions: HashMap<u64, session::Line>,
    embedded: Option<Embedded>,
    hand: Hand,
}

impl Desk {
    fn new(dirs: Dirs, tell: mpsc::Sender<Msg>, hand: Hand) -> Self {
        let (dials, sessions) = (HashMap::new(), HashMap::new());
        Self { dirs, tell, probe: None, dials, sessions, embedded: None, hand }
    }

    async fn run(mut self, mut orders: mpsc::Receiver<Order>) {
        let (done, mut dialled) = mpsc::channel::<Dialled>(8);
        loop {
            tokio::select! {
                order = orders.recv() => match order {
                    Some(order) => self.obey(order, &done),
                    None => break,
                },
                Some(end) = dialled.recv() => self.dialled(end).await,
            }
        }
        for dial in self.dials.values() {
            dial.abort();
        }
        let goodbyes = async {
            for line in self.sessions.into_values() {
                line.hang_up().await;
            }
        };
        let _ = tokio::time::timeout(GOODBYE, goodbyes).await;
        if let Some(embedded) = self.embedded {
            embedded.stop();
        }
    }

    fn obey(&mut self, order: Order, done: &mpsc::Sender<Dialled>) {
        match order {
            Order::Probe => {
                let (sockets, tell) = (self.sockets(), self.tell.clone());
                let probe = tokio::spawn(async move {
                    let _ = tell.send(Msg::Probed(probe(&sockets).await)).await;
                });
                // An older answer must not come after a newer one.
                if let Some(before) = self.probe.replace(probe.abort_handle()) {
                    before.abort();
                }
            }
            Order::Dial { attempt, target, start } => {
                let (sockets, done) = (self.sockets(), done.clone());
                let task = tokio::spawn(async move {
                    let _ = done.send(dial(attempt, &target, &sockets, start).await).await;
                });
                self.dials.insert(attempt, task.abort_handle());
            }
            Order::CancelDial(attempt) => {
                if let Some(dial) = self.dials.remove(&attempt) {
                    dial.abort();
                }
            }
            Order::Call(session, call) => {
                let refused = self.sessions.get(&session).and_then(|line| line.call(call));
                if let Some(event) = refused {
                    let tell = self.tell.clone();
                    tokio::spawn(async move { tell.send(Msg::Session { session, event }).await });
                }
            }
            Order::HangUp(session) => {
                if let Some(line) = self.sessions.remove(&session) {
                    tokio::spawn(line.hang_up());
                }
            }
        }
    }

    fn sockets(&self) -> net::Target {
        net::Target::Local(self.dirs.sockets())
    }

    async fn dialled(&mut self, end: Dialled) {
        let Dialled { attempt, result, started } = end;
        let wanted = self.dials.remove(&attempt).is_some();
        if let Some(embedded) = started {
            // The one before has ended, or a new one could not have started.
            let mut hand = self.hand.lock().unwrap_or_else(PoisonError::into_inner);
            *hand = Some(embedded.hand());
            drop(hand);
            self.embedded = Some(embedded);
        }
        if !wanted {
            return;
        }
        let msg = match result {
            Ok(session) => {
                let welcome = Box::new(session.welcome.clone());
                let line = session::serve(attempt, session, self.tell.clone());
                self.sessions.retain(|_, line| !line.is_over());
                self.sessions.insert(attempt, line);
                let carries = self.embedded.as_ref().is_some_and(|server| !server.has_ended());
                Msg::Dialled { attempt, welcome, carries }
            }
            Err(failed) => Msg::DialFailed { attempt, failed },
        };
        let _ = self.tell.send(msg).await;
    }
}

const HELLO: Hello = Hello { notices: true, name: "topside" };

async fn dial(attempt: u64, target: &Target, sockets: &net::Target, start: bool) -> Dialled {
    let mut started = None;
    if target.via != Via::Same {
        let name = target.title();
        let sentence = format!(
            "{name} over the {} needs pairing, which this version cannot do yet",
            target.via.title()
        );
        return Dialled { attempt, result: Err(DialFailed::Other(sentence)), started };
    }
    let result = if start {
        connect_or_start(sockets, &HELLO, &mut started).await
    } else {
        connect(sockets, &HELLO).await.map_err(ReachError::from)
    };
    let result = result.map_err(|error| match error {
        ReachError::Connect(error) => failed(error),
        ReachError::Start(error) => DialFailed::Other(format!("{:#}", anyhow::Error::from(error))),
    });
    Dialled { attempt, result, started }
}

fn failed(error: ConnectError) -> DialFailed {
    let as_failed = match &error {
        ConnectError::NoServer { .. } => DialFailed::NoServer,
        error if error.is_lasting() => DialFailed::Hopeless,
        _ => DialFailed::Other,
    };
    as_failed(format!("{:#}", anyhow::Error::from(error)))
}

/// Whether a server answers on this machine, and how fast.
async fn probe(sockets: &net::Target) -> Here {
    let began = Instant::now();
    match connect(sockets, &Hello { notices: false, ..HELLO }).await {
        Ok(session) => {
            let ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
            session.handle.close();
            Here::Running(ms)
        }
        Err(ConnectError::NoServer { .. }) => Here::NotRunning,
        Err(error) => Here::Refused(format!("{:#}", anyhow::Error::from(error))),
    }
}
