//! The external address of the router, and whether the internet can reach it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ExternalAddress {
    pub(crate) address: IpAddr,
    pub(crate) port: u16,
    pub(crate) protocol: Protocol,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Protocol {
    /// Port Control Protocol (RFC 6887).
    Pcp,
    /// NAT Port Mapping Protocol (RFC 6886).
    NatPmp,
    /// Universal Plug and Play, Internet Gateway Device.
    Upnp,
}

impl Protocol {
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Pcp => "PCP",
            Self::NatPmp => "NAT-PMP",
            Self::Upnp => "UPnP",
        }
    }
}

/// Why the internet cannot reach an address, as the end of a sentence; `None` if it can.
pub(crate) fn unreachable(address: IpAddr) -> Option<&'static str> {
    match address.to_canonical() {
        IpAddr::V4(v4) => unreachable_v4(v4),
        IpAddr::V6(v6) => unreachable_v6(v6),
    }
}

fn unreachable_v4(address: Ipv4Addr) -> Option<&'static str> {
    // RFC 6598: addresses between a provider and the routers of its customers.
    let shared = address.octets()[0] == 100 && address.octets()[1] & 0xC0 == 64;
    Some(match address {
        _ if shared => "is shared by the provider's customers (carrier NAT)",
        _ if address.is_private() => "is private",
        _ if address.is_link_local() => "is link-local",
        _ if address.is_loopback() => "is this machine's own",
        _ if address.is_unspecified() || address.is_broadcast() || address.is_multicast() => {
            "is not an address of a machine"
        }
        _ => return None,
    })
}

fn unreachable_v6(address: Ipv6Addr) -> Option<&'static str> {
    Some(match address {
        _ if address.is_unique_local() => "is private (unique-local)",
        _ if address.is_unicast_link_local() => "is link-local",
        _ if address.is_loopback() => "is this machine's own",
        _ if address.is_unspecified() || address.is_multicast() => "is not an address of a machine",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_that_the_internet_cannot_reach_says_why() {
        for (address, part) in [
            ("100.64.0.1", "carrier NAT"),
            ("100.127.255.255", "carrier NAT"),
            ("10.0.0.1", "private"),
            ("172.16.0.1", "private"),
            ("172.31.255.255", "private"),
            ("192.168.1.1", "private"),
            ("::ffff:192.168.1.1", "private"),
            ("169.254.7.7", "link-local"),
            ("127.0.0.1", "own"),
            ("0.0.0.0", "not an address"),
            ("fd00::1", "unique-local"),
            ("fe80::1", "link-local"),
        ] {
            let why = unreachable(address.parse().unwrap());
            assert!(why.is_some_and(|why| why.contains(part)), "{address}: {why:?}");
        }
        for address in ["203.0.113.7", "100.63.255.255", "100.128.0.0", "172.32.0.1", "2001:db8::1"]
        {
            assert_eq!(unreachable(address.parse().unwrap()), None, "{address}");
        }
    }
}
