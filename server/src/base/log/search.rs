//! Reads lines of the log: of all its files, and of memory what the files do not have yet.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

use topside_shared::Time;
use topside_shared::notifications::{Level, LogEntry};
use topside_shared::tables::log_line;

use crate::base::log::log_file::{ROTATED, numbered};
use crate::base::platform;

/// Which lines of the log are read.
#[derive(Debug, Clone, Default)]
pub(crate) struct LogQuery {
    /// Number of last lines that match.
    pub(crate) lines: usize,
    /// They contain one of these texts, in any case; all match where there is none.
    pub(crate) matching: Vec<String>,
    pub(crate) since: Option<Time>,
    /// Only lines of this level or above.
    pub(crate) level: Option<Level>,
    /// Number of lines above each of them that are read too.
    pub(crate) before: usize,
    /// Whether each entry needs the number of its line.
    pub(crate) numbers: bool,
}

impl LogQuery {
    /// Whether the entries in memory are an answer, of which `found` match.
    pub(super) fn is_answered_by_memory(&self, found: usize) -> bool {
        let is_plain = self.matching.is_empty() && self.since.is_none() && self.level.is_none();
        !self.numbers && self.before == 0 && (is_plain || found >= self.lines)
    }

    /// The same with its texts in lower case.
    fn lower_case(mut self) -> Self {
        self.matching.iter_mut().for_each(|text| *text = text.to_lowercase());
        self
    }

    fn matches_text(&self, line: &str) -> bool {
        let holds = |line: &str| self.matching.iter().any(|text| line.contains(text));
        self.matching.is_empty() || holds(&line.to_lowercase())
    }

    fn matches(&self, line: &str, entry: &LogEntry) -> bool {
        self.since.is_none_or(|since| entry.time >= since)
            && self.level.is_none_or(|level| entry.level >= level)
            && self.matches_text(line)
    }
}

/// The entries of one query, newest first.
struct Found {
    query: LogQuery,
    entries: Vec<LogEntry>,
    /// How many more may match.
    left: usize,
    /// How many lines above the last match are still to be read.
    above: usize,
}

impl Found {
    fn new(query: LogQuery) -> Self {
        let left = query.lines;
        Self { query: query.lower_case(), entries: Vec::new(), left, above: 0 }
    }

    /// Whether nothing older is wanted.
    fn is_complete(&self) -> bool {
        self.left == 0 && self.above == 0
    }

    /// Looks at the next older line.
    fn look(&mut self, line: &str, entry: impl FnOnce() -> Option<LogEntry>) {
        // Most lines of a large log are seen not to match before they are parsed.
        if self.above == 0 && (self.left == 0 || !self.query.matches_text(line)) {
            return;
        }
        let Some(entry) = entry() else { return };
        if self.left > 0 && self.query.matches(line, &entry) {
            self.left -= 1;
            self.above = self.query.before;
            self.entries.push(entry);
        } else if self.above > 0 {
            self.above -= 1;
            self.entries.push(LogEntry { context: true, ..entry });
        }
    }
}

/// The entries of a query that are in memory, oldest first.
pub(super) fn in_memory(query: LogQuery, memory: &[LogEntry]) -> Vec<LogEntry> {
    let mut found = Found::new(query);
    for entry in memory.iter().rev() {
        if found.is_complete() {
            break;
        }
        found.look(&log_line(entry), || Some(entry.clone()));
    }
    found.entries.reverse();
    found.entries
}

/// The entries of a query, oldest first. `memory` has the newest entries; of those, what is not in the files yet counts as
/// their next lines, and the others keep their fields. The fields of an entry that is in a file only are in its message.
/// Blocks.
pub(super) fn in_files(
    path: &Path,
    query: LogQuery,
    memory: &[LogEntry],
) -> io::Result<Vec<LogEntry>> {
    let files = open(path)?;
    let lines: Vec<String> = memory.iter().map(log_line).collect();
    let known: HashMap<&str, &LogEntry> = lines.iter().map(String::as_str).zip(memory).collect();
    let mut found = Found::new(query);
    let mut is_first = true;
    let has_file = !files.is_empty();
    for (number, mut file) in files {
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        let text = String::from_utf8_lossy(&bytes);
        let in_file: Vec<&str> = text.lines().collect();
        // After a rotation the current file may be empty.
        if is_first && let Some(last) = in_file.last() {
            is_first = false;
            let count = if number.is_none() { in_file.len() } else { 0 };
            unwritten(&mut found, (last, count), memory, &lines);
        }
        for (index, line) in in_file.iter().enumerate().rev() {
            if found.is_complete() {
                break;
            }
            found.look(line, || {
                let entry =
                    known.get(line).map_or_else(|| parse(line), |known| Some((*known).clone()))?;
                Some(LogEntry { line: Some(index as u64 + 1), file: number, ..entry })
            });
        }
        let is_older = |since: Time| {
            in_file.iter().find_map(|line| parse(line)).is_some_and(|first| first.time < since)
        };
        if found.is_complete() || (found.above == 0 && found.query.since.is_some_and(is_older)) {
            break;
        }
    }
    if is_first {
        // No file has a line: those of memory are the first lines of the current file, if there is one.
        from_memory(&mut found, has_file.then_some(1), memory, &lines);
    }
    found.entries.reverse();
    Ok(found.entries)
}

/// Looks at the entries of memory that the files do not have yet: those after the last line. `count` is the number of lines
/// of the current file.
fn unwritten(
    found: &mut Found,
    (last, count): (&str, usize),
    memory: &[LogEntry],
    lines: &[String],
) {
    let (first_new, numbered) = match lines.iter().rposition(|line| line == last) {
        Some(place) => (place + 1, true),
        // The file cannot be written, or it is new.
        None => {
            let time = parse(last).map(|entry| entry.time);
            let is_new = |entry: &LogEntry| time.is_none_or(|time| entry.time > time);
            (memory.iter().rposition(|entry| !is_new(entry)).map_or(0, |place| place + 1), false)
        }
    };
    let number = numbered.then_some(count as u64 + 1);
    from_memory(found, number, &memory[first_new..], &lines[first_new..]);
}

/// Looks at entries of memory, which are the next lines of the current file: the first has this number, if there is one.
fn from_memory(
    found: &mut Found,
    first_number: Option<u64>,
    memory: &[LogEntry],
    lines: &[String],
) {
    for (index, (line, entry)) in lines.iter().zip(memory).enumerate().rev() {
        let number = first_number.map(|first| first + index as u64);
        found.look(line, || Some(LogEntry { line: number, ..entry.clone() }));
    }
}

/// All files, newest first, with the number of each older one. One that is rotated meanwhile is opened once.
fn open(path: &Path) -> io::Result<Vec<(Option<u32>, File)>> {
    let mut files = Vec::new();
    let mut seen = Vec::new();
    let older = (1..=ROTATED).map(|number| (Some(number), numbered(path, number)));
    for (number, path) in std::iter::once((None, path.to_owned())).chain(older) {
        let Some(file) = platform::if_there(File::open(path))? else { continue };
        let id = platform::file_id(&file.metadata()?);
        if !seen.contains(&id) {
            seen.push(id);
            files.push((number, file));
        }
    }
    Ok(files)
}

/// The entry of a line; none if it is not one of the server.
fn parse(line: &str) -> Option<LogEntry> {
    let (time, rest) = line.split_once(' ')?;
    let (level, message) = rest.split_once(' ')?;
    Some(LogEntry {
        time: serde_json::from_value(time.into()).ok()?,
        level: serde_json::from_value(level.into()).ok()?,
        message: message.trim_start().to_owned(),
        fields: serde_json::Map::new(),
        line: None,
        file: None,
        context: false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(second: u32, level: &str, message: &str) -> String {
        format!("2026-03-01T09:00:{second:02}.000Z {level:5} {message}")
    }

    /// A log of two files, and what a query finds: number, sign and message of each line.
    fn find(query: LogQuery) -> Vec<String> {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("topsided.log");
        let old = [line(1, "info", "one"), line(2, "warn", "two"), line(3, "info", "three")];
        let new = [line(4, "info", "four"), line(5, "error", "Five"), line(6, "info", "six")];
        std::fs::write(numbered(&path, 1), old.join("\n") + "\n").unwrap();
        std::fs::write(&path, new.join("\n") + "\n").unwrap();
        let memory = [parse(&new[2]).unwrap(), parse(&line(7, "info", "seven")).unwrap()];
        let found = in_files(&path, query, &memory).unwrap();
        let shown = found.iter().map(|entry| {
            let sign = if entry.context { '-' } else { ':' };
            let file = entry.file.map(|file| format!("{file}/")).unwrap_or_default();
            format!("{file}{}{sign}{}", entry.line.unwrap(), entry.message)
        });
        shown.collect()
    }

    fn all() -> LogQuery {
        LogQuery { lines: 100, ..LogQuery::default() }
    }

    #[test]
    fn lines_of_files_and_of_memory_are_one_log_with_numbers() {
        let lines = ["1/1:one", "1/2:two", "1/3:three", "1:four", "2:Five", "3:six", "4:seven"];
        assert_eq!(find(all()), lines);
        assert_eq!(find(LogQuery { lines: 2, ..all() }), ["3:six", "4:seven"]);
    }

    /// After a rotation each line of memory counted as new.
    #[test]
    fn with_an_empty_current_file_no_line_comes_twice() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("topsided.log");
        std::fs::write(numbered(&path, 1), line(1, "info", "one") + "\n").unwrap();
        std::fs::write(&path, "").unwrap();
        let memory =
            [parse(&line(1, "info", "one")).unwrap(), parse(&line(2, "info", "two")).unwrap()];
        let found = in_files(&path, all(), &memory).unwrap();
        let places: Vec<_> = found.iter().map(|entry| (entry.file, entry.line)).collect();
        assert_eq!(places, [(Some(1), Some(1)), (None, Some(1))]);
    }

    /// In the first moment of a server its entries had no numbers.
    #[test]
    fn entries_of_an_empty_file_have_the_numbers_that_they_will_have() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("topsided.log");
        let memory =
            [parse(&line(1, "info", "one")).unwrap(), parse(&line(2, "info", "two")).unwrap()];
        let numbers = || {
            let found = in_files(&path, all(), &memory).unwrap();
            found.iter().map(|entry| entry.line).collect::<Vec<_>>()
        };
        assert_eq!(numbers(), [None, None]);
        std::fs::write(&path, "").unwrap();
        assert_eq!(numbers(), [Some(1), Some(2)]);
    }

    #[test]
    fn texts_level_and_time_narrow_it_down_and_lines_above_cross_files() {
        let texts = |texts: &[&str]| texts.iter().map(|&text| text.to_owned()).collect();
        let query = LogQuery { matching: texts(&["five", "TWO"]), ..all() };
        assert_eq!(find(query.clone()), ["1/2:two", "2:Five"]);
        let above = LogQuery { before: 2, ..query.clone() };
        assert_eq!(find(above), ["1/1-one", "1/2:two", "1/3-three", "1-four", "2:Five"]);
        assert_eq!(find(LogQuery { lines: 1, before: 1, ..query }), ["1-four", "2:Five"]);
        assert_eq!(find(LogQuery { level: Some(Level::Warn), ..all() }), ["1/2:two", "2:Five"]);
        let since = Some("2026-03-01T09:00:05Z".parse().unwrap());
        assert_eq!(find(LogQuery { since, ..all() }), ["2:Five", "3:six", "4:seven"]);
        let since = LogQuery { since, before: 2, ..all() };
        assert_eq!(find(since)[..2], ["1/3-three", "1-four"]);
    }
}
