//! Saving a block's output to a file.

use topside_shared::RunId;

use super::*;
use crate::app::runs::export::{ExportFailed, Exported};
use crate::connect::DisconnectReason;

/// Presses F7: the number of the fetch, and how many bytes of which run it is for.
fn fetch(world: &mut World) -> (u64, RunId, u64) {
    let effects = world.press("f7");
    let [Effect::Fetch { id, run, until, name, .. }] = &effects[..] else { panic!("{effects:?}") };
    assert_eq!(name, "topside-zones-091400.txt");
    (*id, *run, *until)
}

fn fetched(length: u64, missing: u64) -> Result<Exported, ExportFailed> {
    Ok(Exported { path: "/home/ann/out.txt".into(), length, missing })
}

#[test]
fn the_whole_output_of_a_run_is_fetched_from_the_server_and_how_far_it_is_can_be_seen() {
    let mut world = World::connected(80, 24);
    world.run("zones", 5, "zone 1\nzone 2\n", ended("succeeded", 0, 4));
    let (id, run, until) = fetch(&mut world);
    assert_eq!((run, until), (RunId(5), 14));
    world.tell(Msg::Fetching { id, done: 7 });
    let shown = world.screen();
    assert!(shown.contains("saving 7 B of 14 B · Esc gives up"), "{shown}");
    assert!(world.press("f7").is_empty(), "one at a time");
    assert!(world.remark().contains("is still being saved"), "{}", world.remark());
    world.tell(Msg::Fetched { id, result: fetched(14, 0) });
    assert_eq!(world.remark(), "14 B saved to /home/ann/out.txt");
    assert!(world.state.saving.is_none());
}

#[test]
fn of_a_run_that_goes_on_what_it_has_printed_so_far_is_saved() {
    let mut world = World::connected(80, 24);
    world.run("zones", 5, "zone 1\n", None);
    let (id, _, until) = fetch(&mut world);
    assert_eq!(until, 7);
    world.tell(Msg::Fetched { id, result: fetched(7, 0) });
    assert!(world.remark().ends_with("what it had printed so far"), "{}", world.remark());
}

#[test]
fn output_that_the_server_dropped_is_reported() {
    let mut world = World::connected(160, 24);
    world.run("zones", 5, "zone 1\n", ended("succeeded", 0, 4));
    let (id, ..) = fetch(&mut world);
    world.tell(Msg::Fetched { id, result: fetched(40, 3_000) });
    let said = "40 B saved to /home/ann/out.txt, but 2.9 KiB are missing: the server has not kept them, and the file \
                says where";
    assert_eq!(world.remark(), said);
}

#[test]
fn of_a_run_that_the_server_has_no_more_the_screens_own_is_saved() {
    let mut world = World::connected(80, 24);
    world.run("zones", 5, "zone 1\n", ended("succeeded", 0, 4));
    let (id, ..) = fetch(&mut world);
    let effects = world.tell(Msg::Fetched { id, result: Err(ExportFailed::NotKept) });
    let [Effect::Save { text, why: Some(why), .. }] = &effects[..] else { panic!("{effects:?}") };
    assert_eq!(text, "zone 1\n");
    assert_eq!(why, "as this screen shows it, for the server has this run no more");
}

#[test]
fn without_a_session_the_screens_own_is_saved() {
    let mut world = World::connected(80, 24);
    world.run("zones", 5, "zone 1\n", ended("succeeded", 0, 4));
    world.event(Event::Lost(DisconnectReason::Gone));
    let effects = world.press("f7");
    let [Effect::Save { text, why: Some(why), .. }] = &effects[..] else { panic!("{effects:?}") };
    assert_eq!(text, "zone 1\n");
    assert_eq!(why, "as this screen shows it, for there is no session to fetch all of it");
}

#[test]
fn esc_gives_a_save_up_and_a_failure_is_one_sentence() {
    let mut world = World::connected(80, 24);
    world.run("zones", 5, "zone 1\n", ended("succeeded", 0, 4));
    let (id, ..) = fetch(&mut world);
    assert_eq!(world.press("esc"), [Effect::StopFetch { id }]);
    assert!(world.remark().starts_with("Given up: nothing was saved"), "{}", world.remark());
    // It had ended in that very moment.
    assert!(world.tell(Msg::Fetched { id, result: fetched(7, 0) }).is_empty());
    let (id, ..) = fetch(&mut world);
    let why = "the disk of /home/ann is full".to_owned();
    world.tell(Msg::Fetched { id, result: Err(ExportFailed::Failed(why)) });
    assert_eq!(world.remark(), "nothing was saved: the disk of /home/ann is full");
}

#[test]
fn what_printed_nothing_is_not_saved() {
    let mut world = World::connected(80, 24);
    world.run("zones", 5, "", ended("succeeded", 0, 4));
    assert!(world.press("f7").is_empty());
    assert_eq!(world.remark(), "zones printed nothing");
}
