//! A hub on loopback: a nats-server with the configuration that `topsided hub init` writes. The box reaches it through a relay
//! that can be cut, and devices of a test come through it by a TCP port of this process.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rustix::process::Signal;
use tempfile::TempDir;
use topside_shared::Pin;
use topside_shared::fleet::{Enrolment, FleetInvite, Invited, JoinString, ROSTER_KEY, Roster};
use topside_shared::hub::{HubAccess, HubConnection, HubCredentials, HubRole};
use topside_shared::private_key::{PrivateKey, Seed};
use topside_shared::time::Time;

use super::nats_server::NatsServer;
use super::{Topsided, require};

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
    server: NatsServer,
    relay: Relay,
    credentials: HubCredentials,
}

impl Hub {
    /// A hub that runs; none where there is no nats-server.
    pub(crate) fn new(topsided: &Topsided) -> Option<Self> {
        if !require("nats-server") {
            return None;
        }
        let server = NatsServer::new();
        let dir = tempfile::tempdir().unwrap();
        let made = dir.path().join("hub");
        let (place, number) = (made.display().to_string(), server.port.to_string());
        let said =
            topsided.run(&["hub", "init", &place, "--address", "127.0.0.1", "--port", &number]);
        assert_eq!(said.status, Some(0), "{said:?}");
        let string = std::fs::read_to_string(made.join("string")).unwrap();
        let credentials = HubCredentials::find(&string).unwrap();
        let relay = Relay::to(server.port);
        let mut hub = Self { dir, server, relay, credentials };
        hub.start();
        hub.create_fleet();
        Some(hub)
    }

    pub(crate) fn start(&mut self) {
        self.server.start(&self.dir.path().join("hub"));
    }

    pub(crate) fn kill(&mut self) {
        self.server.kill();
    }

    pub(crate) fn signal(&self, signal: Signal) {
        self.server.signal(signal);
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
