//! Faults of the hub during 20 live runs with pending hooks. What needs no hub goes on; the box returns to the hub by itself,
//! and afterwards every hook has run, no row is lost, and the audit log is intact.

use rustix::process::Signal;
use serde_json::json;

use crate::chaos::rounds;
use crate::common::hub::Hub;
use crate::common::live_runs::{Watched, cancel, cancelled, says_the_truth};
use crate::common::{Device, Topsided, eventually};

/// Starts the runs through the hub, injects the fault, and has them cancelled: a half during the fault over the local socket,
/// the rest through the hub once it is back.
fn during(fault: impl Fn(&mut Hub), back: impl Fn(&mut Hub)) {
    let topsided = Topsided::new();
    let Some(mut hub) = Hub::new(&topsided) else { return };
    let mut watched = Watched::new(&topsided, "", rounds());
    let said = topsided.run(&["join", &hub.join_string()]);
    assert_eq!(said.status, Some(0), "{said:?}");
    for round in 0..rounds() {
        let mut server = topsided.start();
        let mut local = server.connect();
        let name = format!("phone-{round}");
        let made = local.ok("key/invite", json!({"name": name, "role": "admin"}));
        let mut device = Device::of_invite(made["invite"].as_str().unwrap()).enrol();
        device.address = hub.address_of(device.server());
        eventually("the box is at the hub", || device.is_let_in());
        let mut client = device.connect();
        let runs = watched.open(&mut client, "valve");

        fault(&mut hub);
        says_the_truth(&mut local);
        let asked = cancel(&mut local, &runs[..10]);
        cancelled(&mut local, asked);
        back(&mut hub);
        eventually("the box is back at the hub", || device.is_let_in());
        let mut client = device.connect();
        says_the_truth(&mut client);
        let asked = cancel(&mut client, &runs[10..]);
        cancelled(&mut client, asked);
        drop(client);
        watched.all_is_well(&mut server);
    }
}

#[test]
fn hub_killed() {
    during(Hub::kill, Hub::start);
}

#[test]
fn hub_stopped() {
    during(|hub| hub.signal(Signal::STOP), |hub| hub.signal(Signal::CONT));
}

#[test]
fn hub_cut_off() {
    during(|hub| hub.cut(true), |hub| hub.cut(false));
}

#[test]
fn hub_restarted_empty() {
    let restart = |hub: &mut Hub| {
        hub.kill();
        hub.empty();
        hub.start();
    };
    during(restart, |_| ());
}
