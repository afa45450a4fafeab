//! Making an invite or a token, and the string while it is shown.

use topside_shared::invite::Invite;
use topside_shared::methods::{KeyInviteResult, KeyRow, Keys};
use topside_shared::notifications::KeysChanged;
use topside_shared::private_key::Seed;

use super::admin_actions::{act, admin};
use super::key_list::{self, key};
use super::*;
use crate::connect::DisconnectReason;
use crate::theme::Theme;
use crate::views::create_invite::InviteStep;

/// The form, opened by an admin.
pub(crate) fn form(width: u16, height: u16) -> World {
    let mut world = admin(width, height);
    assert!(act(&mut world, "invite a device, or make").is_empty());
    world
}

/// An invite as the box of the tests makes it.
pub(crate) fn invite(lasting: bool) -> Invite {
    Invite {
        server: pin(3),
        seed: Seed::from_bytes([4; 32]),
        lasting,
        expires_at: Time::from_millis(START + 600_000),
        name: "sprinkler".into(),
        addresses: vec!["192.168.1.10".parse().unwrap(), "fd00::1".parse().unwrap()],
        router: Some("203.0.113.7".into()),
        port: DEFAULT_PORT,
        router_port: DEFAULT_PORT,
    }
}

/// What the server answers.
pub(crate) fn handed(lasting: bool) -> KeyInviteResult {
    let (name, role, state) =
        if lasting { ("cron", "viewer", "active") } else { ("phone", "operator", "invited") };
    let mut key = key(9, name, role, state);
    key.expires_at = Some(invite(lasting).expires_at);
    key.commands = lasting.then(|| vec!["zones".into(), "temp".into()]);
    KeyInviteResult { invite: invite(lasting).to_string(), key }
}

/// The string, just made.
pub(crate) fn made(width: u16, height: u16, lasting: bool) -> World {
    let mut world = form(width, height);
    world.write("phone");
    world.press("tab o ctrl-s");
    world.answer::<KeyInvite>(Ok(handed(lasting)));
    world
}

/// What was asked for.
fn asked(effects: &[Effect]) -> KeyInvite {
    match effects {
        [Effect::Ask { ask, .. }] => serde_json::from_value(ask.params.clone()).unwrap(),
        _ => panic!("{effects:?}"),
    }
}

/// The text without frame and breaks.
fn joined(world: &World) -> String {
    world.screen().chars().filter(|c| !c.is_whitespace() && *c != '│').collect()
}

#[test]
fn an_invite_takes_a_name_and_a_role_and_the_rest_as_is_usual() {
    let mut world = form(80, 24);
    world.write("phone");
    assert!(world.press("ctrl-s").is_empty(), "a role is missing");
    let effects = world.press("o ctrl-s");
    let wanted = KeyInvite {
        name: "phone".into(),
        role: topside_shared::Role::Operator,
        ttl_ms: Some(600_000),
        commands: None,
        lasting: false,
        agent: false,
    };
    assert_eq!(asked(&effects), wanted);
    assert!(world.screen().contains("Creating it."), "{}", world.screen());
    assert!(world.press("enter").is_empty(), "once");
}

#[test]
fn a_token_wants_commands_and_is_good_for_longer() {
    let mut world = form(80, 24);
    world.write("cron");
    world.press("backtab t tab tab v");
    assert!(world.screen().contains("90d"), "{}", world.screen());
    assert!(world.press("ctrl-s").is_empty(), "it may not run everything");
    world.write("zones temp");
    world.press("tab");
    world.write("2d");
    let wanted = asked(&world.press("ctrl-s"));
    assert!(wanted.lasting);
    assert_eq!(wanted.commands, Some(vec!["zones".into(), "temp".into()]));
    assert_eq!(wanted.ttl_ms, Some(2 * 86_400_000));
}

#[test]
fn a_refusal_of_the_server_is_shown_in_the_form_which_stays_filled_in() {
    let mut world = form(80, 24);
    world.write("phone");
    world.press("tab o ctrl-s");
    let why = "there are 4 open invites already: revoke one, or wait";
    world.answer::<KeyInvite>(Err(refusal(why)));
    let shown = world.screen();
    assert!(shown.contains(&format!("✗ {why}")) && shown.contains("phone"), "{shown}");
    assert_eq!(asked(&world.press("ctrl-s")).name, "phone", "it can be tried again");
    world.event(Event::Lost(DisconnectReason::Gone));
}

#[test]
fn a_form_that_was_left_is_there_again_until_something_was_made_from_it() {
    let mut world = form(80, 24);
    world.write("phone");
    world.press("esc");
    act(&mut world, "invite a device, or make");
    assert!(world.screen().contains("phone"));
    world.press("tab o ctrl-s");
    // The requested invite comes even if the form was closed.
    world.press("esc");
    world.answer::<KeyInvite>(Ok(handed(false)));
    assert!(world.screen().contains("For phone as operator"));
    world.press("esc");
    act(&mut world, "invite a device, or make");
    let new = world.state.top_view::<InviteForm>().unwrap();
    assert!(new.form.args().is_empty() && new.step == InviteStep::Filling);
}

#[test]
fn the_string_is_whole_on_the_smallest_screen_and_copied_by_the_key_for_that() {
    let text = invite(false).to_string();
    for (width, height) in [(80, 24), (60, 15)] {
        let world = made(width, height, false);
        assert!(joined(&world).contains(&text), "{}", world.screen());
    }
    let mut world = made(40, 10, false);
    let mut seen = joined(&world);
    for _ in 0..20 {
        world.press("down");
        seen.push_str(&joined(&world));
    }
    let tail = &text[text.len() - 30..];
    assert!(seen.contains(&text[..30]) && seen.contains(tail), "{seen}");
    let effects = world.press("f6");
    assert_eq!(effects, [Effect::Copy { name: "invite".into(), text }]);
}

/// It is a key: what is kept would be one that lies about.
#[test]
fn the_string_is_nowhere_once_it_is_closed() {
    let text = invite(false).to_string();
    let piece = &text[60..90];
    let mut world = made(80, 24, false);
    assert!(!format!("{:?}", world.state).contains(piece), "not where the state is printed");
    // Nothing but Esc closes it: it is told once.
    let effects = world.press("x enter q space");
    assert!(effects.is_empty() && joined(&world).contains(piece));
    world.press("esc");
    assert!(world.state.views.is_empty());
    assert!(world.remark().contains("kept nowhere"), "{}", world.remark());
    for keys in ["up", "ctrl-y", "ctrl-r", "esc", "alt-n"] {
        world.press(keys);
        assert!(!joined(&world).contains(piece), "{keys}");
    }
    assert!(!format!("{:?}", world.state).contains(piece));
}

#[test]
fn a_token_says_for_which_commands_and_where_it_belongs() {
    let world = made(80, 24, true);
    let shown = world.screen();
    for part in
        ["A token", "For cron as viewer", "for zones, temp only", "only the script can read"]
    {
        assert!(shown.contains(part), "{part}: {shown}");
    }
}

#[test]
fn the_code_is_shown_alone_where_both_have_no_room_and_words_say_what_it_needs() {
    let mut world = made(80, 40, false);
    assert!(!world.screen().contains('▀') && world.screen().contains("Tab shows the QR code"));
    world.press("tab");
    assert!(world.screen().contains('▀') && world.screen().contains("Tab shows the words"));
    world.tell(Msg::Resize(Size { width: 80, height: 24 }));
    let shown = world.screen();
    assert!(shown.contains("this one has 80 × 24"), "{shown}");
    world.press("tab");
    assert_eq!(world.screen(), shown);
    world.state.ascii = true;
    world.tell(Msg::Resize(Size { width: 160, height: 50 }));
    assert!(world.screen().contains("Its QR code needs a terminal of"), "{}", world.screen());
}

#[test]
fn without_colours_light_and_dark_can_be_turned_round() {
    let mut world = made(160, 50, false);
    let coloured = world.screen();
    world.press("r");
    assert_eq!(world.screen(), coloured, "colours need no such thing");
    world.state.theme = Theme::MONOCHROME;
    let dark = world.screen();
    assert!(dark.contains("r turns light and dark round"), "{dark}");
    world.press("r");
    assert_ne!(world.screen(), dark);
    world.press("r");
    assert_eq!(world.screen(), dark);
}

#[test]
fn an_invite_counts_down_and_shows_when_it_has_expired() {
    let mut world = made(80, 24, false);
    assert!(world.screen().contains("good once, expires in 10:00"), "{}", world.screen());
    assert!(crate::views::changes_in(&world.state).is_some_and(|ms| ms <= 1_000));
    world.wait(1_000);
    assert!(world.screen().contains("expires in 9:59"), "{}", world.screen());
    world.wait(599_000);
    let shown = world.screen();
    assert!(shown.contains("For phone as operator: expired"), "{shown}");
    assert!(shown.contains("Its string is of no use any more."), "{shown}");
    assert!(!shown.contains("topside1:") && !shown.contains("F6 copies"), "{shown}");
    assert!(
        crate::views::changes_in(&world.state).is_some_and(|ms| ms > 0),
        "and wakes the screen no more"
    );
}

/// An invite is shown, and its changes are subscribed to.
fn followed() -> World {
    let mut world = made(160, 50, false);
    world.answer::<EventsSubscribe>(Ok(subscribed_to_keys()));
    world
}

fn subscribed_to_keys() -> SubscribeResult {
    serde_json::from_value(json!({"subscriptionId": 9, "snapshot": {}})).unwrap()
}

#[test]
fn an_invite_that_is_used_says_by_which_device_without_asking_again() {
    let mut world = followed();
    // It may have been used before the subscription: the key is read once.
    world.answer::<KeysList>(Ok(Keys { keys: vec![handed(false).key] }));
    assert!(world.wait(30_000).is_empty(), "no request, the server tells");
    assert!(world.screen().contains("expires in 9:30"), "{}", world.screen());
    let other = key(2, "sensor", "viewer", "active");
    let changed =
        |key: KeyRow, invite| Notification::KeysChanged(Box::new(KeysChanged { key, invite }));
    world.notice(changed(other, None));
    assert!(world.screen().contains("expires in 9:30"), "another key: {}", world.screen());
    let device = key(3, "tab\u{1b}let", "operator", "active");
    world.notice(changed(device, Some(handed(false).key.key_id)));
    let shown = world.screen();
    assert!(shown.contains("used by tablet") && shown.contains("lists its key"), "{shown}");
    // Its string and its code stayed on the screen.
    assert!(!shown.contains("topside1:") && !shown.contains('▀'), "{shown}");
    assert!(!shown.contains("F6 copies") && world.press("f6").is_empty(), "{shown}");
    assert!(crate::views::changes_in(&world.state).is_none_or(|ms| ms > 1_000), "nothing counts");
    let session = world.session();
    let effects = world.press("esc");
    let id = topside_shared::SubscriptionId(9);
    assert_eq!(effects, [ask(session, &EventsUnsubscribe { subscription_id: id })]);
}

#[test]
fn an_invite_that_is_closed_first_leaves_no_subscription() {
    let mut world = made(80, 24, false);
    world.press("esc");
    let session = world.session();
    let effects = world.answer::<EventsSubscribe>(Ok(subscribed_to_keys()));
    let id = topside_shared::SubscriptionId(9);
    assert_eq!(effects, [ask(session, &EventsUnsubscribe { subscription_id: id })]);
}

#[test]
fn an_older_server_without_the_topic_shows_the_countdown_alone() {
    let mut world = made(80, 24, false);
    world.answer::<EventsSubscribe>(Err(refusal("no topic keys")));
    assert!(world.wait(30_000).is_empty());
    assert!(world.screen().contains("expires in 9:30"), "{}", world.screen());
}

#[test]
fn a_list_of_keys_below_is_read_again() {
    let mut world = form(80, 24);
    world.write("phone");
    world.press("tab o ctrl-s esc");
    act(&mut world, "keys: list and revoke");
    world.answer::<KeysList>(Ok(key_list::keys()));
    world.answer::<KeyInvite>(Ok(handed(false)));
    let session = world.session();
    assert_eq!(world.press("esc"), [ask(session, &KeysList {})]);
}

#[test]
fn an_invite_without_the_admin_role_shows_why_not() {
    let mut world = World::connected(100, 24);
    world.state.console_mut().unwrap().welcome.you.role = topside_shared::Role::Operator;
    act(&mut world, "invite a device, or make");
    assert!(world.remark().ends_with("your role, operator, may not do this"), "{}", world.remark());
}
