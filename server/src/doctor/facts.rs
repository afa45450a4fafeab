//! Facts that the doctor collects, without judgement.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use topside_shared::after_shutdown::AfterShutdown;
use topside_shared::methods::NotifierStatus;

use crate::doctor::hub::HubFacts;
use crate::net::port_mapping::external_address::Protocol;
use crate::net::port_mapping::protocols::Place;

#[derive(Debug, Clone)]
pub(super) struct Facts {
    /// The configuration, or its errors, one a line.
    pub(super) settings: Result<Settings, String>,
    /// The state directory, and the files in it that must be private.
    pub(super) state: Vec<PrivateFile>,
    /// The server's user: this user, or for root the owner of the state.
    pub(super) uid: u32,
    /// Descriptors that a process of this user may have; none: no limit.
    pub(super) descriptors: Option<u64>,
    pub(super) clock: ClockFacts,
    /// The box's addresses, without loopback.
    pub(super) addresses: Vec<IpAddr>,
    /// Whether it is the packaged server, which runs as a service.
    pub(super) is_service: bool,
    pub(super) socket: PathBuf,
    pub(super) server: Served,
    /// Addresses where TCP should be open, and whether they accept connections.
    pub(super) tcp_addresses: Vec<(SocketAddr, Result<(), String>)>,
    pub(super) firewall: Firewall,
    pub(super) router: RouterFacts,
    pub(super) keys: KeyFacts,
    /// None if the box has joined none.
    pub(super) hub: Option<HubFacts>,
    /// The ways to shut the box down that are set, and what is in the way of each.
    pub(super) host: Vec<(AfterShutdown, Option<String>)>,
}

impl Facts {
    /// Whether TCP is closed because there is no key and no invite.
    pub(super) fn is_closed(&self) -> bool {
        matches!(self.keys, KeyFacts::Known { keys: 0, invites: 0 })
    }
}

#[derive(Debug, Clone)]
pub(super) struct Settings {
    pub(super) remarks: Vec<String>,
    pub(super) port: u16,
    /// Whether TCP has addresses.
    pub(super) tcp: bool,
    pub(super) map: bool,
    pub(super) max_sessions: usize,
}

/// A file or directory that must be private.
#[derive(Debug, Clone)]
pub(super) struct PrivateFile {
    pub(super) path: PathBuf,
    pub(super) forbidden: u32,
    pub(super) found: FileFacts,
}

#[derive(Debug, Clone)]
pub(super) enum FileFacts {
    Missing,
    Present { owner: u32, mode: u32 },
    Unreadable(String),
}

#[derive(Debug, Clone)]
pub(super) struct ClockFacts {
    pub(super) shown: String,
    pub(super) year: i16,
    /// Whether it is synchronized, if known.
    pub(super) synchronised: Option<bool>,
    /// Its error, according to the server's state.
    pub(super) wrong: Option<String>,
}

#[derive(Debug, Clone)]
pub(super) enum Served {
    None,
    /// A server, and its address on the router.
    By {
        version: String,
        mapped: Option<String>,
        /// Hooks of the box that failed, in words.
        failed_hooks: Vec<String>,
        notifiers: Vec<NotifierStatus>,
    },
    /// No valid answer.
    Unclear(String),
}

/// The packet filter, as a read-only check shows it.
#[derive(Debug, Clone)]
pub(super) enum Firewall {
    /// No tool is installed, or none may be used.
    Unknown(String),
    /// No rule drops packets.
    Open { tool: &'static str },
    /// A rule drops packets; whether another seems to accept the port.
    Rules { tool: &'static str, lets_in: bool },
}

#[derive(Debug, Clone)]
pub(super) struct RouterFacts {
    pub(super) place: Option<Place>,
    /// Protocols it answers, and the outside address it reported.
    pub(super) answers: Vec<(Protocol, Option<IpAddr>)>,
    /// The address that `[router]` names, tried from this machine.
    pub(super) named: Option<NamedAddress>,
}

/// An address for clients on the internet.
#[derive(Debug, Clone)]
pub(super) struct NamedAddress {
    /// Host and port.
    pub(super) shown: String,
    /// The addresses of the host, or why there is none.
    pub(super) found: Result<Vec<IpAddr>, String>,
    /// Whether a connection from this machine was accepted.
    pub(super) answer: Result<(), String>,
}

#[derive(Debug, Clone)]
pub(super) enum KeyFacts {
    Known { keys: usize, invites: usize },
    Unreadable(String),
}
