use super::super::{LineErrorKind, hint};
use super::menu;

/// The hint where `|` is the cursor: the text with the current part in brackets.
fn shown(line: &str) -> Option<String> {
    let cursor = line.find('|').unwrap();
    let menu = menu();
    let hint = hint(&line.replacen('|', "", 1), cursor, &menu)?;
    let mark = |part: &super::super::HintPart<'_>| {
        if part.current { format!("[{}]", part.text) } else { part.text.clone() }
    };
    Some(hint.parts.iter().map(mark).collect::<Vec<_>>().join(" · "))
}

fn mistake(line: &str) -> Option<(LineErrorKind, std::ops::Range<usize>)> {
    let cursor = line.find('|').unwrap();
    let menu = menu();
    let error = hint(&line.replacen('|', "", 1), cursor, &menu)?.error?;
    Some((error.kind, error.span))
}

#[test]
fn a_hint_names_every_argument_and_what_would_pass() {
    let menu = menu();
    let hint = hint("zone-run 3 --minutes ", 21, &menu).unwrap();
    assert_eq!(hint.text(), "zone int 1–8 · minutes 2 | 5 | 10, default 5 · --dry-run");
    assert_eq!(hint.command.unwrap().name, "zone-run");
    assert_eq!(hint.parts[0].description, "Valve number");
    assert_eq!(hint.parts.iter().map(|part| part.given).collect::<Vec<_>>(), [true, true, false]);
    assert_eq!(hint.error, None);
}

#[test]
fn the_argument_under_the_cursor_is_marked() {
    let zone = "[zone int 1–8] · minutes 2 | 5 | 10, default 5 · --dry-run";
    let minutes = "zone int 1–8 · [minutes 2 | 5 | 10, default 5] · --dry-run";
    let none = "zone int 1–8 · minutes 2 | 5 | 10, default 5 · --dry-run";
    let dry_run = "zone int 1–8 · minutes 2 | 5 | 10, default 5 · [--dry-run]";
    for (line, expected) in [
        ("zone-run| 3", none),
        ("zone-run |", zone),
        ("zone-run 3|", zone),
        ("zone-run 3| 5", zone),
        ("zone-run 3 |", minutes),
        ("zone-run --minutes |", minutes),
        ("zone-run --mi|", minutes),
        ("zone-run minutes=5|", minutes),
        ("zone-run minutes=5 |", zone),
        ("zone-run --no-d|", dry_run),
        ("zone-run 3 5 |", none),
    ] {
        assert_eq!(shown(line).as_deref(), Some(expected), "{line}");
    }
    assert_eq!(shown("say --loud a b|").as_deref(), Some("--loud · [text string]"));
}

#[test]
fn a_line_with_no_command_yet_has_no_hint() {
    for line in ["|", "  |", "up|", "zon|"] {
        assert_eq!(shown(line), None, "{line}");
    }
}

#[test]
fn an_unknown_command_is_marked_once_no_more_can_come_of_it() {
    assert_eq!(mistake("xyz|"), Some((LineErrorKind::UnknownCommand, 0..3)));
    assert_eq!(mistake("up |"), Some((LineErrorKind::UnknownCommand, 0..2)));
    assert_eq!(mistake("u|p"), Some((LineErrorKind::UnknownCommand, 0..2)));
}

#[test]
fn what_is_not_typed_yet_is_no_mistake() {
    for line in [
        "zone-run |",
        "zone-run --|",
        "zone-run --min|",
        "zone-run min|",
        "zone-run --minutes|",
        "zone-run --minutes |",
        "zone-run --minutes=|",
        "zone-run 3 1|",
        "zone-run 3 5 -|",
        "zone-run 3 5 dry-run=tr|",
        "fan ver|",
        "fan 'very f|",
        "fan slow -|",
        "fan slow 1e|",
        "say 'hello|",
    ] {
        assert_eq!(mistake(line), None, "{line}");
    }
}

#[test]
fn the_first_mistake_is_marked_where_it_stands() {
    use LineErrorKind as Kind;
    for (line, kind, span) in [
        ("zone-run 9|", Kind::BadValue, 9..10),
        ("zone-run 99 |", Kind::BadValue, 9..11),
        ("zone-run x| --y", Kind::BadValue, 9..10),
        ("zone-run 3 1 |", Kind::BadValue, 11..12),
        ("zone-run --min |", Kind::UnknownArgument, 9..14),
        ("zone-run --xyz|", Kind::UnknownArgument, 9..14),
        ("zone-run 3 5 7|", Kind::SurplusArgument, 13..14),
        ("zone-run 3 zone=4|", Kind::RepeatedArgument, 11..17),
        ("say| 'hello", Kind::Quote, 4..10),
    ] {
        assert_eq!(mistake(line), Some((kind, span)), "{line}");
    }
}

#[test]
fn a_command_without_arguments_has_a_hint_without_parts() {
    assert_eq!(shown("uptime|").as_deref(), Some(""));
    assert_eq!(mistake("uptime |"), None);
}
