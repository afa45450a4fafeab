//! The input box among the keys of the screen.

use super::*;

#[test]
fn a_question_mark_opens_the_help_only_while_nothing_is_typed() {
    let mut world = World::connected(80, 24);
    world.write("?");
    assert!(world.state.top_view::<Help>().is_some());
    world.press("esc");
    world.write("a?");
    assert!(world.state.views.is_empty());
    assert_eq!(world.input(), "a?");
    world.press("f1");
    assert!(world.state.top_view::<Help>().is_some());
}

#[test]
fn letters_of_later_actions_are_letters_while_connected() {
    let mut world = World::connected(80, 24);
    world.write("rpRPSq");
    assert_eq!(world.input(), "rpRPSq");
    assert!(matches!(world.state.link, ConnectionState::Connected { .. }));
}

#[test]
fn a_pasted_text_of_several_lines_is_shown_and_never_run() {
    let mut world = World::connected(80, 24);
    assert!(world.tell(Msg::Paste("zones\nks\n".into())).is_empty());
    assert_eq!(world.input(), "");
    assert!(world.state.top_view::<Confirm>().is_some());
    assert!(world.press("n").is_empty());
    assert_eq!(world.input(), "");
    world.tell(Msg::Paste("zone-run\r3".into()));
    assert!(world.press("enter").is_empty(), "to join the lines runs nothing");
    assert_eq!(world.input(), "zone-run 3");
}

#[test]
fn one_pasted_line_is_typed_without_its_line_end_and_not_run() {
    let mut world = World::connected(80, 24);
    assert!(world.tell(Msg::Paste("zones\n".into())).is_empty());
    assert_eq!(world.input(), "zones");
    assert!(world.state.views.is_empty());
}

#[test]
fn a_line_that_starts_with_a_space_is_run_and_not_kept() {
    let mut world = World::connected(80, 24);
    let effects = world.enter(" zones");
    world.block_of(&effects);
    assert!(!effects.iter().any(|effect| matches!(effect, Effect::SaveHistory { .. })));
    world.press("up");
    assert_eq!(world.input(), "");
}

#[test]
fn earlier_days_come_back_by_up() {
    let mut world = World::connected(80, 24);
    let lines = vec!["temp".to_owned(), "zones".to_owned()];
    world.tell(Msg::History { server: "this machine".into(), lines });
    world.press("up up");
    assert_eq!(world.input(), "temp");
    world.press("down down");
    assert_eq!(world.input(), "");
}

#[test]
fn tab_completes_from_the_menu() {
    let mut world = World::connected(80, 24);
    world.write("te");
    world.press("tab");
    assert_eq!(world.input(), "temp ");
}

#[test]
fn the_palette_types_a_command_and_never_runs_it() {
    let mut world = World::connected(80, 24);
    world.press("ctrl-p");
    world.write("run a zone");
    assert!(world.press("ctrl-o").is_empty());
    assert_eq!(world.input(), "zone-run ");
}

#[test]
fn an_unavailable_action_of_the_palette_says_why() {
    let mut world = World::connected(80, 24);
    world.press("ctrl-p");
    world.write("reconnect");
    world.press("enter");
    assert_eq!(world.state.remark.as_ref().unwrap().text, "Reconnect: the session is open");
    assert_eq!(world.state.views.len(), 1, "the palette stays");
}

#[test]
fn a_search_finds_walks_and_gives_the_end_back() {
    let mut world = World::connected(80, 24);
    let many: String = (0..90).map(|n| format!("line {n}\n")).collect();
    world.run("zones", 5, &many, None);
    world.press("/");
    world.write("line 1");
    world.press("enter n");
    let search = world.console().search.as_ref().unwrap();
    assert_eq!(search.count, 11);
    assert!(search.current.is_some());
    assert!(!world.console().runs.pane.is_following());
    world.press("esc");
    assert!(world.console().search.is_none());
    assert!(world.console().runs.pane.is_following());
}

#[test]
fn a_tiny_terminal_takes_no_keys_but_the_way_out() {
    let mut world = World::connected(80, 24);
    world.tell(Msg::Resize(Size { width: 20, height: 5 }));
    world.write("zones");
    assert!(world.press("enter").is_empty());
    assert_eq!(world.press("ctrl-c"), [Effect::Quit]);
}

#[test]
fn a_line_that_is_quicker_than_the_menu_runs_when_the_menu_comes() {
    let mut world = World::new(80, 24);
    let effects = world.press("enter");
    let [Effect::Dial { attempt, .. }] = effects[..] else { panic!("{effects:?}") };
    world.tell(dialled(attempt));
    assert!(world.enter("zones").is_empty());
    let effects = world.answer::<CommandsList>(Ok(menu()));
    world.block_of(&effects);
    assert_eq!(world.input(), "");
}

#[test]
fn an_action_chosen_in_the_palette_is_first_in_it_the_next_time() {
    let mut world = World::connected(100, 30);
    let first = |world: &World| {
        let palette = world.state.top_view::<Palette>().unwrap();
        palette.shown(&world.state)[0].title.clone()
    };
    for (action, title) in
        [("runs", "Runs, active and ended"), ("status of", "Status of the server")]
    {
        world.press("ctrl-p");
        world.write(action);
        world.press("enter esc ctrl-p");
        assert_eq!(first(&world), title);
        world.press("esc");
    }
    world.press("ctrl-p");
    let palette = world.state.top_view::<Palette>().unwrap();
    let titles: Vec<String> =
        palette.shown(&world.state).into_iter().take(2).map(|row| row.title).collect();
    assert_eq!(titles, ["Status of the server", "Runs, active and ended"], "the newest first");
}

#[test]
fn help_shows_all_of_its_rows_at_once_in_a_large_terminal_and_scrolls_in_a_small_one() {
    for (width, height, all) in [(160, 50, true), (80, 24, false), (40, 10, false)] {
        let mut world = World::connected(width, height);
        world.press("?");
        let shown = world.screen();
        assert_eq!(!shown.contains("↑ ↓ scroll"), all, "{shown}");
        world.press("end");
        let shown = world.screen();
        assert!(shown.contains("Leave"), "{shown}");
    }
}

/// `there is no command exit` was shown although Enter left.
#[test]
fn a_line_that_this_program_carries_out_itself_is_no_mistake() {
    let mut world = World::connected(100, 24);
    for line in ["exit", "quit", "clear"] {
        world.write(line);
        let shown = world.screen();
        assert!(!shown.contains("there is no command"), "{shown}");
        world.press("ctrl-u");
    }
}

/// The line was in no history, so that all of it had to be typed again.
#[test]
fn a_refused_line_with_a_secret_stays_in_the_input_and_is_not_kept() {
    let mut world = World::connected(100, 24);
    let mut with_login = menu();
    with_login.commands.push(
        serde_json::from_value(json!({
            "name": "login", "args": [{"name": "pw", "type": "secret", "minLength": 4}],
        }))
        .unwrap(),
    );
    world.answer::<CommandsList>(Ok(with_login));
    world.enter("login abc");
    assert_eq!(world.input(), "login abc");
    let shown = world.screen();
    assert!(shown.contains("login •••") && !shown.contains("abc"), "{shown}");
    world.press("ctrl-u up");
    assert_eq!(world.input(), "", "the history does not have it");
}

/// The line stayed, and the next command was joined to it.
#[test]
fn esc_clears_the_line_and_up_brings_it_back() {
    for key in ["esc", "ctrl-c"] {
        let mut world = World::connected(80, 24);
        world.enter("zones");
        world.write("zone-run 3");
        world.press(key);
        assert_eq!(world.input(), "", "{key}");
        assert_eq!(world.remark(), "Line cleared; ↑ brings it back.");
        world.press("up");
        assert_eq!(world.input(), "zone-run 3");
        // Once something else is typed, Up means the history.
        world.press(key);
        world.write("x");
        world.press("backspace up");
        assert_eq!(world.input(), "zones");
    }
    // A list above the line closes first.
    let mut world = World::connected(80, 24);
    world.write("zone");
    world.press("tab");
    world.press("esc");
    assert_eq!(world.input(), "zone");
    world.press("esc");
    assert_eq!(world.input(), "");
}

/// `no such command: m shows the menu` was shown for a command of admins, which the server has.
#[test]
fn a_command_that_the_menu_of_this_role_lacks_is_not_said_to_be_absent() {
    let mut world = World::connected(100, 24);
    world.write("reboot-box");
    assert!(world.screen().contains("✗ not in your menu: m shows the menu"), "{}", world.screen());
    world.press("esc");
    world.console().welcome.you.role = topside_shared::Role::Operator;
    world.enter("kick 3");
    let shown = world.screen();
    assert!(shown.contains("`kick` needs role admin; you are operator"), "{shown}");
}
