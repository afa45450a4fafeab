//! Forms of commands with choices that the server lists, with conditions and with a reason.

use topside_shared::methods::{Choice, Choices, CommandChoices};
use topside_shared::{ErrorKind, RpcError};

use super::*;

/// The form of a command with these arguments, above the console.
fn opened(args: &Value) -> (World, Vec<Effect>) {
    let mut world = World::connected(80, 24);
    let mut with_command = menu();
    let command = json!({"name": "unit", "title": "Restart a unit", "role": "viewer", "effect": "write", "args": args});
    with_command.commands.push(serde_json::from_value(command).unwrap());
    world.answer::<CommandsList>(Ok(with_command));
    let effects = world.choose("unit");
    (world, effects)
}

fn line(world: &World) -> String {
    world.state.top_view::<CommandForm>().unwrap().line()
}

fn listed(names: &[(&str, &str)]) -> Choices {
    let choice = |(value, label): &(&str, &str)| Choice {
        value: (*value).into(),
        label: (!label.is_empty()).then(|| (*label).to_owned()),
    };
    Choices { choices: names.iter().map(choice).collect() }
}

#[test]
fn a_form_asks_for_the_choices_that_the_server_lists_and_shows_their_labels() {
    let args = json!([{"name": "unit", "type": "enum", "required": true, "choicesFrom": true}]);
    let (mut world, effects) = opened(&args);
    let [Effect::Ask { ask, .. }] = &effects[..] else { panic!("{effects:?}") };
    assert_eq!(ask.params, json!({"command": "unit", "argument": "unit"}));
    assert!(world.screen().contains("asking the server"), "{}", world.screen());
    assert!(world.press("right ctrl-s").is_empty());
    let all = listed(&[("ssh.service", "The ssh\u{1b} server"), ("web.service", "")]);
    world.answer_to::<CommandChoices>(|_| true, Ok(all.clone()));
    let screen = world.screen();
    assert!(screen.contains("The ssh server") && screen.contains("web.service"), "{screen}");
    world.press("right");
    assert_eq!(line(&world), "unit ssh.service");
    // What was chosen is there again, though the server is asked once more.
    world.press("esc");
    world.choose("unit");
    assert_eq!(line(&world), "unit");
    world.answer_to::<CommandChoices>(|_| true, Ok(all));
    assert_eq!(line(&world), "unit ssh.service");
    let effects = world.press("ctrl-s");
    assert_eq!(command_of(&effects).args["unit"], "ssh.service");
}

#[test]
fn a_program_that_lists_no_choices_is_reported_at_its_field() {
    let args = json!([
        {"name": "unit", "type": "enum", "required": true, "choicesFrom": true},
        {"name": "note"},
    ]);
    let (mut world, _) = opened(&args);
    let error = RpcError::new(
        ErrorKind::SpawnFailed,
        "the choices of unit cannot be listed: /opt/list did not end within 5 s",
    );
    world.answer_to::<CommandChoices>(|_| true, Err(CallError::Refused(error)));
    let screen = world.screen();
    assert!(
        screen.contains("✗") && screen.contains("/opt/list did not end within 5 s"),
        "{screen}"
    );
    assert!(world.press("ctrl-s").is_empty());
    world.press("esc");
    world.choose("unit");
    world.answer_to::<CommandChoices>(|_| true, Ok(listed(&[])));
    assert!(world.screen().contains("there is none at the moment"), "{}", world.screen());
}

#[test]
fn a_field_with_a_condition_is_asked_for_only_where_it_applies() {
    let args = json!([
        {"name": "mode", "type": "enum", "choices": ["auto", "manual"], "default": "auto"},
        {"name": "level", "type": "int", "required": true, "when": {"mode": "manual"}},
        {"name": "reason", "required": true, "minLength": 1, "byName": true},
    ]);
    let (mut world, effects) = opened(&args);
    assert!(effects.is_empty());
    let screen = world.screen();
    assert!(screen.contains("only for mode manual"), "{screen}");
    // The reason has the focus: it is the first that is needed.
    world.write("test");
    assert_eq!(line(&world), "unit --reason test");
    world.press("backtab");
    world.press("right");
    assert!(world.screen().contains("int, only for mode manual, required"), "{}", world.screen());
    world.press("tab 7");
    assert_eq!(line(&world), "unit manual 7 --reason test");
    world.press("backtab left");
    assert_eq!(line(&world), "unit --reason test");
    let effects = world.press("ctrl-s");
    assert_eq!(
        serde_json::to_value(&command_of(&effects).args).unwrap(),
        json!({"reason": "test"})
    );
}
