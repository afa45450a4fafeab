//! The rules of declarations and of values. One file, however long: its tests share the same few arguments.

use serde_json::{Map, Value, json};

use super::*;
use crate::error::{ErrorKind, RpcError};

fn zone() -> Arg {
    arg(json!({"name": "zone", "type": "int", "required": true, "minimum": 1, "maximum": 8}))
}

fn minutes() -> Arg {
    arg(json!({"name": "minutes", "type": "int", "default": 5, "choices": [2, 5, 10]}))
}

fn arg(declaration: Value) -> Arg {
    serde_json::from_value(declaration).unwrap()
}

fn map(value: &Value) -> Map<String, Value> {
    value.as_object().unwrap().clone()
}

/// The sentence that refuses `value`.
fn refusal(arg: &Arg, value: &Value) -> String {
    check_one(arg, value, Limits::default()).unwrap_err().to_string()
}

fn passes(arg: &Arg, value: &Value) -> bool {
    check_one(arg, value, Limits::default()).is_ok()
}

#[test]
fn defaults_are_filled_in_and_what_has_none_stays_absent() {
    let note = arg(json!({"name": "note"}));
    let checked =
        check(&[zone(), minutes(), note], &map(&json!({"zone": 3})), Limits::default()).unwrap();
    assert_eq!(Value::Object(checked), json!({"zone": 3, "minutes": 5}));
}

#[test]
fn a_default_is_given_in_the_type_of_its_argument() {
    let level = arg(json!({"name": "level", "type": "float", "default": 2}));
    let checked = check(&[level], &Map::new(), Limits::default()).unwrap();
    assert_eq!(checked["level"], json!(2.0));
}

#[test]
fn an_unknown_argument_is_refused_with_the_name_that_was_meant() {
    let error =
        check(&[zone(), minutes()], &map(&json!({"zone": 3, "minuets": 5})), Limits::default())
            .unwrap_err();
    assert_eq!(error.to_string(), "there is no argument minuets: did you mean minutes?");
    let error =
        check(&[zone(), minutes()], &map(&json!({"colour": 1})), Limits::default()).unwrap_err();
    assert_eq!(error.to_string(), "there is no argument colour: the command takes zone or minutes");
    let error = check(&[], &map(&json!({"x": 1})), Limits::default()).unwrap_err();
    assert_eq!(error.to_string(), "there is no argument x: the command takes no argument at all");
}

#[test]
fn a_missing_argument_is_reported_with_its_form() {
    let error = check(&[zone()], &Map::new(), Limits::default()).unwrap_err();
    assert_eq!(error.to_string(), "zone is missing: it must be a whole number from 1 to 8");
    assert_eq!(error.rule, Rule::Required);
}

#[test]
fn a_refusal_on_the_wire_names_argument_rule_and_what_passes() {
    let error = check(&[zone()], &map(&json!({"zone": 9})), Limits::default()).unwrap_err();
    let rpc = RpcError::from(error);
    assert_eq!(rpc.kind(), ErrorKind::InvalidParams);
    assert_eq!(rpc.message, "zone must be a whole number from 1 to 8, not 9");
    assert_eq!(
        Value::Object(rpc.data.more),
        json!({"argument": "zone", "rule": "maximum", "expected": "a whole number from 1 to 8"})
    );
    let error = check(&[zone()], &map(&json!({"zon": 9})), Limits::default()).unwrap_err();
    assert_eq!(RpcError::from(error).data.more["nearest"], json!(["zone"]));
}

#[test]
fn a_bound_itself_passes_and_the_next_number_does_not() {
    for (number, good) in [(0, false), (1, true), (8, true), (9, false)] {
        assert_eq!(passes(&zone(), &json!(number)), good, "{number}");
    }
    let level = arg(json!({"name": "level", "type": "float", "minimum": -0.5, "maximum": 0.5}));
    for (number, good) in [(-0.5, true), (-0.500_001, false), (0.5, true), (0.500_001, false)] {
        assert_eq!(passes(&level, &json!(number)), good, "{number}");
    }
}

#[test]
fn bounds_beyond_the_precision_of_floats_are_kept_to_the_last_digit() {
    let big = arg(json!({"name": "n", "type": "int", "maximum": 9_007_199_254_740_992_i64}));
    assert!(passes(&big, &json!(9_007_199_254_740_992_i64)));
    assert!(!passes(&big, &json!(9_007_199_254_740_993_i64)));
}

#[test]
fn types_are_strict_on_the_wire() {
    assert_eq!(
        refusal(&zone(), &json!("3")),
        "zone must be a whole number from 1 to 8, not the text \"3\""
    );
    assert_eq!(refusal(&zone(), &json!(1.0)), "zone must be a whole number from 1 to 8, not 1.0");
    assert_eq!(refusal(&zone(), &json!(null)), "zone must be a whole number from 1 to 8, not null");
    assert_eq!(
        refusal(&zone(), &json!([3])),
        "zone must be a whole number from 1 to 8, not a list"
    );
    let on = arg(json!({"name": "on", "type": "bool"}));
    assert_eq!(refusal(&on, &json!("true")), "on must be true or false, not the text \"true\"");
    assert!(!passes(&on, &json!(1)));
    let text = arg(json!({"name": "text"}));
    assert_eq!(refusal(&text, &json!(3)), "text must be text, not 3");
}

#[test]
fn whole_numbers_end_at_64_bits_and_say_so() {
    let n = arg(json!({"name": "n", "type": "int"}));
    assert!(passes(&n, &json!(i64::MAX)));
    assert!(passes(&n, &json!(i64::MIN)));
    let range = "n must be a whole number from -9223372036854775808 to 9223372036854775807, not";
    assert_eq!(
        refusal(&n, &json!(9_223_372_036_854_775_808_u64)),
        format!("{range} 9223372036854775808")
    );
    let error = from_text(&n, "-9223372036854775809").unwrap_err();
    assert_eq!(error.to_string(), format!("{range} -9223372036854775809"));
    assert_eq!(error.rule, Rule::Minimum);
}

#[test]
fn a_float_takes_whole_numbers_and_nothing_that_is_not_finite() {
    let level = arg(json!({"name": "level", "type": "float"}));
    assert_eq!(check_one(&level, &json!(3), Limits::default()).unwrap(), json!(3.0));
    assert_eq!(from_text(&level, "-2.5e3").unwrap(), json!(-2500.0));
    for text in ["nan", "NaN", "inf", "-inf", "infinity", "1e400", "", "1,5"] {
        assert_eq!(from_text(&level, text).unwrap_err().rule, Rule::Type, "{text}");
    }
}

#[test]
fn only_a_choice_passes() {
    assert!(passes(&minutes(), &json!(10)));
    assert_eq!(refusal(&minutes(), &json!(3)), "minutes must be 2, 5 or 10, not 3");
    let speed = arg(json!({"name": "speed", "type": "enum", "choices": ["slow", "fast"]}));
    assert!(passes(&speed, &json!("fast")));
    assert_eq!(refusal(&speed, &json!("Fast")), "speed must be slow or fast, not Fast");
    assert_eq!(refusal(&speed, &json!("")), "speed must be slow or fast, not empty");
    let level = arg(json!({"name": "level", "type": "float", "choices": [1, 2.5]}));
    assert!(passes(&level, &json!(1.0)));
}

#[test]
fn lengths_are_counted_in_characters_and_their_edges_pass() {
    let name = arg(json!({"name": "name", "minLength": 2, "maxLength": 4}));
    for (length, good) in [(1, false), (2, true), (4, true), (5, false)] {
        assert_eq!(passes(&name, &json!("é".repeat(length))), good, "{length}");
    }
    assert_eq!(refusal(&name, &json!("ééééé")), "name must be text of 2 to 4 characters, not of 5");
    let error = check_one(&name, &json!("é"), Limits::default()).unwrap_err();
    assert_eq!(error.rule, Rule::MinLength);
}

#[test]
fn exactly_32_kib_pass_and_one_byte_more_does_not() {
    let text = arg(json!({"name": "text"}));
    assert!(passes(&text, &json!("x".repeat(32 * 1024))));
    assert_eq!(
        refusal(&text, &json!("x".repeat(32 * 1024 + 1))),
        "text must be at most 32768 bytes, not 32769"
    );
    assert!(from_text(&text, &"é".repeat(16 * 1024)).is_ok());
    assert_eq!(from_text(&text, &"é".repeat(16 * 1024 + 1)).unwrap_err().rule, Rule::Size);
    let unlimited = Limits { max_argument: 0 };
    assert!(check_one(&text, &json!("x".repeat(40_000)), unlimited).is_ok());
}

#[test]
fn text_that_could_be_taken_for_an_option_is_refused_unless_allowed() {
    let mut host = arg(json!({"name": "host"}));
    assert_eq!(
        refusal(&host, &json!("-f")),
        "host must be text that does not begin with `-`, not -f"
    );
    assert!(passes(&host, &json!("a-f")));
    host.allow_dash = true;
    assert!(passes(&host, &json!("-f")));
    let offset = arg(json!({"name": "offset", "type": "int"}));
    assert!(passes(&offset, &json!(-5)));
}

#[test]
fn control_characters_are_refused_and_named() {
    let text = arg(json!({"name": "text", "allowDash": true}));
    for c in ['\0', '\n', '\r', '\t', '\u{1b}', '\u{7f}', '\u{85}', '\u{9b}'] {
        let error = check_one(&text, &json!(format!("a{c}")), Limits::default()).unwrap_err();
        assert_eq!(error.rule, Rule::Control, "{c:?}");
    }
    assert_eq!(
        refusal(&text, &json!("ab\u{1b}c")),
        "text must be one line of text without control characters, not one with U+001B as character 3"
    );
    assert!(passes(&text, &json!("שלום ünï 🌱")));
}

#[test]
fn a_refusal_never_repeats_what_steers_a_terminal_nor_a_whole_long_value() {
    let error = from_text(&zone(), &format!("\u{1b}[31m{}", "9".repeat(200))).unwrap_err();
    let message = error.to_string();
    assert!(!message.contains('\u{1b}'), "{message}");
    assert!(message.len() < 120, "{message}");
    let given = map(&json!({"\u{1b}]0;x": 1}));
    let error = check(&[zone()], &given, Limits::default()).unwrap_err();
    assert!(!error.to_string().contains('\u{1b}'));
}

#[test]
fn typed_text_becomes_a_value_of_the_arguments_type() {
    assert_eq!(from_text(&zone(), "3").unwrap(), json!(3));
    assert_eq!(
        from_text(&zone(), "3.5").unwrap_err().to_string(),
        "zone must be a whole number from 1 to 8, not 3.5"
    );
    assert_eq!(
        from_text(&zone(), "").unwrap_err().to_string(),
        "zone must be a whole number from 1 to 8, not empty"
    );
    let on = arg(json!({"name": "on", "type": "bool"}));
    assert_eq!(from_text(&on, "true").unwrap(), json!(true));
    assert_eq!(from_text(&on, "yes").unwrap_err().to_string(), "on must be true or false, not yes");
}

#[test]
fn a_hint_says_in_few_characters_what_would_pass() {
    let cases = [
        (json!({"type": "int", "minimum": 1, "maximum": 8, "required": true}), "int 1–8"),
        (json!({"type": "int", "minimum": -5, "maximum": 5, "required": true}), "int -5 to 5"),
        (json!({"type": "float", "minimum": 0.5, "default": 1.0}), "float from 0.5, default 1"),
        (json!({"type": "int", "choices": [2, 5, 10], "default": 5}), "2 | 5 | 10, default 5"),
        (json!({"maxLength": 64}), "string to 64 characters, optional"),
        (json!({"default": ""}), "string, default empty"),
        (json!({"type": "bool", "default": false}), "bool, default false"),
    ];
    for (declaration, hint) in cases {
        assert_eq!(describe(&arg(declaration)), hint);
    }
}

#[test]
fn a_long_list_of_choices_is_counted_rather_than_recited() {
    let n = arg(json!({"name": "n", "type": "int", "choices": (1..=20).collect::<Vec<_>>()}));
    assert!(expected(&n).ends_with("11, 12 or 8 more"), "{}", expected(&n));
    assert!(describe(&n).contains("12 | 8 more"), "{}", describe(&n));
}

#[test]
fn numbers_are_written_short_and_read_back_the_same() {
    for (number, text) in [(3.0, "3"), (-0.25, "-0.25"), (1e300, "1e300"), (1.5e-7, "1.5e-7")] {
        assert_eq!(to_text(&json!(number)), text);
        assert_eq!(text.parse::<f64>().unwrap(), number);
    }
    assert_eq!(to_text(&json!(i64::MIN)), "-9223372036854775808");
    assert_eq!(to_text(&json!(true)), "true");
}

#[test]
fn a_declaration_that_contradicts_itself_is_refused_with_the_reason() {
    let cases = [
        (json!({"name": "Zone"}), "\"Zone\" cannot name an argument"),
        (json!({"name": "1st"}), "\"1st\" cannot name an argument"),
        (json!({"name": ""}), "\"\" cannot name an argument"),
        (json!({"name": "a b"}), "\"a b\" cannot name an argument"),
        (
            json!({"name": "a", "type": "int", "minimum": 9, "maximum": 8}),
            "a: nothing lies between minimum 9 and maximum 8",
        ),
        (
            json!({"name": "a", "type": "int", "minimum": 1.2, "maximum": 1.8}),
            "a: nothing lies between minimum 1.2 and maximum 1.8",
        ),
        (
            json!({"name": "a", "minLength": 5, "maxLength": 4}),
            "a: nothing lies between min_length 5 and max_length 4",
        ),
        (json!({"name": "a", "minimum": 1}), "a: `minimum` means nothing for type string"),
        (
            json!({"name": "a", "type": "int", "maxLength": 1}),
            "a: `max_length` means nothing for type int",
        ),
        (json!({"name": "a", "type": "int", "rest": true}), "a: `rest` means nothing for type int"),
        (
            json!({"name": "a", "type": "bool", "choices": [true]}),
            "a: `choices` means nothing for type bool",
        ),
        (json!({"name": "a", "type": "enum"}), "a: type enum needs `choices`"),
        (
            json!({"name": "a", "type": "int", "choices": [1, "2"]}),
            "a: a choice does not pass: a must be of type int, not the text \"2\"",
        ),
        (
            json!({"name": "a", "type": "int", "choices": [1, 9], "maximum": 8}),
            "a: a choice does not pass: a must be a whole number of at most 8, not 9",
        ),
        (
            json!({"name": "a", "choices": ["-v"]}),
            "a: a choice does not pass: a must be text that does not begin with `-`, not -v",
        ),
        (
            json!({"name": "a", "type": "enum", "choices": ["x", "x"]}),
            "a: the choice x stands twice",
        ),
        (
            json!({"name": "a", "type": "int", "maximum": 8, "default": 9}),
            "a: the default does not pass: a must be a whole number of at most 8, not 9",
        ),
        (
            json!({"name": "a", "required": true, "default": "x"}),
            "a is required, so its default is never used",
        ),
    ];
    for (declaration, reason) in cases {
        let error = validate_arg(&arg(declaration)).unwrap_err().to_string();
        assert!(error.starts_with(reason), "{error}");
    }
    let mut bound = zone();
    bound.maximum = Some(f64::NAN);
    assert_eq!(
        validate_arg(&bound).unwrap_err().to_string(),
        "zone: `maximum` must be a finite number"
    );
}

#[test]
fn good_declarations_pass() {
    let args = [
        zone(),
        minutes(),
        arg(json!({"name": "dry_run-2", "type": "bool", "default": false})),
        arg(json!({"name": "level", "type": "float", "default": 2, "choices": [1, 2]})),
        arg(json!({"name": "note", "rest": true, "allowDash": true})),
        arg(json!({"name": "loud", "type": "bool", "required": true})),
    ];
    validate_args(&args).unwrap();
}

#[test]
fn ambiguous_lists_of_arguments_are_refused() {
    let named = |name: &str| arg(json!({"name": name}));
    let error = validate_args(&[named("a"), named("b"), named("a")]).unwrap_err();
    assert_eq!(error.to_string(), "a is declared twice: give one of them another name");

    let mut rest = named("a");
    rest.rest = true;
    validate_args(&[rest.clone(), named("b")]).unwrap();
    let must = arg(json!({"name": "b", "required": true}));
    let error = validate_args(&[rest, must]).unwrap_err();
    let so = "a takes the rest of the line, so b, which is required, cannot come after it";
    assert_eq!(error.to_string(), format!("{so}: move it last"));

    let error = validate_args(&[named("a"), zone()]).unwrap_err();
    assert_eq!(error.argument, "zone");
    assert_eq!(
        error.to_string(),
        "zone is required but stands after a, which is not: put it first"
    );

    let bool = arg(json!({"name": "x", "type": "bool"}));
    let error = validate_args(&[bool, named("no-x")]).unwrap_err();
    let also = "no-x is also how the bool x is switched off: rename one of them";
    assert_eq!(error.to_string(), also);
}

#[test]
fn a_pattern_is_held_against_the_whole_text_and_named_in_the_refusal() {
    let name = arg(json!({"name": "name", "pattern": "[a-z]+(-[a-z]+)*"}));
    assert!(passes(&name, &json!("water-pump")));
    assert_eq!(
        refusal(&name, &json!("water pump")),
        "name must be text that matches [a-z]+(-[a-z]+)*, not water pump"
    );
    for text in ["", "a-", "-a", "A", "a\n", "a; rm"] {
        assert!(!passes(&name, &json!(text)), "{text:?}");
    }
    let error = check_one(&name, &json!("A"), Limits::default()).unwrap_err();
    assert_eq!((error.rule, error.rule.name()), (Rule::Pattern, "pattern"));
    assert_eq!(describe(&name), "string like [a-z]+(-[a-z]+)*, optional");
    // What is wrong first is what is said: a text of the right length that does not match.
    let both = arg(json!({"name": "id", "pattern": "[0-9]*", "minLength": 4, "required": true}));
    assert_eq!(refusal(&both, &json!("123")), "id must be text of at least 4 characters, not of 3");
    assert_eq!(refusal(&both, &json!("12x4")), "id must be text that matches [0-9]*, not 12x4");
}

#[test]
fn a_duration_is_numbers_and_units_within_its_bounds() {
    let delay = json!({"name": "delay", "type": "duration", "minimum": 1000, "maximum": 1_200_000});
    let delay = arg(delay);
    for (given, passed) in [
        ("20m", "20m"),
        ("90s", "90s"),
        ("007m", "7m"),
        ("1000ms", "1000ms"),
        ("1m30s", "90s"),
        ("90", "90s"),
    ] {
        let value = check_one(&delay, &json!(given), Limits::default()).unwrap();
        assert_eq!(value, json!(passed));
        assert_eq!(from_text(&delay, given).unwrap(), json!(passed));
    }
    assert_eq!(check_one(&delay, &json!(90), Limits::default()), Ok(json!("90s")));
    let expected = "a duration from 1s to 20m, such as 30s or 5m";
    for (given, rule) in [
        (json!("999ms"), Rule::Minimum),
        (json!("21m"), Rule::Maximum),
        (json!("9999999d"), Rule::Maximum),
        (json!("1201"), Rule::Maximum),
        (json!(1201), Rule::Maximum),
        (json!(-5), Rule::Type),
        (json!(1.5), Rule::Type),
        (json!("-5s"), Rule::Type),
        (json!("5 s"), Rule::Type),
        (json!("1h30m"), Rule::Maximum),
        (json!("1s1s"), Rule::Type),
        (json!("99999999999999999999s"), Rule::Type),
        (json!(""), Rule::Type),
        (json!("5m\n"), Rule::Type),
    ] {
        let error = check_one(&delay, &given, Limits::default()).unwrap_err();
        assert_eq!((error.rule, error.expected.as_str()), (rule, expected), "{given}");
    }
    assert_eq!(describe(&delay), "duration 1s–20m such as 30s or 5m, optional");
    let choice = arg(json!({"name": "d", "type": "duration", "choices": ["1m", "60m"]}));
    assert!(passes(&choice, &json!("01m")) && !passes(&choice, &json!("1h")));
}

#[test]
fn a_path_is_not_empty_and_leads_only_downwards() {
    let file = arg(json!({"name": "file", "type": "path"}));
    for path in ["a", "a/b", "/a/b", "./a", "a..b", "..a", "a..", "...", "a b; $(id)"] {
        assert!(passes(&file, &json!(path)), "{path}");
    }
    for (path, rule) in [
        ("", Rule::Path),
        ("..", Rule::Path),
        ("../..", Rule::Path),
        ("a/../b", Rule::Path),
        ("/..", Rule::Path),
        ("a/..", Rule::Path),
        ("-oX", Rule::Dash),
        ("a\0", Rule::Control),
        ("a\nb", Rule::Control),
    ] {
        let error = check_one(&file, &json!(path), Limits::default()).unwrap_err();
        assert_eq!(error.rule, rule, "{path:?}");
    }
    assert_eq!(
        refusal(&file, &json!("a/../b")),
        "file must be a path without `..` in it, not a/../b"
    );
    assert_eq!(refusal(&file, &json!("")), "file must be a path, not empty");
}

#[test]
fn many_values_are_a_list_of_at_least_one_and_each_obeys_the_rules() {
    let zones = arg(json!({"name": "zones", "type": "int", "minimum": 1, "maximum": 8,
        "multiple": true, "required": true}));
    let check = |given: Value| check_one(&zones, &given, Limits::default());
    assert_eq!(check(json!([3, 1, 3])).unwrap(), json!([3, 1, 3]));
    assert_eq!(
        check(json!([3, 9])).unwrap_err().to_string(),
        "zones must be a whole number from 1 to 8, not 9"
    );
    for given in [json!([]), json!(3), json!("3"), json!({"0": 3}), json!(null)] {
        assert_eq!(check(given.clone()).unwrap_err().rule, Rule::Type, "{given}");
    }
    for given in [json!([3, "4"]), json!([3, null]), json!([[3]]), json!([1.5])] {
        assert_eq!(check(given.clone()).unwrap_err().rule, Rule::Type, "{given}");
    }
    assert_eq!(
        refusal(&zones, &json!(3)),
        "zones must be a list of at least one value, each a whole number from 1 to 8, not 3"
    );
    let one = arg(json!({"name": "one", "type": "int"}));
    assert_eq!(refusal(&one, &json!([3])), "one must be a whole number, not a list");
    assert_eq!(describe(&zones), "int 1–8, one or more");

    let levels = arg(json!({"name": "l", "type": "float", "multiple": true, "default": [1, 2]}));
    validate_arg(&levels).unwrap();
    let checked = super::check(&[levels], &Map::new(), Limits::default()).unwrap();
    assert_eq!(checked["l"], json!([1.0, 2.0]));
    for (wrong, reason) in [
        (json!({"name": "a", "multiple": true, "default": "x"}), "the default does not pass"),
        (json!({"name": "a", "type": "bool", "multiple": true}), "means nothing for type bool"),
        (json!({"name": "a", "multiple": true, "rest": true}), "take one out"),
    ] {
        let error = validate_arg(&arg(wrong)).unwrap_err().to_string();
        assert!(error.contains(reason), "{error}");
    }
    let error = validate_args(&[zones, one]).unwrap_err().to_string();
    assert_eq!(
        error,
        "zones takes all values that are left, so one cannot come after it: move it last"
    );
}

#[test]
fn an_argument_with_a_condition_exists_only_beside_these_values() {
    let args = [
        arg(
            json!({"name": "mode", "type": "enum", "choices": ["auto", "manual", "timed"], "default": "auto"}),
        ),
        arg(
            json!({"name": "level", "type": "int", "required": true, "when": {"mode": ["manual", "timed"]}}),
        ),
        arg(json!({"name": "minutes", "type": "int", "default": 5, "when": {"mode": "timed"}})),
    ];
    validate_args(&args).unwrap();
    let checked = |given: Value| {
        let checked = check(&args, &map(&given), Limits::default());
        checked.map(Value::Object).map_err(|error| error.to_string())
    };
    assert_eq!(checked(json!({})), Ok(json!({"mode": "auto"})));
    let manual = json!({"mode": "manual", "level": 3});
    assert_eq!(checked(manual.clone()), Ok(manual));
    let timed = json!({"mode": "timed", "level": 3});
    assert_eq!(checked(timed), Ok(json!({"mode": "timed", "level": 3, "minutes": 5})));
    let missing = checked(json!({"mode": "manual"})).unwrap_err();
    assert_eq!(missing, "level is missing: it must be a whole number");
    let refused = checked(json!({"level": 3})).unwrap_err();
    assert_eq!(refused, "level is only for mode manual or timed: leave it out");
    assert_eq!(describe(&args[2]), "int, default 5, only for mode timed");
    for (name, wrong, reason) in [
        ("a", json!({"b": 1}), "names b, which is no argument before it"),
        ("a", json!({"mod": "auto"}), "did you mean mode?"),
        ("a", json!({"mode": "off"}), "a value in `when` does not pass"),
        ("a", json!({"a": 1}), "no argument before it"),
    ] {
        let wrong = arg(json!({"name": name, "when": wrong}));
        let error = validate_args(&[args[0].clone(), wrong]).unwrap_err().to_string();
        assert!(error.contains(reason), "{error}");
    }
}

#[test]
fn a_list_has_a_number_of_values() {
    let beds = arg(json!({"name": "beds", "multiple": true, "atLeast": 2, "atMost": 3}));
    validate_arg(&beds).unwrap();
    assert!(passes(&beds, &json!(["a", "b"])) && passes(&beds, &json!(["a", "b", "c"])));
    assert_eq!(refusal(&beds, &json!(["a"])), "beds must have 2 to 3 values, not 1");
    let many = check_one(&beds, &json!(["a", "b", "c", "d"]), Limits::default()).unwrap_err();
    assert_eq!(
        (many.rule, many.to_string().as_str()),
        (Rule::AtMost, "beds must have 2 to 3 values, not 4")
    );
    assert_eq!(describe(&beds), "string, 2 to 3 values");
    for (wrong, reason) in [
        (json!({"name": "a", "atLeast": 2}), "counts the values of `multiple`"),
        (json!({"name": "a", "multiple": true, "atMost": 0}), "must be 1 or more"),
        (json!({"name": "a", "multiple": true, "atLeast": 3, "atMost": 2}), "nothing lies between"),
        (
            json!({"name": "a", "multiple": true, "atLeast": 2, "default": ["x"]}),
            "the default does not pass",
        ),
    ] {
        let error = validate_arg(&arg(wrong)).unwrap_err().to_string();
        assert!(error.contains(reason), "{error}");
    }
}

#[test]
fn a_choice_of_an_enum_may_begin_with_a_dash() {
    let sort = arg(json!({"name": "sort", "type": "enum", "choices": ["-size", "size"]}));
    validate_arg(&sort).unwrap();
    assert!(passes(&sort, &json!("-size")));
    assert_eq!(refusal(&sort, &json!("-x")), "sort must be -size or size, not -x");
    let text = arg(json!({"name": "sort", "choices": ["-size", "size"]}));
    assert!(validate_arg(&text).unwrap_err().to_string().contains("begin with `-`"));
    let listed = arg(json!({"name": "unit", "type": "enum", "choicesFrom": true}));
    validate_arg(&listed).unwrap();
    assert_eq!(describe(&listed), "listed by the server, optional");
    let none = arg(json!({"name": "unit", "type": "enum"}));
    assert!(validate_arg(&none).unwrap_err().to_string().contains("`choices` or `choices_from`"));
}
