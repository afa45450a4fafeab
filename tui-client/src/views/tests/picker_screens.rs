//! The picker, and what lies on top of it: the form and the invite.

use topside_shared::invite::Invite;

use super::{SIZES, assert_clean, at_every_size, frame, text};
use crate::app::msg::{FanOutEvent, NotPaired};
use crate::app::picker::picker_state::ProbeResult;
use crate::app::tests::fleet_boxes::garden;
use crate::app::tests::pasted_invites::an_invite;
use crate::app::tests::probes::find;
use crate::app::tests::several_boxes::{ended, fleet, known, start, unreachable};
use crate::app::tests::{World, pin};
use crate::app::{Effect, LocalServer, Msg, Via};

#[test]
fn the_picker_of_a_new_user() {
    at_every_size("picker-new", World::new);
}

/// Saved servers, one of them paired and asked, and one more on the LAN.
fn picker(width: u16, height: u16) -> World {
    let mut world = World::new(width, height).with_servers();
    world.tell(Msg::Found(vec![find("garage-pi", "192.168.1.12", Some(pin(2)))]));
    world.wait(0);
    world.tell(Msg::Probed(LocalServer::Running(2)));
    world
}

fn down(words: &'static str, sentence: &str, lasting: bool) -> ProbeResult {
    ProbeResult::Down { words, sentence: sentence.into(), lasting }
}

#[test]
fn the_picker_with_servers() {
    at_every_size("picker", |width, height| {
        let mut world = picker(width, height);
        world.reach(Via::Lan, ProbeResult::Up(2));
        world.reach(Via::Internet, ProbeResult::Up(41));
        world
    });
}

#[test]
fn the_picker_with_a_route_to_another_server() {
    at_every_size("picker-wrong-key", |width, height| {
        let mut world = picker(width, height);
        let sentence = "192.168.1.10:8677 is not the paired server: it has another key. Another \
                        machine may have that address on this network; if the server was set up \
                        anew, pair again (`topsided invite` on the box)";
        world.reach(Via::Lan, down("another key: not this server", sentence, true));
        world.reach(Via::Internet, down("no answer", "silence", false));
        world.press("right down down");
        world
    });
}

#[test]
fn the_picker_on_a_server_that_is_not_paired() {
    at_every_size("picker-not-paired", |width, height| {
        let mut world = picker(width, height);
        world.press("down right");
        world
    });
}

#[test]
fn the_picker_on_a_server_that_was_found() {
    at_every_size("picker-found", |width, height| {
        let mut world = picker(width, height);
        world.press("down down down down");
        if width < 72 {
            world.press("right");
        }
        world
    });
}

#[test]
fn the_picker_while_dialling() {
    at_every_size("picker-dialling", |width, height| {
        let mut world = World::new(width, height);
        world.press("enter");
        world.wait(2_300);
        world
    });
}

#[test]
fn the_answer_of_a_line_of_verbs() {
    at_every_size("picker-verb-help", |width, height| {
        let mut world = World::new(width, height).with_servers();
        world.press(":");
        world.write("edit --help");
        world.press("enter");
        world
    });
}

#[test]
fn an_invite_that_was_pasted() {
    at_every_size("invite", |width, height| {
        let mut world = picker(width, height);
        world.tell(Msg::Paste(an_invite().to_string()));
        world
    });
}

#[test]
fn an_invite_that_is_none_yet_is_explained() {
    at_every_size("invite-empty", |width, height| {
        let mut world = World::new(width, height);
        world.press("i");
        world
    });
}

#[test]
fn an_invite_that_failed() {
    at_every_size("invite-failed", |width, height| {
        let mut world = picker(width, height);
        world.tell(Msg::Paste(an_invite().to_string()));
        let effects = world.press("enter");
        let [Effect::Pair { attempt, .. }] = effects[..] else { panic!("{effects:?}") };
        let why = "this invite was used already, or taken back: ask for a new one (`topsided invite` on \
                   the box)";
        let failed = NotPaired { why: why.into(), lasting: true };
        world.tell(Msg::Paired { attempt, result: Err(failed) });
        world
    });
}

#[test]
fn the_picker_with_tags_and_marks() {
    at_every_size("picker-marked", |width, height| {
        let mut world = fleet(width, height);
        world.wait(0);
        world.reach(Via::Lan, ProbeResult::Up(2));
        world.press("space down space");
        world
    });
}

#[test]
fn a_command_on_several_boxes() {
    at_every_size("several-line", |width, height| {
        let mut world = fleet(width, height);
        world.press("* x");
        world.write("uptime");
        world
    });
    at_every_size("several-completions", |width, height| {
        let (mut world, _) = known(width, height);
        world.press("z tab tab");
        world
    });
    at_every_size("several-running", |width, height| {
        let mut world = fleet(width, height);
        let id = start(&mut world, "uptime");
        ended(&mut world, id, 1, unreachable("nothing listens at 192.168.1.2:8677"));
        world
    });
    at_every_size("several-results", |width, height| {
        let mut world = fleet(width, height);
        let id = start(&mut world, "uptime");
        for index in [0, 1, 3] {
            ended(&mut world, id, index, unreachable("nothing listens at 192.168.1.2:8677"));
        }
        ended(&mut world, id, 2, unreachable("no answer"));
        world.tell(Msg::FanOut { id, event: FanOutEvent::Done });
        world
    });
}

/// The hint of Tab was the same in both columns.
#[test]
fn in_one_column_the_hint_names_the_column_that_tab_opens() {
    let mut world = picker(40, 10);
    let drawn = text(&frame(&world.state));
    assert!(drawn.contains("Tab routes"), "{drawn}");
    world.press("tab");
    let drawn = text(&frame(&world.state));
    assert!(drawn.contains("Tab servers"), "{drawn}");
}

/// The reason was cut as if it ended there.
#[test]
fn a_reason_that_has_no_room_in_the_question_shows_that_it_goes_on() {
    let mut world = World::connected(40, 10);
    world.enter("ks 60 the whole rack is being moved to another room tonight");
    let drawn = text(&frame(&world.state));
    assert!(drawn.contains("Reason: the whole rack") && drawn.contains('…'), "{drawn}");
}

/// It got a tick, and was then refused.
#[test]
fn an_invite_expired_by_this_devices_clock_is_reported() {
    let mut world = picker(80, 24);
    world.tell(Msg::Paste(an_invite().to_string()));
    let before = text(&frame(&world.state));
    assert!(before.contains("✓ an invite of greenhouse"), "{before}");
    world.wait(1_000);
    let after = text(&frame(&world.state));
    let words = "▲ an invite of greenhouse: may be over by this device's clock";
    assert!(after.contains(words) && !after.contains('✓'), "{after}");
}

#[test]
fn an_invite_being_used() {
    let mut world = picker(80, 24);
    world.tell(Msg::Paste(an_invite().to_string()));
    world.press("enter");
    world.wait(2_300);
    let text = text(&frame(&world.state));
    assert!(text.contains("pairing with greenhouse … 2 s"), "{text}");
    assert!(!text.contains(&an_invite().to_string()[20..40]), "{text}");
}

/// It looked like a file with nothing in it, from the next key on.
#[test]
fn an_unreadable_servers_file_is_reported_until_it_can_be_read() {
    let mut world = World::new(80, 24);
    world.tell(Msg::ServersUnreadable("/c/client.toml:3:8: this is not TOML".into()));
    world.press("down");
    world.press("up");
    let shown = |world: &World| text(&frame(&world.state));
    let drawn = shown(&world);
    assert!(drawn.contains("problem in client.toml"), "{drawn}");
    assert!(drawn.contains("/c/client.toml:3:8: this is not TOML"), "{drawn}");
    assert!(!drawn.contains("no servers saved"), "{drawn}");
    let drawn = shown(&world.with_servers());
    assert!(drawn.contains("3 servers saved") && !drawn.contains("this is not TOML"), "{drawn}");
    assert!(drawn.contains("client.toml can be read again"), "{drawn}");
}

#[test]
fn the_form_with_what_is_wrong() {
    at_every_size("form", |width, height| {
        let mut world = World::new(width, height);
        world.press("a");
        world.write("sprinkler");
        world.press("tab");
        world.write("192.168.1.300");
        world.press("tab tab");
        world.write("0");
        world.press("ctrl-s");
        world
    });
}

#[test]
fn the_form_of_a_paired_server_shows_its_pin_where_there_is_room() {
    for (width, height) in SIZES {
        let mut world = picker(width, height);
        world.press("e");
        let text = text(&frame(&world.state));
        assert_eq!(text.contains("pin 0101 0101 0101 0101"), width >= 60, "{text}");
        assert!(text.contains("▐ Save ▌ ▐ Cancel ▌"), "{text}");
    }
}

#[test]
fn the_picker_draws_at_every_size_without_a_control_character() {
    let evil = "\u{1b}[2J\u{7}\u{9b}31m\u{202e}\t\r";
    for width in (40..=170).step_by(13) {
        for height in [10, 11, 14, 20, 33, 60] {
            draw_the_picker(width, height, evil);
        }
    }
}

/// The picker with finds and errors that try to steer the terminal, and what lies on top of it.
fn draw_the_picker(width: u16, height: u16, evil: &str) {
    let mut world = World::new(width, height).with_servers();
    world.tell(Msg::Found(vec![find(evil, "fd00:1234:5678:9abc:def0:1234:5678:9abc", None)]));
    world.wait(0);
    world.reach(Via::Lan, down("no answer", evil, false));
    for keys in ["", "right", "down down down", "left down down down down", "a", "esc i", "x"] {
        if !keys.is_empty() {
            world.press(keys);
        }
        assert_clean(&world);
    }
    let invite = Invite { name: evil.into(), ..an_invite() };
    world.tell(Msg::Paste(invite.to_string()));
    assert_clean(&world);
}

#[test]
fn the_picker_with_the_boxes_of_a_fleet() {
    at_every_size("picker-fleet", |width, height| {
        let mut world = picker(width, height);
        world.tell(Msg::Hubs(vec!["garden".into()]));
        world.tell(Msg::Fleet(garden()));
        world.press("down down down down down");
        world.press("space");
        world.press("up");
        world
    });
}
