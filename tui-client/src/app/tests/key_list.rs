//! The list of keys: read, filtered, and a key of it taken away.

use topside_shared::methods::{KeyRow, Keys};
use topside_shared::notifications::ClientsChanged;

use super::admin_actions::{act, admin};
use super::*;
use crate::connect::DisconnectReason;

/// A key as the server lists it.
pub(crate) fn key(byte: u8, name: &str, role: &str, state: &str) -> KeyRow {
    let made = format!("2026-02-{byte:02}T10:00:00.000Z");
    serde_json::from_value(json!({
        "keyId": pin(byte), "name": name, "role": role, "createdAt": made, "state": state,
    }))
    .unwrap()
}

/// Five keys, of which three may come in.
pub(crate) fn keys() -> Keys {
    let mut phone = key(4, "phone", "operator", "active");
    phone.last_seen = Some(Time::from_millis(START - 60_000));
    let mut cron = key(5, "cron", "viewer", "active");
    cron.commands = Some(vec!["zones".into(), "temp".into()]);
    cron.expires_at = Some(Time::from_millis(START + 90 * 86_400_000));
    let mut tablet = key(9, "tablet", "viewer", "invited");
    tablet.expires_at = Some(Time::from_millis(START + 600_000));
    let (used, gone) =
        (key(2, "phone", "operator", "used"), key(3, "old laptop", "admin", "revoked"));
    Keys { keys: vec![used, gone, phone, cron, tablet] }
}

/// The list, opened by an admin.
pub(crate) fn opened(width: u16, height: u16) -> World {
    let mut world = admin(width, height);
    let effects = act(&mut world, "keys: list and revoke");
    assert_eq!(effects, [asked(&world)]);
    world.answer::<KeysList>(Ok(keys()));
    world
}

fn asked(world: &World) -> Effect {
    ask(world.session(), &KeysList {})
}

fn names(world: &World) -> Vec<String> {
    let view = world.state.top_view::<AcceptedKeys>().unwrap();
    let names = view.shown().into_iter().map(|row| format!("{} {}", row.name, row.state.name()));
    names.collect()
}

#[test]
fn valid_keys_are_listed_first_and_filtered_by_any_word() {
    let mut world = opened(100, 24);
    let all = ["tablet invited", "cron active", "phone active", "old laptop revoked", "phone used"];
    assert_eq!(names(&world), all[..4]);
    let hidden = "1 used or expired invite hidden · Tab shows";
    assert!(world.screen().contains(hidden), "{}", world.screen());
    world.press("tab");
    assert_eq!(names(&world), all);
    assert!(world.screen().contains("1 used or expired invite · Tab hides"), "{}", world.screen());
    world.click_on("Tab hides");
    assert_eq!(names(&world), all[..4]);
    world.press("/");
    for (words, left) in [
        ("operator active", "phone active"),
        ("temp", "cron active"),
        ("0303", "old laptop revoked"),
    ] {
        world.write(words);
        assert_eq!(names(&world), [left], "{words}");
        world.press("ctrl-u");
    }
    world.write("absent");
    assert!(world.screen().contains("Nothing matches the filter: Esc clears it."));
}

#[test]
fn the_selected_key_is_shown_in_full() {
    let mut world = opened(100, 24);
    world.press("down enter");
    let shown = world.screen();
    let key = pin(5).to_string();
    for part in ["may run zones, temp only", "never used", "2026-05-30 09:14:00", &key[..40]] {
        assert!(shown.contains(part), "{part}: {shown}");
    }
    world.press("esc down");
    assert!(world.screen().contains("✓ active   24 d ago    1 min ago"), "{}", world.screen());
    world.press("enter");
    let shown = world.screen();
    assert!(shown.contains("connected as #4"), "{shown}");
    assert!(shown.contains("2026-03-01 09:13:00, 1 min ago"), "{shown}");
}

#[test]
fn a_key_is_revoked_after_a_question_with_cancel_focused_and_the_list_is_read_again() {
    let mut world = opened(100, 24);
    world.write("/phone active");
    world.press("ctrl-x");
    let shown = world.screen();
    assert!(shown.contains("Revoke the key of phone?") && shown.contains("▐▸Cancel◂▌"), "{shown}");
    for part in ["operator · pin 0404 0404 0404 0404", "Its sessions end", "#4"] {
        assert!(shown.contains(part), "{part}: {shown}");
    }
    assert!(!shown.contains("that you are connected by"), "{shown}");
    assert!(world.press("enter").is_empty(), "Cancel has the focus");
    world.press("ctrl-x");
    let effects = world.press("tab enter");
    let (session, key) = (world.session(), pin(4));
    assert_eq!(effects, [ask(session, &KeyRevoke { key_id: key })]);
    let effects = world.answer::<KeyRevoke>(Ok(Empty {}));
    assert_eq!(effects, [asked(&world)]);
    assert_eq!(world.remark(), "Revoked phone (0404 0404 0404 0404); its sessions have ended.");
}

#[test]
fn the_key_that_was_asked_about_is_the_one_that_goes() {
    let mut world = opened(100, 24);
    world.press("down down f5 ctrl-x");
    // Meanwhile another key is called so.
    let rows = vec![key(4, "phone", "operator", "active"), key(8, "phone", "admin", "active")];
    world.answer::<KeysList>(Ok(Keys { keys: rows }));
    let effects = world.press("tab enter");
    let session = world.session();
    assert_eq!(effects, [ask(session, &KeyRevoke { key_id: pin(4) })]);
    let refused = "the last admin key can be taken away on the box only";
    world.answer::<KeyRevoke>(Err(refusal(refused)));
    assert_eq!(world.remark(), refused);
}

#[test]
fn revoking_the_key_of_this_connection_warns() {
    let mut world = opened(100, 24);
    world.console().reached = Some(by(Via::Lan, "192.168.1.10:8677"));
    world.press("down down enter");
    assert!(world.screen().contains("you are connected by it"), "{}", world.screen());
    world.press("ctrl-x");
    let shown = world.screen();
    assert!(shown.contains("This is the key that you are connected by"), "{shown}");
}

#[test]
fn an_ended_key_is_not_revoked_again_and_nothing_is_revoked_without_a_session() {
    let mut world = opened(100, 24);
    world.write("/laptop");
    world.press("ctrl-x");
    assert_eq!(world.remark(), "old laptop is revoked already: it is not accepted any more.");
    world.press("ctrl-u ctrl-x");
    world.event(Event::Lost(DisconnectReason::Gone));
    assert!(world.state.views.is_empty(), "why it ended is seen");
}

#[test]
fn an_open_list_is_refreshed_when_clients_connect_or_leave() {
    let mut world = opened(100, 24);
    let joined = |id| {
        let rows = json!({"joined": [client(id, "tablet", "viewer", "192.168.1.30:1")], "left": [], "updated": []});
        Notification::ClientsChanged(serde_json::from_value(rows).unwrap())
    };
    assert_eq!(world.notice(joined(11)), [asked(&world)]);
    assert!(world.notice(joined(12)).is_empty(), "one question at a time");
    assert_eq!(world.answer::<KeysList>(Ok(keys())), [asked(&world)], "the list had missed #12");
    world.answer::<KeysList>(Ok(keys()));
    assert!(world.notice(Notification::ClientsChanged(ClientsChanged::default())).is_empty());
}

#[test]
fn who_is_no_admin_reads_why_there_is_no_list() {
    let mut world = World::connected(100, 24);
    world.state.console_mut().unwrap().welcome.you.role = topside_shared::Role::Operator;
    act(&mut world, "keys: list and revoke");
    assert!(world.remark().ends_with("your role, operator, may not do this"), "{}", world.remark());
}

#[test]
fn an_empty_list_shows_how_to_invite() {
    let mut world = opened(100, 24);
    world.answer::<KeysList>(Ok(Keys::default()));
    let words =
        "No client may connect over TCP: Ctrl-P `Invite a device, or make a token` changes that.";
    assert!(world.screen().contains(words), "{}", world.screen());
}

/// The reason was written over the first row, of which the rest stayed.
#[test]
fn a_list_that_cannot_be_read_again_says_why_in_a_row_of_its_own() {
    let mut world = opened(100, 24);
    world.answer::<KeysList>(Err(refusal("no")));
    let shown = world.screen();
    assert!(shown.lines().any(|line| line.split('│').any(|part| part.trim() == "no")), "{shown}");
}

#[test]
fn a_name_cannot_steer_the_terminal() {
    let mut world = opened(100, 24);
    let row = key(7, "a\u{1b}[2Jb\u{202e}", "viewer", "active");
    world.answer::<KeysList>(Ok(Keys { keys: vec![row] }));
    assert_eq!(names(&world), ["a[2Jb active"]);
}

#[test]
fn a_name_too_long_for_its_row_is_complete_in_the_details() {
    let mut world = opened(80, 24);
    let name = "the tablet in the kitchen, beside the door";
    let rows = vec![key(7, name, "viewer", "active"), key(6, "phone", "viewer", "active")];
    world.answer::<KeysList>(Ok(Keys { keys: rows }));
    world.press("up enter");
    assert!(world.screen().contains(name), "{}", world.screen());
}
