//! Status of the server: requested only while it is shown.

use super::*;
use crate::app::console::figures::{Figure, KEPT};
use crate::connect::DisconnectReason;
use crate::views::changes_in;
use crate::views::tests::{frame, text};

/// The figures of a server that has been up for so long.
pub(crate) fn figures(uptime_ms: u64, clients: u64, requests: u64) -> Value {
    json!({
        "version": "0.1.0", "uptimeMs": uptime_ms, "clients": clients,
        "runs": {"running": 1, "queued": 1, "started": 1_204},
        "bytes": {"received": uptime_ms / 10, "sent": uptime_ms * 2},
        "requests": requests, "refusals": {"forbidden": 3, "max_runs": 1},
        "memoryBytes": 12_900_000 + clients * 40_000, "load": [0.12 * clients as f64, 0.3, 0.21],
        "listeners": [
            {"transport": "unix", "address": "/run/topsided/topsided.sock"},
            {"transport": "tls", "address": "192.168.1.10:8677"},
        ],
        "revision": 3,
        "workers": [{"name": "garden", "standing": "it runs; it was started again once"}],
    })
}

pub(crate) fn tell(world: &mut World, figures: Value) {
    world.answer::<ServerStatus>(Ok(serde_json::from_value(figures).unwrap()));
}

/// A view that was looked at for a minute, while people and requests came.
pub(crate) fn looked_at(width: u16, height: u16) -> World {
    let mut world = World::connected(width, height);
    world.press("alt-s");
    let mut requests = 4_000;
    for second in 0..60 {
        requests += [1, 3, 12, 40, 7][second % 5];
        let clients = 3 + second as u64 / 20;
        let uptime = 273_600_000 + second as u64 * 1_000;
        tell(&mut world, figures(uptime, clients, requests));
        world.wait(1_000);
    }
    world
}

fn asked(world: &World) -> [Effect; 1] {
    [ask(world.session(), &ServerStatus::default())]
}

fn screen(world: &World) -> String {
    text(&frame(&world.state))
}

fn samples(world: &mut World, figure: Figure) -> Vec<Option<f64>> {
    world.console().figures.samples(figure).collect()
}

#[test]
fn the_server_is_asked_once_a_second_while_the_view_is_up_and_never_when_it_is_not() {
    let mut world = World::connected(80, 24);
    let before = changes_in(&world.state);
    assert_eq!(world.press("alt-s"), asked(&world));
    assert!(screen(&world).contains("Asking …"));
    // An answer is waited for: no second question, and nothing to wake up for.
    assert_eq!(changes_in(&world.state), before);
    assert!(world.wait(60_000).is_empty());
    tell(&mut world, figures(5_000, 2, 10));
    assert_eq!(changes_in(&world.state), Some(1_000));
    assert!(world.wait(999).is_empty());
    assert_eq!(world.wait(1), asked(&world));
    tell(&mut world, figures(6_000, 2, 10));
    world.press("esc");
    assert!(changes_in(&world.state).is_none_or(|ms| ms > 1_000));
    assert!(world.wait(5_000).is_empty());
}

#[test]
fn an_answer_that_comes_late_is_dropped_and_two_questions_are_never_on_their_way() {
    let mut world = World::connected(80, 24);
    world.press("alt-s");
    world.press("esc");
    tell(&mut world, figures(5_000, 2, 10));
    assert!(samples(&mut world, Figure::Clients).is_empty());
    world.wait(1_000);
    world.press("alt-s");
    world.press("esc");
    assert!(world.press("alt-s").is_empty(), "the first question is not answered yet");
    tell(&mut world, figures(6_000, 2, 10));
    assert_eq!(samples(&mut world, Figure::Clients), [Some(2.0)]);
}

#[test]
fn rates_are_of_one_look_and_what_was_between_two_is_a_hole() {
    let mut world = World::connected(80, 24);
    world.press("alt-s");
    tell(&mut world, figures(10_000, 2, 100));
    world.wait(1_000);
    // Two seconds later by the server's clock.
    tell(&mut world, figures(12_000, 2, 124));
    assert_eq!(samples(&mut world, Figure::Requests), [None, Some(12.0)]);
    world.press("esc");
    world.wait(600_000);
    world.press("alt-s");
    tell(&mut world, figures(612_000, 3, 900));
    assert_eq!(samples(&mut world, Figure::Requests), [None, Some(12.0), None, None]);
    assert_eq!(samples(&mut world, Figure::Clients), [Some(2.0), Some(2.0), None, Some(3.0)]);
}

#[test]
fn so_many_samples_are_kept_and_no_more() {
    let mut world = World::connected(80, 24);
    world.press("alt-s");
    for second in 0..=KEPT as u64 {
        tell(&mut world, figures(second * 1_000, second, 10));
        world.wait(1_000);
    }
    let kept = samples(&mut world, Figure::Clients);
    assert_eq!((kept.len(), kept[0]), (KEPT, Some(1.0)));
}

#[test]
fn a_refusal_is_said_and_the_server_left_alone_for_a_while() {
    let mut world = World::connected(80, 24);
    world.press("alt-s");
    world.answer::<ServerStatus>(Err(refusal("the method \u{1b}is not known")));
    let shown = screen(&world);
    assert!(shown.contains("did not tell: the method is not known"), "{shown}");
    assert!(world.wait(4_999).is_empty());
    assert_eq!(world.wait(1), asked(&world));
    tell(&mut world, figures(5_000, 2, 10));
    assert!(!screen(&world).contains("did not tell"));
}

#[test]
fn a_server_that_does_not_tell_a_figure_is_said_not_to() {
    let mut world = World::connected(80, 24);
    world.press("alt-s");
    let mut old = figures(5_000, 2, 10);
    for name in ["memoryBytes", "load", "workers"] {
        old.as_object_mut().unwrap().remove(name);
    }
    tell(&mut world, old);
    let shown = screen(&world);
    for label in ["memory", "load"] {
        let row = |line: &str| line.contains(label) && line.contains("does not tell");
        assert!(shown.lines().any(row), "{shown}");
    }
    assert!(!shown.contains("worker"), "{shown}");
}

#[test]
fn a_session_that_is_lost_stops_the_questions_and_the_next_one_begins_anew() {
    let mut world = World::connected(80, 24);
    world.press("alt-s");
    tell(&mut world, figures(5_000, 2, 10));
    world.event(Event::Lost(DisconnectReason::Gone));
    assert!(
        screen(&world).contains("These figures are old: no session · reconnecting in "),
        "{}",
        screen(&world)
    );
    let effects = world.wait(31_000);
    let [Effect::Dial { attempt, .. }] = effects[..] else { panic!("{effects:?}") };
    let welcome = Box::new(welcome());
    let effects =
        world.tell(Msg::Dialled { attempt, welcome, reached: locally(), embedded_server: false });
    assert!(effects.contains(&asked(&world)[0]), "{effects:?}");
    assert!(samples(&mut world, Figure::Clients).is_empty());
    tell(&mut world, figures(1_000, 1, 2));
    assert!(screen(&world).contains("up       1.0 s"), "{}", screen(&world));
}

#[test]
fn texts_of_the_server_are_clean() {
    let mut world = World::connected(40, 10);
    world.press("alt-s");
    let mut figures = figures(5_000, 2, 10);
    figures["refusals"] = json!({"busy\u{9b}": 2, "odd": "\u{202e}text"});
    figures["workers"] = json!([{"name": "g\u{1b}", "standing": "it \u{7}runs"}]);
    tell(&mut world, figures);
    for _ in 0..30 {
        crate::views::tests::assert_clean(&world);
        world.press("down");
    }
    assert!(screen(&world).contains("2 busy"), "{}", screen(&world));
}
