//! Boxes of fleets in the picker: what is said of each, and what can be done with them.

use super::probes::find;
use super::*;
use crate::app::picker;
use crate::app::picker::fleet_box::{BoxPresence, FleetBox, FleetBoxRow};
use crate::views::changes_in;

/// Three boxes of a fleet: one that is up, one that has stopped, and one that the hub has not heard of.
pub(crate) fn garden() -> Vec<FleetBoxRow> {
    let presence = |is_up, age| BoxPresence {
        version: "0.2.0".into(),
        is_up,
        load: Some(0.42),
        runs: 2,
        shutdown: None,
        age,
    };
    let row = |name: &str, number, tag: &str, presence| FleetBoxRow {
        name: name.into(),
        fleet: "garden".into(),
        pin: pin(number),
        tags: vec![tag.into()],
        presence,
    };
    vec![
        row("pump-2", 12, "pumps", Some(presence(false, 5_000))),
        row("pump-1", 11, "pumps", Some(presence(true, 5_000))),
        row("camera", 13, "cameras", None),
    ]
}

fn world() -> World {
    let mut world = World::new(120, 30).with_servers();
    world.tell(Msg::Hubs(vec!["garden".into()]));
    world.tell(Msg::Fleet(garden()));
    world
}

/// The names of the list.
fn names(world: &World) -> Vec<&str> {
    (0..picker::count(&world.state)).map(|at| picker::name(&world.state, at)).collect()
}

fn words(world: &World, name: &str) -> String {
    let of = |each: &&FleetBox| each.profile.name == name;
    let each = world.state.fleet.iter().find(of).unwrap();
    picker::fleet::standing(&world.state, each).1
}

#[test]
fn the_boxes_of_a_fleet_stand_below_this_machine_by_tag_and_name() {
    let mut world = world();
    let saved = ["sprinkler", "clock", "lab-psu", "this machine"];
    let boxes = ["camera", "pump-1", "pump-2"];
    assert_eq!(names(&world), [&saved[..], &boxes[..]].concat());
    world.press("down down down down down");
    assert_eq!(picker::name(&world.state, world.state.picker.at), "pump-1");
    // The choice stays at its box, whatever comes and goes.
    world.tell(Msg::Found(vec![find("garage", "192.168.1.12", Some(pin(2)))]));
    world.tell(Msg::Fleet(garden().split_off(1)));
    assert_eq!(names(&world), [&saved[..], &["camera", "pump-1", "garage"]].concat());
    assert_eq!(picker::name(&world.state, world.state.picker.at), "pump-1");
    // A box of the fleet that announces itself on the LAN is listed once.
    let garage = find("garage", "192.168.1.12", Some(pin(2)));
    world.tell(Msg::Found(vec![find("pump-1", "192.168.1.13", Some(pin(11))), garage]));
    assert_eq!(names(&world), [&saved[..], &["camera", "pump-1", "garage"]].concat());
    // A box that is saved as a server is listed once.
    let mut servers = world.state.servers.clone();
    servers[1].pin = Some(pin(11).to_string());
    world.tell(Msg::Servers(servers));
    world.tell(Msg::Fleet(garden()));
    assert_eq!(names(&world), [&saved[..], &["camera", "pump-2", "garage"]].concat());
}

#[test]
fn a_box_is_at_the_hub_on_the_lan_or_away_since_its_last_record() {
    let mut world = world();
    assert_eq!(words(&world, "pump-1"), "hub · load 0.42 · 0.2.0");
    assert!(words(&world, "pump-2").starts_with("away since "), "{}", words(&world, "pump-2"));
    assert_eq!(words(&world, "camera"), "not seen yet");
    world.tell(Msg::Found(vec![find("pump", "192.168.1.12", Some(pin(11)))]));
    assert_eq!(words(&world, "pump-1"), "LAN · load 0.42 · 0.2.0");
    world.tell(Msg::Found(Vec::new()));
    // Its record was 5 s old: 70 s later it counts as away, and the screen is drawn at that time.
    assert!(changes_in(&world.state).is_some_and(|ms| ms <= 70_000));
    world.wait(69_999);
    assert_eq!(words(&world, "pump-1"), "hub · load 0.42 · 0.2.0");
    world.wait(1);
    assert!(words(&world, "pump-1").starts_with("away since "), "{}", words(&world, "pump-1"));
}

#[test]
fn a_box_is_dialled_marked_and_filtered_as_a_saved_server_and_changed_by_its_admin_only() {
    let mut world = world();
    world.press("down down down down down");
    let effects = world.press("enter");
    let dialled = effects.iter().find_map(|effect| match effect {
        Effect::Dial { target, .. } => Some((target.server.as_deref(), target.via)),
        _ => None,
    });
    assert_eq!(dialled, Some((Some("pump-1"), Via::Auto)));
    world.press("esc");
    for action in ["e", "d"] {
        world.press(action);
        let said = world.screen();
        assert!(said.contains("pump-1 is a box of the fleet garden"), "{action}: {said}");
    }
    world.press("space");
    world.press("space");
    let marked: Vec<&str> = picker::marked(&world.state).map(|(name, _)| name).collect();
    assert_eq!(marked, ["pump-1", "pump-2"]);
    world.press("/ # c a m");
    assert_eq!(picker::filter::visible(&world.state), [4]);
}
