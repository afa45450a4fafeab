//! TCP connections to the services that notifications go to.

use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs as _};
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::base::blocking::blocking;

/// How long one address of several may take: a network may have no way to the first of them.
const PER_ADDRESS: Duration = Duration::from_secs(3);

/// The addresses of a host. The resolver of the system blocks, so it runs on a thread of the pool.
///
/// # Errors
/// The host has none, or they cannot be looked up.
pub(super) async fn addresses(host: &str, port: u16) -> Result<Vec<SocketAddr>, String> {
    if let Ok(address) = host.parse::<IpAddr>() {
        return Ok(vec![(address, port).into()]);
    }
    let name = host.to_owned();
    let found = blocking(move || Ok((name.as_str(), port).to_socket_addrs()?.collect())).await;
    let found: io::Result<Vec<SocketAddr>> = found.map_err(|error| error.to_string())?;
    match found {
        Ok(addresses) if !addresses.is_empty() => Ok(addresses),
        Ok(_) => Err(format!("the host {host} has no address")),
        Err(error) => Err(format!("the address of {host} is not found: {error}")),
    }
}

/// Connects to the first of these addresses that answers.
///
/// # Errors
/// None does.
pub(super) async fn connect(addresses: &[SocketAddr]) -> Result<TcpStream, String> {
    let mut failure = "there is no address".to_owned();
    for (left, address) in (0..addresses.len()).rev().zip(addresses) {
        let connecting = TcpStream::connect(address);
        let connected = match left {
            // The caller has a limit for all of it.
            0 => Ok(connecting.await),
            _ => timeout(PER_ADDRESS, connecting).await,
        };
        failure = match connected {
            Ok(Ok(stream)) => return Ok(stream),
            Ok(Err(error)) => format!("cannot connect: {error}"),
            Err(_) => format!("cannot connect to {address} within {} s", PER_ADDRESS.as_secs()),
        };
    }
    Err(failure)
}
