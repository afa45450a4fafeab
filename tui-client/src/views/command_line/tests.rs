use serde_json::json;

use super::CommandLine;
use crate::app::tests::World;
use crate::app::tests::admin_actions::admin;
use crate::app::{Effect, ProfileEdit, State};
use crate::views::accepted_keys::AcceptedKeys;
use crate::views::confirm::Confirm;
use crate::views::run_list::RunList;
use crate::views::tests::{frame, text};

/// Types a line of verbs and presses Enter.
fn line(world: &mut World, line: &str) -> Vec<Effect> {
    world.press(":");
    assert!(world.state.has_view::<CommandLine>(), "{}", text(&frame(&world.state)));
    world.write(line);
    world.press("enter")
}

/// The method and parameters of the only request.
fn asked(effects: &[Effect]) -> (&'static str, serde_json::Value) {
    let asks: Vec<_> = effects
        .iter()
        .filter_map(|effect| match effect {
            Effect::Ask { ask, .. } => Some((ask.method.name(), ask.params.clone())),
            _ => None,
        })
        .collect();
    let [ask] = &asks[..] else { panic!("{effects:?}") };
    ask.clone()
}

fn wrong(state: &State) -> String {
    state.top_view::<CommandLine>().and_then(|view| view.wrong.clone()).unwrap_or_default()
}

#[test]
fn a_verb_sends_its_request_and_the_answer_is_a_block() {
    let mut world = admin(100, 30);
    let (method, params) = asked(&line(&mut world, "broadcast --level warning back soon"));
    assert_eq!(method, "broadcast");
    assert_eq!(params, json!({"message": "back soon", "level": "warning"}));
    let screen = text(&frame(&world.state));
    assert!(screen.contains(":broadcast --level warning back soon"), "{screen}");
}

#[test]
fn a_mistake_leaves_the_line_with_a_sentence_below_it() {
    let mut world = admin(100, 30);
    for (typed, want) in [
        ("kick x", "it is a number"),
        ("run echo x", "type the command itself"),
        ("keys --on other", "this line goes to"),
        ("keys --json", "--json is for a shell"),
        ("delete garden", "no server is saved as garden"),
    ] {
        assert_eq!(line(&mut world, typed), []);
        assert!(wrong(&world.state).contains(want), "{typed}: {}", wrong(&world.state));
        let screen = text(&frame(&world.state));
        assert!(screen.contains(&format!(":{typed}")), "{screen}");
        world.press("esc");
        assert!(!world.state.has_view::<CommandLine>());
    }
}

#[test]
fn a_harmful_verb_asks_first_unless_it_was_confirmed() {
    let mut world = admin(100, 30);
    let (method, params) = asked(&line(&mut world, "shutdown --in 5m moving"));
    assert_eq!((method, &params["state"]), ("runs/list", &json!("running")));
    assert!(world.state.top_view::<Confirm>().is_some_and(Confirm::wants_name));
    world.press("esc");
    let (method, params) = asked(&line(&mut world, "shutdown --in 5m --yes moving"));
    assert_eq!(method, "server/shutdown");
    assert_eq!((&params["delayMs"], &params["reason"]), (&json!(300_000), &json!("moving")));
}

#[test]
fn a_verb_of_a_list_opens_its_view_and_help_is_a_block() {
    let mut world = admin(100, 30);
    line(&mut world, "keys");
    assert!(world.state.has_view::<AcceptedKeys>());
    // From the list too.
    line(&mut world, "runs");
    assert!(world.state.has_view::<RunList>() && !world.state.has_view::<AcceptedKeys>());
    line(&mut world, "kick --help");
    assert!(world.state.views.is_empty());
    let screen = text(&frame(&world.state));
    assert!(screen.contains("Usage: :kick"), "{screen}");
    let (method, params) = asked(&line(&mut world, "runs --state failed"));
    assert_eq!((method, &params["state"]), ("runs/list", &json!("failed")));
}

#[test]
fn the_picker_has_the_command_line_with_its_completion_and_help() {
    let mut world = World::new(100, 30).with_servers();
    assert_eq!(line(&mut world, "clients"), []);
    assert!(wrong(&world.state).contains("this verb asks a server"), "{}", wrong(&world.state));
    world.press("ctrl-u");
    world.write("delete cl");
    world.press("tab");
    world.press("enter");
    let question = world.state.top_view::<Confirm>().unwrap();
    assert_eq!(question.title, "Forget clock?");
    let forget = Effect::Edit(ProfileEdit::Remove("clock".into()));
    assert_eq!(world.press("y"), [forget]);
    let effects = line(&mut world, "add pond --lan 192.168.1.40 --port 8000");
    let [Effect::Edit(ProfileEdit::Add(pond))] = &effects[..] else { panic!("{effects:?}") };
    assert_eq!((pond.lan.as_deref(), pond.port), (Some("192.168.1.40"), 8_000));
    assert_eq!(line(&mut world, "add pond --port 70000"), []);
    let want = "port must be 1 to 65535, not 70000";
    assert!(wrong(&world.state).contains(want), "{}", wrong(&world.state));
    world.press("esc");
    line(&mut world, "servers");
    let screen = text(&frame(&world.state));
    assert!(screen.contains(":servers") && screen.contains("192.168.1.11"), "{screen}");
    world.press("esc");
    line(&mut world, "kick --help");
    assert!(text(&frame(&world.state)).contains("Usage: :kick"));
    world.press("esc");
    assert!(world.state.views.is_empty());
    assert_eq!(line(&mut world, "quit"), [Effect::Quit]);
}

/// There was no verb for the theme, only the action in the palette.
#[test]
fn theme_with_a_name_shows_and_keeps_it_and_without_one_opens_the_list() {
    for mut world in [admin(100, 30), World::new(100, 30)] {
        assert_eq!(line(&mut world, "theme nord"), [Effect::SaveTheme("nord")]);
        assert_eq!(world.state.theme_choice.name, "nord");
        assert_eq!(world.remark(), "Theme: nord.");
        assert_eq!(line(&mut world, "theme nrod"), []);
        assert_eq!(wrong(&world.state), "there is no theme nrod: did you mean nord?");
        world.press("esc");
        assert_eq!(world.state.theme_choice.name, "nord");
        world.press(":");
        world.write("theme gruvbox-l");
        world.press("tab");
        let view = world.state.top_view::<CommandLine>().unwrap();
        assert_eq!(view.input.editor.text(), "theme gruvbox-light ");
        world.press("esc");
        line(&mut world, "theme");
        assert_eq!(world.state.views.last().unwrap().title(&world.state), "Theme");
    }
}

#[test]
fn tab_completes_and_up_recalls_lines_of_verbs_only() {
    let mut world = admin(100, 30);
    line(&mut world, "help");
    world.press(":");
    world.press("up");
    let typed = |world: &World| {
        let view = world.state.top_view::<CommandLine>().unwrap();
        view.input.editor.text().to_owned()
    };
    assert_eq!(typed(&world), "help");
    world.press("ctrl-u");
    world.write("invite --role op");
    world.press("tab");
    assert_eq!(typed(&world), "invite --role operator ");
    world.press("esc");
    world.write("half");
    world.press(":");
    assert!(!world.state.has_view::<CommandLine>(), "a colon is text in a line that has begun");
}
