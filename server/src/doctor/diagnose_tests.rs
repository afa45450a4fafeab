//! Findings for given facts.

use std::net::Ipv4Addr;

use topside_shared::methods::NotifierStatus;

use super::*;
use crate::doctor::facts::{NamedAddress, RouterFacts};
use crate::net::port_mapping::external_address::Protocol;
use crate::net::port_mapping::protocols::Place;

/// A box where all is well, on a home network with a router that forwards the port.
fn well() -> Facts {
    let file = |path: &str, mode, forbidden| PrivateFile {
        path: path.into(),
        forbidden,
        found: FileFacts::Present { owner: 1000, mode },
    };
    let outside = Some(IpAddr::from([203, 0, 113, 7]));
    Facts {
        settings: Ok(Settings {
            remarks: vec![],
            port: 8677,
            tcp: true,
            map: true,
            max_sessions: 1024,
        }),
        state: vec![file("/s", 0o700, 0o022), file("/s/server.key", 0o600, 0o077)],
        uid: 1000,
        descriptors: Some(4096),
        clock: ClockFacts {
            shown: "2026-03-01T09:14:02Z".to_owned(),
            year: 2026,
            synchronised: Some(true),
            wrong: None,
        },
        addresses: vec![IpAddr::from([192, 168, 1, 10])],
        is_service: false,
        socket: "/r/topsided.sock".into(),
        server: Served::By {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            mapped: Some("203.0.113.7:8677".to_owned()),
            failed_hooks: Vec::new(),
            notifiers: Vec::new(),
        },
        tcp_addresses: vec![("192.168.1.10:8677".parse().unwrap(), Ok(()))],
        firewall: Firewall::Open { tool: "nft" },
        router: RouterFacts {
            place: Some(Place {
                gateway: Some(Ipv4Addr::new(192, 168, 1, 1)),
                own: Ipv4Addr::new(192, 168, 1, 10),
            }),
            answers: vec![(Protocol::NatPmp, outside), (Protocol::Upnp, outside)],
            named: None,
        },
        host: Vec::new(),
        hub: None,
        keys: KeyFacts::Known { keys: 2, invites: 1 },
    }
}

fn settings(facts: &mut Facts) -> &mut Settings {
    facts.settings.as_mut().unwrap()
}

/// The lines of a box that is well but for what `change` does to it.
fn text(change: impl FnOnce(&mut Facts)) -> Vec<String> {
    let mut facts = well();
    change(&mut facts);
    diagnose(&facts).iter().map(ToString::to_string).collect()
}

/// Whether a line begins and goes on so.
fn says(lines: &[String], start: &str, part: &str) -> bool {
    lines.iter().any(|line| line.starts_with(start) && line.contains(part))
}

#[track_caller]
fn expect(change: impl FnOnce(&mut Facts), start: &str, part: &str) {
    let lines = text(change);
    assert!(says(&lines, start, part), "no `{start}..{part}` in {lines:#?}");
    let others: Vec<&String> = lines
        .iter()
        .filter(|line| line.starts_with("FAIL") && !start.starts_with("FAIL"))
        .collect();
    assert!(others.is_empty(), "{others:#?}");
}

#[test]
fn a_box_where_all_is_well_gets_no_warning() {
    let lines = text(|_| {});
    assert!(lines.iter().all(|line| line.starts_with("ok ")), "{lines:#?}");
    assert!(says(&lines, "ok    router ", "203.0.113.7:8677 leads here"), "{lines:#?}");
}

#[test]
fn errors_of_the_configuration_are_one_a_line() {
    let lines = text(|facts| facts.settings = Err("server.toml:1:1: a\nserver.toml:2:1: b".into()));
    let errors: Vec<_> =
        lines.iter().filter(|line| line.starts_with("FAIL  configuration")).collect();
    assert_eq!(errors.len(), 2, "{lines:#?}");
    expect(
        |facts| settings(facts).remarks.push("no ping".into()),
        "warn  configuration",
        "no ping",
    );
}

#[test]
fn a_key_that_others_may_read_is_a_failure_with_its_remedy() {
    let found = |found| move |facts: &mut Facts| facts.state[1].found = found;
    let mode = |mode| found(FileFacts::Present { owner: 1000, mode });
    expect(mode(0o640), "FAIL  permissions", "`chmod 600 /s/server.key`");
    expect(
        |facts| facts.state[0].found = FileFacts::Present { owner: 1000, mode: 0o775 },
        "FAIL  permissions",
        "`chmod 755 /s`",
    );
    expect(found(FileFacts::Missing), "ok    permissions", "not there yet");
    expect(found(FileFacts::Unreadable("denied".into())), "warn  permissions", "denied");
    expect(
        found(FileFacts::Present { owner: 0, mode: 0o600 }),
        "warn  permissions",
        "another user",
    );
}

#[test]
fn descriptors_are_held_against_the_sessions_that_are_wanted() {
    let most = |most| move |facts: &mut Facts| facts.descriptors = most;
    expect(most(Some(255)), "FAIL  descriptors", "needs 256");
    expect(most(Some(256)), "warn  descriptors", "too few for 1024 sessions");
    expect(most(Some(1243)), "warn  descriptors", "too few");
    expect(most(Some(1244)), "ok    descriptors", "enough for 1024");
    expect(most(None), "ok    descriptors", "as many");
    let unlimited = |facts: &mut Facts| {
        settings(facts).max_sessions = usize::MAX;
        facts.descriptors = Some(4096);
    };
    expect(unlimited, "ok    descriptors", "4096");
}

#[test]
fn a_clock_that_was_never_set_is_a_failure() {
    let year = |year| move |facts: &mut Facts| facts.clock.year = year;
    expect(year(1970), "FAIL  clock", "invites expire by it");
    expect(year(2100), "FAIL  clock", "set it");
    expect(|facts| facts.clock.synchronised = Some(false), "warn  clock", "set-ntp");
    let wrong = "the clock of this machine is behind".to_owned();
    expect(|facts| facts.clock.wrong = Some(wrong), "FAIL  clock", "is behind");
    expect(|facts| facts.clock.synchronised = None, "ok    clock", "is not known");
}

#[test]
fn a_missing_server_or_another_version_is_reported() {
    let lines = text(|facts| facts.server = Served::None);
    assert!(says(&lines, "warn  server", "`topsided` starts it"), "{lines:#?}");
    assert!(says(&lines, "warn  TCP", "no server answers"), "{lines:#?}");
    assert!(says(&lines, "warn  router", "is not known"), "{lines:#?}");
    let old = Served::By {
        version: "0.0.1".into(),
        mapped: Some("203.0.113.7:1".into()),
        failed_hooks: Vec::new(),
        notifiers: Vec::new(),
    };
    expect(|facts| facts.server = old, "warn  server", "restart it");
    expect(|facts| facts.server = Served::Unclear("timed out".into()), "FAIL  server", "timed out");
}

#[test]
fn each_notifier_is_shown_and_one_that_cannot_send_is_a_failure() {
    let by = |failure: Option<&str>| Served::By {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        mapped: None,
        failed_hooks: Vec::new(),
        notifiers: vec![NotifierStatus {
            notifier: "ops".to_owned(),
            kind: "exec".to_owned(),
            waiting: 2,
            sent_at: None,
            failure: failure.map(str::to_owned),
        }],
    };
    let failing = |facts: &mut Facts| facts.server = by(Some("no route"));
    expect(failing, "FAIL  server", "the notifier ops (exec): 2 waiting, cannot send: no route");
    let lines = text(|facts| facts.server = by(None));
    assert!(says(&lines, "ok    server", "the notifier ops (exec): 2 waiting"), "{lines:#?}");
}

#[test]
fn tcp_is_closed_without_keys_and_a_failure_with_them() {
    let refused = |facts: &mut Facts| facts.tcp_addresses[0].1 = Err("connection refused".into());
    expect(refused, "FAIL  TCP", "192.168.1.10:8677 takes none (connection refused)");
    expect(
        |facts| {
            refused(facts);
            facts.keys = KeyFacts::Known { keys: 0, invites: 0 };
        },
        "warn  TCP",
        "until there is a key",
    );
    expect(|facts| settings(facts).tcp = false, "warn  TCP", "switched off");
    let none = KeyFacts::Known { keys: 0, invites: 0 };
    expect(|facts| facts.keys = none, "warn  keys", "topsided invite");
    expect(|facts| facts.keys = KeyFacts::Unreadable("bad".into()), "FAIL  keys", "bad");
}

#[test]
fn a_firewall_is_never_said_to_be_open_where_it_cannot_be_known() {
    let with = |firewall| move |facts: &mut Facts| facts.firewall = firewall;
    expect(with(Firewall::Unknown("not root".into())), "warn  firewall", "cannot tell (not root)");
    let rules = |lets_in| Firewall::Rules { tool: "nft", lets_in };
    expect(with(rules(false)), "warn  firewall", "may well drop");
    expect(with(rules(true)), "ok    firewall", "lets TCP port 8677 in");
}

#[test]
fn the_router_is_reported_with_advice() {
    let outside = |address: &str| {
        let address = address.parse().unwrap();
        move |facts: &mut Facts| facts.router.answers = vec![(Protocol::Upnp, Some(address))]
    };
    expect(outside("100.64.3.4"), "warn  router", "carrier NAT");
    expect(outside("10.0.0.2"), "warn  router", "private");
    expect(|facts| facts.router.answers.clear(), "warn  router", "by hand");
    expect(|facts| settings(facts).map = false, "ok    router", "`map = true` in [router]");
    expect(|facts| facts.router.place = None, "warn  router", "no IPv4 route");
    let unknown = |facts: &mut Facts| {
        facts.router.place.as_mut().unwrap().gateway = None;
    };
    expect(unknown, "warn  router", "is not known on this system");
    let version = env!("CARGO_PKG_VERSION").to_owned();
    expect(
        |facts| {
            facts.server = Served::By {
                version,
                mapped: None,
                failed_hooks: Vec::new(),
                notifiers: Vec::new(),
            }
        },
        "FAIL  router",
        "given no port",
    );
    let version = env!("CARGO_PKG_VERSION").to_owned();
    let closed = |facts: &mut Facts| {
        facts.server =
            Served::By { version, mapped: None, failed_hooks: Vec::new(), notifiers: Vec::new() };
        facts.keys = KeyFacts::Known { keys: 0, invites: 0 };
        facts.tcp_addresses[0].1 = Err("connection refused".into());
    };
    expect(closed, "ok    router", "once TCP is open");
    assert!(!says(&text(|facts| settings(facts).tcp = false), "ok    router", ""), "TCP is off");
}

#[test]
fn the_address_of_a_port_forwarded_by_hand_is_checked() {
    let named = |found: Result<&str, &str>, answer: Result<(), &str>| {
        let found = found.map(|address| vec![address.parse().unwrap()]).map_err(str::to_owned);
        let answer = answer.map_err(str::to_owned);
        let shown = "garden.example.org:18677".to_owned();
        move |facts: &mut Facts| {
            settings(facts).map = false;
            facts.router.named = Some(NamedAddress { shown, found, answer });
        }
    };
    let outside = "203.0.113.7";
    expect(
        named(Ok(outside), Ok(())),
        "ok    router",
        "garden.example.org:18677 takes connections",
    );
    expect(named(Ok(outside), Err("timed out")), "warn  router", "from this machine (timed out)");
    expect(
        named(Ok("203.0.113.9"), Ok(())),
        "warn  router",
        "203.0.113.7 is not among its addresses",
    );
    expect(named(Ok("192.168.1.10"), Ok(())), "FAIL  router", "192.168.1.10 is private");
    expect(named(Err("no such name"), Err("no such name")), "FAIL  router", "(no such name)");
    let lines = text(named(Ok(outside), Ok(())));
    assert!(!lines.iter().any(|line| line.contains("leads here")), "{lines:#?}");
}

#[test]
fn a_box_without_a_network_is_a_failure() {
    expect(|facts| facts.addresses.clear(), "FAIL  addresses", "connect it");
    let public = IpAddr::from([203, 0, 113, 7]);
    expect(|facts| facts.addresses.push(public), "ok    addresses", "203.0.113.7 is public");
}

/// It reported no problem, and advised to forward a port without a listener.
#[test]
fn a_server_on_loopback_only_is_reported() {
    let lines = text(|facts| {
        facts.tcp_addresses = vec![("127.0.0.1:8677".parse().unwrap(), Ok(()))];
    });
    let found =
        lines.iter().any(|line| line.starts_with("FAIL  TCP") && line.contains("loopback only"));
    assert!(found, "{lines:#?}");
    let lines = text(|_| {});
    assert!(!lines.iter().any(|line| line.contains("loopback only")), "{lines:#?}");
}

#[test]
fn a_port_that_is_not_known_yet_is_not_called_port_0() {
    let lines = text(|facts| {
        settings(facts).port = 0;
        settings(facts).map = false;
        facts.router.answers.clear();
        facts.firewall = Firewall::Unknown("no tool".into());
    });
    assert!(!lines.iter().any(|line| line.contains("port 0")), "{lines:#?}");
    assert!(lines.iter().any(|line| line.contains("another at each start")), "{lines:#?}");
}
