//! The server has read its files anew.

use serde_json::json;
use topside_shared::notices::MenuChanged;

use super::*;

#[test]
fn another_menu_is_asked_for_told_in_words_and_completed_from() {
    let mut world = World::connected(80, 24);
    let session = world.session();
    let reloaded = |revision| Notice::Reloaded(MenuChanged { revision });
    let known = world.console().menu.revision;
    assert!(world.notice(reloaded(known)).is_empty(), "it is known already");
    let effects = world.notice(reloaded(known + 1));
    assert_eq!(effects, [Effect::Call { session, call: Call::Menu }]);
    let mut other = menu();
    other.revision = known + 1;
    let mut fan = other.commands.pop().unwrap();
    fan.name = "fan".into();
    other.commands.push(fan);
    world.event(Event::Menu(Ok(other)));
    assert_eq!(world.remark(), "the menu is another: added: fan; removed: zone-stop");
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
        Event::Subscribed(Ok(serde_json::from_value(subscribed).unwrap()))
    };
    assert!(world.event(snapshot(known)).is_empty());
    let effects = world.event(snapshot(known + 1));
    assert_eq!(effects, [Effect::Call { session, call: Call::Menu }]);
}
