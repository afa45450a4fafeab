//! The pages of the book, followed as the tutorial is: a command that is not marked runs, and ends as the page says.

use std::path::{Path, PathBuf};
use std::sync::Mutex;

use super::follow::follow_page;
use crate::require::require;

/// Pages that are followed at once.
const AT_ONCE: usize = 3;

/// The README and the pages of the table of contents, without those that have tests of their own.
fn pages() -> Vec<PathBuf> {
    let root = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."));
    let summary = std::fs::read_to_string(root.join("docs/SUMMARY.md")).unwrap();
    let linked = summary.split("](").skip(1).filter_map(|rest| rest.split_once(')'));
    let names = linked.map(|(name, _)| name).filter(|name| {
        *name != "TUTORIAL.md" && !name.starts_with("wire/") && !name.starts_with("decisions/")
    });
    let mut pages = vec![root.join("README.md"), root.join("CONTRIBUTING.md")];
    // Included as a whole by a page of the table of contents.
    pages.push(root.join("examples/sprinkler/README.md"));
    pages.extend(names.map(|name| root.join("docs").join(name)));
    pages
}

/// The text of a page, in which each file to save that the page includes stands as a whole.
fn text_of(path: &Path) -> String {
    let read = |path: &Path| {
        std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    };
    let mut text = String::new();
    let mut is_file = false;
    for line in read(path).lines() {
        if let Some(info) = line.strip_prefix("```") {
            is_file = info.contains(" title=");
        }
        let included = line.strip_prefix("{{#include ").and_then(|line| line.strip_suffix("}}"));
        match included.filter(|_| is_file) {
            Some(file) => text.push_str(&read(&path.with_file_name(file))),
            None => text.extend([line, "\n"]),
        }
    }
    text
}

/// Whether the programs that a page names in `<!-- needs PROGRAM -->` are there.
fn has_its_programs(text: &str) -> bool {
    let mut needed =
        text.lines().filter_map(|line| line.strip_prefix("<!-- needs ")?.strip_suffix(" -->"));
    needed.all(require)
}

#[test]
fn a_user_who_follows_a_page_of_the_book_gets_what_it_says() {
    // While a page is written: its name alone.
    let wanted = std::env::var("TOPSIDE_PAGE").unwrap_or_default();
    let pages: Vec<PathBuf> =
        pages().into_iter().filter(|path| path.to_string_lossy().contains(&wanted)).collect();
    assert!(!pages.is_empty(), "no page has {wanted} in its name");
    let (left, mistakes) = (Mutex::new(pages), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                loop {
                    let Some(path) = left.lock().unwrap().pop() else { return };
                    let text = text_of(&path);
                    if !has_its_programs(&text) {
                        continue;
                    }
                    if let Err(mistake) = follow_page(&text) {
                        let page = path.components().rev().take(2).collect::<Vec<_>>();
                        let page: PathBuf = page.into_iter().rev().collect();
                        mistakes.lock().unwrap().push(format!("{}:{mistake}", page.display()));
                    }
                }
            });
        }
    });
    let mistakes = mistakes.into_inner().unwrap();
    assert!(mistakes.is_empty(), "{}", mistakes.join("\n\n"));
}

#[test]
fn a_command_of_a_page_runs_unless_it_is_marked() {
    let page = |lines: &[&str]| follow_page(&lines.join("\n"));
    let said = page(&["```sh", "false", "```"]).expect_err("it was followed");
    assert!(said.starts_with("2: ") && said.contains("status 1"), "{said}");
    page(&["```sh no-run: it fails", "false", "```", "", "```text", "nothing", "```"]).unwrap();
    page(&["```sh packaged", "false", "```", "```toml", "[a]", "```"]).unwrap();
    page(&["<!-- server -->", "```sh", "sudo topside run echo hi", "```", "```text", "hi", "```"])
        .unwrap();
    let said = page(&["<!-- sh", "echo a", "-->", "<!-- text", "b", "-->"]).expect_err("hidden");
    assert!(said.starts_with("5: `b`"), "{said}");
    let said = page(&["```sh maybe", "true", "```"]).expect_err("a mark without a reason");
    assert!(said.contains("what is `maybe`?"), "{said}");
}
