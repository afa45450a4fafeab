//! Where the server with a pin announces itself on the LAN. The first question starts a search that goes on, so that later
//! ones are answered at once. An announcement is a hint: the pin decides.

use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};
use topside_shared::Pin;

use super::discovery::{Browse, DiscoveredServer, browse};

/// How long after its start the search may still find a server that is there.
const SEARCH: Duration = Duration::from_millis(1500);

static LOOKUP: Mutex<Option<Lookup>> = Mutex::new(None);

struct Lookup {
    _browse: Browse,
    found: watch::Receiver<Vec<DiscoveredServer>>,
    since: std::time::Instant,
}

/// The addresses and the port of a server, if it announces itself.
pub(super) async fn find(pin: Pin) -> Option<(Vec<IpAddr>, u16)> {
    let (mut found, until) = start()?;
    let is_it = |server: &&DiscoveredServer| server.pin == Some(pin);
    let of = |found: &[DiscoveredServer]| {
        found.iter().find(is_it).map(|server| (server.addresses.clone(), server.port))
    };
    tokio::select! {
        biased;
        list = found.wait_for(|list| list.iter().any(|server| server.pin == Some(pin))) => of(&list.ok()?),
        () = sleep_until(until) => None,
    }
}

/// Starts the search, unless it goes on already.
fn start() -> Option<(watch::Receiver<Vec<DiscoveredServer>>, Instant)> {
    let mut lookup = LOOKUP.lock().unwrap_or_else(PoisonError::into_inner);
    if lookup.is_none() {
        let (tell, found) = watch::channel(Vec::new());
        // A system that allows no multicast finds nothing.
        let browse = browse(move |list| drop(tell.send(list))).ok()?;
        *lookup = Some(Lookup { _browse: browse, found, since: std::time::Instant::now() });
    }
    let lookup = lookup.as_ref()?;
    Some((lookup.found.clone(), Instant::from_std(lookup.since + SEARCH)))
}
