//! Runs that a lost session cut off, in the next one.

use topside_shared::RunId;
use topside_shared::notifications::RunOutput;
use topside_shared::records::RunState;

use super::super::runs::Phase;
use super::*;
use crate::connect::DisconnectReason;

/// Loses the session, and connects again to a server of this boot; what it is asked.
fn again(world: &mut World, boot: &str) -> Vec<Effect> {
    world.event(Event::Lost(DisconnectReason::Gone));
    let effects = world.press("f5");
    let [Effect::Dial { attempt, .. }] = effects[..] else { panic!("{effects:?}") };
    let mut welcome = Box::new(welcome());
    welcome.server.boot_id = boot.into();
    world.tell(Msg::Dialled { attempt, welcome, reached: locally(), embedded_server: false })
}

fn output(run: u64, offset: u64, text: &str) -> Msg {
    let output = RunOutput {
        run_id: RunId(run),
        offset,
        stream: topside_shared::notifications::Stream::Stdout,
        data: Some(text.into()),
        base64: None,
    };
    Msg::Session { session: 0, event: Event::Notice(Box::new(Notification::RunOutput(output))) }
}

/// Tells it as it is, whatever was printed before.
fn tell(world: &mut World, mut msg: Msg) {
    if let Msg::Session { session, .. } = &mut msg {
        *session = world.session();
    }
    world.tell(msg);
}

fn end(world: &mut World, block: u64, state: RunState, bytes: u64) {
    let mut row = running(31, "zone-run 3");
    (row.state, row.bytes, row.duration_ms) = (state, bytes, Some(9_000));
    world.ran(block, Ok(result(row)));
}

#[test]
fn a_run_goes_on_from_the_byte_after_the_last_one_with_nothing_doubled_or_lost() {
    let mut world = World::connected(80, 24);
    world.run("zone-run 3", 31, "opening\nhalf a ", None);
    world.run("temp", 32, "12 C\n", ended("succeeded", 0, 4));
    let effects = again(&mut world, "b");
    let [(block, RunId(31), 15)] = world.attached(&effects)[..] else { panic!() };
    // A line that comes twice is shown once, and missing output is marked.
    tell(&mut world, output(31, 11, "f a line\n"));
    tell(&mut world, output(31, 24, "late\n"));
    end(&mut world, block, RunState::Succeeded, 29);
    let text = world.console().runs.text(block);
    assert!(text.starts_with("opening\nhalf a line\n… 4 bytes skipped\n"), "{text}");
    assert!(text.ends_with("\nlate\n"), "{text}");
    let phase = world.console().runs.info(block).unwrap().phase;
    assert!(matches!(phase, Phase::Ended { state: RunState::Succeeded, .. }), "{phase:?}");
}

#[test]
fn a_run_of_a_killed_server_is_lost_and_missing_output_is_reported() {
    let mut world = World::connected(120, 24);
    world.run("zone-run 3", 31, "opening\nvalve 3\n", None);
    let effects = again(&mut world, "another");
    let [(block, RunId(31), 16)] = world.attached(&effects)[..] else { panic!("{effects:?}") };
    let message = "`from` is 16, and the output of run #31 has 8 bytes so far".to_owned();
    let refused = refused(ErrorKind::InvalidParams, message);
    let effects = world.ran(block, Err(refused));
    let [(_, RunId(31), 0)] = world.attached(&effects)[..] else { panic!("{effects:?}") };
    tell(&mut world, output(31, 0, "opening\n"));
    end(&mut world, block, RunState::Lost, 8);
    let text = world.console().runs.text(block);
    assert_eq!(text, "opening\nvalve 3\nthe server has only the first 8 bytes of this\n");
    let shown = world.screen();
    assert!(shown.contains("lost: the server died"), "{shown}");
    assert!(
        shown.contains("reconnected to sprinkler as ann, admin; it was started anew"),
        "{shown}"
    );
}

#[test]
fn a_run_of_an_unanswered_command_is_not_resumed() {
    let mut world = World::connected(80, 24);
    let block = world.start("zones");
    let effects = again(&mut world, "b");
    assert!(world.attached(&effects).is_empty());
    assert_eq!(world.console().runs.info(block).unwrap().phase, Phase::Unknown);
}

#[test]
fn a_run_unknown_to_the_server_has_an_unknown_result() {
    let mut world = World::connected(80, 24);
    world.run("zones", 31, "zone 1\n", None);
    let effects = again(&mut world, "another");
    let [(block, ..)] = world.attached(&effects)[..] else { panic!() };
    let message = "there is no run #31".to_owned();
    let refused = refused(ErrorKind::NotFound, message);
    world.ran(block, Err(refused));
    assert_eq!(world.console().runs.info(block).unwrap().phase, Phase::Unknown);
}

#[test]
fn what_is_cut_off_stays_when_the_rest_is_cleared() {
    let mut world = World::connected(80, 24);
    world.run("zone-run 3", 31, "opening\n", None);
    world.event(Event::Lost(DisconnectReason::Gone));
    world.press("ctrl-l");
    assert_eq!(world.newest(), "opening\n");
    let shown = world.screen();
    assert!(shown.contains("? cut off"), "{shown}");
}
