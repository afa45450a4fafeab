//! History of typed lines for each server, kept between sessions: one line each, oldest first.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use topside_shared::text::is_control;

use super::atomic_file::Replacement;
use crate::platform;
use crate::text::hash::fnv1a;

/// Stands for the line for several boxes in place of a server. The name of a saved server does not begin with a space.
pub(crate) const SEVERAL_BOXES: &str = " several boxes";

pub(crate) const MAX_LINES: usize = 1_000;
/// Lines by which the file may grow before it is cut back.
const SLACK: usize = 200;
const MAX_LENGTH: usize = 16 * 1024;

#[derive(Debug)]
pub(crate) struct History {
    path: PathBuf,
    lines: Vec<String>,
    /// Lines in the file, as far as this process knows.
    in_file: usize,
}

impl History {
    /// Reads the history of `server` under the state directory; without a file it is empty.
    pub(crate) fn load(state: &Path, server: &str) -> io::Result<Self> {
        let path = state.join("history").join(file_name(server));
        let bytes = match std::fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(error) => return Err(error),
        };
        let text = String::from_utf8_lossy(&bytes);
        let in_file = text.lines().count();
        // Two programs may each have added the same line.
        let mut lines: Vec<String> =
            text.lines().filter(|line| is_kept(line)).map(str::to_owned).collect();
        lines.dedup();
        lines.drain(..lines.len().saturating_sub(MAX_LINES));
        Ok(Self { path, lines, in_file })
    }

    pub(crate) fn lines(&self) -> &[String] {
        &self.lines
    }

    /// Adds a line, here and in the file. Skips a line that begins with a space, repeats the last line, is empty, or has
    /// control characters. After an error of the file it is added here only.
    pub(crate) fn add(&mut self, line: &str) -> io::Result<bool> {
        if !is_kept(line) || self.lines.last().is_some_and(|last| last == line) {
            return Ok(false);
        }
        self.lines.push(line.to_owned());
        if self.lines.len() > MAX_LINES {
            self.lines.remove(0);
        }
        self.append(line)?;
        if self.in_file > MAX_LINES + SLACK {
            self.cut()?;
        }
        Ok(true)
    }

    /// One write to the end of the file, so that two programs cannot mix their lines.
    fn append(&mut self, line: &str) -> io::Result<()> {
        if let Some(dir) = self.path.parent()
            && !dir.is_dir()
        {
            platform::create_private_dir(dir)?;
        }
        let mut options = OpenOptions::new();
        let mut file = platform::private(options.append(true).create(true)).open(&self.path)?;
        file.write_all(format!("{line}\n").as_bytes())?;
        self.in_file += 1;
        Ok(())
    }

    /// Cuts the file to the newest lines, those of other programs included. A line that another program adds at this
    /// moment may be lost.
    fn cut(&mut self) -> io::Result<()> {
        let replacement = Replacement::begin(&self.path)?;
        let text = String::from_utf8_lossy(&std::fs::read(&self.path)?).into_owned();
        let lines: Vec<&str> = text.lines().collect();
        let kept = &lines[lines.len().saturating_sub(MAX_LINES)..];
        replacement.commit(&kept.iter().flat_map(|line| [line, "\n"]).collect::<String>())?;
        self.in_file = kept.len();
        Ok(())
    }
}

fn is_kept(line: &str) -> bool {
    !line.starts_with(' ')
        && !line.trim().is_empty()
        && line.len() <= MAX_LENGTH
        && !line.chars().any(is_control)
}

/// A file name for any server name, and a different one for each.
pub(super) fn file_name(server: &str) -> String {
    let mut name = String::new();
    for byte in server.bytes() {
        let plain = byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_".contains(&byte);
        match byte {
            b'.' if !name.is_empty() => name.push('.'),
            _ if plain => name.push(char::from(byte)),
            // Upper case too: some file systems do not distinguish it from lower case.
            _ => name.push_str(&format!("%{byte:02x}")),
        }
    }
    // The longest name has 64 characters of up to 4 bytes; most systems allow 255 bytes.
    if name.len() > 200 {
        name.truncate(180);
        name.push_str(&format!("%%{:016x}", fnv1a(server)));
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(history: &History) -> Vec<&str> {
        history.lines().iter().map(String::as_str).collect()
    }

    #[test]
    fn what_was_typed_is_there_again_for_that_server_only() {
        let state = tempfile::tempdir().unwrap();
        let mut history = History::load(state.path(), "garden").unwrap();
        assert!(history.add("zones").unwrap() && history.add("zone-run 3").unwrap());
        let again = History::load(state.path(), "garden").unwrap();
        assert_eq!(lines(&again), ["zones", "zone-run 3"]);
        assert!(lines(&History::load(state.path(), "cellar").unwrap()).is_empty());
    }

    #[test]
    fn a_line_after_a_space_an_empty_one_and_a_repetition_are_not_kept() {
        let state = tempfile::tempdir().unwrap();
        let mut history = History::load(state.path(), "garden").unwrap();
        for line in [" secret", "", "  ", "a", "a", "b", "a\nb", "\u{1b}[2J", "a"] {
            history.add(line).unwrap();
        }
        assert_eq!(lines(&history), ["a", "b", "a"]);
        let again = History::load(state.path(), "garden").unwrap();
        assert_eq!(lines(&again), ["a", "b", "a"]);
    }

    #[test]
    fn the_newest_thousand_are_kept_and_the_file_does_not_grow_for_ever() {
        let state = tempfile::tempdir().unwrap();
        let mut history = History::load(state.path(), "garden").unwrap();
        for n in 0..2_500 {
            history.add(&format!("echo {n}")).unwrap();
        }
        assert_eq!(history.lines().len(), MAX_LINES);
        let text = std::fs::read_to_string(&history.path).unwrap();
        assert!(text.lines().count() <= MAX_LINES + SLACK);
        let again = History::load(state.path(), "garden").unwrap();
        assert_eq!(again.lines().len(), MAX_LINES);
        assert_eq!(again.lines().last().unwrap(), "echo 2499");
    }

    #[test]
    fn two_programs_add_to_one_history() {
        let state = tempfile::tempdir().unwrap();
        let mut one = History::load(state.path(), "garden").unwrap();
        let mut two = History::load(state.path(), "garden").unwrap();
        one.add("a").unwrap();
        two.add("b").unwrap();
        one.add("c").unwrap();
        assert_eq!(lines(&History::load(state.path(), "garden").unwrap()), ["a", "b", "c"]);
    }

    #[test]
    fn every_name_has_a_file_of_its_own_inside_the_directory() {
        let long = "𝔘".repeat(64);
        let names = ["a", "A", "a/b", "..", ".", "a%2fb", "this machine", "é", &long];
        let files: std::collections::BTreeSet<String> =
            names.iter().map(|name| file_name(name).to_lowercase()).collect();
        assert_eq!(files.len(), names.len());
        for file in files {
            assert!(file.len() <= 255 && !file.contains('/') && !file.starts_with('.'), "{file}");
        }
    }
    #[test]
    fn the_file_is_this_users_own() {
        use std::os::unix::fs::PermissionsExt;
        let state = tempfile::tempdir().unwrap();
        let mut history = History::load(&state.path().join("new"), "garden").unwrap();
        history.add("a").unwrap();
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&history.path), 0o600);
        assert_eq!(mode(history.path.parent().unwrap()), 0o700);
    }
}
