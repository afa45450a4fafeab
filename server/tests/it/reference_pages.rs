//! The pages of the book that describe what the server has: they name all of it, and their samples are accepted.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::common::{TestServer, Topsided};
use crate::examples::with_programs_of_this_machine;

fn docs() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs"))
}

fn pages(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        if entry.is_dir() {
            pages(&entry, found);
        } else if entry.extension().is_some_and(|extension| extension == "md") {
            found.push(entry);
        }
    }
}

/// The samples in TOML of a page, each with the line of its fence.
fn samples(text: &str) -> Vec<(usize, String)> {
    let mut samples = Vec::new();
    let mut lines = (1..).zip(text.lines());
    while let Some((at, line)) = lines.next() {
        if line == "```toml" || line.starts_with("```toml ") {
            let body = lines.by_ref().map(|(_, line)| line).take_while(|line| *line != "```");
            samples.push((at, body.map(|line| format!("{line}\n")).collect()));
        }
    }
    samples
}

#[test]
fn the_table_of_built_ins_has_each_with_its_other_names() {
    let page = std::fs::read_to_string(docs().join("COMMANDS.md")).unwrap();
    let table = page.split("\n## Built-ins\n").nth(1).unwrap().split("\n## ").next().unwrap();
    let rows = table.lines().filter(|line| line.starts_with("| `"));
    let shown: BTreeMap<String, BTreeSet<String>> = rows
        .map(|row| {
            let mut cells = row.split('|').map(str::trim).skip(1);
            let name = cells.next().unwrap().trim_matches('`');
            let name = name.split(' ').next().unwrap().to_owned();
            let other =
                cells.next().unwrap().split(['`', ',', ' ']).filter(|word| !word.is_empty());
            (name, other.map(str::to_owned).collect())
        })
        .collect();
    let server = TestServer::with("", "");
    let menu = server.connect().ok("commands/list", json!({}));
    let names = |value: &Value| -> BTreeSet<String> {
        let names = value.as_array().into_iter().flatten();
        names.map(|name| name.as_str().unwrap().to_owned()).collect()
    };
    let offered: BTreeMap<String, BTreeSet<String>> = menu["commands"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| (row["name"].as_str().unwrap().to_owned(), names(&row["aliases"])))
        .collect();
    assert_eq!(shown, offered, "docs/COMMANDS.md on the left, the server on the right");
}

#[test]
fn the_check_finds_nothing_wrong_with_the_samples_of_the_book() {
    let mut found = Vec::new();
    pages(docs(), &mut found);
    let (mut tried, mut faults) = (0, Vec::new());
    for page in found {
        for (line, sample) in samples(&std::fs::read_to_string(&page).unwrap()) {
            let Ok(table) = sample.parse::<toml::Table>() else {
                // A page that includes a file, which has a test of its own.
                if !sample.contains("{{#include") {
                    faults.push(format!("{}:{line}: this is no TOML", page.display()));
                }
                continue;
            };
            let has = |names: &[&str]| names.iter().any(|name| table.contains_key(*name));
            let topsided = Topsided::new();
            if has(&["commands", "workers"]) {
                let menu = with_programs_of_this_machine(&sample).to_string();
                topsided.write("commands.toml", &menu);
            } else if has(&["local", "listen", "discovery", "router", "metrics", "runs", "limits"])
            {
                topsided.write("server.toml", &sample);
            } else {
                continue;
            }
            tried += 1;
            let said = topsided.run(&["check"]);
            if said.status != Some(0) {
                faults.push(format!("{}:{line}: {}", page.display(), said.stderr));
            }
        }
    }
    assert!(tried >= 20, "only {tried} samples were found");
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn the_page_of_files_names_each_file_of_the_state_directory() {
    let page = std::fs::read_to_string(docs().join("reference/files.md")).unwrap();
    let page = page.split("\n## State of the server\n").nth(1).unwrap();
    let page = page.split("\n## ").next().unwrap();
    let named: Vec<&str> = page.split('`').skip(1).step_by(2).collect();
    let is_named = |file: &str| {
        named.iter().any(|name| match name.split_once('*') {
            Some((begin, end)) => file.starts_with(begin) && file.ends_with(end),
            None => name.trim_end_matches('/') == file,
        })
    };
    let server = TestServer::remote("");
    let device = server.device("phone", "viewer");
    device.connect().ok("ping", json!({}));
    server.connect().run("work", json!({"script": "echo x"}));
    let files: BTreeSet<String> = std::fs::read_dir(server.root().join("state"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert!(files.len() > 8, "{files:?}");
    let missing: Vec<&String> = files.iter().filter(|file| !is_named(file)).collect();
    assert_eq!(missing, Vec::<&String>::new());
}
