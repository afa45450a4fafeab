//! The unit for systemd, as systemd's own tools see it.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::common::require;

fn unit() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../config/systemd/topsided.service")
}

/// The unit, in a directory of its own, with the program where the tests have it.
fn unit_of_the_tests(directory: &Path) -> PathBuf {
    let text = std::fs::read_to_string(unit()).unwrap();
    let text = text.replace("/usr/bin/topsided", env!("CARGO_BIN_EXE_topsided"));
    let path = directory.join("topsided.service");
    std::fs::write(&path, text).unwrap();
    path
}

fn analyze(args: &[&str], unit: &Path) -> Output {
    Command::new("systemd-analyze").args(args).arg(unit).env("NO_COLOR", "1").output().unwrap()
}

#[test]
fn systemd_finds_nothing_wrong_with_the_unit() {
    if !require("systemd-analyze") {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let said = analyze(&["verify", "--man=no"], &unit_of_the_tests(directory.path()));
    // It warns without failing, too.
    let words = String::from_utf8(said.stderr).unwrap();
    let about_it: Vec<&str> = words.lines().filter(|line| line.contains("topsided")).collect();
    assert!(said.status.success() && about_it.is_empty(), "{words}");
}

#[test]
fn the_unit_is_no_more_exposed_than_its_commands_need() {
    if !require("systemd-analyze") {
        return;
    }
    let args = ["security", "--offline=true", "--no-pager", "--threshold=20"];
    let said = analyze(&args, &unit());
    let words = String::from_utf8(said.stdout).unwrap();
    assert!(said.status.success() && words.contains("Overall exposure level"), "{words}");
}
