//! A nats-server on loopback. The tests of the client have this file too.

use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use rustix::net::{AddressFamily, SocketType, bind, getsockname, socket, sockopt};
use rustix::process::{Pid, Signal, kill_process};

use crate::common::eventually;

/// The server of a hub, and its port. It is ended with the test.
pub(crate) struct NatsServer {
    pub(crate) port: u16,
    /// Keeps the port while the server is down.
    _held: OwnedFd,
    /// None while it is down.
    pub(crate) child: Option<Child>,
}

impl NatsServer {
    /// A server that does not run yet.
    pub(crate) fn new() -> Self {
        let (held, port) = held_port();
        Self { port, _held: held, child: None }
    }

    /// Starts it in a directory that `topsided hub init` has made. It listens when this returns.
    pub(crate) fn start(&mut self, dir: &Path) {
        let mut command = Command::new("nats-server");
        let port = self.port.to_string();
        command.args(["-c", "nats-server.conf", "-a", "127.0.0.1", "-p", &port]);
        command.current_dir(dir);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        self.child = Some(command.spawn().unwrap());
        let address = (Ipv4Addr::LOCALHOST, self.port);
        eventually("the hub listens", || TcpStream::connect(address).is_ok());
    }

    pub(crate) fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(self.child.as_ref().unwrap()), signal).unwrap();
    }
}

impl Drop for NatsServer {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A port of loopback, and what keeps it for a server that is down at times. It does not listen.
pub(crate) fn held_port() -> (OwnedFd, u16) {
    let held = socket(AddressFamily::INET, SocketType::STREAM, None).unwrap();
    sockopt::set_socket_reuseaddr(&held, true).unwrap();
    bind(&held, &SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).unwrap();
    let port = SocketAddr::try_from(getsockname(&held).unwrap()).unwrap().port();
    (held, port)
}
