//! The session with the server: it is opened again after each loss, and all calls share it.

use std::collections::HashSet;
use std::convert::Infallible;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio::time::{Instant, interval, timeout};
use topside_shared::methods::{CommandRun, CommandsList, EventsSubscribe, Menu, Topic};
use topside_shared::notifications::Notification;
use topside_shared::text::with_sources;

use super::connection::{Connection, Router};
use crate::connect::{
    CallError, ConnectError, Event, Events, Hello, Session, Target, connect, read_answer,
};
use crate::terminal::complain;
use crate::text::sanitize;

const HELLO: Hello = Hello { notices: true, agent: true, name: "topside mcp" };
/// How long a call waits for a session, and for a piece of output.
pub(super) const PATIENCE: Duration = Duration::from_secs(25);
/// How long the end of a session may take.
pub(super) const GOODBYE: Duration = Duration::from_secs(1);
/// First and longest pause before the next dial.
const PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// Shortest time between two dials, also where a call wants one, after a failure that a person must correct.
const LASTING_PAUSE: Duration = Duration::from_secs(2);
/// How often the revision of the menu is read where the key may not subscribe to its changes.
const POLL: Duration = Duration::from_secs(10);

/// What to do while the server cannot be reached.
const TRY_LATER: &str = "The tools work again as soon as it can: try again later";
/// The same where a person must change something first.
const CORRECT: &str = "The tools work again once a person has corrected that; `topside mcp --setup` makes another key";

/// The connection to one server, which may be down.
#[derive(Debug)]
pub(super) struct ServerLink {
    target: Target,
    state: watch::Sender<LinkState>,
    /// Notified when a call needs a session.
    wanted: Notify,
    menu: Mutex<MenuCache>,
    /// Counts the changes of the menu, and each new session.
    changes: watch::Sender<u64>,
    /// Whether the session is ended here.
    leaves: AtomicBool,
}

#[derive(Debug, Clone)]
enum LinkState {
    /// The first dial has not ended.
    Dialling,
    Up(Arc<Connection>),
    Down {
        why: Arc<str>,
        /// What to do, as a sentence.
        advice: &'static str,
        /// Number of dials that have ended.
        dials: u64,
    },
}

#[derive(Debug, Default)]
struct MenuCache {
    /// The menu that was read last; none after a change.
    menu: Option<Arc<Menu>>,
    /// Names of commands that any menu had.
    seen: HashSet<String>,
}

/// The server cannot be reached.
#[derive(Debug, Clone, thiserror::Error)]
#[error("the server cannot be reached: {why}. {advice}")]
pub(super) struct Unreachable {
    why: Arc<str>,
    advice: &'static str,
}

impl ServerLink {
    /// A link that [`ServerLink::keep`] opens.
    pub(super) fn new(target: Target) -> Self {
        Self {
            target,
            state: watch::Sender::new(LinkState::Dialling),
            wanted: Notify::new(),
            menu: Mutex::default(),
            changes: watch::Sender::new(0),
            leaves: AtomicBool::new(false),
        }
    }

    pub(super) fn target(&self) -> &Target {
        &self.target
    }

    /// Changes whenever the menu may be another.
    pub(super) fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    /// Opens a session, and opens it again after each loss. After a failure that lasts until a person changes something, only a call
    /// has it try again.
    pub(super) async fn keep(&self) {
        let (mut dials, mut pause) = (0, PAUSE);
        let mut said = String::new();
        loop {
            let begun = Instant::now();
            let ended = match connect(&self.target, &HELLO).await {
                Ok(session) => {
                    pause = PAUSE;
                    said.clear();
                    self.serve(session).await
                }
                Err(error) => Ended::not_connected(&error),
            };
            dials += 1;
            if said != ended.why && !self.leaves.load(Ordering::Relaxed) {
                complain(&ended.why);
                said.clone_from(&ended.why);
            }
            let Ended { why, advice, is_lasting } = ended;
            self.state.send_replace(LinkState::Down { why: why.into(), advice, dials });
            // A call does not shorten the pause to nothing: a server that closes each session at once is not flooded.
            let least = begun + if is_lasting { LASTING_PAUSE } else { PAUSE };
            tokio::select! {
                () = tokio::time::sleep(pause), if !is_lasting => {}
                () = self.wanted.notified() => tokio::time::sleep_until(least).await,
            }
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    /// Gives events to the calls until the session ends; returns why it has.
    async fn serve(&self, session: Session) -> Ended {
        let Session { handle, mut events, .. } = session;
        let topics = EventsSubscribe { topics: vec![Topic::Server] };
        let is_told = handle.call(&topics).await.is_ok();
        let connection = Arc::new(Connection::new(handle));
        self.forget_menu();
        self.state.send_replace(LinkState::Up(Arc::clone(&connection)));
        self.changes.send_modify(|count| *count += 1);
        let why = tokio::select! {
            why = self.follow(&connection, &mut events) => why,
            never = self.poll(&connection), if !is_told => match never {},
        };
        *connection.router() = Router::default();
        Ended::lost(why)
    }

    async fn follow(&self, connection: &Connection, events: &mut Events) -> String {
        loop {
            match events.next().await {
                Event::Notice(Notification::Reloaded(_)) => self.menu_changed(),
                Event::Notice(notice) => connection.router().take(notice),
                Event::Answer { id, result } => {
                    connection.router().answer(id, read_answer::<CommandRun>(result));
                }
                Event::Lost(reason) => return reason.to_string(),
            }
        }
    }

    /// Reads the revision of the menu at intervals, for a key that may not subscribe to its changes.
    async fn poll(&self, connection: &Connection) -> Infallible {
        let mut ticks = interval(POLL);
        let mut known = None;
        loop {
            ticks.tick().await;
            let first = CommandsList { after: None, limit: Some(1) };
            let Ok(page) = connection.handle.call(&first).await else { continue };
            if known.replace(page.revision).is_some_and(|known| known != page.revision) {
                self.menu_changed();
            }
        }
    }

    fn menu_changed(&self) {
        self.forget_menu();
        self.changes.send_modify(|count| *count += 1);
    }

    /// Has the menu read again by the next call.
    pub(super) fn forget_menu(&self) {
        self.cache().menu = None;
    }

    fn cache(&self) -> MutexGuard<'_, MenuCache> {
        self.menu.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The session; where there is none, waits for the next dial.
    pub(super) async fn connection(&self) -> Result<Arc<Connection>, Unreachable> {
        let mut states = self.state.subscribe();
        let before = match &*states.borrow_and_update() {
            LinkState::Up(connection) => return Ok(Arc::clone(connection)),
            LinkState::Down { dials, .. } => *dials,
            LinkState::Dialling => 0,
        };
        self.wanted.notify_one();
        let decided = states.wait_for(|state| match state {
            LinkState::Dialling => false,
            LinkState::Up(_) => true,
            LinkState::Down { dials, .. } => *dials > before,
        });
        let state = match timeout(PATIENCE, decided).await {
            Ok(Ok(state)) => state.clone(),
            Ok(Err(_)) | Err(_) => {
                let why = format!("it has not answered for {} s", PATIENCE.as_secs());
                return Err(Unreachable { why: why.into(), advice: TRY_LATER });
            }
        };
        match state {
            LinkState::Up(connection) => Ok(connection),
            LinkState::Down { why, advice, .. } => Err(Unreachable { why, advice }),
            LinkState::Dialling => {
                Err(Unreachable { why: "it is dialled".into(), advice: TRY_LATER })
            }
        }
    }

    /// Waits until this session is known to have ended.
    pub(super) async fn lost(&self, connection: &Arc<Connection>) {
        let mut states = self.state.subscribe();
        let is_other = |state: &LinkState| match state {
            LinkState::Up(live) => !Arc::ptr_eq(live, connection),
            LinkState::Dialling | LinkState::Down { .. } => true,
        };
        let _ = timeout(PATIENCE, states.wait_for(is_other)).await;
    }

    /// Ends the session in order.
    pub(super) async fn leave(&self) {
        let connection = match &*self.state.borrow() {
            LinkState::Up(connection) => Arc::clone(connection),
            LinkState::Dialling | LinkState::Down { .. } => return,
        };
        self.leaves.store(true, Ordering::Relaxed);
        connection.handle.close();
        let _ = timeout(GOODBYE, self.lost(&connection)).await;
    }

    /// Why the last session ended.
    pub(super) fn why_lost(&self) -> String {
        match &*self.state.borrow() {
            LinkState::Down { why, .. } => why.to_string(),
            LinkState::Dialling | LinkState::Up(_) => "the session ended".to_owned(),
        }
    }

    /// The menu; one that was read since the last change is not read again.
    pub(super) async fn menu(&self) -> Result<Arc<Menu>, MenuError> {
        if let Some(menu) = &self.cache().menu {
            return Ok(Arc::clone(menu));
        }
        let seen = *self.changes.borrow();
        let menu = self.connection().await?.handle.menu().await?;
        let menu = Arc::new(sanitize::menu(menu));
        let mut cache = self.cache();
        cache.seen.extend(menu.commands.iter().map(|command| command.name.clone()));
        // Otherwise it may be that of before a reload.
        if seen == *self.changes.borrow() {
            cache.menu = Some(Arc::clone(&menu));
        }
        Ok(menu)
    }

    /// Whether any menu had a command of this name.
    pub(super) fn had_command(&self, name: &str) -> bool {
        self.cache().seen.contains(name)
    }
}

/// Why the menu cannot be read.
#[derive(Debug, thiserror::Error)]
pub(super) enum MenuError {
    #[error(transparent)]
    Unreachable(#[from] Unreachable),
    #[error("the menu cannot be read: {0}")]
    Call(#[from] CallError),
}

struct Ended {
    why: String,
    /// What to do, as a sentence.
    advice: &'static str,
    /// Whether another dial fails too until a person changes something.
    is_lasting: bool,
}

impl Ended {
    /// A session was lost.
    fn lost(why: String) -> Self {
        Self { why, advice: TRY_LATER, is_lasting: false }
    }

    fn not_connected(error: &ConnectError) -> Self {
        let ended = Self::lost(with_sources(error));
        if !error.is_lasting() {
            return ended;
        }
        Self { advice: CORRECT, is_lasting: true, ..ended }
    }
}
