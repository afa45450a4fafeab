//! Any line with the cursor anywhere can be read, completed and hinted at, and the three agree.
//!
//! The input: one byte for the cursor, then the line.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use topside_shared::cmdline::{
    complete, hint, is_private, masked, parse, parse_args, quote, render, secrets, split,
};
use topside_shared::command::Command;
use topside_shared::values::{Limits, check, validate_args};

static MENU: LazyLock<Vec<Command>> = LazyLock::new(|| {
    let menu: Vec<Command> =
        serde_json::from_str(include_str!("../menu.json")).expect("the menu is JSON");
    for command in &menu {
        validate_args(&command.args).expect("the menu is one that a server would load");
    }
    menu
});

fuzz_target!(|input: &[u8]| {
    let Some((cursor, line)) = input.split_first() else { return };
    let line = String::from_utf8_lossy(line);
    let cursor = usize::from(*cursor);
    words(&line);
    read(&line, cursor);
    hidden(&line);
    completed(&line, cursor);
    completed_at_the_end(&line);
});

/// A text is one word once it is quoted, and words are where they say.
fn words(line: &str) {
    let quoted = quote(line);
    let one = split(&quoted).expect("a quoted text is closed");
    assert_eq!(one.iter().map(|word| &*word.text).collect::<Vec<_>>(), [line]);

    let mut end = 0;
    for word in split(line).into_iter().flatten() {
        assert!(word.span.start >= end && line.get(word.span.clone()).is_some());
        end = word.span.end;
    }
}

fn read(line: &str, cursor: usize) {
    let hint = hint(line, cursor, &MENU);
    if let Some(error) = hint.as_ref().and_then(|hint| hint.error.as_ref()) {
        assert!(line.get(error.span.clone()).is_some() && !error.message.is_empty());
    }
    let parsed = match parse(line, &MENU) {
        Ok(parsed) => parsed,
        Err(error) => {
            assert!(line.get(error.span).is_some() && !error.message.is_empty());
            return;
        }
    };
    assert_eq!(hint.and_then(|hint| hint.error), None, "a line that parses has no mistake to mark");
    check(&parsed.command.args, &parsed.args, Limits::default()).expect("the server takes it too");

    if parsed.command.has_secret() {
        return;
    }
    let again = render(parsed.command, &parsed.args);
    assert_eq!(parse(&again, &MENU).as_ref(), Ok(&parsed), "{again}");
    let words = split(line).expect("it was parsed").into_iter().skip(1).map(|word| word.text);
    assert_eq!(parse_args(parsed.command, &words.collect::<Vec<_>>()).as_ref(), Ok(&parsed));
}

/// A secret is in nothing that is shown of its line, and such a line is not kept.
fn hidden(line: &str) {
    let shown = masked(line, &MENU);
    for span in secrets(line, &MENU) {
        assert!(line.get(span).is_some() && is_private(line, &MENU));
    }
    let Ok(parsed) = parse(line, &MENU) else { return };
    let given = |arg: &&topside_shared::command::Arg| parsed.args.contains_key(&arg.name);
    let secret = parsed.command.args.iter().filter(given);
    if secret.clone().any(|arg| arg.kind == topside_shared::command::ArgType::Secret) {
        let again = parse(&shown, &MENU);
        // It reads as before but for the sign, which is too short to pass here.
        assert!(again.is_err() && shown.contains("***"), "{line}: {shown}");
    } else {
        assert_eq!(shown, line);
    }
}

/// What is offered can be put in its place, wherever the cursor.
fn completed(line: &str, cursor: usize) {
    let completion = complete(line, cursor, &MENU);
    assert!(line.get(completion.replace.clone()).is_some());
    for candidate in completion.candidates {
        let mut line = line.to_owned();
        line.replace_range(completion.replace.clone(), &candidate.text);
        let _ = hint(&line, completion.replace.start + candidate.text.len(), &MENU);
    }
}

/// Nothing that is offered for the last word makes a line wrong.
fn completed_at_the_end(line: &str) {
    let mistake = |line: &str| hint(line, line.len(), &MENU).and_then(|hint| hint.error);
    if mistake(line).is_some() {
        return;
    }
    let completion = complete(line, line.len(), &MENU);
    for candidate in completion.candidates {
        let mut line = line.to_owned();
        line.replace_range(completion.replace.clone(), &candidate.text);
        assert_eq!(mistake(&line), None, "{line}");
    }
}
