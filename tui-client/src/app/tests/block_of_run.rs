//! The block that a run belongs to, where several requests have the same command.

use topside_shared::records::RunState;
use topside_shared::{ErrorKind, RunId};

use super::*;

#[test]
fn two_runs_of_one_command_keep_their_output_apart() {
    let mut world = World::connected(80, 24);
    let first = world.start("zones");
    let second = world.start("zones");
    world.notice(Notification::RunChanged(Box::new(running(1, "zones"))));
    world.notice(Notification::RunChanged(Box::new(running(2, "zones"))));
    world.notice(printed(2, "two\n"));
    world.notice(printed(1, "one\n"));
    let runs = &world.console().runs;
    assert_eq!((runs.text(first), runs.text(second)), ("one\n".into(), "two\n".into()));
}

/// The row of a run of `zone-run` with these arguments, and the default that the server adds.
fn zone_run(run: u64, zone: u64) -> RunRow {
    let mut row = running(run, "zone-run");
    row.args = serde_json::from_value(json!({"zone": zone, "minutes": 5})).unwrap();
    row
}

fn line_of(world: &mut World, run: u64) -> String {
    world.console().runs.of_run(RunId(run)).unwrap().line.clone()
}

/// A path that the server has to look up lets the next request overtake.
#[test]
fn two_runs_of_one_command_did_not_swap_blocks_where_one_overtook() {
    let mut world = World::connected(80, 24);
    let third = world.start("zone-run 3");
    let fourth = world.start("zone-run 4");
    world.notice(Notification::RunChanged(Box::new(zone_run(1, 4))));
    world.notice(Notification::RunChanged(Box::new(zone_run(2, 3))));
    world.notice(printed(1, "four\n"));
    world.notice(printed(2, "three\n"));
    let runs = &world.console().runs;
    assert_eq!((runs.text(third), runs.text(fourth)), ("three\n".into(), "four\n".into()));
    assert_eq!(
        (line_of(&mut world, 1), line_of(&mut world, 2)),
        ("zone-run 4".into(), "zone-run 3".into())
    );
}

/// Only the answers say which of two equal lines a run belongs to.
#[test]
fn the_answer_assigns_two_equal_runs_to_their_blocks() {
    let mut world = World::connected(80, 24);
    let first = world.start("zone-run 3");
    let second = world.start("zone-run zone=3");
    world.notice(Notification::RunChanged(Box::new(zone_run(1, 3))));
    world.notice(Notification::RunChanged(Box::new(zone_run(2, 3))));
    let ended = |run| {
        let mut row = zone_run(run, 3);
        row.state = RunState::Succeeded;
        Ok(result(row))
    };
    world.ran(second, ended(1));
    assert_eq!(line_of(&mut world, 1), "zone-run zone=3");
    assert_eq!(line_of(&mut world, 2), "zone-run 3");
    world.ran(first, ended(2));
    assert_eq!(line_of(&mut world, 1), "zone-run zone=3");
    assert!(world.console().runs.live().next().is_none());
}

#[test]
fn a_refusal_leaves_the_run_of_another_line_alone() {
    let mut world = World::connected(80, 24);
    let first = world.start("zone-run 3");
    world.enter("zone-run zone=3");
    world.notice(Notification::RunChanged(Box::new(zone_run(1, 3))));
    let message = "no such place".to_owned();
    let refused = refused(ErrorKind::InvalidParams, message);
    world.ran(first, Err(refused));
    assert_eq!(line_of(&mut world, 1), "zone-run zone=3");
    let live: Vec<_> = world.console().runs.live().map(|info| info.run).collect();
    assert_eq!(live, [Some(RunId(1))]);
    assert_eq!(world.newest(), "no such place\n");
}
