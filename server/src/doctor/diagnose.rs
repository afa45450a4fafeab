//! Diagnosis: judges the collected facts and gives advice. One file: the checks share the form of their findings.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

use topside_shared::Time;
use topside_shared::advice::{self, FIRST_INVITE};

use crate::admission::session_limits::{FEWEST_DESCRIPTORS, OTHER_DESCRIPTORS};
use crate::doctor::facts::{
    ClockFacts, Facts, FileFacts, Firewall, KeyFacts, NamedAddress, PrivateFile, Served, Settings,
};
use crate::net::port_mapping::external_address::unreachable;

/// A clock with an earlier year was never set.
const EARLIEST_YEAR: i16 = 2025;
const LATEST_YEAR: i16 = 2100;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    Ok,
    /// Advice, or unknown.
    Warn,
    /// Clients cannot connect, or too many can.
    Fail,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Finding {
    pub(super) verdict: Verdict,
    subject: &'static str,
    text: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verdict = match self.verdict {
            Verdict::Ok => "ok",
            Verdict::Warn => "warn",
            Verdict::Fail => "FAIL",
        };
        write!(f, "{verdict:<5} {:<14} {}", self.subject, self.text)
    }
}

/// All findings, from the box outward.
pub(super) fn diagnose(facts: &Facts) -> Vec<Finding> {
    let mut findings = Findings::default();
    configuration(facts, &mut findings);
    for private_file in &facts.state {
        permissions(private_file, facts.uid, &mut findings);
    }
    descriptors(facts, &mut findings);
    clock(&facts.clock, &mut findings);
    server(facts, &mut findings);
    keys(facts, &mut findings);
    host(facts, &mut findings);
    addresses(&facts.addresses, &mut findings);
    if let Ok(settings) = &facts.settings {
        tcp(facts, settings, &mut findings);
        if settings.tcp {
            firewall(&facts.firewall, settings.port, &mut findings);
            router(facts, settings, &mut findings);
        }
    }
    for (subject, verdict, text) in facts.hub.iter().flat_map(|hub| hub.findings(Time::now())) {
        findings.subject = subject;
        findings.add(verdict, text);
    }
    findings.all
}

#[derive(Default)]
struct Findings {
    /// The subject of the next findings.
    subject: &'static str,
    all: Vec<Finding>,
}

impl Findings {
    fn ok(&mut self, text: impl Into<String>) {
        self.add(Verdict::Ok, text.into());
    }

    fn warn(&mut self, text: impl Into<String>) {
        self.add(Verdict::Warn, text.into());
    }

    fn fail(&mut self, text: impl Into<String>) {
        self.add(Verdict::Fail, text.into());
    }

    fn add(&mut self, verdict: Verdict, text: String) {
        self.all.push(Finding { verdict, subject: self.subject, text });
    }
}

fn configuration(facts: &Facts, findings: &mut Findings) {
    findings.subject = "configuration";
    match &facts.settings {
        Ok(settings) => {
            findings.ok("it is sound");
            for remark in &settings.remarks {
                findings.warn(remark);
            }
        }
        Err(errors) => {
            for error in errors.lines() {
                findings.fail(error);
            }
        }
    }
}

fn host(facts: &Facts, findings: &mut Findings) {
    findings.subject = "host";
    for (then, obstacle) in &facts.host {
        let what = then.noun();
        match obstacle {
            Some(obstacle) => {
                findings.warn(format!("a {what} of the box is not possible: {obstacle}"));
            }
            None => findings.ok(format!("nothing is in the way of a {what} for this user")),
        }
    }
}

fn permissions(private_file: &PrivateFile, uid: u32, findings: &mut Findings) {
    findings.subject = "permissions";
    let path = private_file.path.display();
    match &private_file.found {
        FileFacts::Missing => findings.ok(format!("{path} is not there yet: the server makes it")),
        FileFacts::Unreadable(why) => findings
            .warn(format!("{path} cannot be looked at ({why}): run this as the server's own user")),
        FileFacts::Present { mode, .. } if mode & private_file.forbidden != 0 => {
            findings.fail(format!(
                "others may use {path} (mode {mode:o}): `chmod {:o} {path}`",
                mode & !private_file.forbidden
            ));
        }
        FileFacts::Present { owner, .. } if *owner != uid => findings.warn(format!(
            "{path} belongs to another user (uid {owner}): run this as the server's own user"
        )),
        FileFacts::Present { mode, .. } => {
            findings.ok(format!("{path} is its owner's alone (mode {mode:o})"));
        }
    }
}

fn descriptors(facts: &Facts, findings: &mut Findings) {
    findings.subject = "descriptors";
    const REMEDY: &str = "raise it by LimitNOFILE= of the service, or `ulimit -Hn`";
    let wanted = match &facts.settings {
        Ok(settings) => u64::try_from(settings.max_sessions).unwrap_or(u64::MAX),
        Err(_) => 0,
    };
    match facts.descriptors {
        None => findings.ok("as many as the system has"),
        Some(most) if most < FEWEST_DESCRIPTORS => findings
            .fail(format!("{most} are too few, the server needs {FEWEST_DESCRIPTORS}: {REMEDY}")),
        // No limit is configured: any number is enough.
        Some(most) if wanted > u64::from(u32::MAX) => findings.ok(format!("{most}")),
        Some(most) if most < wanted.saturating_add(OTHER_DESCRIPTORS) => findings.warn(format!(
            "{most} are too few for {wanted} sessions, there will be fewer: {REMEDY}"
        )),
        Some(most) => findings.ok(format!("{most}, enough for {wanted} sessions")),
    }
}

fn clock(clock: &ClockFacts, findings: &mut Findings) {
    findings.subject = "clock";
    let ClockFacts { shown, year, synchronised, wrong } = clock;
    if let Some(wrong) = wrong {
        findings.fail(wrong.clone());
        return;
    }
    if !(EARLIEST_YEAR..LATEST_YEAR).contains(year) {
        findings
            .fail(format!("it says {shown}, and invites expire by it: set it, or let NTP do so"));
        return;
    }
    match synchronised {
        Some(true) => findings.ok(format!("{shown}, and something keeps it right")),
        Some(false) => findings.warn(format!(
            "{shown}, and nothing keeps it right: invites expire by it; `timedatectl set-ntp true`"
        )),
        None => {
            findings.ok(format!("{shown}; whether a time service keeps it right is not known"));
        }
    }
}

fn server(facts: &Facts, findings: &mut Findings) {
    findings.subject = "server";
    let socket = facts.socket.display();
    match &facts.server {
        Served::By { version, .. } if version == env!("CARGO_PKG_VERSION") => {
            findings.ok(format!("version {version} serves {socket}"));
        }
        Served::By { version, .. } => findings.warn(format!(
            "version {version} serves {socket}, and this program is {}: restart it",
            env!("CARGO_PKG_VERSION")
        )),
        Served::None => {
            let start = if facts.is_service { "sudo systemctl start topsided" } else { "topsided" };
            findings.warn(format!("none serves {socket}: `{start}` starts it"));
        }
        Served::Unclear(why) => findings.fail(format!("{socket} does not answer: {why}")),
    }
    if let Served::By { failed_hooks, notifiers, .. } = &facts.server {
        for hook in failed_hooks {
            findings.fail(format!("the hook {hook}; `topside log` has its output"));
        }
        for notifier in notifiers {
            let words = format!("the notifier {}", notifier.words());
            match notifier.failure {
                None => findings.ok(words),
                Some(_) => {
                    let advice = "`topside notify test` tries it again at once";
                    findings.fail(format!("{words}; {advice}"));
                }
            }
        }
    }
}

fn keys(facts: &Facts, findings: &mut Findings) {
    findings.subject = "keys";
    match &facts.keys {
        KeyFacts::Known { keys: 0, invites: 0 } => findings.warn(format!(
            "no device is paired, so TCP stays closed: {}",
            advice::topsided(facts.is_service, FIRST_INVITE)
        )),
        KeyFacts::Known { keys, invites } => {
            findings.ok(format!("{keys} may come in over TCP; open invites: {invites}"));
        }
        KeyFacts::Unreadable(why) => findings.fail(why),
    }
}

fn addresses(addresses: &[IpAddr], findings: &mut Findings) {
    findings.subject = "addresses";
    if addresses.is_empty() {
        findings.fail("this machine has only loopback addresses: connect it to a network");
    }
    for address in addresses {
        match unreachable(*address) {
            Some(why) => findings.ok(format!("{address} {why}: for clients near it")),
            None => findings.ok(format!("{address} is public: for clients anywhere")),
        }
    }
}

fn tcp(facts: &Facts, settings: &Settings, findings: &mut Findings) {
    findings.subject = "TCP";
    if !settings.tcp {
        findings.warn("it is switched off: `addresses` of [listen] in server.toml is empty");
    } else if !matches!(facts.server, Served::By { .. }) {
        findings.warn("it cannot be tried: no server answers");
    } else if facts.is_closed() && facts.tcp_addresses.iter().all(|(_, answer)| answer.is_err()) {
        findings.warn("it is closed, as it should be until there is a key or an invite");
    } else {
        let inward = |(address, _): &(SocketAddr, _)| address.ip().is_loopback();
        if facts.tcp_addresses.iter().all(inward) {
            findings.fail(
                "it listens on loopback only, so no other device can come in: see `addresses` of \
                 [listen] in server.toml",
            );
        }
        for (address, answer) in &facts.tcp_addresses {
            match answer {
                Ok(()) => findings.ok(format!("{address} takes connections")),
                Err(why) => findings.fail(format!(
                    "{address} takes none ({why}): see [listen] in server.toml, and the log"
                )),
            }
        }
    }
}

fn firewall(firewall: &Firewall, port: u16, findings: &mut Findings) {
    findings.subject = "firewall";
    let port = port_title(port);
    match firewall {
        Firewall::Unknown(why) => findings.warn(format!(
            "cannot tell ({why}): if clients get no answer, check whether {port} is let in"
        )),
        Firewall::Open { tool } => findings.ok(format!("none on this machine, says {tool}")),
        Firewall::Rules { tool, lets_in: true } => findings
            .ok(format!("{tool} shows rules that drop packets, and one that lets {port} in")),
        Firewall::Rules { tool, lets_in: false } => findings.warn(format!(
            "{tool} shows rules that drop packets, and none that lets {port} in: they may well \
                 drop clients; let it in"
        )),
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

fn router(facts: &Facts, settings: &Settings, findings: &mut Findings) {
    findings.subject = "router";
    let Facts { router, server, .. } = facts;
    let port = port_title(settings.port);
    let Some(place) = router.place else {
        findings.warn("this machine has no IPv4 route to other networks, so it has no router");
        return;
    };
    match place.gateway {
        Some(gateway) => findings.ok(format!("it is {gateway}")),
        None => findings.warn("its address is not known on this system; there may be one"),
    }
    let names: Vec<&str> = router.answers.iter().map(|(protocol, _)| protocol.title()).collect();
    let by_hand = format!(
        "forward {port} to {} by hand on its own page, and set `address` in [router]",
        place.own
    );
    match (names.is_empty(), settings.map) {
        (true, _) => findings.warn(format!(
            "it answers neither NAT-PMP, PCP nor UPnP: switch one on there, or {by_hand}; only \
                 clients on the internet need it"
        )),
        (false, true) => findings.ok(format!("it answers {}", names.join(" and "))),
        (false, false) => findings.ok(format!(
            "it answers {}, and is not asked for a port: `map = true` in [router] does that",
            names.join(" and ")
        )),
    }
    let outside = router.answers.iter().find_map(|(_, address)| *address);
    match outside.map(|address| (address, unreachable(address))) {
        Some((address, Some(why))) => findings.warn(format!(
            "its outside address {address} {why}: it cannot be reached from the internet; ask the \
                 provider for a public one, or use a VPN"
        )),
        Some((address, None)) => findings.ok(format!("its outside address is {address}")),
        None => findings.warn("its outside address is not known"),
    }
    if let Some(named) = &router.named {
        named_address(named, outside, findings);
        return;
    }
    if !settings.map {
        return;
    }
    match server {
        Served::By { mapped: Some(mapped), .. } => {
            findings.ok(format!("{mapped} leads here: the address for clients on the internet"));
        }
        Served::By { mapped: None, .. } if facts.is_closed() => {
            findings.ok("it is asked for a port once TCP is open");
        }
        Served::By { mapped: None, .. } => {
            findings.fail(format!(
                "it has given no port: the log says why (`topside log`); or {by_hand}"
            ));
        }
        Served::None | Served::Unclear(_) => {
            findings.warn("whether it forwards a port is not known: no server answers");
        }
    }
}

/// The address that `[router]` names for clients on the internet; `outside` is the one that the router reports.
fn named_address(named: &NamedAddress, outside: Option<IpAddr>, findings: &mut Findings) {
    let NamedAddress { shown, found, answer } = named;
    let addresses = match found {
        Ok(addresses) => addresses,
        Err(why) => {
            findings.fail(format!(
                "invites name {shown}, and this machine cannot look it up ({why}): see `address` of [router]"
            ));
            return;
        }
    };
    for address in addresses {
        if let Some(why) = unreachable(*address) {
            findings.fail(format!(
                "invites name {shown}, and {address} {why}: it cannot be reached from the internet"
            ));
            return;
        }
    }
    if let Some(outside) = outside.filter(|outside| {
        unreachable(*outside).is_none() && !addresses.is_empty() && !addresses.contains(outside)
    }) {
        findings.warn(format!(
            "invites name {shown}, and the router's outside address {outside} is not among its addresses: update the name"
        ));
    }
    match answer {
        Ok(()) => findings.ok(format!("{shown} takes connections: the address for clients on the internet")),
        Err(why) => findings.warn(format!(
            "{shown} takes no connection from this machine ({why}): the port may not be forwarded here, or the router does not lead \
             back in; try `topside test` from another network"
        )),
    }
}

#[cfg(test)]
#[path = "diagnose_tests.rs"]
mod tests;
