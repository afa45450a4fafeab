//! Invites: pasted, read, used.

use topside_shared::Role;
use topside_shared::invite::Invite;
use topside_shared::private_key::Seed;

use super::*;
use crate::app::msg::{InviteRedeemed, NotPaired};
use crate::connect::PastedInvite;
use crate::views::redeem_invite::PairingStep;

/// The secret of [`an_invite`].
const SEED: [u8; 32] = [0xa5; 32];

pub(crate) fn an_invite() -> Invite {
    Invite {
        server: pin(9),
        seed: Seed::from_bytes(SEED),
        lasting: false,
        expires_at: Time::from_millis(START),
        name: "greenhouse".into(),
        addresses: vec!["192.168.1.20".parse().unwrap(), "fd00::20".parse().unwrap()],
        router: Some("203.0.113.7".into()),
        port: DEFAULT_PORT,
        router_port: 18677,
    }
}

fn overlay(world: &World) -> &RedeemInvite {
    world.state.top_view::<RedeemInvite>().unwrap()
}

/// The number of the try that began.
fn attempt(effects: &[Effect]) -> u64 {
    match effects {
        [Effect::Pair { attempt, invite, replaces: None }] => {
            assert_eq!(*invite, PastedInvite::Server(Box::new(an_invite())));
            *attempt
        }
        other => panic!("{other:?}"),
    }
}

fn pasted() -> World {
    let mut world = World::new(80, 24).with_servers();
    world.press("i");
    world.tell(Msg::Paste(format!("  {}\n", an_invite())));
    world
}

#[test]
fn an_invite_pasted_into_the_overlay_is_used_and_its_server_chosen() {
    let mut world = pasted();
    let attempt = attempt(&world.press("enter"));
    assert_eq!(world.press("x"), [], "it is on its way");
    world.wait(2_300);
    assert_eq!(crate::views::changes_in(&world.state), Some(700), "its seconds are counted");
    let paired = InviteRedeemed {
        fleet: None,
        name: "greenhouse".into(),
        role: Role::Operator,
        already: false,
    };
    assert_eq!(world.tell(Msg::Paired { attempt, result: Ok(paired) }), [Effect::ReadServers]);
    assert!(world.state.views.is_empty());
    assert_eq!(world.remark(), "Paired with greenhouse as operator.");
    let mut servers = world.state.servers.clone();
    let pin = Some(an_invite().server.to_string());
    servers.insert(1, Profile { name: "greenhouse".into(), pin, ..servers[0].clone() });
    servers.push(Profile { name: "zoo".into(), ..servers[0].clone() });
    world.tell(Msg::Servers(servers));
    assert_eq!(crate::app::picker::chosen(&world.state).unwrap().name, "greenhouse");
    assert_eq!(world.remark(), "Paired with greenhouse as operator.");
}

#[test]
fn an_invite_pasted_over_the_picker_opens_the_overlay_and_other_text_does_not() {
    let mut world = World::new(80, 24);
    world.tell(Msg::Paste("echo hello".into()));
    assert!(world.state.views.is_empty());
    assert!(world.remark().contains("no invite"));
    world.tell(Msg::Paste(an_invite().to_capitals()));
    assert!(matches!(overlay(&world).read(), Some(Ok(_))));
    attempt(&world.press("enter"));
}

#[test]
fn an_invite_pasted_into_a_field_is_not_taken() {
    let mut world = World::new(80, 24);
    world.press("a");
    world.tell(Msg::Paste(an_invite().to_string()));
    assert!(world.remark().contains("close this first"));
    world.tell(Msg::Paste("sprinkler".into()));
    world.press("tab");
    world.tell(Msg::Paste("192.168.1.10".into()));
    let effects = world.press("ctrl-s");
    let [Effect::Edit(ProfileEdit::Add(profile))] = &effects[..] else { panic!("{effects:?}") };
    assert_eq!(profile.name, "sprinkler");
}

/// A line is kept in the history, and an invite is a key.
#[test]
fn an_invite_pasted_into_a_console_is_not_taken_as_a_line() {
    let mut world = World::connected(80, 24);
    world.tell(Msg::Paste(an_invite().to_string()));
    assert_eq!(world.input(), "");
    assert!(world.remark().contains("paste it in the picker"));
    world.tell(Msg::Paste("zones".into()));
    assert_eq!(world.input(), "zones");
}

#[test]
fn mistyped_newer_and_missing_invites_have_different_messages_and_disable_enter() {
    let mut world = World::new(80, 24);
    world.press("i");
    let good = an_invite().to_string();
    for (text, words) in [
        (&good[..good.len() - 1], "mistyped or cut off"),
        ("topside2:abc", "newer version"),
        ("hunter2", "begins with `topside1:`"),
    ] {
        world.press("ctrl-u");
        world.tell(Msg::Paste(text.into()));
        let error = overlay(&world).read().unwrap().unwrap_err().to_string();
        assert!(error.contains(words), "{error}");
        assert!(world.press("enter").is_empty());
    }
    // The last letter typed by hand makes it whole.
    world.press("ctrl-u");
    world.tell(Msg::Paste(good[..good.len() - 1].into()));
    world.write(&good[good.len() - 1..]);
    attempt(&world.press("enter"));
}

#[test]
fn a_second_paste_takes_the_place_of_the_first() {
    let mut world = World::new(80, 24);
    world.press("i");
    world.tell(Msg::Paste("topside1:abc".into()));
    world.tell(Msg::Paste(an_invite().to_string()));
    attempt(&world.press("enter"));
}

#[test]
fn a_failed_pairing_is_reported_and_the_invite_stays() {
    let mut world = pasted();
    let first = attempt(&world.press("enter"));
    let why = "nothing answers\u{1b}[2J".to_owned();
    let failed = NotPaired { why, lasting: false };
    let effects = world.tell(Msg::Paired { attempt: first, result: Err(failed) });
    assert_eq!(effects, [Effect::ReadServers], "it may have saved the server");
    let PairingStep::Failed(NotPaired { why: shown, .. }) = &overlay(&world).step else { panic!() };
    assert_eq!(shown, "nothing answers[2J");
    let second = attempt(&world.press("enter"));
    assert!(second > first, "Enter tries again");
    // What cannot change is not tried again.
    let failed = NotPaired { why: "this invite has expired".into(), lasting: true };
    world.tell(Msg::Paired { attempt: second, result: Err(failed) });
    assert_eq!(world.press("enter"), []);
    assert!(matches!(overlay(&world).step, PairingStep::Failed(_)));
}

#[test]
fn pairing_can_be_given_up_and_its_late_success_counts_all_the_same() {
    let mut world = pasted();
    let first = attempt(&world.press("enter"));
    assert_eq!(world.press("esc"), [Effect::CancelPair { attempt: first }]);
    assert_eq!(overlay(&world).step, PairingStep::Text);
    let given_up = Msg::Paired {
        attempt: first,
        result: Err(NotPaired { why: "given up".into(), lasting: false }),
    };
    assert_eq!(world.tell(given_up), [Effect::ReadServers]);
    assert_eq!(overlay(&world).step, PairingStep::Text, "no message is needed");
    let paired = InviteRedeemed {
        fleet: None,
        name: "greenhouse".into(),
        role: Role::Viewer,
        already: true,
    };
    world.tell(Msg::Paired { attempt: first, result: Ok(paired) });
    assert!(world.remark().contains("already, as viewer"));
    world.press("esc");
    assert!(world.state.views.is_empty());
}

/// A key on the screen can be photographed.
#[test]
fn the_secret_is_neither_drawn_nor_printed() {
    let mut world = pasted();
    let text = an_invite().to_string();
    let (head, all) = overlay(&world).shown();
    assert!(text.starts_with(&head) && head.len() < 20);
    assert_eq!(all, Some(text.len()));
    let debug = format!("{:?}", world.state);
    assert!(!debug.contains(&text[60..90]), "{debug}");
    let debug = format!("{:?}", world.press("enter"));
    assert!(!debug.contains(&text[60..90]) && !debug.contains("165, 165"), "{debug}");
}

/// A box that was set up again was saved a second time, and its old entry never answered again.
#[test]
fn a_box_that_was_set_up_again_replaces_its_entry_after_a_confirmation() {
    for (key, wanted) in [("r", Some("greenhouse")), ("y", Some("greenhouse")), ("k", None)] {
        let mut world = World::new(80, 24).with_servers();
        let mut servers = world.state.servers.clone();
        let pin = format!("sha256:{}", "9".repeat(64));
        servers[0] = Profile { name: "greenhouse".into(), pin: Some(pin), ..servers[0].clone() };
        world.tell(Msg::Servers(servers));
        world.press("i");
        world.tell(Msg::Paste(an_invite().to_string()));
        assert_eq!(world.press("enter"), [], "it is asked about first");
        assert_eq!(overlay(&world).step, PairingStep::Replace("greenhouse".into()));
        world.press("esc");
        assert_eq!(overlay(&world).step, PairingStep::Text);
        world.press("enter");
        assert_eq!(world.press("x"), []);
        let effects = world.press(key);
        let [Effect::Pair { replaces, .. }] = &effects[..] else { panic!("{effects:?}") };
        assert_eq!(replaces.as_deref(), wanted);
    }
}

#[cfg(feature = "hub")]
#[test]
fn the_invite_of_a_fleet_is_pasted_where_that_of_a_server_is() {
    use topside_shared::fleet::{Enrolment, JoinString};
    use topside_shared::hub::{HubAccess, HubRole};
    use topside_shared::time::Time;
    let access = |role| HubAccess {
        role,
        hub: pin(1),
        secret: Seed::from_bytes(SEED),
        fleet: "garden".parse().unwrap(),
        addresses: vec![("hub.example.org".to_owned(), 4222)],
        user: None,
    };
    let string = |role| JoinString {
        access: access(role),
        authority: pin(2),
        enrolment: Some(Enrolment {
            seed: Seed::from_bytes(SEED),
            until: Time::from_millis(1_770_000_000_000),
        }),
    };
    let mut world = World::new(80, 24).with_servers();
    world.tell(Msg::Paste(format!("topside pair {}", string(HubRole::Person))));
    let pasted = PastedInvite::Fleet(Box::new(string(HubRole::Person)));
    assert_eq!(overlay(&world).read(), Some(Ok(pasted.clone())));
    let effects = world.press("enter");
    let [Effect::Pair { attempt, invite, replaces: None }] = &effects[..] else { panic!() };
    assert_eq!(*invite, pasted);
    let joined = InviteRedeemed {
        fleet: Some("garden".into()),
        name: "bert".into(),
        role: Role::Operator,
        already: false,
    };
    world.tell(Msg::Paired { attempt: *attempt, result: Ok(joined) });
    assert!(world.state.views.is_empty());
    assert_eq!(world.remark(), "Joined the fleet garden as bert, operator.");

    world.tell(Msg::Paste(string(HubRole::Box).to_string()));
    let error = overlay(&world).read().unwrap().unwrap_err().to_string();
    assert_eq!(error, "this string is for `topsided join` on a box");
    assert!(world.press("enter").is_empty());
}
