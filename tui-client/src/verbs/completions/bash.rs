//! Completion in bash, which completes only the end of a word: its answer replaces that end.

use std::path::Path;

use clap::Command;
use topside_shared::cmdline::{self, Spot};

use crate::verb_args::candidates::{self, Candidate};

/// `request` is the line up to the cursor, and the characters that end a word beside spaces (`COMP_WORDBREAKS`). The answer
/// replaces what bash takes for the word, with its quoting.
pub(super) fn answer(
    command: &mut Command,
    request: &[String],
    directory: Option<&Path>,
) -> Vec<String> {
    let [line, breaks] = request else { return Vec::new() };
    let spot = cmdline::at(line, line.len());
    let Some(begin) = begin(line, &spot, breaks) else { return Vec::new() };
    // The part of the word before it stays.
    let lead = cmdline::at(line, begin).word.text;
    let before = spot.before.into_iter().map(|token| token.text);
    let words: Vec<String> = before.chain([spot.word.text]).collect();
    let quote = spot.quote.map(|(quote, _)| quote);
    let end = |Candidate { word, .. }: Candidate| Some(quoted(word.strip_prefix(&lead)?, quote));
    candidates::complete(command, &words, directory).into_iter().filter_map(end).collect()
}

/// The start of what bash takes for the word: after the open quote, or after the last unquoted character that ends a word.
/// None where that is a closed quote, which bash would take for an open one.
fn begin(line: &str, spot: &Spot, breaks: &str) -> Option<usize> {
    if let Some((_, at)) = spot.quote {
        return Some(at + 1);
    }
    let start = spot.word.span.start;
    let ends = |(at, c): &(usize, char)| {
        let at = start + at;
        let slashes = line[..at].bytes().rev().take_while(|byte| *byte == b'\\').count();
        breaks.contains(*c) && slashes % 2 == 0 && cmdline::at(line, at).quote.is_none()
    };
    match line[start..].char_indices().rev().find(ends) {
        Some((_, '\'' | '"')) => None,
        Some((at, c)) => Some(start + at + c.len_utf8()),
        None => Some(start),
    }
}

/// `text` inside this quote, or with backslashes.
fn quoted(text: &str, quote: Option<char>) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match quote {
            Some('\'') if c == '\'' => out.push_str(r"'\'"),
            Some('"') if "\"$`\\".contains(c) => out.push('\\'),
            Some(_) => {}
            None if c.is_alphanumeric() || "_@%+=:,./-".contains(c) => {}
            None => out.push('\\'),
        }
        out.push(c);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_word_begins_where_bash_says() {
        const BREAKS: &str = " \t\n\"'@><=;|&(:";
        for (line, word) in [
            ("topside run x minutes=", ""),
            ("topside run x minutes=5", "5"),
            ("topside run x a\\=b", "a\\=b"),
            ("topside run x a\\\\=b", "b"),
            ("topside --on Back\\ ga", "Back\\ ga"),
            ("topside --on 'Back ga", "Back ga"),
            ("topside --on='Back ga", "Back ga"),
            ("topside --on Bac\"k g", "k g"),
            ("topside x ", ""),
        ] {
            let spot = cmdline::at(line, line.len());
            assert_eq!(&line[begin(line, &spot, BREAKS).unwrap()..], word, "{line}");
        }
        let begin = |line: &str, breaks| begin(line, &cmdline::at(line, line.len()), breaks);
        assert_eq!(begin("topside minutes=5", " "), Some("topside ".len()));
        assert_eq!(begin("topside 'a=b'c", BREAKS), None);
    }

    #[test]
    fn a_word_is_quoted_as_it_has_begun() {
        assert_eq!(quoted("it's 5 $", None), r"it\'s\ 5\ \$");
        assert_eq!(quoted("it's 5 $", Some('\'')), r"it'\''s 5 $");
        assert_eq!(quoted("it's \"5\" $", Some('"')), r#"it's \"5\" \$"#);
        assert_eq!(quoted("grün-5", None), "grün-5");
    }
}
