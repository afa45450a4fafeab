//! Servers that announce themselves on the LAN, by multicast DNS (RFC 6762, RFC 6763).
//!
//! Any device on the LAN can announce anything, so an announcement is only a hint. The pin from an invite identifies the
//! server.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::thread;

use mdns_sd::{ResolvedService, ScopedIp, ServiceDaemon, ServiceEvent};
use topside_shared::Pin;
use topside_shared::text::{MAX_NAME, clean};

const SERVICE: &str = "_topside._tcp.local.";
/// Version of the TXT record.
const VERSION: &str = "1";
/// Most servers that are kept: a hostile device may announce any number.
const MAX_SERVERS: usize = 256;
const MAX_ADDRESSES: usize = 16;

/// A server that announced itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DiscoveredServer {
    /// The name of its box, with a number where two are alike.
    pub name: String,
    /// Its mDNS name, `sprinkler.local`.
    pub host: String,
    /// Where it listens: v4 first, each in order. Never empty.
    pub addresses: Vec<IpAddr>,
    /// Its port there.
    pub port: u16,
    /// The key that it claims to have.
    pub pin: Option<Pin>,
}

/// The system did not allow multicast DNS.
#[derive(Debug, thiserror::Error)]
#[error("cannot look for servers on the LAN")]
pub struct BrowseError(#[from] mdns_sd::Error);

/// A search for servers, which goes on until this is dropped.
#[must_use = "dropping it ends the search"]
pub struct Browse {
    daemon: ServiceDaemon,
}

impl Drop for Browse {
    fn drop(&mut self) {
        // Its thread ends, which closes the channel of events and ends the thread of `browse`.
        let _ = self.daemon.shutdown();
    }
}

/// Looks for servers on the LAN. `on_change` gets all servers that are present, by name, at each change, on the search's
/// own thread.
///
/// # Errors
/// [`BrowseError`] where the system gives no thread or poll. A system without a network finds nothing.
pub fn browse(
    on_change: impl Fn(Vec<DiscoveredServer>) + Send + 'static,
) -> Result<Browse, BrowseError> {
    let browse = Browse { daemon: ServiceDaemon::new()? };
    let events = browse.daemon.browse(SERVICE)?;
    thread::Builder::new()
        .name("mdns".to_owned())
        .spawn(move || {
            let mut present = Present::default();
            while let Ok(event) = events.recv() {
                if present.take(event) {
                    on_change(present.list());
                }
            }
        })
        .map_err(|error| mdns_sd::Error::Msg(error.to_string()))?;
    Ok(browse)
}

/// The servers that are present, by the full name of the announcement.
#[derive(Default)]
struct Present(BTreeMap<String, DiscoveredServer>);

impl Present {
    /// Takes an event; returns whether it changed anything.
    fn take(&mut self, event: ServiceEvent) -> bool {
        match event {
            ServiceEvent::ServiceResolved(service) => match read(&service) {
                Some(found) => self.put(service.fullname, found),
                // An announcement that has become invalid cannot be dialled.
                None => self.0.remove(&service.fullname).is_some(),
            },
            ServiceEvent::ServiceRemoved(_, name) => self.0.remove(&name).is_some(),
            _ => false,
        }
    }

    fn put(&mut self, name: String, found: DiscoveredServer) -> bool {
        if self.0.get(&name) == Some(&found)
            || (self.0.len() >= MAX_SERVERS && !self.0.contains_key(&name))
        {
            return false;
        }
        self.0.insert(name, found);
        true
    }

    fn list(&self) -> Vec<DiscoveredServer> {
        let mut list: Vec<DiscoveredServer> = self.0.values().cloned().collect();
        list.sort_by(|a, b| (&a.name, &a.host, a.port).cmp(&(&b.name, &b.host, b.port)));
        list
    }
}

/// Reads an announcement; none where it is malformed, of another version, or cannot be dialled.
fn read(service: &ResolvedService) -> Option<DiscoveredServer> {
    if service.port == 0 || service.get_property_val_str("v") != Some(VERSION) {
        return None;
    }
    let pin = service.get_property_val_str("pin").map(str::parse).transpose().ok()?;
    let name = clean(service.fullname.strip_suffix(SERVICE)?.strip_suffix('.')?, MAX_NAME);
    let host = clean(service.host.trim_end_matches('.'), MAX_NAME);
    let mut addresses: Vec<IpAddr> =
        service.addresses.iter().map(ScopedIp::to_ip_addr).filter(can_be_dialled).collect();
    addresses.sort();
    addresses.truncate(MAX_ADDRESSES);
    if name.is_empty() || host.is_empty() || addresses.is_empty() {
        return None;
    }
    Some(DiscoveredServer { name, host, addresses, port: service.port, pin })
}

/// A link-local v6 address means nothing without its interface, and a profile cannot hold that.
fn can_be_dialled(address: &IpAddr) -> bool {
    let link_local_v6 = matches!(address, IpAddr::V6(v6) if v6.is_unicast_link_local());
    !(address.is_unspecified() || address.is_multicast() || address.is_loopback() || link_local_v6)
}

#[cfg(test)]
mod tests {
    use mdns_sd::ServiceInfo;

    use super::*;

    const PIN: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    fn announced(
        name: &str,
        addresses: &[&str],
        port: u16,
        keys: &[(&str, &str)],
    ) -> Box<ResolvedService> {
        let info = ServiceInfo::new(SERVICE, name, "box.local.", addresses, port, keys).unwrap();
        Box::new(info.as_resolved_service())
    }

    #[test]
    fn an_announcement_is_read_with_its_addresses_in_order() {
        let service = announced(
            "sprinkler",
            &["fe80::1", "2001:db8::7", "192.168.1.10", "127.0.0.1", "192.168.1.9"],
            8677,
            &[("v", "1"), ("pin", PIN)],
        );
        let found = read(&service).unwrap();
        assert_eq!((found.name.as_str(), found.host.as_str()), ("sprinkler", "box.local"));
        let addresses: Vec<String> = found.addresses.iter().map(ToString::to_string).collect();
        assert_eq!(addresses, ["192.168.1.9", "192.168.1.10", "2001:db8::7"]);
        assert_eq!((found.port, found.pin), (8677, PIN.parse().ok()));
    }

    #[test]
    fn a_name_cannot_control_the_terminal() {
        let service = announced("a\u{1b}[2Jb\u{202e}", &["192.168.1.9"], 8677, &[("v", "1")]);
        assert_eq!(read(&service).unwrap().name, "a[2Jb");
    }

    #[test]
    fn what_is_malformed_or_of_another_version_is_ignored() {
        let address: &[&str] = &["192.168.1.9"];
        for service in [
            announced("a", address, 8677, &[]),
            announced("a", address, 8677, &[("v", "2")]),
            announced("a", address, 8677, &[("v", "1"), ("pin", &PIN[..70])]),
            announced("a", address, 0, &[("v", "1")]),
            announced("\u{202e}", address, 8677, &[("v", "1")]),
            announced("a", &["127.0.0.1", "fe80::1", "0.0.0.0"], 8677, &[("v", "1")]),
            announced("a", &[], 8677, &[("v", "1")]),
        ] {
            assert_eq!(read(&service), None, "{service:?}");
        }
    }

    #[test]
    fn the_list_follows_who_comes_moves_and_goes() {
        let at = |name, address| {
            ServiceEvent::ServiceResolved(announced(name, &[address], 8677, &[("v", "1")]))
        };
        let mut present = Present::default();
        assert!(present.take(at("pump", "192.168.1.8")));
        assert!(present.take(at("lamp", "192.168.1.9")));
        assert!(!present.take(at("lamp", "192.168.1.9")), "nothing new");
        let names = |present: &Present| -> Vec<String> {
            present.list().into_iter().map(|found| found.name).collect()
        };
        assert_eq!(names(&present), ["lamp", "pump"]);

        assert!(present.take(at("lamp", "192.168.1.20")), "it moved");
        let gone = ServiceEvent::ServiceRemoved(SERVICE.to_owned(), format!("lamp.{SERVICE}"));
        assert!(present.take(gone.clone()));
        assert!(!present.take(gone));
        assert_eq!(names(&present), ["pump"]);
    }

    #[test]
    fn a_lan_that_claims_any_number_of_servers_fills_no_memory() {
        let mut present = Present::default();
        for n in 0..2 * MAX_SERVERS {
            let service = announced(&format!("box {n}"), &["192.168.1.9"], 8677, &[("v", "1")]);
            present.take(ServiceEvent::ServiceResolved(service));
        }
        assert_eq!(present.list().len(), MAX_SERVERS);
    }
}
