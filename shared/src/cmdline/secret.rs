//! Secrets in lines: masks them for display, and finds lines that must not be stored.

use std::borrow::Cow;
use std::ops::Range;

use super::argument_reader::{ArgumentReader, WordRole, read};
use super::error::LineErrorKind;
use super::parse::{self, lookup, words_of_shell};
use super::tokens::{self, Token};
use crate::command::{Arg, ArgType, Command, MASK};
use crate::text;

/// Whether `line` gives arguments to a command with a secret, or to a name like that: it must not be stored.
pub fn is_private(line: &str, menu: &[Command]) -> bool {
    let scan = tokens::scan(line);
    scan.tokens.len() > 1 && command_of(&scan.tokens[0].text, menu).is_some_and(Command::has_secret)
}

/// `line` as it may be shown: `***` for each secret, and for all that is given where it cannot be read.
pub fn masked<'l>(line: &'l str, menu: &[Command]) -> Cow<'l, str> {
    if !is_private(line, menu) {
        return Cow::Borrowed(line);
    }
    if parse::parse(line, menu).is_err() {
        let name = tokens::scan(line).tokens.first().map_or(0, |name| name.span.end);
        return Cow::Owned(format!("{} {MASK}", &line[..name]));
    }
    let mut masked = line.to_owned();
    for span in secrets(line, menu).into_iter().rev() {
        masked.replace_range(span, MASK);
    }
    Cow::Owned(masked)
}

/// The required secrets that the words after a command's name lack, if nothing else is wrong with them. A user can be asked
/// for each; `--name=value` before the words gives it.
pub fn missing_secrets<'m>(command: &'m Command, words: &[String]) -> Vec<&'m Arg> {
    let reading = read(command, &words_of_shell(words), words.len());
    let error = reading.missing.filter(|_| reading.wrong.is_empty());
    match error.map(|error| error.kind) {
        Some(LineErrorKind::MissingSecret) => {
            reading.missing_secrets.into_iter().map(|at| &command.args[at]).collect()
        }
        _ => Vec::new(),
    }
}

/// The bytes of `line` that are secrets, as far as it is typed.
pub fn secrets(line: &str, menu: &[Command]) -> Vec<Range<usize>> {
    let scan = tokens::scan(line);
    let Some((name, words)) = scan.tokens.split_first() else { return Vec::new() };
    let Some(command) = lookup(&name.text, menu).filter(|command| command.has_secret()) else {
        return Vec::new();
    };
    let mut reader = ArgumentReader::new(command);
    words.iter().filter_map(|word| secret(word, &mut reader, command, line)).collect()
}

/// The bytes of one word that are a secret.
fn secret(
    word: &Token,
    reader: &mut ArgumentReader<'_>,
    command: &Command,
    line: &str,
) -> Option<Range<usize>> {
    let WordRole::Value { arg, text } = reader.step(&word.text) else { return None };
    let whole = text.len() == word.text.len();
    let Range { start, end } = word.span;
    // After `--name=`, quoted or not.
    let value = if whole { start } else { start + line[start..end].find('=')? + 1 };
    (command.args[arg].kind == ArgType::Secret).then_some(value..end)
}

/// The command that a name is, or is nearly.
fn command_of<'m>(name: &str, menu: &'m [Command]) -> Option<&'m Command> {
    lookup(name, menu).or_else(|| {
        let near = text::similar(name, menu.iter().flat_map(Command::names));
        let mut near = near.into_iter().filter_map(|name| lookup(name, menu));
        near.find(|command| command.has_secret())
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::super::{complete, hint, parse, render};
    use super::*;

    fn menu() -> Vec<Command> {
        let menu: Vec<Command> = serde_json::from_value(json!([
            {"name": "uptime"},
            {"name": "login", "aliases": ["li"], "args": [
                {"name": "user", "required": true, "maxLength": 8},
                {"name": "password", "type": "secret", "required": true, "minLength": 4},
                {"name": "once", "type": "bool"}]}
        ]))
        .unwrap();
        for command in &menu {
            crate::values::validate_args(&command.args).unwrap();
        }
        menu
    }

    /// Lines of what the grammar cares for, with a secret that is easily found again.
    fn line() -> impl Strategy<Value = String> {
        let pieces = prop::sample::select(vec![
            "login",
            "li",
            " ",
            " ",
            " ",
            " ",
            "ann",
            "hunter2",
            "hunter2",
            "--password",
            "--password=",
            "password=",
            "--user",
            "user=",
            "--once",
            "--",
            "=",
            "'",
            "\"",
            "\\",
            "é",
        ]);
        prop::collection::vec(pieces, 0..12).prop_map(|pieces| format!("login {}", pieces.concat()))
    }

    proptest! {
        #[test]
        fn no_line_shows_a_secret_that_it_gives(line in line()) {
            let menu = menu();
            let shown = masked(&line, &menu);
            for span in secrets(&line, &menu) {
                prop_assert!(line.get(span).is_some() && is_private(&line, &menu));
            }
            let Ok(parsed) = parse(&line, &menu) else {
                prop_assert!(!shown.contains("hunter2"), "{line}: {shown}");
                return Ok(());
            };
            // The name of a user may look like the secret, and is none.
            let user = parsed.args["user"].as_str().unwrap_or_default();
            prop_assert!(user.contains("hunter2") || !shown.contains("hunter2"), "{line}: {shown}");
            prop_assert!(shown.contains(MASK) && parse(&shown, &menu).is_err(), "{line}: {shown}");
        }
    }

    #[test]
    fn a_secret_in_a_line_is_hidden_however_it_is_given() {
        for (line, shown) in [
            ("login ann hunter2", "login ann ***"),
            ("  li ann 'hunter2 x' --once ", "  li ann *** --once "),
            ("login ann --password hunter2", "login ann --password ***"),
            ("login --password=hunter2 ann", "login --password=*** ann"),
            ("login password=hunter2 ann", "login password=*** ann"),
            ("login pass'word=hun'ter2 ann", "login pass'word=*** ann"),
            ("login ann -- --hunter2", "login ann -- ***"),
            ("login ann --password --hunter2", "login ann --password ***"),
            ("login 'password=hun=ter2' ann", "login 'password=*** ann"),
            // Nothing of what cannot be read is shown.
            ("login ann hunter2 more", "login ***"),
            ("login ann 'hunter2", "login ***"),
            ("login ann --hunter2", "login ***"),
            ("login ann pasword=hunter2 x", "login ***"),
            ("login hunter2andmore ann", "login ***"),
            ("login ann hun", "login ***"),
            ("lgoin ann hunter2", "lgoin ***"),
            ("LOGIN ann hunter2", "LOGIN ***"),
        ] {
            assert_eq!(masked(line, &menu()), shown);
            assert!(is_private(line, &menu()), "{line}");
        }
        for line in ["uptime", "login", "li ", "", "uptime hunter2", "'", "nothing like it"] {
            assert_eq!(masked(line, &menu()), line);
            assert!(!is_private(line, &menu()), "{line}");
        }
    }

    #[test]
    fn a_secret_is_hidden_while_it_is_typed() {
        for (line, hidden) in [
            ("login ann hun", vec!["hun"]),
            ("login ann 'hunter2 x", vec!["'hunter2 x"]),
            ("login --password=hun ann", vec!["hun"]),
            ("login --password=", vec![""]),
            ("login ann", vec![]),
            ("logi ann hun", vec![]),
        ] {
            let spans = secrets(line, &menu());
            let shown: Vec<&str> = spans.into_iter().map(|span| &line[span]).collect();
            assert_eq!(shown, hidden, "{line}");
        }
    }

    #[test]
    fn no_mistake_says_what_was_given_to_a_command_with_a_secret() {
        for line in [
            "login ann hunter2 hunter2",
            "login ann --hunter2",
            "login ann --hunter2=x",
            "login ann hunter2 --once=hunter2",
            "login hunter2hunter2 ann",
            "login ann hunter2 --password hunter2",
            "login ann \"hunter2",
            "login ann hunter2\u{7}",
        ] {
            let menu = menu();
            let error = parse(line, &menu).unwrap_err();
            assert!(!error.message.contains("hunter2"), "{line}: {error}");
            let shown = hint(line, line.len(), &menu).and_then(|hint| hint.error);
            let said = shown.map(|error| error.message).unwrap_or_default();
            assert!(!said.contains("hunter2"), "{line}: {said}");
        }
        let error = parse("login ann hun", &menu()).unwrap_err();
        let said = "password must have at least 4 characters";
        assert_eq!(error.message, said);
    }

    #[test]
    fn a_secret_is_missing_only_where_nothing_else_is_wrong() {
        let menu = menu();
        for (line, missing) in [
            ("login ann", vec!["password"]),
            ("login --user=ann --once", vec!["password"]),
            ("login ann -- hunter2", vec![]),
            ("login ann hunter2", vec![]),
            ("login", vec![]),
            ("login ann --tiwce", vec![]),
            ("login much-too-long-a-name", vec![]),
            ("login ann --password", vec![]),
        ] {
            let words: Vec<String> = line.split(' ').skip(1).map(str::to_owned).collect();
            let found = missing_secrets(&menu[1], &words);
            let found: Vec<&str> = found.into_iter().map(|arg| arg.name.as_str()).collect();
            assert_eq!(found, missing, "{line}");
        }
        // Given before the words, it does not change what they mean.
        let words = ["--password=--x=y z", "--", "ann"].map(str::to_owned);
        let parsed = parse::parse_args(&menu[1], &words).unwrap();
        assert_eq!(
            serde_json::Value::from(parsed.args),
            json!({"user": "ann", "password": "--x=y z"})
        );
    }

    #[test]
    fn a_secret_is_no_candidate_and_in_no_line_that_is_written() {
        let menu = menu();
        let line = "login ann --password ";
        assert!(complete(line, line.len(), &menu).candidates.is_empty());
        let parsed = parse("login ann hunter2 --once", &menu).unwrap();
        assert_eq!(parsed.args["password"], "hunter2");
        assert_eq!(render(parsed.command, &parsed.args), "login ann --once");
        let kept = parsed.command.masked(&parsed.args);
        assert_eq!(
            serde_json::Value::from(kept),
            json!({"user": "ann", "password": "***", "once": true})
        );
    }
}
