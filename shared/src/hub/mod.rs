//! The hub: a NATS server that carries the bytes of sessions between devices and boxes, and has no authority over either.
//!
//! A box listens at the hub under its pin, and a device dials that pin. Both then talk TLS over a [`HubStream`], with both
//! keys pinned, as over TCP.

mod access;
mod connection;
mod dial;
mod stream;

pub use access::{HubAccess, HubAccessError, HubRole};
pub use connection::{ConnectHubError, HubConnection};
pub use dial::{DialError, IncomingDial, IncomingDials, Refusal};
pub use stream::{Carrier, HubStream};

use crate::pin::Pin;
use crate::text::MAX_NAME;

/// Subjects of one hub. The hub's permissions name their parts: see [`publish_permissions`] and [`subscribe_permissions`].
#[derive(Debug, Clone)]
struct Subjects(String);

impl Subjects {
    fn of(hub: &Pin) -> Self {
        Self(format!("topside.v1.{}", digits(hub)))
    }

    /// Where the box with this pin is dialled.
    fn dial(&self, pin: &Pin) -> String {
        format!("{}.dial.{}", self.0, digits(pin))
    }

    /// What the subjects of one side begin with.
    fn side(&self, role: HubRole) -> String {
        format!("{}.{}", self.0, role.name())
    }
}

/// The first 32 digits of a pin.
fn digits(pin: &Pin) -> String {
    pin.digits()[..32].to_owned()
}

/// Whether a text can be the name of a hub, which is the name of a file on the devices of people.
pub fn is_hub_name(name: &str) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    name.len() <= MAX_NAME
        && name.chars().all(fits)
        && name.starts_with(|c: char| c.is_ascii_alphanumeric())
}

/// The subjects that this side may publish to: those of the other side.
pub fn publish_permissions(role: HubRole) -> Vec<String> {
    match role {
        HubRole::Box => vec!["topside.v1.*.person.>".to_owned()],
        HubRole::Person => vec!["topside.v1.*.dial.*".to_owned(), "topside.v1.*.box.*".to_owned()],
    }
}

/// The subjects that this side may subscribe to: its own.
pub fn subscribe_permissions(role: HubRole) -> Vec<String> {
    match role {
        HubRole::Box => vec!["topside.v1.*.dial.*".to_owned(), "topside.v1.*.box.*".to_owned()],
        HubRole::Person => vec!["topside.v1.*.person.>".to_owned()],
    }
}
