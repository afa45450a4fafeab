//! The documents: the code in CONTRIBUTING.md is the project's own, and no text leaves open who acts.

#![allow(clippy::unwrap_used)]

mod common;

use std::fs;

use regex_lite::Regex;

use common::{files, workspace};

/// Files and folders without words for an actor that is left open.
const CHECKED: [&str; 11] = [
    "ARCHITECTURE.md",
    "CONTRIBUTING.md",
    "README.md",
    "SECURITY.md",
    "bench/src",
    "docs",
    "fuzz/src",
    "fuzz/targets",
    "server/src",
    "shared/src",
    "tui-client/src",
];

/// The lines with such a word; in quotes or backticks it is the name of an account.
fn vague_lines(text: &str) -> Vec<(usize, &str)> {
    let vague = Regex::new("(?i)(^|[^`\"\\w])(whoever|nobody|somebody)\\b").unwrap();
    (1..).zip(text.lines()).filter(|(_, line)| vague.is_match(line)).collect()
}

/// The fenced blocks with a language and a path as their info string: the path and the code. `no-run:` is a mark.
fn quotations(document: &str) -> Vec<(&str, &str)> {
    let blocks = document.split("\n```").skip(1).step_by(2);
    blocks
        .filter_map(|block| {
            let (info, code) = block.split_once('\n')?;
            let path = info.split_once(' ')?.1;
            (!path.starts_with("no-run:")).then_some((path, code))
        })
        .collect()
}

#[test]
fn the_code_in_contributing_is_that_of_the_files_that_it_names() {
    let document = fs::read_to_string(workspace().join("CONTRIBUTING.md")).unwrap();
    let quotations = quotations(&document);
    assert!(quotations.len() >= 5, "{quotations:?}");
    for (path, code) in quotations {
        let file = fs::read_to_string(workspace().join(path)).unwrap();
        assert!(file.contains(code), "CONTRIBUTING.md quotes {path}, which has changed:\n{code}");
    }
}

#[test]
fn a_block_is_a_quotation_only_if_it_names_a_file() {
    let document = "\n```sh\nls\n```\n```sh no-run: it is long\nls\n```\ntext\n```rust a/b.rs\nfn f() {}\n```\n";
    assert_eq!(quotations(document), [("a/b.rs", "fn f() {}")]);
}

#[test]
fn no_text_leaves_open_who_acts() {
    let texts = CHECKED.iter().flat_map(|path| files(&workspace().join(path), &["rs", "md"]));
    let mut faults = Vec::new();
    for file in texts {
        let shown = file.strip_prefix(workspace()).unwrap().display();
        for (number, line) in vague_lines(&fs::read_to_string(&file).unwrap()) {
            faults.push(format!("{shown}:{number}: {}", line.trim()));
        }
    }
    let advice = "name the user, client, device or program that acts";
    assert!(faults.is_empty(), "{advice}:\n{}", faults.join("\n"));
}

#[test]
fn a_vague_word_is_reported_with_its_line_and_an_account_is_not() {
    let text = "Nobody waits.\nthe user `nobody`\n\"nobody\"\nfor whoever asks";
    assert_eq!(vague_lines(text), [(1, "Nobody waits."), (4, "for whoever asks")]);
}

/// The sections of the change log by their headings, each with its entries as one line each.
fn changes(changelog: &str) -> Vec<(&str, Vec<String>)> {
    let sections = changelog.split("\n## ").skip(1);
    let entries = |text: &str| {
        let entries = text.split("\n- ").skip(1).map(|entry| entry.split("\n\n").next().unwrap());
        entries.map(|entry| entry.split_whitespace().collect::<Vec<_>>().join(" ")).collect()
    };
    sections.map(|section| (section.lines().next().unwrap(), entries(section))).collect()
}

#[test]
fn the_changelog_has_a_section_of_the_version_and_no_entry_twice() {
    let changelog = fs::read_to_string(workspace().join("CHANGELOG.md")).unwrap();
    let sections = changes(&changelog);
    let version = env!("CARGO_PKG_VERSION");
    let is_of_version = |heading: &str| heading.split(' ').next() == Some(version);
    assert!(
        sections.iter().any(|(heading, entries)| is_of_version(heading) && !entries.is_empty()),
        "CHANGELOG.md has no section {version}, which Cargo.toml names"
    );
    let mut entries: Vec<String> = sections.into_iter().flat_map(|(_, entries)| entries).collect();
    entries.sort();
    let twice: Vec<_> = entries.windows(2).filter(|pair| pair[0] == pair[1]).collect();
    assert!(twice.is_empty(), "{twice:#?}");
}

#[test]
fn the_entries_of_a_changelog_are_read_over_their_lines() {
    let text = "# Changelog\n\n## 0.2.0 - a day\n\n### Added\n\nServer:\n\n- a\n  b\n- c\n\n## 0.1.0\n\n- d\n";
    let found = changes(text);
    assert_eq!(
        found,
        [("0.2.0 - a day", vec!["a b".into(), "c".into()]), ("0.1.0", vec!["d".into()])]
    );
}
