//! The form of a command among the other screens.

use super::*;

/// The console with the form of this command open, as by Enter on its row of the menu.
fn opened(name: &str) -> World {
    let mut world = World::connected(80, 24);
    world.choose(name);
    world
}

fn form(world: &World) -> &crate::views::command_form::CommandForm {
    world.state.top_view::<CommandForm>().unwrap()
}

#[test]
fn enter_on_a_row_of_the_menu_opens_a_form_and_enter_there_runs_its_line() {
    let mut world = opened("zone-run");
    world.write("3");
    world.press("tab right");
    let effects = world.press("enter enter");
    let run = command_of(&effects);
    assert_eq!(serde_json::to_value(&run.args).unwrap(), json!({"zone": 3, "minutes": 10}));
    let kept = Effect::SaveHistory { server: "this machine".into(), line: "zone-run 3 10".into() };
    assert!(effects.contains(&kept), "{effects:?}");
    assert!(world.state.views.is_empty());
    assert_eq!(world.console().runs.chosen().unwrap().line, "zone-run 3 10");
    world.press("up");
    assert_eq!(world.input(), "zone-run 3 10");
}

#[test]
fn a_row_that_only_reads_and_needs_no_argument_runs_at_once() {
    let mut world = World::connected(80, 24);
    let mut with_json = menu();
    let zones = with_json.commands.iter_mut().find(|command| command.name == "zones").unwrap();
    zones.args = serde_json::from_value(json!([{"name": "json", "type": "bool"}])).unwrap();
    for menu in [menu(), with_json] {
        world.answer::<CommandsList>(Ok(menu));
        let effects = world.choose("zones");
        world.block_of(&effects);
        assert_eq!(command_of(&effects).args, serde_json::Map::new());
        assert!(world.state.views.is_empty());
    }
}

#[test]
fn a_row_that_changes_something_never_runs_at_once() {
    let mut world = World::connected(80, 24);
    let mut changed = menu();
    let zones = changed.commands.iter_mut().find(|command| command.name == "zones").unwrap();
    zones.effect = topside_shared::command::Effect::Write;
    world.answer::<CommandsList>(Ok(changed));
    assert!(world.choose("zones").is_empty());
    assert_eq!(form(&world).line(), "zones");
    let effects = world.press("enter");
    world.block_of(&effects);
}

#[test]
fn the_form_asks_what_the_line_would_and_no_comes_back_to_it() {
    let mut world = opened("zone-stop");
    world.write("3");
    assert!(world.press("enter enter").is_empty());
    let question = world.state.top_view::<Confirm>().unwrap();
    assert_eq!(question.title, "Stop zone 3?");
    world.press("esc");
    assert_eq!(form(&world).line(), "zone-stop 3");
    assert_eq!(world.input(), "");
    world.press("ctrl-s");
    let effects = world.press("tab enter");
    let run = command_of(&effects);
    assert!(run.confirm);
    assert!(world.state.views.is_empty());
}

#[test]
fn what_was_filled_in_is_there_again_after_esc_and_not_after_it_ran() {
    let mut world = opened("zone-run");
    world.write("3");
    world.press("esc");
    world.choose("zone-run");
    assert_eq!(form(&world).line(), "zone-run 3");
    let effects = world.press("ctrl-s");
    world.block_of(&effects);
    world.choose("zone-run");
    assert_eq!(form(&world).line(), "zone-run");
}

#[test]
fn a_draft_of_an_older_menu_is_dropped() {
    let mut world = opened("zone-run");
    world.write("3");
    world.press("esc");
    let mut changed = menu();
    changed.commands.iter_mut().for_each(|command| command.args.truncate(1));
    world.answer::<CommandsList>(Ok(changed));
    world.choose("zone-run");
    assert_eq!(form(&world).line(), "zone-run");
}

#[test]
fn a_form_can_go_on_as_a_line() {
    let mut world = opened("zone-run");
    world.write("3");
    assert!(world.press("ctrl-o").is_empty());
    assert!(world.state.views.is_empty());
    assert_eq!(world.input(), "zone-run 3");
}

#[test]
fn a_form_outlives_its_session_and_says_that_nothing_was_sent() {
    let mut world = opened("zone-run");
    world.write("3");
    world.event(Event::Lost(crate::connect::DisconnectReason::Gone));
    assert!(world.press("ctrl-s").is_empty());
    assert!(world.remark().contains("nothing was sent"), "{}", world.remark());
    assert_eq!(form(&world).line(), "zone-run 3");
}

#[test]
fn a_form_reports_a_changed_menu_and_sends_nothing() {
    let mut world = opened("zone-run");
    world.write("3");
    let mut changed = menu();
    changed.commands.retain(|command| command.name != "zone-run");
    world.answer::<CommandsList>(Ok(changed));
    assert!(world.press("ctrl-s").is_empty());
    assert!(world.remark().contains("zone-run has changed in the menu"), "{}", world.remark());
}

#[test]
fn a_click_in_the_menu_opens_a_form_and_runs_nothing() {
    let mut world = World::connected(160, 50);
    let rows = world.screen();
    let row = rows.lines().position(|line| line.starts_with("   zones")).unwrap();
    world.click(5, u16::try_from(row).unwrap());
    assert!(world.state.views.is_empty(), "the first click chooses");
    let effects = world.click(5, u16::try_from(row).unwrap());
    assert!(effects.is_empty());
    assert_eq!(form(&world).line(), "zones");
}

#[test]
fn a_secret_of_a_form_is_sent_and_neither_shown_kept_nor_remembered() {
    let mut world = World::connected(80, 24);
    let mut with_login = menu();
    with_login.commands.push(
        serde_json::from_value(json!({
            "name": "login", "role": "viewer", "confirm": "Log {user} in with {password}?",
            "args": [
                {"name": "user", "required": true},
                {"name": "password", "type": "secret", "required": true},
            ],
        }))
        .unwrap(),
    );
    world.answer::<CommandsList>(Ok(with_login));
    world.choose("login");
    world.press("a n n tab h u n t e r 2");
    let text = world.screen();
    assert!(text.contains("•••••••") && text.contains("❯ login ann"), "{text}");
    assert!(!text.contains("hunter2"), "{text}");
    world.press("esc");
    world.choose("login");
    assert!(!world.screen().contains('•'), "what was left is kept without it");
    world.press("h u n t e r 2 ctrl-s");
    let text = world.screen();
    assert!(text.contains("Log ann in with ***?") && !text.contains("hunter2"), "{text}");
    let effects = world.press("tab enter");
    let run = command_of(&effects);
    assert_eq!(run.args["password"], "hunter2");
    let text = world.screen();
    assert!(text.contains("❯ login") && !text.contains("hunter2"), "{text}");
    world.press("up");
    assert_eq!(world.input(), "");
}

/// `duration such as 30s, 5m or 1h30m, option…` was cut on a low screen.
#[test]
fn the_hint_of_each_field_is_whole_on_a_small_screen() {
    for (width, height) in [(40, 10), (60, 15), (80, 24)] {
        let mut world = super::admin_actions::admin(width, height);
        world.press("ctrl-p");
        world.write("shut the server");
        world.press("enter");
        for words in ["duration such as 30s", "Why", "optional"] {
            let shown = world.screen();
            let form: Vec<&str> = shown.split(['│', '\n']).map(str::trim).collect();
            let form = form.join(" ");
            assert!(!form.contains('…'), "{width}x{height}, {words}: {shown}");
            world.press("tab");
        }
    }
}
