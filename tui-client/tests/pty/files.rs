//! Files on the screen: sent for a command, and saved from the details of its run.

use super::harness::Home;
use super::session::console;

const MENU: &str = r#"
[commands.count]
title = "Count lines"
category = "Lists"
exec = ["/bin/sh", "-c", 'wc -l < "$1" > "$TOPSIDE_FILES/lines.txt"; echo "counted ${1##*/}"', "sh", "{list}"]
effect = "read"
results = ["*.txt"]

[[commands.count.args]]
name = "list"
type = "file"
required = true
accept = ["*.csv"]
max_size = "1KiB"
"#;

#[test]
fn a_file_is_sent_for_a_command_and_a_result_is_saved_from_the_details_of_the_run() {
    let home = Home::with_menu(MENU);
    let files = tempfile::Builder::new().prefix("f").tempdir_in("/tmp").unwrap();
    let file = |name: &str, text: &str| {
        std::fs::write(files.path().join(name), text).unwrap();
        files.path().join(name).display().to_string()
    };
    let (days, notes, long) = (
        file("days.csv", "mon\ntue\n"),
        file("notes.txt", "x"),
        file("long.csv", &"x".repeat(1025)),
    );
    let mut screen = console(&home);
    screen.see("F3 menu");
    // One that does not fit is not sent.
    screen.write(&format!("count {notes}\r"));
    screen.see_all(&["must be a file like *.csv of at", "not notes.txt"]);
    screen.write(&format!("count {long}\r"));
    screen.see("1025 bytes");
    screen.write("count /no/such.csv\r");
    screen.see("cannot be read");
    // The form takes the path.
    screen.write("\x1bOR");
    screen.see("Ctrl-O edit as a line");
    screen.write("count\r");
    screen.see_all(&["Count lines", "file like *.csv to 1.0 KiB, required"]);
    // Tab completes it: only files that the argument takes are offered.
    screen.write(&days[..days.len() - "ays.csv".len()]);
    screen.see("Tab: days.csv");
    screen.write("\t");
    screen.until("the whole path", |screen| screen.contents().contains("/days.csv"));
    screen.write("\x13");
    screen.see_all(&["counted days.csv", "✓ succeeded"]);

    screen.write("\x1b[24~");
    screen.see_all(&["Enter details", "count days.csv"]);
    screen.write("\r");
    screen.see_all(&["result", "lines.txt (2 B)", "s save results"]);
    screen.write("s");
    screen.see_all(&["Save a result of run #1", "▐ Save ▌"]);
    let to = files.path().join("saved.txt");
    screen.write(&format!("\t{}\x13", to.display()));
    screen.see("2 B saved to");
    assert_eq!(std::fs::read_to_string(&to).unwrap(), "2\n");

    // The command line does the same, in the words of the shell.
    let again = files.path().join("again.txt");
    screen.write("\x1b\x1b");
    screen.see("F3 menu");
    screen.write(&format!(":fetch 1 -o {}\r", again.display()));
    screen.until("the second copy", |_| again.exists());
    assert_eq!(std::fs::read_to_string(&again).unwrap(), "2\n");
    screen.write(":fetch 1 --list\r");
    screen.see_all(&[":fetch 1 --list", "lines.txt  2 B"]);
    screen.write(":fetch 1 nosuch.txt\r");
    screen.see("nothing was saved: run #1 has no result nosuch.txt");
    screen.write(":fetch 1 -o -\r");
    screen.see("-o takes a file or a directory");
}

/// The dialog of several results takes the path that was typed.
#[test]
fn fetch_without_a_name_asks_which_of_several_results() {
    let menu = r#"
[commands.two]
exec = ["/bin/sh", "-c", 'echo a > "$TOPSIDE_FILES/a.txt"; echo bb > "$TOPSIDE_FILES/b.txt"']
effect = "read"
results = ["*.txt"]
"#;
    let home = Home::with_menu(menu);
    let files = tempfile::Builder::new().prefix("f").tempdir_in("/tmp").unwrap();
    let to = files.path().join("copy.txt");
    let mut screen = console(&home);
    screen.see("F3 menu");
    screen.write("two\r");
    screen.see("✓ succeeded");
    screen.write(&format!(":fetch 1 -o {}\r", to.display()));
    screen.see_all(&["Save a result of run #1", "copy.txt"]);
    screen.write("\x13");
    screen.until("the first result", |_| to.exists());
    assert_eq!(std::fs::read_to_string(&to).unwrap(), "a\n");
}
