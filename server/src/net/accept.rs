//! The loop that accepts connections on a listener.
//!
//! A listener reserves descriptors. When the process has no others, one is closed to accept the next connection, which is
//! then refused with the reason, or served if it is an admin's. Otherwise it would wait without an answer.

use std::fs::File;
use std::future::poll_fn;
use std::io;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::Instant;

use crate::base::descriptors;
use crate::base::shortage::Shortage;

/// Pauses after an accept that failed, doubled up to a second: a lasting error would otherwise return a million times in two
/// seconds.
const FIRST_PAUSE: Duration = Duration::from_millis(10);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);
/// Longest wait of a connection until the reserve of hooks is complete.
const HOOKS_FIRST: Duration = Duration::from_secs(2);
/// Shortest time between two log lines about connections that cannot be accepted.
const LOG_INTERVAL: Duration = Duration::from_secs(60);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Room {
    Free,
    /// None were, and the listener has this many reserved ones left.
    Reserved(usize),
}

#[derive(Debug)]
pub(crate) struct Acceptor {
    reserve: Vec<File>,
    /// Size of the complete reserve.
    most: usize,
    pause: Duration,
    logged: Option<Instant>,
}

impl Acceptor {
    pub(crate) fn new(reserved: usize) -> Self {
        let reserve = Vec::with_capacity(reserved);
        let mut acceptor = Self { reserve, most: reserved, pause: FIRST_PAUSE, logged: None };
        acceptor.fill();
        acceptor
    }

    /// Accepts until the future is dropped.
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
                let accepted = poll_fn(again).await;
                let failed = matches!(accepted, Poll::Ready(Err(_)));
                // While pending, the client has gone.
                if let Poll::Ready(Ok(connection)) = accepted {
                    admit(connection, Room::Reserved(left));
                }
                self.fill();
                if !failed {
                    continue;
                }
            }
            tokio::time::sleep(self.pause).await;
            self.pause = (self.pause * 2).min(LONGEST_PAUSE);
            self.fill();
        }
    }

    /// Waits for the reserve of hooks, but not without end: each descriptor that a hook or a run gives back would go to the
    /// next connection.
    async fn leave_descriptors_to_hooks(&self) {
        let mut waited = Duration::ZERO;
        while descriptors::hooks_lack_some() && waited < HOOKS_FIRST {
            tokio::time::sleep(FIRST_PAUSE).await;
            waited += FIRST_PAUSE;
        }
    }

    /// Opens the missing reserved descriptors, as far as the system allows.
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
        if self.logged.is_none_or(|logged| logged.elapsed() >= LOG_INTERVAL) {
            self.logged = Some(Instant::now());
            tracing::warn!(
                target: "topside", %error,
                "no connection can be accepted now, but for a few of admins on this machine"
            );
        }
    }
}
