//! Facts that the doctor collects.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use crate::net::port_mapping::external_address::Protocol;
use crate::net::port_mapping::protocols::Place;

/// All that was seen of this box. Nothing here is a judgement.
#[derive(Debug, Clone)]
pub(super) struct Facts {
    /// What the configuration says, or its mistakes, one a line.
    pub(super) settings: Result<Settings, String>,
    /// The directory of the state, then the files in it that must be nobody else's.
    pub(super) state: Vec<Guarded>,
    /// The server's user: the one that looks, or whose state root looks at.
    pub(super) uid: u32,
    /// Descriptors that a process of this user may have; none: any number.
    pub(super) descriptors: Option<u64>,
    pub(super) clock: Clock,
    /// The box's addresses, without those of itself alone.
    pub(super) addresses: Vec<IpAddr>,
    pub(super) socket: PathBuf,
    pub(super) server: Served,
    /// Where TCP should be open, and whether somebody answers there.
    pub(super) doors: Vec<(SocketAddr, Result<(), String>)>,
    pub(super) firewall: Firewall,
    pub(super) router: RouterFacts,
    pub(super) keys: Keys,
}

impl Facts {
    /// Whether TCP is closed for want of anybody who may come in.
    pub(super) fn is_closed(&self) -> bool {
        matches!(self.keys, Keys::Known { keys: 0, invites: 0 })
    }
}

/// What of the configuration matters here.
#[derive(Debug, Clone)]
pub(super) struct Settings {
    /// Remarks of the menu.
    pub(super) remarks: Vec<String>,
    pub(super) port: u16,
    /// Whether TCP is to be opened at all.
    pub(super) tcp: bool,
    pub(super) map: bool,
    pub(super) max_sessions: usize,
}

/// A file or directory that others must keep out of.
#[derive(Debug, Clone)]
pub(super) struct Guarded {
    pub(super) path: PathBuf,
    /// Permission bits that others must not have.
    pub(super) forbidden: u32,
    pub(super) found: Found,
}

/// What was found at a path.
#[derive(Debug, Clone)]
pub(super) enum Found {
    Nothing,
    Something { owner: u32, mode: u32 },
    Hidden(String),
}

/// The wall clock.
#[derive(Debug, Clone)]
pub(super) struct Clock {
    pub(super) shown: String,
    pub(super) year: i16,
    /// Whether something keeps it right, where that can be told.
    pub(super) synchronised: Option<bool>,
    /// What is wrong with it, as far as the server's state tells.
    pub(super) wrong: Option<String>,
}

/// Who answers at the local socket.
#[derive(Debug, Clone)]
pub(super) enum Served {
    Nobody,
    /// A server, and where it says that it listens and is reached.
    By {
        version: String,
        mapped: Option<String>,
    },
    /// Something that did not answer as a server does.
    Unclear(String),
}

/// What a read-only look at the packet filter shows.
#[derive(Debug, Clone)]
pub(super) enum Firewall {
    /// None of the tools is there, or none lets this user look.
    Unknown(String),
    /// Nothing that drops packets.
    Open { tool: &'static str },
    /// Something drops packets; whether a rule seems to let the port in.
    Rules { tool: &'static str, lets_in: bool },
}

/// The way to the internet.
#[derive(Debug, Clone)]
pub(super) struct RouterFacts {
    pub(super) place: Option<Place>,
    /// What it answers to, and the outside address that it told.
    pub(super) answers: Vec<(Protocol, Option<IpAddr>)>,
}

/// Who may come in over TCP.
#[derive(Debug, Clone)]
pub(super) enum Keys {
    Known { keys: usize, invites: usize },
    Unreadable(String),
}
