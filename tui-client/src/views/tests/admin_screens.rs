//! The screens of an admin.

use serde_json::json;
use topside_shared::methods::{Clients, ClientsList, ServerReload};
use topside_shared::notifications::{Notification, Phase};

use super::{SIZES, at_every_size, frame, text};
use crate::app::Event;
use crate::app::tests::admin_actions::{act, admin};
use crate::app::tests::key_list::opened;
use crate::app::tests::log_lines::read;
use crate::app::tests::new_invites::{form, made};
use crate::app::tests::reloads::{mistaken, reloaded, reloading};
use crate::app::tests::status_figures::looked_at;
use crate::app::tests::{World, client, closing};
use crate::connect::DisconnectReason;
use crate::views::palette::Palette;

#[test]
fn one_client_in_full() {
    at_every_size("client", |width, height| {
        let mut world = admin(width, height);
        world.press("f2 down enter");
        let mut row = client(4, "phone", "operator", "203.0.113.9:40112");
        row["idleMs"] = json!(185_000);
        (row["bytesIn"], row["bytesOut"]) = (json!(812), json!(1_572_864));
        let row = serde_json::from_value(row).unwrap();
        world.answer::<ClientsList>(Ok(Clients { clients: vec![row], next: None }));
        world
    });
}

#[test]
fn the_question_before_a_kick() {
    at_every_size("confirm-kick", |width, height| {
        let mut world = admin(width, height);
        world.press("f2 down ctrl-x");
        world.write("it is late");
        world
    });
}

#[test]
fn the_question_before_a_postponement() {
    at_every_size("confirm-postpone", |width, height| {
        let mut world = admin(width, height);
        world.notice(closing(Phase::Scheduled, 58_000, "moving to a new box"));
        world.enter("ks 600 moving to a new box, back in 10 min");
        world
    });
}

#[test]
fn notifications_of_the_session() {
    at_every_size("notices", |width, height| {
        let mut world = admin(width, height);
        world.now = 30_000;
        let words = "the pump of the lower garden is being changed, so that zones 3 to 8 stay shut";
        let told = json!({"message": words, "level": "warning", "by": "phone (#4)",
                          "time": "2026-03-01T09:14:30.000Z"});
        world.notice(Notification::Broadcast(serde_json::from_value(told).unwrap()));
        world.now = 60_000;
        world.notice(closing(Phase::Scheduled, 58_000, "moving to a new box"));
        world.notice(closing(Phase::Cancelled, 0, ""));
        world.press("alt-n");
        world
    });
}

#[test]
fn what_a_reload_changed() {
    at_every_size("reload", reloaded);
}

#[test]
fn the_mistakes_that_kept_a_reload_from_changing_anything() {
    at_every_size("reload-mistakes", |width, height| {
        let mut world = reloading(width, height);
        world.answer::<ServerReload>(Err(mistaken(6)));
        world
    });
}

/// Whatever is looked at, filled in or asked, what is said above the input is seen, and once; a remark hides it not.
#[test]
fn a_shutdown_and_a_lost_session_are_visible_with_any_view_open() {
    fn pressed(keys: &'static str) -> impl Fn(u16, u16) -> World {
        move |width, height| {
            let mut world = admin(width, height);
            world.press(keys);
            world
        }
    }
    fn acted(title: &'static str) -> impl Fn(u16, u16) -> World {
        move |width, height| {
            let mut world = admin(width, height);
            act(&mut world, title);
            world
        }
    }
    type Open<'a> = &'a dyn Fn(u16, u16) -> World;
    let views: [(&str, Open<'_>); 15] = [
        ("help", &pressed("?")),
        ("palette", &pressed("ctrl-p")),
        ("menu", &pressed("f3")),
        ("runs", &pressed("f12")),
        ("clients", &pressed("f2")),
        ("client", &pressed("f2 down enter")),
        ("kick", &pressed("f2 down ctrl-x")),
        ("log", &read),
        ("status", &looked_at),
        ("keys", &opened),
        ("invite", &form),
        ("made", &|width, height| made(width, height, false)),
        ("reload", &reloaded),
        ("broadcast", &acted("Broadcast a")),
        ("shutdown", &acted("Shut the server down")),
    ];
    let words = "sprinkler shuts down in 0:58";
    for (name, open) in views {
        for (width, height) in SIZES {
            let mut world = open(width, height);
            let palette =
                world.state.views.len() == 1 && world.state.top_view::<Palette>().is_some();
            let as_list = name == "menu" && width < 140;
            assert_eq!(palette, name == "palette" || as_list, "{name}");
            world.notice(closing(Phase::Scheduled, 58_000, "moving to a new box"));
            for remark in [false, true] {
                if remark {
                    world.state.done("It was copied.");
                }
                let shown = text(&frame(&world.state));
                assert_eq!(shown.matches(words).count(), 1, "{name}, {width}x{height}: {shown}");
                assert_eq!(shown.contains("It was copied."), remark, "{name}: {shown}");
            }
            world.event(Event::Lost(DisconnectReason::Gone));
            let shown = text(&frame(&world.state));
            assert!(shown.contains("lost at"), "{name}, {width}x{height}: {shown}");
            assert!(!shown.contains(words), "{name}, {width}x{height}: {shown}");
        }
    }
}
