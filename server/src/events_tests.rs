//! Which subscribers get an event, and the count of those that were dropped.

use std::collections::VecDeque;

use topside_shared::Connection;
use topside_shared::notifications::Level;

use super::*;
use crate::base::identity::{Owner, Scope};
use crate::base::log::{KEPT, Sinks};
use crate::base::outbox::Outbox;

fn identity(role: Role, scope: Scope) -> Identity {
    Identity { owner: Owner::User(1), user: "u".into(), role, scope, agent: false }
}

fn admin() -> Identity {
    identity(Role::Admin, Scope::Whole)
}

/// A client that was an admin when it subscribed got the log as long as its session lasted.
#[test]
fn a_client_that_may_not_subscribe_any_more_gets_no_event() {
    let (log, dispatch, _writing) = Log::open(&Sinks::default(), Level::Info).unwrap();
    let registry = Arc::new(Registry::default());
    let outbox = Arc::new(Outbox::new(1 << 20));
    let registered = registry.register("pid 1".into(), Connection::Same, admin(), outbox);
    let client = &registered.client;
    let events = Events::default();
    let topics = vec![Topic::Clients, Topic::Log];
    let begun = events.subscribe(client, topics, &registry, &log).unwrap();
    events.release(client.id, begun.id, Vec::new());
    let told_of = |identity: Identity| {
        registry.set_identity(client, identity);
        tracing::dispatcher::with_default(&dispatch, || {
            tracing::info!(target: "topside", "line");
        });
        events.publish_clients(&registry);
        events.publish_log(&log, log.clock() - 1);
        let mut lines = VecDeque::new();
        client.outbox.take(&mut lines);
        let lines = lines.iter().map(|line| String::from_utf8_lossy(line).into_owned());
        let method = |line: String| line.split('"').nth(7).map(str::to_owned);
        lines.filter_map(method).collect::<Vec<_>>()
    };
    let limited = Scope::Commands(Arc::from(["look".to_owned()]));
    let both = ["clients/changed", "log/entry"];
    assert_eq!(told_of(identity(Role::Admin, Scope::Whole)), both);
    assert_eq!(told_of(identity(Role::Operator, Scope::Whole)), both[..1]);
    assert_eq!(told_of(identity(Role::Admin, limited)), [""; 0]);
}

/// A log that is faster than its publication lost lines without a count.
#[test]
fn dropped_log_lines_are_counted_for_each_subscriber() {
    let (log, dispatch, _writing) = Log::open(&Sinks::default(), Level::Info).unwrap();
    let registry = Arc::new(Registry::default());
    let outbox = Arc::new(Outbox::new(1 << 20));
    let registered = registry.register("pid 1".into(), Connection::Same, admin(), outbox);
    let client = &registered.client;
    let events = Events::default();
    let write = |lines: usize| {
        tracing::dispatcher::with_default(&dispatch, || {
            for _ in 0..lines {
                tracing::info!(target: "topside", "line");
            }
        });
    };
    write(10);
    let begun = events.subscribe(client, vec![Topic::Log], &registry, &log).unwrap();
    events.release(client.id, begun.id, Vec::new());
    write(KEPT + 5);
    let changes = events.publish_log(&log, 0);
    let dropped = || {
        let (mut all, mut batch) = (Vec::new(), VecDeque::new());
        loop {
            client.outbox.take(&mut batch);
            if batch.is_empty() {
                break all;
            }
            let lines = batch.drain(..).map(|line| String::from_utf8(line.into()).unwrap());
            all.extend(lines.filter(|line| line.contains("events/dropped")));
        }
    };
    let report = dropped();
    assert!(matches!(&report[..], [one] if one.contains(r#""count":5"#)), "{report:?}");
    write(KEPT);
    events.publish_log(&log, changes);
    assert_eq!(dropped(), Vec::<String>::new());
}

/// A subscriber that had seen one of many changes got a copy of all others for itself.
#[test]
fn subscribers_share_the_lines_of_changes_that_are_new_to_both() {
    let (log, _dispatch, _writing) = Log::open(&Sinks::default(), Level::Info).unwrap();
    let registry = Arc::new(Registry::default());
    let join = || {
        let outbox = Arc::new(Outbox::new(1 << 20));
        registry.register("pid 1".into(), Connection::Same, admin(), outbox)
    };
    let events = Events::default();
    let subscribe = |client: &Arc<Client>| {
        let begun = events.subscribe(client, vec![Topic::Clients], &registry, &log).unwrap();
        events.release(client.id, begun.id, Vec::new());
    };
    let lines = |client: &Client| {
        let mut lines = VecDeque::new();
        client.outbox.take(&mut lines);
        lines
    };
    let mut clients: Vec<_> = (0..100).map(|_| join()).collect();
    subscribe(&clients[0].client);
    clients.extend((0..50).map(|_| join()));
    subscribe(&clients[1].client);
    clients.extend((0..150).map(|_| join()));
    events.publish_clients(&registry);
    let (early, late) = (lines(&clients[0].client), lines(&clients[1].client));
    let is_shared = |line: &&Bytes| early.iter().any(|other| other.as_ptr() == line.as_ptr());
    let rows = |lines: &VecDeque<Bytes>| -> usize {
        let joined = |line: &Bytes| {
            let line: serde_json::Value = serde_json::from_slice(line).unwrap();
            line["params"]["joined"].as_array().unwrap().len()
        };
        lines.iter().map(joined).sum()
    };
    assert_eq!((rows(&early), rows(&late)), (200, 150));
    let own: VecDeque<Bytes> = late.iter().filter(|line| !is_shared(line)).cloned().collect();
    assert!(own.len() == 1 && rows(&own) <= 16, "{} rows in {} lines", rows(&own), own.len());
}
