//! Peer: the address of a connection, grouped for limits and named for lists.

use std::fmt;
use std::net::{AddrParseError, IpAddr, Ipv6Addr, SocketAddr};
use std::str::FromStr;

use topside_shared::Connection;

/// Bits of an IPv6 address that a provider gives to one customer.
const PREFIX: u32 = 64;

/// What a connection through a hub has in place of an address.
pub(crate) const HUB: &str = "hub";

/// The other end of a connection. A hub does not tell its callers apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RemoteEnd {
    Address(SocketAddr),
    Hub,
}

impl RemoteEnd {
    pub(crate) fn peer(self) -> Peer {
        match self {
            Self::Address(address) => Peer::of(address.ip()),
            Self::Hub => Peer::Hub,
        }
    }

    /// How it is connected, if the box is in these networks.
    pub(crate) fn connection(self, networks: impl FnOnce() -> Vec<Subnet>) -> Connection {
        match self {
            Self::Address(address) => connection(address.ip(), networks),
            Self::Hub => Connection::Internet,
        }
    }
}

impl From<SocketAddr> for RemoteEnd {
    fn from(address: SocketAddr) -> Self {
        Self::Address(address)
    }
}

impl fmt::Display for RemoteEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(address) => address.fmt(f),
            Self::Hub => f.write_str(HUB),
        }
    }
}

impl FromStr for RemoteEnd {
    type Err = AddrParseError;

    fn from_str(text: &str) -> Result<Self, AddrParseError> {
        match text {
            HUB => Ok(Self::Hub),
            address => address.parse().map(Self::Address),
        }
    }
}

/// One source for the limits: an IPv4 address, a /64 of IPv6, or the hub with all its callers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Peer {
    Address(IpAddr),
    Hub,
}

impl Peer {
    pub(crate) fn of(address: IpAddr) -> Self {
        Self::Address(match address.to_canonical() {
            IpAddr::V6(v6) => {
                let mask = u128::MAX << (128 - PREFIX);
                Ipv6Addr::from(u128::from(v6) & mask).into()
            }
            v4 => v4,
        })
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(IpAddr::V4(v4)) => v4.fmt(f),
            Self::Address(IpAddr::V6(v6)) => write!(f, "{v6}/{PREFIX}"),
            Self::Hub => f.write_str(HUB),
        }
    }
}

impl FromStr for Peer {
    type Err = AddrParseError;

    fn from_str(text: &str) -> Result<Self, AddrParseError> {
        if text == HUB {
            return Ok(Self::Hub);
        }
        let address = text.split_once('/').map_or(text, |(address, _)| address);
        address.parse().map(Self::of)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Subnet {
    /// The box's own address there.
    pub(crate) address: IpAddr,
    pub(crate) prefix: u32,
}

impl Subnet {
    fn contains(&self, other: IpAddr) -> bool {
        let (own, other, width) = match (self.address, other) {
            (IpAddr::V4(own), IpAddr::V4(other)) => {
                (u128::from(u32::from(own)), u128::from(u32::from(other)), 32)
            }
            (IpAddr::V6(own), IpAddr::V6(other)) => (u128::from(own), u128::from(other), 128),
            _ => return false,
        };
        let host_bits = width - self.prefix.min(width);
        own.checked_shr(host_bits).unwrap_or(0) == other.checked_shr(host_bits).unwrap_or(0)
    }
}

/// How a peer with this address is connected, if the box is in these networks.
fn connection(peer: IpAddr, networks: impl FnOnce() -> Vec<Subnet>) -> Connection {
    let peer = peer.to_canonical();
    if peer.is_loopback() {
        Connection::Same
    } else if is_private(peer) || networks().iter().any(|network| network.contains(peer)) {
        Connection::Lan
    } else {
        Connection::Internet
    }
}

/// Most addresses of the box in an invite, if it listens on all.
const MAX_OWN: usize = 4;

/// The addresses that an invite names: those that the box listens on, and its own for "all".
pub(crate) fn invite_addresses(listening: impl Iterator<Item = IpAddr>) -> Vec<IpAddr> {
    invite_addresses_in(&listening.collect::<Vec<_>>(), crate::base::platform::own_networks())
}

fn invite_addresses_in(listening: &[IpAddr], networks: Vec<Subnet>) -> Vec<IpAddr> {
    let mut named: Vec<IpAddr> =
        listening.iter().copied().filter(|address| !address.is_unspecified()).collect();
    let listens_on_all = |own: &IpAddr| {
        listening.iter().any(|all| all.is_unspecified() && all.is_ipv4() == own.is_ipv4())
    };
    let mut own: Vec<IpAddr> = networks
        .into_iter()
        .map(|network| network.address)
        .filter(listens_on_all)
        // Such addresses are valid on the box only, or on one link.
        .filter(|own| !own.is_loopback() && !is_link_local(*own))
        .collect();
    // Those of the LAN first, and IPv4 before IPv6: people know the box by these.
    own.sort_by_key(|own| (!is_private(*own), own.is_ipv6()));
    own.dedup();
    own.truncate(MAX_OWN);
    named.extend(own);
    named.truncate(topside_shared::invite::MAX_ADDRESSES);
    named
}

fn is_link_local(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => v4.is_link_local(),
        IpAddr::V6(v6) => v6.is_unicast_link_local(),
    }
}

/// Whether an address is valid within one site only (RFC 1918, 3927, 4193, 4291).
pub(crate) fn is_private(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => v4.is_private() || v4.is_link_local(),
        IpAddr::V6(v6) => v6.is_unique_local() || v6.is_unicast_link_local(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn a_source_is_an_ipv4_address_or_a_64_of_ipv6() {
        let of = |text| Peer::of(ip(text)).to_string();
        assert_eq!(of("203.0.113.7"), "203.0.113.7");
        assert_eq!(of("::ffff:203.0.113.7"), "203.0.113.7");
        assert_eq!(of("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::/64");
        assert_eq!(Peer::of(ip("2001:db8:1:2::1")), Peer::of(ip("2001:db8:1:2:ffff::")));
        assert_ne!(Peer::of(ip("2001:db8:1:2::1")), Peer::of(ip("2001:db8:1:3::1")));
        for text in ["203.0.113.7", "2001:db8:1:2::/64", "hub"] {
            assert_eq!(text.parse::<Peer>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn an_invite_names_the_listening_addresses_and_the_boxs_own_for_all() {
        let networks = || {
            let of = |text| Subnet { address: ip(text), prefix: 24 };
            "127.0.0.1 fe80::2 2001:db8::9 198.51.100.9 192.168.1.9 fd00::9 10.0.0.9"
                .split(' ')
                .map(of)
                .collect()
        };
        let names = |listening: &[&str]| {
            let listening: Vec<_> = listening.iter().map(|text| ip(text)).collect();
            invite_addresses_in(&listening, networks())
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>()
        };
        assert_eq!(names(&["127.0.0.1", "203.0.113.1"]), ["127.0.0.1", "203.0.113.1"]);
        assert_eq!(names(&["0.0.0.0"]), ["192.168.1.9", "10.0.0.9", "198.51.100.9"]);
        assert_eq!(
            names(&["0.0.0.0", "::"]),
            ["192.168.1.9", "10.0.0.9", "fd00::9", "198.51.100.9"]
        );
        assert_eq!(names(&["203.0.113.1", "::"]), ["203.0.113.1", "fd00::9", "2001:db8::9"]);
    }

    #[test]
    fn addresses_are_of_the_same_machine_the_lan_or_the_internet() {
        let networks = || {
            vec![
                Subnet { address: ip("198.51.100.9"), prefix: 24 },
                Subnet { address: ip("2001:db8:7::9"), prefix: 64 },
            ]
        };
        for (peer, want) in [
            ("127.0.0.1", Connection::Same),
            ("::1", Connection::Same),
            ("::ffff:127.0.0.1", Connection::Same),
            ("10.1.2.3", Connection::Lan),
            ("172.31.255.255", Connection::Lan),
            ("172.32.0.0", Connection::Internet),
            ("192.168.1.10", Connection::Lan),
            ("::ffff:192.168.1.10", Connection::Lan),
            ("169.254.3.4", Connection::Lan),
            ("fe80::1", Connection::Lan),
            ("fd12:3456::1", Connection::Lan),
            ("198.51.100.200", Connection::Lan),
            ("198.51.101.1", Connection::Internet),
            ("2001:db8:7::1", Connection::Lan),
            ("2001:db8:8::1", Connection::Internet),
            ("100.64.0.1", Connection::Internet),
        ] {
            assert_eq!(connection(ip(peer), networks), want, "{peer}");
        }
        let everything = || vec![Subnet { address: ip("198.51.100.9"), prefix: 0 }];
        assert_eq!(connection(ip("203.0.113.7"), everything), Connection::Lan);
    }
}
