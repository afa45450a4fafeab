//! Diagnosis: judges the collected facts and gives advice.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

use crate::admission::session_limits::{FEWEST_DESCRIPTORS, OTHER_DESCRIPTORS};
use crate::doctor::facts::{Clock, Facts, Firewall, Found, Guarded, Keys, Served, Settings};
use crate::net::port_mapping::external_address::unreachable;

/// A clock with an earlier year was never set.
const EARLIEST_YEAR: i16 = 2025;
const LATEST_YEAR: i16 = 2100;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    Ok,
    /// Worth a look, or unknown.
    Warn,
    /// Clients cannot connect, or too many can.
    Fail,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) verdict: Verdict,
    about: &'static str,
    said: String,
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verdict = match self.verdict {
            Verdict::Ok => "ok",
            Verdict::Warn => "warn",
            Verdict::Fail => "FAIL",
        };
        write!(f, "{verdict:<5} {:<14} {}", self.about, self.said)
    }
}

/// All findings, from the box outward.
pub(super) fn judge(facts: &Facts) -> Vec<Line> {
    let mut lines = Lines::default();
    configuration(facts, &mut lines);
    for guarded in &facts.state {
        permissions(guarded, facts.uid, &mut lines);
    }
    descriptors(facts, &mut lines);
    clock(&facts.clock, &mut lines);
    server(facts, &mut lines);
    keys(&facts.keys, &mut lines);
    addresses(&facts.addresses, &mut lines);
    if let Ok(settings) = &facts.settings {
        tcp(facts, settings, &mut lines);
        if settings.tcp {
            firewall(&facts.firewall, settings.port, &mut lines);
            router(facts, settings, &mut lines);
        }
    }
    lines.0
}

#[derive(Default)]
struct Lines(Vec<Line>);

impl Lines {
    fn ok(&mut self, about: &'static str, said: impl Into<String>) {
        self.add(Verdict::Ok, about, said.into());
    }

    fn warn(&mut self, about: &'static str, said: impl Into<String>) {
        self.add(Verdict::Warn, about, said.into());
    }

    fn fail(&mut self, about: &'static str, said: impl Into<String>) {
        self.add(Verdict::Fail, about, said.into());
    }

    fn add(&mut self, verdict: Verdict, about: &'static str, said: String) {
        self.0.push(Line { verdict, about, said });
    }
}

fn configuration(facts: &Facts, lines: &mut Lines) {
    const ABOUT: &str = "configuration";
    match &facts.settings {
        Ok(settings) => {
            lines.ok(ABOUT, "it is sound");
            for remark in &settings.remarks {
                lines.warn(ABOUT, remark);
            }
        }
        Err(mistakes) => {
            for mistake in mistakes.lines() {
                lines.fail(ABOUT, mistake);
            }
        }
    }
}

fn permissions(guarded: &Guarded, uid: u32, lines: &mut Lines) {
    const ABOUT: &str = "permissions";
    let path = guarded.path.display();
    match &guarded.found {
        Found::Nothing => lines.ok(ABOUT, format!("{path} is not there yet: the server makes it")),
        Found::Hidden(why) => lines.warn(
            ABOUT,
            format!("{path} cannot be looked at ({why}): run this as the server's own user"),
        ),
        Found::Something { mode, .. } if mode & guarded.forbidden != 0 => lines.fail(
            ABOUT,
            format!(
                "others may use {path} (mode {mode:o}): `chmod {:o} {path}`",
                mode & !guarded.forbidden
            ),
        ),
        Found::Something { owner, .. } if *owner != uid => lines.warn(
            ABOUT,
            format!(
                "{path} belongs to another user (uid {owner}): run this as the server's own user"
            ),
        ),
        Found::Something { mode, .. } => {
            lines.ok(ABOUT, format!("{path} is its owner's alone (mode {mode:o})"));
        }
    }
}

fn descriptors(facts: &Facts, lines: &mut Lines) {
    const ABOUT: &str = "descriptors";
    const REMEDY: &str = "raise it by LimitNOFILE= of the service, or `ulimit -Hn`";
    let wanted = match &facts.settings {
        Ok(settings) => u64::try_from(settings.max_sessions).unwrap_or(u64::MAX),
        Err(_) => 0,
    };
    match facts.descriptors {
        None => lines.ok(ABOUT, "as many as the system has"),
        Some(most) if most < FEWEST_DESCRIPTORS => lines.fail(
            ABOUT,
            format!("{most} are too few, the server needs {FEWEST_DESCRIPTORS}: {REMEDY}"),
        ),
        // No limit is configured: any number is enough.
        Some(most) if wanted > u64::from(u32::MAX) => lines.ok(ABOUT, format!("{most}")),
        Some(most) if most < wanted.saturating_add(OTHER_DESCRIPTORS) => lines.warn(
            ABOUT,
            format!("{most} are too few for {wanted} sessions, there will be fewer: {REMEDY}"),
        ),
        Some(most) => lines.ok(ABOUT, format!("{most}, enough for {wanted} sessions")),
    }
}

fn clock(clock: &Clock, lines: &mut Lines) {
    const ABOUT: &str = "clock";
    let Clock { shown, year, synchronised, wrong } = clock;
    if let Some(wrong) = wrong {
        lines.fail(ABOUT, wrong.clone());
        return;
    }
    if !(EARLIEST_YEAR..LATEST_YEAR).contains(year) {
        lines.fail(
            ABOUT,
            format!("it says {shown}, and invites expire by it: set it, or let NTP do so"),
        );
        return;
    }
    match synchronised {
        Some(true) => lines.ok(ABOUT, format!("{shown}, and something keeps it right")),
        Some(false) => lines.warn(
            ABOUT,
            format!("{shown}, and nothing keeps it right: invites expire by it; `timedatectl set-ntp true`"),
        ),
        None => {
            lines.ok(ABOUT, format!("{shown}; whether something keeps it right cannot be told"));
        }
    }
}

fn server(facts: &Facts, lines: &mut Lines) {
    const ABOUT: &str = "server";
    let socket = facts.socket.display();
    match &facts.server {
        Served::By { version, .. } if version == env!("CARGO_PKG_VERSION") => {
            lines.ok(ABOUT, format!("version {version} serves {socket}"));
        }
        Served::By { version, .. } => lines.warn(
            ABOUT,
            format!(
                "version {version} serves {socket}, and this program is {}: restart it",
                env!("CARGO_PKG_VERSION")
            ),
        ),
        Served::Nobody => {
            lines.warn(
                ABOUT,
                format!("none serves {socket}: start it (`topsided`, or its service)"),
            );
        }
        Served::Unclear(why) => lines.fail(ABOUT, format!("{socket} does not answer: {why}")),
    }
}

fn keys(keys: &Keys, lines: &mut Lines) {
    const ABOUT: &str = "keys";
    match keys {
        Keys::Known { keys: 0, invites: 0 } => lines.warn(
            ABOUT,
            "none may come in over TCP, so it stays closed: `topsided invite --name phone --role operator`",
        ),
        Keys::Known { keys, invites } => {
            lines.ok(ABOUT, format!("{keys} may come in over TCP; open invites: {invites}"));
        }
        Keys::Unreadable(why) => lines.fail(ABOUT, why),
    }
}

fn addresses(addresses: &[IpAddr], lines: &mut Lines) {
    const ABOUT: &str = "addresses";
    if addresses.is_empty() {
        lines.fail(ABOUT, "this box has none but its own loopback: connect it to a network");
    }
    for address in addresses {
        match unreachable(*address) {
            Some(why) => lines.ok(ABOUT, format!("{address} {why}: for clients near it")),
            None => lines.ok(ABOUT, format!("{address} is public: for clients anywhere")),
        }
    }
}

fn tcp(facts: &Facts, settings: &Settings, lines: &mut Lines) {
    const ABOUT: &str = "TCP";
    if !settings.tcp {
        lines.warn(ABOUT, "it is switched off: `addresses` of [listen] in server.toml is empty");
    } else if !matches!(facts.server, Served::By { .. }) {
        lines.warn(ABOUT, "it cannot be tried: no server answers");
    } else if facts.is_closed() && facts.doors.iter().all(|(_, answer)| answer.is_err()) {
        lines.warn(ABOUT, "it is closed, as it should be until there is a key or an invite");
    } else {
        let inward = |(address, _): &(SocketAddr, _)| address.ip().is_loopback();
        if facts.doors.iter().all(inward) {
            lines.fail(
                ABOUT,
                "it listens on loopback only, so no other device can come in: see `addresses` of \
                 [listen] in server.toml",
            );
        }
        for (address, answer) in &facts.doors {
            match answer {
                Ok(()) => lines.ok(ABOUT, format!("{address} takes connections")),
                Err(why) => lines.fail(
                    ABOUT,
                    format!(
                        "{address} takes none ({why}): see [listen] in server.toml, and the log"
                    ),
                ),
            }
        }
    }
}

fn firewall(firewall: &Firewall, port: u16, lines: &mut Lines) {
    const ABOUT: &str = "firewall";
    let port = port_title(port);
    match firewall {
        Firewall::Unknown(why) => lines.warn(
            ABOUT,
            format!("cannot tell ({why}): if clients get no answer, look whether {port} is let in"),
        ),
        Firewall::Open { tool } => lines.ok(ABOUT, format!("none on this box, says {tool}")),
        Firewall::Rules { tool, lets_in: true } => lines.ok(
            ABOUT,
            format!("{tool} shows rules that drop packets, and one that lets {port} in"),
        ),
        Firewall::Rules { tool, lets_in: false } => lines.warn(
            ABOUT,
            format!(
                "{tool} shows rules that drop packets, and none that lets {port} in: they may well \
                 drop clients; let it in"
            ),
        ),
    }
}

/// The port in words; before a start, port 0 is not known.
fn port_title(port: u16) -> String {
    match port {
        0 => "the TCP port that the server takes (port = 0 in server.toml: another at each start)"
            .to_owned(),
        port => format!("TCP port {port}"),
    }
}

fn router(facts: &Facts, settings: &Settings, lines: &mut Lines) {
    const ABOUT: &str = "router";
    let Facts { router, server, .. } = facts;
    let port = port_title(settings.port);
    let Some(place) = router.place else {
        lines.warn(ABOUT, "this box has no way to anywhere by IPv4, so it has none");
        return;
    };
    match place.gateway {
        Some(gateway) => lines.ok(ABOUT, format!("it is {gateway}")),
        None => lines.warn(ABOUT, "its address cannot be told on this system; it may be there"),
    }
    let names: Vec<&str> = router.answers.iter().map(|(protocol, _)| protocol.title()).collect();
    let by_hand = format!("forward {port} to {} by hand on its own page", place.own);
    match (names.is_empty(), settings.map) {
        (true, _) => lines.warn(
            ABOUT,
            format!(
                "it answers neither NAT-PMP, PCP nor UPnP: switch one on there, or {by_hand}; only \
                 clients on the internet need it"
            ),
        ),
        (false, true) => lines.ok(ABOUT, format!("it answers {}", names.join(" and "))),
        (false, false) => lines.ok(
            ABOUT,
            format!(
                "it answers {}, and is not asked for a port: `map = true` in [router] does that",
                names.join(" and ")
            ),
        ),
    }
    let outside = router.answers.iter().find_map(|(_, address)| *address);
    match outside.map(|address| (address, unreachable(address))) {
        Some((address, Some(why))) => lines.warn(
            ABOUT,
            format!(
                "its outside address {address} {why}: nobody on the internet can reach it; ask the \
                 provider for a public one, or use a VPN"
            ),
        ),
        Some((address, None)) => lines.ok(ABOUT, format!("its outside address is {address}")),
        None => lines.warn(ABOUT, "its outside address cannot be told"),
    }
    if !settings.map {
        return;
    }
    match server {
        Served::By { mapped: Some(mapped), .. } => {
            lines
                .ok(ABOUT, format!("{mapped} leads here: the address for clients on the internet"));
        }
        Served::By { mapped: None, .. } if facts.is_closed() => {
            lines.ok(ABOUT, "it is asked for a port once TCP is open");
        }
        Served::By { mapped: None, .. } => lines
            .fail(ABOUT, format!("it has given no port: the log says why (`rlf`); or {by_hand}")),
        Served::Nobody | Served::Unclear(_) => {
            lines.warn(ABOUT, "whether it forwards a port cannot be told: no server answers");
        }
    }
}

#[cfg(test)]
#[path = "diagnose_tests.rs"]
mod tests;
