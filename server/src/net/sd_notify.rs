//! Reports to the supervisor (systemd's `Type=notify`): ready, status, watchdog, stopping.

use std::env::var_os;
use std::ffi::OsStr;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::UnixDatagram;
use tokio::time::{MissedTickBehavior, interval};
use topside_shared::notifications::Closing;

use crate::base::platform;
use crate::base::shutdown::Shutdown;

/// The hand to a supervisor; the default has none.
#[derive(Debug, Clone, Default)]
pub struct Supervisor {
    socket: Option<Arc<std::os::unix::net::UnixDatagram>>,
    /// Within how long it wants to hear again and again.
    watchdog: Option<Duration>,
    /// Why the one that the environment names hears nothing.
    unreachable: Option<Arc<NoSupervisor>>,
}

/// A socket was named that cannot be told anything.
#[derive(Debug, thiserror::Error)]
#[error("NOTIFY_SOCKET {name} cannot be told that the server is ready: {source}")]
pub struct NoSupervisor {
    name: String,
    source: io::Error,
}

impl Supervisor {
    /// The one that the environment names: `NOTIFY_SOCKET`, `WATCHDOG_USEC` and `WATCHDOG_PID`, as systemd sets them.
    /// Where it cannot be reached, the server starts without it and says so: a supervisor that is gone must not keep a
    /// server down.
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

    /// The one at this socket, a path or `@` and an abstract name, which perhaps watches: then it hears twice within
    /// each `watchdog`.
    ///
    /// # Errors
    /// [`NoSupervisor`].
    pub fn at(socket: &OsStr, watchdog: Option<Duration>) -> Result<Self, NoSupervisor> {
        let told = platform::datagrams_to(socket).and_then(|told| {
            told.set_nonblocking(true)?;
            Ok(told)
        });
        match told {
            Ok(told) => Ok(Self { socket: Some(Arc::new(told)), watchdog, unreachable: None }),
            Err(source) => {
                Err(NoSupervisor { name: socket.to_string_lossy().into_owned(), source })
            }
        }
    }

    /// Reports that the server is ready, that it lives, its `status` in a few words, and that it is closing; ends with
    /// the future. To be polled by the thread that carries requests: where that hangs, nothing is said, and
    /// the supervisor does something about it.
    pub(crate) async fn report(&self, shutdown: &Shutdown, status: impl Fn() -> String) {
        if let Some(error) = &self.unreachable {
            tracing::warn!(target: "topside", "{error}: the server goes on without a supervisor; start it as a service, or unset NOTIFY_SOCKET");
        }
        let Some(socket) = self.connected() else { return std::future::pending().await };
        tell(&socket, &format!("READY=1\nSTATUS={}", status())).await;
        let lives = self.lives(&socket, || format!("WATCHDOG=1\nSTATUS={}", status()));
        tokio::select! {
            () = shutdown.begun() => {}
            () = lives => unreachable!("it lives for ever"),
        }
        if let Some(closing) = shutdown.closing() {
            tell(&socket, &end(&closing)).await;
        }
        // What was just said stands.
        self.lives(&socket, || "WATCHDOG=1".to_owned()).await;
    }

    fn connected(&self) -> Option<UnixDatagram> {
        let socket = self.socket.as_ref()?.try_clone().and_then(UnixDatagram::from_std);
        let told = |error: &io::Error| tracing::error!(target: "topside", %error, "the supervisor hears nothing");
        socket.inspect_err(told).ok()
    }

    /// Says again and again that the server lives, if it is watched.
    async fn lives(&self, socket: &UnixDatagram, words: impl Fn() -> String) {
        let Some(watchdog) = self.watchdog else { return std::future::pending().await };
        let mut moments = interval((watchdog / 2).max(Duration::from_millis(1)));
        moments.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            moments.tick().await;
            tell(socket, &words()).await;
        }
    }
}

/// Says it, as soon as the supervisor takes it.
async fn tell(socket: &UnixDatagram, words: &str) {
    if let Err(error) = socket.send(words.as_bytes()).await {
        tracing::warn!(target: "topside", %error, "the supervisor was not told how the server stands");
    }
}

/// What is said of an end, or of one that is a new start in the same process, which then says that it is ready.
fn end(closing: &Closing) -> String {
    let how = match closing.restart {
        true => format!("RELOADING=1\nMONOTONIC_USEC={}", platform::monotonic_us()),
        false => "STOPPING=1".to_owned(),
    };
    let reason = if closing.reason.is_empty() { "no reason was given" } else { &closing.reason };
    format!("{how}\nSTATUS=closing, by {}: {reason}", closing.by)
}
