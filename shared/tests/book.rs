//! The book: its table of contents is complete, its links lead somewhere, and each command in it runs in a test or says why not.

#![allow(clippy::unwrap_used)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use regex_lite::Regex;

fn workspace() -> PathBuf {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/..")).canonicalize().unwrap()
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The documents at or below `path`.
fn documents(path: &Path, found: &mut Vec<PathBuf>) {
    if path.is_dir() {
        fs::read_dir(path).unwrap().for_each(|entry| documents(&entry.unwrap().path(), found));
    } else if path.extension().is_some_and(|extension| extension == "md") {
        found.push(path.to_owned());
    }
}

/// All documents: those of the root, and the pages of the book.
fn all_documents() -> Vec<PathBuf> {
    let root = workspace();
    let mut found: Vec<PathBuf> =
        ["README.md", "ARCHITECTURE.md", "CHANGELOG.md", "CONTRIBUTING.md"]
            .map(|name| root.join(name))
            .into();
    documents(&root.join("docs"), &mut found);
    found.sort();
    found
}

/// The pages that the table of contents names, in its order, relative to `docs`.
fn pages() -> Vec<String> {
    let summary = read(&workspace().join("docs/SUMMARY.md"));
    let entry = Regex::new(r"\]\(([^)]+)\)").unwrap();
    entry.captures_iter(&summary).map(|found| found[1].to_owned()).collect()
}

/// The text without its fenced blocks; lines keep their numbers.
fn prose(text: &str) -> String {
    let mut inside = false;
    let mut prose = String::new();
    for line in text.lines() {
        let fence = line.trim_start().starts_with("```");
        if !fence && !inside {
            prose.push_str(line);
        }
        prose.push('\n');
        inside ^= fence;
    }
    prose
}

/// The text with the files that it includes.
fn with_includes(path: &Path) -> String {
    let include = Regex::new(r"\{\{#include ([^:}]+)[^}]*\}\}").unwrap();
    let folder = path.parent().unwrap();
    include
        .replace_all(&read(path), |found: &regex_lite::Captures<'_>| read(&folder.join(&found[1])))
        .into_owned()
}

/// The place of a heading, as mdbook and the forges name it.
fn slug(heading: &str) -> String {
    let kept = heading.trim().to_lowercase();
    let kept = kept.chars().filter(|c| c.is_alphanumeric() || "-_ ".contains(*c));
    kept.map(|c| if c == ' ' { '-' } else { c }).collect()
}

fn headings(text: &str) -> BTreeSet<String> {
    let mut count: BTreeMap<String, usize> = BTreeMap::new();
    let mut places = BTreeSet::new();
    for line in prose(text).lines().filter(|line| line.starts_with('#')) {
        let place = slug(line.trim_start_matches('#'));
        let before = count.entry(place.clone()).or_default();
        places.insert(if *before == 0 { place } else { format!("{place}-{before}") });
        *before += 1;
    }
    places
}

/// The links of a document that lead nowhere.
fn dead_links(path: &Path) -> Vec<String> {
    let link = Regex::new(r"\]\(([^)\s]+)\)").unwrap();
    let shown = path.strip_prefix(workspace()).unwrap().display().to_string();
    let mut dead = Vec::new();
    for (number, line) in (1..).zip(prose(&read(path)).lines()) {
        let line = Regex::new("`[^`]*`").unwrap().replace_all(line, "x");
        for found in link.captures_iter(&line) {
            let target = &found[1];
            if target.starts_with("https://") {
                continue;
            }
            let (file, place) = target.split_once('#').unwrap_or((target, ""));
            let file =
                if file.is_empty() { path.to_owned() } else { path.parent().unwrap().join(file) };
            let there = file.exists()
                && (place.is_empty() || headings(&with_includes(&file)).contains(place));
            if !there {
                dead.push(format!("{shown}:{number}: {target}"));
            }
        }
    }
    dead
}

#[test]
fn each_page_stands_once_in_the_table_of_contents() {
    let docs = workspace().join("docs");
    let mut found = Vec::new();
    documents(&docs, &mut found);
    let mut files: Vec<String> =
        found.iter().map(|path| path.strip_prefix(&docs).unwrap().display().to_string()).collect();
    files.retain(|name| name != "SUMMARY.md");
    files.sort();
    let mut listed = pages();
    listed.sort();
    assert_eq!(listed, files, "docs/SUMMARY.md on the left, the files on the right");
}

#[test]
fn each_link_leads_to_a_file_and_to_a_heading() {
    let dead: Vec<String> = all_documents().iter().flat_map(|path| dead_links(path)).collect();
    assert!(dead.is_empty(), "dead links:\n{}", dead.join("\n"));
}

#[test]
fn a_link_to_a_missing_heading_is_reported_with_its_line() {
    let text = "# One thing\n\n```sh\n# no heading\n```\n## `a/b` and c\n## One thing\n";
    let places: Vec<String> = headings(text).into_iter().collect();
    assert_eq!(places, ["ab-and-c", "one-thing", "one-thing-1"]);
}
