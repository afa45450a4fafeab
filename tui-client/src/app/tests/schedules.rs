//! The list of schedules: read by a subscription, followed, paused, run and switched to another plan.

use topside_shared::SubscriptionId;
use topside_shared::methods::{
    EventsUnsubscribe, SchedulePause, SchedulePlan, ScheduleResume, ScheduleRun, ScheduleSet,
    Schedules, Snapshot, SubscribeResult, Topic,
};
use topside_shared::records::{Adjustable, ScheduleRow, SetBy};

use super::*;

fn row(value: Value) -> ScheduleRow {
    serde_json::from_value(value).unwrap()
}

/// Four schedules: one with an open window, one that is paused, one of another plan, one that has missed starts.
fn schedules() -> Schedules {
    let at = |ms: i64| Time::from_millis(START + ms);
    let hour = 3_600_000;
    let rows = [
        json!({
            "schedule": "morning", "command": "water", "args": {"bed": "tomatoes"}, "rule": "cron 0 6 * * MON-FRI",
            "zone": "Europe/Berlin", "forMs": 600_000, "next": [at(9 * hour), at(33 * hour)], "openUntil": at(300_000),
            "last": {"at": at(-300_000), "outcome": "started", "runId": 41},
        }),
        json!({
            "schedule": "lawn", "command": "water", "rule": "tue, sat at 08:30 for 2m", "zone": "Europe/Berlin",
            "inactive": "paused", "paused": {"by": "anna", "at": at(-hour), "reason": "rain"},
            "last": {"at": at(-2 * hour), "outcome": "ended", "runId": 40},
        }),
        json!({
            "schedule": "frost", "command": "heat", "rule": "every 15m", "zone": "UTC", "plan": "winter", "inactive": "plan",
        }),
        json!({
            "schedule": "night", "command": "style", "rule": "cron 0 21 * * *", "zone": "UTC", "plan": "summer",
            "next": [at(hour)], "last": {"at": at(-26 * hour), "outcome": "missed", "count": 3},
        }),
    ];
    Schedules {
        schedules: rows.map(row).into(),
        plan: Some("summer".into()),
        plans: vec!["summer".into(), "winter".into()],
    }
}

fn subscribed(id: u64) -> SubscribeResult {
    let snapshot = Snapshot { schedules: Some(schedules()), ..Snapshot::default() };
    SubscribeResult { subscription_id: SubscriptionId(id), snapshot }
}

fn follow() -> EventsSubscribe {
    EventsSubscribe { topics: vec![Topic::Schedules] }
}

/// The list, opened and answered.
pub(crate) fn opened(width: u16, height: u16) -> World {
    let mut world = admin_actions::admin(width, height);
    let effects = world.press("alt-t");
    assert_eq!(effects, [ask(world.session(), &follow())]);
    world.answer::<EventsSubscribe>(Ok(subscribed(9)));
    world
}

#[test]
fn the_list_says_what_is_next_and_why_nothing_is() {
    let world = opened(160, 30);
    let screen = world.screen();
    for text in [
        "open until",
        "paused by anna: rain",
        "plan winter is off",
        "missed 3",
        "Tab activates winter",
    ] {
        assert!(screen.contains(text), "{text}: {screen}");
    }
}

#[test]
fn a_schedule_is_paused_resumed_and_run_by_a_key() {
    let mut world = opened(100, 30);
    let session = world.session();
    let pause = SchedulePause { schedule: "morning".into(), reason: None };
    assert!(world.screen().contains("p pause"), "{}", world.screen());
    assert_eq!(world.press("p"), [ask(session, &pause)]);
    let mut paused = schedules().schedules.swap_remove(0);
    paused.inactive = Some(topside_shared::records::Inactive::Paused);
    world.answer::<SchedulePause>(Ok(paused.clone()));
    world.notice(Notification::ScheduleChanged(Box::new(paused)));
    assert!(world.screen().contains("p resume"), "{}", world.screen());
    let resume = ScheduleResume { schedule: "morning".into() };
    assert_eq!(world.press("p"), [ask(session, &resume)]);
    world.answer::<ScheduleResume>(Ok(schedules().schedules.swap_remove(0)));
    // It changes something, so a question comes first.
    let run = ScheduleRun { schedule: "morning".into() };
    assert_eq!(world.press("x"), []);
    assert!(world.screen().contains("Run water of morning now?"), "{}", world.screen());
    assert_eq!(world.press("n"), []);
    world.press("x");
    assert_eq!(world.press("y"), [ask(session, &run)]);
    world.answer::<ScheduleRun>(Err(refusal("water would have to wait")));
    assert!(world.screen().contains("water would have to wait"), "{}", world.screen());
}

#[test]
fn tab_activates_the_next_plan_and_then_none() {
    let mut world = opened(100, 30);
    let session = world.session();
    let plan = |plan: Option<&str>| SchedulePlan { plan: plan.map(str::to_owned) };
    world.click_on("Tab activates");
    let screen = world.screen();
    assert!(screen.contains("Activate the plan winter?"), "{screen}");
    assert_eq!(world.press("y"), [ask(session, &plan(Some("winter")))]);
    let effects = world.answer::<SchedulePlan>(Ok(topside_shared::methods::Empty {}));
    assert_eq!(effects, [ask(session, &follow())]);
    let mut answer = subscribed(10);
    if let Some(all) = &mut answer.snapshot.schedules {
        all.plan = Some("winter".into());
    }
    // The earlier subscription ends.
    let effects = world.answer::<EventsSubscribe>(Ok(answer));
    assert_eq!(effects, [ask(session, &EventsUnsubscribe { subscription_id: SubscriptionId(9) })]);
    world.press("tab");
    assert_eq!(world.press("y"), [ask(session, &plan(None))]);
}

#[test]
fn the_list_leaves_no_subscription() {
    let mut world = opened(100, 30);
    let session = world.session();
    let end = EventsUnsubscribe { subscription_id: SubscriptionId(9) };
    assert_eq!(world.press("esc"), [ask(session, &end)]);
    world.press("alt-t esc");
    assert_eq!(world.answer::<EventsSubscribe>(Ok(subscribed(9))), [ask(session, &end)]);
}

#[test]
fn details_have_the_arguments_and_the_next_starts() {
    let mut world = opened(100, 30);
    world.press("enter");
    let screen = world.screen();
    for text in
        ["water · bed = tomatoes", "cron 0 6 * * MON-FRI · Europe/Berlin", "started, run #41"]
    {
        assert!(screen.contains(text), "{text}: {screen}");
    }
}

#[test]
fn a_schedule_is_set_by_a_form_where_its_declaration_allows_it() {
    let mut world = opened(160, 30);
    let session = world.session();
    world.press("s");
    assert!(world.remark().contains("morning cannot be set"), "{}", world.remark());
    let mut row = schedules().schedules.swap_remove(0);
    row.adjustable = vec![Adjustable::Time];
    world.notice(Notification::ScheduleChanged(Box::new(row.clone())));
    world.press("s");
    let screen = world.screen();
    assert!(screen.contains("Set morning") && screen.contains("new time"), "{screen}");
    world.write("21:30");
    let set = ScheduleSet {
        schedule: "morning".into(),
        time: Some("21:30".into()),
        ..ScheduleSet::default()
    };
    assert_eq!(world.press("ctrl-s"), [ask(session, &set)]);
    world.answer::<ScheduleSet>(Err(refusal("the time must be a time of day")));
    assert!(world.screen().contains("the time must be"), "{}", world.screen());
    world.press("ctrl-s");
    row.set = Some(SetBy { by: "anna".into(), at: Time::from_millis(START) });
    world.answer::<ScheduleSet>(Ok(row.clone()));
    world.notice(Notification::ScheduleChanged(Box::new(row)));
    assert!(world.screen().contains("set by anna"), "{}", world.screen());
}
