//! The book: its table of contents is complete, its links lead somewhere, and each command in it runs in a test or says why not.

#![allow(clippy::unwrap_used)]

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use regex_lite::Regex;

use common::{files, workspace};

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// All documents: those of the root, and the pages of the book.
fn all_documents() -> Vec<PathBuf> {
    let root = workspace();
    let mut found: Vec<PathBuf> =
        ["README.md", "ARCHITECTURE.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md"]
            .map(|name| root.join(name))
            .into();
    found.extend(files(&root.join("docs"), &["md"]));
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
    let code = Regex::new("`[^`]*`").unwrap();
    let shown = path.strip_prefix(workspace()).unwrap().display().to_string();
    let mut dead = Vec::new();
    for (number, line) in (1..).zip(prose(&read(path)).lines()) {
        let line = code.replace_all(line, "x");
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
    let relative = |path: &PathBuf| path.strip_prefix(&docs).unwrap().display().to_string();
    let mut files: Vec<String> = files(&docs, &["md"]).iter().map(relative).collect();
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

/// The files that a page includes without a link to them: a forge shows the page without the file.
fn includes_without_link(text: &str) -> Vec<String> {
    let include = Regex::new(r"\{\{#include ([^:}]+)[^}]*\}\}").unwrap();
    let included = include.captures_iter(text).map(|found| found[1].to_owned());
    included.filter(|file| !text.contains(&format!("]({file})"))).collect()
}

#[test]
fn each_file_that_a_page_includes_is_linked_too() {
    let mut faults = Vec::new();
    for path in files(&workspace().join("docs"), &["md"]) {
        let missing = includes_without_link(&read(&path));
        faults.extend(missing.iter().map(|file| format!("{}: {file}", path.display())));
    }
    assert!(faults.is_empty(), "write a link above the include:\n{}", faults.join("\n"));
}

#[test]
fn an_include_without_a_link_is_reported() {
    let text = "[a](../a.md)\n\n{{#include ../a.md}}\n{{#include ../b.toml:3:4}}\n";
    assert_eq!(includes_without_link(text), ["../b.toml"]);
}

/// A fenced block of a document: its line, and the words behind the fence.
fn fences(text: &str) -> Vec<(usize, &str)> {
    let lines = (1..)
        .zip(text.lines())
        .filter_map(|(at, line)| line.trim_start().strip_prefix("```").map(|info| (at, info)));
    lines.step_by(2).collect()
}

/// Why a block of a shell is not run by the test that follows the pages; none where it is run.
fn mark(info: &str) -> Option<Result<&str, String>> {
    let (language, rest) = info.split_once(' ').unwrap_or((info, ""));
    match (language, rest) {
        ("bash" | "shell" | "console" | "zsh", _) => Some(Err(format!("`{language}`: write `sh`"))),
        ("sh", "packaged") => Some(Ok("config/packaging/try runs it")),
        ("sh", _) if rest.contains("no-run") => match rest.strip_prefix("no-run: ") {
            Some(reason) if reason.split(' ').count() >= 3 => Some(Ok(reason)),
            _ => Some(Err(format!("`{rest}`: a mark is `no-run: ` and a reason of three words"))),
        },
        _ => None,
    }
}

#[test]
fn each_command_that_no_test_runs_says_why() {
    let (mut marks, mut faults) = (0, Vec::new());
    for path in all_documents() {
        let text = read(&path);
        for (line, info) in fences(&text) {
            match mark(info) {
                Some(Ok(_)) => marks += 1,
                Some(Err(fault)) => faults.push(format!("{}:{line}: {fault}", path.display())),
                None if info.starts_with("sh")
                    && !text.lines().any(|line| line == format!("```{info}")) =>
                {
                    faults.push(format!("{}:{line}: a block in a list is not run", path.display()));
                }
                None => {}
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    println!("{marks} blocks of commands are not run by the test of the pages");
}

#[test]
fn a_mark_without_a_reason_is_a_fault() {
    assert_eq!(mark("sh"), None);
    assert_eq!(mark("sh terminal=2"), None);
    assert_eq!(mark("text"), None);
    assert_eq!(mark("sh no-run: needs a Pi"), Some(Ok("needs a Pi")));
    for wrong in ["sh no-run", "sh no-run:", "sh no-run: no", "bash", "console"] {
        assert!(matches!(mark(wrong), Some(Err(_))), "{wrong}");
    }
    assert_eq!(fences("a\n```sh\nb\n```\n```toml x\n```\n"), [(2, "sh"), (5, "toml x")]);
}

#[test]
fn the_page_of_the_environment_has_every_variable_of_topside() {
    let root = workspace();
    let all =
        ["server/src", "tui-client/src", "shared/src"].map(|path| files(&root.join(path), &["rs"]));
    let name = Regex::new(r"TOPSIDE_[A-Z]+(_[A-Z]+)*").unwrap();
    let mut used = BTreeSet::new();
    for file in all.into_iter().flatten() {
        let shown = file.strip_prefix(root).unwrap().to_str().unwrap();
        if shown.contains("/tests/") || shown.ends_with("tests.rs") {
            continue;
        }
        let text = read(&file);
        used.extend(name.find_iter(&text).map(|found| found.as_str().to_owned()));
    }
    used.retain(|name| !name.starts_with("TOPSIDE_TEST"));
    let page = read(&root.join("docs/reference/environment.md"));
    let shown: BTreeSet<String> =
        name.find_iter(&page).map(|found| found.as_str().to_owned()).collect();
    assert_eq!(shown, used, "docs/reference/environment.md on the left, the programs on the right");
}
