//! Shutdowns, losses, reconnecting.

use topside_shared::methods::{RunsList, RunsPage};
use topside_shared::notifications::{Broadcast, EndCode, SessionEnded, Urgency};
use topside_shared::records::RunRow;

use super::super::runs::Phase as BlockPhase;
use super::admin_actions::admin;
use super::*;
use crate::connect::DisconnectReason;

fn goodbye(code: EndCode, reason: &str) -> SessionEnded {
    SessionEnded::new(code, reason, "phone (#4)")
}

fn lose(world: &mut World, reason: DisconnectReason) -> Vec<Effect> {
    world.event(Event::Lost(reason))
}

fn banner(world: &World) -> Option<String> {
    world.state.console().unwrap().bar_text(&world.state)
}

/// The rows of the open palette are in another order then, and Enter did something else.
#[test]
fn what_is_chosen_in_the_palette_stays_chosen_when_the_session_ends() {
    let chosen = |world: &World| {
        let palette = world.state.top_view::<Palette>().unwrap();
        let rows = palette.shown(&world.state);
        rows[palette.place(&rows)].title.clone()
    };
    for keys in ["ctrl-p", "ctrl-p down down", "ctrl-p pgdn"] {
        let mut world = World::connected(80, 24);
        world.press(keys);
        let before = chosen(&world);
        lose(&mut world, DisconnectReason::Gone);
        assert_eq!(chosen(&world), before, "{keys}");
    }
}

#[test]
fn a_shutdown_counts_down_by_the_monotonic_clock_and_can_be_cancelled() {
    let mut world = World::connected(80, 24);
    world.notice(closing(Phase::Scheduled, 58_000, "moving to a\u{1b}[2J new box"));
    let words = "sprinkler shuts down in 0:58 · moving to a[2J new box · phone (#4)";
    assert_eq!(banner(&world).as_deref(), Some(words));
    world.wait(48_500);
    assert!(banner(&world).unwrap().contains("in 0:10"));
    world.notice(closing(Phase::Cancelled, 0, ""));
    assert_eq!(banner(&world), None);
    assert_eq!(world.remark(), "sprinkler stays: its shutdown was cancelled by phone (#4)");
}

/// It read `sprinkler ended, the key of this device having been revoked, by phone (#4)`.
#[test]
fn a_session_that_ends_with_its_key_says_who_revoked_it() {
    for (code, by, words) in [
        (EndCode::Revoked, "phone (#4)", "phone (#4) revoked this device's key"),
        (EndCode::Revoked, "", "this device's key was revoked"),
        (EndCode::SlowReader, "", "this screen read too slowly"),
        (EndCode::Kicked, "ann (#2)", "you were disconnected by ann (#2)"),
    ] {
        let mut world = World::connected(160, 24);
        let by = by.to_owned();
        world.notice(Notification::Ended(SessionEnded::new(code, "", by)));
        lose(&mut world, DisconnectReason::Gone);
        let ConnectionState::Lost(lost) = &world.state.link else { panic!() };
        assert_eq!(lost.what(), format!("ended this session: {words}"));
        assert!(lost.retry.is_none(), "no automatic reconnection");
    }
}

#[test]
fn a_broadcast_is_shown_at_once_and_stays_among_the_blocks() {
    let mut world = World::connected(100, 24);
    for (level, title) in
        [(Urgency::Info, "phone (#4) says"), (Urgency::Warning, "warning from phone (#4)")]
    {
        world.notice(Notification::Broadcast(Broadcast {
            message: format!("{}\u{1b}[2J bed", "the valve is stuck in its ".repeat(4)),
            level,
            by: "phone (#4)".into(),
            time: Time::from_millis(START),
        }));
        assert!(world.remark().starts_with(&format!("{title}: the valve")), "{}", world.remark());
        let shown = world.screen();
        // In the block and in the message, whole in both.
        assert_eq!(shown.matches(title).count(), 2, "{shown}");
        assert_eq!(shown.matches("[2J bed").count(), 2, "{shown}");
        world.press("ctrl-l");
    }
}

#[test]
fn a_client_that_connects_while_a_shutdown_is_due_sees_it() {
    let mut world = World::new(80, 24);
    let effects = world.press("enter");
    let [Effect::Dial { attempt, .. }] = effects[..] else { panic!("{effects:?}") };
    let mut welcome = Box::new(welcome());
    let Notification::Closing(due) = closing(Phase::Scheduled, 5_000, "") else { unreachable!() };
    welcome.closing = Some(due);
    world.tell(Msg::Dialled { attempt, welcome, reached: locally(), embedded_server: false });
    assert_eq!(banner(&world).as_deref(), Some("sprinkler shuts down in 0:05 · phone (#4)"));
}

#[test]
fn after_a_shutdown_the_bar_says_who_when_and_why_and_the_console_stays() {
    let mut world = World::connected(160, 24);
    world.run("zones", 5, "zone 1\n", ended("succeeded", 0, 4));
    world.now = 128_000;
    world.notice(Notification::Ended(goodbye(EndCode::Shutdown, "moving to a new box")));
    assert!(lose(&mut world, DisconnectReason::Gone).is_empty());
    let words = "sprinkler · shut down by phone (#4) at 09:16:08: moving to a new box";
    assert_eq!(banner(&world).as_deref(), Some(words));
    let console = world.state.console().unwrap();
    assert!(console.clients.is_empty());
    assert_eq!(world.newest(), "zone 1\n");
    let ConnectionState::Lost(lost) = &world.state.link else { panic!() };
    assert!(lost.retry.is_none(), "a server that meant to go is not called back");
}

#[test]
fn an_earlier_message_does_not_hide_the_keys_after_the_end_of_a_session() {
    let mut world = World::connected(80, 24);
    world.notice(Notification::Broadcast(Broadcast {
        message: "dinner is ready".into(),
        level: Urgency::Info,
        by: "phone (#4)".into(),
        time: Time::from_millis(START),
    }));
    world.notice(Notification::Ended(goodbye(EndCode::Shutdown, "moving to a new box")));
    lose(&mut world, DisconnectReason::Gone);
    let shown = world.screen();
    assert!(shown.contains("R reconnect   P picker   q quit"), "{shown}");
    assert!(shown.contains("dinner is ready"), "{shown}");
}

#[test]
fn a_loss_without_a_goodbye_says_so_and_is_tried_again_by_itself() {
    let mut world = World::connected(80, 24);
    world.run("zone-run 3", 31, "opening\n", None);
    world.write("half a line");
    lose(&mut world, DisconnectReason::Gone);
    let words = crate::app::connection::words(&world.state);
    assert!(words.starts_with("lost at 09:14:00: connection closed without a reason"), "{words}");
    assert!(words.contains("reconnecting in 1 s (try 1)"), "{words}");
    let info = world.console().runs.chosen().unwrap();
    assert_eq!(info.phase, BlockPhase::CutOff, "its state is unknown");

    let effects = world.wait(1_000);
    let [Effect::Dial { attempt, start: false, .. }] = effects[..] else { panic!("{effects:?}") };
    let failed = DialFailed::NoServer("no server runs on this machine".into());
    world.tell(Msg::DialFailed { attempt, failed });
    let ConnectionState::Lost(lost) = &world.state.link else { panic!() };
    assert!(lost.retry.is_some() && lost.tries == 1);

    let effects = world.press("f5");
    let [Effect::Dial { attempt, .. }] = effects[..] else { panic!("{effects:?}") };
    let effects = world.tell(dialled(attempt));
    assert!(effects.iter().all(|e| !is_command(e)), "no command is sent again");
    assert_eq!(world.input(), "half a line");
    assert!(world.newest().starts_with("opening\n"), "the scrollback stays");
}

#[test]
fn esc_stops_the_tries() {
    let mut world = World::connected(80, 24);
    lose(&mut world, DisconnectReason::Gone);
    world.press("esc");
    assert!(world.wait(60_000).is_empty());
    assert!(!crate::app::connection::words(&world.state).contains("reconnecting"));
}

/// Letters were typed into the input: `q` asked for a command of that name.
#[test]
fn after_the_end_the_input_is_disabled_and_r_p_and_q_act() {
    let after_the_end = || {
        let mut world = World::connected(80, 24);
        world.run("zones", 5, "zone 1\n", ended("succeeded", 0, 4));
        lose(&mut world, DisconnectReason::Ended(goodbye(EndCode::Shutdown, "")));
        world
    };
    let mut world = after_the_end();
    world.write("zones");
    assert!(world.press("enter").is_empty());
    world.tell(Msg::Paste("zones".into()));
    assert_eq!(world.input(), "");
    assert!(matches!(after_the_end().press("R")[..], [Effect::Dial { .. }]));
    for leave in ["q", "ctrl-c", "ctrl-d"] {
        let mut world = after_the_end();
        assert!(matches!(world.press(leave)[..], [Effect::Quit]), "{leave} asks nothing");
    }
    for back in ["P", "f4"] {
        let mut world = after_the_end();
        world.press(back);
        assert!(matches!(world.state.screen, Screen::Picker), "{back} asks nothing");
    }
}

/// The rest of a line that was being typed when the session ended is no key.
#[test]
fn letters_are_keys_a_second_after_the_end_if_a_line_was_being_typed() {
    let mut world = World::connected(80, 24);
    world.write("zone-run");
    lose(&mut world, DisconnectReason::Gone);
    assert!(world.press("q").is_empty());
    assert_eq!(world.input(), "zone-run", "what was typed is kept for the next session");
    world.now += 1_000;
    assert!(matches!(world.press("q")[..], [Effect::Quit]));
}

/// One key dropped all that was on the screen.
#[test]
fn the_picker_asks_before_output_of_an_open_session_is_dropped() {
    let mut world = World::connected(80, 24);
    world.run("zones", 5, "zone 1\n", ended("succeeded", 0, 4));
    world.press("f4");
    world.press("enter");
    assert_eq!(world.newest(), "zone 1\n", "Cancel has the focus");
    world.press("f4");
    world.press("right enter");
    assert!(matches!(world.state.screen, Screen::Picker));
}

/// Enter that waited for a menu ran its line in the session after.
#[test]
fn a_held_line_is_never_sent_to_another_session() {
    let mut world = World::new(80, 24);
    let attempt = |effects: &[Effect]| match effects.first() {
        Some(Effect::Dial { attempt, .. }) => *attempt,
        other => panic!("{other:?}"),
    };
    let first = attempt(&world.press("enter"));
    world.tell(dialled(first));
    assert!(world.enter("zone-run 3").is_empty(), "the menu has not come");
    lose(&mut world, DisconnectReason::Gone);
    let second = attempt(&world.press("f5"));
    world.tell(dialled(second));
    let effects = world.answer::<CommandsList>(Ok(menu()));
    // The menu is kept for other days, under the name of its server.
    assert!(
        matches!(&effects[..], [Effect::KeepMenu { server, .. }] if server == "this machine"),
        "{effects:?}"
    );
    assert_eq!(world.input(), "zone-run 3");
}

#[test]
fn closing_the_own_session_opens_the_picker() {
    let mut world = World::connected(80, 24);
    world.start("close");
    world.notice(Notification::Ended(goodbye(EndCode::Closed, "")));
    let effects = lose(&mut world, DisconnectReason::Gone);
    assert!(matches!(effects[..], [Effect::Probe { .. }, Effect::Browse(true)]));
    assert!(matches!(world.state.screen, Screen::Picker));
    assert_eq!(world.state.remark.as_ref().unwrap().text, "The session with sprinkler is closed.");
}

#[test]
fn opening_the_picker_closes_the_session_and_late_messages_are_ignored() {
    let mut world = World::connected(80, 24);
    let session = world.session();
    let effects = world.press("f4");
    let [Effect::HangUp { session: left }, Effect::Probe { .. }, Effect::Browse(true)] =
        effects[..]
    else {
        panic!("{effects:?}")
    };
    assert_eq!(left, session);
    let late = Event::Notice(Box::new(closing(Phase::Now, 0, "")));
    assert!(world.tell(Msg::Session { session, event: late }).is_empty());
    assert!(matches!(world.state.screen, Screen::Picker));
}

#[test]
fn a_server_can_be_started_here_once_none_answers() {
    let mut world = World::connected(80, 24);
    lose(&mut world, DisconnectReason::Ended(goodbye(EndCode::Shutdown, "")));
    let effects = world.press("R");
    let [Effect::Dial { attempt, .. }] = effects[..] else { panic!("{effects:?}") };
    let failed = DialFailed::NoServer("no server runs on this machine".into());
    world.tell(Msg::DialFailed { attempt, failed });
    assert!(matches!(world.press("S")[..], [Effect::Dial { start: true, .. }]));
}

/// The question named no run, so its reader did not know what it would end.
#[test]
fn the_question_before_a_shutdown_names_the_runs_that_end_with_it() {
    let question = |runs: Vec<RunRow>| {
        let mut world = admin(80, 24);
        world.enter("ks");
        world.answer::<RunsList>(Ok(RunsPage { runs, next: None }));
        world.screen()
    };
    let mut yours = runs_list::past(32, "backup", &json!({}), "phone", "running");
    yours.client_id = World::connected(80, 24).console().welcome.you.client_id;
    let anns = runs_list::past(31, "zone-run", &json!({}), "ann", "running");
    let shown = question(vec![yours, anns]);
    let words = "These runs end with it: backup #32 (you), zone-run #31 (ann).";
    assert!(shown.contains(words), "{shown}");
    assert!(!question(Vec::new()).contains("with it"));
}

/// One row had room for `sprinkler shuts down in 0:58 · mov…`.
#[test]
fn the_bar_has_room_for_a_reason_on_the_smallest_screen() {
    let mut world = World::connected(40, 10);
    world.notice(closing(Phase::Scheduled, 58_000, "the disk is replaced today"));
    let shown = world.screen();
    assert!(shown.contains("▲ sprinkler shuts down in 0:58 · the\n"), "{shown}");
    assert!(shown.contains("disk is replaced today"), "{shown}");
}
