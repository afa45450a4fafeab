//! The message line, and the key hints that it leaves alone.

use topside_shared::methods::{RunCancel, RunsList, RunsPage};
use topside_shared::records::RunState;

use super::runs_list::page;
use super::*;
use crate::connect::DisconnectReason;
use crate::views::changes_in;
use crate::views::tests::SIZES;

/// The last row of the screen.
fn hints(world: &World) -> String {
    world.screen().lines().last().unwrap_or_default().to_owned()
}

/// It was shown in place of the key hints until a key was pressed.
#[test]
fn a_message_disappears_after_eight_seconds_and_never_covers_a_key_hint() {
    for (width, height) in SIZES {
        for mut world in [World::new(width, height), World::connected(width, height)] {
            world.wait(0);
            let before = hints(&world);
            world.state.done("The file is there.");
            assert!(world.screen().contains("✓ The file is there."), "{}", world.screen());
            assert_eq!(hints(&world), before);
            world.press("down");
            world.wait(7_999);
            assert!(world.screen().contains("The file is there."), "a key does not remove it");
            assert_eq!(changes_in(&world.state), Some(1), "the loop wakes up by itself");
            world.wait(1);
            assert!(!world.screen().contains("The file is there."), "{}", world.screen());
        }
    }
}

/// A message took the place of the keys of the command line.
#[test]
fn a_message_is_above_the_command_line_and_leaves_its_key_hints() {
    for (width, height) in SIZES {
        for mut world in [World::new(width, height), World::connected(width, height)] {
            world.press(":");
            let before = hints(&world);
            assert!(before.contains("Esc closes"), "{before}");
            world.state.done("The file is there.");
            assert_eq!(hints(&world), before);
            assert!(world.screen().contains("✓ The file is there."), "{}", world.screen());
            // A line that is not accepted is above it.
            world.write("kick nine");
            world.press("enter");
            let shown = world.screen();
            assert!(
                shown.contains("✓ The file is there.") && shown.contains("✗ CLIENT: "),
                "{shown}"
            );
        }
    }
}

#[test]
fn a_new_message_has_eight_seconds_of_its_own() {
    let mut world = World::connected(80, 24);
    world.state.done("one");
    world.wait(5_000);
    world.state.refuse("two");
    world.wait(5_000);
    assert_eq!(world.remark(), "two");
    world.wait(3_000);
    assert_eq!(world.remark(), "");
}

#[test]
fn a_message_that_is_longer_than_a_row_is_wrapped_and_the_input_stays_on_the_screen() {
    let mut world = World::connected(40, 10);
    world.write("zones");
    world.state.refuse("the address 203.0.113.7:8677 does not answer: is the server running?");
    world.wait(0);
    let shown = world.screen();
    assert!(shown.contains("✗ the address 203.0.113.7:8677 does"), "{shown}");
    assert!(shown.contains("is the server running?") && shown.contains("❯ zones"), "{shown}");
}

/// A view that fills the screen left one row to it, and the rest was cut.
#[test]
fn a_message_below_a_popup_is_wrapped_also_where_the_popup_fills_the_screen() {
    let long =
        "please check that the pressure stays above two bar while zone 3 is watered, until noon";
    for (width, height, key) in [(60, 30, "alt-n"), (60, 15, "f1"), (80, 24, "f1"), (50, 10, "f1")]
    {
        let mut world = World::connected(width, height);
        world.press(key);
        world.state.note(long);
        let shown = world.screen();
        assert!(shown.contains("· please check that"), "{shown}");
        assert!(shown.contains("until noon"), "{shown}");
        assert!(shown.contains("Esc closes"), "{shown}");
    }
}

#[test]
fn help_and_esc_are_the_last_hints_to_disappear() {
    let mut world = World::connected(160, 24);
    world.event(Event::Lost(DisconnectReason::Gone));
    for width in (40..=160).rev() {
        world.tell(Msg::Resize(Size { width, height: 24 }));
        let hints = hints(&world);
        assert!(hints.contains("? help") && hints.contains("Esc give up"), "{width}: {hints}");
    }
    let mut world = World::connected(160, 24);
    world.press("f12");
    world.answer::<RunsList>(Ok(page()));
    for width in (40..=160).rev() {
        world.tell(Msg::Resize(Size { width, height: 24 }));
        assert!(world.screen().contains("Esc closes"), "{width}: {}", world.screen());
    }
}

/// The hint said `Ctrl-C cancel`, and the key offered to leave.
#[test]
fn ctrl_c_offers_to_cancel_a_run_that_is_only_looked_at() {
    let mut world = World::connected(80, 24);
    world.press("f12");
    world.answer::<RunsList>(Ok(page()));
    world.press("enter enter");
    assert!(hints(&world).contains("Ctrl-C cancel"), "{}", hints(&world));
    world.press("ctrl-c");
    let question = world.state.top_view::<Confirm>().unwrap();
    assert_eq!(question.title, "Cancel run #31, zone-run 3 10?");
    let shown = world.screen();
    for words in ["▐▸Keep running◂▌", "▐ Cancel run ▌", "Esc closes"] {
        assert!(shown.contains(words), "{words}: {shown}");
    }
    let effects = world.press("right enter");
    assert_eq!(effects, [ask(world.session(), &RunCancel { run_id: RunId(31) })]);
    // It is being cancelled: the next one offers to leave, and no hint says otherwise.
    assert!(!hints(&world).contains("Ctrl-C cancel"), "{}", hints(&world));
    world.press("ctrl-c");
    assert_eq!(world.remark(), "Ctrl-C again leaves Topside.");
}

/// A question came although nothing could be lost.
#[test]
fn a_session_in_which_nothing_is_lost_is_left_without_a_question() {
    for line in ["", ":quit", "quit"] {
        let mut world = World::connected(80, 24);
        world.run("zones", 5, "zone 1\n", ended("succeeded", 0, 4));
        let effects = if line.is_empty() { world.press("ctrl-d") } else { world.enter(line) };
        assert!(world.state.quitting, "`{line}`: {effects:?}");
    }
    // Ctrl-C may be meant for a run that has just ended.
    let mut world = World::connected(80, 24);
    world.press("ctrl-c");
    assert_eq!(world.remark(), "Ctrl-C again leaves Topside.");
    world.wait(8_000);
    assert_eq!(world.remark(), "");
    world.press("ctrl-c");
    assert!(!world.state.quitting);
    world.press("ctrl-c");
    assert!(world.state.quitting);
}

#[test]
fn a_session_with_a_running_command_is_left_after_a_question() {
    let mut world = World::connected(80, 24);
    world.run("zone-run 3", 5, "", None);
    world.press("ctrl-d");
    let question = world.state.top_view::<Confirm>().unwrap();
    assert_eq!(question.title, "Leave Topside?");
    assert!(question.text[0].starts_with("zone-run 3 is still running"), "{:?}", question.text);
    world.press("y");
    assert!(world.state.quitting);
}

/// At 60x15 the bar took the place of the lower frame of a form.
#[test]
fn the_bar_of_a_shutdown_leaves_the_whole_frame_of_a_view() {
    for (width, height) in SIZES {
        for open in ["f9", "?", "f12", "ctrl-p"] {
            let mut world = super::admin_actions::admin(width, height);
            world.notice(closing(Phase::Scheduled, 58_000, "moving"));
            world.press(open);
            let shown = world.screen();
            let bar = shown.lines().position(|line| line.contains("shuts down in")).unwrap();
            let frame = shown.lines().position(|line| line.contains('╰')).unwrap_or(usize::MAX);
            assert!(frame < bar, "{open} {width}x{height}: {shown}");
        }
    }
}

#[test]
fn help_without_room_says_which_rows_are_shown() {
    let mut world = World::connected(100, 30);
    world.press("?");
    let shown = world.screen();
    let rows = |shown: &str| {
        let line = shown.lines().find(|line| line.contains("Esc closes"))?.to_owned();
        line.split_whitespace().find(|word| word.contains('-')).map(str::to_owned)
    };
    let first = rows(&shown).unwrap_or_else(|| panic!("{shown}"));
    assert!(first.starts_with("1-"), "{first}");
    world.press("end");
    assert!(!rows(&world.screen()).unwrap().starts_with("1-"));
}

/// The end of a session was cut at the edge of the pane, at every width.
#[test]
fn a_note_and_the_advice_of_an_empty_console_are_whole_at_every_size() {
    let words = |screen: &str| screen.split_whitespace().collect::<Vec<_>>().join(" ");
    for (width, height) in SIZES {
        let mut world = World::connected(width, height);
        let shown = words(&world.screen());
        for part in ["F3 for the menu", "? shows the keys, Ctrl-P the actions", ":invite "] {
            assert!(shown.contains(part), "{part}: {}", world.screen());
        }
        let title =
            "sprinkler shut down by phone (#4): the box is moved to the shed behind the house";
        let clock = world.state.clock;
        world.console().runs.note(
            77,
            title,
            &["Until then nothing runs there, and nothing is lost".into()],
            clock,
        );
        // The rows of another width.
        for columns in [width, (width - 7).max(40), width] {
            world.tell(Msg::Resize(Size { width: columns, height }));
            let shown = words(&world.screen().replace("09:14:00", ""));
            assert!(shown.contains(title) || height < 15, "{}", world.screen());
            assert!(shown.contains("nothing is lost"), "{}", world.screen());
        }
    }
}

#[test]
fn an_empty_console_says_what_to_do_until_the_first_command() {
    let mut world = World::connected(120, 30);
    let before = world.screen();
    for words in ["sprinkler is ready. You are admin.", "Type a command, or F3", "try: zones"] {
        assert!(before.contains(words), "{words}: {before}");
    }
    assert!(before.contains("? shows the keys, Ctrl-P the actions"), "{before}");
    world.run("zones", 5, "zone 1\n", ended("succeeded", 0, 4));
    assert!(!world.screen().contains("is ready"), "{}", world.screen());
}

/// A user read its own name and number where it had cancelled.
#[test]
fn what_this_connection_cancelled_is_cancelled_by_you() {
    let mut world = World::connected(140, 30);
    let you = world.console().welcome.you.called();
    let end = json!({"state": "cancelled", "signal": 15, "durationMs": 3_000, "endedBy": you});
    world.run("zones", 5, "", Some(end));
    assert!(world.screen().contains("■ cancelled by you"), "{}", world.screen());
    let mut row = running(6, "zones");
    (row.state, row.ended_by) = (RunState::Cancelled, Some(you.clone()));
    world.press("f12");
    world.answer::<RunsList>(Ok(RunsPage { runs: vec![row], next: None }));
    assert!(world.screen().contains("#6 cancelled by you"), "{}", world.screen());
    world.press("esc");
    world.notice(closing(Phase::Scheduled, 58_000, ""));
    let mut cancelled = closing(Phase::Cancelled, 0, "");
    if let Notification::Closing(closing) = &mut cancelled {
        closing.by = you;
    }
    world.notice(cancelled);
    assert_eq!(world.remark(), "sprinkler stays: its shutdown was cancelled by you");
}

/// The owner read `cancelled`, and no word of who did it.
#[test]
fn the_owner_of_a_run_reads_who_cancelled_it() {
    let mut world = World::connected(140, 30);
    let mut end = json!({"state": "cancelled", "signal": 15, "durationMs": 3_000});
    end["endedBy"] = json!("root (#2)");
    world.run("zones", 5, "", Some(end));
    assert_eq!(world.remark(), "zones #5: cancelled by root (#2)");
    assert!(world.screen().contains("■ cancelled by root (#2)"), "{}", world.screen());
    world.press("alt-n");
    assert!(world.screen().contains("just now    ▲ zones #5: cancelled by root (#2)"));
}

/// The server inside this program refused the example: it is for the same machine only.
#[test]
fn an_empty_console_proposes_an_invite_only_where_the_server_takes_one() {
    let mut world = World::connected(120, 30);
    assert!(world.screen().contains("try: :invite --name"), "{}", world.screen());
    world.state.embedded_server = true;
    assert!(world.screen().contains("try: :status"), "{}", world.screen());
}

#[test]
fn what_was_not_sent_has_no_sign_of_success() {
    let mut world = World::connected(80, 24);
    world.enter("zone-stop 3");
    world.press("esc");
    let remark = world.state.remark.as_ref().unwrap();
    assert_eq!((remark.tone, remark.text.as_str()), (Tone::Note, "Not sent."));
}

/// The end of one mistake of the menu file ran into the path of the next.
#[test]
fn sentences_of_several_lines_are_apart_in_a_message() {
    let mut world = World::connected(80, 24);
    world.tell(Msg::Failed("a.toml:1: no exec\na.toml:9: no title\n".into()));
    assert_eq!(world.remark(), "a.toml:1: no exec; a.toml:9: no title");
}
