//! Choosing, dialling, and the list of who is there.

use topside_shared::SubscriptionId;

use super::*;
use crate::connect::{DisconnectReason, KeyRefused};

#[test]
fn enter_on_a_fresh_start_begins_a_server_here() {
    let mut world = World::new(80, 24);
    let effects = world.press("enter");
    assert!(matches!(
        &effects[..],
        [Effect::Dial { start: true, target: Target { server: None, via: Via::Same }, .. }]
    ));
}

#[test]
fn a_server_that_runs_is_joined_and_none_is_started() {
    let mut world = World::new(80, 24);
    world.tell(Msg::Probed(LocalServer::Running(1)));
    assert!(matches!(&world.press("enter")[..], [Effect::Dial { start: false, .. }]));
}

/// The first frame was the picker, and the console waited for the time between two frames.
#[test]
fn the_first_frame_waits_for_the_menu_of_a_server_that_was_dialled() {
    let mut world = World::new(80, 24);
    assert!(!world.state.awaits_menu());
    let effects = world.press("enter");
    let [Effect::Dial { attempt, .. }] = effects[..] else { panic!("{effects:?}") };
    assert!(world.state.awaits_menu());
    world.tell(dialled(attempt));
    assert!(world.state.awaits_menu());
    world.answer::<CommandsList>(Ok(menu()));
    assert!(!world.state.awaits_menu());
    // Without a server there is nothing to wait for.
    let mut world = World::new(80, 24);
    world.press("enter");
    world.press("esc");
    assert!(!world.state.awaits_menu());
}

#[test]
fn esc_gives_a_dial_up_and_its_late_success_is_hung_up() {
    let mut world = World::new(80, 24);
    world.press("enter");
    let effects = world.press("esc");
    let [Effect::CancelDial { attempt }] = effects[..] else { panic!("{effects:?}") };
    let late = dialled(attempt);
    assert_eq!(world.tell(late), [Effect::HangUp { session: attempt }]);
    assert!(matches!(world.state.screen, Screen::Picker));
}

#[test]
fn a_dial_that_fails_leaves_the_picker_with_the_sentence() {
    let mut world = World::new(80, 24);
    let effects = world.press("enter");
    let [Effect::Dial { attempt, .. }] = effects[..] else { panic!("{effects:?}") };
    let failed = DialFailed::Other("the directory /x cannot be trusted".into());
    world.tell(Msg::DialFailed { attempt, failed });
    assert!(matches!(world.state.link, ConnectionState::Idle));
    let remark = world.state.remark.as_ref().unwrap();
    assert_eq!(remark.text, "the directory /x cannot be trusted");
}

#[test]
fn ways_without_an_address_or_without_pairing_say_what_they_lack() {
    let mut world = World::new(80, 24).with_servers();
    world.press("down");
    assert!(world.press("enter").is_empty());
    let text = world.remark();
    assert!(text.contains("clock is not paired") && text.contains("press i"), "{text}");
    world.press("down right down down");
    assert!(world.press("enter").is_empty());
    let text = world.remark();
    assert!(text.contains("lab-psu has no LAN address yet"), "{text}");
}

#[test]
fn a_paired_server_is_dialled_by_the_chosen_way_even_where_it_did_not_answer() {
    let mut world = World::new(80, 24).with_servers();
    let dialled = |effects: Vec<Effect>| match &effects[..] {
        [Effect::Dial { target, start: false, .. }] => target.clone(),
        other => panic!("{other:?}"),
    };
    let of = |via| Target { server: Some("sprinkler".into()), via };
    assert_eq!(dialled(world.press("enter")), of(Via::Auto), "auto is first");
    world.press("esc");
    world.wait(1_000);
    let silent =
        ProbeResult::Down { words: "no answer", sentence: "silence".into(), lasting: false };
    world.reach(Via::Lan, silent);
    world.press("right down down");
    assert_eq!(dialled(world.press("enter")), of(Via::Lan));
}

/// What is shown is the way that is really used, and a reconnect goes by what was asked for.
#[test]
fn the_title_shows_the_connection_type_and_a_reconnect_keeps_the_route() {
    let mut world = World::new(120, 30).with_servers();
    let effects = world.press("enter");
    let [Effect::Dial { attempt, .. }] = effects[..] else { panic!("{effects:?}") };
    let reached = by(Via::Lan, "192.168.1.10:8677");
    let welcome = || Box::new(welcome());
    world.tell(Msg::Dialled { attempt, welcome: welcome(), reached, embedded_server: false });
    assert_eq!(world.state.console().unwrap().way(&world.state), "LAN 192.168.1.10:8677");
    world.write("zone-run 4");
    world.event(Event::Lost(DisconnectReason::Gone));
    let effects = world.wait(1_000);
    let [Effect::Dial { attempt, target: Target { via: Via::Auto, .. }, .. }] = effects[..] else {
        panic!("{effects:?}")
    };
    let reached = by(Via::Internet, "203.0.113.7:8677");
    let effects =
        world.tell(Msg::Dialled { attempt, welcome: welcome(), reached, embedded_server: false });
    assert!(!effects.iter().any(is_command));
    assert_eq!(world.state.console().unwrap().way(&world.state), "internet 203.0.113.7:8677");
    assert_eq!(world.input(), "zone-run 4", "what was typed is kept, and not sent");
}

#[test]
fn a_lasting_error_is_not_retried() {
    let mut world = World::connected(80, 24);
    world.event(Event::Lost(DisconnectReason::Gone));
    let effects = world.wait(1_000);
    let [Effect::Dial { attempt, .. }] = effects[..] else { panic!("{effects:?}") };
    let why = "this server does not know this device: ask for an invite";
    world.tell(Msg::DialFailed { attempt, failed: DialFailed::Hopeless(why.into()) });
    let ConnectionState::Lost(lost) = &world.state.link else { panic!() };
    assert!(lost.retry.is_none());
    assert!(world.wait(60_000).is_empty());
    let banner = world.state.console().unwrap().bar_text(&world.state).unwrap();
    assert!(banner.contains(why), "{banner}");

    let mut world = World::connected(80, 24);
    world.event(Event::Lost(DisconnectReason::KeyRefused(KeyRefused::Revoked)));
    let ConnectionState::Lost(lost) = &world.state.link else { panic!() };
    assert!(lost.retry.is_none());
}

/// Regression: the server in this program ended without a question while other clients were connected.
#[test]
fn leaving_the_picker_asks_where_a_server_would_end_with_it() {
    let mut world = World::new(80, 24);
    world.state.embedded_server = true;
    for key in ["q", "ctrl-c"] {
        assert!(world.press(key).is_empty());
        assert!(world.press(key).is_empty(), "the same key again is no yes");
        world.press("esc");
    }
    world.press("q");
    assert_eq!(world.press("y"), [Effect::Quit]);
}

/// An output that was just saved had still its own connection, and a second Ctrl-C was no yes.
#[test]
fn another_connection_of_this_program_does_not_count_as_a_client() {
    let mut world = World::connected(100, 24);
    world.state.embedded_server = true;
    let tell = |world: &mut World, changed| {
        world.notice(Notification::ClientsChanged(serde_json::from_value(changed).unwrap()));
    };
    let left = json!([{"clientId": 4, "reason": "gone"}, {"clientId": 9, "reason": "gone"}]);
    let own = client(12, "ann", "admin", "pid 4120");
    tell(&mut world, json!({"joined": [own], "left": left}));
    assert!(world.press("ctrl-c").is_empty());
    assert_eq!(world.press("ctrl-c"), [Effect::Quit]);

    tell(&mut world, json!({"joined": [client(13, "bob", "operator", "pid 4121")]}));
    world.press("ctrl-c");
    assert!(world.press("ctrl-c").is_empty(), "another client would lose the server");
}

/// Ctrl-Z stopped the server with the screen, and everybody hung.
#[test]
fn a_program_that_carries_a_server_is_not_stopped() {
    let mut world = World::connected(80, 24);
    assert_eq!(world.press("ctrl-z"), [Effect::Suspend]);
    world.state.embedded_server = true;
    assert!(world.press("ctrl-z").is_empty());
    assert!(world.state.remark.as_ref().unwrap().text.contains("would stop with it"));
}

/// The server of this machine was called by the name of a saved one, and asked for that name.
#[test]
fn this_machines_server_is_called_by_its_own_name() {
    let mut world = World::new(80, 24).with_servers();
    world.state.local_server = LocalServer::Running(2);
    world.press("down right down");
    let effects = world.press("enter");
    let Some(Effect::Dial { attempt, target, .. }) = effects.first() else { panic!("{effects:?}") };
    assert_eq!((target.server.as_deref(), target.via), (Some("clock"), Via::Same));
    let attempt = *attempt;
    world.tell(dialled(attempt));
    assert_eq!(world.console().name(), "sprinkler");
}

#[test]
fn a_connected_console_asks_for_menu_list_status_history_and_favourites() {
    let mut world = World::new(80, 24);
    let effects = world.press("enter");
    let [Effect::Dial { attempt, .. }] = effects[..] else { panic!("{effects:?}") };
    let welcome = Box::new(welcome());
    let effects =
        world.tell(Msg::Dialled { attempt, welcome, reached: locally(), embedded_server: true });
    assert_eq!(
        effects,
        [
            Effect::LoadHistory { server: "this machine".into() },
            Effect::LoadFavourites { server: "this machine".into() },
            Effect::Browse(false),
            ask(attempt, &CommandsList::default()),
            ask(attempt, &live_list()),
            ask(attempt, &ServerStatus { history: true }),
        ]
    );
}

#[test]
fn people_come_and_go_in_the_list_and_their_names_are_made_safe() {
    let mut world = World::connected(80, 24);
    let mut joined = client(12, "eve\u{1b}[31m\u{202e}", "viewer", "pid 9");
    joined["client"]["name"] = json!("x\u{7}");
    let changed = json!({
        "joined": [joined],
        "left": [{"clientId": 4, "reason": "gone"}],
        "updated": [client(9, "bob", "operator", "pid 4121")],
    });
    world.notice(Notification::ClientsChanged(serde_json::from_value(changed).unwrap()));
    let rows = world.console().client_rows();
    let shown: Vec<(u64, &str, &str)> =
        rows.iter().map(|r| (r.client_id.0, r.user.as_str(), r.role.name())).collect();
    assert_eq!(shown, [(7, "ann", "admin"), (9, "bob", "operator"), (12, "eve[31m", "viewer")]);
    assert_eq!(rows[0].client_id, ME);
}

#[test]
fn dropped_events_cause_a_new_subscription() {
    let mut world = World::connected(80, 24);
    let session = world.session();
    let dropped = |id: u64| {
        let dropped = json!({"subscriptionId": id, "count": 3});
        Notification::EventsDropped(serde_json::from_value(dropped).unwrap())
    };
    assert!(world.notice(dropped(55)).is_empty(), "not our subscription");
    let effects = world.notice(dropped(1));
    let end = EventsUnsubscribe { subscription_id: SubscriptionId(1) };
    let again = [ask(session, &end), ask(session, &live_list())];
    assert_eq!(effects, again);
    // A list that could not be begun anew is not shown as if it were live.
    world.answer::<EventsSubscribe>(Err(refusal("no more subscriptions")));
    assert!(world.console().client_rows().is_empty());
}

#[test]
fn saved_servers_are_edited_through_the_form_and_the_file() {
    let mut world = World::new(80, 24).with_servers();
    world.press("down e");
    world.write("-2");
    let effects = world.press("ctrl-s");
    let [Effect::Edit(ProfileEdit::Replace(name, profile))] = &effects[..] else {
        panic!("{effects:?}")
    };
    assert_eq!((name.as_str(), profile.name.as_str()), ("clock", "clock-2"));
    assert_eq!(world.state.views.len(), 1, "the form stays until the file is written");
    world.tell(Msg::ServersFailed("the disk is full".into()));
    assert_eq!(world.state.views.len(), 1);
    world.tell(Msg::ServersSaved("clock-2 is saved.".into()));
    assert!(world.state.views.is_empty());
}

#[test]
fn deleting_asks_with_cancel_focused() {
    let mut world = World::new(80, 24).with_servers();
    world.press("d");
    assert!(world.press("enter").is_empty());
    world.press("d");
    let effects = world.press("tab enter");
    assert_eq!(effects, [Effect::Edit(ProfileEdit::Remove("sprinkler".into()))]);
}

#[test]
fn this_machine_can_be_neither_edited_nor_deleted_and_says_why() {
    let mut world = World::new(80, 24);
    for key in ["e", "d", "c"] {
        assert!(world.press(key).is_empty());
        assert!(world.state.views.is_empty());
        assert!(world.state.remark.as_ref().unwrap().text.contains("not a saved server"));
    }
}
