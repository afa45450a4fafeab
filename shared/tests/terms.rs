//! The glossary is the only list of terms: no text has a word that it rejects.

#![allow(clippy::unwrap_used)]

mod common;

use std::fs;
use std::path::Path;

use regex_lite::Regex;

use common::{files, workspace};

/// Folders and files with texts for users: documents, help, manual pages, screens, messages and samples.
const TEXTS: [&str; 10] = [
    "CONTRIBUTING.md",
    "README.md",
    "SECURITY.md",
    "config",
    "docs",
    "examples",
    "server/examples",
    "server/src",
    "shared/src",
    "tui-client/src",
];

/// A term of the glossary, and the words that are not used for it.
struct Rejected {
    term: String,
    words: Vec<String>,
}

/// The words behind `Not:` in the rows of the glossary.
fn rejected_words(glossary: &str) -> Vec<Rejected> {
    let row = Regex::new(r"(?m)^\| ([^|]+) \|[^|]*Not: ([^|]+)\. \|").unwrap();
    let rows = row.captures_iter(glossary);
    let of_row = |row: regex_lite::Captures<'_>| {
        let of_term = |words: &str| Rejected {
            term: row[1].to_owned(),
            words: words_of(words).into_iter().map(|(_, word)| word).collect(),
        };
        row[2].split(", ").map(of_term).collect::<Vec<_>>()
    };
    rows.flat_map(of_row).collect()
}

/// The words of a text in lower case, each with its line. A phrase may go on in the next line, behind the marks of a
/// comment, and may have a hyphen; it does not go on behind the end of a sentence, which is an empty word.
fn words_of(text: &str) -> Vec<(usize, String)> {
    let is_mark = |c: char| c.is_ascii_punctuation();
    let lines = (1..).zip(text.lines());
    let words = lines.flat_map(|(number, line)| {
        let parts = line.split([' ', '\t', '-']).flat_map(move |part| {
            let word = part.trim_matches(is_mark);
            let ends = !word.is_empty() && part.ends_with(['.', ':', ';', ',', '|']);
            [(!word.is_empty()).then_some(word), ends.then_some("")]
        });
        parts.flatten().map(move |word| (number, word.to_lowercase()))
    });
    words.collect()
}

/// The rejected words of a text: the line of each, the word, and the term to use.
fn faults<'a>(text: &str, rejected: &'a [Rejected]) -> Vec<(usize, String, &'a str)> {
    let all = words_of(text);
    let mut faults = Vec::new();
    for (at, (line, _)) in all.iter().enumerate() {
        for each in rejected {
            let Some(here) = all.get(at..at + each.words.len()) else { continue };
            let mut pairs = here.iter().map(|(_, word)| word).zip(&each.words);
            let last = pairs.next_back();
            let is_last = last.is_some_and(|(word, wanted)| {
                word.strip_prefix(wanted.as_str()).is_some_and(|end| ["", "s", "es"].contains(&end))
            });
            if is_last && pairs.all(|(word, wanted)| word == wanted) {
                faults.push((*line, each.words.join(" "), each.term.as_str()));
            }
        }
    }
    faults
}

/// A text without the names that programs use: code spans of a document, and literals of one word. Without the words
/// that the glossary rejects too.
fn without_names(text: &str, is_document: bool) -> String {
    let names = if is_document { r"`[^`\n]*`| Not: [^|]+\. \|" } else { r#""[\w-]+""# };
    Regex::new(names).unwrap().replace_all(text, "name").into_owned()
}

/// Tests have earlier names in their texts; the pictures of the screen beside them are checked.
fn is_test(file: &Path) -> bool {
    let name = file.file_name().unwrap().to_str().unwrap();
    let in_tests = file.components().any(|part| part.as_os_str() == "tests");
    name.ends_with("_tests.rs") || (in_tests && name.ends_with(".rs"))
}

#[test]
fn no_text_has_a_word_that_the_glossary_rejects() {
    let glossary = fs::read_to_string(workspace().join("docs/GLOSSARY.md")).unwrap();
    let rejected = rejected_words(&glossary);
    for term in ["cancel a shutdown", "same machine", "outside address", "worker", "safe state"] {
        assert!(rejected.iter().any(|each| each.term == term), "no rejected words for {term}");
    }
    let kinds = ["md", "rs", "toml", "service", "snap", "py"];
    let texts = TEXTS.iter().flat_map(|path| files(&workspace().join(path), &kinds));
    let mut report = Vec::new();
    for file in texts.filter(|file| !is_test(file)) {
        let text = fs::read_to_string(&file).unwrap();
        let is_document = file.extension().is_some_and(|extension| extension == "md");
        for (line, word, term) in faults(&without_names(&text, is_document), &rejected) {
            let shown = file.strip_prefix(workspace()).unwrap().display();
            report.push(format!("{shown}:{line}: \"{word}\" is not used for: {term}"));
        }
    }
    assert!(report.is_empty(), "docs/GLOSSARY.md has other words:\n{}", report.join("\n"));
}

#[test]
fn a_rejected_word_is_reported_with_its_line_and_its_term() {
    let glossary = "| outside address | Of the router. Not: public address, WAN side. | `x` |\n| key | Ed25519. | |\n\
                    | cancel | To order. Not: call off. | `cancel` |\n| mark | Not: ✓ done. | |";
    let rejected = rejected_words(glossary);
    let found = |text: &str, is_document| {
        let found = faults(&without_names(text, is_document), &rejected);
        found.into_iter().map(|(line, _, term)| (line, term)).collect::<Vec<_>>()
    };
    let [address, cancel, mark] = ["outside address", "cancel", "mark"];
    for (text, want) in [
        ("a\nThe Public Addresses.", &[(2, address)][..]),
        ("    // the public\n    // address", &[(1, address)]),
        ("\"its public \\\n   address: {0}\"", &[(1, address)]),
        ("on the WAN-side", &[(1, address)]),
        ("public. Address, the publication address, the public box address", &[]),
        ("\"run `topside call-off`\"", &[(1, cancel)]),
        ("#[command(alias = \"call-off\")]", &[]),
        ("call offline", &[]),
        ("❯ a  ✓ done · 1 ms", &[(1, mark)]),
    ] {
        assert_eq!(found(text, false), want, "{text}");
    }
    assert_eq!(found("Call it off: **call off**.\nThe verb was `call-off`.", true), [(1, cancel)]);
    assert_eq!(found(glossary, true), [], "its own list");
}
