//! Worker of the network thread: handles one order after the other; each that takes time is a task of its own.

use std::collections::HashMap;
use std::sync::PoisonError;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::{AbortHandle, JoinSet};
use topside_shared::dirs::Dirs;
use topside_shared::text::bytes;

use super::super::new_file::NewFile;
use super::super::session;
use super::dial_task::{DialResult, dial, pair, place, probe, probe_here};
use super::fan_out_task::FanOutTask;
#[cfg(feature = "hub")]
use super::fleet_watch;
use super::{Order, SharedStop};
use crate::app::msg::{FanOutEvent, NotPaired};
use crate::app::picker::picker_state::ProbeResult;
use crate::app::runs::export::ExportFailed;
use crate::app::{DialFailed, Event, Msg};
use crate::config::Profile;
use crate::connect::{self, Browse, PastedInvite, Remote, Via};
use crate::embedded::Embedded;
use crate::event_loop::download::{self, Download};
use crate::event_loop::{result_download, upload};
use crate::fan_out::cached_menus;

/// Why there is no transfer.
const ENDED: &str = "the session has ended";
/// How long the end of the program waits for the sessions to close.
const GOODBYE: Duration = Duration::from_millis(1500);

pub(super) struct NetworkWorker {
    dirs: Dirs,
    tell: mpsc::Sender<Msg>,
    /// The probes of the current round. Older probes are cancelled, so that an older result cannot come after a newer one.
    probes: JoinSet<()>,
    /// The same of the other saved servers.
    all_probes: JoinSet<()>,
    fan_outs: HashMap<u64, FanOutTask>,
    browse: Option<Browse>,
    /// Follows the fleets of this device while the picker is shown.
    #[cfg(feature = "hub")]
    fleets: Option<JoinSet<()>>,
    pair: Option<(u64, tokio::task::JoinHandle<()>)>,
    dials: HashMap<u64, AbortHandle>,
    /// Each with the address of its server.
    sessions: HashMap<u64, (session::SessionTask, connect::Target)>,
    /// Downloads to files, and files that are sent.
    fetches: HashMap<u64, AbortHandle>,
    embedded: Option<Embedded>,
    embedded_stop: SharedStop,
}

impl NetworkWorker {
    pub(super) fn new(dirs: Dirs, tell: mpsc::Sender<Msg>, embedded_stop: SharedStop) -> Self {
        Self {
            dirs,
            tell,
            probes: JoinSet::new(),
            all_probes: JoinSet::new(),
            fan_outs: HashMap::new(),
            browse: None,
            #[cfg(feature = "hub")]
            fleets: None,
            pair: None,
            dials: HashMap::new(),
            sessions: HashMap::new(),
            fetches: HashMap::new(),
            embedded: None,
            embedded_stop,
        }
    }

    pub(super) async fn run(mut self, mut orders: mpsc::Receiver<Order>) {
        let (done, mut dialled) = mpsc::channel::<DialResult>(8);
        loop {
            tokio::select! {
                order = orders.recv() => match order {
                    Some(order) => self.carry_out(order, &done),
                    None => break,
                },
                Some(result) = dialled.recv() => self.dialled(result).await,
            }
        }
        for task in self.dials.values().chain(self.fetches.values()) {
            task.abort();
        }
        let goodbyes = async {
            for fan_out in self.fan_outs.into_values() {
                fan_out.end().await;
            }
            for (session, _) in self.sessions.into_values() {
                session.hang_up().await;
            }
        };
        let _ = tokio::time::timeout(GOODBYE, goodbyes).await;
        if let Some(embedded) = self.embedded {
            embedded.stop();
        }
    }

    fn carry_out(&mut self, order: Order, done: &mpsc::Sender<DialResult>) {
        match order {
            Order::Probe { round, profile, vias } => self.probe(round, profile.as_ref(), vias),
            Order::ProbeAll { round, servers } => self.probe_all(round, servers),
            Order::FanOut { id, boxes, words } => {
                let tell = self.tell.clone();
                let task = FanOutTask::start(id, boxes, words, &self.dirs.state, tell);
                self.fan_outs.retain(|_, task| !task.has_ended());
                self.fan_outs.insert(id, task);
            }
            Order::ReadMenus { id, servers } => {
                let (dirs, tell) = (self.dirs.clone(), self.tell.clone());
                tokio::spawn(async move {
                    let read =
                        tokio::task::spawn_blocking(move || cached_menus(&dirs.state, &servers));
                    if let Ok(menus) = read.await {
                        let _ =
                            tell.send(Msg::FanOut { id, event: FanOutEvent::Menus(menus) }).await;
                    }
                });
            }
            Order::Steer(id, order) => {
                if let Some(fan_out) = self.fan_outs.get(&id) {
                    fan_out.order(order);
                }
            }
            Order::Browse(false) => {
                self.browse = None;
                self.follow_fleets(false);
            }
            // Where the system allows no multicast, the picker shows no discovered servers.
            Order::Browse(true) if self.browse.is_none() => {
                self.follow_fleets(true);
                let tell = self.tell.clone();
                let listen = move |found| drop(tell.blocking_send(Msg::Found(found)));
                self.browse = connect::browse(listen).ok();
            }
            Order::Browse(true) => self.follow_fleets(true),
            Order::Pair { attempt, invite, replaces } => self.pair(attempt, invite, replaces),
            Order::CancelPair(attempt) => self.cancel_pair(attempt),
            Order::Dial { attempt, target, profile, start } => {
                let place = place(&target, profile.as_ref(), &self.dirs);
                self.dial(attempt, place, start, done.clone());
            }
            Order::CancelDial(attempt) => {
                if let Some(dial) = self.dials.remove(&attempt) {
                    dial.abort();
                }
            }
            Order::Ask(session, ask) => {
                let busy = self.sessions.get(&session).and_then(|(task, _)| task.ask(ask));
                if let Some(reply) = busy {
                    let (tell, event) = (self.tell.clone(), Event::Answer(reply));
                    tokio::spawn(async move { tell.send(Msg::Session { session, event }).await });
                }
            }
            Order::Save { name, text, why } => {
                let (dirs, tell) = (self.dirs.clone(), self.tell.clone());
                tokio::spawn(async move {
                    let saved = tokio::task::spawn_blocking(move || save(&dirs, &name, &text, why));
                    // A panic was reported when it happened.
                    if let Ok(msg) = saved.await {
                        let _ = tell.send(msg).await;
                    }
                });
            }
            Order::Fetch(session, wanted) => self.fetch(session, wanted),
            Order::FetchResult(session, wanted) => {
                let (tell, id) = (self.tell.clone(), wanted.id);
                self.transfer(session, id, move |place| async move {
                    let result = match place {
                        Some(place) => result_download::fetch(&place, wanted, &tell).await,
                        None => Err(ENDED.to_owned()),
                    };
                    let result = result.map_err(ExportFailed::Failed);
                    let _ = tell.send(Msg::Fetched { id, result }).await;
                });
            }
            Order::SendFiles(session, upload) => {
                let (tell, id) = (self.tell.clone(), upload.id);
                self.transfer(session, id, move |place| async move {
                    let result = match place {
                        Some(place) => upload::send(&place, upload, &tell).await,
                        None => Err(ENDED.to_owned()),
                    };
                    let _ = tell.send(Msg::Sent { id, result }).await;
                });
            }
            Order::StopFetch(id) => {
                if let Some(task) = self.fetches.remove(&id) {
                    task.abort();
                }
            }
            Order::HangUp(session) => {
                if let Some((task, _)) = self.sessions.remove(&session) {
                    tokio::spawn(task.hang_up());
                }
            }
        }
    }

    #[cfg(feature = "hub")]
    fn follow_fleets(&mut self, follow: bool) {
        let start = || fleet_watch::start(self.dirs.state.clone(), self.tell.clone());
        self.fleets = follow.then(|| self.fleets.take().unwrap_or_else(start));
    }

    #[cfg(not(feature = "hub"))]
    fn follow_fleets(&mut self, _follow: bool) {}

    fn pair(&mut self, attempt: u64, invite: PastedInvite, replaces: Option<String>) {
        let (dirs, tell) = (self.dirs.clone(), self.tell.clone());
        let task = tokio::spawn(async move {
            let result = pair(&invite, replaces.as_deref(), &dirs).await;
            // The fleet that was joined is a route to the saved servers too.
            let _ = tell.send(Msg::Hubs(connect::hub_names(&dirs.state))).await;
            let _ = tell.send(Msg::Paired { attempt, result }).await;
        });
        self.pair = Some((attempt, task));
    }

    fn cancel_pair(&mut self, attempt: u64) {
        let Some((_, task)) = self.pair.take_if(|(of, _)| *of == attempt) else { return };
        let tell = self.tell.clone();
        task.abort();
        tokio::spawn(async move {
            // Reported once the task has ended, for it may have saved the server.
            if task.await.is_err() {
                let why = "given up".to_owned();
                let result = Err(NotPaired { why, lasting: false });
                let _ = tell.send(Msg::Paired { attempt, result }).await;
            }
        });
    }

    fn dial(
        &mut self,
        attempt: u64,
        place: Result<connect::Target, DialFailed>,
        start: bool,
        done: mpsc::Sender<DialResult>,
    ) {
        let task = tokio::spawn(async move {
            let dialled = match place {
                Ok(place) => dial(attempt, place, start).await,
                Err(failed) => DialResult { attempt, result: Err(failed), started: None },
            };
            let _ = done.send(dialled).await;
        });
        self.dials.insert(attempt, task.abort_handle());
    }

    fn fetch(&mut self, session: u64, wanted: Download) {
        let (dirs, tell, id) = (self.dirs.clone(), self.tell.clone(), wanted.id);
        self.transfer(session, id, move |place| async move {
            let result = match place {
                Some(place) => download::fetch(place, &wanted, dirs, &tell).await,
                None => Err(ExportFailed::Failed(ENDED.to_owned())),
            };
            let _ = tell.send(Msg::Fetched { id, result }).await;
        });
    }

    /// Starts a transfer with the server of this session; none: the session has ended.
    fn transfer<F>(
        &mut self,
        session: u64,
        id: u64,
        work: impl FnOnce(Option<connect::Target>) -> F,
    ) where
        F: Future<Output = ()> + Send + 'static,
    {
        let place = self.sessions.get(&session).map(|(_, place)| place.clone());
        let task = tokio::spawn(work(place));
        self.fetches.retain(|_, task| !task.is_finished());
        self.fetches.insert(id, task.abort_handle());
    }

    /// Starts a new round of probes; each is a task of its own.
    fn probe(&mut self, round: u64, profile: Option<&Profile>, vias: Vec<Via>) {
        self.probes = JoinSet::new();
        let (sockets, tell) = (connect::Target::Local(self.dirs.local_server()), self.tell.clone());
        self.probes.spawn(async move {
            let _ = tell.send(Msg::Probed(probe_here(&sockets).await)).await;
        });
        let Some(profile) = profile else { return };
        for via in vias {
            let task =
                self.probe_route(profile, via, move |reach| Msg::Reached { round, via, reach });
            self.probes.spawn(task);
        }
    }

    /// Starts a new round of probes of saved servers.
    fn probe_all(&mut self, round: u64, servers: Vec<(Profile, Vec<Via>)>) {
        self.all_probes = JoinSet::new();
        for (profile, vias) in servers {
            for via in vias {
                let server = profile.name.clone();
                let task = self.probe_route(&profile, via, move |reach| Msg::ServerReached {
                    round,
                    server: server.clone(),
                    via,
                    reach,
                });
                self.all_probes.spawn(task);
            }
        }
    }

    /// Probes each address of a route, and reports the results.
    fn probe_route(
        &self,
        profile: &Profile,
        via: Via,
        report: impl Fn(ProbeResult) -> Msg + Send + 'static,
    ) -> impl Future<Output = ()> + Send + 'static {
        let remote = Remote::of_profile(profile, via, &self.dirs.state);
        let tell = self.tell.clone();
        async move {
            // The row of the route already says what is missing.
            let Ok(remote) = remote else { return };
            for address in &remote.addresses {
                let reach = probe(address, &remote).await;
                let answers = matches!(reach, ProbeResult::Up(_));
                let _ = tell.send(report(reach)).await;
                // A route may have several addresses, of which one is enough.
                if answers {
                    break;
                }
            }
        }
    }

    async fn dialled(&mut self, result: DialResult) {
        let DialResult { attempt, result, started } = result;
        let wanted = self.dials.remove(&attempt).is_some();
        if let Some(embedded) = started {
            // An earlier one has ended, or a new one could not have started.
            let mut stop = self.embedded_stop.lock().unwrap_or_else(PoisonError::into_inner);
            *stop = Some(embedded.stop_handle());
            drop(stop);
            self.embedded = Some(embedded);
        }
        if !wanted {
            return;
        }
        let msg = match result {
            Ok((session, place)) => {
                let welcome = Box::new(session.welcome.clone());
                let reached = session.reached.clone();
                let task = session::serve(attempt, session, self.tell.clone());
                self.sessions.retain(|_, (task, _)| !task.has_ended());
                self.sessions.insert(attempt, (task, place));
                let embedded_server =
                    self.embedded.as_ref().is_some_and(|server| !server.has_ended());
                Msg::Dialled { attempt, welcome, reached, embedded_server }
            }
            Err(failed) => Msg::DialFailed { attempt, failed },
        };
        let _ = self.tell.send(msg).await;
    }
}

/// Writes text of the screen to a new file; returns the message with the result.
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
