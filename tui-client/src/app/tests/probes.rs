//! When the chosen server is asked whether it answers, and what is found on the LAN.

use std::net::IpAddr;

use super::*;
use crate::connect::DiscoveredServer;
use crate::views::changes_in;

/// What is asked by these effects: the server and its ways.
fn asked(effects: &[Effect]) -> Option<(Option<&str>, &[Via])> {
    effects.iter().find_map(|effect| match effect {
        Effect::Probe { server, vias, .. } => Some((server.as_deref(), &vias[..])),
        _ => None,
    })
}

/// A server that says that it is there.
pub(crate) fn find(name: &str, address: &str, pin: Option<Pin>) -> DiscoveredServer {
    DiscoveredServer {
        name: name.into(),
        host: format!("{name}.local"),
        addresses: vec![address.parse::<IpAddr>().unwrap()],
        port: DEFAULT_PORT,
        pin,
    }
}

/// The words of a way of the chosen server.
fn words(world: &World, via: Via) -> String {
    crate::app::picker::routes::way(&world.state, via).words
}

fn refused(lasting: bool) -> ProbeResult {
    ProbeResult::Down { words: "another key", sentence: "another machine".into(), lasting }
}

const BOTH: &[Via] = &[Via::Lan, Via::Internet];

/// The choice went to this machine.
#[test]
fn where_the_last_saved_server_is_forgotten_its_neighbour_is_chosen() {
    let mut world = World::new(80, 24).with_servers();
    world.press("down down");
    assert_eq!(crate::app::picker::chosen(&world.state).unwrap().name, "lab-psu");
    let left = world.state.servers[..2].to_vec();
    world.tell(Msg::Servers(left));
    assert_eq!(crate::app::picker::chosen(&world.state).unwrap().name, "clock");
    world.tell(Msg::Servers(Vec::new()));
    assert!(crate::app::picker::chosen(&world.state).is_none());
}

#[test]
fn what_is_known_of_the_chosen_server_stays_while_another_one_is_changed() {
    let mut world = World::new(80, 24).with_servers();
    world.wait(0);
    world.reach(Via::Lan, ProbeResult::Up(12));
    let mut servers = world.state.servers.clone();
    servers.remove(1);
    world.tell(Msg::Servers(servers.clone()));
    assert_eq!(words(&world, Via::Lan), "answers in 12 ms");
    servers[0].lan = Some("192.168.1.99".into());
    world.tell(Msg::Servers(servers));
    assert_eq!(words(&world, Via::Lan), "asking …");
}

/// A server counts each refused key against its address, and shuts out who comes too often.
#[test]
fn a_way_that_refuses_this_device_is_tested_at_most_once_in_ten_seconds() {
    let mut world = World::new(80, 24).with_servers();
    world.wait(0);
    world.reach(Via::Lan, refused(true));
    world.reach(Via::Internet, refused(false));
    world.wait(9_000);
    assert_eq!(asked(&world.press("t")), Some((Some("sprinkler"), &[Via::Internet][..])));
    assert!(world.remark().contains("not asked again for 1 s"), "{}", world.remark());
    assert_eq!(words(&world, Via::Lan), "another key");
    // Asking the other way meanwhile puts nothing off.
    world.wait(1_000);
    assert_eq!(asked(&world.press("t")), Some((Some("sprinkler"), BOTH)));
}

#[test]
fn the_chosen_server_is_asked_at_the_start_and_then_every_4_seconds_while_keys_are_pressed() {
    let mut world = World::new(80, 24).with_servers();
    assert_eq!(changes_in(&world.state), Some(0));
    assert_eq!(asked(&world.wait(0)), Some((Some("sprinkler"), BOTH)));
    for _ in 0..30 {
        world.reach(Via::Lan, ProbeResult::Up(12));
        world.reach(Via::Internet, ProbeResult::Up(40));
        assert_eq!(changes_in(&world.state), Some(4_000));
        assert!(asked(&world.wait(3_999)).is_none());
        assert!(asked(&world.wait(1)).is_some());
    }
    world.reach(Via::Lan, ProbeResult::Up(12));
    world.reach(Via::Internet, ProbeResult::Up(40));
    // No key was pressed for two minutes: what is shown becomes old, is forgotten, and no server is asked.
    assert!(asked(&world.wait(4_999)).is_none());
    assert_eq!(words(&world, Via::Lan), "answers in 12 ms");
    assert!(asked(&world.wait(1)).is_none());
    assert_eq!(words(&world, Via::Lan), "not asked until a key is pressed");
    assert_eq!(changes_in(&world.state), None);
    world.now += 3_600_000;
    world.press("f9");
    assert_eq!(changes_in(&world.state), Some(0));
    assert!(asked(&world.wait(0)).is_some());
}

#[test]
fn an_answer_is_shown_for_five_seconds_at_most() {
    let mut world = World::new(80, 24).with_servers();
    world.wait(0);
    world.reach(Via::Lan, ProbeResult::Up(12));
    world.reach(Via::Internet, refused(true));
    // The LAN has gone: the next round of questions is not answered.
    assert_eq!(asked(&world.wait(4_000)), Some((Some("sprinkler"), &[Via::Lan][..])));
    assert_eq!(changes_in(&world.state), Some(1_000));
    world.wait(999);
    assert_eq!(words(&world, Via::Lan), "answers in 12 ms");
    world.wait(1);
    assert_eq!(words(&world, Via::Lan), "asking …");
    assert_eq!(words(&world, Via::Internet), "another key", "it does not pass by itself");
    // A round that is not answered yet is not cut off by the next.
    assert!(asked(&world.wait(1_999)).is_none());
    world.reach(Via::Lan, ProbeResult::Up(9));
    assert!(asked(&world.wait(1_001)).is_some());
}

#[test]
fn scrolling_through_servers_asks_the_last_one_only() {
    let mut world = World::new(80, 24).with_servers();
    world.wait(0);
    for key in ["down", "down", "up", "up"] {
        assert!(asked(&world.press(key)).is_none());
        assert!(asked(&world.wait(100)).is_none());
    }
    assert_eq!(asked(&world.wait(150)), Some((Some("sprinkler"), BOTH)));
}

#[test]
fn an_answer_of_an_earlier_round_is_ignored() {
    let mut world = World::new(80, 24).with_servers();
    world.wait(0);
    let round = world.state.picker.asking.round();
    assert_eq!(words(&world, Via::Lan), "asking …");
    world.press("t");
    world.tell(Msg::Reached { round, via: Via::Lan, reach: ProbeResult::Up(1) });
    assert_eq!(words(&world, Via::Lan), "asking …");
    world.reach(Via::Lan, ProbeResult::Up(12));
    assert_eq!(words(&world, Via::Lan), "answers in 12 ms");
}

#[test]
fn a_refused_device_is_probed_again_only_on_request() {
    let mut world = World::new(80, 24).with_servers();
    world.wait(0);
    world.reach(Via::Lan, refused(true));
    assert_eq!(asked(&world.wait(7_000)), Some((Some("sprinkler"), &[Via::Internet][..])));
    world.wait(3_000);
    assert_eq!(asked(&world.press("t")), Some((Some("sprinkler"), BOTH)));
}

#[test]
fn no_server_is_probed_while_one_is_dialled_or_connected() {
    let mut world = World::new(80, 24).with_servers();
    let effects = world.press("enter");
    let [Effect::Dial { attempt, .. }] = effects[..] else { panic!("{effects:?}") };
    assert!(asked(&world.wait(60_000)).is_none());
    let way = crate::app::picker::routes::way(&world.state, Via::Auto);
    assert_eq!(way.words, "connecting … 1 m 00 s · Esc cancels");
    assert_eq!(way.address, "LAN first, then internet", "it stays where it is");
    world.press("esc");
    assert!(asked(&world.wait(250)).is_some(), "what is known may be old");
    let effects = world.press("enter");
    let [Effect::Dial { attempt: second, .. }] = effects[..] else { panic!("{effects:?}") };
    assert!(second > attempt);
    let reached = by(Via::Lan, "192.168.1.10:8677");
    let welcome = Box::new(welcome());
    world.tell(Msg::Dialled { attempt: second, welcome, reached, embedded_server: false });
    for _ in 0..4 {
        assert!(asked(&world.wait(60_000)).is_none());
    }
    assert!(asked(&world.press("f4")).is_some(), "the picker is open again");
}

#[test]
fn the_lan_is_listened_to_while_the_picker_is_shown() {
    let mut world = World::new(80, 24);
    world.tell(Msg::Found(vec![find("garage-pi", "192.168.1.12", None)]));
    let effects = world.press("enter");
    let [Effect::Dial { attempt, .. }] = effects[..] else { panic!("{effects:?}") };
    let effects = world.tell(dialled(attempt));
    assert!(effects.contains(&Effect::Browse(false)));
    assert!(world.press("f4").contains(&Effect::Browse(true)));
    assert_eq!(
        crate::app::picker::discovered::listed(&world.state).count(),
        0,
        "what was found then may have gone"
    );
}

#[test]
fn what_is_clicked_on_is_chosen() {
    let mut world = World::new(80, 24).with_servers();
    world.tell(Msg::Found(vec![find("garage-pi", "192.168.1.12", None)]));
    let mut click = |column, row| {
        world.click(column, row);
        let name = crate::app::picker::name(&world.state, world.state.picker.at).to_owned();
        (name, crate::app::picker::routes::chosen_via(&world.state))
    };
    assert_eq!(click(5, 5), ("clock".to_owned(), Some(Via::Auto)));
    assert_eq!(click(40, 9), ("clock".to_owned(), Some(Via::Lan)));
    assert_eq!(click(40, 13), ("clock".to_owned(), Some(Via::Lan)), "no way stands there");
    assert_eq!(click(5, 9), ("clock".to_owned(), Some(Via::Lan)), "a heading is no server");
    assert_eq!(click(5, 10), ("garage-pi".to_owned(), None));
}

#[test]
fn auto_is_as_good_as_the_better_of_the_two() {
    let mut world = World::new(80, 24).with_servers();
    world.wait(0);
    world.reach(Via::Lan, refused(true));
    assert_eq!(words(&world, Via::Auto), "asking …");
    world.reach(Via::Internet, ProbeResult::Up(41));
    assert_eq!(words(&world, Via::Auto), "internet answers in 41 ms");
    world.press("t");
    let silent =
        ProbeResult::Down { words: "no answer", sentence: "silence".into(), lasting: false };
    world.reach(Via::Lan, silent);
    world.reach(Via::Internet, refused(true));
    let way = crate::app::picker::routes::way(&world.state, Via::Auto);
    assert_eq!(
        (way.words.as_str(), way.sign),
        ("another key", crate::app::picker::routes::RouteSign::Wrong)
    );
    assert_eq!(way.advice.as_deref(), Some("another machine"));
}

#[test]
fn an_edit_asks_the_server_at_its_new_address() {
    let mut world = World::new(80, 24).with_servers();
    world.wait(0);
    world.reach(Via::Lan, ProbeResult::Up(1));
    let mut servers = world.state.servers.clone();
    servers[0].lan = Some("192.168.1.99".into());
    world.tell(Msg::Servers(servers));
    assert_eq!(words(&world, Via::Lan), "asking …");
    assert_eq!(asked(&world.wait(0)), Some((Some("sprinkler"), BOTH)));
}

#[test]
fn a_find_is_listed_until_it_is_saved_and_says_how_to_pair() {
    let mut world = World::new(80, 24).with_servers();
    world.tell(Msg::Found(vec![
        find("garage-pi", "192.168.1.12", Some(pin(2))),
        find("sprinkler", "192.168.1.10", Some(pin(1))),
        find("clock", "192.168.1.11", Some(pin(3))),
    ]));
    let listed: Vec<&str> = crate::app::picker::discovered::listed(&world.state)
        .map(|find| find.name.as_str())
        .collect();
    assert_eq!(listed, ["garage-pi"], "one is saved by its pin, one by its address");
    world.press("down down down down");
    assert!(world.press("enter").is_empty());
    let text = world.remark();
    assert!(
        text.contains("run `topsided invite --name NAME --role ROLE` on the box")
            && text.contains("press i"),
        "{text}"
    );
    world.press("e");
    assert!(world.remark().contains("press a to save it"));

    // A find before it comes and goes: what is chosen stays chosen.
    let garage = || find("garage-pi", "192.168.1.12", Some(pin(2)));
    world.tell(Msg::Found(vec![find("attic", "192.168.1.9", None), garage()]));
    assert_eq!(crate::app::picker::name(&world.state, world.state.picker.at), "garage-pi");
    world.tell(Msg::Found(vec![garage()]));
    assert_eq!(crate::app::picker::name(&world.state, world.state.picker.at), "garage-pi");

    world.press("a");
    let effects = world.press("ctrl-s");
    let [Effect::Edit(ProfileEdit::Add(profile))] = &effects[..] else { panic!("{effects:?}") };
    assert_eq!(profile.name, "garage-pi");
    assert_eq!((profile.lan.as_deref(), profile.port), (Some("192.168.1.12"), DEFAULT_PORT));
    assert_eq!(profile.pin, None, "a pin comes from an invite");
    let mut servers = world.state.servers.clone();
    servers.push(profile.clone());
    world.tell(Msg::Servers(servers));
    assert_eq!(crate::app::picker::discovered::listed(&world.state).count(), 0);
    assert_eq!(crate::app::picker::name(&world.state, world.state.picker.at), "garage-pi");
}

#[test]
fn a_chosen_find_that_goes_leaves_the_choice_with_its_neighbour() {
    let mut world = World::new(80, 24);
    world.tell(Msg::Found(vec![find("garage-pi", "192.168.1.12", None)]));
    world.press("down");
    assert!(crate::app::picker::chosen_find(&world.state).is_some());
    world.tell(Msg::Found(vec![]));
    assert_eq!(crate::app::picker::name(&world.state, world.state.picker.at), "this machine");
    assert!(matches!(world.press("enter")[..], [Effect::Dial { .. }]));
}

/// The pin decides who it is; the address is what may have changed.
#[test]
fn a_saved_server_found_elsewhere_is_a_hint_at_its_way() {
    let mut world = World::new(80, 24).with_servers();
    world.tell(Msg::Found(vec![find("anything", "192.168.1.77", Some(pin(1)))]));
    world.wait(0);
    world.reach(Via::Lan, ProbeResult::Up(1));
    assert_eq!(words(&world, Via::Lan), "answers in 1 ms", "nothing is wrong there");
    let silent =
        ProbeResult::Down { words: "no answer", sentence: "silence".into(), lasting: false };
    world.reach(Via::Lan, silent);
    let way = crate::app::picker::routes::way(&world.state, Via::Lan);
    assert_eq!(way.words, "no answer · found at 192.168.1.77:8677");
    assert!(way.advice.unwrap().contains("press e"));
    world.reach(Via::Internet, refused(false));
    assert!(
        crate::app::picker::routes::way(&world.state, Via::Auto)
            .advice
            .unwrap()
            .contains("192.168.1.77")
    );
    world.reach(Via::Internet, ProbeResult::Up(41));
    assert_eq!(
        crate::app::picker::routes::way(&world.state, Via::Auto).advice,
        None,
        "it is reached all the same"
    );
    assert_eq!(crate::app::picker::discovered::listed(&world.state).count(), 0);
}

#[test]
fn a_saved_hub_is_one_more_route_to_each_saved_server_and_none_to_this_machine() {
    let mut world = World::new(80, 24).with_servers();
    assert!(!crate::app::picker::routes::of(&world.state).contains(&Via::Hub));
    world.tell(Msg::Hubs(vec!["garden".into()]));
    let effects = world.press("t");
    let all = [Via::Lan, Via::Internet, Via::Hub];
    assert_eq!(asked(&effects), Some((Some("sprinkler"), &all[..])));
    let way = |world: &World, via| crate::app::picker::routes::way(&world.state, via);
    assert_eq!(way(&world, Via::Auto).address, "LAN first, then internet, then hub");
    assert_eq!(way(&world, Via::Hub).address, "garden");
    world.reach(
        Via::Lan,
        ProbeResult::Down { words: "no answer", sentence: String::new(), lasting: false },
    );
    world.reach(Via::Internet, refused(false));
    world.reach(Via::Hub, ProbeResult::Up(7));
    assert_eq!(words(&world, Via::Auto), "hub answers in 7 ms");
    world.press("end");
    assert!(!crate::app::picker::routes::of(&world.state).contains(&Via::Hub));
}
