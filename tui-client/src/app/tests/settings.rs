//! What the settings change: keys, and how each is found without them.

use super::*;
use crate::app::availability;
use crate::config::Settings;
use crate::input::Keymap;
use crate::input::actions::Id;
use crate::views::palette::Pick;

fn set(world: &mut World, settings: Settings, mistakes: &[&str]) -> Vec<Effect> {
    let mistakes = mistakes.iter().map(ToString::to_string).collect();
    world.tell(Msg::Settings { settings: Box::new(settings), mistakes, asked: false })
}

fn with_keys(changes: &[(Id, &[&str])]) -> Settings {
    let parse = |names: &[&str]| names.iter().map(|name| name.parse().unwrap()).collect();
    let changes: Vec<_> = changes.iter().map(|(id, names)| (*id, parse(names))).collect();
    Settings { keys: Keymap::with(&changes).unwrap(), ..Settings::default() }
}

#[test]
fn everything_is_done_by_a_key_or_from_the_palette() {
    for world in [World::new(80, 24), World::connected(80, 24)] {
        let mut world = world;
        world.press("ctrl-p");
        let rows = world.state.top_view::<Palette>().unwrap().shown(&world.state);
        for action in availability::actions_of(&world.state) {
            let listed = rows.iter().any(|row| row.pick == Pick::Act(action.id));
            let keys = world.state.keys.of(action.id);
            let has_key = !keys.always.is_empty() || !keys.bare.is_empty();
            assert!(listed || !action.dispatched && has_key || action.id == Id::Palette);
        }
        assert!(!world.state.keys.of(Id::Palette).always.is_empty());
    }
}

#[test]
fn a_key_of_ones_own_does_what_the_old_one_did_and_is_shown_everywhere() {
    let mut world = World::connected(100, 40);
    set(&mut world, with_keys(&[(Id::Clients, &["ctrl-g"]), (Id::Help, &["f11", "!"])]), &[]);
    world.press("f2");
    assert!(world.state.views.is_empty(), "the old key means nothing");
    let hints = world.screen();
    assert!(hints.contains("Ctrl-G clients") && hints.contains("! help"), "{hints}");
    world.press("ctrl-g");
    assert!(world.state.views.len() == 1 && world.state.top_view::<ClientsView>().is_some());
    world.press("esc !");
    assert!(world.state.views.len() == 1 && world.state.top_view::<Help>().is_some());
    world.press("esc ctrl-p");
    world.write("help");
    assert!(world.screen().contains("! F11"), "{}", world.screen());
    // A key that types is a letter again once something is typed.
    world.press("esc");
    world.write("echo !");
    assert_eq!(world.input(), "echo !");
    world.press("f11");
    assert!(world.state.views.len() == 1 && world.state.top_view::<Help>().is_some());
}

#[test]
fn an_error_in_the_settings_is_reported_and_the_other_settings_apply() {
    let mut world = World::connected(80, 24);
    let off = Settings { mouse: false, ..Settings::default() };
    let effects =
        set(&mut world, off.clone(), &["theme.toml:1:1: wrong", "keymap.toml:1:1: wrong"]);
    assert!(matches!(effects[..], [Effect::Mouse(false)]), "{effects:?}");
    let words = "theme.toml:1:1: wrong (1 of 2) · Enter closes this";
    let shown = |world: &World| world.state.message().map(|(_, text)| text.to_owned());
    assert_eq!(shown(&world).as_deref(), Some(words));
    // No other key closes it, and no time.
    world.press("x backspace");
    world.wait(60_000);
    assert_eq!(shown(&world).as_deref(), Some(words));
    world.press("enter");
    let next = "keymap.toml:1:1: wrong (2 of 2) · Enter closes this";
    assert_eq!(shown(&world).as_deref(), Some(next));
    // Enter belongs to what is typed.
    world.write("nope");
    world.press("enter");
    world.wait(60_000);
    assert_eq!(shown(&world).as_deref(), Some(next));
    world.press("esc");
    assert_eq!(shown(&world), None);
    set(&mut world, off.clone(), &["keymap.toml:1:1: wrong"]);
    set(&mut world, off.clone(), &[]);
    assert_eq!(shown(&world), None, "the file is right again");
    // Switched on by hand, it stays on until the file says something else.
    world.press("alt-m");
    assert!(set(&mut world, off, &[]).is_empty() && world.state.mouse);
}

#[test]
fn a_theme_is_previewed_while_it_is_chosen_kept_by_enter_and_restored_by_esc() {
    let mut world = World::new(80, 24);
    let own = crate::theme::ThemeChoice {
        name: "own",
        ..crate::theme::ThemeChoice::named("nord").unwrap().clone()
    };
    let settings = Settings { own_theme: Some(own.clone()), ..Settings::default() };
    set(&mut world, settings, &[]);
    let open = |world: &mut World| {
        world.press("ctrl-p");
        world.write("theme");
        world.press("enter");
    };
    open(&mut world);
    let before = world.state.theme_choice.clone();
    world.press("down down");
    assert_eq!(world.state.theme_choice.name, "light");
    assert_eq!(world.state.theme, world.state.theme_choice.on(world.state.terminal_colours));
    assert!(world.press("esc").is_empty());
    assert_eq!(world.state.theme_choice, before);
    open(&mut world);
    world.write("/theme.toml");
    assert_eq!(world.state.theme_choice, own, "the first that passes the filter");
    assert!(world.press("enter").is_empty(), "the filter is kept");
    assert!(matches!(world.press("enter")[..], [Effect::SaveTheme("own")]));
    assert_eq!(world.state.theme_choice, own);
}
