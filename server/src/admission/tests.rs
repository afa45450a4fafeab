use super::*;
use crate::admission::pending_connections::{SILENT_AFTER, SLOTS_OF_KNOWN};

/// An admission with the default limits after `change`, and its clock.
fn admission(change: impl FnOnce(&mut Limits)) -> (Arc<Admission>, Instant) {
    let mut limits = Limits::default();
    change(&mut limits);
    let now = Instant::now();
    (Admission::new(&limits, now), now)
}

fn source(number: u32) -> Peer {
    Peer::of(std::net::Ipv4Addr::from(0xcb00_7100 + number).into())
}

const fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

/// Why it was dropped, if it was.
fn dropped(permit: &mut Permit) -> Option<Limit> {
    permit.dropped.try_recv().ok()
}

fn speak(permit: &Permit, now: Instant) {
    permit.admission.0.lock().queue(permit.id, now);
}

fn has_slot(permit: &mut Permit) -> bool {
    permit.started.try_recv().is_ok()
}

/// Does what a queued connection of source 1 does each time that its wait is over.
fn drop_slowest(admission: &Arc<Admission>, now: Instant) {
    admission.0.lock().drop_slowest(source(1), now);
}

/// Does what a silent connection of source 1 does once it counts as silent.
fn limit_silent(admission: &Arc<Admission>, now: Instant) {
    admission.0.lock().limit_silent(source(1), now);
}

#[test]
fn a_source_may_connect_ten_times_at_once_and_then_once_a_second() {
    let (admission, now) = admission(|_| {});
    for _ in 0..10 {
        drop(admission.enter(source(1), now).unwrap());
    }
    assert_eq!(admission.enter(source(1), now).unwrap_err(), Limit::ConnectsPerSource);
    drop(admission.enter(source(2), now).unwrap());
    let almost = now + Duration::from_millis(999);
    assert!(admission.enter(source(1), almost).is_err());
    drop(admission.enter(source(1), now + seconds(1)).unwrap());
    assert!(admission.enter(source(1), now + seconds(1)).is_err());
}

#[test]
fn a_connection_with_an_accepted_key_does_not_count() {
    let (admission, now) = admission(|_| {});
    for _ in 0..100 {
        admission.enter(source(1), now).unwrap().key_accepted(now);
    }
}

#[test]
fn unknown_sources_share_fifty_connections_a_second_and_known_sources_do_not_need_them() {
    let (admission, now) = admission(|_| {});
    admission.enter(source(1000), now).unwrap().key_accepted(now);
    let now = now + seconds(1);
    for number in 0..50 {
        drop(admission.enter(source(number), now).unwrap());
    }
    assert_eq!(admission.enter(source(51), now).unwrap_err(), Limit::Connects);
    drop(admission.enter(source(1000), now).unwrap());
    drop(admission.enter(source(52), now + Duration::from_millis(21)).unwrap());
}

#[test]
fn of_one_source_the_oldest_handshake_makes_room_for_the_fifth() {
    let (admission, now) = admission(|_| {});
    let mut first: Vec<Permit> = (0..4).map(|_| admission.enter(source(1), now).unwrap()).collect();
    assert!(first.iter_mut().all(|permit| dropped(permit).is_none()));
    let mut fifth = admission.enter(source(1), now).unwrap();
    limit_silent(&admission, now + SILENT_AFTER);
    assert_eq!(dropped(&mut first[0]), Some(Limit::MaxHandshakesPerSource));
    assert!(first[1..].iter_mut().all(|permit| dropped(permit).is_none()));
    assert_eq!(dropped(&mut fifth), None);
}

#[test]
fn an_unknown_source_has_four_handshakes_at_once_and_the_others_wait() {
    let (admission, now) = admission(|_| {});
    let mut ten: Vec<Permit> = (0..10).map(|_| speaking(&admission, now)).collect();
    let with_slot: Vec<bool> = ten.iter_mut().map(has_slot).collect();
    assert_eq!(with_slot, [true, true, true, true, false, false, false, false, false, false]);
    // One that stalls is dropped after a second for one that waits.
    drop_slowest(&admission, now + Duration::from_millis(999));
    assert_eq!(dropped(&mut ten[0]), None);
    drop_slowest(&admission, now + seconds(1));
    assert_eq!(dropped(&mut ten[0]), Some(Limit::MaxHandshakesPerSource));
    assert!(has_slot(&mut ten[9]));
}

/// Of twenty connections with one good key most were dropped.
#[test]
fn a_first_burst_with_a_good_key_is_served_whole() {
    let (admission, now) = admission(|_| {});
    let mut burst: Vec<Permit> =
        (0..32).map(|_| admission.enter(source(1), now).unwrap()).collect();
    burst.iter().for_each(|permit| speak(permit, now));
    assert_eq!(burst.iter_mut().map(has_slot).filter(|has| *has).count(), 4);
    burst.remove(0).key_accepted(now);
    assert_eq!(burst.iter_mut().map(has_slot).filter(|has| *has).count(), 28);
    assert!(burst.iter_mut().all(|permit| dropped(permit).is_none()));
}

/// A connection over the rate waits for the success of an earlier one, and for nothing else.
#[test]
fn a_connection_over_the_rate_is_refused_once_no_earlier_one_can_succeed() {
    let (admission, now) = admission(|_| {});
    let mut burst: Vec<Permit> = (0..32).map(|_| speaking(&admission, now)).collect();
    assert_eq!(admission.enter(source(1), now).unwrap_err(), Limit::ConnectsPerSource);
    let mut over = burst.split_off(10);
    drop(burst);
    assert!(over.iter_mut().all(|permit| dropped(permit) == Some(Limit::ConnectsPerSource)));
}

#[test]
fn known_devices_are_not_dropped_for_unknown_ones() {
    let (admission, now) = admission(|limits| limits.connects = usize::MAX);
    admission.enter(source(1), now).unwrap().key_accepted(now);
    let mut devices: Vec<Permit> = (0..16).map(|_| speaking(&admission, now)).collect();
    // These have sent nothing yet.
    devices.extend((0..16).map(|_| admission.enter(source(1), now).unwrap()));
    let flood = |number| {
        let permit = admission.enter(source(number), now).unwrap();
        speak(&permit, now);
        permit
    };
    let _flood: Vec<Permit> = (2..500).map(flood).collect();
    assert!(devices.iter_mut().all(|permit| dropped(permit).is_none()));
}

#[test]
fn of_all_sources_the_oldest_handshake_makes_room_for_the_sixty_fifth() {
    let (admission, now) = admission(|limits| limits.connects = usize::MAX);
    let enter = |number| admission.enter(source(number), now).unwrap();
    let mut first: Vec<Permit> = (0..64).map(enter).collect();
    assert!(first.iter_mut().all(|permit| dropped(permit).is_none()));
    let mut last = enter(64);
    assert_eq!(dropped(&mut first[0]), Some(Limit::MaxHandshakes));
    assert_eq!(dropped(&mut first[1]), None);
    // A connection that has ended needs no place.
    drop(first.pop());
    let _one_more = enter(65);
    assert_eq!(dropped(&mut first[1]), None);
    assert_eq!(dropped(&mut last), None);
}

#[test]
fn three_refused_keys_refuse_a_source_until_their_penalties_expire() {
    let (admission, now) = admission(|limits| limits.connects_per_source = usize::MAX);
    for times in 1..=3 {
        let permit =
            admission.enter(source(1), now).unwrap_or_else(|_| panic!("refused after {times}"));
        permit.key_refused(now);
    }
    assert_eq!(admission.enter(source(1), now).unwrap_err(), Limit::Penalty);
    drop(admission.enter(source(2), now).unwrap());
    let almost = now + Duration::from_millis(14_999);
    assert_eq!(admission.enter(source(1), almost).unwrap_err(), Limit::Penalty);
    drop(admission.enter(source(1), now + seconds(15)).unwrap());
}

#[test]
fn refused_keys_far_apart_refuse_no_source() {
    let (admission, mut now) = admission(|_| {});
    for _ in 0..100 {
        admission.enter(source(1), now).unwrap().key_refused(now);
        now += seconds(5);
    }
}

#[test]
fn penalties_add_up_to_ten_minutes_at_most() {
    let (admission, now) = admission(|_| {});
    let permit = admission.enter(source(1), now).unwrap();
    for _ in 0..1000 {
        permit.key_refused(now);
    }
    drop(permit);
    assert!(admission.enter(source(1), now + seconds(599)).is_err());
    drop(admission.enter(source(1), now + seconds(600)).unwrap());
}

/// An admission where source 1 is known, and has penalties.
fn penalized() -> (Arc<Admission>, Instant) {
    let (admission, now) = admission(|_| {});
    admission.enter(source(1), now).unwrap().key_accepted(now);
    for _ in 0..3 {
        admission.enter(source(1), now).unwrap().key_refused(now);
    }
    (admission, now)
}

/// A connection of source 1 that has sent something.
fn speaking(admission: &Arc<Admission>, now: Instant) -> Permit {
    let permit = admission.enter(source(1), now).unwrap();
    speak(&permit, now);
    permit
}

/// An attacker behind the admin's own NAT kept the admin out.
#[test]
fn a_known_source_has_a_limit_of_handshakes_and_is_never_refused() {
    let (admission, now) = penalized();
    let mut attackers: Vec<Permit> =
        (0..SLOTS_OF_KNOWN).map(|_| speaking(&admission, now)).collect();
    assert!(attackers.iter_mut().all(has_slot));
    let mut early = speaking(&admission, now);
    let mut admin = speaking(&admission, now);
    assert!(!has_slot(&mut early) && !has_slot(&mut admin), "all slots are taken");
    drop(attackers.pop());
    assert!(has_slot(&mut admin) && !has_slot(&mut early), "the newest is next");
    admin.key_accepted(now);
    assert!(has_slot(&mut early));
    drop((early, attackers));
    // After a day it is unknown again.
    let later = now + seconds(86_400);
    for _ in 0..3 {
        admission.enter(source(1), later).unwrap().key_refused(later);
    }
    assert_eq!(admission.enter(source(1), later).unwrap_err(), Limit::Penalty);
}

/// Connections within the rate went before all queued ones, and took every slot.
#[test]
fn a_known_source_over_its_rate_still_gets_slots() {
    let (admission, now) = admission(|_| {});
    admission.enter(source(1), now).unwrap().key_accepted(now);
    let _free: Vec<Permit> = (0..10).map(|_| admission.enter(source(1), now).unwrap()).collect();
    let mut over = speaking(&admission, now);
    assert!(has_slot(&mut over));
}

#[test]
fn a_slot_that_others_wait_for_lasts_a_second_and_the_newest_is_next() {
    let (admission, now) = penalized();
    let mut slow: Vec<Permit> = (0..SLOTS_OF_KNOWN).map(|_| speaking(&admission, now)).collect();
    assert!(slow.iter_mut().all(has_slot));
    let mut other = speaking(&admission, now);
    let mut admin = speaking(&admission, now);
    drop_slowest(&admission, now + Duration::from_millis(999));
    assert!(dropped(&mut slow[0]).is_none() && !has_slot(&mut admin));
    drop_slowest(&admission, now + seconds(1));
    assert_eq!(dropped(&mut slow[0]), Some(Limit::MaxHandshakesPerSource));
    assert!(has_slot(&mut admin) && !has_slot(&mut other));
    assert!(dropped(&mut slow[1]).is_none(), "one is dropped for one that waits");
    // Where many wait, it is shorter.
    let later = now + seconds(1);
    let mut crowd: Vec<Permit> = (0..40).map(|_| speaking(&admission, later)).collect();
    drop_slowest(&admission, later);
    assert!(dropped(&mut slow[1]).is_some() && has_slot(crowd.last_mut().unwrap()));
}

/// A hundred silent connections a second took every slot, the newest always being one of them.
#[test]
fn a_silent_connection_gets_no_slot_and_is_dropped_first() {
    let (admission, now) = penalized();
    let mut crowd: Vec<Permit> =
        (0..63).map(|_| admission.enter(source(1), now).unwrap()).collect();
    let mut admin = speaking(&admission, now);
    assert!(has_slot(&mut admin) && !crowd.iter_mut().any(has_slot));
    let _more: Vec<Permit> = (0..63).map(|_| admission.enter(source(1), now).unwrap()).collect();
    assert!(crowd.iter_mut().all(|permit| dropped(permit) == Some(Limit::MaxHandshakes)));
    assert_eq!(dropped(&mut admin), None);
}

#[test]
fn refused_keys_of_a_source_are_logged_once_a_minute() {
    let (admission, now) = admission(|_| {});
    let permit = admission.enter(source(1), now).unwrap();
    assert_eq!(permit.key_refused(now), Some(1));
    assert_eq!(permit.key_refused(now + seconds(59)), None);
    assert_eq!(permit.key_refused(now + seconds(60)), Some(2));
}

#[test]
fn sources_are_forgotten_at_the_limit_and_known_ones_last() {
    let (admission, now) = admission(|limits| limits.connects = usize::MAX);
    admission.enter(source(0), now).unwrap().key_accepted(now);
    let last = MAX_SOURCES as u32 + 100;
    for number in 1..=last {
        drop(admission.enter(source(number), now).unwrap());
    }
    let state = admission.0.lock();
    assert_eq!(state.sources.len(), MAX_SOURCES);
    assert!(state.sources.contains_key(&source(0)));
    assert!(state.sources.contains_key(&source(last)));
}

#[test]
fn no_limit_is_no_limit() {
    let (admission, now) = admission(|limits| {
        limits.connects = usize::MAX;
        limits.connects_per_source = usize::MAX;
        limits.max_handshakes = usize::MAX;
        limits.max_handshakes_per_source = usize::MAX;
        limits.penalty = None;
    });
    let mut all: Vec<Permit> =
        (0..1000).map(|_| admission.enter(source(1), now).unwrap()).collect();
    for permit in &all {
        permit.key_refused(now);
    }
    assert!(all.iter_mut().all(|permit| dropped(permit).is_none()));
}
