//! Dials several addresses and takes the first that shows the right key.

use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::time::Duration;

use futures_util::stream::{FuturesUnordered, StreamExt};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::time::{sleep, timeout};
use topside_shared::Pin;
use topside_shared::private_key::PrivateKey;
use topside_shared::text::host_port;

use super::error::ConnectError;
#[cfg(feature = "hub")]
use super::hub_connections;
use super::remote::Address;
use super::tls::{self, ByteStream, Stream};
use super::{PATIENCE, Via, lan_lookup};

const HEAD_START: Duration = Duration::from_millis(300);
/// A server answers a question on the LAN within 120 ms (RFC 6762, section 6).
const ANNOUNCED_HEAD_START: Duration = Duration::from_millis(150);

#[derive(Debug)]
pub(super) struct Dialled {
    pub(super) stream: Stream,
    pub(super) address: Address,
}

/// Dials the addresses in their order. The next try starts after a head start, or at once when one has failed. The first
/// connection to the right key is taken, and the other tries are dropped.
pub(super) async fn dial(
    addresses: &[Address],
    server: Pin,
    key: &PrivateKey,
) -> Result<Dialled, ConnectError> {
    let mut tries = Vec::with_capacity(addresses.len());
    for address in addresses {
        let dialled = async move {
            let at = address.to_string();
            match timeout(PATIENCE, reach(address, server, key, &at)).await {
                Ok(reached) => reached,
                Err(_) => Err(ConnectError::NoAnswer { at }),
            }
        };
        let head_start = match address {
            Address::Announced => ANNOUNCED_HEAD_START,
            _ => HEAD_START,
        };
        tries.push((head_start, dialled));
    }
    race(tries).await.map_err(ConnectError::of_addresses)
}

/// Connects to the server at one address.
async fn reach(
    address: &Address,
    server: Pin,
    key: &PrivateKey,
    at: &str,
) -> Result<Dialled, ConnectError> {
    let (stream, address) = match address {
        Address::Network { host, port, .. } => {
            (reach_host(host, *port, server, key, at).await?, address.clone())
        }
        Address::Announced => {
            let (ips, port) = lan_lookup::find(server).await.ok_or(ConnectError::NotOnLan)?;
            reach_ips(&ips, port, server, key).await?
        }
        #[cfg(feature = "hub")]
        Address::Hub(access) => {
            // The future is large, and the other routes do not need its space.
            let dialled = Box::pin(hub_connections::dial(access, &server)).await?;
            let stream: Box<dyn ByteStream> = Box::new(dialled);
            (tls::handshake(stream, server, key, at).await?, address.clone())
        }
    };
    Ok(Dialled { stream, address })
}

/// Connects to one of the addresses that a server announced.
async fn reach_ips(
    ips: &[IpAddr],
    port: u16,
    server: Pin,
    key: &PrivateKey,
) -> Result<(Stream, Address), ConnectError> {
    let mut tries = Vec::with_capacity(ips.len());
    for ip in ips {
        let host = ip.to_string();
        let dialled = async move {
            let at = host_port(&host, port);
            let stream = reach_host(&host, port, server, key, &at).await?;
            Ok((stream, Address::Network { via: Via::Lan, host, port }))
        };
        tries.push((HEAD_START, dialled));
    }
    race(tries).await.map_err(ConnectError::of_addresses)
}

/// Connects to one host, by any IP address of its name.
async fn reach_host(
    host: &str,
    port: u16,
    server: Pin,
    key: &PrivateKey,
    at: &str,
) -> Result<Stream, ConnectError> {
    let not_found = |source| ConnectError::NoHost { at: at.to_owned(), source };
    let resolved = look_up(host, port).await;
    let tries = alternate(resolved.map_err(not_found)?).into_iter().map(|ip| {
        let dialled = async move {
            let stream = TcpStream::connect(ip).await.map_err(|error| unreachable(error, at))?;
            // Requests are small, and each is waited for.
            let _ = stream.set_nodelay(true);
            let stream: Box<dyn ByteStream> = Box::new(stream);
            tls::handshake(stream, server, key, at).await
        };
        (HEAD_START, dialled)
    });
    race(tries).await.map_err(|errors| match ConnectError::most_specific(errors) {
        Some(error) => error,
        None => not_found(io::ErrorKind::NotFound.into()),
    })
}

/// Resolves a host on a thread of its own. A lookup cannot be cancelled and may take half a minute, and a runtime waits
/// for the threads of its pool when it ends.
async fn look_up(host: &str, port: u16) -> io::Result<std::vec::IntoIter<SocketAddr>> {
    if let Ok(ip) = host.parse::<IpAddr>() {
        return Ok(vec![SocketAddr::new(ip, port)].into_iter());
    }
    let (sender, resolved) = oneshot::channel();
    let host = host.to_owned();
    std::thread::Builder::new().name("topside-lookup".to_owned()).spawn(move || {
        // The caller may have stopped waiting.
        let _ = sender.send((host.as_str(), port).to_socket_addrs());
    })?;
    resolved.await.unwrap_or_else(|_| Err(io::ErrorKind::Other.into()))
}

/// The IP addresses of a host, IPv6 and IPv4 in turn, starting with the family that the system prefers (RFC 8305,
/// section 4).
fn alternate(resolved: impl Iterator<Item = SocketAddr>) -> Vec<SocketAddr> {
    let resolved: Vec<SocketAddr> = resolved.collect();
    let preferred = resolved.first().is_some_and(SocketAddr::is_ipv6);
    let family = |ipv6: bool| resolved.iter().copied().filter(move |ip| ip.is_ipv6() == ipv6);
    let (mut first, mut second) = (family(preferred), family(!preferred));
    let mut ips = Vec::with_capacity(resolved.len());
    while ips.len() < resolved.len() {
        ips.extend(first.next());
        ips.extend(second.next());
    }
    ips
}

fn unreachable(source: io::Error, at: &str) -> ConnectError {
    let at = at.to_owned();
    match source.kind() {
        io::ErrorKind::ConnectionRefused => ConnectError::NotListening { at },
        io::ErrorKind::ConnectionReset => ConnectError::TurnedAway { at },
        io::ErrorKind::TimedOut => ConnectError::NoAnswer { at },
        io::ErrorKind::HostUnreachable
        | io::ErrorKind::NetworkUnreachable
        | io::ErrorKind::NetworkDown
        | io::ErrorKind::AddrNotAvailable => ConnectError::NoRoute { at },
        _ => ConnectError::Io { at, source },
    }
}

/// Starts the tries one after the other, each after the head start of the one before or at once when one has failed. Returns
/// the first success, or all errors in their order.
async fn race<T, F: Future<Output = Result<T, ConnectError>>>(
    tries: impl IntoIterator<Item = (Duration, F)>,
) -> Result<T, Vec<ConnectError>> {
    let mut waiting = tries.into_iter().peekable();
    let mut started = FuturesUnordered::new();
    let mut errors = Vec::new();
    let mut head_start = HEAD_START;
    loop {
        if let Some((next, dialled)) = waiting.next() {
            head_start = next;
            started.push(dialled);
        }
        tokio::select! {
            biased;
            result = started.next() => match result {
                Some(Ok(reached)) => return Ok(reached),
                Some(Err(error)) => errors.push(error),
                None => return Err(errors),
            },
            () = sleep(head_start), if waiting.peek().is_some() => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::future::pending;

    use tokio::time::Instant;

    use super::*;

    fn failure(number: u8) -> ConnectError {
        ConnectError::NoRoute { at: number.to_string() }
    }

    async fn after(ms: u64, result: Result<u8, ConnectError>) -> Result<u8, ConnectError> {
        sleep(Duration::from_millis(ms)).await;
        result
    }

    #[tokio::test(start_paused = true)]
    async fn each_try_has_a_head_start_unless_one_fails_and_the_first_success_drops_the_rest() {
        struct Dropped<'d>(&'d RefCell<Vec<u8>>, u8);
        impl Drop for Dropped<'_> {
            fn drop(&mut self) {
                self.0.borrow_mut().push(self.1);
            }
        }
        let begun = RefCell::new(Vec::new());
        let dropped = RefCell::new(Vec::new());
        let start = Instant::now();
        let tries = (1..=5).map(|number| {
            let (begun, dropped) = (&begun, &dropped);
            let dialled = async move {
                begun.borrow_mut().push((number, start.elapsed().as_millis()));
                let _dropped = Dropped(dropped, number);
                match number {
                    1 => pending().await,
                    2 => after(100, Err(failure(2))).await,
                    3 => after(350, Ok(3)).await,
                    _ => pending().await,
                }
            };
            (HEAD_START, dialled)
        });
        assert_eq!(race(tries).await.unwrap(), 3);
        assert_eq!(*begun.borrow(), [(1, 0), (2, 300), (3, 400), (4, 700)]);
        dropped.borrow_mut().sort_unstable();
        assert_eq!(*dropped.borrow(), [1, 2, 3, 4]);
    }

    #[tokio::test(start_paused = true)]
    async fn all_failures_are_reported() {
        let tries =
            [(500, 1), (10, 2)].map(|(ms, number)| (HEAD_START, after(ms, Err(failure(number)))));
        let start = Instant::now();
        let failures = race(tries).await.unwrap_err();
        let told = failures.iter().map(ToString::to_string);
        assert_eq!(told.collect::<Vec<_>>(), [failure(2), failure(1)].map(|f| f.to_string()));
        assert_eq!(start.elapsed().as_millis(), 500);
    }

    #[test]
    fn the_two_kinds_of_numbers_are_tried_by_turns() {
        let parse = |list: &[&str]| list.iter().map(|n| n.parse().unwrap()).collect::<Vec<_>>();
        let found = parse(&["[::1]:1", "[::2]:1", "[::3]:1", "1.1.1.1:1"]);
        let turns = parse(&["[::1]:1", "1.1.1.1:1", "[::2]:1", "[::3]:1"]);
        assert_eq!(alternate(found.into_iter()), turns);
        assert!(alternate(std::iter::empty()).is_empty());
    }
}
