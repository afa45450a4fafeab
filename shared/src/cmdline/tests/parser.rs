use serde_json::{Value, json};

use super::super::{LineError, LineErrorKind, find, parse, parse_args, render};
use super::menu;

fn args(line: &str) -> Value {
    let menu = menu();
    Value::Object(parse(line, &menu).unwrap_or_else(|error| panic!("{line}: {error}")).args)
}

fn error(line: &str) -> LineError {
    parse(line, &menu()).expect_err(line)
}

#[test]
fn an_argument_is_given_by_position_or_by_name() {
    for line in [
        "zone-run 3 5",
        "zone-run 3 --minutes 5",
        "zone-run 3 --minutes=5",
        "zone-run zone=3 minutes=5",
        "zone-run minutes=5 3",
        "zone-run --minutes 5 --zone 3",
        "zone-run --zone=3 5",
        "zone-run -- 3 5",
        "  zr  '3' \"5\" ",
    ] {
        assert_eq!(args(line), json!({"zone": 3, "minutes": 5}), "{line}");
    }
}

#[test]
fn defaults_are_left_to_the_server() {
    assert_eq!(args("zone-run 3"), json!({"zone": 3}));
}

#[test]
fn a_bool_is_switched_on_and_off_by_its_name() {
    assert_eq!(args("zone-run --dry-run 3"), json!({"zone": 3, "dry-run": true}));
    assert_eq!(args("zone-run 3 --no-dry-run"), json!({"zone": 3, "dry-run": false}));
    assert_eq!(args("zone-run 3 dry-run=true"), json!({"zone": 3, "dry-run": true}));
    assert_eq!(args("lamp --on=false"), json!({"on": false}));
    assert_eq!(error("lamp").message, "lamp needs --on or --no-on");
    assert_eq!(error("lamp true").message, "lamp takes only --on, --no-on: true is one too many");
    assert_eq!(error("lamp --no-on=true").message, "--no-on takes no value: write --on or --no-on");
}

/// `ks moving to a new box` was refused: `moving` was taken for the delay.
#[test]
fn a_word_where_a_number_may_be_left_out_begins_the_rest_of_the_line() {
    for (line, want) in [
        ("ks moving to a new box", json!({"reason": "moving to a new box"})),
        ("ks 60 moving to a new box", json!({"delay": "60s", "reason": "moving to a new box"})),
        ("ks --delay 60 moving", json!({"delay": "60s", "reason": "moving"})),
        ("ks moving --delay 60", json!({"reason": "moving --delay 60"})),
        ("ks --restart new menu", json!({"restart": true, "reason": "new menu"})),
        ("ks --back 14:00 new menu", json!({"back": "14:00", "reason": "new menu"})),
        ("ks new menu --back 14:00", json!({"reason": "new menu --back 14:00"})),
        ("ks 60", json!({"delay": "60s"})),
        ("ks 5m moving", json!({"delay": "5m", "reason": "moving"})),
        ("ks delay=1h30m moving", json!({"delay": "90m", "reason": "moving"})),
        ("ks \"two words\" and more", json!({"reason": "two words and more"})),
        ("ks --reason \"3 disks\"", json!({"reason": "3 disks"})),
    ] {
        assert_eq!(args(line), want, "{line}");
    }
    // What was meant as a number is not taken for a reason in silence.
    for line in ["ks 20x", "ks -1 minute", "ks 1.5", "ks 2d"] {
        assert_eq!(error(line).kind, LineErrorKind::BadValue, "{line}");
    }
}

#[test]
fn a_negative_number_is_a_value_and_no_option() {
    assert_eq!(args("fan slow -2.5"), json!({"speed": "slow", "trim": -2.5}));
    assert_eq!(args("fan slow --trim -1"), json!({"speed": "slow", "trim": -1.0}));
    assert_eq!(error("zone-run -5").message, "zone must be a whole number from 1 to 8, not -5");
}

#[test]
fn a_name_and_an_equals_sign_that_fit_no_argument_are_a_value() {
    assert_eq!(args("note a=b"), json!({"head": "a=b"}));
    assert_eq!(args("note head=a=b"), json!({"head": "a=b"}));
    assert_eq!(args("note --head=--x"), json!({"head": "--x"}));
    assert_eq!(args("note -- head=a --pin"), json!({"head": "head=a", "body": "--pin"}));
    assert_eq!(args("note -- --"), json!({"head": "--"}));
}

#[test]
fn the_rest_of_the_line_is_one_text() {
    assert_eq!(args("say hello   world"), json!({"text": "hello world"}));
    assert_eq!(args("say 'hello   world' !"), json!({"text": "hello   world !"}));
    assert_eq!(args("say --loud a --loud x=y"), json!({"loud": true, "text": "a --loud x=y"}));
    assert_eq!(args("say -- --loud"), json!({"text": "--loud"}));
    assert_eq!(args("say ''"), json!({"text": ""}));
    let long = format!("say {} {}", "x".repeat(16 * 1024), "y".repeat(16 * 1024));
    assert_eq!(
        error(&long).message,
        "text must be at most 32768 bytes, not 32769",
        "the limit is that of the whole text"
    );
}

#[test]
fn an_empty_line_asks_for_a_command() {
    for line in ["", "   ", "''"] {
        let error = error(line);
        assert_eq!(error.kind, LineErrorKind::Empty);
        assert_eq!(error.message, "type the name of a command: m shows the menu");
    }
}

#[test]
fn an_unknown_command_is_answered_with_the_nearest_names() {
    let wrong = error(" uptmie now");
    assert_eq!(wrong.kind, LineErrorKind::UnknownCommand);
    assert_eq!(wrong.span, 1..7);
    assert_eq!(wrong.message, "there is no command uptmie: did you mean uptime? m shows the menu");
    assert_eq!(error("xyzzyx").message, "there is no command xyzzyx: m shows the menu");
    assert_eq!(error("xyzzyx").kind.exit_status(), 127);
    assert!(!error("\u{1b}[2Jx").message.contains('\u{1b}'));
    assert_eq!(find("m", &menu()).unwrap().name, "menu");
    assert_eq!(find("nope", &menu()).unwrap_err().span, 0..4);
}

#[test]
fn a_name_goes_before_an_alias() {
    let mut menu = menu();
    menu[0].aliases.push("menu".to_owned());
    assert_eq!(find("menu", &menu).unwrap().name, "menu");
}

#[test]
fn each_mistake_is_one_sentence_with_its_place() {
    use LineErrorKind as Kind;
    let cases = [
        (
            "zone-run 3 --mintes 5",
            Kind::UnknownArgument,
            11..19,
            "zone-run has no argument --mintes: did you mean --minutes?",
        ),
        (
            "zone-run 3 --colour=red",
            Kind::UnknownArgument,
            11..23,
            "zone-run has no argument --colour: it takes --zone, --minutes, --dry-run, --no-dry-run",
        ),
        (
            "uptime --all",
            Kind::UnknownArgument,
            7..12,
            "uptime has no argument --all: it takes no arguments",
        ),
        (
            "zone-run",
            Kind::MissingArgument,
            8..8,
            "zone-run needs zone: a whole number from 1 to 8",
        ),
        (
            "zone-run 3 --minutes",
            Kind::MissingArgument,
            20..20,
            "--minutes needs a value: 2, 5 or 10",
        ),
        (
            "zone-run 3 5 7",
            Kind::SurplusArgument,
            13..14,
            "zone-run takes 2 values: 7 is one too many",
        ),
        (
            "uptime now",
            Kind::SurplusArgument,
            7..10,
            "uptime takes no arguments: now is one too many",
        ),
        ("help a b", Kind::SurplusArgument, 7..8, "help takes one value: b is one too many"),
        (
            "zone-run 3 zone=4",
            Kind::RepeatedArgument,
            11..17,
            "zone is given twice: keep one of them",
        ),
        (
            "zone-run 3 --dry-run --no-dry-run",
            Kind::RepeatedArgument,
            21..33,
            "dry-run is given twice: keep one of them",
        ),
        (
            "zone-run 3 --zone 99",
            Kind::RepeatedArgument,
            11..17,
            "zone is given twice: keep one of them",
        ),
        ("zone-run '9'", Kind::BadValue, 9..12, "zone must be a whole number from 1 to 8, not 9"),
        ("fan quick", Kind::BadValue, 4..9, "speed must be slow, very fast or off, not quick"),
    ];
    for (line, kind, span, message) in cases {
        let error = error(line);
        assert_eq!((error.kind, error.span.clone()), (kind, span), "{line}");
        assert_eq!(error.to_string(), message);
        assert_eq!(error.kind.exit_status(), 126);
    }
}

#[test]
fn the_first_error_is_reported_before_missing_arguments() {
    assert_eq!(error("zone-run --x").kind, LineErrorKind::UnknownArgument);
    assert_eq!(error("zone-run 9 --x").kind, LineErrorKind::BadValue);
}

#[test]
fn words_that_a_shell_has_split_are_read_by_the_same_rules() {
    let menu = menu();
    let run = |name: &str, words: &[&str]| {
        let words: Vec<String> = words.iter().map(ToString::to_string).collect();
        parse_args(find(name, &menu).unwrap(), &words)
    };
    assert_eq!(
        Value::Object(run("zr", &["3", "--minutes=5"]).unwrap().args),
        json!({"zone": 3, "minutes": 5})
    );
    assert_eq!(
        Value::Object(run("fan", &["very fast"]).unwrap().args),
        json!({"speed": "very fast"})
    );
    assert_eq!(
        Value::Object(run("say", &["it's", "  \"so\""]).unwrap().args),
        json!({"text": "it's   \"so\""})
    );
    let error = run("zone-run", &["3", "7"]).unwrap_err();
    assert_eq!((error.kind, error.span), (LineErrorKind::BadValue, 1..2));
    let error = run("zone-run", &[]).unwrap_err();
    assert_eq!((error.kind, error.span), (LineErrorKind::MissingArgument, 0..0));
}

#[test]
fn arguments_are_written_back_as_a_person_would_type_them() {
    let menu = menu();
    for (line, args) in [
        ("zone-run 3 5", json!({"zone": 3, "minutes": 5})),
        ("zone-run 3 5 --no-dry-run", json!({"zone": 3, "minutes": 5, "dry-run": false})),
        ("zone-run --minutes 5", json!({"minutes": 5})),
        ("fan 'very fast' -1.5", json!({"speed": "very fast", "trim": -1.5})),
        ("say --loud good morning", json!({"loud": true, "text": "good morning"})),
        ("say \"don't\" panic", json!({"text": "don't panic"})),
        ("say 'two  spaces'", json!({"text": "two  spaces"})),
        ("say --text=--loud", json!({"text": "--loud"})),
        ("note --head head=x b", json!({"head": "head=x", "body": "b"})),
        ("note a --pin --tail 'x y'", json!({"head": "a", "pin": true, "tail": "x y"})),
        ("uptime --old 'a b'", json!({"old": "a b"})),
        (
            "shutdown 90s --back 20:00 kernel update",
            json!({"delay": "90s", "reason": "kernel update", "back": "20:00"}),
        ),
    ] {
        let name = line.split(' ').next().unwrap();
        let command = find(name, &menu).unwrap();
        assert_eq!(render(command, args.as_object().unwrap()), line);
    }
}

#[test]
fn an_argument_of_many_values_takes_what_is_left_and_each_of_its_name() {
    for line in [
        "beds 5 rose herb -x --dry",
        "beds 5 --dry rose herb -x",
        "beds --bed rose 5 herb bed=-x --dry",
        "beds --bed=rose --minutes 5 --dry --bed herb --bed -x",
        "beds minutes=5 rose --dry -- herb -x",
    ] {
        let expected = json!({"minutes": 5, "dry": true, "bed": ["rose", "herb", "-x"]});
        assert_eq!(args(line), expected, "{line}");
    }
    assert_eq!(args("levels 0.5 2 1"), json!({"level": [0.5, 2.0, 1.0]}));
    assert_eq!(args("levels"), json!({}));
    assert_eq!(error("beds 5").message, "beds needs bed: text");
    assert_eq!(error("beds 5 --bed").message, "--bed needs a value: text");
    let wrong = error("levels 0.5 3 1");
    assert_eq!((wrong.span, &*wrong.message), (11..12, "level must be 0.5, 1 or 2, not 3.0"));
}
