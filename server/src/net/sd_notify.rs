//! Reports to the supervisor (systemd's `Type=notify`): ready, status, watchdog, stopping.

use std::env::var_os;
use std::ffi::OsStr;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::UnixDatagram;
use tokio::time::{MissedTickBehavior, interval};
use topside_shared::notifications::Closing;
use topside_shared::text::clean;

use crate::base::platform;
use crate::base::shutdown::Shutdown;

/// Longest reason of a failed start, in characters.
const MAX_FAILURE: usize = 512;

/// The connection to a supervisor; the default has none.
#[derive(Debug, Clone, Default)]
pub struct Supervisor {
    socket: Option<Arc<std::os::unix::net::UnixDatagram>>,
    /// The interval within which it expects a report.
    watchdog: Option<Duration>,
    /// Why the supervisor that the environment names cannot be reached.
    unreachable: Option<Arc<NoSupervisor>>,
}

/// The supervisor's socket cannot be reached.
#[derive(Debug, thiserror::Error)]
#[error("NOTIFY_SOCKET {name} cannot be notified that the server is ready: {source}")]
pub struct NoSupervisor {
    name: String,
    source: io::Error,
}

impl Supervisor {
    /// The supervisor that the environment names: `NOTIFY_SOCKET`, `WATCHDOG_USEC` and `WATCHDOG_PID`, as systemd sets
    /// them. If it cannot be reached, the server starts without it and logs that: a dead supervisor must not prevent a
    /// start.
    pub fn from_env() -> Self {
        let Some(name) = var_os("NOTIFY_SOCKET").filter(|name| !name.is_empty()) else {
            return Self::default();
        };
        let number = |name| var_os(name)?.to_str()?.parse::<u64>().ok();
        let is_ours = number("WATCHDOG_PID").is_none_or(|pid| pid == u64::from(std::process::id()));
        let watchdog = number("WATCHDOG_USEC").filter(|us| is_ours && *us > 0);
        Self::at(&name, watchdog.map(Duration::from_micros))
            .unwrap_or_else(|error| Self { unreachable: Some(Arc::new(error)), ..Self::default() })
    }

    /// The supervisor at this socket: a path, or `@` and an abstract name. With `watchdog` it gets two reports within each
    /// such interval.
    ///
    /// # Errors
    /// [`NoSupervisor`].
    pub fn at(socket: &OsStr, watchdog: Option<Duration>) -> Result<Self, NoSupervisor> {
        let name = socket.to_string_lossy();
        let socket = platform::datagrams_to(socket)
            .and_then(|socket| socket.set_nonblocking(true).map(|()| socket))
            .map_err(|source| NoSupervisor { name: name.into_owned(), source })?;
        Ok(Self { socket: Some(Arc::new(socket)), watchdog, unreachable: None })
    }

    /// Reports that the server is ready, alive and closing, and its `status`; ends when the future is dropped. To be polled
    /// by the thread that serves requests: if that hangs, the reports stop, and the supervisor reacts.
    pub(crate) async fn report(&self, shutdown: &Shutdown, status: impl Fn() -> String) {
        if let Some(error) = &self.unreachable {
            tracing::warn!(target: "topside", "{error}: the server continues without a supervisor; start it as a service, or unset NOTIFY_SOCKET");
        }
        let Some(socket) = self.connected() else { return std::future::pending().await };
        send(&socket, &format!("READY=1\nSTATUS={}", status())).await;
        let watchdog = self.report_alive(&socket, || format!("WATCHDOG=1\nSTATUS={}", status()));
        tokio::select! {
            () = shutdown.begun() => {}
            () = watchdog => unreachable!("the reports never end"),
        }
        if let Some(closing) = shutdown.closing() {
            send(&socket, &closing_report(&closing)).await;
        }
        // The status of the shutdown stays.
        self.report_alive(&socket, || "WATCHDOG=1".to_owned()).await;
    }

    /// Reports why the server did not start, in one line. The supervisor shows it until the next start.
    pub(crate) fn report_failure(&self, error: &str) {
        let Some(socket) = &self.socket else { return };
        let mut lines = error.lines();
        let first = clean(lines.next().unwrap_or_default(), MAX_FAILURE);
        let more = match lines.count() {
            0 => String::new(),
            more => format!(" (and {more} more: see the journal)"),
        };
        // The process ends anyway, and its log has the reason.
        let _ = socket.send(format!("STATUS=did not start: {first}{more}").as_bytes());
    }

    fn connected(&self) -> Option<UnixDatagram> {
        let socket = self.socket.as_ref()?.try_clone().and_then(UnixDatagram::from_std);
        let failed = |error: &io::Error| tracing::error!(target: "topside", %error, "the supervisor cannot be reached");
        socket.inspect_err(failed).ok()
    }

    /// Reports at the watchdog's interval that the server is alive.
    async fn report_alive(&self, socket: &UnixDatagram, report: impl Fn() -> String) {
        let Some(watchdog) = self.watchdog else { return std::future::pending().await };
        let mut moments = interval((watchdog / 2).max(Duration::from_millis(1)));
        moments.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            moments.tick().await;
            send(socket, &report()).await;
        }
    }
}

async fn send(socket: &UnixDatagram, report: &str) {
    if let Err(error) = socket.send(report.as_bytes()).await {
        tracing::warn!(target: "topside", %error, "a report to the supervisor was not sent");
    }
}

/// The report of a shutdown, or of a restart in the same process, which then reports that it is ready.
fn closing_report(closing: &Closing) -> String {
    let how = match closing.restart {
        true => format!("RELOADING=1\nMONOTONIC_USEC={}", platform::monotonic_us()),
        false => "STOPPING=1".to_owned(),
    };
    let reason = if closing.reason.is_empty() { "no reason was given" } else { &closing.reason };
    format!("{how}\nSTATUS=closing, by {}: {reason}", closing.by)
}
