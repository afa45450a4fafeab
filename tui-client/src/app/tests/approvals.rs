//! Runs that wait for approval: announced, listed, decided; and the block of a run that waits.

use topside_shared::RunId;
use topside_shared::methods::{ApprovalDecide, Approvals, ApprovalsList, Decision};
use topside_shared::records::{ApprovalRow, RunState};

use super::super::runs::Phase;
use super::commands::phase;
use super::*;

fn approval(value: Value) -> ApprovalRow {
    serde_json::from_value(value).unwrap()
}

/// Three runs: one of an agent, one of a user, and one of this user.
fn waiting() -> Approvals {
    let at = |ms: i64| Time::from_millis(START + ms);
    let rows = [
        json!({
            "runId": 41, "command": "wipe", "title": "Wipe the disk", "effect": "destructive",
            "line": "wipe sdb --passes 3", "confirm": "Wipe sdb? Nothing of it can be read afterwards.",
            "user": "bot", "agent": true, "clientId": 9, "since": at(-48_000), "mayDecide": true,
            "approval": {"role": "operator", "state": "waiting", "expiresAt": at(252_000), "inMs": 252_000},
        }),
        json!({
            "runId": 42, "command": "reboot", "title": "Reboot the box", "effect": "write", "line": "reboot",
            "user": "anna", "clientId": 4, "since": at(-3_000), "mayDecide": true, "reason": "new kernel",
            "approval": {"role": "admin", "state": "waiting", "expiresAt": at(297_000), "inMs": 297_000},
        }),
        json!({
            "runId": 43, "command": "valve", "title": "Open a valve", "effect": "write", "line": "valve 3",
            "user": "you", "clientId": 7, "since": at(0),
            "approval": {"role": "admin", "state": "waiting", "expiresAt": at(300_000), "inMs": 300_000},
        }),
    ];
    Approvals { approvals: rows.map(approval).into() }
}

/// The list, opened and answered.
pub(crate) fn opened(width: u16, height: u16) -> World {
    let mut world = admin_actions::admin(width, height);
    let effects = world.press("alt-a");
    assert_eq!(effects, [ask(world.session(), &ApprovalsList {})]);
    world.answer::<ApprovalsList>(Ok(waiting()));
    world
}

/// A run that waits for approval, as `run/changed` has it.
fn unapproved(run: u64, line: &str, client: u64) -> RunRow {
    let mut row = serde_json::to_value(running(run, line)).unwrap();
    row["state"] = json!("queued");
    row["clientId"] = json!(client);
    row["approval"] = json!({"role": "admin", "state": "waiting", "inMs": 300_000});
    serde_json::from_value(row).unwrap()
}

fn decided(mut row: RunRow, state: &str) -> RunRow {
    let value =
        json!({"role": "admin", "state": state, "by": "an\u{1b}na (#3)", "reason": "too early"});
    row.approval = Some(serde_json::from_value(value).unwrap());
    row
}

fn change(world: &mut World, row: RunRow) -> Vec<Effect> {
    world.notice(Notification::RunChanged(Box::new(row)))
}

#[test]
fn a_request_is_announced_with_the_key_that_opens_it_and_its_end_too() {
    let mut world = admin_actions::admin(100, 30);
    let session = world.session();
    let row = unapproved(41, "wipe", 9);
    assert_eq!(change(&mut world, row.clone()), [ask(session, &ApprovalsList {})]);
    // While the list is asked for, another one is noted.
    assert_eq!(change(&mut world, unapproved(42, "reboot", 4)), []);
    let again = world.answer::<ApprovalsList>(Ok(Approvals::default()));
    assert_eq!(again, [ask(session, &ApprovalsList {})]);
    world.answer::<ApprovalsList>(Ok(waiting()));
    let screen = world.screen();
    assert!(screen.contains("anna (#4) asks to run reboot: Alt-A decides"), "{screen}");
    change(&mut world, decided(row, "approved"));
    assert_eq!(world.remark(), "run #41 of wipe: approved by anna (#3): too early");
    world.press("alt-n");
    let screen = world.screen();
    assert!(screen.contains("bot (#9, agent) asks to run wipe sdb --passes 3"), "{screen}");
    // The run of this user is not announced: its block says it.
    assert!(!screen.contains("you asks"), "{screen}");
}

/// The block of a run that waits had no time.
#[test]
fn the_block_of_a_run_that_waits_for_approval_counts_the_time_that_is_left() {
    for width in [40, 80] {
        let mut world = admin_actions::admin(width, 24);
        world.run("zones", 41, "", None);
        let you = world.console().welcome.you.client_id.0;
        change(&mut world, unapproved(41, "zones", you));
        let head = |world: &World, left: &str| {
            let screen = world.screen();
            let line = screen.lines().find(|line| line.contains("❯ zones")).unwrap().to_owned();
            assert!(line.contains("approval") && line.contains(left), "{left}: {screen}");
        };
        head(&world, "5:00 left");
        assert_eq!(crate::views::changes_in(&world.state), Some(1_000));
        world.wait(48_500);
        head(&world, "4:12 left");
        change(&mut world, running(41, "zones"));
        assert!(!world.screen().contains(" left"), "{}", world.screen());
    }
}

/// `staff asks to run reboot` read as if several people asked.
#[test]
fn a_user_is_named_with_the_connection_so_that_the_name_is_not_read_as_a_word() {
    let mut world = admin_actions::admin(100, 30);
    change(&mut world, unapproved(42, "reboot", 4));
    let mut all = waiting();
    all.approvals.retain(|row| row.command == "reboot");
    all.approvals[0].user = "staff".to_owned();
    world.answer::<ApprovalsList>(Ok(all));
    assert!(world.screen().contains("▲ staff (#4) asks to run reboot"), "{}", world.screen());
    world.press("alt-a y");
    assert!(world.screen().contains("Approve run #42 of staff (#4)?"), "{}", world.screen());
}

#[test]
fn a_run_is_approved_or_refused_with_a_reason_after_a_question() {
    let mut world = opened(100, 30);
    let session = world.session();
    assert_eq!(world.press("y"), []);
    let screen = world.screen();
    for text in [
        "Approve run #41 of bot (#9, agent)?",
        "wipe sdb --passes 3",
        "Nothing of it can be read",
        "It starts once, with these arguments.",
    ] {
        assert!(screen.contains(text), "{text}: {screen}");
    }
    assert_eq!(world.press("enter"), []);
    let decide = |run, decision, reason: Option<&str>| ApprovalDecide {
        run_id: RunId(run),
        decision,
        reason: reason.map(str::to_owned),
    };
    assert_eq!(world.press("enter"), [ask(session, &decide(41, Decision::Approve, None))]);
    let mut row = waiting().approvals.swap_remove(0);
    row.approval.state = topside_shared::records::ApprovalState::Approved;
    world.answer::<ApprovalDecide>(Ok(row));
    assert_eq!(world.remark(), "run #41 of wipe, for bot (agent), is approved");
    world.press("down enter");
    assert!(world.screen().contains("n refuse"), "{}", world.screen());
    world.press("n");
    world.write("not today");
    world.press("enter");
    let refuse = decide(42, Decision::Refuse, Some("not today"));
    assert_eq!(world.press("enter"), [ask(session, &refuse)]);
    world.answer::<ApprovalDecide>(Err(refusal("run #42 does not wait for approval any more")));
    assert!(world.remark().contains("any more"), "{}", world.remark());
}

#[test]
fn the_own_run_is_listed_and_another_user_must_decide_it() {
    let mut world = opened(100, 30);
    assert_eq!(world.press("end"), []);
    assert!(!world.screen().contains("y approve"), "{}", world.screen());
    assert_eq!(world.press("y"), []);
    assert_eq!(world.remark(), "Another user with the role admin must decide about run #43.");
}

#[test]
fn the_time_that_is_left_counts_down_and_a_decided_run_leaves_the_list() {
    let mut world = opened(100, 30);
    assert!(world.screen().contains("4:12"), "{}", world.screen());
    world.wait(2_000);
    assert!(world.screen().contains("4:10"), "{}", world.screen());
    change(&mut world, decided(unapproved(41, "wipe", 9), "refused"));
    assert!(!world.screen().contains("wipe sdb"), "{}", world.screen());
    assert_eq!(world.press("r"), [ask(world.session(), &ApprovalsList {})]);
}

#[test]
fn a_mouse_opens_the_details_and_presses_the_hints() {
    let mut world = opened(100, 30);
    world.click_on("reboot");
    world.click_on("reboot");
    let screen = world.screen();
    for text in ["new kernel", "anna (#4)", "Reboot the box"] {
        assert!(screen.contains(text), "{text}: {screen}");
    }
    world.press("esc");
    world.click_on("n refuse");
    assert!(world.screen().contains("Refuse run #42 of anna (#4)?"), "{}", world.screen());
}

#[test]
fn the_block_of_a_run_says_that_it_waits_for_approval_and_how_that_ended() {
    let mut world = World::connected(100, 30);
    let block = world.start("zone-run 3 5");
    change(&mut world, unapproved(31, "zone-run", 7));
    assert_eq!(phase(&mut world), Phase::Queued { place: 0, cancelling: false });
    assert_eq!(world.newest(), "waits for approval by role admin\n");
    assert!(world.screen().contains("approval"), "{}", world.screen());
    let mut row = decided(unapproved(31, "zone-run", 7), "refused");
    row.state = RunState::Cancelled;
    world.ran(block, Ok(result(row)));
    assert_eq!(world.newest(), "");
    let screen = world.screen();
    assert!(screen.contains("refused by anna (#3): too early"), "{screen}");
}

#[test]
fn a_client_that_connects_later_asks_for_those_that_wait() {
    let mut world = World::connected(100, 30);
    let snapshot = topside_shared::methods::Snapshot {
        clients: Some(Vec::new()),
        runs: Some(vec![unapproved(41, "wipe", 9)]),
        ..Default::default()
    };
    let result = topside_shared::methods::SubscribeResult {
        subscription_id: topside_shared::SubscriptionId(1),
        snapshot,
    };
    let effects = world.answer::<EventsSubscribe>(Ok(result));
    assert_eq!(effects, [ask(world.session(), &ApprovalsList {})]);
}
