//! The server as a library, on a thread of this process and in a directory of its own.

use std::io::Write;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::thread::JoinHandle;

use serde_json::json;
use tempfile::TempDir;
use topside_server::{Config, Ended, Listeners, Stop, serve};
use topside_shared::dirs::Dirs;

use super::{DEADLINE, Device, Fifo, MENU, Raw};

/// The `[listen]` of most tests: a free port on loopback.
pub(crate) const LOOPBACK: &str = "[listen]\nport = 0\naddresses = [\"127.0.0.1\"]\n";

/// A running server; it ends when this is dropped.
pub(crate) struct TestServer {
    pub(crate) stop: Stop,
    socket: PathBuf,
    ended: mpsc::Receiver<Ended>,
    thread: Option<JoinHandle<()>>,
    // After the thread, which still writes into it.
    root: TempDir,
}

impl TestServer {
    /// With the menu of most tests and default settings.
    pub(crate) fn start() -> Self {
        Self::with(MENU, "")
    }

    /// With the menu of most tests and these `[limits]`.
    pub(crate) fn limits(limits: &str) -> Self {
        Self::with(MENU, &format!("[limits]\n{limits}\n"))
    }

    /// With the menu of most tests, open to loopback once there is an invite, and these `[limits]`.
    pub(crate) fn remote(limits: &str) -> Self {
        Self::with(MENU, &format!("{LOOPBACK}[limits]\n{limits}\n"))
    }

    /// With this `commands.toml` and this `server.toml`.
    pub(crate) fn with(commands: &str, server: &str) -> Self {
        Self::with_config(commands, server, |config| config)
    }

    /// The same, with what `change` makes of the configuration that was read.
    pub(crate) fn with_config(
        commands: &str,
        server: &str,
        change: impl FnOnce(Config) -> Config,
    ) -> Self {
        let root = directory();
        let dirs = Dirs {
            config: root.path().join("config"),
            state: root.path().join("state"),
            runtime: root.path().join("run"),
            runtime_only: true,
        };
        write(&dirs.config.join("commands.toml"), commands);
        write(&dirs.config.join("server.toml"), server);
        let config = change(Config::load(&dirs, None, None).unwrap());
        let socket = dirs.socket();
        let stop = Stop::new();
        let (bound, is_bound) = mpsc::channel();
        let (end, ended) = mpsc::channel();
        let thread = std::thread::spawn({
            let (stop, socket) = (stop.clone(), socket.clone());
            move || {
                let runtime =
                    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
                let result = runtime.block_on(async {
                    let listeners = Listeners::local(&socket, config.local.is_open()).unwrap();
                    bound.send(()).unwrap();
                    serve(listeners, config, stop).await
                });
                runtime.shutdown_background();
                // The receiver may have gone.
                let _ = end.send(result.unwrap());
            }
        });
        is_bound.recv_timeout(DEADLINE).expect("the server binds its socket");
        Self { stop, socket, ended, thread: Some(thread), root }
    }

    /// A new client.
    pub(crate) fn connect(&self) -> Raw {
        Raw::connect(&self.socket)
    }

    /// A new client that has asked for notices.
    pub(crate) fn connect_with_notices(&self) -> Raw {
        let mut client = self.connect();
        client.ok("initialize", serde_json::json!({"notices": true}));
        client
    }

    /// A device that was invited as this role, and has enrolled its own key.
    pub(crate) fn device(&self, name: &str, role: &str) -> Device {
        let made = self.connect().ok("key/invite", json!({"name": name, "role": role}));
        let device = Device::of_invite(made["invite"].as_str().unwrap());
        device.enrol()
    }

    pub(crate) fn socket(&self) -> &Path {
        &self.socket
    }

    /// The directory that holds all of the server's.
    pub(crate) fn root(&self) -> &Path {
        self.root.path()
    }

    /// A pipe for the programs of this server.
    pub(crate) fn fifo(&self, name: &str) -> Fifo {
        Fifo::new(self.root.path(), name)
    }

    /// Waits until the server has ended, and says how.
    pub(crate) fn ended(&self) -> Ended {
        self.ended.recv_timeout(DEADLINE).expect("the server ends")
    }
}

impl Drop for TestServer {
    fn drop(&mut self) {
        self.stop.at_once();
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
            && !std::thread::panicking()
        {
            panic!("the server panicked");
        }
    }
}

/// A directory of a test's own, with a name short enough for a socket in it.
pub(crate) fn directory() -> TempDir {
    tempfile::Builder::new().prefix("ts").tempdir().unwrap()
}

/// Writes a file that only its owner may write, with any umask.
pub(crate) fn write(path: &Path, text: &str) {
    std::fs::DirBuilder::new().recursive(true).create(path.parent().unwrap()).unwrap();
    let mut file = std::fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)
        .unwrap();
    file.write_all(text.as_bytes()).unwrap();
}

/// Writes a program that its owner may run.
pub(crate) fn write_program(path: &Path, text: &str) {
    write(path, text);
    std::fs::set_permissions(path, PermissionsExt::from_mode(0o700)).unwrap();
}
