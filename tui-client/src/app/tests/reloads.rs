//! The server has read its files anew.

use serde_json::json;
use topside_shared::methods::{ReloadChanges, ReloadResult};
use topside_shared::notifications::MenuChanged;

use super::admin_actions::{act, admin};
use super::*;
use crate::connect::CallError;

#[test]
fn a_changed_menu_is_fetched_described_and_used_for_completion() {
    let mut world = World::connected(80, 24);
    let session = world.session();
    let reloaded = |revision| Notification::Reloaded(MenuChanged { revision });
    let known = world.console().menu.revision;
    assert!(world.notice(reloaded(known)).is_empty(), "it is known already");
    let effects = world.notice(reloaded(known + 1));
    assert_eq!(effects, [ask(session, &CommandsList::default())]);
    let mut other = menu();
    other.revision = known + 1;
    let mut fan = other.commands.pop().unwrap();
    fan.name = "fan".into();
    other.commands.push(fan);
    world.answer::<CommandsList>(Ok(other));
    let shown = world.screen();
    assert_eq!(shown.matches("added: fan").count(), 1, "it is said once: {shown}");
    assert!(shown.contains("Menu changed"), "{shown}");
    world.write("fa");
    world.press("tab");
    assert_eq!(world.input().trim_end(), "fan");
}

#[test]
fn a_menu_that_changed_while_events_were_dropped_is_asked_for_too() {
    let mut world = World::connected(80, 24);
    let session = world.session();
    let known = world.console().menu.revision;
    let snapshot = |revision| {
        let snapshot = json!({"clients": [], "server": {"revision": revision}});
        let subscribed = json!({"subscriptionId": 2, "snapshot": snapshot});
        Ok(serde_json::from_value(subscribed).unwrap())
    };
    assert!(world.answer::<EventsSubscribe>(snapshot(known)).is_empty());
    let effects = world.answer::<EventsSubscribe>(snapshot(known + 1));
    assert_eq!(effects, [ask(session, &CommandsList::default())]);
}

/// What an admin sees while the server reads its files.
pub(crate) fn reloading(width: u16, height: u16) -> World {
    let mut world = admin(width, height);
    let effects = act(&mut world, "reload the server's files");
    let session = world.session();
    assert_eq!(effects, [ask(session, &ServerReload {})]);
    assert_eq!(world.remark(), "The server reads its files …");
    world
}

/// What an admin sees when something of each kind has changed.
pub(crate) fn reloaded(width: u16, height: u16) -> World {
    let mut world = reloading(width, height);
    world.answer::<ServerReload>(Ok(changed()));
    world
}

/// Something of each kind has changed.
pub(crate) fn changed() -> ReloadResult {
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    let changed = ReloadChanges {
        added: names(&["backup", "fan"]),
        changed: names(&["zone-run"]),
        removed: names(&["zone-stop"]),
        replaces_starter: false,
        workers: Vec::new(),
        settings: names(&["limits.max_runs"]),
        at_restart: names(&["listen.port"]),
    };
    ReloadResult { revision: 2, changed }
}

/// So many mistakes in the files.
pub(crate) fn mistaken(count: usize) -> CallError {
    let file = "/etc/topside/commands.toml";
    let message =
        |nth: usize| format!("`exce` is no key of a command: did you mean `exec`? ({nth})");
    let mistake = |nth: usize| json!({"file": file, "line": nth * 4 + 3, "column": 1, "message": message(nth)});
    let mistakes: Vec<_> = (0..count).map(mistake).collect();
    let why = format!("nothing was changed: {file}:3:1: {}", message(0));
    let error = RpcError::new(ErrorKind::InvalidParams, why);
    CallError::Refused(error.with("mistakes", mistakes))
}

#[test]
fn a_reload_shows_what_changed_and_what_needs_a_restart() {
    let mut world = reloaded(80, 24);
    let shown = world.screen();
    for part in [
        "✓ The files were read again. In force now:",
        "· added: backup, fan",
        "· changed: zone-run",
        "· removed: zone-stop",
        "· settings changed: limits.max_runs",
        "▲ for the next start: listen.port",
    ] {
        assert!(shown.contains(part), "{part}: {shown}");
    }
    world.press("esc");
    assert!(world.state.views.is_empty());
}

/// A window said this, which had to be closed.
#[test]
fn a_reload_with_a_result_of_one_sentence_shows_it_as_a_message() {
    let mut world = reloading(80, 24);
    world.answer::<ServerReload>(Ok(ReloadResult {
        revision: 1,
        changed: ReloadChanges::default(),
    }));
    assert!(world.state.views.is_empty());
    assert_eq!(world.remark(), "files read again: nothing has changed");
    let mut world = reloading(80, 24);
    let error = RpcError::new(ErrorKind::Busy, "no descriptor is free: try again");
    world.answer::<ServerReload>(Err(CallError::Refused(error)));
    assert!(world.state.views.is_empty());
    assert!(world.remark().contains("no descriptor is free"), "{}", world.remark());
}

#[test]
fn every_error_is_shown_with_its_line_and_a_long_list_scrolls() {
    let mut world = reloading(80, 24);
    world.answer::<ServerReload>(Err(mistaken(12)));
    let shown = world.screen();
    assert!(shown.contains("✗ Nothing was changed"), "{shown}");
    assert!(shown.contains("commands.toml:3:1") && shown.contains("did you mean `exec`? (0)"));
    assert!(shown.contains("1-18 of 25"), "{shown}");
    world.press("end");
    assert!(world.screen().contains("(11)"), "{}", world.screen());
    world.tell(Msg::Wheel { rows: -100, at: Position::new(10, 10) });
    assert_eq!(world.screen(), shown);
}

#[test]
fn an_error_without_a_line_is_shown_with_its_file() {
    let mut world = reloading(80, 24);
    let mistake = json!([{"file": "server.toml", "line": null, "message": "cannot be read"}]);
    let error = RpcError::new(ErrorKind::InvalidParams, "nothing was changed");
    world.answer::<ServerReload>(Err(CallError::Refused(error.with("mistakes", mistake))));
    let shown = world.screen();
    assert!(shown.contains("· server.toml ") && shown.contains("cannot be read"), "{shown}");
}

#[test]
fn the_result_of_a_reload_is_shown_on_another_view() {
    let mut world = reloading(120, 24);
    world.press("?");
    world.answer::<ServerReload>(Ok(changed()));
    assert!(world.remark().starts_with("files read again: added: backup, fan; changed"));
    let mut world = reloading(120, 24);
    world.press("?");
    world.answer::<ServerReload>(Err(mistaken(1)));
    assert!(world.remark().starts_with("nothing was changed: /etc/topside/commands.toml:3:1"));
}

#[test]
fn a_reload_without_the_admin_role_shows_why_not() {
    let mut world = World::connected(100, 24);
    world.state.console_mut().unwrap().welcome.you.role = topside_shared::Role::Operator;
    act(&mut world, "reload the server's files");
    assert!(world.remark().ends_with("your role, operator, may not do this"), "{}", world.remark());
}
