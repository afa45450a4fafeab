//! The list of runs: read, filtered, shown, ended, run again.

use topside_shared::RunId;
use topside_shared::methods::RunsPage;

use super::super::runs::Phase;
use super::*;

/// A row of the list.
pub(crate) fn past(run: u64, command: &str, args: &Value, user: &str, state: &str) -> RunRow {
    let mut row = json!({
        "runId": run, "command": command, "args": args, "user": user, "clientId": 3,
        "state": state, "startedAt": "2026-03-01T09:10:02.000Z", "bytes": 8,
    });
    if state != "running" {
        row["durationMs"] = json!(4_200);
        row["endedAt"] = json!("2026-03-01T09:10:06.200Z");
        row["exitCode"] = json!(i32::from(state == "failed"));
    }
    serde_json::from_value(row).unwrap()
}

/// Three runs, one of which goes on.
pub(crate) fn page() -> RunsPage {
    let mut old = past(9, "zones", &json!({}), "ann", "failed");
    old.started_at = serde_json::from_value(json!("2026-02-27T22:05:00.000Z")).unwrap();
    let runs = vec![
        past(31, "zone-run", &json!({"zone": 3, "minutes": 10}), "phone", "running"),
        past(30, "zone-run", &json!({"zone": 4, "minutes": 5}), "ann", "succeeded"),
        old,
    ];
    RunsPage { runs, next: None }
}

fn opened() -> World {
    let mut world = World::connected(80, 24);
    let effects = world.press("f12");
    let asked = ask(world.session(), &RunsList { before: None, ..RunsList::default() });
    assert_eq!(effects, [asked]);
    world.answer::<RunsList>(Ok(page()));
    world
}

fn lines(world: &World) -> Vec<String> {
    let view = world.state.top_view::<RunList>().unwrap();
    let lines = view.shown().into_iter().map(|l| format!("{} {}", l.row.run_id, l.line));
    lines.collect()
}

#[test]
fn runs_are_listed_with_their_lines_and_filtered_by_any_word() {
    let mut world = opened();
    assert_eq!(lines(&world), ["#31 zone-run 3 10", "#30 zone-run 4 5", "#9 zones"]);
    world.write("/run ann");
    assert_eq!(lines(&world), ["#30 zone-run 4 5"]);
    world.press("ctrl-u");
    world.write("failed");
    assert_eq!(lines(&world), ["#9 zones"]);
}

#[test]
fn a_run_of_another_client_has_its_own_block_and_ctrl_c_does_not_cancel_it() {
    let mut world = opened();
    let effects = world.press("enter enter");
    let [(block, RunId(31), 0)] = world.attached(&effects)[..] else { panic!("{effects:?}") };
    assert!(world.state.views.is_empty());
    world.notice(printed(31, "opening\n"));
    assert_eq!(world.newest(), "#31 of phone, started 09:10:02\nopening\n");
    assert!(world.press("ctrl-c").is_empty());
    assert!(world.state.top_view::<Confirm>().is_some(), "it offers to cancel");
    world.press("esc");
    let row = past(31, "zone-run", &json!({"zone": 3}), "phone", "cancelled");
    world.ran(block, Ok(result(row)));
    let phase = world.console().runs.chosen().unwrap().phase;
    assert!(matches!(phase, Phase::Ended { ms: 4_200, .. }), "{phase:?}");
}

#[test]
fn output_of_an_ended_run_is_read_to_its_end() {
    let mut world = opened();
    let effects = world.press("down enter enter");
    let [(block, RunId(30), 0)] = world.attached(&effects)[..] else { panic!("{effects:?}") };
    let phase = |world: &mut World| world.console().runs.chosen().unwrap().phase;
    assert_eq!(phase(&mut world), Phase::Reading);
    world.notice(printed(30, "done\n"));
    let row = page().runs[1].clone();
    world.ran(block, Ok(result(row)));
    assert!(matches!(phase(&mut world), Phase::Ended { exit: Some(0), .. }));
}

#[test]
fn a_run_that_cannot_be_shown_says_why_and_not_that_it_did_not_run() {
    let mut world = opened();
    let effects = world.press("enter enter");
    let [(block, ..)] = world.attached(&effects)[..] else { panic!() };
    let message = "there is no run #31".to_owned();
    let refused = refused(topside_shared::ErrorKind::NotFound, message);
    world.ran(block, Err(refused));
    assert_eq!(world.console().runs.chosen().unwrap().phase, Phase::Unknown);
    assert!(world.newest().ends_with("there is no run #31\n"), "{}", world.newest());
}

#[test]
fn a_run_that_is_on_the_screen_already_is_gone_to() {
    let mut world = World::connected(80, 24);
    world.run("zone-run 4", 30, "mine\n", ended("succeeded", 0, 4));
    world.run("zones", 32, "later\n", ended("succeeded", 0, 4));
    world.press("f12");
    world.answer::<RunsList>(Ok(page()));
    assert!(world.press("down enter enter").is_empty(), "nothing is asked for twice");
    assert_eq!(world.newest(), "mine\n");
}

#[test]
fn cancelling_a_run_asks_first_and_an_ended_run_cannot_be_cancelled() {
    let mut world = opened();
    assert!(world.press("ctrl-x").is_empty());
    let question = world.state.top_view::<Confirm>().unwrap();
    assert_eq!(question.title, "Cancel run #31?");
    assert_eq!(question.text, ["❯ zone-run 3 10", "Started by phone."]);
    world.press("esc");
    world.press("ctrl-x");
    let effects = world.press("tab enter");
    let cancel = ask(world.session(), &RunCancel { run_id: RunId(31) });
    assert_eq!(effects, [cancel]);
    assert!(world.press("down ctrl-x").is_empty());
    assert_eq!(world.remark(), "#30 has ended already.");
}

#[test]
fn a_run_is_run_again_through_its_form_and_never_by_itself() {
    let mut world = opened();
    assert!(world.press("ctrl-r").is_empty());
    let form = world.state.top_view::<CommandForm>().unwrap();
    assert_eq!(form.line(), "zone-run 3 10");
    let effects = world.press("ctrl-s");
    world.block_of(&effects);
    assert!(world.state.views.is_empty(), "its block is seen");
    world.press("f12");
    world.answer::<RunsList>(Ok(page()));
    world.press("down ctrl-r");
    let form = world.state.top_view::<CommandForm>().unwrap();
    assert_eq!(form.line(), "zone-run 4", "a default is not said");
}

#[test]
fn the_list_is_requested_again_when_runs_change_and_the_selection_stays() {
    let mut world = opened();
    world.press("down");
    let asked = [ask(world.session(), &RunsList { before: None, ..RunsList::default() })];
    let mut change = || {
        world.notice(Notification::RunChanged(Box::new(past(
            32,
            "temp",
            &json!({}),
            "bob",
            "running",
        ))))
    };
    assert_eq!(change(), asked);
    // One that comes while it is asked for may be newer than the answer.
    assert_eq!(change(), []);
    assert_eq!(world.answer::<RunsList>(Ok(page())), asked);
    let mut newer = page();
    newer.runs.insert(0, past(32, "temp", &json!({}), "bob", "running"));
    world.answer::<RunsList>(Ok(newer));
    assert_eq!(lines(&world).len(), 4);
    world.press("ctrl-r");
    let form = world.state.top_view::<CommandForm>().unwrap();
    assert_eq!(form.line(), "zone-run 4", "not the one that has its place now");
}

#[test]
fn older_runs_are_asked_for_at_the_end_of_the_list_and_kept() {
    let mut world = World::connected(80, 24);
    world.press("f12");
    let first = RunsPage { next: Some(RunId(9)), ..page() };
    world.answer::<RunsList>(Ok(first.clone()));
    assert!(world.press("down down").is_empty());
    let effects = world.press("down");
    let older = RunsList { before: Some(RunId(9)), ..RunsList::default() };
    assert_eq!(effects, [ask(world.session(), &older)]);
    let older = RunsPage { runs: vec![past(2, "temp", &json!({}), "ann", "lost")], next: None };
    world.answer::<RunsList>(Ok(older));
    assert_eq!(lines(&world), ["#31 zone-run 3 10", "#30 zone-run 4 5", "#9 zones", "#2 temp"]);
    world.press("f5");
    world.answer::<RunsList>(Ok(first));
    assert_eq!(lines(&world).len(), 4, "what was read of the older ones stays");
}

#[test]
fn a_list_that_is_refused_says_why() {
    let mut world = World::connected(80, 24);
    world.press("f12");
    world.answer::<RunsList>(Err(refusal("your key \u{1b}may not")));
    let text = world.screen();
    assert!(text.contains("your key may not"), "{text}");
}

#[test]
fn a_refused_cancel_says_why_and_the_run_goes_on() {
    let mut world = World::connected(80, 24);
    world.run("zone-run 3", 31, "opening\n", None);
    world.press("ctrl-c");
    world.answer::<RunCancel>(Err(refusal("not yours")));
    assert_eq!(world.remark(), "not yours");
    let phase = world.console().runs.chosen().unwrap().phase;
    assert_eq!(phase, Phase::Running { cancelling: false });
}

/// The hint of the list of runs disappeared while a run was active, when it is of most use.
#[test]
fn the_hint_of_the_runs_is_shown_while_a_run_is_active() {
    let mut world = World::connected(140, 30);
    world.run("zone-run 3", 31, "opening\n", None);
    let screen = world.screen();
    let hints = screen.lines().last().unwrap();
    assert!(hints.contains("Ctrl-C cancel") && hints.contains("F12 runs"), "{hints}");
}

/// The list had no letters for what it does, and `s` saved results in the details only.
#[test]
fn d_opens_the_details_of_a_run_l_its_output_and_s_saves_its_results() {
    let mut world = opened();
    world.press("d");
    assert_eq!(world.state.views.last().unwrap().title(&world.state), "Run #31");
    world.press("esc");
    let effects = world.press("l");
    let [(_, RunId(31), 0)] = world.attached(&effects)[..] else { panic!("{effects:?}") };
    assert!(world.state.views.is_empty(), "its block is seen");
    let mut world = opened();
    world.press("s");
    assert_eq!(world.remark(), "This run has left no results.");
    let mut world = opened();
    world.press("d l");
    assert!(world.state.views.is_empty(), "the details have the same keys");
    let mut world = opened();
    world.write("/dls");
    assert_eq!(world.state.views.len(), 1, "letters of a filter are no keys");
}

/// A run that goes on had no time in the list.
#[test]
fn a_running_run_counts_its_time_in_the_list_and_in_its_details() {
    let mut world = World::connected(100, 30);
    world.press("f12");
    let mut page = page();
    page.runs[0].started_at = Time::from_millis(START).plus_millis(world.now);
    world.answer::<RunsList>(Ok(page));
    let row = |world: &World| {
        world.screen().lines().find(|line| line.contains("#31")).unwrap().to_owned()
    };
    world.wait(12_300);
    assert!(row(&world).contains(" 12 s "), "{}", row(&world));
    assert_eq!(crate::views::changes_in(&world.state), Some(700));
    world.wait(700);
    assert!(row(&world).contains(" 13 s "), "{}", row(&world));
    world.press("d");
    assert!(world.screen().contains("so far     13 s"), "{}", world.screen());
    assert_eq!(crate::views::changes_in(&world.state), Some(1_000));
    // Whether it goes on after the session is unknown.
    world.event(Event::Lost(crate::connect::DisconnectReason::Gone));
    assert!(!world.screen().contains("so far"), "{}", world.screen());
}
