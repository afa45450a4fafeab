//! The side panes: focus, filter, hide, zoom; the favourites and the recent commands of the menu.

use serde_json::json;
use topside_shared::ClientId;
use topside_shared::command::Effect as Harm;
use topside_shared::methods::{CommandsList, Menu};
use topside_shared::notifications::Notification;

use super::{Effect, World, menu, printed};
use crate::app::console::side_panes::Focus;
use crate::app::{Msg, Size};
use crate::config::PaneChoices;
use crate::views::client_details::ClientDetails;
use crate::views::clients::Clients;
use crate::views::command_form::CommandForm;
use crate::views::palette::Palette;

fn focus(world: &mut World) -> Focus {
    world.console().side.focus
}

#[test]
fn f3_gives_the_menu_the_keys_and_typing_filters_it_in_place() {
    let mut world = World::connected(160, 50);
    world.write("zo");
    world.press("f3");
    assert_eq!(focus(&mut world), Focus::Menu);
    assert!(world.state.views.is_empty(), "it is no popup");
    world.write("zone-r");
    let menu = world.screen();
    assert!(menu.contains("MENU ❯ zone-r") && menu.contains("▌  zone-run …"), "{menu}");
    assert!(!menu.contains("zone-stop"), "{menu}");
    world.press("enter");
    assert!(world.state.top_view::<CommandForm>().is_some());
    assert_eq!(focus(&mut world), Focus::Input);
    world.press("esc");
    assert_eq!(world.input(), "zo", "what was typed for the filter is not in the input");
}

#[test]
fn esc_returns_the_keys_to_the_input_and_the_menu_shows_all_again() {
    let mut world = World::connected(160, 50);
    world.press("f3");
    world.write("nothing like this");
    assert!(world.screen().contains("Nothing matches."));
    world.press("esc");
    assert_eq!(focus(&mut world), Focus::Input);
    assert!(world.screen().contains("zone-run"));
    world.write("z");
    assert_eq!(world.input(), "z");
}

#[test]
fn a_pane_is_hidden_by_its_key_and_the_choice_belongs_to_the_width() {
    let mut world = World::connected(160, 50);
    let effects = world.press("f3 f3");
    assert!(matches!(effects[..], [Effect::KeepPanes(_)]), "{effects:?}");
    assert!(!world.screen().contains("MENU"));
    world.press("alt-c");
    assert!(!world.screen().contains("CLIENTS"));
    world.tell(Msg::Resize(Size { width: 120, height: 30 }));
    assert!(world.screen().contains("CLIENTS"), "another width, another choice");
    world.tell(Msg::Resize(Size { width: 160, height: 50 }));
    let hidden = world.screen();
    assert!(!hidden.contains("CLIENTS") && !hidden.contains("MENU"), "{hidden}");
    world.press("alt-h alt-c");
    let both = world.screen();
    assert!(both.contains("CLIENTS") && both.contains("MENU"), "{both}");
}

#[test]
fn where_a_pane_leaves_less_than_80_columns_it_opens_as_a_list() {
    let mut world = World::connected(100, 30);
    world.press("f3");
    assert!(world.state.top_view::<Palette>().is_some());
    world.press("esc f2");
    assert!(world.state.top_view::<Clients>().is_some());
    world.press("esc alt-h");
    assert!(world.remark().contains("F3 shows it as a list"), "{}", world.remark());
    // Beside the clients there is no room for the menu, in their place there is.
    world.tell(Msg::Resize(Size { width: 120, height: 30 }));
    world.press("f3");
    assert!(world.state.top_view::<Palette>().is_some());
    world.press("esc alt-c f3");
    assert!(world.state.views.is_empty());
    assert_eq!(focus(&mut world), Focus::Menu);
    assert!(world.console().laid.text_width() >= 80);
}

#[test]
fn alt_z_zooms_the_output_to_the_whole_screen_and_back() {
    let mut world = World::connected(160, 50);
    let before = world.screen();
    world.press("f3 alt-z");
    assert_eq!(focus(&mut world), Focus::Input);
    let zoomed = world.screen();
    assert!(!zoomed.contains("MENU") && !zoomed.contains(" · connected · "), "{zoomed}");
    assert_eq!(world.console().laid.pane.height, 47);
    world.press("alt-z");
    assert_eq!(world.screen(), before);
}

#[test]
fn a_lost_session_is_seen_while_the_output_is_zoomed() {
    let mut world = World::connected(100, 30);
    world.press("alt-z");
    world.event(super::Event::Lost(crate::connect::DisconnectReason::Gone));
    assert!(world.screen().contains("lost at"), "{}", world.screen());
}

#[test]
fn topsides_own_commands_are_folded_under_one_row_that_enter_and_a_click_unfold() {
    let mut world = World::connected(160, 50);
    let folded = world.screen();
    assert!(folded.contains("▸ Topside ("), "{folded}");
    world.click_on("▸ Topside (");
    let open = world.screen();
    assert!(open.contains("▾ Topside (") && open.contains("  status"), "{open}");
    world.press("end");
    world.click_on("▾ Topside (");
    assert!(world.screen().contains("▸ Topside ("));
    world.press("end enter");
    assert!(world.screen().contains("▾ Topside ("));
    world.press("enter");
    world.write("shutdown");
    assert!(world.screen().contains("▌  shutdown"), "a filter finds what is folded");
}

#[test]
fn a_star_makes_a_favourite_at_the_top_that_is_stored_for_its_server() {
    let mut world = World::connected(160, 50);
    world.press("f3");
    world.write("zone-run");
    let effects = world.press("*");
    let names = vec!["zone-run".to_owned()];
    let keep = Effect::KeepFavourites { server: "this machine".into(), names };
    assert_eq!(effects, [keep]);
    world.press("esc");
    let (_, top) = world.find("★ zone-run …");
    assert_eq!(top, 3, "below MENU:\n{}", world.screen());
    world.press("f3 *");
    assert!(!world.screen().contains('★'));
    let names = vec!["zones".to_owned(), "gone".to_owned()];
    world.tell(Msg::Favourites { server: "this machine".into(), names: names.clone() });
    assert!(world.screen().contains("★ zones"));
    world.tell(Msg::Favourites { server: "another".into(), names: Vec::new() });
    assert!(world.screen().contains("★ zones"), "of another server");
}

#[test]
fn a_command_shows_its_effect_whether_it_runs_and_whether_it_needs_arguments() {
    let mut world = World::connected(160, 50);
    let row = |world: &World, name: &str| {
        let shown = world.screen();
        let row = shown.lines().find(|line| line.starts_with(&format!("   {name}"))).unwrap();
        row.split('│').next().unwrap().trim().to_owned()
    };
    assert!(row(&world, "zones").ends_with('◇'), "{}", row(&world, "zones"));
    let mut changed = menu();
    for (name, effect) in [("zone-run", Harm::Write), ("zone-stop", Harm::Destructive)] {
        let found = changed.commands.iter_mut().find(|command| command.name == name);
        let found = found.unwrap();
        (found.effect, found.scheduled) = (effect, name == "zone-run");
    }
    world.answer::<CommandsList>(Ok(Menu { revision: 9, ..changed }));
    assert!(world.screen().contains("zone-run … ◷"), "{}", world.screen());
    assert!(!world.screen().contains("zone-stop … ◷"), "{}", world.screen());
    assert!(row(&world, "zone-stop …").ends_with('▲'), "{}", row(&world, "zone-stop …"));
    world.run("zones", 30, "", None);
    assert!(row(&world, "zones").ends_with("◇ ●"), "{}", row(&world, "zones"));
    assert!(row(&world, "zone-run …").ends_with("◆ ●"), "a run of the phone");
}

#[test]
fn recent_commands_are_listed_if_the_settings_say_so() {
    let mut world = World::connected(160, 50);
    world.run("zones", 30, "", super::ended("succeeded", 0, 4));
    world.run("temp", 31, "", super::ended("succeeded", 0, 4));
    assert!(!world.screen().contains("Recent"));
    world.state.recent = 1;
    let (column, row) = world.find("Recent");
    let below = world.screen().lines().nth(usize::from(row) + 1).unwrap().to_owned();
    assert!(column == 1 && below.starts_with("   temp"), "{below}");
}

#[test]
fn a_filter_of_the_clients_finds_one_and_enter_or_a_click_opens_its_details() {
    let mut world = World::connected(160, 50);
    world.press("f2");
    assert_eq!(focus(&mut world), Focus::Clients);
    world.write("phone");
    assert!(world.screen().contains("you"), "letters filter after `/`");
    world.press("/");
    world.write("phone");
    let shown_now = world.screen();
    assert!(shown_now.contains("CLIENTS ❯ phone") && !shown_now.contains("you"), "{shown_now}");
    assert!(shown_now.contains("Esc no filter   Enter keep filter"), "{shown_now}");
    world.press("enter enter");
    assert!(world.state.top_view::<ClientDetails>().is_some());
    world.press("esc");
    assert!(world.screen().contains("Esc no filter   Enter details"), "{}", world.screen());
    world.press("esc");
    assert!(world.screen().contains("you"), "{}", world.screen());
    assert_eq!(focus(&mut world), Focus::Clients, "Esc ends the filter first");
    world.press("esc");
    assert_eq!(focus(&mut world), Focus::Input);
    world.click_on("phone");
    assert!(world.state.views.is_empty() && focus(&mut world) == Focus::Clients);
    world.click_on("phone");
    assert!(world.state.top_view::<ClientDetails>().is_some());
}

#[test]
fn the_client_that_was_chosen_goes_and_another_one_is() {
    let mut world = World::connected(160, 50);
    world.press("f2 down");
    let left = json!({"left": [{"clientId": 4, "reason": "closed"}]});
    world.notice(Notification::ClientsChanged(serde_json::from_value(left).unwrap()));
    assert!(!world.console().clients.contains_key(&ClientId(4)));
    world.press("enter");
    assert!(world.state.top_view::<ClientDetails>().is_some());
}

#[test]
fn a_click_on_the_title_of_a_pane_gives_it_the_keys_and_one_on_the_output_takes_them() {
    let mut world = World::connected(160, 50);
    world.click_on("CLIENTS");
    assert_eq!(focus(&mut world), Focus::Clients);
    world.click_on("MENU");
    assert_eq!(focus(&mut world), Focus::Menu);
    let pane = world.console().laid.pane;
    world.click(pane.x + 5, pane.bottom() - 1);
    assert_eq!(focus(&mut world), Focus::Input);
}

#[test]
fn lines_that_are_not_wrapped_have_one_row_and_scroll_sideways() {
    let mut world = World::connected(60, 15);
    let line = format!("{}middle{}end", "a".repeat(60), "b".repeat(60));
    world.run("zones", 30, &format!("{line}\nshort\n"), None);
    world.press("shift-right");
    assert!(world.remark().contains("Alt-R shows each in one row"), "{}", world.remark());
    world.press("alt-r");
    let cut = world.screen();
    assert!(cut.contains("aaaa›") && !cut.contains("middle"), "{cut}");
    world.press("> > shift-right");
    let scrolled = world.screen();
    assert!(scrolled.contains("▎ ‹") && scrolled.contains("middle"), "{scrolled}");
    for _ in 0..20 {
        world.press(">");
    }
    let end = world.screen();
    assert!(end.contains("bend") && !end.contains('›'), "the end is at the right edge: {end}");
    for _ in 0..20 {
        world.press("<");
    }
    let back = world.screen();
    assert!(back.contains("aaaa›") && !back.contains('‹'), "{back}");
}

#[test]
fn a_match_of_a_search_is_scrolled_to_in_lines_that_are_not_wrapped() {
    let mut world = World::connected(60, 15);
    let line = format!("{}needle{}", "漢".repeat(60), "b".repeat(60));
    world.run("zones", 30, &format!("{line}\n"), None);
    world.press("alt-r");
    world.press("/");
    world.write("needle");
    world.press("enter");
    let shown = world.screen();
    assert!(shown.contains("needle"), "{shown}");
}

#[test]
fn the_choice_that_was_kept_is_that_of_the_next_start() {
    let mut world = World::connected(160, 50);
    let mut choices = PaneChoices::default();
    choices.change(160, |choice| choice.menu = Some(false));
    world.tell(Msg::Panes(choices));
    assert!(!world.screen().contains("MENU"));
    world.answer::<CommandsList>(Ok(Menu { revision: 9, ..menu() }));
    world.notice(printed(1, ""));
    world.press("f3");
    assert!(world.screen().contains("MENU ❯ "));
}

/// In a terminal without room for the pane, `zone-stop` looked like `zones`.
#[test]
fn the_menu_as_a_list_has_the_signs_and_categories_of_the_pane() {
    let mut world = World::connected(100, 30);
    let mut changed = menu();
    let stop = changed.commands.iter_mut().find(|command| command.name == "zone-stop").unwrap();
    stop.effect = topside_shared::command::Effect::Destructive;
    stop.scheduled = true;
    world.answer::<CommandsList>(Ok(changed));
    let effects = world.enter("zone-run 3");
    world.block_of(&effects);
    world.press("f3");
    let shown = world.screen();
    for words in ["CATEGORY", "◇ All zones", "zone-run … ●", "zone-stop … ◷", "▲ Stop a zone"]
    {
        assert!(shown.contains(words), "{words}: {shown}");
    }
}

/// Without the list of clients nothing on the screen said that another user had a run.
#[test]
fn the_header_names_what_others_run_where_the_list_of_clients_has_no_room() {
    let header =
        |width: u16| World::connected(width, 24).screen().lines().next().unwrap().to_owned();
    assert!(header(100).contains("1 running: phone zone-run · 3 clients"), "{}", header(100));
    assert!(header(80).contains("1 running · 3 clients"), "{}", header(80));
    assert!(!header(60).contains("running"), "{}", header(60));
    assert!(!header(120).contains("running"), "{}", header(120));
    let mut world = World::connected(100, 24);
    world.console().clients.values_mut().for_each(|row| row.runs.clear());
    assert!(!world.screen().contains("running"), "{}", world.screen());
}
