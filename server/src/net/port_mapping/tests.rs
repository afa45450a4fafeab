//! The life of a mapping, against a router that does as it is told; and what is really sent, against one
//! that speaks NAT-PMP and PCP on loopback.

use crate::net::port_mapping::external_address::Protocol;
use crate::net::port_mapping::protocols::HomeRouter;
use crate::net::port_mapping::protocols::Place;
use std::collections::VecDeque;
use std::net::{IpAddr, Ipv4Addr, UdpSocket};
use std::num::NonZeroU16;
use std::sync::{Arc, Mutex};

use tokio_util::sync::CancellationToken;

use super::*;

const OUTSIDE: ExternalAddress = ExternalAddress {
    address: IpAddr::V4(Ipv4Addr::new(203, 0, 113, 7)),
    port: 8677,
    protocol: Protocol::Pcp,
};

/// What the next requests are answered with; after the last, with a refusal.
struct Fake {
    answers: VecDeque<Result<Grant, NoMapping>>,
    said: Arc<Mutex<Vec<(&'static str, Duration)>>>,
    began: Instant,
    moves: Arc<tokio::sync::Notify>,
}

impl Fake {
    fn new(answers: impl IntoIterator<Item = Result<Grant, NoMapping>>) -> Self {
        Self {
            answers: answers.into_iter().collect(),
            said: Arc::default(),
            began: Instant::now(),
            moves: Arc::default(),
        }
    }

    fn answer(&mut self, request: &'static str) -> Result<Grant, NoMapping> {
        self.note(request);
        self.answers.pop_front().unwrap_or(Err(NoMapping::NoNetwork))
    }

    fn note(&self, request: &'static str) {
        self.said.lock().unwrap().push((request, self.began.elapsed()));
    }
}

impl Router for Fake {
    async fn ask(&mut self) -> Result<Grant, NoMapping> {
        self.answer("ask")
    }

    async fn renew(&mut self) -> Result<Grant, NoMapping> {
        self.answer("renew")
    }

    async fn remove(&mut self) {
        self.note("remove");
    }

    async fn moved(&self) {
        self.moves.notified().await;
    }
}

fn granted(port: u16, seconds: u64) -> Result<Grant, NoMapping> {
    let lifetime = Duration::from_secs(seconds);
    Ok(Grant { outside: ExternalAddress { port, ..OUTSIDE }, lifetime })
}

/// Keeps the fake's port for a time, then closes; what it was asked and when, in seconds, and the changes of
/// the outside port.
async fn kept(fake: Fake, seconds: u64, moves_at: Option<u64>) -> (Vec<String>, Vec<Option<u16>>) {
    let (said, moves) = (Arc::clone(&fake.said), Arc::clone(&fake.moves));
    let (outside, mut seen) = watch::channel(None);
    let closing = CancellationToken::new();
    let mut ports = Vec::new();
    let watching = async {
        while seen.changed().await.is_ok() {
            ports.push(seen.borrow_and_update().map(|outside: ExternalAddress| outside.port));
        }
    };
    let ending = async {
        if let Some(at) = moves_at {
            sleep(Duration::from_secs(at)).await;
            moves.notify_waiters();
        }
        sleep(Duration::from_secs(seconds - moves_at.unwrap_or(0))).await;
        closing.cancel();
    };
    let keeping = async {
        keep(fake, &outside, || closing.cancelled()).await;
        drop(outside);
    };
    tokio::join!(keeping, ending, watching);
    let said = said.lock().unwrap();
    (said.iter().map(|(what, at)| format!("{what} at {}", at.as_secs())).collect(), ports)
}

#[tokio::test(start_paused = true)]
async fn a_port_is_renewed_at_half_its_life_and_given_back_at_the_end() {
    let fake = Fake::new([granted(8677, 1200), granted(8677, 1200), granted(8677, 1200)]);
    let (said, ports) = kept(fake, 1500, None).await;
    assert_eq!(said, ["ask at 0", "renew at 600", "renew at 1200", "remove at 1500"]);
    assert_eq!(ports, [Some(8677), None]);
}

#[tokio::test(start_paused = true)]
async fn a_renewal_that_gives_another_port_is_reported() {
    let fake = Fake::new([granted(8677, 1200), granted(9000, 1200)]);
    let (_, ports) = kept(fake, 700, None).await;
    assert_eq!(ports, [Some(8677), Some(9000), None]);
}

#[tokio::test(start_paused = true)]
async fn a_port_that_cannot_be_renewed_is_lost_when_it_expires_and_asked_for_anew() {
    let refused = (0..8).map(|_| Err(NoMapping::NoNetwork));
    let fake = Fake::new([granted(8677, 64)].into_iter().chain(refused).chain([granted(9, 64)]));
    let (said, ports) = kept(fake, 90, None).await;
    // Half of what is left each time, and never more often than each 4 s.
    let renewals: Vec<&str> = said.iter().map(String::as_str).collect();
    assert_eq!(
        renewals[..6],
        ["ask at 0", "renew at 32", "renew at 48", "renew at 56", "renew at 60", "renew at 64"]
    );
    assert_eq!(renewals[6], "ask at 69", "{said:?}");
    assert_eq!(ports[..2], [Some(8677), None], "a lost port is no longer published");
}

#[tokio::test(start_paused = true)]
async fn a_router_that_refuses_is_asked_ever_less_often_and_at_last_each_ten_minutes() {
    let (said, ports) = kept(Fake::new([]), 2000, None).await;
    let want = [0, 5, 15, 35, 75, 155, 315, 635, 1235, 1835].map(|at| format!("ask at {at}"));
    assert_eq!(said, want);
    assert_eq!(ports, []);
}

#[tokio::test(start_paused = true)]
async fn another_network_is_asked_at_once() {
    let fake = Fake::new([granted(8677, 1200), granted(9000, 1200)]);
    let (said, ports) = kept(fake, 400, Some(300)).await;
    assert_eq!(said, ["ask at 0", "ask at 300", "remove at 400"]);
    assert_eq!(ports, [Some(8677), Some(9000), None]);

    let fake =
        Fake::new([Err(NoMapping::NoNetwork), Err(NoMapping::NoNetwork), granted(9000, 1200)]);
    let (said, _) = kept(fake, 20, Some(8)).await;
    assert_eq!(said, ["ask at 0", "ask at 5", "ask at 8", "remove at 20"]);
}

#[tokio::test(start_paused = true)]
async fn a_lifetime_of_nothing_is_no_busy_loop() {
    let fake = Fake::new((0..100).map(|_| granted(8677, 0)));
    let (said, _) = kept(fake, 9, None).await;
    assert_eq!(said[..3], ["ask at 0", "renew at 4", "renew at 8"]);
}

#[tokio::test(start_paused = true)]
async fn an_external_address_that_the_internet_cannot_reach_is_reported_once_with_the_reason() {
    use tracing::instrument::WithSubscriber;

    let (log, dispatch, _writing) = crate::base::log::Log::open(
        &crate::base::log::Sinks::default(),
        topside_shared::notifications::Level::Info,
    )
    .unwrap();
    let shared = |port| {
        let address = IpAddr::from([100, 64, 3, 4]);
        let outside = ExternalAddress { address, port, protocol: Protocol::Pcp };
        Ok(Grant { outside, lifetime: Duration::from_secs(1200) })
    };
    let fake = Fake::new([shared(8677), shared(8677), shared(8677)]);
    kept(fake, 1500, None).with_subscriber(dispatch).await;
    let said: Vec<String> =
        log.tail(50, log.clock()).into_iter().map(|entry| entry.message).collect();
    let want = "the router's outside address 100.64.3.4 is shared by the provider's customers (carrier \
                NAT): clients on the internet cannot reach it";
    assert_eq!(said, ["the router forwards a port of its own to this machine", want]);
}

/// A router on an address of loopback that no other test has: it answers on the protocols' own port.
struct Wire {
    address: Ipv4Addr,
    /// Requests as they came.
    requests: Arc<Mutex<Vec<Vec<u8>>>>,
}

impl Wire {
    fn new(last: u8, answer: impl Fn(&[u8]) -> Option<Vec<u8>> + Send + 'static) -> Self {
        let pid = std::process::id().to_be_bytes();
        let address = Ipv4Addr::new(127, pid[2] | 1, pid[3], last);
        let socket = UdpSocket::bind((address, crab_nat::GATEWAY_PORT)).unwrap();
        let requests: Arc<Mutex<Vec<Vec<u8>>>> = Arc::default();
        let seen = Arc::clone(&requests);
        std::thread::spawn(move || {
            let mut buffer = [0; 1100];
            while let Ok((count, from)) = socket.recv_from(&mut buffer) {
                seen.lock().unwrap().push(buffer[..count].to_vec());
                if let Some(answer) = answer(&buffer[..count]) {
                    socket.send_to(&answer, from).unwrap();
                }
            }
        });
        Self { address, requests }
    }

    fn home(&self) -> HomeRouter<impl Fn() -> Option<Place>> {
        let place = Place { gateway: Some(self.address), own: Ipv4Addr::LOCALHOST };
        HomeRouter::new(NonZeroU16::new(8677).unwrap(), move || Some(place))
    }
}

/// RFC 6886: versions above 0 are refused, and port 8677 becomes 40000.
fn nat_pmp(request: &[u8]) -> Option<Vec<u8>> {
    let epoch = [0, 0, 0, 9];
    Some(match request {
        [2, ..] => [&[0, 0x80, 0, 1][..], &epoch].concat(),
        [0, 0] => [&[0, 0x80, 0, 0][..], &epoch, &[203, 0, 113, 7]].concat(),
        [0, 2, 0, 0, high, low, _, _, lifetime @ ..] => {
            let port = if lifetime == [0; 4] { [0, 0] } else { 40_000_u16.to_be_bytes() };
            [&[0, 0x82, 0, 0][..], &epoch, &[*high, *low], &port, lifetime].concat()
        }
        _ => return None,
    })
}

/// RFC 6887: a MAP request comes back with the port and the address that it got.
fn pcp(request: &[u8]) -> Option<Vec<u8>> {
    if request.len() != 60 || request[..2] != [2, 1] {
        return None;
    }
    let mut answer = request.to_vec();
    answer[1] |= 0x80;
    answer[3] = 0;
    answer[8..24].copy_from_slice(&[0; 16]);
    if request[4..8] != [0; 4] {
        answer[42..44].copy_from_slice(&40_001_u16.to_be_bytes());
    }
    answer[44..60].copy_from_slice(&Ipv4Addr::new(203, 0, 113, 8).to_ipv6_mapped().octets());
    Some(answer)
}

#[tokio::test]
async fn a_router_that_knows_nat_pmp_alone_is_asked_by_it() {
    let wire = Wire::new(1, nat_pmp);
    let mut home = wire.home();
    let grant = home.ask().await.unwrap();
    let outside = ExternalAddress {
        address: Ipv4Addr::new(203, 0, 113, 7).into(),
        port: 40_000,
        protocol: Protocol::NatPmp,
    };
    assert_eq!(grant, Grant { outside, lifetime: Duration::from_secs(1200) });
    assert_eq!(home.renew().await.unwrap(), grant);
    home.remove().await;
    let requests = wire.requests.lock().unwrap();
    assert_eq!(requests[0][0], 2, "PCP is asked first");
    let mapped: Vec<_> = requests.iter().filter(|request| request[..2] == [0, 2]).collect();
    // Port 8677 both times: that which was granted is asked for again; at the end, for no time at all.
    assert_eq!(mapped[0][4..], [0x21, 0xE5, 0x21, 0xE5, 0, 0, 4, 0xB0]);
    assert_eq!(mapped[1][4..], [0x21, 0xE5, 0x9C, 0x40, 0, 0, 4, 0xB0]);
    assert_eq!(mapped[2][4..], [0x21, 0xE5, 0, 0, 0, 0, 0, 0]);
}

#[tokio::test]
async fn a_router_that_knows_pcp_tells_its_address_with_the_port() {
    let wire = Wire::new(2, pcp);
    let mut home = wire.home();
    let grant = home.ask().await.unwrap();
    let outside = ExternalAddress {
        address: Ipv4Addr::new(203, 0, 113, 8).into(),
        port: 40_001,
        protocol: Protocol::Pcp,
    };
    assert_eq!(grant, Grant { outside, lifetime: Duration::from_secs(1200) });
    assert_eq!(home.renew().await.unwrap(), grant);
    home.remove().await;
    let requests = wire.requests.lock().unwrap();
    let nonces: Vec<&[u8]> = requests.iter().map(|request| &request[24..36]).collect();
    assert_eq!(nonces.len(), 3);
    assert!(nonces.iter().all(|nonce| *nonce == nonces[0]), "one mapping, one nonce");
    assert_eq!(requests[2][4..8], [0; 4]);
}
