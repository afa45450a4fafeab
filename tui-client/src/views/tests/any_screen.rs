//! What must hold of any screen: it fits a small terminal, draws no control character and no secret, and is still while
//! nothing on it changes.

use serde_json::json;
use topside_shared::notifications::{Notification, Phase};

use super::screens::{after_the_end, worked};
use super::{assert_clean, frame, text};
use crate::app::tests::{World, client, closing, command_of, printed};
use crate::app::{Effect, Event, Msg, Size};
use crate::connect::DisconnectReason;

#[test]
fn a_terminal_too_small_says_what_it_needs() {
    let mut world = worked(80, 24);
    for size in [(39, 10), (40, 9), (20, 3), (1, 1)] {
        world.tell(Msg::Resize(Size { width: size.0, height: size.1 }));
        frame(&world.state);
    }
    world.tell(Msg::Resize(Size { width: 39, height: 9 }));
    let text = text(&frame(&world.state));
    assert!(text.contains("terminal too small") && text.contains("needs 40 × 10"), "{text}");
}

#[test]
fn every_screen_draws_at_every_size_without_a_control_character() {
    let evil = "\u{1b}[2J\u{7}\u{9b}31m\u{202e}\t\r";
    for width in (1..=170).step_by(13) {
        for height in [1, 5, 9, 10, 11, 14, 20, 33, 60] {
            let mut world = worked(80, 24);
            world.tell(Msg::Resize(Size { width, height }));
            let mut row = client(11, evil, "viewer", evil);
            row["runs"] = json!([{"runId": 2, "command": evil}]);
            let joined = json!({"joined": [row]});
            world.notice(Notification::ClientsChanged(serde_json::from_value(joined).unwrap()));
            world.notice(printed(31, evil));
            world.notice(closing(Phase::Scheduled, 9_000, &evil.repeat(20)));
            for keys in
                ["", "f1", "ctrl-p", "f2", "f3", "f3 down down enter", "f12", "ctrl-d", "alt-/"]
            {
                if !keys.is_empty() {
                    world.press(keys);
                }
                assert_clean(&world);
                world.press("esc");
            }
        }
    }
}

#[test]
fn what_counts_ticks_and_what_does_not_stays_quiet() {
    let ms = |world: &World| super::super::changes_in(&world.state);
    let mut world = World::new(80, 24);
    assert_eq!(ms(&world), None, "the picker never wakes up by itself");
    let effects = world.press("enter");
    assert!(matches!(effects[..], [Effect::Dial { .. }]));
    assert_eq!(ms(&world), Some(1_000));

    let mut world = World::connected(80, 24);
    assert_eq!(
        ms(&world),
        Some(60_000),
        "an idle console changes with the time of its header only"
    );
    world.now = 500;
    world.notice(closing(Phase::Scheduled, 57_600, ""));
    assert_eq!(ms(&world), Some(600), "a countdown changes on its own second");
    world.tell(Msg::Resize(Size { width: 20, height: 4 }));
    assert_eq!(ms(&world), None, "what cannot be seen is not counted");
    world.event(Event::Lost(DisconnectReason::Gone));
    assert!(ms(&world).is_some(), "the next try comes all the same");

    let world = worked(80, 24);
    assert_eq!(ms(&world), Some(1_000), "a run on the screen counts its seconds");
    assert_eq!(ms(&after_the_end(80, 24)), None, "nothing goes on after the end");
}

#[test]
fn a_line_with_a_secret_is_run_and_neither_kept_nor_shown() {
    for (line, asks) in [
        ("login ann hunter2", true),
        ("login --password=hunter2 ann", true),
        // What is refused here may hold it as well.
        ("login ann hunter2 more", false),
        ("login ann 'hunter2", false),
        ("lgoin ann hunter2", false),
    ] {
        let mut world = World::connected(80, 24);
        let login = serde_json::from_value(json!({
            "name": "login", "role": "viewer", "confirm": "Log {user} in with {password}?",
            "args": [
                {"name": "user", "required": true},
                {"name": "password", "type": "secret", "required": true},
            ],
        }));
        world.console().menu.commands.push(login.unwrap());
        world.write(line);
        let typed = text(&frame(&world.state));
        assert!(line.starts_with("lgoin") || !typed.contains("hunter2"), "{typed}");
        let mut effects = world.press("enter");
        if asks {
            let question = text(&frame(&world.state));
            assert!(question.contains("Log ann in with ***?"), "{question}");
            assert!(!question.contains("hunter2"), "{question}");
            effects.extend(world.press("tab enter"));
            assert_eq!(command_of(&effects).args["password"], "hunter2", "{line}");
        }
        assert!(!effects.iter().any(|effect| matches!(effect, Effect::SaveHistory { .. })));
        let shown = text(&frame(&world.state));
        assert!(shown.contains("***") && !shown.contains("hunter2"), "{shown}");
        // What is refused here stays in the input.
        world.press("ctrl-u up");
        assert_eq!(world.input(), "", "{line}");
        world.press("ctrl-r h u n");
        assert_eq!(world.input(), "", "{line}");
    }
}
