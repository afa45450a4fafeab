use serde_json::json;

use super::*;

fn arg(declaration: Value) -> Arg {
    serde_json::from_value(declaration).unwrap()
}

/// One argument of each kind.
fn form() -> CommandForm {
    let args = [
        json!({"name": "zone", "type": "int", "required": true, "minimum": 10, "maximum": 80}),
        json!({"name": "minutes", "type": "int", "default": 5, "choices": [2, 5, 10]}),
        json!({"name": "dry", "type": "bool"}),
        json!({"name": "loud", "type": "bool", "default": true}),
        json!({"name": "mode", "type": "enum", "choices": ["slow", "fast", "safe"]}),
        json!({"name": "note", "maxLength": 8}),
    ];
    let command =
        Command { name: "zone-run".into(), args: args.map(arg).into(), ..Command::default() };
    CommandForm::new(command)
}

fn press(form: &mut CommandForm, keys: &str) -> FormResult {
    let mut next = FormResult::Open;
    for key in keys.split(' ') {
        next = form.edit(key.parse().unwrap());
    }
    next
}

/// The line after these keys in the field of this argument.
fn after(name: &str, keys: &str) -> String {
    let mut form = form();
    let place = form.command.args.iter().position(|arg| arg.name == name).unwrap();
    form.focus = FormFocus::Field(place);
    press(&mut form, keys);
    form.line()
}

#[test]
fn the_line_says_what_is_filled_in_and_nothing_of_what_was_left_alone() {
    assert_eq!(form().line(), "zone-run");
    assert_eq!(after("zone", "4 2"), "zone-run 42");
    assert_eq!(after("minutes", "right"), "zone-run --minutes 10");
    assert_eq!(after("minutes", "right left"), "zone-run", "the default is not said");
    assert_eq!(after("minutes", "right right right"), "zone-run --minutes 10", "no way round");
    assert_eq!(after("note", "a space b"), "zone-run --note 'a b'");
}

#[test]
fn space_turns_a_switch_on_and_off() {
    assert_eq!(after("dry", "space"), "zone-run --dry");
    assert_eq!(after("dry", "space space"), "zone-run");
    assert_eq!(after("loud", "space"), "zone-run --no-loud");
    assert_eq!(after("loud", "space space"), "zone-run");
    assert_eq!(after("loud", "space backspace"), "zone-run");
}

#[test]
fn a_run_with_a_switch_off_can_be_repeated_as_it_was() {
    let args = Map::from_iter([("dry".to_owned(), json!(false))]);
    let filled = CommandForm::filled(form().command, &args);
    assert_eq!(filled.line(), "zone-run --no-dry");
}

#[test]
fn a_switch_that_must_be_given_is_given_on_or_off() {
    let args = vec![arg(json!({"name": "dry", "type": "bool", "required": true}))];
    let mut form = CommandForm::new(Command { args, ..Command::default() });
    assert_eq!(form.standing(0), FieldState::Given(json!(false)));
    press(&mut form, "space");
    assert_eq!(form.standing(0), FieldState::Given(json!(true)));
}

#[test]
fn a_choice_is_made_by_arrows_or_by_its_first_letter() {
    assert_eq!(after("mode", "right"), "zone-run --mode slow");
    assert_eq!(after("mode", "right right right right"), "zone-run --mode safe");
    assert_eq!(after("mode", "right left"), "zone-run");
    assert_eq!(after("mode", "f"), "zone-run --mode fast");
    assert_eq!(after("mode", "s s"), "zone-run --mode safe");
    assert_eq!(after("mode", "s x"), "zone-run --mode slow");
}

#[test]
fn a_value_that_may_still_become_right_is_no_mistake_until_it_is_left() {
    let mut form = form();
    press(&mut form, "4");
    assert_eq!(form.standing(0), FieldState::Begun, "more digits may follow");
    press(&mut form, "tab");
    assert!(matches!(form.standing(0), FieldState::Wrong(_)));
    press(&mut form, "backtab 2");
    assert_eq!(form.standing(0), FieldState::Given(json!(42)));
    press(&mut form, "0");
    assert!(matches!(form.standing(0), FieldState::Wrong(_)), "nothing typed makes 420 right");
}

#[test]
fn enter_goes_through_the_fields_and_runs_on_the_button() {
    let mut form = form();
    assert_eq!(press(&mut form, "4 2 enter"), FormResult::Open);
    assert_eq!(form.focus, FormFocus::Field(1));
    assert_eq!(press(&mut form, "enter enter enter enter enter"), FormResult::Open);
    assert_eq!(form.focus, FormFocus::Action);
    assert_eq!(press(&mut form, "enter"), FormResult::Run);
    assert_eq!(press(&mut form, "right enter"), FormResult::Closed { typed: None });
}

#[test]
fn the_run_button_goes_to_the_first_mistake_and_runs_only_without_one() {
    let mut form = form();
    form.focus = FormFocus::Action;
    assert_eq!(press(&mut form, "enter"), FormResult::Open);
    assert!(form.focus == FormFocus::Field(0) && form.tried, "zone is missing");
    assert_eq!(form.standing(0), FieldState::Missing);
    assert_eq!(press(&mut form, "4 ctrl-s"), FormResult::Open);
    assert!(matches!(form.standing(0), FieldState::Wrong(_)), "4 is told once it was to run");
    assert_eq!(press(&mut form, "2 ctrl-s"), FormResult::Run);
    assert_eq!(form.line(), "zone-run 42");
}

#[test]
fn a_click_toggles_a_switch_takes_a_choice_and_presses_a_button() {
    let mut form = form();
    assert_eq!(form.clicked(FormHit::Field(2)), FormResult::Open);
    assert_eq!(form.clicked(FormHit::Choice(4, 1)), FormResult::Open);
    assert_eq!(form.line(), "zone-run --dry --mode fast");
    assert_eq!(form.clicked(FormHit::Action), FormResult::Open);
    assert_eq!(form.focus, FormFocus::Field(0), "zone is missing");
    press(&mut form, "4 2");
    assert_eq!(form.clicked(FormHit::Action), FormResult::Run);
    assert_eq!(form.clicked(FormHit::Cancel), FormResult::Closed { typed: None });
}

#[test]
fn the_expected_return_of_a_shutdown_is_checked_in_its_field() {
    let args = vec![arg(json!({"name": "back"}))];
    let command = Command { name: SHUTDOWN.into(), args, ..Command::default() };
    for (text, right) in [
        ("20:00", true),
        ("2026-03-01 20:00", true),
        ("30m", true),
        ("2026-03-01T20:00:00Z", true),
        ("soon", false),
        ("25:00", false),
    ] {
        let mut form = CommandForm::new(command.clone());
        assert!(form.insert(text));
        press(&mut form, "tab");
        assert_eq!(matches!(form.standing(0), FieldState::Given(_)), right, "{text}");
    }
}

#[test]
fn blanks_around_a_number_are_let_pass_and_those_of_a_text_are_kept() {
    assert_eq!(after("zone", "space 4 2 space"), "zone-run 42");
    assert_eq!(after("note", "space a"), "zone-run --note ' a'");
}

#[test]
fn one_line_of_a_pasted_text_goes_into_a_field() {
    let mut form = form();
    assert!(form.insert("42\n"));
    assert_eq!(form.line(), "zone-run 42");
    form.focus = FormFocus::Field(5);
    assert!(!form.insert("one\rtwo"));
    assert_eq!(form.line(), "zone-run 42 --note one");
}

#[test]
fn a_declaration_cannot_bring_control_characters() {
    let choices = json!({"name": "mode", "type": "enum", "choices": ["a\u{1b}[2J\u{202e}b", "c"]});
    let command = Command { args: vec![arg(choices)], ..Command::default() };
    let FormField::Choice(choice) = &CommandForm::new(command).entries[0] else { panic!() };
    assert_eq!(choice.options[0].0, "a[2Jb");
}

#[test]
fn several_values_are_typed_as_words_and_each_is_checked() {
    let zones = json!({"name": "zones", "type": "int", "multiple": true, "maximum": 8});
    let command = Command { name: "run".into(), args: vec![arg(zones)], ..Command::default() };
    let mut form = CommandForm::new(command);
    press(&mut form, "3 space 5");
    assert_eq!(form.standing(0), FieldState::Given(json!([3, 5])));
    assert_eq!(form.line(), "run 3 5");
    press(&mut form, "space 9");
    assert!(matches!(form.standing(0), FieldState::Wrong(_)));
}

#[test]
fn a_duration_and_a_path_are_text_of_their_own_rules() {
    for (kind, text, right) in
        [("duration", "20m", true), ("duration", "soon", false), ("path", "a/../b", false)]
    {
        let args = vec![arg(json!({"name": "x", "type": kind}))];
        let mut form = CommandForm::new(Command { args, ..Command::default() });
        assert!(form.insert(text));
        assert_eq!(matches!(form.standing(0), FieldState::Given(_)), right, "{text}");
    }
}

/// Values that a line could read as something else.
const AWKWARD: [&str; 16] = [
    "a", "", " ", "a b", " a  b ", "--", "-x", "--zone", "--no-dry", "note=x", "it's", "\"q\"",
    "a\\b", "$x `y` !", "*;|#", "café ü",
];

/// `shutdown 90 20:00 kernel update` was shown for a form with the return 20:00.
#[test]
fn the_line_of_a_form_parses_back_to_the_arguments_of_the_form() {
    let text = |name: &str, more: Value| {
        let mut declaration = json!({ "name": name });
        declaration.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        arg(declaration)
    };
    let shapes: [Vec<Arg>; 6] = [
        // The real `shutdown` declares the rest of the line before the return.
        vec![
            text("delay", json!({"type": "int"})),
            text("reason", json!({"rest": true})),
            text("back", json!({})),
        ],
        vec![text("many", json!({"multiple": true})), text("one", json!({}))],
        vec![
            text("note", json!({})),
            text("dry", json!({"type": "bool"})),
            text("zone", json!({})),
        ],
        vec![
            text("delay", json!({"type": "int"})),
            text("back", json!({})),
            text("reason", json!({"rest": true})),
        ],
        vec![text("one", json!({})), text("many", json!({"multiple": true}))],
        vec![
            text("loud", json!({"type": "bool", "default": true})),
            text("note", json!({"rest": true})),
        ],
    ];
    for args in shapes {
        let command = Command { name: "run".into(), args, ..Command::default() };
        let menu = [command.clone()];
        let count = command.args.len();
        // Each field has each value, or none.
        for mut combination in 0..(AWKWARD.len() + 1).pow(u32::try_from(count).unwrap()) {
            let mut form = CommandForm::new(command.clone());
            for entry in &mut form.entries {
                let nth = combination % (AWKWARD.len() + 1);
                combination /= AWKWARD.len() + 1;
                match (entry, AWKWARD.get(nth)) {
                    (FormField::Text(field), Some(value)) => field.set(value),
                    (FormField::Choice(choice), Some(_)) => {
                        choice.at = Some(nth % choice.options.len());
                    }
                    (FormField::Switch(switch), Some(_)) if nth.is_multiple_of(2) => {
                        switch.toggle();
                    }
                    _ => {}
                }
            }
            let line = form.line();
            let parsed = cmdline::parse(&line, &menu);
            let parsed = parsed.unwrap_or_else(|error| panic!("{line:?}: {error:?}"));
            assert_eq!(parsed.args, form.args(), "{line:?}");
        }
    }
}
