//! Shutdown state: open, scheduled or closing; and the handle that stops a server from outside.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use topside_shared::methods::ShutdownResult;
use topside_shared::notifications::{Closing, Phase};
use topside_shared::{ErrorKind, RpcError, Time};

use crate::base::platform;

/// Longest delay of a shutdown: longer ones are cut, so that clocks cannot overflow.
const MAX_DELAY: Duration = Duration::from_secs(365 * 86_400);

/// How long a terminal takes to be gone, once the signal that says so has come.
const HANGS_UP: Duration = Duration::from_millis(100);

/// Stops a server from outside it. Clones stop the same one.
#[derive(Debug, Clone, Default)]
pub struct Stop {
    /// What was asked for first.
    order: Arc<Mutex<Option<Order>>>,
    asked: CancellationToken,
    at_once: CancellationToken,
    read_again: Arc<Notify>,
    hears_signals: bool,
}

#[derive(Debug, Clone)]
struct Order {
    reason: String,
    by: String,
}

impl Stop {
    /// A hand that has not been raised.
    pub fn new() -> Self {
        Self::default()
    }

    /// A hand that signals raise, from now on and within a tokio runtime: SIGTERM and SIGINT, and SIGHUP
    /// where the terminal has hung up, stop the server in order; a second one ends it at once. SIGHUP at any other
    /// time has it read its files again.
    ///
    /// # Errors
    /// Where the system gives no way to hear of signals.
    pub fn on_signals() -> std::io::Result<Self> {
        let stop = Self { hears_signals: true, ..Self::default() };
        let mut term = signal(SignalKind::terminate())?;
        let mut int = signal(SignalKind::interrupt())?;
        let mut hup = signal(SignalKind::hangup())?;
        let raised = stop.clone();
        let had_terminal = platform::has_terminal();
        tokio::spawn(async move {
            let mut before = false;
            loop {
                let name = tokio::select! {
                    _ = term.recv() => "SIGTERM",
                    _ = int.recv() => "SIGINT",
                    _ = hup.recv() => {
                        if !(had_terminal && hung_up().await) {
                            raised.read_again();
                            continue;
                        }
                        "SIGHUP"
                    }
                };
                if before {
                    raised.at_once();
                } else {
                    raised.in_order(String::new(), format!("signal {name}"));
                }
                before = true;
            }
        });
        Ok(stop)
    }

    /// Shuts the server down in order: every client is told `reason` and who ordered it.
    pub fn in_order(&self, reason: impl Into<String>, by: impl Into<String>) {
        let mut order = self.order.lock().unwrap_or_else(PoisonError::into_inner);
        order.get_or_insert(Order { reason: reason.into(), by: by.into() });
        drop(order);
        self.asked.cancel();
    }

    /// Whether signals raise it, so that SIGHUP has the server read its files again.
    pub(crate) fn hears_signals(&self) -> bool {
        self.hears_signals
    }

    /// Has the server read its files again.
    pub fn read_again(&self) {
        self.read_again.notify_one();
    }

    /// Waits for [`Stop::read_again`].
    pub(crate) async fn wanted_again(&self) {
        self.read_again.notified().await;
    }

    /// Ends the server without waiting for anybody.
    pub fn at_once(&self) {
        self.at_once.cancel();
    }

    /// Waits for [`Stop::at_once`].
    pub(crate) async fn wanted_at_once(&self) {
        self.at_once.cancelled().await;
    }

    /// Waits for [`Stop::in_order`] and gives its plan.
    pub(crate) async fn wanted(&self) -> Plan {
        self.asked.cancelled().await;
        let order = self.order.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let Order { reason, by } =
            order.unwrap_or_else(|| Order { reason: String::new(), by: String::new() });
        Plan::new(Duration::ZERO, reason, by, false)
    }
}

/// Whether this process, which had a terminal, has none any more. Where the leader of the session dies, the system
/// sends the signal a moment before it takes the terminal away.
async fn hung_up() -> bool {
    if platform::has_terminal() {
        tokio::time::sleep(HANGS_UP).await;
    }
    !platform::has_terminal()
}

/// A shutdown that was ordered.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    deadline: Instant,
    delayed: bool,
    at: Time,
    pub(crate) reason: String,
    pub(crate) by: String,
    pub(crate) restart: bool,
    /// The run that ordered it, which ends first.
    pub(crate) ordered_by_run: Option<CancellationToken>,
}

impl Plan {
    pub(crate) fn new(delay: Duration, reason: String, by: String, restart: bool) -> Self {
        let delay = delay.min(MAX_DELAY);
        let ms = u64::try_from(delay.as_millis()).unwrap_or(u64::MAX);
        Self {
            deadline: Instant::now() + delay,
            delayed: !delay.is_zero(),
            at: Time::now().plus_millis(ms),
            reason,
            by,
            restart,
            ordered_by_run: None,
        }
    }

    /// Whether it was ordered for a later time.
    pub(crate) fn was_delayed(&self) -> bool {
        self.delayed
    }

    /// The notice that says how far it is.
    pub(crate) fn notice(&self, phase: Phase) -> Closing {
        Closing {
            phase,
            reason: self.reason.clone(),
            by: self.by.clone(),
            deadline: self.at,
            in_ms: match phase {
                Phase::Scheduled => self.in_ms(),
                Phase::Cancelled | Phase::Now => 0,
            },
            restart: self.restart,
        }
    }

    pub(crate) fn due(&self) -> ShutdownResult {
        ShutdownResult { deadline: self.at, in_ms: self.in_ms() }
    }

    fn in_ms(&self) -> u64 {
        let left = self.deadline.saturating_duration_since(Instant::now());
        // Rounded up: a countdown must not be over before the thing itself.
        u64::try_from(left.as_micros().div_ceil(1000)).unwrap_or(u64::MAX)
    }
}

/// How the server stands.
#[derive(Debug, Default)]
enum State {
    #[default]
    Open,
    Scheduled(Plan),
    Closing(Plan),
}

impl State {
    /// Whether `plan` is what is scheduled.
    fn is_scheduled(&self, plan: &Plan) -> bool {
        matches!(self, Self::Scheduled(now) if now.deadline == plan.deadline)
    }
}

/// The server's own side of shutting down. The mutex is private to this type and never held across
/// an `.await`.
#[derive(Debug, Default)]
pub(crate) struct Shutdown {
    state: Mutex<State>,
    changed: Notify,
    /// Raised when it begins.
    begun: CancellationToken,
}

/// The server is closing already; nothing can be changed about that.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TooLate;

impl Shutdown {
    /// Orders a shutdown; an earlier order is replaced.
    ///
    /// # Errors
    /// [`TooLate`] once it has begun.
    pub(crate) fn schedule(&self, plan: Plan) -> Result<(), TooLate> {
        let mut state = self.lock();
        if matches!(*state, State::Closing(_)) {
            return Err(TooLate);
        }
        *state = State::Scheduled(plan);
        self.changed.notify_one();
        Ok(())
    }

    /// Calls a scheduled shutdown off, and gives what it was; none was due: `None`.
    ///
    /// # Errors
    /// [`TooLate`] once it has begun.
    pub(crate) fn cancel(&self) -> Result<Option<Plan>, TooLate> {
        let mut state = self.lock();
        match std::mem::take(&mut *state) {
            State::Open => Ok(None),
            State::Scheduled(plan) => {
                self.changed.notify_one();
                Ok(Some(plan))
            }
            closing @ State::Closing(_) => {
                *state = closing;
                Err(TooLate)
            }
        }
    }

    /// The notice of what is due, for those who come while it is.
    pub(crate) fn closing(&self) -> Option<Closing> {
        match &*self.lock() {
            State::Open => None,
            State::Scheduled(plan) => Some(plan.notice(Phase::Scheduled)),
            State::Closing(plan) => Some(plan.notice(Phase::Now)),
        }
    }

    /// Whether it has begun, so that nothing new may start.
    pub(crate) fn has_begun(&self) -> bool {
        matches!(*self.lock(), State::Closing(_))
    }

    /// The answer where a task ended before it told the result: a shutdown ended it, or it panicked.
    pub(crate) fn interrupted(&self, what: &str) -> RpcError {
        if self.has_begun() {
            return RpcError::new(ErrorKind::Closing, "the server is shutting down");
        }
        RpcError::new(
            ErrorKind::Internal,
            format_args!("{what} was interrupted by a fault of the server; see its log"),
        )
    }

    /// Waits until it has begun.
    pub(crate) async fn begun(&self) {
        self.begun.cancelled().await;
    }

    /// Waits until a shutdown is due. It can still be called off until [`Shutdown::begin_due`].
    pub(crate) async fn due(&self) -> Plan {
        loop {
            let due = match &*self.lock() {
                State::Scheduled(plan) => Some(plan.clone()),
                _ => None,
            };
            let Some(plan) = due else {
                self.changed.notified().await;
                continue;
            };
            tokio::select! {
                () = tokio::time::sleep_until(plan.deadline) => {}
                () = self.changed.notified() => continue,
            }
            if let Some(run) = &plan.ordered_by_run {
                run.cancelled().await;
            }
            if self.is_scheduled(&plan) {
                return plan;
            }
        }
    }

    /// Begins a shutdown that is due; false where it was called off or replaced at the last moment.
    pub(crate) fn begin_due(&self, plan: &Plan) -> bool {
        let mut state = self.lock();
        let is_scheduled = state.is_scheduled(plan);
        if is_scheduled {
            *state = State::Closing(plan.clone());
            self.begun.cancel();
        }
        is_scheduled
    }

    /// Calls off a shutdown that is due and cannot be carried out; false where another has taken its place.
    pub(crate) fn drop_due(&self, plan: &Plan) -> bool {
        let mut state = self.lock();
        let is_scheduled = state.is_scheduled(plan);
        if is_scheduled {
            *state = State::Open;
        }
        is_scheduled
    }

    fn is_scheduled(&self, plan: &Plan) -> bool {
        self.lock().is_scheduled(plan)
    }

    /// Begins at once, whatever was scheduled.
    pub(crate) fn begin(&self, plan: &Plan) {
        *self.lock() = State::Closing(plan.clone());
        self.begun.cancel();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(seconds: u64, reason: &str) -> Plan {
        Plan::new(Duration::from_secs(seconds), reason.into(), "u".into(), false)
    }

    #[tokio::test(start_paused = true)]
    async fn another_order_replaces_the_first() {
        let shutdown = Shutdown::default();
        shutdown.schedule(plan(10, "first")).unwrap();
        let second = plan(60, "second");
        shutdown.schedule(second).unwrap();
        let begun = Instant::now();
        let due = shutdown.due().await;
        assert_eq!(due.reason, "second");
        assert!(shutdown.begin_due(&due));
        assert_eq!(begun.elapsed(), Duration::from_secs(60));
        assert_eq!(shutdown.schedule(plan(1, "third")), Err(TooLate));
    }

    #[tokio::test(start_paused = true)]
    async fn a_cancelled_order_never_comes_due() {
        let shutdown = Shutdown::default();
        shutdown.schedule(plan(10, "first")).unwrap();
        assert_eq!(shutdown.cancel().unwrap().unwrap().reason, "first");
        assert!(shutdown.cancel().unwrap().is_none());
        let wait = tokio::time::timeout(Duration::from_secs(100), shutdown.due()).await;
        assert!(wait.is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn the_countdown_is_by_the_monotonic_clock() {
        let plan = plan(60, "r");
        tokio::time::advance(Duration::from_secs(45)).await;
        assert_eq!(plan.notice(Phase::Scheduled).in_ms, 15_000);
        assert_eq!(plan.notice(Phase::Now).in_ms, 0);
    }
}
