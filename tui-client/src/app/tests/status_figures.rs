//! Status of the server: requested only while it is shown.

use super::*;
use crate::app::console::figures::{Figure, KEPT};
use crate::connect::DisconnectReason;
use crate::views::changes_in;

/// The figures of a server with this uptime.
pub(crate) fn figures(uptime_ms: u64, clients: u64, requests: u64) -> Value {
    json!({
        "version": "0.1.0", "uptimeMs": uptime_ms, "clients": clients,
        "runs": {"running": 1, "queued": 1, "started": 1_204},
        "bytes": {"received": uptime_ms / 10, "sent": uptime_ms * 2},
        "requests": requests, "refusals": {"forbidden": 3, "notFound": 2, "max_runs": 1},
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

/// The same of a server that sends the figures of its box, and a history of two minutes.
pub(crate) fn figures_with_history(uptime_ms: u64, requests: u64) -> Value {
    const MIB: u64 = 1 << 20;
    let samples = |value: fn(usize) -> Value| (0..60).map(value).collect::<Value>();
    let mut all = figures(uptime_ms, 3, requests);
    all["box"] = json!({
        "disks": [
            {"path": "/", "totalBytes": 29 * 1_024 * MIB, "freeBytes": 18 * 1_024 * MIB},
            {"path": "/var/lib/topside", "totalBytes": 512 * MIB, "freeBytes": 31 * MIB},
        ],
        "cpuPercent": 12.4, "temperatureCelsius": 51.2, "load": [0.42, 0.3, 0.21],
        "memoryTotalBytes": 921 * MIB, "memoryAvailableBytes": 709 * MIB,
    });
    all["history"] = json!({
        "stepMs": 2_000, "newest": "2026-03-01T09:14:00.000Z",
        "clients": samples(|nth| json!([1, 1, 3, 4, 3, 3][nth / 10])),
        "requestsPerSecond": samples(|nth| json!([0.1, 0.5, 9.9, 2.5, 1.2][nth % 5])),
        "runs": samples(|nth| json!(u8::from(nth % 13 == 4))),
        "cpuPercent": samples(|nth| if nth == 0 { Value::Null } else { json!(9.0 + (nth % 23) as f64) }),
        "memoryUsedBytes": samples(|nth| json!((205 + nth as u64 / 8) * MIB)),
        "temperatureCelsius": samples(|nth| json!(47.0 + (nth / 12) as f64)),
        "load": samples(|nth| json!([0.1, 0.15, 0.3, 1.2, 0.3, 0.42][nth / 10])),
    });
    all
}

/// The view at the first answer.
pub(crate) fn looked_at(width: u16, height: u16) -> World {
    let mut world = World::connected(width, height);
    world.press("alt-s");
    tell(&mut world, figures_with_history(273_600_000, 4_000));
    world
}

/// The view of a server that sends no history, after a minute.
pub(crate) fn looked_at_an_older_server(width: u16, height: u16) -> World {
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

/// A console with the answer of an older server in its header.
fn answered_by_an_older_server(width: u16, height: u16) -> World {
    let mut world = World::connected(width, height);
    tell(&mut world, figures(1_000, 1, 1));
    world
}

fn asked(world: &World) -> [Effect; 1] {
    [ask(world.session(), &ServerStatus { history: true })]
}

fn samples(world: &mut World, figure: Figure) -> Vec<Option<f64>> {
    world.console().figures.samples(figure)
}

/// A console with the first answer in its header.
fn answered(width: u16, height: u16) -> World {
    let mut world = World::connected(width, height);
    tell(&mut world, figures_with_history(4_000, 8));
    world
}

#[test]
fn the_server_is_asked_once_a_second_while_the_view_is_open() {
    let mut world = answered(80, 24);
    let before = changes_in(&world.state);
    assert_eq!(world.press("alt-s"), asked(&world));
    // An answer is waited for: no second request, and nothing to wake up for.
    assert_eq!(changes_in(&world.state), before);
    assert!(world.wait(40_000).is_empty());
    tell(&mut world, figures(5_000, 2, 10));
    assert_eq!(changes_in(&world.state), Some(1_000));
    assert!(world.wait(999).is_empty());
    assert_eq!(world.wait(1), asked(&world));
    tell(&mut world, figures(6_000, 2, 10));
    assert_eq!(world.press("r"), asked(&world), "r refreshes at once");
    tell(&mut world, figures(7_000, 2, 10));
    world.press("esc");
    assert!(changes_in(&world.state).is_none_or(|ms| ms > 1_000));
    assert!(world.wait(1_000).is_empty());
}

#[test]
fn the_view_has_two_minutes_of_history_at_its_first_answer() {
    let world = looked_at(160, 50);
    let shown = world.screen();
    for row in [
        "requests",
        "cpu",
        "212 of 921 MiB",
        "disk /",
        "11 of 29 GiB",
        "51 °C",
        "2 min",
        "/var/lib/topside",
        "94 %",
        "481 of 512 MiB",
    ] {
        assert!(shown.contains(row), "{row}: {shown}");
    }
    let bars = |line: &str| line.chars().filter(|c| ('▁'..='▇').contains(c)).count();
    let clients = shown.lines().find(|line| line.contains("│ clients")).unwrap();
    assert_eq!(bars(clients), 60, "{shown}");
}

#[test]
fn the_header_is_asked_for_with_what_wakes_the_screen_and_at_most_once_in_five_seconds() {
    let mut world = answered(120, 30);
    let header = world.screen().lines().next().unwrap().to_owned();
    assert!(header.ends_with("3 clients · load ▂▂▃▇▃▃ 0.4 · 09:14"), "{header}");
    let minute = changes_in(&world.state);
    assert_eq!(minute, Some(60_000), "no timer of its own");
    world.now += 4_999;
    assert!(world.press("a").is_empty());
    world.now += 1;
    assert_eq!(world.press("b"), asked(&world));
    assert!(world.press("c").is_empty(), "one request at a time");
    tell(&mut world, figures_with_history(10_000, 9));
    world.now += 55_000;
    assert_eq!(world.wait(0), asked(&world), "the minute of the clock");
    // A server that refuses is left alone.
    world.answer::<ServerStatus>(Err(refusal("no")));
    assert!(world.wait(200_000).is_empty());
}

#[test]
fn a_hidden_tab_asks_for_no_header() {
    let mut world = answered(120, 30);
    world.press("ctrl-t");
    world.now += 600_000;
    let effects = world.wait(0);
    assert!(effects.iter().all(|effect| !matches!(effect, Effect::Ask { .. })), "{effects:?}");
}

#[test]
fn the_load_goes_first_where_the_header_has_no_room() {
    for (width, has) in
        [(120, true), (100, true), (80, false), (70, false), (60, false), (40, false)]
    {
        let mut world = answered(width, 24);
        world.console().clients.values_mut().for_each(|row| row.runs.clear());
        let shown = world.screen();
        let header = shown.lines().next().unwrap();
        assert_eq!(header.contains(" · load ▂▂▃▇▃▃ 0.4 · "), has, "{width}: {header}");
    }
}

#[test]
fn two_requests_are_never_on_their_way() {
    let mut world = World::connected(80, 24);
    assert!(world.press("alt-s").is_empty(), "the header's request is not answered yet");
    world.press("esc");
    assert!(world.press("alt-s").is_empty());
    tell(&mut world, figures_with_history(6_000, 10));
    assert_eq!(samples(&mut world, Figure::Clients).len(), 60);
}

#[test]
fn rates_are_of_one_look_and_what_was_between_two_is_a_hole() {
    let mut world = answered_by_an_older_server(80, 24);
    world.press("alt-s");
    tell(&mut world, figures(10_000, 2, 100));
    world.wait(1_000);
    // Two seconds later by the server's clock.
    tell(&mut world, figures(12_000, 2, 124));
    assert_eq!(samples(&mut world, Figure::Requests), [None, Some(12.0)]);
    world.press("esc");
    world.wait(600_000);
    tell(&mut world, figures(611_000, 3, 870));
    world.press("alt-s");
    tell(&mut world, figures(612_000, 3, 900));
    assert_eq!(samples(&mut world, Figure::Requests), [None, Some(12.0), None, Some(30.0)]);
    assert_eq!(samples(&mut world, Figure::Clients), [Some(2.0), Some(2.0), None, Some(3.0)]);
}

#[test]
fn so_many_samples_are_kept_and_no_more() {
    let mut world = answered_by_an_older_server(80, 24);
    world.press("alt-s");
    for second in 0..=KEPT as u64 {
        tell(&mut world, figures(second * 1_000, second, 10));
        world.wait(1_000);
    }
    let kept = samples(&mut world, Figure::Clients);
    assert_eq!((kept.len(), kept[0]), (KEPT, Some(1.0)));
}

#[test]
fn a_refusal_is_shown_and_the_server_is_not_probed_for_a_while() {
    let mut world = World::connected(80, 24);
    world.press("alt-s");
    world.answer::<ServerStatus>(Err(refusal("the method \u{1b}is not known")));
    let shown = world.screen();
    assert!(shown.contains("did not send its status: the method is not known"), "{shown}");
    assert!(world.wait(4_999).is_empty());
    assert_eq!(world.wait(1), asked(&world));
    tell(&mut world, figures(5_000, 2, 10));
    assert!(!world.screen().contains("did not send"));
}

#[test]
fn a_figure_that_the_server_does_not_send_has_no_row() {
    let mut world = answered_by_an_older_server(80, 24);
    world.press("alt-s");
    let mut old = figures(5_000, 2, 10);
    for name in ["memoryBytes", "load", "workers"] {
        old.as_object_mut().unwrap().remove(name);
    }
    tell(&mut world, old);
    let shown = world.screen().to_lowercase();
    for label in ["memory", "load", "worker", "cpu", "disk"] {
        assert!(!shown.contains(label), "{label}: {shown}");
    }
    assert!(shown.contains("clients"), "{shown}");
}

#[test]
fn a_lost_session_stops_the_status_requests_and_the_next_one_starts_them() {
    let mut world = World::connected(80, 24);
    world.press("alt-s");
    tell(&mut world, figures(5_000, 2, 10));
    world.event(Event::Lost(DisconnectReason::Gone));
    assert!(
        world.screen().contains("These figures are old: no session · reconnecting in "),
        "{}",
        world.screen()
    );
    let effects = world.wait(31_000);
    let [Effect::Dial { attempt, .. }] = effects[..] else { panic!("{effects:?}") };
    let effects = world.tell(dialled(attempt));
    assert!(effects.contains(&asked(&world)[0]), "{effects:?}");
    assert!(samples(&mut world, Figure::Clients).is_empty());
    tell(&mut world, figures(1_000, 1, 2));
    assert!(world.screen().contains("Up        1.0 s"), "{}", world.screen());
}

#[test]
fn texts_of_the_server_are_clean() {
    let mut world = World::connected(40, 10);
    world.press("alt-s");
    let mut figures = figures(5_000, 2, 10);
    figures["refusals"] = json!({"busy\u{9b}": 2, "odd": "\u{202e}text"});
    figures["workers"] = json!([{"name": "g\u{1b}", "standing": "it \u{7}runs"}]);
    tell(&mut world, figures);
    let mut shown = String::new();
    for _ in 0..30 {
        crate::views::tests::assert_clean(&world);
        shown += &world.screen();
        world.press("down");
    }
    assert!(shown.contains("2 busy"), "{shown}");
}

#[test]
fn a_hook_of_the_box_that_failed_is_shown_with_its_cause() {
    let mut world = World::connected(80, 24);
    world.press("alt-s");
    let mut failed = figures(5_000, 2, 10);
    failed["hooks"] = json!([
        {"name": "on_start", "state": "failed", "at": "2026-03-01T09:14:02Z", "failure": "no\u{1b} relay"},
        {"name": "on_stop", "state": "paused", "at": "2026-03-01T09:14:02Z"}
    ]);
    tell(&mut world, failed);
    let shown = world.screen();
    assert!(shown.contains("on_start failed at "), "{shown}");
    assert!(shown.contains(": no relay"), "{shown}");
    assert!(shown.contains("on_stop ran at "), "a state of a newer server: {shown}");
}
