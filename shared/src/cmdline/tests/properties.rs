use proptest::prelude::*;
use serde_json::{Map, Value};

use super::super::{complete, find, hint, parse, parse_args, quote, render, split};
use super::menu;
use crate::values::{Limits, check};

/// Lines made of what the grammar cares for, with characters of two to four bytes.
fn line() -> impl Strategy<Value = String> {
    let pieces = prop::sample::select(vec![
        "zone-run",
        "zr",
        "note",
        "say",
        "fan",
        "help",
        "lamp",
        "zone",
        "--minutes",
        "--no-",
        "=",
        "minutes=",
        "--",
        "-",
        " ",
        " ",
        " ",
        "'",
        "\"",
        "\\",
        "\n",
        "\\\n",
        "3",
        "5",
        "99",
        "slow",
        "very",
        "é",
        "🌱",
        "\u{202e}",
        "\0",
        "$",
        "`",
        "on=",
        "--on",
        "head=",
        "soak",
        "beds",
        "levels",
        "--bed",
        "bed=",
        "rose-",
        "30m",
        "ms",
        "..",
        "/",
    ]);
    prop_oneof![
        3 => prop::collection::vec(pieces, 0..14).prop_map(|pieces| pieces.concat()),
        1 => any::<String>(),
    ]
}

/// Text that an argument with `allow_dash` takes, often such as looks like something else.
fn text() -> impl Strategy<Value = String> {
    let pieces = prop::sample::select(vec![
        "--", "-", "head=", "tail=", "=", " ", "  ", "'", "\"", "\\", "$", "`", "!", "a", "pin",
        "--pin", "é", "5", "#",
    ]);
    prop_oneof![
        prop::collection::vec(pieces, 0..6).prop_map(|pieces| pieces.concat()),
        "\\PC{0,12}",
    ]
}

proptest! {
    #[test]
    fn no_line_and_no_cursor_make_it_panic(line in line(), cursor in 0usize..80) {
        let menu = menu();
        let _ = split(&line);
        let _ = parse(&line, &menu);
        let completion = complete(&line, cursor, &menu);
        // The range can be replaced at any cursor.
        let mut replaced = line.clone();
        replaced.replace_range(completion.replace, "x");
        if let Some(hint) = hint(&line, cursor, &menu) {
            let _ = hint.text();
            if let Some(error) = hint.error {
                prop_assert!(line.get(error.span).is_some());
            }
        }
        if let Err(error) = parse(&line, &menu) {
            prop_assert!(line.get(error.span).is_some());
        }
    }

    #[test]
    fn a_line_that_parses_has_no_mistake_to_mark(line in line(), cursor in 0usize..80) {
        let menu = menu();
        if parse(&line, &menu).is_ok() {
            prop_assert_eq!(hint(&line, cursor, &menu).and_then(|hint| hint.error), None);
        }
    }

    #[test]
    fn no_candidate_for_the_last_word_makes_the_line_wrong(line in line()) {
        let menu = menu();
        let fits = hint(&line, line.len(), &menu).is_none_or(|hint| hint.error.is_none());
        let completion = complete(&line, line.len(), &menu);
        for candidate in completion.candidates {
            let mut completed = line.clone();
            completed.replace_range(completion.replace.clone(), &candidate.text);
            let error = hint(&completed, completed.len(), &menu).and_then(|hint| hint.error);
            prop_assert!(!fits || error.is_none(), "{completed:?}: {error:?}");
        }
    }

    #[test]
    fn what_parses_passes_the_servers_check(line in line()) {
        let menu = menu();
        if let Ok(parsed) = parse(&line, &menu) {
            prop_assert!(check(&parsed.command.args, &parsed.args, Limits::default()).is_ok());
        }
    }

    #[test]
    fn a_quoted_text_is_one_word_that_says_the_same(text in any::<String>()) {
        let quoted = quote(&text);
        let words = split(&quoted).unwrap();
        prop_assert_eq!(words.len(), 1);
        prop_assert_eq!(&words[0].text, &text);
    }

    #[test]
    fn arguments_written_as_a_line_read_back_the_same(
        head in text(),
        body in prop::option::of(text()),
        level in prop::option::of(prop::num::f64::NORMAL | prop::num::f64::ZERO),
        pin in prop::option::of(any::<bool>()),
        tail in prop::option::of(text()),
    ) {
        let menu = menu();
        let note = find("note", &menu).unwrap();
        let mut args = Map::new();
        args.insert("head".into(), Value::from(head));
        body.and_then(|body| args.insert("body".into(), Value::from(body)));
        level.and_then(|level| args.insert("level".into(), Value::from(level)));
        pin.and_then(|pin| args.insert("pin".into(), Value::from(pin)));
        tail.and_then(|tail| args.insert("tail".into(), Value::from(tail)));
        let line = render(note, &args);
        let parsed = parse(&line, &menu).map_err(|error| TestCaseError::fail(format!("{line}: {error}")))?;
        prop_assert_eq!(&parsed.args, &args, "{}", line);

        // The same words, split by a shell, read the same.
        let words: Vec<String> = split(&line).unwrap().into_iter().skip(1).map(|word| word.text).collect();
        prop_assert_eq!(&parse_args(note, &words).unwrap().args, &args);
    }

    #[test]
    fn a_list_written_as_a_line_reads_back_the_same(
        minutes in prop::option::of(1i64..100),
        dry in prop::option::of(any::<bool>()),
        beds in prop::collection::vec(text(), 1..5),
    ) {
        let menu = menu();
        let command = find("beds", &menu).unwrap();
        let mut args = Map::new();
        minutes.and_then(|minutes| args.insert("minutes".into(), Value::from(minutes)));
        dry.and_then(|dry| args.insert("dry".into(), Value::from(dry)));
        args.insert("bed".into(), Value::from(beds));
        let line = render(command, &args);
        match parse(&line, &menu) {
            Ok(parsed) => prop_assert_eq!(&parsed.args, &args, "{}", line),
            Err(error) => prop_assert!(minutes.is_none(), "{line}: {error}"),
        }
    }

    #[test]
    fn a_number_written_as_a_line_reads_back_the_same(zone in 1i64..=8, minutes in prop::option::of(prop::sample::select(vec![2, 5, 10]))) {
        let menu = menu();
        let mut args = Map::new();
        args.insert("zone".into(), Value::from(zone));
        minutes.and_then(|minutes: i64| args.insert("minutes".into(), Value::from(minutes)));
        let line = render(find("zone-run", &menu).unwrap(), &args);
        prop_assert_eq!(parse(&line, &menu).unwrap().args, args);
    }
}
