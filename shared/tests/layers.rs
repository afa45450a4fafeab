//! The modules of each crate: no module imports a higher layer of ARCHITECTURE.md, each file is a module, and no circle
//! of files is large.

#![allow(clippy::unwrap_used)]

mod common;
#[path = "layers/file_circles.rs"]
mod file_circles;

use std::collections::{HashMap, HashSet};
use std::fs;
use std::path::{Path, PathBuf};

use regex_lite::Regex;

use common::{files, workspace};

/// Modules by name, in the order of the list: the lowest is 0.
type Places = HashMap<String, usize>;

/// The list of a crate in ARCHITECTURE.md: a fenced block with the info string `layers CRATE`.
fn places(architecture: &str, name: &str) -> Option<Places> {
    let (_, after) = architecture.split_once(&format!("```layers {name}\n"))?;
    let (list, _) = after.split_once("```")?;
    let modules = list.split([',', '\n']).map(str::trim).filter(|module| !module.is_empty());
    Some(modules.enumerate().map(|(place, module)| (module.to_owned(), place)).collect())
}

/// Every source file below `folder`, except the files of test modules.
fn sources(folder: &Path) -> Vec<PathBuf> {
    let test = Regex::new(r"^(tests?|simulated|fuzzing|properties)$|_tests?$").unwrap();
    let is_source = |file: &PathBuf| {
        let module = file.strip_prefix(folder).unwrap().with_extension("");
        !module.iter().any(|part| test.is_match(part.to_str().unwrap()))
    };
    files(folder, &["rs"]).into_iter().filter(is_source).collect()
}

/// The code without comments and without the test module at its end; each line keeps its number.
fn code(text: &str) -> String {
    let test = Regex::new(r"(?m)^#\[cfg\(test\)\]\s*(pub\(crate\) )?mod \w+ \{").unwrap();
    let code = &text[..test.find(text).map_or(text.len(), |found| found.start())];
    Regex::new("(?m)//.*$").unwrap().replace_all(code, "").into_owned()
}

/// The top-level modules that a file names by `crate::` or by as many `super::` as it is deep, and their lines.
fn imports(code: &str, depth: usize) -> Vec<(usize, String)> {
    let path = Regex::new(r"\b(crate::|(?:super::)+)(\w+|\{[^;]*\};)").unwrap();
    let nested = Regex::new(r"\{[^{}]*\}").unwrap();
    let mut found = Vec::new();
    for import in path.captures_iter(code) {
        let at_root = &import[1] == "crate::" || import[1].matches("super").count() == depth;
        let line = 1 + code[..import.get(0).unwrap().start()].matches('\n').count();
        let mut names = import[2].trim_start_matches('{').trim_end_matches("};").to_owned();
        while nested.is_match(&names) {
            names = nested.replace_all(&names, "").into_owned();
        }
        for name in names.split(',').filter(|_| at_root) {
            let module = name.trim().split("::").next().unwrap_or_default();
            found.push((line, module.split(' ').next().unwrap_or_default().to_owned()));
        }
    }
    found
}

/// What is wrong in a crate: modules without a layer, layers without a module, and upward imports.
fn faults(places: &Places, krate: &Path) -> Vec<String> {
    let (root, mut faults) = (krate.join("src"), Vec::new());
    let mut files = sources(&root);
    let module = |file: &Path| {
        let first = file.strip_prefix(&root).unwrap().components().next().unwrap();
        Path::new(&first).file_stem().unwrap().to_str().unwrap().to_owned()
    };
    files.retain(|file| !["main", "lib"].contains(&&*module(file)));
    for name in places.keys().filter(|name| !files.iter().any(|file| module(file) == **name)) {
        faults.push(format!("ARCHITECTURE.md: {name} has a layer, but is no module"));
    }
    for file in &files {
        let (from, shown) = (module(file), file.strip_prefix(krate.parent().unwrap()).unwrap());
        let Some(place) = places.get(&from) else {
            faults.push(format!("{}: the module {from} is in no layer", shown.display()));
            continue;
        };
        let below = file.strip_prefix(&root).unwrap().components().count();
        let depth = below - usize::from(file.ends_with("mod.rs"));
        for (line, to) in imports(&code(&fs::read_to_string(file).unwrap()), depth) {
            if places.get(&to).is_some_and(|above| above > place) {
                faults.push(format!("{}:{line}: {from} imports {to}", shown.display()));
            }
        }
    }
    faults
}

/// Adds `file` and the files of the modules that it declares.
fn follow_modules(file: PathBuf, found: &mut HashSet<PathBuf>) {
    let module = r#"(?m)^\s*(?:#\[path = "([^"]+)"\]\s*)?(?:pub(?:\([^)]*\))?\s+)?mod (\w+);"#;
    let text = fs::read_to_string(&file).unwrap();
    let folder = match file.file_stem().unwrap().to_str().unwrap() {
        "main" | "lib" | "mod" => file.parent().unwrap().to_owned(),
        _ => file.with_extension(""),
    };
    for module in Regex::new(module).unwrap().captures_iter(&text) {
        let paths = match module.get(1) {
            Some(path) => vec![file.with_file_name(path.as_str())],
            None => ["", "/mod"].map(|end| folder.join(format!("{}{end}.rs", &module[2]))).into(),
        };
        paths.into_iter().filter(|path| path.exists()).for_each(|path| follow_modules(path, found));
    }
    found.insert(file);
}

/// The files of a folder that no `mod` declares: they are never compiled.
fn files_without_a_module(folder: &Path) -> Vec<PathBuf> {
    let (mut files, mut modules) = (files(folder, &["rs"]), HashSet::new());
    let roots = files.iter().filter(|file| file.ends_with("main.rs") || file.ends_with("lib.rs"));
    roots.for_each(|root| follow_modules(root.clone(), &mut modules));
    files.retain(|file| !modules.contains(file));
    files
}

#[test]
fn every_source_file_is_declared_as_a_module() {
    let folders = [
        "shared/src",
        "server/src",
        "server/tests",
        "tui-client/src",
        "tui-client/tests",
        "bench/src",
        "fuzz/src",
    ];
    let folders = folders.map(|folder| workspace().join(folder));
    let files: Vec<_> = folders.iter().flat_map(|folder| files_without_a_module(folder)).collect();
    assert!(files.is_empty(), "add `mod` lines for {files:#?}");
}

#[test]
fn a_file_without_a_mod_line_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let source = |path: &str, text: &str| {
        let path = folder.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        path
    };
    source("lib.rs", "mod a;\n#[cfg(test)]\n#[path = \"b_tests.rs\"]\nmod tests;\n");
    source("a.rs", "pub(crate) mod nested;\n");
    source("a/nested/mod.rs", "");
    source("b_tests.rs", "// mod c;\n");
    let lost = [source("a/tests/files.rs", ""), source("c.rs", "")];
    assert_eq!(files_without_a_module(folder.path()), lost);
}

#[test]
fn no_module_imports_a_higher_layer() {
    let workspace = workspace();
    let architecture = fs::read_to_string(workspace.join("ARCHITECTURE.md")).unwrap();
    let faults: Vec<String> = ["shared", "server", "tui-client", "bench"]
        .into_iter()
        .flat_map(|name| {
            let places = places(&architecture, name);
            let places =
                places.unwrap_or_else(|| panic!("ARCHITECTURE.md has no layers of {name}"));
            faults(&places, &workspace.join(name))
        })
        .collect();
    assert!(faults.is_empty(), "see the section Layers in ARCHITECTURE.md:\n{}", faults.join("\n"));
}

#[test]
fn an_upward_import_is_named_with_its_file_and_line() {
    let folder = tempfile::tempdir().unwrap();
    let source = |path: &str, text: &str| {
        let path = folder.path().join("demo/src").join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    source("main.rs", "mod high;\nmod low;\n");
    source("low.rs", "// crate::high\nuse crate::{\n    other::{self, X},\n    high::{Y},\n};\n");
    source("low/nested/mod.rs", "fn f() {\n    super::super::high::f();\n}\n");
    source("other.rs", "#[cfg(test)]\nmod tests {\n    use crate::high;\n}\n");
    source("high/mod.rs", "use crate::low;\nuse super::other;\n");
    source("low/tests.rs", "use crate::high;\n");
    source("stray.rs", "");
    let list = "```layers demo\nother, low\nhigh\ngone\n```\n";
    let faults = faults(&places(list, "demo").unwrap(), &folder.path().join("demo"));
    assert_eq!(
        faults,
        [
            "ARCHITECTURE.md: gone has a layer, but is no module",
            "demo/src/low/nested/mod.rs:2: low imports high",
            "demo/src/low.rs:2: low imports high",
            "demo/src/stray.rs: the module stray is in no layer",
        ]
    );
}
