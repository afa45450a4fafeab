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
    let entries =
        ["man1", "man5", "man8"].map(|section| std::fs::read_dir(directory.join(section)));
    entries.into_iter().flat_map(Result::unwrap).map(|entry| entry.unwrap().path()).collect()
}

#[test]
fn every_verb_has_a_page_in_which_man_finds_no_fault() {
    if !require("man") || !require("mandoc") {
        return;
    }
    let place = Place::new();
    let pages = pages(&place);
    let lint = Command::new("mandoc").args(["-T", "lint", "-W", "warning"]).args(&pages).output();
    let lint = lint.unwrap();
    let remarks = String::from_utf8_lossy(&lint.stdout);
    assert!(remarks.is_empty(), "{remarks}");
    for page in &pages {
        let mut man = Command::new("man");
        let read = man.args(["--warnings=w", "-E", "UTF-8", "-l"]).arg(page).output().unwrap();
        assert!(read.status.success() && read.stderr.is_empty(), "{page:?}: {read:?}");
        let shown = String::from_utf8(read.stdout).unwrap();
        let of_verb = ["NAME", "SYNOPSIS", "DESCRIPTION", "OPTIONS", "EXIT STATUS", "SEE ALSO"];
        let of_file = ["NAME", "DESCRIPTION", "FILES", "SEE ALSO"];
        let is_file = page.extension().is_some_and(|section| section == "5");
        for heading in if is_file { &of_file[..] } else { &of_verb } {
            assert!(shown.lines().any(|line| line == *heading), "{page:?} has no {heading}");
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
        let of_file = page.extension().is_some_and(|section| section == "5");
        assert_eq!(read.contains(".SH FILES"), of_program || of_file, "{page:?}");
        assert_eq!(read.contains(".SH ENVIRONMENT"), of_program, "{page:?}");
        // The verbs of `topside serve` are those of topsided, which have their pages.
        if page.ends_with("topside-serve.1") {
            assert!(read.contains("topsided(8)") && !read.contains(".SH VERBS"), "{read}");
        }
        if page.ends_with("topside-run.1") {
            let status = read.matches(".SH \"EXIT STATUS\"").count();
            assert!(status == 1 && read.contains("no such command"), "{read}");
        }
    }
}

/// The page with this name.
fn page(place: &Place, name: &str) -> String {
    let path = pages(place).into_iter().find(|path| path.ends_with(name));
    // In roff a hyphen of the text is escaped.
    std::fs::read_to_string(path.unwrap()).unwrap().replace("\\-", "-")
}

#[test]
fn a_synopsis_shows_each_flag_with_its_value() {
    let place = Place::new();
    let invite = page(&place, "topsided-invite.8");
    for shown in ["\\fB--name\\fR \\fINAME\\fR", "[\\fB--ttl\\fR \\fITTL\\fR]", "[\\fB--qr\\fR]"] {
        assert!(invite.contains(shown), "no {shown} in {invite}");
    }
    let run = page(&place, "topside-run.1");
    assert!(run.contains("[\\fB--yes\\fR[=\\fIN\\fR]]"), "{run}");
    assert!(page(&place, "topside-man.1").contains("\\fBtopside man\\fR \\fIDIRECTORY\\fR"));
}

#[test]
fn the_page_of_a_verb_has_the_exit_statuses_of_that_verb_only() {
    let place = Place::new();
    let has =
        |name: &str, status: &str| page(&place, name).contains(&format!(".TP\n\\fB{status}\\fR"));
    for (name, present, absent) in [
        ("topside-servers.1", "125", "126"),
        ("topside-kick.1", "127", "124"),
        ("topside-attach.1", "124", "66"),
        ("topside-serve.1", "75", "125"),
        ("topsided-check.8", "78", "75"),
        ("topsided-audit-show.8", "66", "78"),
    ] {
        assert!(has(name, present) && !has(name, absent), "{name}: {present}, not {absent}");
    }
}

#[test]
fn the_pages_of_the_files_have_every_key() {
    let place = Place::new();
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let read = |path: &str| std::fs::read_to_string(root.join(path)).unwrap();
    for name in ["server.toml", "client.toml"] {
        let page = page(&place, &format!("{name}.5"));
        let sample = read(&format!("config/{name}"));
        let is_key = |key: &&str| {
            !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')
        };
        let lines =
            sample.lines().filter_map(|line| line.trim_start_matches('#').split_once(" = "));
        let keys: Vec<&str> = lines.map(|(key, _)| key).filter(is_key).collect();
        assert!(keys.len() > 9, "{keys:?}");
        for key in keys {
            assert!(page.contains(&format!("\\fB{key} = ")), "{name}(5) has no {key}");
        }
    }
    // The description of the page says it in other words.
    assert!(!page(&place, "client.toml.5").contains("How Topside"));
    // The tables of the fields, of which the last has names that the first has too.
    let page = page(&place, "commands.toml.5");
    let of_page: Vec<&str> =
        page.lines().filter_map(|line| line.strip_prefix("\\fB")?.strip_suffix("\\fR")).collect();
    let docs = read("docs/COMMANDS.md");
    let sections =
        ["## Fields of a command\n", "## Fields of an argument\n", "| field of a worker |"];
    let mut fields = 0;
    for section in sections {
        let table = docs.split_once(section).unwrap().1;
        let rows = table
            .lines()
            .skip_while(|line| !line.starts_with("| `"))
            .take_while(|line| line.starts_with('|'));
        for row in rows {
            let names = row.split('|').nth(1).unwrap().trim().replace('`', "");
            assert!(
                of_page.contains(&names.as_str()),
                "commands.toml(5) has no {names}: {of_page:?}"
            );
            fields += 1;
        }
    }
    assert!(fields > 35, "{fields}");
}

#[test]
fn a_directory_that_cannot_be_made_is_reported() {
    let place = Place::new();
    place.write("file", "");
    let said = place.topside(&["man", text(&place.path("file"))]).output().unwrap();
    assert_eq!(said.status.code(), Some(125));
    assert!(String::from_utf8_lossy(&said.stderr).contains("cannot write to"), "{said:?}");
}
