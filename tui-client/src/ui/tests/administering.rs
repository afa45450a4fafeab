//! The screens of an admin.

use serde_json::json;
use topside_shared::ClientId;
use topside_shared::notices::{Notice, Phase};

use super::at_every_size;
use crate::app::Event;
use crate::app::tests::administering::admin;
use crate::app::tests::reloading::{changed, mistaken, reloading};
use crate::app::tests::{client, closing};

#[test]
fn one_client_in_full() {
    at_every_size("client", |width, height| {
        let mut world = admin(width, height);
        world.press("f2 down enter");
        let mut row = client(4, "phone", "operator", "203.0.113.9:40112");
        row["idleMs"] = json!(185_000);
        (row["bytesIn"], row["bytesOut"]) = (json!(812), json!(1_572_864));
        let row = serde_json::from_value(row).unwrap();
        world.event(Event::Client { id: ClientId(4), result: Ok(Some(row)) });
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
fn what_was_said_unasked() {
    at_every_size("notices", |width, height| {
        let mut world = admin(width, height);
        world.now = 30_000;
        let words = "the pump of the lower garden is being changed, so that zones 3 to 8 stay shut";
        let told = json!({"message": words, "level": "warning", "by": "phone (#4)",
                          "time": "2026-03-01T09:14:30.000Z"});
        world.notice(Notice::Broadcast(serde_json::from_value(told).unwrap()));
        world.now = 60_000;
        world.notice(closing(Phase::Scheduled, 58_000, "moving to a new box"));
        world.notice(closing(Phase::Cancelled, 0, ""));
        world.press("alt-n");
        world
    });
}

#[test]
fn what_a_reload_changed() {
    at_every_size("reload", |width, height| {
        let mut world = reloading(width, height);
        world.event(changed());
        world
    });
}

#[test]
fn the_mistakes_that_kept_a_reload_from_changing_anything() {
    at_every_size("reload-mistakes", |width, height| {
        let mut world = reloading(width, height);
        world.event(mistaken(6));
        world
    });
}
