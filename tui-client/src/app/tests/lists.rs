//! What every list does: keys, filter, clicks, the wheel, heads and hints.

use topside_shared::methods::RunsPage;

use super::admin_actions::{act, admin};
use super::runs_list::{page, past};
use super::*;
use crate::views::tests::SIZES;

pub(super) fn runs(width: u16, height: u16) -> World {
    let mut world = World::connected(width, height);
    world.press("f12");
    world.answer::<RunsList>(Ok(page()));
    world
}

pub(super) fn clients(width: u16, height: u16) -> World {
    let mut world = admin(width, height);
    act(&mut world, "disconnect a client");
    world
}

pub(super) fn notices(width: u16, height: u16) -> World {
    let mut world = admin(width, height);
    for n in 0..3 {
        let text = format!("notice {n}");
        world.console().notices.push(Time::from_millis(START), false, text);
    }
    world.press("alt-n");
    world
}

pub(super) fn themes(width: u16, height: u16) -> World {
    let mut world = admin(width, height);
    act(&mut world, "theme");
    world
}

/// A list in which letters do not filter.
type Opened = fn(u16, u16) -> World;

/// Each, with the head of a column and a word for the filter that some rows hold.
const LISTS: [(&str, Opened, &str); 6] = [
    ("COMMAND", runs, "zone-run"),
    ("STATE", key_list::opened, "cron"),
    ("ROLE", clients, "phone"),
    ("NOTICE", notices, "notice 1"),
    ("MESSAGE", log_lines::read, "slow"),
    ("THEME", themes, "nord"),
];

/// `2 of 4`, of the chosen row and all rows.
fn place(world: &World) -> (usize, usize) {
    let shown = world.screen();
    let line = shown.lines().find(|line| line.contains(" of ") && line.contains("Enter "));
    let line = line.unwrap_or_else(|| panic!("{shown}")).replace(['│', '─', '+'], " ");
    let words: Vec<&str> = line.split_whitespace().collect();
    let at = words.iter().rposition(|word| *word == "of").unwrap();
    (words[at - 1].parse().unwrap(), words[at + 1].parse().unwrap())
}

#[test]
fn every_list_has_heads_and_the_same_keys() {
    for (head, open, word) in LISTS {
        let mut world = open(100, 30);
        assert!(world.screen().contains(head), "{head}: {}", world.screen());
        world.press("g");
        let (_, all) = place(&world);
        for (keys, at) in [("home", 1), ("up", 1), ("j", 2), ("k", 1), ("G", all), ("down", all)] {
            world.press(keys);
            assert_eq!(place(&world), (at, all), "{keys} in {head}");
        }
        world.press("g pgdn pgup");
        assert_eq!(place(&world).0, 1, "{head}");
        // The pages of vim and less.
        for (down, up) in [("ctrl-f", "ctrl-b"), ("ctrl-d", "ctrl-u")] {
            world.press(down);
            assert_ne!(place(&world).0, 1, "{head}");
            world.press(up);
            assert_eq!(place(&world).0, 1, "{head}");
        }
        // Letters do not filter until `/`.
        world.press("j");
        assert_eq!(place(&world), (2, all), "{head}");
        world.write(&format!("/{word}"));
        let shown = world.screen();
        assert!(shown.contains(&format!("/ {word}")) && shown.contains("Esc no filter"), "{shown}");
        world.press("enter");
        let (_, left) = place(&world);
        assert!(left < all && left > 0, "{left} of {all} in {head}");
        // Esc ends the filter first, and then closes the list.
        world.press("esc");
        assert_eq!(place(&world).1, all, "{head}");
        assert!(world.screen().contains("/ filter"), "{head}");
        world.press("esc");
        assert!(world.state.views.is_empty(), "{head}");
    }
}

#[test]
fn a_click_chooses_a_row_and_a_second_one_opens_it_at_every_size() {
    for (head, open, _) in LISTS {
        for (width, height) in SIZES {
            let mut world = open(width, height);
            world.press("home");
            let shown = world.screen();
            let first = shown.lines().position(|line| line.contains("▌")).unwrap();
            let row = u16::try_from(first + 1).unwrap();
            world.click(width / 2, row);
            let next = shown.lines().nth(first + 1).unwrap();
            assert_eq!(place(&world).0, 2, "{head} {width}x{height} {next}\n{shown}");
            let views = world.state.views.len();
            world.click(width / 2, row);
            // The theme chooser keeps the theme and closes.
            let after = if head == "THEME" { views - 1 } else { views + 1 };
            assert_eq!(world.state.views.len(), after, "{head} {width}x{height}");
        }
    }
}

#[test]
fn r_asks_the_server_again_in_each_list_of_it() {
    for (open, method) in [
        (runs as Opened, Method::RunsList),
        (key_list::opened, Method::KeysList),
        (clients, Method::ClientsList),
        (log_lines::read, Method::LogTail),
    ] {
        let mut world = open(100, 30);
        assert!(world.screen().contains("r refresh"), "{}", world.screen());
        let effects = world.press("r");
        let asked =
            |effect: &Effect| matches!(effect, Effect::Ask { ask, .. } if ask.method == method);
        assert!(effects.iter().any(asked), "{method:?}: {effects:?}");
        let effects = world.press("f5");
        assert!(effects.iter().any(asked), "{method:?}: {effects:?}");
    }
}

fn many() -> World {
    let mut world = World::connected(80, 24);
    world.press("f12");
    let runs = (1..=60).rev().map(|n| past(n, "zones", &json!({}), "ann", "succeeded")).collect();
    world.answer::<RunsList>(Ok(RunsPage { runs, next: None }));
    world
}

/// The first row was moved below the pointer by the first click, and the second click met another one.
#[test]
fn a_click_in_a_scrolled_list_moves_no_row() {
    let mut world = many();
    world.press("end");
    world.press("up");
    let before = world.screen();
    world.click_on("#8 ");
    let after = world.screen();
    let row = |shown: &str| shown.lines().position(|line| line.contains("#8 "));
    assert_eq!(row(&before), row(&after));
    assert!(after.lines().nth(row(&after).unwrap()).unwrap().contains('▌'), "{after}");
    world.click_on("#8 ");
    assert!(world.screen().contains("Runs › Run #8"), "{}", world.screen());
}

#[test]
fn the_wheel_scrolls_a_list_and_the_choice_stays_in_sight() {
    let mut world = many();
    world.press("down");
    let turn = |world: &mut World, rows| {
        world.tell(Msg::Wheel { rows, at: Position::new(40, 12) });
    };
    turn(&mut world, 1);
    assert_eq!(place(&world).0, 2, "it is in sight still");
    turn(&mut world, 3);
    assert_eq!(place(&world).0, 5, "the first row in sight");
    assert!(!world.screen().contains("#57 ") && world.screen().contains("#56 "));
    turn(&mut world, -9);
    assert!(world.screen().contains("#60 "));
}

#[test]
fn states_of_runs_are_filtered_by_tab_and_by_click() {
    let mut world = runs(100, 30);
    let shown = |world: &World| {
        let view = world.state.top_view::<RunList>().unwrap();
        view.shown().into_iter().map(|listed| listed.row.run_id.0).collect::<Vec<_>>()
    };
    for (state, rows) in [
        ("active", vec![31]),
        ("failed", vec![9]),
        ("succeeded", vec![30]),
        ("cancelled", vec![]),
        ("all", vec![31, 30, 9]),
    ] {
        world.press("tab");
        assert_eq!(shown(&world), rows, "{state}");
        assert!(world.screen().contains(&format!("[{state}]")), "{}", world.screen());
    }
    world.press("backtab");
    let screen = world.screen();
    assert!(screen.contains("No cancelled run: Tab shows the other states."), "{screen}");
    world.click_on(" failed ");
    assert_eq!(shown(&world), [9]);
}

#[test]
fn a_state_that_none_of_the_newest_has_is_looked_for_further_back() {
    let mut world = World::connected(80, 24);
    world.press("f12");
    world.answer::<RunsList>(Ok(RunsPage { next: Some(RunId(9)), ..page() }));
    world.press("tab tab tab");
    let effects = world.press("tab");
    let further = RunsList { before: Some(RunId(9)), limit: Some(500), ..RunsList::default() };
    assert_eq!(effects, [ask(world.session(), &further)]);
}

#[test]
fn a_run_is_changed_and_run_from_its_details_without_its_defaults() {
    let mut world = runs(80, 24);
    world.press("down enter");
    let shown = world.screen();
    for part in ["Runs › Run #30", "zone-run 4 5", "ann (#3)", "2026-03-01 09:10:02", "4.2 s"] {
        assert!(shown.contains(part), "{part}: {shown}");
    }
    assert!(world.press("e").is_empty(), "nothing is sent");
    assert!(world.state.views.is_empty());
    assert_eq!(world.input(), "zone-run 4");
}

#[test]
fn details_of_a_run_change_with_it_and_r_asks_for_its_row() {
    let mut world = runs(80, 24);
    world.press("enter");
    assert!(world.screen().contains("Ctrl-X cancel"), "{}", world.screen());
    let ended = past(31, "zone-run", &json!({"zone": 3}), "phone", "failed");
    world.notice(Notification::RunChanged(Box::new(ended)));
    assert!(world.screen().contains("exit 1") && !world.screen().contains("Ctrl-X cancel"));
    let effects = world.press("r");
    let one = RunsList { before: Some(RunId(32)), limit: Some(1), ..RunsList::default() };
    assert!(effects.contains(&ask(world.session(), &one)), "{effects:?}");
}

#[test]
fn a_click_marks_a_server_chooses_it_and_connects() {
    let mut world = World::new(100, 24).with_servers();
    let (x, y) = (2, 5);
    assert!(world.screen().lines().nth(5).unwrap().contains("clock"), "{}", world.screen());
    world.click(x, y);
    assert!(world.state.picker.marked.contains("clock"));
    world.click(x, y);
    assert!(world.state.picker.marked.is_empty());
    assert!(world.click(5, y).is_empty());
    assert_eq!(world.state.picker.at, 1);
    let effects = world.click(5, y);
    assert!(world.remark().contains("clock") || !effects.is_empty(), "as Enter does");
}

#[test]
fn the_picker_goes_to_its_ends() {
    let mut world = World::new(100, 24).with_servers();
    for (key, at) in [("G", 3), ("g", 0), ("end", 3), ("home", 0), ("pgdn", 3), ("pgup", 0)] {
        world.press(key);
        assert_eq!(world.state.picker.at, at, "{key}");
    }
}

#[test]
fn a_click_on_a_completion_takes_it_and_the_wheel_over_them_tries_others() {
    let mut world = World::connected(100, 30);
    world.write("z");
    world.press("tab");
    assert_eq!(world.input(), "zone");
    world.click_on("zone-stop");
    assert_eq!(world.input(), "zone-stop ");
    world.press("ctrl-u");
    world.write("z");
    world.press("tab");
    let shown = world.screen();
    // The header names what others run.
    let mut lines = shown.lines().enumerate().skip(1);
    let (y, line) = lines.find(|(_, line)| line.contains("zone-run")).unwrap();
    let x = u16::try_from(line.chars().position(|c| c == 'z').unwrap()).unwrap();
    let at = Position::new(x, u16::try_from(y).unwrap());
    world.tell(Msg::Wheel { rows: 1, at });
    world.tell(Msg::Wheel { rows: 9, at });
    let last = world.input().to_owned();
    world.tell(Msg::Wheel { rows: -9, at });
    assert_ne!(world.input(), last);
    // The same on the command line of Topside.
    world.press("esc ctrl-u :");
    world.write("k");
    world.press("tab");
    world.click_on("kick");
    assert!(world.screen().contains(":kick"), "{}", world.screen());
}

#[test]
fn a_server_without_runs_says_so_and_not_that_none_passes() {
    let mut world = World::connected(80, 24);
    world.press("f12");
    world.answer::<RunsList>(Ok(RunsPage::default()));
    assert!(world.screen().contains("There are no runs yet."), "{}", world.screen());
}

/// F2 did nothing while the menu was open as a list, and F3 nothing while the clients were.
#[test]
fn the_key_of_another_list_opens_it_in_place_of_the_one_that_is_open() {
    let mut world = admin(80, 24);
    for (key, words) in
        [("f3", "zone-stop"), ("f2", "3 clients ─"), ("f12", "Runs ─"), ("f3", "zone-stop")]
    {
        world.press(key);
        assert_eq!(world.state.views.len(), 1, "{key}");
        assert!(world.screen().contains(words), "{key}: {}", world.screen());
    }
}

/// `F3` a second time did nothing where the menu is a list above the screen, and F2 the same.
#[test]
fn the_key_that_opened_a_list_closes_it() {
    for key in ["f2", "f3", "f12", "alt-l", "alt-n", "ctrl-p"] {
        let mut world = admin(80, 24);
        world.press(key);
        assert_eq!(world.state.views.len(), 1, "{key}");
        world.press(key);
        assert!(world.state.views.is_empty(), "{key}: {}", world.screen());
    }
}
