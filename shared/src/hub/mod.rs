//! The hub: a NATS server that carries the bytes of sessions between devices and boxes, and has no authority over either.
//!
//! A box listens at the hub under its pin, and a device dials that pin. Both then talk TLS over a [`HubStream`], with both
//! keys pinned, as over TCP.

mod access;
mod bucket;
mod clock;
mod connection;
mod credentials;
mod delivery;
mod dial;
mod service;
mod stream;
mod stream_state;
mod user;

pub use access::{FleetName, FleetNameError, HubAccess, HubAccessError, HubRole, MAX_ADDRESSES};
pub(crate) use access::{find_string, write_string};
pub use bucket::{Bucket, BucketError, Change, Entry, Watch};
pub use connection::{ConnectHubError, HubConnection};
pub use credentials::HubCredentials;
pub use dial::{DialError, IncomingDial, IncomingDials, Refusal};
pub use service::{ServiceRequest, ServiceRequests};
pub use stream::{Carrier, HubStream};
pub use user::{HubUser, HubUserError, MAX_CREDENTIALS};

use crate::pin::Pin;

/// The domain of the hub's JetStream, by which leaf nodes reach it.
pub const JETSTREAM_DOMAIN: &str = "topside";

/// Subjects of one fleet. The hub's permissions name their parts: see [`publish_permissions`] and [`subscribe_permissions`].
#[derive(Debug, Clone)]
struct Subjects(String);

impl Subjects {
    fn of(fleet: &FleetName) -> Self {
        Self(format!("topside.v1.{fleet}"))
    }

    /// Where the box with this pin is dialled.
    fn dial(&self, pin: &Pin) -> String {
        format!("{}.dial.{}", self.0, digits(pin))
    }

    /// What the subjects of one side begin with.
    fn side(&self, role: HubRole) -> String {
        format!("{}.{}", self.0, role.name())
    }

    /// What the subjects of this end begin with: those of its side, with its name where it has one at the hub. So the hub
    /// can give each user the subjects of its own.
    fn own(&self, role: HubRole, user: Option<&HubUser>) -> String {
        match user {
            Some(user) => format!("{}.{}", self.side(role), user.name()),
            None => self.side(role),
        }
    }

    /// The rest of a subject of one side; none of another subject.
    fn below<'s>(&self, role: HubRole, subject: &'s str) -> Option<&'s str> {
        subject.strip_prefix(&self.side(role))?.strip_prefix('.')
    }
}

/// The first 32 digits of a pin: the name of a box in subjects and keys of the bucket.
pub fn digits(pin: &Pin) -> String {
    pin.digits()[..32].to_owned()
}

/// The subjects that this side may publish to. A wildcard of NATS stands for a whole part, so all fleets of a hub have the
/// same credentials.
pub fn publish_permissions(role: HubRole) -> Vec<String> {
    let subjects: &[&str] = match role {
        HubRole::Admin => &[">"],
        HubRole::Person => &[
            "topside.v1.*.dial.*",
            "topside.v1.*.box.*",
            "$KV.*.person.*",
            "$JS.API.INFO",
            "$JS.API.STREAM.NAMES",
            "$JS.API.DIRECT.GET.*.$KV.>",
            "$JS.API.CONSUMER.CREATE.*",
        ],
        HubRole::Box => &[
            "topside.v1.*.person.>",
            "$KV.*.box.*",
            "$KV.*.presence.*",
            "$KV.*.clock.*",
            "$JS.API.INFO",
            "$JS.API.STREAM.NAMES",
            "$JS.API.DIRECT.GET.*.$KV.*.roster",
            "$JS.API.DIRECT.GET.*.$KV.*.box.*",
            "$JS.API.DIRECT.GET.*.$KV.*.person.*",
            "$JS.API.DIRECT.GET.*.$KV.*.clock.*",
            // Answers to `nats micro` and to monitoring.
            "_INBOX.>",
        ],
    };
    let of_domain = |subject: &&str| match subject.strip_prefix("$JS.API.") {
        Some(call) => Some(format!("$JS.{JETSTREAM_DOMAIN}.API.{call}")),
        None => {
            subject.starts_with("$KV.").then(|| format!("$JS.{JETSTREAM_DOMAIN}.API.{subject}"))
        }
    };
    // The server of a leaf node maps the subjects of JetStream to those of the hub's domain, and checks these.
    let mapped = subjects.iter().filter_map(of_domain);
    subjects.iter().map(|subject| (*subject).to_owned()).chain(mapped).collect()
}

/// The subjects that this side may subscribe to.
pub fn subscribe_permissions(role: HubRole) -> Vec<String> {
    let subjects: &[&str] = match role {
        HubRole::Admin => &[">"],
        HubRole::Person => &["topside.v1.*.person.>", "topside.v1.*.changed.>"],
        HubRole::Box => &[
            "topside.v1.*.dial.*",
            "topside.v1.*.box.>",
            "topside.v1.*.changed.$KV.*.roster",
            "topside.v1.*.changed.$KV.*.person.*",
            "$SRV.>",
        ],
    };
    subjects.iter().map(|subject| (*subject).to_owned()).collect()
}
