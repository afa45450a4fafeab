//! The network's thread: dials, sessions and the server inside this program, away from the screen.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::{AbortHandle, JoinSet};
use topside_server::Stop;
use topside_shared::dirs::Dirs;
use topside_shared::invite::Invite;
use topside_shared::text::bytes;

use super::fetch::{self, Fetch};
use super::new_file::NewFile;
use super::session;
use crate::app::invite::{NotPaired, Paired};
use crate::app::saving::NotFetched;
use crate::app::ways::{Reach, words};
use crate::app::{Call, DialFailed, Here, Msg, Target};
use crate::config::Profile;
use crate::embedded::{Embedded, ReachError, connect_or_start};
use crate::net::{self, Address, Browse, ConnectError, Hello, Remote, Session, Via, connect};
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
    },
    CancelPair(u64),
    Dial {
        attempt: u64,
        target: Target,
        profile: Option<Profile>,
        start: bool,
    },
    CancelDial(u64),
    Call(u64, Call),
    HangUp(u64),
    /// Text into a file, and why it is not more.
    Save {
        name: String,
        text: String,
        why: Option<String>,
    },
    /// A run's output into a file, from the server of this session.
    Fetch(u64, Fetch),
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
    /// The session, and where it was found.
    result: Result<(Session, net::Target), DialFailed>,
    /// A server that was started for it.
    started: Option<Embedded>,
}

struct Desk {
    dirs: Dirs,
    tell: mpsc::Sender<Msg>,
    /// What is being asked. An older answer must not come after a newer one, so that they are dropped
    /// together.
    probes: JoinSet<()>,
    browse: Option<Browse>,
    /// An invite being used.
    pair: Option<(u64, tokio::task::JoinHandle<()>)>,
    dials: HashMap<u64, AbortHandle>,
    /// Each with the place where its server was found.
    sessions: HashMap<u64, (session::Line, net::Target)>,
    /// An output on its way to a file: one at a time.
    fetch: Option<(u64, AbortHandle)>,
    embedded: Option<Embedded>,
    hand: Hand,
}

impl Desk {
    fn new(dirs: Dirs, tell: mpsc::Sender<Msg>, hand: Hand) -> Self {
        let (dials, sessions) = (HashMap::new(), HashMap::new());
        let (probes, browse, pair, fetch, embedded) = (JoinSet::new(), None, None, None, None);
        Self { dirs, tell, probes, browse, pair, dials, sessions, fetch, embedded, hand }
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
        for task in self.dials.values().chain(self.fetch.as_ref().map(|(_, task)| task)) {
            task.abort();
        }
        let goodbyes = async {
            for (line, _) in self.sessions.into_values() {
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
            Order::Probe { round, profile, vias } => self.probe(round, profile.as_ref(), vias),
            Order::Browse(false) => self.browse = None,
            // A system that lets nobody listen finds nothing: the picker does without.
            Order::Browse(true) if self.browse.is_none() => {
                let tell = self.tell.clone();
                let listen = move |found| drop(tell.blocking_send(Msg::Found(found)));
                self.browse = net::browse(listen).ok();
            }
            Order::Browse(true) => {}
            Order::Pair { attempt, invite } => {
                let (dirs, tell) = (self.dirs.clone(), self.tell.clone());
                let task = tokio::spawn(async move {
                    let result = pair(&invite, &dirs).await;
                    let _ = tell.send(Msg::Paired { attempt, result }).await;
                });
                self.pair = Some((attempt, task));
            }
            Order::CancelPair(attempt) => {
                if let Some((_, task)) = self.pair.take_if(|(of, _)| *of == attempt) {
                    let tell = self.tell.clone();
                    task.abort();
                    tokio::spawn(async move {
                        // Told once it is over, for it may have saved the server.
                        if task.await.is_err() {
                            let why = "given up".to_owned();
                            let result = Err(NotPaired { why, lasting: false });
                            let _ = tell.send(Msg::Paired { attempt, result }).await;
                        }
                    });
                }
            }
            Order::Dial { attempt, target, profile, start } => {
                let place = place(&target, profile.as_ref(), &self.dirs);
                let done = done.clone();
                let task = tokio::spawn(async move {
                    let dialled = match place {
                        Ok(place) => dial(attempt, place, start).await,
                        Err(failed) => Dialled { attempt, result: Err(failed), started: None },
                    };
                    let _ = done.send(dialled).await;
                });
                self.dials.insert(attempt, task.abort_handle());
            }
            Order::CancelDial(attempt) => {
                if let Some(dial) = self.dials.remove(&attempt) {
                    dial.abort();
                }
            }
            Order::Call(session, call) => {
                let refused = self.sessions.get(&session).and_then(|(line, _)| line.call(call));
                if let Some(event) = refused {
                    let tell = self.tell.clone();
                    tokio::spawn(async move { tell.send(Msg::Session { session, event }).await });
                }
            }
            Order::Save { name, text, why } => {
                let (dirs, tell) = (self.dirs.clone(), self.tell.clone());
                tokio::spawn(async move {
                    let saved = tokio::task::spawn_blocking(move || save(&dirs, &name, &text, why));
                    // Its panic has been told.
                    if let Ok(msg) = saved.await {
                        let _ = tell.send(msg).await;
                    }
                });
            }
            Order::Fetch(session, wanted) => {
                let place = self.sessions.get(&session).map(|(_, place)| place.clone());
                let (dirs, tell) = (self.dirs.clone(), self.tell.clone());
                let id = wanted.id;
                let task = tokio::spawn(async move {
                    let result = match place {
                        Some(place) => fetch::fetch(place, &wanted, dirs, &tell).await,
                        None => Err(NotFetched::Failed("the session has ended".to_owned())),
                    };
                    let _ = tell.send(Msg::Fetched { id, result }).await;
                });
                self.fetch = Some((id, task.abort_handle()));
            }
            Order::StopFetch(id) => {
                if let Some((_, task)) = self.fetch.take_if(|(of, _)| *of == id) {
                    task.abort();
                }
            }
            Order::HangUp(session) => {
                if let Some((line, _)) = self.sessions.remove(&session) {
                    tokio::spawn(line.hang_up());
                }
            }
        }
    }

    /// Asks anew; each question is a task of its own.
    fn probe(&mut self, round: u64, profile: Option<&Profile>, vias: Vec<Via>) {
        self.probes = JoinSet::new();
        let (sockets, tell) = (net::Target::Local(self.dirs.sockets()), self.tell.clone());
        self.probes.spawn(async move {
            let _ = tell.send(Msg::Probed(probe_here(&sockets).await)).await;
        });
        for via in vias {
            // The way's own row says already what is missing.
            let remote = profile.map(|profile| Remote::of_profile(profile, via, &self.dirs.state));
            let Some(Ok(remote)) = remote else { continue };
            let tell = self.tell.clone();
            self.probes.spawn(async move {
                for address in &remote.addresses {
                    let reach = probe(address, &remote).await;
                    let _ = tell.send(Msg::Reached { round, via, reach }).await;
                }
            });
        }
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
            Ok((session, place)) => {
                let welcome = Box::new(session.welcome.clone());
                let reached = session.reached.clone();
                let line = session::serve(attempt, session, self.tell.clone());
                self.sessions.retain(|_, (line, _)| !line.is_over());
                self.sessions.insert(attempt, (line, place));
                let carries = self.embedded.as_ref().is_some_and(|server| !server.has_ended());
                Msg::Dialled { attempt, welcome, reached, carries }
            }
            Err(failed) => Msg::DialFailed { attempt, failed },
        };
        let _ = self.tell.send(msg).await;
    }
}

const HELLO: Hello = Hello { notices: true, name: "topside" };

/// Where a server is, or why it cannot be dialled.
fn place(
    target: &Target,
    profile: Option<&Profile>,
    dirs: &Dirs,
) -> Result<net::Target, DialFailed> {
    if target.via == Via::Same {
        return Ok(net::Target::Local(dirs.sockets()));
    }
    let Some(profile) = profile else {
        let name = target.title();
        return Err(DialFailed::Hopeless(format!("there is no saved server {name} any more")));
    };
    Remote::of_profile(profile, target.via, &dirs.state)
        .map(net::Target::Remote)
        .map_err(|error| DialFailed::Hopeless(error.to_string()))
}

async fn dial(attempt: u64, place: net::Target, start: bool) -> Dialled {
    let mut started = None;
    let result = if start {
        connect_or_start(&place, &HELLO, &mut started).await
    } else {
        connect(&place, &HELLO).await.map_err(ReachError::from)
    };
    let result = result.map(|session| (session, place));
    let result = result.map_err(|error| match error {
        ReachError::Connect(error) => failed(error),
        ReachError::Start(error) => DialFailed::Other(sentence(error)),
    });
    Dialled { attempt, result, started }
}

/// What happened, with the system's own words behind it.
pub(super) fn sentence(error: impl std::error::Error + Send + Sync + 'static) -> String {
    format!("{:#}", anyhow::Error::from(error))
}

fn failed(error: ConnectError) -> DialFailed {
    let as_failed = match &error {
        ConnectError::NoServer { .. } => DialFailed::NoServer,
        error if error.is_lasting() => DialFailed::Hopeless,
        _ => DialFailed::Other,
    };
    as_failed(sentence(error))
}

/// Whether a server answers on this machine, and how fast.
async fn probe_here(sockets: &net::Target) -> Here {
    match connect(sockets, &Hello { notices: false, ..HELLO }).await {
        Ok(session) => {
            let rtt = millis(session.reached.rtt);
            session.handle.close();
            Here::Running(rtt)
        }
        Err(ConnectError::NoServer { .. }) => Here::NotRunning,
        Err(error) => Here::Refused(sentence(error)),
    }
}

/// Whether a paired server answers at an address, and how fast.
async fn probe(address: &Address, remote: &Remote) -> Reach {
    match net::probe(address, remote).await {
        Ok(rtt) => Reach::Up(millis(rtt)),
        Err(error) => {
            let (words, lasting) = (words(error.first()), error.is_lasting());
            Reach::Down { words, sentence: sentence(error), lasting }
        }
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

async fn pair(invite: &Invite, dirs: &Dirs) -> Result<Paired, NotPaired> {
    match net::pair(invite, None, dirs).await {
        Ok(net::Paired { profile, role, already, .. }) => {
            Ok(Paired { name: profile.name, role, already })
        }
        Err(error) => Err(NotPaired { lasting: error.is_lasting(), why: sentence(error) }),
    }
}

/// Writes what the screen holds to a new file, and says what came of it.
fn save(dirs: &Dirs, name: &str, text: &str, why: Option<String>) -> Msg {
    let written = NewFile::create(dirs, name).and_then(|mut file| {
        file.write(text.as_bytes())?;
        file.keep()
    });
    let why = why.map(|why| format!(", {why}")).unwrap_or_default();
    match written {
        Ok(path) => {
            let size = bytes(text.len() as u64);
            Msg::Done(format!("{size} saved to {}{why}", path.display()))
        }
        Err(error) => Msg::Failed(format!("nothing was saved: {error}")),
    }
}
