//! The loop that accepts connections on a listener.
//!
//! A listener reserves descriptors. When the process has no others, one is closed to accept the next connection, which is
//! then refused with the reason, or is served where it is an admin's. Without that it would wait for an answer.

use std::fs::File;
use std::future::poll_fn;
use std::io;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::Instant;

use crate::base::descriptors;
use crate::base::shortage::Shortage;

/// Pauses after an accept that failed, doubled up to a second: an error that stays would otherwise be
/// met a million times in two seconds.
const FIRST_PAUSE: Duration = Duration::from_millis(10);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);
/// How long a connection waits at most until the reserve of hooks is complete.
const HOOKS_FIRST: Duration = Duration::from_secs(2);
/// Least time between two lines in the log about connections that cannot be accepted.
const LOG_EVERY: Duration = Duration::from_secs(60);

/// The descriptors that were free when a connection was accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Room {
    /// There were some.
    Free,
    /// There were none, and the listener has so many reserved ones left.
    Reserved(usize),
}

/// Accepts on one listener; see the module.
#[derive(Debug)]
pub(crate) struct Acceptor {
    reserve: Vec<File>,
    /// How many are reserved when there is no shortage.
    most: usize,
    pause: Duration,
    logged: Option<Instant>,
}

impl Acceptor {
    /// With so many reserved descriptors.
    pub(crate) fn new(reserved: usize) -> Self {
        let reserve = Vec::with_capacity(reserved);
        let mut acceptor = Self { reserve, most: reserved, pause: FIRST_PAUSE, logged: None };
        acceptor.fill();
        acceptor
    }

    /// Accepts for ever; ends with the future.
    pub(crate) async fn accept<C>(
        &mut self,
        mut poll: impl FnMut(&mut Context<'_>) -> Poll<io::Result<C>>,
        mut admit: impl FnMut(C, Room),
    ) {
        loop {
            self.leave_descriptors_to_hooks().await;
            let error = match poll_fn(&mut poll).await {
                Ok(connection) => {
                    self.pause = FIRST_PAUSE;
                    admit(connection, Room::Free);
                    self.fill();
                    continue;
                }
                // The limit of descriptors was lowered for the start of a program.
                Err(_) if descriptors::raise_again() => continue,
                Err(error) => error,
            };
            self.log(&error);
            if Shortage::of(&error) == Some(Shortage::Descriptors) && self.reserve.pop().is_some() {
                let left = self.reserve.len();
                let again = |cx: &mut Context<'_>| Poll::Ready(descriptors::with_most(|| poll(cx)));
                match poll_fn(again).await {
                    Poll::Ready(Ok(connection)) => {
                        admit(connection, Room::Reserved(left));
                        self.fill();
                        continue;
                    }
                    // The client has gone.
                    Poll::Pending => {
                        self.fill();
                        continue;
                    }
                    Poll::Ready(Err(_)) => self.fill(),
                }
            }
            tokio::time::sleep(self.pause).await;
            self.pause = (self.pause * 2).min(LONGEST_PAUSE);
            self.fill();
        }
    }

    /// Waits while the reserve of hooks is incomplete, but not so long that connections are never accepted: each
    /// descriptor that a hook or a run gives back would go to the next connection.
    async fn leave_descriptors_to_hooks(&self) {
        let mut waited = Duration::ZERO;
        while descriptors::hooks_lack_some() && waited < HOOKS_FIRST {
            tokio::time::sleep(FIRST_PAUSE).await;
            waited += FIRST_PAUSE;
        }
    }

    /// Reserves what is missing, as far as the system gives it.
    fn fill(&mut self) {
        if self.reserve.len() == self.most || descriptors::hooks_lack_some() {
            return;
        }
        descriptors::with_most(|| {
            while self.reserve.len() < self.most {
                match File::open("/dev/null") {
                    Ok(file) => self.reserve.push(file),
                    Err(_) => return,
                }
            }
        });
    }

    fn log(&mut self, error: &io::Error) {
        if self.logged.is_none_or(|logged| logged.elapsed() >= LOG_EVERY) {
            self.logged = Some(Instant::now());
            tracing::warn!(
                target: "topside", %error,
                "no connection can be accepted now, but for a few of admins on this machine"
            );
        }
    }
}
