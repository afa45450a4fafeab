use std::fs;
use std::path::Path;
use std::sync::Arc;

use super::entry::{By, Entry};
use super::read::{Found, verify};
use super::writer::{Sizes, Writer};
use super::{Counts, Recording, Tally, files};

/// A writer whose files are small.
fn writer(state: &Path) -> Writer {
    let sizes = Sizes { file: 2_000, files: 4 };
    Writer::new(state, None, sizes, Arc::<Counts>::default(), Arc::<Tally>::default())
}

/// Writes so many entries, each for whoever waits, and gives how many were written.
fn write(writer: &mut Writer, count: usize) -> usize {
    let mut written = 0;
    for n in 0..count {
        let (tell, told) = std::sync::mpsc::channel();
        let entry = Entry::new(By::server(), "command/run", format!("run #{n}"));
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
    let closed = files::closed(state.path()).unwrap();
    assert!((2..=4).contains(&closed.len()), "{closed:?}");
    let Found { entries, files } = verify(state.path()).unwrap().unwrap();
    let (first, last) = entries.unwrap();
    assert!(first > 1 && last > 100, "each file that went is told of: {first} to {last}");
    assert_eq!(files, closed.len() + 1);

    // Taken away by somebody else, it is missed.
    fs::remove_file(&closed[0].path).unwrap();
    assert_eq!(verify(state.path()).unwrap().unwrap_err().seq, first);
}

#[test]
fn another_start_goes_on_after_the_last_line_wherever_that_is() {
    let state = tempfile::tempdir().unwrap();
    assert_eq!(write(&mut writer(state.path()), 3), 3);
    assert_eq!(write(&mut writer(state.path()), 3), 3);
    // Killed between closing one file and beginning the next.
    files::close(state.path(), 6).unwrap();
    assert_eq!(write(&mut writer(state.path()), 3), 3);
    let found = Found { entries: Some((1, 9)), files: 2 };
    assert_eq!(verify(state.path()).unwrap().unwrap(), found);
    // Killed right after that.
    files::close(state.path(), 9).unwrap();
    drop(files::begin(state.path()).unwrap());
    assert_eq!(write(&mut writer(state.path()), 1), 1);
    let found = Found { entries: Some((1, 10)), files: 3 };
    assert_eq!(verify(state.path()).unwrap().unwrap(), found);
}

#[test]
fn a_closed_file_is_never_put_in_the_place_of_another() {
    let state = tempfile::tempdir().unwrap();
    for text in ["first", "second", "third"] {
        fs::write(state.path().join(files::FILE), text).unwrap();
        files::close(state.path(), 7).unwrap();
    }
    let closed = files::closed(state.path()).unwrap();
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
            let end = files::End::of(&mut fs::File::open(&path).unwrap()).unwrap();
            assert_eq!(end.last.as_deref(), Some(last.as_bytes()), "{length}");
            assert_eq!(
                (end.torn.as_slice(), end.whole),
                (torn.as_bytes(), (text.len() - torn.len()) as u64)
            );
        }
        fs::write(&path, &last).unwrap();
        let end = files::End::of(&mut fs::File::open(&path).unwrap()).unwrap();
        assert_eq!((end.last, end.torn, end.whole), (None, last.into_bytes(), 0));
    }
}
