//! The crates as `cargo package` makes them: what is in them, and that they need no file outside.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Component, Path, PathBuf};
use std::process::Command;

use regex_lite::Regex;

/// The folders of the crates that are published.
const PUBLISHED: [&str; 3] = ["shared", "server", "tui-client"];

/// Files that each package needs: both licences and the page that a registry shows.
const NEEDED: [&str; 4] = ["Cargo.toml", "LICENSE-APACHE", "LICENSE-MIT", "README.md"];

fn workspace() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

/// The files that `cargo package` would put into the package of a crate.
fn packaged(folder: &Path) -> BTreeSet<PathBuf> {
    let mut cargo = Command::new(env!("CARGO"));
    let listed = cargo.args(["package", "--list", "--allow-dirty", "--offline", "--quiet"]);
    let output = listed.current_dir(folder).output().unwrap();
    assert!(output.status.success(), "{folder:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap().lines().map(PathBuf::from).collect()
}

/// The paths of the files that a Rust file includes, relative to the package.
fn included(file: &Path, text: &str) -> Vec<PathBuf> {
    let beside = Regex::new(r#"\binclude(?:_str|_bytes)?!\(\s*"([^"]+)""#).unwrap();
    let from_root = Regex::new(
        r#"\binclude(?:_str|_bytes)?!\(\s*concat!\(\s*env!\("CARGO_MANIFEST_DIR"\),\s*"/([^"]+)""#,
    )
    .unwrap();
    let folder = file.parent().unwrap();
    let beside = beside.captures_iter(text).map(|found| folder.join(&found[1]));
    let from_root = from_root.captures_iter(text).map(|found| PathBuf::from(&found[1]));
    beside.chain(from_root).map(|path| normal(&path)).collect()
}

/// The path without `..`; a path that leaves the package keeps the `..` in front.
fn normal(path: &Path) -> PathBuf {
    let mut parts = Vec::new();
    for part in path.components() {
        match (part, parts.last()) {
            (Component::CurDir, _) => {}
            (Component::ParentDir, Some(Component::Normal(_))) => drop(parts.pop()),
            _ => parts.push(part),
        }
    }
    parts.iter().collect()
}

#[test]
fn a_package_has_its_licences_and_a_readme() {
    for name in PUBLISHED {
        let files = packaged(&workspace().join(name));
        for needed in NEEDED {
            assert!(files.contains(Path::new(needed)), "the package of {name} lacks {needed}");
        }
        for licence in ["LICENSE-APACHE", "LICENSE-MIT"] {
            let [own, common] = [workspace().join(name), workspace().to_owned()]
                .map(|folder| fs::read(folder.join(licence)).unwrap());
            assert!(own == common, "{licence} of {name} differs from that of the repository");
        }
    }
}

#[test]
fn a_package_includes_only_its_own_files() {
    let mut faults = Vec::new();
    for name in PUBLISHED {
        let folder = workspace().join(name);
        let files = packaged(&folder);
        for file in files.iter().filter(|file| file.extension().is_some_and(|is| is == "rs")) {
            let text = fs::read_to_string(folder.join(file)).unwrap();
            let outside = included(file, &text).into_iter().filter(|path| !files.contains(path));
            faults.extend(
                outside
                    .map(|path| format!("{name}/{} includes {}", file.display(), path.display())),
            );
        }
    }
    let advice = "move the file into the crate, or read it at run time in a test";
    assert!(faults.is_empty(), "{advice}:\n{}", faults.join("\n"));
}

#[test]
fn an_include_is_found_in_each_form_and_seen_to_leave_the_package() {
    let text = "include_str!(\"a.txt\") include_bytes!(\n  \"../b\") include!(\"../../c.rs\")\n\
                include_str!(concat!(env!(\"CARGO_MANIFEST_DIR\"), \"/../d\"))";
    let found = included(Path::new("src/x.rs"), text);
    assert_eq!(found, ["src/a.txt", "b", "../c.rs", "../d"].map(PathBuf::from));
}
