//! The files that must be there while a server runs: its socket, its lock files and its log. A logout removes the
//! runtime directory, a cleaner of `/tmp` removes old files, `logrotate` moves the log. Each is made again at the next
//! check.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval};
use topside_shared::server_record::{CHECK_SECONDS, ServerRecord};

use crate::listen::local;
use crate::net::accept::Acceptor;
use crate::net::local_socket;
use crate::net::local_socket::{ListenError, LocalListener};
use crate::net::lock_file::{SocketLock, StateLock};
use crate::server::Server;

pub(crate) struct RuntimeFiles {
    local: LocalListener,
    state: StateLock,
    acceptor: Acceptor,
    /// What the last check could not do, so that it is logged once.
    failed: Option<String>,
}

/// The locks, once the socket is closed: other servers are kept out as long as this lives.
pub(crate) struct Locks {
    _socket: Option<SocketLock>,
    _state: StateLock,
}

impl RuntimeFiles {
    /// Records in the lock files how this server is found. `reloads`: it hears SIGHUP.
    pub(crate) fn new(mut local: LocalListener, mut state: StateLock, reloads: bool) -> Self {
        let socket = Some(local.path().to_owned());
        let record = ServerRecord { socket, reloads, ..ServerRecord::of_this_process() };
        local.set(record.clone());
        state.set(record);
        Self { local, state, acceptor: Acceptor::new(local_socket::RESERVED), failed: None }
    }

    /// The local socket.
    pub(crate) fn local(&self) -> &LocalListener {
        &self.local
    }

    /// Accepts on the local socket for ever, and checks the files every few seconds and whenever they are read again.
    pub(crate) async fn serve(&mut self, server: &Arc<Server>) {
        let mut checks = interval(Duration::from_secs(CHECK_SECONDS));
        checks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                // Who connected to a socket that is about to be replaced is taken in first.
                biased;
                () = local::accept_local(server, &self.local, &mut self.acceptor) => unreachable!("accepting goes on for ever"),
                _ = checks.tick() => {}
                () = server.check_files.notified() => {}
            }
            self.check(server);
        }
    }

    fn check(&mut self, server: &Server) {
        server.log.check_file();
        match self.restore(server) {
            Ok(()) => self.failed = None,
            Err(error) => {
                let error = error.to_string();
                if self.failed.as_ref() != Some(&error) {
                    tracing::error!(
                        target: "topside", error, "the local socket cannot be bound again: it is tried every {CHECK_SECONDS} s"
                    );
                }
                self.failed = Some(error);
            }
        }
    }

    fn restore(&mut self, server: &Server) -> Result<(), ListenError> {
        // A state directory that is gone is no lock's business: what is kept there notices it at its next write.
        if server.now().config.state.is_dir() && self.state.restore()? {
            tracing::warn!(target: "topside", "the lock file of the state directory was removed: it is made again");
        }
        if self.local.restore(server.now().config.local.is_open())? {
            let socket = self.local.path().display();
            tracing::warn!(target: "topside", "{socket} was removed: it is bound again");
        }
        Ok(())
    }

    /// Takes the socket away.
    pub(crate) fn close(self) -> Locks {
        let Self { local, mut state, .. } = self;
        let ending = ServerRecord::of_this_process();
        state.set(ending.clone());
        let mut socket = local.close();
        if let Some(lock) = &mut socket {
            lock.set(ending);
        }
        Locks { _socket: socket, _state: state }
    }
}
