//! Every key hint of every screen and view, in every state: the key does what the hint says.

use super::screen_states::STATES;
use super::*;
use crate::input::key::Key;
use crate::views::tests::screens::after_the_end;
use crate::views::tests::{SIZES, frame};
use crate::widgets::canvas::{self, Hit};

/// A hint that is on the screen: the key, and the words beside it.
#[derive(Debug, Clone)]
struct Shown {
    key: Key,
    name: String,
    what: String,
}

/// The hints of the last frame.
fn hints(world: &mut World) -> Vec<Shown> {
    world.lay();
    let buffer = frame(&world.state);
    let strip = world.state.strip_rows();
    let hits = world.state.hits.iter().filter_map(|(place, clicked)| match clicked {
        Clicked::Key(key) | Clicked::InView(Hit::Key(key)) => Some((place, *key)),
        _ => None,
    });
    hits.map(|(place, key)| {
        let text: String =
            (place.x..place.right()).map(|x| buffer[(x, place.y + strip)].symbol()).collect();
        let (name, what) = text.trim().split_once(' ').unwrap_or((text.trim(), ""));
        Shown { key, name: name.to_owned(), what: what.to_owned() }
    })
    .collect()
}

/// What a hint says must be seen after its key: a view, a request, or another change.
fn happened(what: &str, before: &World, after: &World, effects: &[Effect]) -> bool {
    let (was, is) = (before.state.views.len(), after.state.views.len());
    let asks = |method: Method| {
        effects
            .iter()
            .any(|effect| matches!(effect, Effect::Ask { ask, .. } if ask.method == method))
    };
    let question = |words: &str| {
        after.state.top_view::<Confirm>().is_some_and(|confirm| confirm.title.starts_with(words))
    };
    let screen = |words: &str| after.screen().contains(words);
    let at_picker = |world: &World| matches!(world.state.screen, Screen::Picker);
    let input =
        |world: &World| world.state.console().map(|console| console.input.editor.text().to_owned());
    let focus = |world: &World| world.state.console().map(|console| console.side.focus);
    match what {
        "cancel" => asks(Method::RunCancel) || question("Cancel run"),
        "cancels" => is < was || question("Stop it"),
        "waits no longer" => question("Wait no longer"),
        "runs it on none" => {
            effects.iter().any(|effect| matches!(effect, Effect::FanOutOrder { .. }))
        }
        "revoke" => question("Revoke"),
        "disconnect" => question("Disconnect"),
        "delete" => question("Forget"),
        "closes" => is < was,
        "closes (asks first)" => is == was && screen("Esc again discards"),
        "back" if was > 0 => is < was,
        // Text may be complete already.
        "complete" | "completes" => true,
        "details" => is > was || screen("Esc all results"),
        "form" | "opens it" | "edit" | "add" | "duplicate" | "invite" | "actions" | "help"
        | "postpone" => is > was || replaced(before, after),
        "runs" | "clients" | "menu" => is > was || focus(before) != focus(after),
        "input" | "hide" => focus(before) != focus(after),
        "output" => is < was,
        "change and run" | "type" | "edit as a line" => {
            is < was || focus(before) != focus(after) || input(before) != input(after)
        }
        "refresh" => effects.iter().any(|effect| matches!(effect, Effect::Ask { .. })),
        "run"
        | "runs it"
        | "does it"
        | "yes"
        | "creates it"
        | "sends it"
        | "pairs"
        | "saves it"
        | "save"
        | "send"
        | "create"
        | "answer"
        | "connect"
        | "command"
        | "test"
        | "to continue (asks first)" => !effects.is_empty() || is != was || replaced(before, after),
        "no" => is < was,
        "quit" => after.state.quitting || question("Leave"),
        "picker" => at_picker(after),
        "reconnect" => matches!(after.state.link, ConnectionState::Dialling(_)),
        "give up" => !matches!(after.state.link, ConnectionState::Dialling(_)),
        "new tab" => after.state.tabs.len() > before.state.tabs.len(),
        "copy" | "copies" => effects
            .iter()
            .any(|effect| matches!(effect, Effect::Copy { .. } | Effect::Fetch { .. })),
        "end of input" => asks(Method::RunInput),
        // What is chosen, typed, scrolled, marked, filtered or folded is on the screen.
        _ => frame(&before.state) != frame(&after.state) || !effects.is_empty(),
    }
}

/// Whether another view is on top.
fn replaced(before: &World, after: &World) -> bool {
    let top = |world: &World| world.state.views.last().map(|view| view.title(&world.state));
    top(before) != top(after)
}

/// Hints that named a key which did something else, or nothing: `Ctrl-X cancel` on a run that had ended, `Ctrl-X revoke` on
/// a revoked key, `F9 postpone` over a view, letters as keys while a filter was typed.
#[test]
fn every_hint_of_every_view_does_what_it_says_in_every_state() {
    let mut wrong = Vec::new();
    for (name, open) in STATES {
        let mut pressed = std::collections::HashSet::new();
        // The hints of the smallest screens are some of those of the others.
        for (width, height) in [SIZES[4], SIZES[1], SIZES[3], SIZES[0], SIZES[2]] {
            let mut before = open(width, height);
            let shown = hints(&mut before).into_iter();
            for Shown { key, name: called, what } in shown.filter(|shown| {
                pressed.insert((shown.name.clone(), shown.what.clone())) || width == SIZES[1].0
            }) {
                let mut after = open(width, height);
                after.state.remark = None;
                let mut effects = after.tell(Msg::Key(key));
                let at = format!("{name} {width}x{height}: {called} {what}");
                let does = happened(&what, &before, &after, &effects);
                // The other one of a pair, if this one is at its end.
                let other = [("↑", "down"), ("←", "right")];
                for (_, key) in other.into_iter().filter(|(name, _)| *name == called && !does) {
                    effects.extend(after.press(key));
                }
                let remark = after.state.remark.as_ref().filter(|it| it.tone == Tone::Refused);
                if let Some(remark) = remark {
                    wrong.push(format!("{at}: {}", remark.text));
                } else if !does && !happened(&what, &before, &after, &effects) {
                    wrong.push(at);
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// It stayed open in the form of a saved server.
#[test]
fn ctrl_c_leaves_every_view() {
    for (name, open) in STATES {
        let mut world = open(100, 30);
        let views = world.state.views.len();
        if views == 0 {
            continue;
        }
        // The first one may end a filter, a list of completions or a search, or ask.
        for _ in 0..3 {
            if world.state.views.len() == views {
                let before = world.screen();
                world.press("ctrl-c");
                assert_ne!(world.screen(), before, "{name}: Ctrl-C does nothing");
            }
        }
        assert_ne!(world.state.views.len(), views, "{name}");
    }
}

/// `?` did nothing, or closed what was open, above a question and in the results of several boxes; F1 did nothing above any view.
#[test]
fn the_help_opens_above_every_view_unless_a_text_takes_the_sign() {
    let has_help = |world: &World| world.state.top_view::<Help>().is_some();
    let signs = |world: &World| world.screen().matches('?').count();
    for (name, open) in STATES {
        let mut world = open(100, 30);
        if has_help(&world) {
            world.press("f1");
            assert!(!has_help(&world), "{name}: its own key closes it");
            continue;
        }
        let (views, before) = (world.state.views.len(), signs(&world));
        world.press("?");
        // It is typed, or not taken by a form of which a button has the focus.
        let typed = signs(&world) > before;
        let is_form = world.state.top_view::<CommandForm>().is_some()
            || ["form", "invite"].iter().any(|word| name.contains(word));
        assert!(has_help(&world) || typed || is_form, "{name}: {}", world.screen());
        let mut world = open(100, 30);
        world.press("f1");
        assert!(has_help(&world), "{name}: F1");
        world.press("esc");
        assert_eq!(world.state.views.len(), views, "{name}: what was open stays");
    }
}

/// The help had the keys of the console only, also above a list that has keys of its own.
#[test]
fn the_help_above_a_list_begins_with_the_keys_of_the_list_and_names_each_hint_of_it() {
    for (name, open) in STATES {
        let mut world = open(160, 50);
        let is_list = world.state.views.last().is_some_and(|view| !view.help().is_empty());
        if !is_list {
            continue;
        }
        let shown = hints(&mut world);
        let title = world.state.views.last().unwrap().title(&world.state);
        world.press("f1");
        let help = world.screen();
        assert!(help.contains(&title.to_uppercase()), "{name}: {help}");
        let view = world.state.views[world.state.views.len() - 2].help();
        let keys: Vec<Key> =
            view.iter().flat_map(|(keys, _)| keys.split(' ')).filter_map(canvas::named).collect();
        for Shown { key, name: called, what } in shown {
            // What the list does only while its filter is typed stands beside the filter.
            let of_filter = ["filter", "choose"].iter().any(|word| what.ends_with(word));
            assert!(of_filter || keys.contains(&key), "{name}: {called} {what} is not in {view:?}");
        }
    }
}

/// After the end of a session a search had no row: its text and its matches were typed unseen.
#[test]
fn a_search_after_the_session_shows_what_is_typed_and_how_much_was_found() {
    let mut world = after_the_end(100, 30);
    let lines = world.screen().lines().count();
    world.press("alt-/");
    world.write("zone");
    let screen = world.screen();
    let row = screen.lines().find(|line| line.contains(" / zone"));
    assert!(row.is_some_and(|row| row.contains(" found")), "{screen}");
    assert!(screen.contains("sprinkler · shut down by phone"), "the bar stays: {screen}");
    world.press("esc");
    assert_eq!(world.screen().lines().count(), lines);
    assert!(!world.screen().contains(" / zone"));
}
