//! The manual, as `man` reads it.

use std::path::PathBuf;
use std::process::Command;

use crate::common::{Place, text};
use crate::require::require;

/// The pages, written on a day in 2001.
fn pages(place: &Place) -> Vec<PathBuf> {
    let directory = place.path("man");
    let mut write = place.topside(&["man", text(&directory)]);
    let written = write.env("SOURCE_DATE_EPOCH", "1000000000").output().unwrap();
    assert!(written.status.success() && written.stderr.is_empty(), "{written:?}");
    let entries = ["man1", "man8"].map(|section| std::fs::read_dir(directory.join(section)));
    entries.into_iter().flat_map(Result::unwrap).map(|entry| entry.unwrap().path()).collect()
}

#[test]
fn every_verb_has_a_page_in_which_man_finds_no_fault() {
    if !require("man") {
        return;
    }
    let place = Place::new();
    let pages = pages(&place);
    for page in &pages {
        let mut man = Command::new("man");
        let read = man.args(["--warnings=w", "-E", "UTF-8", "-l"]).arg(page).output().unwrap();
        assert!(read.status.success() && read.stderr.is_empty(), "{page:?}: {read:?}");
        let shown = String::from_utf8(read.stdout).unwrap();
        for heading in ["NAME", "SYNOPSIS", "DESCRIPTION", "OPTIONS", "EXIT STATUS", "SEE ALSO"] {
            assert!(shown.lines().any(|line| line == heading), "{page:?} has no {heading}");
        }
        assert!(shown.contains("2001-09-09"), "{shown}");
    }
    let help = place.topside(&["--help"]).output().unwrap();
    let help = String::from_utf8(help.stdout).unwrap();
    let verbs = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    let verbs: Vec<&str> = verbs
        .take_while(|line| !line.is_empty())
        .filter_map(|line| line.strip_prefix("  ")?.split(' ').next())
        .filter(|verb| !verb.is_empty() && *verb != "help")
        .collect();
    assert!(verbs.contains(&"run") && !verbs.contains(&"man"), "{verbs:?}");
    for verb in verbs {
        let name = format!("topside-{verb}.1");
        assert!(pages.iter().any(|page| page.ends_with(&name)), "there is no {name}");
    }
    assert!(pages.iter().any(|page| page.ends_with("topsided-audit-verify.8")));
}

#[test]
fn the_programs_pages_say_where_files_are_and_what_the_environment_changes() {
    let place = Place::new();
    for page in pages(&place) {
        let read = std::fs::read_to_string(&page).unwrap();
        let of_program = page.ends_with("topside.1") || page.ends_with("topsided.8");
        for heading in [".SH FILES", ".SH ENVIRONMENT"] {
            assert_eq!(read.contains(heading), of_program, "{page:?}");
        }
        // The verbs of `topside serve` are those of topsided, which have their pages.
        if page.ends_with("topside-serve.1") {
            assert!(read.contains("topsided(8)") && !read.contains(".SH VERBS"), "{read}");
        }
        if page.ends_with("topside-run.1") {
            let status = read.matches(".SH \"EXIT STATUS\"").count();
            assert!(status == 1 && read.contains("there is no such command"), "{read}");
        }
    }
}

#[test]
fn a_directory_that_cannot_be_made_is_reported() {
    let place = Place::new();
    place.write("file", "");
    let said = place.topside(&["man", text(&place.path("file"))]).output().unwrap();
    assert_eq!(said.status.code(), Some(125));
    assert!(String::from_utf8_lossy(&said.stderr).contains("cannot write to"), "{said:?}");
}
