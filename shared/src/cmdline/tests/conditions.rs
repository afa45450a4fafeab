//! Arguments that apply only beside some values, lists of so many values, and arguments without a position.

use serde_json::{Value, json};

use super::super::{complete, hint, parse, render};
use crate::command::Command;

fn menu() -> Vec<Command> {
    serde_json::from_value(json!([
        {"name": "lamp", "title": "Set the lamp", "args": [
            {"name": "mode", "type": "enum", "choices": ["auto", "manual"], "default": "auto",
             "labels": {"manual": "By hand"}},
            {"name": "level", "type": "int", "required": true, "when": {"mode": "manual"}},
            {"name": "note"},
            {"name": "reason", "required": true, "byName": true}]},
        {"name": "beds", "title": "Water beds", "args": [
            {"name": "bed", "multiple": true, "atLeast": 2, "atMost": 3}]},
    ]))
    .unwrap()
}

fn read(line: &str) -> Result<Value, String> {
    let menu = menu();
    parse(line, &menu).map(|parsed| Value::Object(parsed.args)).map_err(|error| error.message)
}

#[test]
fn an_argument_that_does_not_apply_has_no_position_and_is_not_missing() {
    let auto = json!({"mode": "auto", "note": "dusk", "reason": "x"});
    assert_eq!(read("lamp auto dusk --reason x"), Ok(auto.clone()));
    let manual = json!({"mode": "manual", "level": 3, "note": "dusk", "reason": "x"});
    assert_eq!(read("lamp manual 3 dusk --reason x"), Ok(manual.clone()));
    assert_eq!(read("lamp --reason x"), Ok(json!({"reason": "x"})));
    assert_eq!(read("lamp manual --reason x"), Err("lamp needs level: a whole number".into()));
    for line in ["lamp auto --level 3 --reason x", "lamp level=3 --reason x"] {
        let said = read(line).unwrap_err();
        assert_eq!(said, "level is only for mode manual: leave it out", "{line}");
    }
    // The condition may come later in the line.
    assert_eq!(read("lamp level=3 mode=manual dusk --reason x"), Ok(manual.clone()));
    for args in [auto, manual] {
        let line = render(&menu()[0], args.as_object().unwrap());
        assert_eq!(read(&line), Ok(args), "{line}");
    }
}

#[test]
fn an_argument_without_a_position_is_given_by_its_name() {
    assert_eq!(read("lamp auto dusk"), Err("lamp needs --reason: text".into()));
    let said = read("lamp auto dusk more --reason x").unwrap_err();
    assert_eq!(said, "lamp takes 3 values: more is one too many");
    let menu = menu();
    assert!(hint("lamp ", 5, &menu).unwrap().text().ends_with("--reason string"));
}

#[test]
fn a_list_of_too_few_or_too_many_values_is_refused() {
    assert_eq!(read("beds a b"), Ok(json!({"bed": ["a", "b"]})));
    assert_eq!(read("beds"), Ok(json!({})));
    assert_eq!(read("beds a"), Err("bed must have 2 to 3 values, not 1".into()));
    assert_eq!(read("beds a b --bed c d"), Err("bed must have 2 to 3 values, not 4".into()));
}

#[test]
fn a_choice_is_completed_with_its_label_and_an_argument_only_where_it_applies() {
    let menu = menu();
    let offered = |line: &str| -> Vec<(String, String)> {
        let completion = complete(line, line.len(), &menu);
        completion.candidates.into_iter().map(|one| (one.text, one.description)).collect()
    };
    let values = offered("lamp m");
    assert_eq!(values[0], ("manual".to_owned(), "By hand".to_owned()));
    let names =
        |line: &str| -> Vec<String> { offered(line).into_iter().map(|one| one.0).collect() };
    assert_eq!(names("lamp auto --"), ["--note", "--reason"]);
    assert_eq!(names("lamp manual --"), ["--level", "--note", "--reason"]);
}
