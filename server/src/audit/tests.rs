use std::fs;
use std::path::Path;

use topside_shared::Time;

use crate::audit::action::AuditAction;
use crate::audit::entry::{By, Entry, Line};
use crate::audit::entry_writer::{Sizes, Writer};
use crate::audit::read::{Damage, IntactLog, each_entry, verify};
use crate::audit::{Recording, log_files, retained};

/// A writer of small files.
fn writer(state: &Path) -> Writer {
    let sizes = Sizes { file: 2_000, files: 4, kept: 1_000_000 };
    Writer::new(state, None, sizes, std::sync::Arc::default(), false)
}

/// Writes entries that are waited for; returns how many were written.
fn write(writer: &mut Writer, count: usize) -> usize {
    write_action(writer, AuditAction::CommandRun, count)
}

fn write_action(writer: &mut Writer, action: AuditAction, count: usize) -> usize {
    let mut written = 0;
    for n in 0..count {
        let (tell, told) = std::sync::mpsc::channel();
        let entry = Entry::new(By::server(), action, format!("run #{n}"));
        let done = Box::new(move |result: Result<(), _>| tell.send(result.is_ok()).unwrap());
        writer.record(vec![Recording { entry, done: Some(done), kept: false }]);
        written += usize::from(told.recv().unwrap());
    }
    written
}

#[test]
fn a_full_file_is_closed_the_oldest_go_and_the_chain_is_carried_over() {
    let state = tempfile::tempdir().unwrap();
    let mut writer = writer(state.path());
    assert_eq!(write(&mut writer, 100), 100);
    let closed = log_files::closed(state.path()).unwrap();
    assert!((2..=4).contains(&closed.len()), "{closed:?}");
    let IntactLog { entries, files, .. } = verify(state.path()).unwrap().unwrap();
    let (first, last) = entries.unwrap();
    assert!(first > 1 && last > 100, "each file that went is told of: {first} to {last}");
    assert_eq!(files, closed.len() + 1);

    // Removed by another program, it is missed.
    fs::remove_file(&closed[0].path).unwrap();
    assert_eq!(damaged(state.path()).0, first);
}

/// Number and reason of the first entry that is not as it was written.
fn damaged(state: &Path) -> (u64, &'static str) {
    match verify(state).unwrap().unwrap_err() {
        Damage::Entry { seq, why, .. } => (seq, why),
        other => panic!("{other}"),
    }
}

/// Number and object of each entry of this action.
fn shown(state: &Path, action: AuditAction) -> Vec<(u64, String)> {
    let mut found = Vec::new();
    each_entry(state, None, |bytes, _, _| {
        let line: Line = serde_json::from_slice(bytes).unwrap();
        if line.action == action.name() {
            found.push((line.seq, line.object));
        }
        true
    })
    .unwrap();
    found
}

#[test]
fn administrative_entries_survive_any_rotation() {
    let state = tempfile::tempdir().unwrap();
    let state = state.path();
    let mut writer = writer(state);
    for _ in 0..10 {
        assert_eq!(write(&mut writer, 20), 20);
        assert_eq!(write_action(&mut writer, AuditAction::KeyRevoke, 1), 1);
        assert_eq!(write_action(&mut writer, AuditAction::KeyRefused, 1), 1);
    }
    assert_eq!(write(&mut writer, 60), 60);
    assert_eq!(shown(state, AuditAction::KeyRevoke).len(), 10);
    assert_eq!(shown(state, AuditAction::KeyRefused).len(), 0, "these count as noise");
    let found = verify(state).unwrap().unwrap();
    let (first, last) = found.entries.unwrap();
    assert!(first > 220 && last > 280, "{found:?}");
    assert!(found.kept > 10, "the removals are kept as well: {found:?}");
    let numbers: Vec<u64> =
        shown(state, AuditAction::AuditLetGo).into_iter().map(|(seq, _)| seq).collect();
    assert!(numbers.is_sorted_by(|a, b| a < b), "each is shown once: {numbers:?}");

    // Another start goes on with them.
    let mut writer = self::writer(state);
    assert_eq!(write(&mut writer, 100), 100);
    assert_eq!(shown(state, AuditAction::KeyRevoke).len(), 10);
    assert!(verify(state).unwrap().unwrap().kept > found.kept);
}

#[test]
fn a_copy_that_is_edited_removed_cut_or_added_is_named() {
    let state = tempfile::tempdir().unwrap();
    let state = state.path();
    let mut writer = writer(state);
    for _ in 0..3 {
        write_action(&mut writer, AuditAction::KeyRevoke, 1);
        write(&mut writer, 100);
    }
    assert!(verify(state).unwrap().is_ok());
    let path = state.join(retained::FILE);
    let good = fs::read_to_string(&path).unwrap();
    let lines: Vec<&str> = good.lines().collect();
    let seq = |n: usize| serde_json::from_str::<Line>(lines[n]).unwrap().seq;
    assert!(lines.len() > 3, "{good}");
    for n in 0..lines.len() {
        let mut edited: Vec<String> = lines.iter().map(|line| (*line).to_owned()).collect();
        edited[n] = edited[n].replace("\"result\":\"", "\"result\":\"not ");
        fs::write(&path, edited.join("\n") + "\n").unwrap();
        assert_eq!(damaged(state), (seq(n), "the copied line was changed"));
        edited.remove(n);
        fs::write(&path, edited.join("\n") + "\n").unwrap();
        let (found, _) = damaged(state);
        assert!(n == 0 && found == seq(0) || n > 0 && [seq(n - 1), seq(n)].contains(&found));
    }
    fs::write(&path, &good[..good.len() - 5]).unwrap();
    assert_eq!(damaged(state), (seq(lines.len() - 1), "the copied line is missing"));
    fs::remove_file(&path).unwrap();
    assert_eq!(damaged(state), (seq(0), "the copied line is missing"));
    fs::write(&path, &good).unwrap();
    assert!(verify(state).unwrap().is_ok());
}

/// The copies have their own limit, and what goes over it is the oldest of them.
#[test]
fn copies_at_their_limit_begin_another_file_and_the_oldest_go() {
    let state = tempfile::tempdir().unwrap();
    let state = state.path();
    let sizes = Sizes { file: 2_000, files: 2, kept: 3_000 };
    let mut writer = Writer::new(state, None, sizes, std::sync::Arc::default(), false);
    let mut turns = 0;
    for n in 0..20 {
        write_action(&mut writer, AuditAction::KeyRevoke, 2);
        write(&mut writer, 10);
        let found = verify(state).unwrap();
        assert!(found.is_ok(), "{n}: {found:?}");
        let length = |name| fs::metadata(state.join(name)).map_or(0, |found| found.len());
        assert!(length(retained::OLDER) < 6_000 && length(retained::FILE) < 6_000, "{n}");
        turns += usize::from(length(retained::OLDER) > 0);
    }
    assert!(turns > 5);
    let shown = shown(state, AuditAction::KeyRevoke);
    assert!((4..40).contains(&shown.len()), "{}", shown.len());
}

/// A crash between the copies and the entry that covers them.
#[test]
fn copies_that_no_entry_covers_yet_are_not_made_twice() {
    let state = tempfile::tempdir().unwrap();
    let state = state.path();
    let mut writer = writer(state);
    write_action(&mut writer, AuditAction::KeyRevoke, 3);
    write(&mut writer, 12);
    let closed = log_files::closed(state).unwrap();
    assert!(!closed.is_empty());
    let copied = retained::copy(state, &closed, 1_000_000).unwrap();
    assert_eq!(copied.anchor.unwrap().first, 1);
    let length = fs::metadata(state.join(retained::FILE)).unwrap().len();
    assert_eq!(verify(state).unwrap().unwrap().kept, 0);
    // The last copy was cut.
    let file = fs::OpenOptions::new().write(true).open(state.join(retained::FILE)).unwrap();
    file.set_len(length - 10).unwrap();
    retained::copy(state, &closed, length).unwrap();
    assert_eq!(fs::metadata(state.join(retained::FILE)).unwrap().len(), length);
    assert!(retained::copy(state, &closed, length).unwrap().is_full);
    assert!(!retained::copy(state, &closed, length + 1).unwrap().is_full);
    write(&mut writer, 100);
    assert_eq!(shown(state, AuditAction::KeyRevoke).len(), 3);
    assert!(verify(state).unwrap().is_ok());
}

#[test]
fn another_start_goes_on_after_the_last_line_wherever_that_is() {
    let state = tempfile::tempdir().unwrap();
    assert_eq!(write(&mut writer(state.path()), 3), 3);
    assert_eq!(write(&mut writer(state.path()), 3), 3);
    // Killed between closing one file and beginning the next.
    log_files::close(state.path(), 6).unwrap();
    assert_eq!(write(&mut writer(state.path()), 3), 3);
    let found = IntactLog { entries: Some((1, 9)), files: 2, kept: 0 };
    assert_eq!(verify(state.path()).unwrap().unwrap(), found);
    // Killed right after that.
    log_files::close(state.path(), 9).unwrap();
    drop(log_files::create(state.path()).unwrap());
    assert_eq!(write(&mut writer(state.path()), 1), 1);
    let found = IntactLog { entries: Some((1, 10)), files: 3, kept: 0 };
    assert_eq!(verify(state.path()).unwrap().unwrap(), found);
}

#[test]
fn a_closed_file_is_never_put_in_the_place_of_another() {
    let state = tempfile::tempdir().unwrap();
    for text in ["first", "second", "third"] {
        fs::write(state.path().join(log_files::FILE), text).unwrap();
        log_files::close(state.path(), 7).unwrap();
    }
    let closed = log_files::closed(state.path()).unwrap();
    let texts: Vec<String> =
        closed.iter().map(|closed| fs::read_to_string(&closed.path).unwrap()).collect();
    assert_eq!(texts, ["first", "second", "third"]);
}

#[test]
fn the_end_of_a_file_is_found_however_long_its_lines_are() {
    let state = tempfile::tempdir().unwrap();
    let path = state.path().join("file");
    for length in [0, 1, 65_535, 65_536, 65_537, 300_000] {
        let last = "x".repeat(length);
        for (text, torn) in [
            (format!("{last}\n"), ""),
            (format!("before\n{last}\n"), ""),
            (format!("before\n{last}\n{{torn"), "{torn"),
        ] {
            fs::write(&path, &text).unwrap();
            let end = log_files::FileEnd::of(&mut fs::File::open(&path).unwrap()).unwrap();
            assert_eq!(end.last.as_deref(), Some(last.as_bytes()), "{length}");
            assert_eq!(
                (end.torn.as_slice(), end.whole),
                (torn.as_bytes(), (text.len() - torn.len()) as u64)
            );
        }
        fs::write(&path, &last).unwrap();
        let end = log_files::FileEnd::of(&mut fs::File::open(&path).unwrap()).unwrap();
        assert_eq!((end.last, end.torn, end.whole), (None, last.into_bytes(), 0));
    }
}

/// All copies were read.
#[test]
fn the_newest_copies_are_found_without_reading_the_others() {
    let state = tempfile::tempdir().unwrap();
    let at = |line: i64| Time::from_millis(1_700_000_000_000 + line * 1_000);
    let line =
        |n: i64| format!("{{\"seq\":{n},\"time\":\"{}\",\"x\":\"{}\"}}\n", at(n), "y".repeat(200));
    let copies: String = (1..=4_000).map(line).collect();
    std::fs::write(state.path().join(retained::FILE), copies).unwrap();
    let mut taken = Vec::new();
    each_entry(state.path(), Some(at(3_940)), |line, _, _| {
        taken.push(String::from_utf8(line.to_vec()).unwrap());
        true
    })
    .unwrap();
    assert!(taken.iter().any(|line| line.starts_with("{\"seq\":3940,")), "{taken:?}");
    assert!(taken.len() < 1_000, "{}", taken.len());
}
