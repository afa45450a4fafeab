//! The files that must exist while a server runs: its socket, its lock files and its log. A logout removes the
//! runtime directory, a cleaner of `/tmp` removes old files, `logrotate` moves the log. Each is made again at the
//! next check.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, MissedTickBehavior, interval_at};
use topside_shared::server_record::{CHECK_SECONDS, ServerRecord};

use crate::listen::local;
use crate::net::accept::Acceptor;
use crate::net::local_socket;
use crate::net::local_socket::{ListenError, LocalListener};
use crate::net::lock_file::ServerLock;
use crate::server::Server;

pub(crate) struct RuntimeFiles {
    local: LocalListener,
    state: ServerLock,
    acceptor: Acceptor,
    /// The error of the last check, so that it is logged once.
    failed: Option<String>,
}

/// The locks after the socket was closed; they keep other servers out.
pub(crate) struct Locks {
    _socket: Option<ServerLock>,
    _state: ServerLock,
}

impl RuntimeFiles {
    /// Records in the lock files how this server is found. `reloads`: it handles SIGHUP.
    pub(crate) fn new(mut local: LocalListener, mut state: ServerLock, reloads: bool) -> Self {
        let socket = Some(local.path().to_owned());
        let record = ServerRecord { socket, reloads, ..ServerRecord::of_this_process() };
        local.set(record.clone());
        state.set(record);
        Self { local, state, acceptor: Acceptor::new(local_socket::RESERVED), failed: None }
    }

    pub(crate) fn local(&self) -> &LocalListener {
        &self.local
    }

    /// Accepts on the local socket for ever, and checks the files every few seconds and at each reload.
    pub(crate) async fn serve(&mut self, server: &Arc<Server>) {
        let period = Duration::from_secs(CHECK_SECONDS);
        // The files were made a moment ago.
        let mut checks = interval_at(Instant::now() + period, period);
        checks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                // Connections to a socket that is about to be replaced are accepted first.
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
        // Without a state directory there is no lock to restore: the next write there reports it.
        if server.now().config.state.is_dir() && self.state.restore()? {
            tracing::warn!(target: "topside", "the lock file of the state directory was removed: it is made again");
        }
        if self.local.restore(server.now().config.local.is_open())? {
            let socket = self.local.path().display();
            tracing::warn!(target: "topside", "{socket} was removed: it is bound again");
        }
        Ok(())
    }

    /// Removes the socket.
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
