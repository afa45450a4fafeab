//! The outside address of the router, and whether the internet can reach it.

use std::net::IpAddr;

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
    let address = address.to_canonical();
    let is_no_host = address.is_unspecified() || address.is_multicast();
    Some(match address {
        _ if address.is_loopback() => "is this machine's own",
        // RFC 6598: addresses between a provider and the routers of its customers.
        IpAddr::V4(v4) if v4.octets()[0] == 100 && v4.octets()[1] & 0xC0 == 64 => {
            "is shared by the provider's customers (carrier NAT)"
        }
        IpAddr::V4(v4) if v4.is_private() => "is private",
        IpAddr::V4(v4) if v4.is_link_local() => "is link-local",
        IpAddr::V6(v6) if v6.is_unique_local() => "is private (unique-local)",
        IpAddr::V6(v6) if v6.is_unicast_link_local() => "is link-local",
        IpAddr::V4(v4) if v4.is_broadcast() => "is not an address of a machine",
        _ if is_no_host => "is not an address of a machine",
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
