//! Shutdown state: open, scheduled or closing; and the handle that stops a server from outside.

use std::sync::Arc;
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use topside_shared::after_shutdown::AfterShutdown;
use topside_shared::methods::ShutdownResult;
use topside_shared::notifications::{Closing, Phase};
use topside_shared::time::millis;
use topside_shared::{ErrorKind, RpcError, Time};

use crate::base::mutex::Mutex;
use crate::base::platform;

/// Longest delay of a shutdown, so that clocks cannot overflow.
const MAX_DELAY: Duration = Duration::from_secs(365 * 86_400);
/// How long after its SIGHUP a terminal may still be open.
const HANGUP_DELAY: Duration = Duration::from_millis(100);

/// Stops a server from outside. Clones stop the same one.
#[derive(Debug, Clone, Default)]
pub struct Stop {
    order: Arc<Mutex<Option<Order>>>,
    requested: CancellationToken,
    at_once: CancellationToken,
    reload: Arc<Notify>,
    handles_signals: bool,
}

#[derive(Debug, Clone, Default)]
struct Order {
    reason: String,
    by: String,
}

impl Stop {
    /// A handle without a request.
    pub fn new() -> Self {
        Self::default()
    }

    /// A handle for signals; needs a tokio runtime. SIGTERM and SIGINT, and SIGHUP if the terminal has hung up, shut the
    /// server down; a second one ends it at once. Any other SIGHUP reloads its files.
    ///
    /// # Errors
    /// The system installs no signal handler.
    pub fn on_signals() -> std::io::Result<Self> {
        let stop = Self { handles_signals: true, ..Self::default() };
        let mut term = signal(SignalKind::terminate())?;
        let mut int = signal(SignalKind::interrupt())?;
        let mut hup = signal(SignalKind::hangup())?;
        let handle = stop.clone();
        let had_terminal = platform::has_terminal();
        tokio::spawn(async move {
            let mut is_second = false;
            loop {
                let name = tokio::select! {
                    _ = term.recv() => "SIGTERM",
                    _ = int.recv() => "SIGINT",
                    _ = hup.recv() => {
                        if !(had_terminal && hung_up().await) {
                            handle.read_again();
                            continue;
                        }
                        "SIGHUP"
                    }
                };
                if is_second {
                    handle.at_once();
                } else {
                    handle.in_order(String::new(), format!("signal {name}"));
                }
                is_second = true;
            }
        });
        Ok(stop)
    }

    /// Shuts the server down in order: clients get `reason` and `by`, the name of the one that ordered it.
    pub fn in_order(&self, reason: impl Into<String>, by: impl Into<String>) {
        self.order.lock().get_or_insert(Order { reason: reason.into(), by: by.into() });
        self.requested.cancel();
    }

    pub(crate) fn handles_signals(&self) -> bool {
        self.handles_signals
    }

    /// Has the server read its files again.
    pub fn read_again(&self) {
        self.reload.notify_one();
    }

    pub(crate) async fn reload_requested(&self) {
        self.reload.notified().await;
    }

    /// Ends the server without waiting for clients and runs.
    pub fn at_once(&self) {
        self.at_once.cancel();
    }

    pub(crate) async fn at_once_requested(&self) {
        self.at_once.cancelled().await;
    }

    /// Whether [`Stop::in_order`] was called.
    pub(crate) fn is_requested(&self) -> bool {
        self.requested.is_cancelled()
    }

    /// Waits for [`Stop::in_order`] and returns its plan.
    pub(crate) async fn requested(&self) -> Plan {
        self.requested.cancelled().await;
        let Order { reason, by } = self.order.lock().clone().unwrap_or_default();
        Plan::new(Duration::ZERO, by, ShutdownOptions { reason, ..ShutdownOptions::default() })
    }
}

/// Whether this process, which had a terminal, has lost it. If the leader of the session dies, the system sends SIGHUP a
/// moment before it takes the terminal away.
async fn hung_up() -> bool {
    if platform::has_terminal() {
        tokio::time::sleep(HANGUP_DELAY).await;
    }
    !platform::has_terminal()
}

/// Why a server shuts down, and what happens then.
#[derive(Debug, Clone, Default)]
pub(crate) struct ShutdownOptions {
    pub(crate) reason: String,
    /// When the server is expected back.
    pub(crate) back: Option<Time>,
    pub(crate) then: AfterShutdown,
    /// How long a reboot usually takes.
    pub(crate) usual_ms: Option<u64>,
}

#[derive(Debug, Clone)]
pub(crate) struct Plan {
    deadline: Instant,
    delayed: bool,
    at: Time,
    pub(crate) by: String,
    pub(crate) options: ShutdownOptions,
    /// Cancelled once the answer to the order is on its way.
    pub(crate) answered: Option<CancellationToken>,
}

impl Plan {
    pub(crate) fn new(delay: Duration, by: String, options: ShutdownOptions) -> Self {
        let delay = delay.min(MAX_DELAY);
        let ms = millis(delay);
        Self {
            deadline: Instant::now() + delay,
            delayed: !delay.is_zero(),
            at: Time::now().plus_millis(ms),
            by,
            options,
            answered: None,
        }
    }

    pub(crate) fn was_delayed(&self) -> bool {
        self.delayed
    }

    pub(crate) fn notice(&self, phase: Phase) -> Closing {
        let ShutdownOptions { reason, back, then, usual_ms } = self.options.clone();
        Closing {
            phase,
            reason,
            by: self.by.clone(),
            deadline: self.at,
            in_ms: match phase {
                Phase::Scheduled => self.in_ms(),
                Phase::Cancelled | Phase::Now => 0,
            },
            restart: then == AfterShutdown::Restart,
            then: Some(then),
            back,
            usual_ms,
        }
    }

    pub(crate) fn due(&self) -> ShutdownResult {
        ShutdownResult { deadline: self.at, in_ms: self.in_ms() }
    }

    fn in_ms(&self) -> u64 {
        let left = self.deadline.saturating_duration_since(Instant::now());
        // Rounded up: a countdown must not end before the shutdown begins.
        u64::try_from(left.as_micros().div_ceil(1000)).unwrap_or(u64::MAX)
    }
}

#[derive(Debug, Default)]
enum Stage {
    #[default]
    Open,
    Scheduled(Plan),
    Closing(Plan),
}

impl Stage {
    fn is_scheduled(&self, plan: &Plan) -> bool {
        matches!(self, Self::Scheduled(now) if now.deadline == plan.deadline)
    }
}

/// The shutdown of a server, from its order to its begin.
#[derive(Debug, Default)]
pub(crate) struct Shutdown {
    stage: Mutex<Stage>,
    changed: Notify,
    begun: CancellationToken,
}

/// The shutdown has begun and cannot be changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TooLate;

impl Shutdown {
    pub(crate) fn schedule(&self, plan: Plan) -> Result<(), TooLate> {
        let mut stage = self.stage.lock();
        if matches!(*stage, Stage::Closing(_)) {
            return Err(TooLate);
        }
        *stage = Stage::Scheduled(plan);
        self.changed.notify_one();
        Ok(())
    }

    pub(crate) fn cancel(&self) -> Result<Option<Plan>, TooLate> {
        let mut stage = self.stage.lock();
        match std::mem::take(&mut *stage) {
            Stage::Open => Ok(None),
            Stage::Scheduled(plan) => {
                self.changed.notify_one();
                Ok(Some(plan))
            }
            closing @ Stage::Closing(_) => {
                *stage = closing;
                Err(TooLate)
            }
        }
    }

    /// The notification for clients that connect while a shutdown is due.
    pub(crate) fn closing(&self) -> Option<Closing> {
        match &*self.stage.lock() {
            Stage::Open => None,
            Stage::Scheduled(plan) => Some(plan.notice(Phase::Scheduled)),
            Stage::Closing(plan) => Some(plan.notice(Phase::Now)),
        }
    }

    pub(crate) fn has_begun(&self) -> bool {
        matches!(*self.stage.lock(), Stage::Closing(_))
    }

    /// The answer if a task ended without a result: a shutdown ended it, or it panicked.
    pub(crate) fn interrupted(&self, what: &str) -> RpcError {
        if self.has_begun() {
            return RpcError::new(ErrorKind::Closing, "the server is shutting down");
        }
        RpcError::new(
            ErrorKind::Internal,
            format_args!("{what} was interrupted by a fault of the server; see its log"),
        )
    }

    pub(crate) async fn begun(&self) {
        self.begun.cancelled().await;
    }

    /// Waits until a shutdown is due. It can be cancelled until [`Shutdown::begin_due`].
    pub(crate) async fn due(&self) -> Plan {
        loop {
            let due = match &*self.stage.lock() {
                Stage::Scheduled(plan) => Some(plan.clone()),
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
            if let Some(answered) = &plan.answered {
                answered.cancelled().await;
            }
            if self.stage.lock().is_scheduled(&plan) {
                return plan;
            }
        }
    }

    /// Begins a shutdown that is due; false if it was cancelled or replaced at the last moment.
    pub(crate) fn begin_due(&self, plan: &Plan) -> bool {
        let begins = self.replace_due(plan, Stage::Closing(plan.clone()));
        if begins {
            self.begun.cancel();
        }
        begins
    }

    /// Cancels a shutdown that is due and not possible; false if it was replaced.
    pub(crate) fn drop_due(&self, plan: &Plan) -> bool {
        self.replace_due(plan, Stage::Open)
    }

    fn replace_due(&self, plan: &Plan, next: Stage) -> bool {
        let mut stage = self.stage.lock();
        let is_scheduled = stage.is_scheduled(plan);
        if is_scheduled {
            *stage = next;
        }
        is_scheduled
    }

    /// Begins at once, whether one is scheduled or not.
    pub(crate) fn begin(&self, plan: &Plan) {
        *self.stage.lock() = Stage::Closing(plan.clone());
        self.begun.cancel();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(seconds: u64, reason: &str) -> Plan {
        let options = ShutdownOptions { reason: reason.into(), ..ShutdownOptions::default() };
        Plan::new(Duration::from_secs(seconds), "u".into(), options)
    }

    #[tokio::test(start_paused = true)]
    async fn another_order_replaces_the_first() {
        let shutdown = Shutdown::default();
        shutdown.schedule(plan(10, "first")).unwrap();
        let second = plan(60, "second");
        shutdown.schedule(second).unwrap();
        let begun = Instant::now();
        let due = shutdown.due().await;
        assert_eq!(due.options.reason, "second");
        assert!(shutdown.begin_due(&due));
        assert_eq!(begun.elapsed(), Duration::from_secs(60));
        assert_eq!(shutdown.schedule(plan(1, "third")), Err(TooLate));
    }

    #[tokio::test(start_paused = true)]
    async fn a_cancelled_order_never_comes_due() {
        let shutdown = Shutdown::default();
        shutdown.schedule(plan(10, "first")).unwrap();
        assert_eq!(shutdown.cancel().unwrap().unwrap().options.reason, "first");
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
