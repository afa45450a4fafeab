//! `[router]` and `[discovery]`: how clients find an open TCP port.

use crate::base::toml_file::errors::Errors;
use crate::base::toml_file::fields::{Fields, as_json};
use toml::de::DeValue;
use topside_shared::invite::MAX_ROUTER;

/// `[router]`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Router {
    /// Whether the router is asked to forward the port from the internet.
    pub map: bool,
    /// The host name or outside address by which the internet reaches the router.
    pub address: Option<String>,
    /// The port of `address` that is forwarded to this server.
    pub port: Option<u16>,
}

impl Router {
    /// Host and port that invites name for the internet, where `address` is set. Without `port` it is the port that the router
    /// has `mapped`, or the server's own.
    pub(crate) fn internet_address(&self, mapped: Option<u16>, own: u16) -> Option<(String, u16)> {
        let address = self.address.clone()?;
        Some((address, self.port.or(mapped).unwrap_or(own)))
    }
}

/// `[discovery]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Discovery {
    /// Whether the server is announced on the LAN.
    pub announce: bool,
}

impl Default for Discovery {
    fn default() -> Self {
        Self { announce: true }
    }
}

pub(crate) fn router(table: &Fields<'_, '_>, m: &mut Errors<'_>) -> Router {
    table.refuse_unknown(&["map", "address", "port"], m);
    let form = "an IP address or a host name such as \"garden.example.org\", without a port";
    let address = table.read("address", form, m, |value| {
        DeValue::as_str(value).filter(|address| is_host(address)).map(ToOwned::to_owned)
    });
    let port = |value| u16::try_from(as_json(value)?.as_u64()?).ok().filter(|port| *port > 0);
    let port = table.read("port", "a whole number from 1 to 65535", m, port);
    if let (Some(port), None) = (&port, table.get("address")) {
        m.add(
            &port.span,
            "`port` of [router] needs `address`: the host name or outside address of the router",
        );
    }
    Router {
        map: table.boolean("map", m),
        address: address.map(|field| field.value),
        port: port.map(|field| field.value),
    }
}

/// Whether a text has the form of an IP address or a host name.
pub(crate) fn is_host(text: &str) -> bool {
    let is_name = |text: &str| {
        let labels = text.strip_suffix('.').unwrap_or(text).split('.');
        let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        text.len() <= MAX_ROUTER
            && labels.into_iter().all(|label| !label.is_empty() && label.bytes().all(is_letter))
    };
    text.parse::<std::net::IpAddr>().is_ok() || is_name(text)
}

pub(crate) fn discovery(table: &Fields<'_, '_>, m: &mut Errors<'_>) -> Discovery {
    table.refuse_unknown(&["announce"], m);
    match table.get("announce") {
        Some(_) => Discovery { announce: table.boolean("announce", m) },
        None => Discovery::default(),
    }
}
