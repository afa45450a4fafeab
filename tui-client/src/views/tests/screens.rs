//! The screens of the product. A change of any of them shows in review.

use serde_json::json;
use topside_shared::ErrorKind;
use topside_shared::command::Command;
use topside_shared::methods::{CommandsList, Menu, RunsList};
use topside_shared::notifications::{EndCode, Notification, Phase, SessionEnded};

use super::{assert_clean, at_every_size, frame, shown, text};
use crate::app::tests::prompts::asking_at;
use crate::app::tests::runs_list::page;
use crate::app::tests::{World, by, closing, ended, printed, welcome};
use crate::app::{Effect, Event, Msg, Size, Via};
use crate::connect::DisconnectReason;
use crate::theme::Theme;

/// A console that has been worked at.
pub(crate) fn worked(width: u16, height: u16) -> World {
    let mut world = World::connected(width, height);
    world.now = 2_000;
    world.run(
        "zones",
        30,
        "zone 1  closed\nzone 2  open    4 min left\n",
        ended("succeeded", 0, 41),
    );
    world.now = 60_000;
    let words = "there is no command zonse: did you mean zones? m shows the menu";
    world.enter_unknown("zonse", ErrorKind::NotFound, words);
    world.now = 70_000;
    world.run("zone-run 3 5", 31, "opening valve 3\n", None);
    let output =
        json!({"runId": 31, "offset": 16, "stream": "stderr", "data": "pump: low pressure\n"});
    world.notice(Notification::RunOutput(serde_json::from_value(output).unwrap()));
    world.notice(printed(31, "\u{1b}[32m▓▓▓▓▓▓▓▓\u{1b}[0m░░░░░░░░░░░░  40 %\n"));
    world.now = 82_000;
    world.tell(Msg::Tick);
    world
}

/// Checks the same console after these keys.
fn pressed(name: &str, keys: &'static str) {
    at_every_size(name, |width, height| {
        let mut world = worked(width, height);
        world.press(keys);
        world
    });
}

pub(crate) fn after_the_end(width: u16, height: u16) -> World {
    let mut world = worked(width, height);
    world.now = 128_000;
    let by = "phone (#4)".to_owned();
    let reason = "moving to a new box".to_owned();
    let goodbye = SessionEnded::new(EndCode::Shutdown, reason, by);
    world.event(Event::Lost(DisconnectReason::Ended(goodbye)));
    world
}

#[test]
fn the_console() {
    at_every_size("console", worked);
}

#[test]
fn the_console_without_colours() {
    let mut world = worked(100, 24);
    world.state.theme = Theme::MONOCHROME;
    let shown = shown(&world.state);
    assert!(!shown.contains("cyan") && !shown.contains("grey") && !shown.contains("green"));
    insta::with_settings!({ omit_expression => true, prepend_module_to_snapshot => false }, {
        insta::assert_snapshot!("console-no-colour", shown);
    });
}

#[test]
fn a_line_with_a_mistake_is_marked_and_explained() {
    at_every_size("input-mistake", |width, height| {
        let mut world = worked(width, height);
        world.write("zone-run 9 ");
        world
    });
}

#[test]
fn a_line_in_the_making_shows_what_comes_next() {
    at_every_size("input-hint", |width, height| {
        let mut world = worked(width, height);
        world.write("zone-run ");
        world
    });
}

#[test]
fn the_list_of_completions() {
    at_every_size("completions", |width, height| {
        let mut world = worked(width, height);
        world.write("z");
        world.press("tab tab");
        world
    });
}

#[test]
fn the_list_of_earlier_lines() {
    pressed("earlier-lines", "ctrl-r z ctrl-r");
}

#[test]
fn the_help() {
    pressed("help", "f1");
}

#[test]
fn the_palette() {
    pressed("palette", "ctrl-p down");
}

#[test]
fn the_themes() {
    at_every_size("themes", |width, height| {
        let mut world = worked(width, height);
        world.press("ctrl-p");
        world.write("theme");
        world.press("enter down");
        world
    });
}

#[test]
fn the_menu_with_a_filter() {
    at_every_size("menu-list", |width, height| {
        let mut world = worked(width, height);
        world.press("f3");
        world.write("zone");
        world
    });
}

#[test]
fn the_form_of_a_command() {
    at_every_size("command-form", |width, height| {
        let mut world = worked(width, height);
        world.choose("zone-run");
        world.write("3");
        world.press("tab right");
        world
    });
}

#[test]
fn the_form_of_a_command_with_a_mistake() {
    at_every_size("command-form-mistake", |width, height| {
        let mut world = worked(width, height);
        world.choose("zone-run");
        world.write("9");
        world
    });
}

/// More fields than a small screen has rows, choices that do not fit, and a sentence above them.
#[test]
fn the_form_of_a_command_with_many_arguments() {
    at_every_size("command-form-many", |width, height| {
        let mut world = worked(width, height);
        let backup: Command = serde_json::from_value(json!({
            "name": "backup", "title": "Back the box up", "category": "Set",
            "description": "Copies what has changed since the last time to another disk, and \
                            checks what is there.",
            "confirm": "Back up to {target}?",
            "args": [
                {"name": "target", "required": true, "description": "Where to", "maxLength": 40},
                {"name": "day", "type": "enum", "description": "When", "choices": [
                    "monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]},
                {"name": "verify", "type": "bool", "default": true},
                {"name": "dry-run", "type": "bool"},
                {"name": "rate", "type": "float", "minimum": 0.5, "default": 2.5},
                {"name": "a-name-that-is-rather-long", "description": "Keeps this many"},
                {"name": "exclude", "default": "*.tmp"},
                {"name": "level", "type": "int", "choices": [1, 2, 3], "default": 1},
                {"name": "reason", "rest": true, "description": "Why, for the log"},
            ],
        }))
        .unwrap();
        world.answer::<CommandsList>(Ok(Menu { revision: 1, commands: vec![backup], next: None }));
        world.choose("backup");
        world.write("/mnt/usb disk");
        world.press("tab w tab space tab tab 9 tab tab tab tab");
        world
    });
}

#[test]
fn the_clients_in_full() {
    pressed("clients", "f2 down");
}

#[test]
fn the_question_before_a_shutdown() {
    at_every_size("confirm-shutdown", |width, height| {
        let mut world = worked(width, height);
        world.enter("ks 60 moving to a new box");
        world.write("sprinkle");
        world.press("enter");
        world
    });
}

#[test]
fn the_question_of_a_command() {
    at_every_size("confirm-command", |width, height| {
        let mut world = worked(width, height);
        world.enter("zone-stop 3");
        world
    });
}

#[test]
fn the_title_of_a_server_elsewhere() {
    let mut world = World::new(80, 24).with_servers();
    let effects = world.press("enter");
    let [Effect::Dial { attempt, .. }] = effects[..] else { panic!("{effects:?}") };
    let reached = by(Via::Internet, "203.0.113.7:8677");
    let welcome = Box::new(welcome());
    world.tell(Msg::Dialled { attempt, welcome, reached, embedded_server: false });
    for (width, title) in [
        (40, " sprinkler · internet · connected · admin"),
        (60, " sprinkler · internet 203.0.113.7:8677 · connected · admin"),
        (80, " sprinkler · internet 203.0.113.7:8677 · connected · admin"),
    ] {
        world.tell(Msg::Resize(Size { width, height: 15 }));
        let text = text(&frame(&world.state));
        let first = text.lines().next().unwrap();
        assert!(first.starts_with(title) || title.starts_with(first), "{first}");
    }
}

#[test]
fn a_shutdown_that_is_due() {
    at_every_size("closing", |width, height| {
        let mut world = worked(width, height);
        world.notice(closing(Phase::Scheduled, 58_000, "moving to a new box"));
        world
    });
}

#[test]
fn the_end() {
    at_every_size("ended", after_the_end);
}

#[test]
fn a_loss() {
    at_every_size("lost", |width, height| {
        let mut world = worked(width, height);
        world.write("zone-run 4");
        world.event(Event::Lost(DisconnectReason::Gone));
        world
    });
}

#[test]
fn a_search() {
    at_every_size("search", |width, height| {
        let mut world = worked(width, height);
        world.press("/");
        world.write("zone");
        world.press("enter");
        world
    });
}

#[test]
fn the_runs() {
    at_every_size("runs", |width, height| {
        let mut world = worked(width, height);
        world.press("f12");
        world.answer::<RunsList>(Ok(page()));
        world.press("down");
        world
    });
}

#[test]
fn one_run_in_full() {
    at_every_size("run", |width, height| {
        let mut world = worked(width, height);
        world.press("f12");
        world.answer::<RunsList>(Ok(page()));
        world.press("down enter");
        world
    });
}

#[test]
fn the_output_zoomed_to_the_whole_screen() {
    pressed("zoomed", "alt-z");
}

/// The command line of Topside over the console: opened, and typed into.
fn verbs(name: &str, typed: &'static str, keys: &'static str) {
    at_every_size(name, |width, height| {
        let mut world = worked(width, height);
        world.press(":");
        world.write(typed);
        if !keys.is_empty() {
            world.press(keys);
        }
        world
    });
}

#[test]
fn the_command_line_of_topside() {
    verbs("verbs", "", "");
    verbs("verbs-typed", "kick 4 --reason 'lunch break'", "");
    verbs("verbs-completion", "s", "tab tab");
    verbs("verbs-mistake", "kick nine", "enter");
    verbs("verbs-help", "kick --help", "enter");
}

/// What `df -h` prints, with a long mount point.
#[test]
fn lines_that_are_not_wrapped() {
    at_every_size("unwrapped", |width, height| {
        let mut world = World::connected(width, height);
        world.run(
            "zones",
            30,
            "Filesystem                        Size  Used Avail Use% Mounted on\n\
             /dev/mapper/sprinkler--vg-root     29G   11G   17G  40% /\n\
             /dev/sda1                         470M   98M  348M  22% /boot\n\
             tmpfs                             461M  1.2M  460M   1% /srv/pictures/garden/2026/watering-in-summer/records/spare\n",
            ended("succeeded", 0, 41),
        );
        world.press("alt-r >");
        world
    });
}

#[test]
fn the_menu_with_favourites_and_what_is_folded() {
    at_every_size("menu-unfolded", |width, height| {
        let mut world = worked(width, height);
        world.state.recent = 2;
        let names = vec!["zone-run".to_owned()];
        world.tell(Msg::Favourites { server: "this machine".into(), names });
        world.press("f3 end");
        if world.state.views.is_empty() {
            // The pane has a row under which Topside's own commands are folded; the list has none.
            world.press("enter up");
        }
        world
    });
}

#[test]
fn blocks_that_are_folded() {
    pressed("folded", "shift-f8");
}

#[test]
fn scrolled_up() {
    at_every_size("scrolled", |width, height| {
        let mut world = worked(width, height);
        let many: String = (0..200).map(|n| format!("line {n}\n")).collect();
        world.notice(printed(31, &many));
        world.press("pgup");
        world.notice(printed(31, &many.repeat(6)));
        world
    });
}

#[test]
fn a_run_that_asks_for_a_password() {
    at_every_size("prompt", |width, height| {
        let (mut world, _) = asking_at(width, height);
        world.notice(printed(12, "Opening the vault\nPassword for the vault: "));
        world.write("hunter2");
        assert_clean(&world);
        world
    });
}
