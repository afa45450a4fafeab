//! Runs that wait for their turn.

use topside_shared::RunId;
use topside_shared::records::RunState;

use super::super::runs::Phase;
use super::commands::phase;
use super::*;
use crate::connect::DisconnectReason;

/// The row of a run that waits at a place for the one before it.
fn queued(run: u64, line: &str, place: u64, holder: u64) -> RunRow {
    let mut row = serde_json::to_value(running(run, line)).unwrap();
    row["state"] = json!("queued");
    row["place"] = json!(place);
    let by =
        json!({"runId": holder, "command": "zone-stop", "user": "a\u{1b}nn", "state": "running"});
    row["waitsFor"] = json!([{"lock": "relays", "heldBy": [by]}]);
    serde_json::from_value(row).unwrap()
}

#[test]
fn a_queued_run_says_its_place_and_for_whom_it_waits_until_it_starts() {
    let mut world = World::connected(80, 24);
    let block = world.start("zone-run 3 5");
    world.notice(Notification::RunChanged(Box::new(queued(31, "zone-run", 2, 7))));
    assert_eq!(phase(&mut world), Phase::Queued { place: 2, cancelling: false });
    let waits = |place: u64, holder: u64| {
        format!("place {place}: waits for the lock relays, held by #{holder} zone-stop of ann\n")
    };
    assert_eq!(world.newest(), waits(2, 7));
    world.notice(Notification::RunChanged(Box::new(queued(31, "zone-run", 1, 8))));
    assert_eq!(world.newest(), waits(1, 8), "in the place of the other");
    world.now = 5_000;
    world.tell(Msg::Tick);
    world.notice(Notification::RunChanged(Box::new(running(31, "zone-run"))));
    assert_eq!(phase(&mut world), Phase::Running { cancelling: false });
    assert_eq!(world.console().runs.info(block).unwrap().began, 5_000, "from its start");
    assert_eq!(world.newest().trim(), "");
    world.notice(printed(31, "opening valve 3\n"));
    assert_eq!(world.newest(), "opening valve 3\n");
}

#[test]
fn ctrl_c_ends_a_queued_run_and_its_block_does_not_say_that_it_waits_still() {
    let mut world = World::connected(80, 24);
    let block = world.start("zone-run 3 5");
    world.notice(Notification::RunChanged(Box::new(queued(31, "zone-run", 2, 7))));
    let effects = world.press("ctrl-c");
    let cancel = ask(world.session(), &RunCancel { run_id: RunId(31) });
    assert_eq!(effects, [cancel]);
    world.notice(Notification::RunChanged(Box::new(queued(31, "zone-run", 1, 7))));
    assert_eq!(phase(&mut world), Phase::Queued { place: 1, cancelling: true });
    let mut row = running(31, "zone-run");
    row.state = RunState::Cancelled;
    world.ran(block, Ok(result(row)));
    assert_eq!(world.newest(), "");
}

#[test]
fn a_queued_run_that_a_lost_session_cut_off_waits_on_in_the_next_one() {
    let mut world = World::connected(80, 24);
    world.enter("zone-run 3 5");
    world.notice(Notification::RunChanged(Box::new(queued(31, "zone-run", 2, 7))));
    world.event(Event::Lost(DisconnectReason::Gone));
    assert_eq!((phase(&mut world), world.newest().trim()), (Phase::CutOff, ""));
    let effects = world.press("f5");
    let [Effect::Dial { attempt, .. }] = effects[..] else { panic!("{effects:?}") };
    world.tell(dialled(attempt));
    world.notice(Notification::RunChanged(Box::new(queued(31, "zone-run", 1, 7))));
    assert_eq!(phase(&mut world), Phase::Queued { place: 1, cancelling: false });
    assert!(world.newest().starts_with("place 1: waits for"), "{}", world.newest());
    world.notice(Notification::RunChanged(Box::new(running(31, "zone-run"))));
    assert_eq!(phase(&mut world), Phase::Running { cancelling: false });
}
