//! Commands: sent, refused, printed, ended, cancelled.

use topside_shared::methods::{BuiltinAnswer, RunsList};
use topside_shared::records::RunState;
use topside_shared::{ErrorKind, RunId};

use super::super::runs::Phase;
use super::*;
use crate::connect::DisconnectReason;

pub(super) fn phase(world: &mut World) -> Phase {
    world.console().runs.chosen().unwrap().phase
}

/// The screen said that there was none, where the command wants another role.
#[test]
fn a_command_that_is_not_in_this_menu_is_asked_of_the_server_so_that_it_cannot_run() {
    let mut world = World::connected(80, 24);
    let effects = world.enter("reboot 5");
    let run = command_of(&effects);
    assert_eq!((run.command.as_str(), run.confirm), ("reboot", false));
    // No argument can have this name, so that no server runs it.
    assert!(run.args.contains_key(""), "{run:?}");
    let said = "`reboot` needs role admin; you are operator";
    assert_eq!(world.enter_unknown("reboot", ErrorKind::Forbidden, said), []);
    assert_eq!(phase(&mut world), Phase::Refused);
    assert!(world.newest().contains("needs role admin"), "{}", world.newest());
    // The menu has changed meanwhile: there is such a command now, and it did not run.
    let session = world.session();
    let said = "`brand-new` has no argument ``";
    let effects = world.enter_unknown("brand-new", ErrorKind::InvalidParams, said);
    assert_eq!(effects, [ask(session, &CommandsList::default())]);
    assert!(world.newest().contains("the menu has changed"), "{}", world.newest());
}

#[test]
fn a_command_is_sent_with_its_typed_arguments_and_its_output_ends_in_its_block() {
    let mut world = World::connected(80, 24);
    let effects = world.enter("zone-run 3 5");
    let block = world.block_of(&effects);
    let run = command_of(&effects);
    assert_eq!((run.command.as_str(), run.stream, run.confirm), ("zone-run", true, false));
    assert_eq!(serde_json::to_value(&run.args).unwrap(), json!({"zone": 3, "minutes": 5}));
    assert_eq!(world.input(), "");

    world.notice(Notification::RunChanged(Box::new(running(31, "zone-run"))));
    assert_eq!(phase(&mut world), Phase::Running { cancelling: false });
    world.notice(printed(31, "opening "));
    world.notice(printed(31, "valve 3\n"));
    let mut row = running(31, "zone-run");
    row.state = RunState::Failed;
    row.exit_code = Some(2);
    row.duration_ms = Some(41);
    world.ran(block, Ok(result(row)));
    assert_eq!(world.newest(), "opening valve 3\n");
    let ended = Phase::Ended { state: RunState::Failed, exit: Some(2), signal: None, ms: 41 };
    assert_eq!(phase(&mut world), ended);
}

/// A built-in is no run: its block has no number, and nothing in it can be cancelled or fetched.
#[test]
fn the_answer_of_a_built_in_is_a_finished_block_without_a_run() {
    let mut world = World::connected(80, 24);
    for (state, exit_code, text) in [
        (RunState::Succeeded, 0, "all is well\n"),
        (RunState::Failed, 1, "there is no such thing\n"),
    ] {
        world.start("status");
        let output = text.to_owned();
        let answer = BuiltinAnswer { state, output, exit_code, duration_ms: 3 };
        assert!(world.answer::<CommandRun>(Ok(CommandResult::Answer(answer))).is_empty());
        assert_eq!(world.newest(), text);
        let ended = Phase::Ended { state, exit: Some(exit_code), signal: None, ms: 3 };
        assert_eq!(phase(&mut world), ended);
        let runs = &world.console().runs;
        assert!(runs.live().next().is_none() && runs.next_to_cancel().is_none());
        assert_eq!(runs.chosen().unwrap().run, None);
    }
    world.press("up");
    assert_eq!(world.input(), "status");
}

#[test]
fn an_unknown_command_becomes_a_block_with_the_nearest_names_and_can_be_recalled() {
    let mut world = World::connected(80, 24);
    let effects = world.enter("zonse");
    assert!(matches!(&effects[..], [Effect::SaveHistory { line, .. }, _] if line == "zonse"));
    let message = "there is no command `zonse`: did you mean zones?".to_owned();
    let result = Err(refused(ErrorKind::NotFound, message));
    world.ran(world.block_of(&effects), result);
    assert_eq!(phase(&mut world), Phase::Refused);
    assert!(world.newest().contains("did you mean zones"), "{}", world.newest());
    world.press("up");
    assert_eq!(world.input(), "zonse");
}

#[test]
fn what_is_given_to_a_command_that_is_not_in_the_menu_is_kept_off_the_disk() {
    for line in ["unlock hunter2", "unlock 'hunter2"] {
        let mut world = World::connected(80, 24);
        let effects = world.enter(line);
        let saved = effects.iter().any(|effect| matches!(effect, Effect::SaveHistory { .. }));
        assert!(!saved, "{effects:?}");
        world.press("up");
        assert_eq!(world.input(), line, "it can be corrected");
    }
}

#[test]
fn an_empty_line_gets_an_answer() {
    let mut world = World::connected(80, 24);
    assert!(world.press("enter").is_empty());
    assert!(world.state.remark.as_ref().unwrap().text.contains("m shows the menu"));
}

#[test]
fn a_refusal_of_the_server_is_shown_in_the_block() {
    let mut world = World::connected(80, 24);
    let block = world.start("zones");
    let message = "zone 3 is \u{1b}[1mrunning".to_owned();
    let refused = refused(ErrorKind::Busy, message);
    world.ran(block, Err(refused));
    assert_eq!(phase(&mut world), Phase::Refused);
    assert_eq!(world.newest(), "zone 3 is [1mrunning\n");
}

#[test]
fn a_command_that_confirms_is_sent_only_after_a_yes() {
    let mut world = World::connected(80, 24);
    assert!(world.enter("zone-stop 3").is_empty());
    let question = world.state.top_view::<Confirm>().unwrap();
    assert_eq!(question.title, "Stop zone 3?");
    assert!(world.press("enter").is_empty(), "Cancel has the focus");
    assert_eq!(world.input(), "zone-stop 3", "what was typed comes back");
    world.press("enter");
    let effects = world.press("tab enter");
    assert!(command_of(&effects).confirm);
}

#[test]
fn shutting_down_wants_the_servers_name_typed_however_it_is_asked_for() {
    let mut world = World::connected(80, 24);
    // Only what the question names is asked for.
    assert_eq!(world.enter("ks 60 moving house"), [ask(world.session(), &RunsList::running())]);
    assert!(world.press("enter").is_empty());
    world.write("sprinkle");
    assert!(world.press("enter").is_empty());
    world.write("r");
    assert!(world.press("enter").is_empty(), "the button has the focus");
    let effects = world.press("enter");
    let run = command_of(&effects);
    assert!(run.confirm);
    assert_eq!(run.args["reason"], "moving house");

    let mut world = World::connected(80, 24);
    world.press("ctrl-p");
    world.write("shut the server down, or");
    world.press("enter");
    assert!(world.state.top_view::<CommandForm>().is_some());
    assert_eq!(world.press("ctrl-s"), [ask(world.session(), &RunsList::running())]);
    assert!(world.state.top_view::<Confirm>().unwrap().wants_name());
}

#[test]
fn ctrl_c_clears_the_line_then_cancels_then_offers_to_leave() {
    let mut world = World::connected(80, 24);
    world.run("zone-run 3", 31, "opening\n", None);
    let session = world.session();
    world.write("half");
    assert!(world.press("ctrl-c").is_empty());
    assert_eq!(world.input(), "");
    let effects = world.press("ctrl-c");
    assert_eq!(effects, [ask(session, &RunCancel { run_id: RunId(31) })]);
    assert_eq!(phase(&mut world), Phase::Running { cancelling: true });
    assert!(world.press("ctrl-c").is_empty());
    assert!(world.state.top_view::<Confirm>().is_some());
    assert!(world.press("ctrl-c").is_empty(), "a run goes on: that is no yes");
    world.press("ctrl-c");
    assert_eq!(world.press("y"), [Effect::Quit]);
}

/// It said that another Ctrl-C would leave, whatever else ran.
#[test]
fn the_screen_shows_what_ctrl_c_cancels_and_what_it_does_next() {
    let mut world = World::connected(80, 24);
    world.run("zone-run 3", 31, "", None);
    world.run("zone-run 5", 32, "", None);
    world.press("ctrl-c");
    let said = |world: &World| world.state.remark.as_ref().unwrap().text.clone();
    assert_eq!(said(&world), "Cancelling zone-run 5; Ctrl-C again cancels zone-run 3.");
    world.press("ctrl-c");
    assert_eq!(said(&world), "Cancelling zone-run 3; Ctrl-C again offers to leave.");
}

/// `Cancelling ..` stayed below the block of a run that had ended, and `Ctrl-C again leaves` beside what was typed since.
#[test]
fn a_message_goes_once_it_is_not_true_any_more() {
    let mut world = World::connected(80, 24);
    let block = world.start("zone-run 3");
    world.notice(printed(31, "opening\n"));
    world.run("zones", 32, "", None);
    world.press("ctrl-c");
    assert!(world.remark().starts_with("Cancelling zones"), "{}", world.remark());
    let row = |run| runs_list::past(run, "zones", &json!({}), "ann", "cancelled");
    world.ran(block, Ok(result(row(31))));
    assert!(world.remark().starts_with("Cancelling zones"), "another run has ended");
    let of_zones = world.console().runs.of_run(RunId(32)).unwrap().id;
    world.ran(of_zones, Ok(result(row(32))));
    assert_eq!(world.remark(), "");
    world.press("ctrl-c");
    assert_eq!(world.remark(), "Ctrl-C again leaves Topside.");
    world.write("z");
    assert_eq!(world.remark(), "");
    world.press("backspace ctrl-c");
    assert!(!world.state.quitting, "the message was gone");
}

/// Blank lines at the beginning were lost on the way to the clipboard.
#[test]
fn output_is_copied_with_its_blank_lines() {
    let mut world = World::connected(80, 24);
    world.run("zones", 5, "\n\n  zone 1\n\nzone 2\n", ended("succeeded", 0, 4));
    assert_eq!(world.newest(), "\n\n  zone 1\n\nzone 2\n");
}

/// Old blocks went without a word.
#[test]
fn commands_that_are_not_kept_any_more_are_counted_above_the_others() {
    let mut world = World::connected(80, 24);
    for run in 0..2_003 {
        world.run("zones", 100 + run, "x\n", ended("succeeded", 0, 4));
    }
    let pane = &world.console().runs.pane;
    let first = pane.blocks()[0].id();
    let line = world.console().runs.info(first).unwrap().line.clone();
    // The two thousand hold the word that says so, and one that tells of the connection.
    assert_eq!(line, "4 earlier commands dropped");
    world.press("ctrl-l");
    assert!(world.console().runs.is_empty());
}

#[test]
fn a_gap_is_marked_with_its_count() {
    let mut world = World::connected(80, 24);
    world.run("zones", 5, "a\n", None);
    let gap = json!({"runId": 5, "offset": 2, "bytes": 12034});
    world.notice(Notification::RunGap(serde_json::from_value(gap).unwrap()));
    let said = "a\n… 12,034 bytes skipped\n(saving it gets all that the server keeps)\n";
    assert_eq!(world.newest(), said);
    let gap = json!({"runId": 5, "offset": 12036, "bytes": 1});
    world.notice(Notification::RunGap(serde_json::from_value(gap).unwrap()));
    assert_eq!(world.newest(), format!("{said}… 1 byte skipped\n"));
}

#[test]
fn output_is_copied_by_the_block() {
    let mut world = World::connected(80, 24);
    world.run("zones", 5, "zone 1\nzone 2\n", ended("succeeded", 0, 4));
    world.run("temp", 6, "12 C\n", ended("succeeded", 0, 4));
    let [Effect::Copy { text, .. }] = &world.press("f6")[..] else { panic!() };
    assert_eq!(text, "12 C\n");
    world.press("alt-up alt-up");
    let [Effect::Copy { name, text }] = &world.press("f6")[..] else { panic!() };
    assert_eq!((name.as_str(), text.as_str()), ("topside-zones-091400.txt", "zone 1\nzone 2\n"));
}

#[test]
fn a_reader_who_scrolled_up_is_not_moved_and_end_follows_again() {
    let mut world = World::connected(80, 24);
    let many: String = (0..100).map(|n| format!("line {n}\n")).collect();
    world.run("zones", 5, &many, None);
    world.press("pgup");
    let top = |world: &mut World| world.console().runs.pane.top_position();
    let before = top(&mut world);
    world.notice(printed(5, "more\nand more\n"));
    assert_eq!(top(&mut world), before);
    assert_eq!(world.console().runs.pane.frame().new_below, 2);
    world.press("end");
    assert!(world.console().runs.pane.is_following());
}

#[test]
fn clear_takes_away_what_has_ended_and_nothing_else() {
    let mut world = World::connected(80, 24);
    world.run("zones", 5, "gone\n", ended("succeeded", 0, 4));
    world.run("temp", 6, "stays\n", None);
    world.enter("clear");
    let lines: Vec<String> = world.console().runs.live().map(|info| info.line.clone()).collect();
    assert_eq!(lines, ["temp"]);
    assert_eq!(world.console().runs.pane.blocks().len(), 1);
}

#[test]
fn blocks_are_folded_one_by_one_or_all_and_back() {
    let mut world = World::connected(80, 24);
    world.run("zones", 5, "zone 1\nzone 2\n", ended("succeeded", 0, 4));
    world.run("temp", 6, "10 %\r20 %", None);
    world.press("f8");
    let text = world.screen();
    assert!(text.contains("temp  ▸ 1 line ") && text.contains("\n▎▸ 20 %"), "{text}");
    world.notice(printed(6, "\r30 %"));
    assert!(world.screen().contains("\n▎▸ 30 %"), "what it does is seen while it is folded");
    assert!(world.screen().contains("zone 2"));
    world.press("shift-f8");
    let text = world.screen();
    assert!(!text.contains("zone 2") && text.contains("zones  ▸ 2 lines "), "{text}");
    world.press("shift-f8");
    let text = world.screen();
    assert!(text.contains("zone 2") && !text.contains('▸'), "{text}");
}

/// Ctrl-L dropped all output without a question.
#[test]
fn what_ctrl_l_cleared_comes_back_in_its_place() {
    let mut world = World::connected(80, 24);
    world.run("zones", 5, "zone 1\n", ended("succeeded", 0, 4));
    world.run("zone-run 3", 31, "opening\n", None);
    world.press("ctrl-l");
    assert_eq!(world.remark(), "Cleared; Alt-U brings it back.");
    let shown = world.screen();
    assert!(!shown.contains("zone 1") && shown.contains("opening"), "{shown}");
    world.press("alt-u");
    let shown = world.screen();
    let place = |what: &str| shown.find(what).unwrap();
    assert!(place("zone 1") < place("opening"), "{shown}");
    world.press("alt-u");
    assert!(world.remark().contains("nothing was cleared"), "{}", world.remark());
}

#[test]
fn ctrl_d_and_a_second_ctrl_c_leave_and_an_ended_session_is_left_without_a_question() {
    for key in ["ctrl-c", "ctrl-d"] {
        let mut world = World::connected(80, 24);
        assert_eq!(world.press(key).is_empty(), key == "ctrl-c");
        assert_eq!(world.press(key), [Effect::Quit], "{key}");
        let mut world = World::connected(80, 24);
        world.event(Event::Lost(DisconnectReason::Gone));
        assert_eq!(world.press(key), [Effect::Quit], "{key}");
    }
}

#[test]
fn y_and_n_answer_a_question_at_once_and_arrows_stop_at_its_ends() {
    let mut world = World::connected(80, 24);
    let effects = |world: &mut World, keys| {
        world.enter("zone-stop 3");
        world.press(keys)
    };
    assert_eq!(command_of(&effects(&mut world, "y")).command, "zone-stop");
    assert!(effects(&mut world, "n").is_empty() && world.state.views.is_empty());
    world.press("ctrl-u");
    assert!(effects(&mut world, "left left enter").is_empty(), "Left stays on Cancel");
    world.press("ctrl-u");
    assert!(is_command(effects(&mut world, "right right right enter").last().unwrap()));
}
