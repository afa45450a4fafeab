//! The directories of one box, and a server in them.

use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};

use super::{TOPSIDE, eventually};

/// Directories of one box.
pub(crate) struct Home(pub(crate) tempfile::TempDir);

impl Home {
    pub(crate) fn new() -> Self {
        let dir = tempfile::Builder::new().prefix("ts").tempdir_in("/tmp").unwrap();
        Self(dir)
    }

    /// A box with this `commands.toml`.
    pub(crate) fn with_menu(menu: &str) -> Self {
        let home = Self::new();
        home.write_menu(menu);
        home
    }

    /// Writes `commands.toml`.
    pub(crate) fn write_menu(&self, menu: &str) {
        self.configure("commands.toml", menu);
    }

    /// Writes a file of the configuration, and returns its path.
    pub(crate) fn configure(&self, name: &str, text: &str) -> PathBuf {
        let config = self.0.path().join("config");
        std::fs::create_dir_all(&config).unwrap();
        let file = config.join(name);
        std::fs::write(&file, text).unwrap();
        file
    }

    /// The file of the saved servers and the settings of the client.
    pub(crate) fn client_toml(&self) -> PathBuf {
        self.0.path().join("config/client.toml")
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.0.path().join("run/topsided.sock")
    }

    pub(crate) fn env(&self) -> [(&'static str, PathBuf); 3] {
        let dir = |name| self.0.path().join(name);
        [
            ("TOPSIDE_CONFIG_DIR", dir("config")),
            ("TOPSIDE_STATE_DIR", dir("state")),
            ("TOPSIDE_RUNTIME_DIR", dir("run")),
        ]
    }
}

/// A server of its own process, ended with the test, also when it fails.
pub(crate) struct Server(Child);

impl Server {
    /// Starts one and waits until it listens.
    pub(crate) fn start(home: &Home) -> Self {
        Self::start_with(home, &[])
    }

    /// The same with more variables of the environment.
    pub(crate) fn start_with(home: &Home, env: &[(&str, PathBuf)]) -> Self {
        let mut command = Command::new(TOPSIDE);
        command.arg("serve").envs(home.env()).envs(env.iter().cloned()).stdin(Stdio::null());
        let server = Self(command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());
        // The socket is there a moment before the server listens, and stays after a kill.
        eventually("the server listens", || UnixStream::connect(home.socket()).is_ok());
        server
    }

    /// Waits for its end; whether its status is 0.
    pub(crate) fn succeeded(&mut self) -> bool {
        self.0.wait().unwrap().success()
    }

    /// Has it read its files again.
    pub(crate) fn hang_up(&self) {
        kill_process(Pid::from_child(&self.0), Signal::HUP).unwrap();
    }

    /// Kills it with SIGKILL.
    pub(crate) fn kill(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
