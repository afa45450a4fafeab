//! A hub on loopback: a nats-server with the configuration that `topsided hub init` writes. The box reaches it through a relay
//! that can be cut, and devices of a test come through it by a TCP port of this process.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rustix::net::{AddressFamily, SocketType, bind, getsockname, socket, sockopt};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;
use topside_shared::Pin;
use topside_shared::fleet::{Enrolment, FleetInvite, Invited, JoinString, ROSTER_KEY, Roster};
use topside_shared::hub::{HubAccess, HubConnection, HubCredentials, HubRole};
use topside_shared::private_key::{PrivateKey, Seed};
use topside_shared::time::Time;

use super::{Topsided, eventually, require};

/// The key that signs rosters.
fn authority() -> PrivateKey {
    PrivateKey::from_seed(&Seed::from_bytes([7; 32])).unwrap()
}

/// The seed of the invite for boxes.
fn enrolment() -> Seed {
    Seed::from_bytes([8; 32])
}

fn an_hour_on() -> Time {
    Time::from_millis(Time::now().as_millis() + 3_600_000)
}

/// A hub. It is ended with the test.
pub(crate) struct Hub {
    dir: TempDir,
    port: u16,
    /// Keeps the port for this hub while it is down. It does not listen.
    _port: OwnedFd,
    server: Option<Child>,
    relay: Relay,
    credentials: HubCredentials,
}

impl Hub {
    /// A hub that runs; none where there is no nats-server.
    pub(crate) fn new(topsided: &Topsided) -> Option<Self> {
        if !require("nats-server") {
            return None;
        }
        let held = socket(AddressFamily::INET, SocketType::STREAM, None).unwrap();
        sockopt::set_socket_reuseaddr(&held, true).unwrap();
        bind(&held, &SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).unwrap();
        let port = SocketAddr::try_from(getsockname(&held).unwrap()).unwrap().port();
        let dir = tempfile::tempdir().unwrap();
        let made = dir.path().join("hub");
        let (place, number) = (made.display().to_string(), port.to_string());
        let said =
            topsided.run(&["hub", "init", &place, "--address", "127.0.0.1", "--port", &number]);
        assert_eq!(said.status, Some(0), "{said:?}");
        let string = std::fs::read_to_string(made.join("string")).unwrap();
        let credentials = HubCredentials::find(&string).unwrap();
        let relay = Relay::to(port);
        let mut hub = Self { dir, port, _port: held, server: None, relay, credentials };
        hub.start();
        hub.create_fleet();
        Some(hub)
    }

    pub(crate) fn start(&mut self) {
        let mut command = Command::new("nats-server");
        command.args(["-c", "nats-server.conf", "-a", "127.0.0.1"]);
        command.current_dir(self.dir.path().join("hub"));
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        self.server = Some(command.spawn().unwrap());
        let address = (Ipv4Addr::LOCALHOST, self.port);
        eventually("the hub listens", || TcpStream::connect(address).is_ok());
    }

    pub(crate) fn kill(&mut self) {
        if let Some(mut server) = self.server.take() {
            server.kill().unwrap();
            server.wait().unwrap();
        }
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(self.server.as_ref().unwrap()), signal).unwrap();
    }

    /// Removes all that it has stored.
    pub(crate) fn empty(&self) {
        std::fs::remove_dir_all(self.dir.path().join("hub/jetstream")).unwrap();
    }

    /// Carries nothing between the box and the hub any more, or carries on.
    pub(crate) fn cut(&self, cut: bool) {
        self.relay.is_cut.store(cut, Ordering::SeqCst);
    }

    /// Stores a roster with an invite for boxes.
    fn create_fleet(&self) {
        let access = self.access(HubRole::Admin);
        let mut roster = Roster::new(access.fleet.clone(), Vec::new(), Time::now());
        roster.invites.push(FleetInvite {
            key: PrivateKey::from_seed(&enrolment()).unwrap().pin(),
            invites: Invited::Box { auto: true },
            tags: Vec::new(),
            uses: 1,
            until: an_hour_on(),
        });
        let roster = roster.sign(&authority()).unwrap().text().to_owned();
        tokio::runtime::Runtime::new().unwrap().block_on(async {
            let bucket = HubConnection::open(&access).await.unwrap().bucket();
            bucket.create().await.unwrap();
            bucket.put_after(ROSTER_KEY, roster.into(), 0).await.unwrap();
        });
    }

    /// What the box joins with, by way of the relay.
    pub(crate) fn join_string(&self) -> String {
        let mut access = self.access(HubRole::Box);
        access.addresses = vec![("127.0.0.1".to_owned(), self.relay.port)];
        let enrolment = Some(Enrolment { seed: enrolment(), until: an_hour_on() });
        JoinString { access, authority: authority().pin(), enrolment }.to_string()
    }

    fn access(&self, role: HubRole) -> HubAccess {
        self.credentials.access(role, &"garden".parse().unwrap())
    }

    /// Where a device of this test reaches the box with this pin through the hub, over TCP.
    pub(crate) fn address_of(&self, pin: Pin) -> SocketAddr {
        let (access, listener) = (self.access(HubRole::Person), TcpListener::bind("127.0.0.1:0"));
        let listener = listener.unwrap();
        let address = listener.local_addr().unwrap();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Runtime::new().unwrap();
            for accepted in listener.incoming() {
                let accepted = accepted.unwrap();
                accepted.set_nonblocking(true).unwrap();
                let access = access.clone();
                runtime.spawn(async move {
                    let mut near = tokio::net::TcpStream::from_std(accepted).unwrap();
                    // Where the box is not at the hub, the connection ends.
                    if let Ok(hub) = HubConnection::open(&access).await
                        && let Ok(mut far) = hub.dial(&pin).await
                    {
                        let _ = tokio::io::copy_bidirectional(&mut near, &mut far).await;
                    }
                });
            }
        });
        address
    }
}

impl Drop for Hub {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A TCP port that leads to another one. While it is cut it takes connections and bytes, and passes nothing on.
struct Relay {
    port: u16,
    is_cut: Arc<AtomicBool>,
}

impl Relay {
    fn to(port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let relay = Self { port: listener.local_addr().unwrap().port(), is_cut: Arc::default() };
        let is_cut = Arc::clone(&relay.is_cut);
        std::thread::spawn(move || {
            for near in listener.incoming() {
                let (near, is_cut) = (near.unwrap(), Arc::clone(&is_cut));
                std::thread::spawn(move || {
                    wait_while(&is_cut);
                    let Ok(far) = TcpStream::connect((Ipv4Addr::LOCALHOST, port)) else { return };
                    let back = (far.try_clone().unwrap(), near.try_clone().unwrap());
                    let of_back = Arc::clone(&is_cut);
                    std::thread::spawn(move || pass(back.0, back.1, &of_back));
                    pass(near, far, &is_cut);
                });
            }
        });
        relay
    }
}

fn wait_while(is_cut: &AtomicBool) {
    while is_cut.load(Ordering::SeqCst) {
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn pass(mut from: TcpStream, mut to: TcpStream, is_cut: &AtomicBool) {
    let mut buffer = [0; 16 * 1024];
    loop {
        match from.read(&mut buffer) {
            Ok(count) if count > 0 => {
                wait_while(is_cut);
                if to.write_all(&buffer[..count]).is_err() {
                    break;
                }
            }
            _ => break,
        }
    }
    let _ = to.shutdown(Shutdown::Both);
    let _ = from.shutdown(Shutdown::Both);
}
