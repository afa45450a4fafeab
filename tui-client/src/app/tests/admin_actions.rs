//! Sending clients away, telling everybody something, and the end of the server with all its steps.

use topside_shared::Role;
use topside_shared::methods::{self, ClientKick};
use topside_shared::notifications::{Broadcast, ClientsChanged, EndCode, SessionEnded, Urgency};

use super::*;
use crate::connect::DisconnectReason;
use crate::views::client_details::ClientDetails;

/// The console of an admin, with all commands that a server offers to that role.
pub(crate) fn admin(width: u16, height: u16) -> World {
    let mut world = World::connected(width, height);
    world.answer::<CommandsList>(Ok(admins_menu()));
    world
}

fn admins_menu() -> Menu {
    let built_in = |name: &str, title: &str, args: Value| {
        json!({
            "name": name, "title": title, "category": "Server", "aliases": [],
            "effect": "write", "role": "admin", "stdin": "none", "output": "text", "args": args,
        })
    };
    let log = built_in("log", "Read the log", json!([]));
    let mut menu = serde_json::to_value(menu()).unwrap();
    menu["commands"].as_array_mut().unwrap().push(log);
    serde_json::from_value(menu).unwrap()
}

/// What was sent last.
fn sent(effects: &[Effect]) -> (String, Value, bool) {
    let CommandRun { command, args, confirm, .. } = command_of(effects);
    (command, Value::Object(args), confirm)
}

/// Chooses an action by its title in the palette.
pub(crate) fn act(world: &mut World, title: &str) -> Vec<Effect> {
    world.press("ctrl-p");
    world.write(title);
    world.press("enter")
}

fn left(id: u64, reason: &str) -> Notification {
    let left = json!({"joined": [], "updated": [], "left": [{"clientId": id, "reason": reason}]});
    Notification::ClientsChanged(serde_json::from_value(left).unwrap())
}

fn due(in_ms: u64, by: &str) -> Notification {
    let Notification::Closing(mut told) = closing(Phase::Scheduled, in_ms, "new disk") else {
        panic!()
    };
    told.by = by.into();
    told.deadline = Time::from_millis(START).plus_millis(in_ms);
    Notification::Closing(told)
}

fn banner(world: &World) -> String {
    world.state.console().unwrap().bar_text(&world.state).unwrap_or_default()
}

fn past(world: &World) -> Vec<String> {
    world.state.console().unwrap().notices.newest().map(|past| past.text.clone()).collect()
}

#[test]
fn disconnecting_asks_for_a_reason_and_enter_in_the_field_goes_to_the_button() {
    let mut world = admin(80, 24);
    act(&mut world, "disconnect a client");
    // Another client is chosen, never the own one.
    world.press("ctrl-x");
    let shown = world.screen();
    assert!(
        shown.contains("Disconnect phone (#4)?") && shown.contains("▐ Disconnect ▌"),
        "{shown}"
    );
    assert!(shown.contains("internet · 203.0.113.9:40112 · operator"), "{shown}");
    world.write("to bed");
    assert!(world.press("enter").is_empty(), "the button gets the focus, and nothing is sent");
    assert!(world.screen().contains("to bed") && world.screen().contains("▐▸Disconnect◂▌"));
    let effects = world.press("enter");
    let kick = ClientKick { client_id: ClientId(4), reason: Some("to bed".into()) };
    assert_eq!(effects, [ask(world.session(), &kick)]);
    world.answer::<ClientKick>(Ok(Empty {}));
    assert_eq!(world.remark(), "#4 was disconnected");
}

#[test]
fn disconnecting_applies_to_the_client_of_the_question_only() {
    let mut world = admin(80, 24);
    world.press("f2 down ctrl-x");
    world.notice(left(4, "closed"));
    assert!(world.press("enter enter").is_empty());
    assert_eq!(world.remark(), "#4 has left by itself: no client was disconnected.");

    // A server that is started anew gives the same numbers to others.
    let mut world = admin(80, 24);
    world.press("f2 down enter ctrl-x");
    world.event(Event::Lost(DisconnectReason::Gone));
    let asks = |world: &World| {
        world.state.has_view::<Confirm>() || world.state.has_view::<ClientDetails>()
    };
    assert!(!asks(&world), "{:?}", world.state.views);
}

#[test]
fn the_own_client_and_forbidden_clients_cannot_be_disconnected() {
    let mut world = admin(80, 24);
    world.press("f2 ctrl-x");
    assert_eq!(world.remark(), "This is your own session: close ends it.");
    let mut world = World::connected(80, 24);
    world.state.console_mut().unwrap().welcome.you.role = Role::Operator;
    world.press("f2 down ctrl-x");
    assert_eq!(world.remark(), "your role, operator, may not do this");
    assert!(world.state.top_view::<ClientsView>().is_some());
}

#[test]
fn a_reason_has_500_characters() {
    for (length, goes) in [(500, true), (501, false)] {
        let mut world = admin(80, 24);
        world.press("f2 down ctrl-x");
        world.tell(Msg::Paste("ä".repeat(length)));
        let effects = world.press("enter enter");
        assert_eq!(!effects.is_empty(), goes, "{length}");
        assert_eq!(world.screen().contains("It has 501 characters of 500."), !goes);
    }
}

#[test]
fn a_client_in_full_is_asked_for_and_says_when_it_was_idle() {
    let mut world = admin(80, 24);
    let effects = world.press("f2 down enter");
    let id = ClientId(4);
    let session = world.session();
    assert_eq!(
        effects,
        [ask(session, &ClientsList { after: Some(ClientId(id.0 - 1)), limit: Some(1) })]
    );
    let mut row = client(4, "phone", "operator", "203.0.113.9:40112");
    row["idleMs"] = json!(185_000);
    (row["bytesIn"], row["bytesOut"]) = (json!(812), json!(1_572_864));
    let row = serde_json::from_value(row).unwrap();
    world.answer::<ClientsList>(Ok(Clients { clients: vec![row], next: None }));
    let shown = world.screen();
    for part in ["phone (#4)", "3 m 05 s at 09:14:00", "812 B in, 1.5 MiB out", "zone-run #3"] {
        assert!(shown.contains(part), "{part}: {shown}");
    }
    world.notice(left(4, "gone"));
    assert!(world.screen().contains("This client has left"));
    world.press("ctrl-x");
    assert_eq!(world.remark(), "#4 has left.");
    world.press("esc");
    assert!(world.state.top_view::<ClientsView>().is_some());
}

#[test]
fn a_broadcast_is_written_in_a_form_with_its_level() {
    let mut world = admin(80, 24);
    act(&mut world, "broadcast a message");
    world.write("five minutes");
    world.press("backtab space");
    let effects = world.press("down down enter");
    let broadcast = methods::Broadcast { message: "five minutes".into(), level: Urgency::Warning };
    assert_eq!(effects, [ask(world.session(), &broadcast)]);
    assert!(world.state.views.is_empty(), "the form is closed");
    world.answer::<methods::Broadcast>(Err(refusal("`message` is empty")));
    assert_eq!(world.remark(), "`message` is empty");
}

#[test]
fn a_form_for_a_broadcast_is_kept_and_is_no_line_to_type() {
    let mut world = admin(80, 24);
    act(&mut world, "broadcast a message");
    world.write("five minutes");
    assert!(world.screen().contains("▐ Send ▌"), "{}", world.screen());
    world.press("ctrl-o");
    assert!(world.state.top_view::<CommandForm>().is_some());
    world.press("esc");
    act(&mut world, "broadcast a message");
    assert!(world.screen().contains("five minutes"), "{}", world.screen());
}

#[test]
fn a_removed_admin_command_is_answered_with_the_verb_and_the_view() {
    let mut world = admin(200, 24);
    for (line, hint) in [
        ("kick 4", "type `:kick`, or use the clients view (F2)"),
        ("reload", "type `:reload`, or use the reload action (Ctrl-P"),
    ] {
        let effects = world.enter(line);
        let asks = |effect: &Effect| matches!(effect, Effect::Ask { .. });
        assert!(!effects.iter().any(asks), "the server is not asked: {line}");
        assert!(world.screen().contains(hint), "{}", world.screen());
    }
}

#[test]
fn each_change_of_a_shutdown_is_shown_with_its_user() {
    let mut world = admin(120, 24);
    world.notice(due(60_000, "ann (#7)"));
    assert_eq!(banner(&world), "sprinkler shuts down in 1:00 · new disk · ann (#7)");
    world.notice(due(300_000, "phone (#4)"));
    let later = "sprinkler shuts down in 5:00 · new disk · postponed by phone (#4)";
    assert_eq!(banner(&world), later);
    // A client that reconnects is notified again, and that is no step.
    world.notice(due(300_000, "phone (#4)"));
    assert_eq!(banner(&world), later);
    world.notice(due(120_000, "ann (#7)"));
    assert!(banner(&world).contains("in 2:00 · new disk · brought forward by ann (#7)"));
    world.notice(closing(Phase::Cancelled, 0, ""));
    let off = "sprinkler stays: its shutdown was cancelled by phone (#4)";
    assert_eq!(banner(&world), "");
    assert_eq!(world.remark(), off);
    assert_eq!(past(&world)[0], off);
    assert_eq!(past(&world)[2], later);
    assert_eq!(past(&world).len(), 5, "and the one that says connected: {:?}", past(&world));
}

#[test]
fn what_is_due_can_be_postponed_and_cancelled_and_not_ordered_twice() {
    let mut world = admin(100, 24);
    for none in ["postpone the shutdown", "cancel the shutdown"] {
        act(&mut world, none);
        assert!(world.remark().ends_with("none is due"), "{}", world.remark());
        world.press("esc");
    }
    world.notice(due(60_000, "phone (#4)"));
    act(&mut world, "shut the server down, or");
    assert!(world.remark().ends_with("one is due already: postpone it, or cancel it"));
    world.press("esc");

    act(&mut world, "postpone the shutdown");
    let shown = world.screen();
    assert!(shown.contains("❯ shutdown 6m new disk"), "{shown}");
    assert!(shown.contains("shutdown · Postpone the shutdown"), "{shown}");
    assert!(world.press("ctrl-s").is_empty());
    let shown = world.screen();
    assert!(shown.contains("Postpone the shutdown?"), "{shown}");
    assert!(shown.contains("in 6 m 00 s and not in 1:00"), "{shown}");
    let effects = world.press("tab enter");
    let args = json!({"delay": "6m", "reason": "new disk"});
    assert_eq!(sent(&effects), ("shutdown".into(), args, true));
    assert!(world.state.views.is_empty());

    let effects = act(&mut world, "cancel the shutdown");
    assert_eq!(effects, [ask(world.session(), &ServerShutdownCancel {})]);
}

#[test]
fn only_a_later_time_of_what_is_due_does_without_the_servers_name() {
    let name_is_wanted =
        |world: &World| world.state.top_view::<Confirm>().is_some_and(Confirm::wants_name);
    for (line, wanted) in [
        ("ks 30", true),
        ("ks 60", true),
        ("ks 61", false),
        // It was no restart.
        ("ks 600 --restart", true),
    ] {
        let mut world = admin(100, 24);
        world.notice(due(60_000, "phone (#4)"));
        // A question that wants the name asks for the runs that it names.
        assert_eq!(world.enter(line).len(), usize::from(wanted), "{line}");
        assert_eq!(name_is_wanted(&world), wanted, "{line}");
    }
    // What was due was cancelled while the question was up: this would be a new one.
    let mut world = admin(100, 24);
    world.notice(due(60_000, "phone (#4)"));
    world.enter("ks 600");
    world.notice(closing(Phase::Cancelled, 0, ""));
    assert_eq!(world.press("tab enter").len(), 1);
    assert!(name_is_wanted(&world));
}

/// `just now` was shown for a whole minute.
#[test]
fn the_age_of_a_notice_counts_seconds_in_its_first_minute_and_wakes_the_list() {
    let mut world = admin(80, 24);
    world.notice(left(9, "kicked"));
    world.press("alt-n");
    world.wait(12_400);
    assert!(
        world.screen().contains("12 s ago    · bob (#9) was disconnected"),
        "{}",
        world.screen()
    );
    assert_eq!(crate::views::changes_in(&world.state).map(|ms| ms <= 600), Some(true));
}

#[test]
fn notices_have_their_time_and_the_newest_is_first() {
    let mut world = admin(80, 24);
    world.now = 62_000;
    world.notice(Notification::Broadcast(Broadcast {
        message: "the valve is stuck".into(),
        level: Urgency::Warning,
        by: "phone (#4)".into(),
        time: Time::from_millis(START),
    }));
    world.notice(left(9, "kicked"));
    world.notice(left(4, "closed"));
    world.notice(Notification::ClientsChanged(ClientsChanged::default()));
    world.press("alt-n");
    let shown = world.screen();
    let lines = [
        "just now    · bob (#9) was disconnected",
        "just now    ▲ warning from phone (#4): the valve",
    ];
    let at = lines.map(|line| shown.find(line).unwrap_or_else(|| panic!("{line}: {shown}")));
    assert!(at[0] < at[1], "{shown}");
    assert!(shown.contains("1 min ago   · connected to sprinkler as ann, admin"), "{shown}");
    world.press("end enter");
    let details = world.screen();
    assert!(details.contains("2026-03-01 09:14:00, 1 min ago"), "{details}");
    world.press("esc esc");
    assert!(world.state.views.is_empty());
}

#[test]
fn who_is_sent_away_reads_why_and_by_whom_and_is_not_connected_again() {
    let mut world = admin(160, 24);
    world.press("f2");
    let (reason, by) = ("to bed".to_owned(), "phone (#4)".to_owned());
    world.notice(Notification::Ended(SessionEnded::new(EndCode::Kicked, reason, by)));
    world.event(Event::Lost(DisconnectReason::Gone));
    world.press("esc");
    let words = "you were disconnected by phone (#4): to bed";
    assert!(world.screen().contains(words), "{}", world.screen());
    assert!(past(&world)[0].ends_with(words));
    assert!(world.wait(600_000).is_empty(), "no reconnection after the end");
}

#[test]
fn only_the_top_view_is_drawn_with_its_breadcrumb() {
    let mut world = admin(100, 24);
    world.press("f2 down enter ctrl-x");
    let shown = world.screen();
    assert!(shown.contains("3 clients › phone (#4) › Disconnect phone (#4)?"), "{shown}");
    assert!(!shown.contains("Enter details"), "the views below are not drawn: {shown}");
    world.press("esc esc");
    assert!(world.screen().contains("─ 3 clients ─"), "{}", world.screen());
}

#[test]
fn the_buttons_of_a_question_are_clicked() {
    let mut world = admin(80, 24);
    world.press("f2 down ctrl-x");
    assert!(world.click_on("Cancel").is_empty());
    assert!(world.state.top_view::<ClientsView>().is_some(), "the question is closed");
    world.press("ctrl-x");
    let (x, y) = world.find("▐ Disconnect ▌");
    let kick = ClientKick { client_id: ClientId(4), reason: None };
    assert_eq!(world.click(x, y), [ask(world.session(), &kick)]);
    assert!(world.click(x, y).is_empty(), "a list is not a button");
}

/// The form had the time in UTC, which no user types.
#[test]
fn a_postponement_offers_the_expected_return_as_it_is_typed_here_and_sends_its_time() {
    let mut world = admin(100, 30);
    world.state.zone = TimeZone::fixed(jiff::tz::offset(2));
    let mut menu = serde_json::to_value(admins_menu()).unwrap();
    menu["commands"][3]["args"].as_array_mut().unwrap().push(json!({"name": "back"}));
    world.answer::<CommandsList>(Ok(serde_json::from_value(menu).unwrap()));
    let Notification::Closing(mut due) = closing(Phase::Scheduled, 58_000, "moving") else {
        panic!()
    };
    due.back = Some("2026-03-01T18:00:00.000Z".parse().unwrap());
    world.notice(Notification::Closing(due));
    world.press("f9");
    let shown = world.screen();
    assert!(shown.contains("20:00") && !shown.contains("18:00"), "{shown}");
    world.press("ctrl-s");
    let effects = world.press("y");
    assert_eq!(command_of(&effects).args["back"], "2026-03-01T18:00:00.000Z");
}
