//! The documents: the code in CONTRIBUTING.md is the project's own.

#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::Path;

fn workspace() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

/// The fenced blocks whose info string is a language and a path: the path and the code.
fn quotations(document: &str) -> Vec<(&str, &str)> {
    let blocks = document.split("\n```").skip(1).step_by(2);
    blocks
        .filter_map(|block| {
            let (info, code) = block.split_once('\n')?;
            Some((info.split_once(' ')?.1, code))
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
    let document = "\n```sh\nls\n```\ntext\n```rust a/b.rs\nfn f() {}\n```\n";
    assert_eq!(quotations(document), [("a/b.rs", "fn f() {}")]);
}
