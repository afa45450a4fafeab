//! Reaching the first of several addresses that shows the right key.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use futures_util::stream::{FuturesUnordered, StreamExt};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};
use topside_shared::Pin;
use topside_shared::identity::Identity;

use super::PATIENCE;
use super::error::ConnectError;
use super::remote::Address;
use super::tls::{self, Stream};

/// What one try has before the next one begins beside it.
const HEAD_START: Duration = Duration::from_millis(300);

/// A connection to the right server, and the address that led to it.
#[derive(Debug)]
pub(super) struct Dialled {
    pub(super) stream: Stream,
    pub(super) address: Address,
}

/// Dials the addresses in their order, each a little later than the one before, or at once when one has
/// failed. The first that shows the right key is taken, and the rest dropped.
pub(super) async fn dial(
    addresses: &[Address],
    server: Pin,
    identity: &Identity,
) -> Result<Dialled, ConnectError> {
    let mut tries = Vec::with_capacity(addresses.len());
    for address in addresses {
        tries.push(async move {
            let at = address.to_string();
            match timeout(PATIENCE, reach(address, server, identity, &at)).await {
                Ok(reached) => reached.map(|stream| Dialled { stream, address: address.clone() }),
                Err(_) => Err(ConnectError::NoAnswer { at }),
            }
        });
    }
    race(tries).await.map_err(ConnectError::of_addresses)
}

/// Reaches one address, by any of the numbers that its name stands for.
async fn reach(
    address: &Address,
    server: Pin,
    identity: &Identity,
    at: &str,
) -> Result<Stream, ConnectError> {
    let not_found = |source| ConnectError::NoHost { at: at.to_owned(), source };
    let found = tokio::net::lookup_host((address.host.as_str(), address.port)).await;
    let tries = alternate(found.map_err(not_found)?).into_iter().map(|number| async move {
        let stream = TcpStream::connect(number).await.map_err(|error| unreachable(error, at))?;
        // Requests are small, and each is waited for.
        let _ = stream.set_nodelay(true);
        tls::handshake(stream, server, identity, at).await
    });
    race(tries).await.map_err(|errors| match ConnectError::most_telling(errors) {
        Some(error) => error,
        None => not_found(io::ErrorKind::NotFound.into()),
    })
}

/// The numbers of a host, those of the two kinds by turns, the kind that the system prefers first
/// (RFC 8305, section 4).
fn alternate(found: impl Iterator<Item = SocketAddr>) -> Vec<SocketAddr> {
    let found: Vec<SocketAddr> = found.collect();
    let Some(first) = found.first().map(SocketAddr::is_ipv6) else { return found };
    let (mut one, mut other): (Vec<_>, Vec<_>) =
        found.into_iter().partition(|number| number.is_ipv6() == first);
    let mut numbers = Vec::with_capacity(one.len() + other.len());
    (one, other) = (one.into_iter().rev().collect(), other.into_iter().rev().collect());
    while !one.is_empty() || !other.is_empty() {
        numbers.extend(one.pop());
        numbers.extend(other.pop());
    }
    numbers
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

/// Begins one try after the other, each [`HEAD_START`] after the one before or at once when one has
/// failed; the first that succeeds is the result, else all the failures in their order.
async fn race<T, F: Future<Output = Result<T, ConnectError>>>(
    tries: impl IntoIterator<Item = F>,
) -> Result<T, Vec<ConnectError>> {
    let mut waiting = tries.into_iter().peekable();
    let mut begun = FuturesUnordered::new();
    let mut failures = Vec::new();
    loop {
        begun.extend(waiting.next());
        tokio::select! {
            biased;
            ended = begun.next() => match ended {
                Some(Ok(reached)) => return Ok(reached),
                Some(Err(error)) => failures.push(error),
                None => return Err(failures),
            },
            () = sleep(HEAD_START), if waiting.peek().is_some() => {}
        }
    }
}
