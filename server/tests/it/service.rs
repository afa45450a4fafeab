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

/// journald reads the priority of each line of a stream that it gave.
#[test]
fn lines_of_the_log_have_priorities_where_standard_error_is_the_journals() {
    use std::os::fd::AsFd;
    let topsided = crate::common::Topsided::new();
    let (read, write) = std::io::pipe().unwrap();
    let found = rustix::fs::fstat(write.as_fd()).unwrap();
    let mut command = topsided.command();
    command.env("JOURNAL_STREAM", format!("{}:{}", found.st_dev, found.st_ino)).stderr(write);
    let mut child = command.spawn().unwrap();
    // The command holds the other end of the pipe.
    drop(command);
    let mut lines = std::io::BufRead::lines(std::io::BufReader::new(read));
    let mut said = Vec::new();
    while !said.iter().any(|line: &String| line.contains("server started")) {
        said.push(lines.next().unwrap().unwrap());
    }
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(said.iter().all(|line| line.starts_with("<6>") || line.starts_with("<4>")), "{said:?}");
    // The file has none, and neither has another standard error.
    let log = std::fs::read_to_string(topsided.path("state/topsided.log")).unwrap();
    assert!(!log.contains("<6>"), "{log}");
    let mut command = topsided.command();
    command.env("JOURNAL_STREAM", "1:1");
    let mut server = topsided.spawn_by(command);
    assert!(!server.says("server started").starts_with('<'));
}
