//! Announces the server on the LAN: `_topside._tcp.local.` by multicast DNS (RFC 6762, RFC 6763).
//!
//! An announcement is only a hint. Clients still require the key that their invite names.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use mdns_sd::{IfKind, ServiceDaemon, ServiceInfo};
use topside_shared::Pin;

use crate::base::blocking::blocking;

const SERVICE: &str = "_topside._tcp.local.";
const VERSION: &str = "1";
/// Longest label in DNS, in bytes (RFC 1035, section 2.3.4).
const MAX_LABEL: usize = 63;
const GOODBYE: Duration = Duration::from_secs(2);

/// The server is announced until this ends or is dropped.
pub(crate) struct Announcement {
    daemon: ServiceDaemon,
}

/// Announces the server `name` that listens at `open` on all interfaces but loopback, as they come and go.
pub(crate) fn announce(
    name: &str,
    hostname: &str,
    open: &[SocketAddr],
    pin: &Pin,
) -> Result<Option<Announcement>, mdns_sd::Error> {
    let Some((port, interfaces)) = where_open(open) else { return Ok(None) };
    let host = label(hostname);
    let name = if name == hostname { host.to_owned() } else { instance(name) };
    let pin = pin.to_string();
    let mut info = ServiceInfo::new(
        SERVICE,
        &name,
        &format!("{host}.local."),
        (),
        port,
        &[("v", VERSION), ("pin", pin.as_str())][..],
    )?
    .enable_addr_auto();
    info.set_interfaces(interfaces);
    // From here on the thread ends with the announcement.
    let announcement = Announcement { daemon: ServiceDaemon::new()? };
    announcement.daemon.disable_interface(vec![IfKind::LoopbackV4, IfKind::LoopbackV6])?;
    announcement.daemon.register(info)?;
    Ok(Some(announcement))
}

impl Announcement {
    pub(crate) async fn end(self) {
        let Ok(ended) = self.daemon.shutdown() else { return };
        let _ = blocking(move || ended.recv_timeout(GOODBYE)).await;
    }
}

impl Drop for Announcement {
    fn drop(&mut self) {
        let _ = self.daemon.shutdown();
    }
}

/// The port, and the interfaces that lead there; none if the server listens on loopback only.
fn where_open(open: &[SocketAddr]) -> Option<(u16, Vec<IfKind>)> {
    let outward: Vec<&SocketAddr> =
        open.iter().filter(|address| !address.ip().is_loopback()).collect();
    let port = outward.first()?.port();
    let interfaces = outward.iter().map(|address| match address.ip() {
        IpAddr::V4(v4) if v4.is_unspecified() => IfKind::IPv4,
        IpAddr::V6(v6) if v6.is_unspecified() => IfKind::IPv6,
        one => IfKind::Addr(one),
    });
    Some((port, interfaces.collect()))
}

/// The first part of a host name, cut to the length of a DNS label.
fn label(hostname: &str) -> &str {
    match cut(hostname.split('.').next().unwrap_or_default()) {
        "" => "topside",
        name => name,
    }
}

/// A name that the box was given, as one label: it may have dots, which would need escapes in DNS.
fn instance(name: &str) -> String {
    cut(&name.replace(['.', '\\'], "-")).to_owned()
}

fn cut(label: &str) -> &str {
    &label[..label.floor_char_boundary(MAX_LABEL)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_interfaces_are_those_that_lead_to_an_open_port() {
        let at = |open: &[&str]| {
            let open: Vec<SocketAddr> = open.iter().map(|one| one.parse().unwrap()).collect();
            where_open(&open).map(|(port, interfaces)| (port, format!("{interfaces:?}")))
        };
        let want = |interfaces: &str| Some((8677, interfaces.to_owned()));
        assert_eq!(at(&["0.0.0.0:8677", "[::]:8677"]), want("[IPv4, IPv6]"));
        assert_eq!(at(&["127.0.0.1:1", "192.168.1.9:8677"]), want("[Addr(192.168.1.9)]"));
        assert_eq!(at(&["127.0.0.1:8677", "[::1]:8677"]), None);
        assert_eq!(at(&[]), None);
    }

    #[test]
    fn the_name_is_the_first_part_of_the_hosts_and_fits_dns() {
        assert_eq!(label("sprinkler"), "sprinkler");
        assert_eq!(label("sprinkler.garden.example"), "sprinkler");
        assert_eq!(label(""), "topside");
        assert_eq!(label(&"a".repeat(64)).len(), 63);
        assert_eq!(label(&"é".repeat(40)).len(), 62);
    }

    #[test]
    fn a_given_name_is_announced_as_one_label() {
        assert_eq!(instance("Garden shed"), "Garden shed");
        assert_eq!(instance("garden.home\\2"), "garden-home-2");
        assert_eq!(instance(&"é".repeat(40)).len(), 62);
    }
}
