//! What is wrong with a configuration file, and where.

use std::fmt;
use std::ops::Range;

use topside_shared::text;

/// A place in a text, as editors count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// From 1.
    pub line: usize,
    /// From 1, in characters.
    pub column: usize,
}

impl Position {
    /// Where the byte `offset` of `text` is.
    pub fn of(text: &str, offset: usize) -> Self {
        let offset = (0..=offset.min(text.len()))
            .rev()
            .find(|offset| text.is_char_boundary(*offset))
            .unwrap_or(0);
        let before = &text[..offset];
        let start = before.rfind('\n').map_or(0, |end| end + 1);
        Self { line: before.matches('\n').count() + 1, column: before[start..].chars().count() + 1 }
    }
}

/// One mistake in a file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct FileError {
    /// The file.
    pub file: String,
    /// The place; none where the file itself is at fault.
    pub at: Option<Position>,
    /// One sentence that says what would pass.
    pub message: String,
}

impl fmt::Display for FileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.at {
            Some(at) => write!(f, "{}:{}:{}: {}", self.file, at.line, at.column, self.message),
            None => write!(f, "{}: {}", self.file, self.message),
        }
    }
}

/// All that is wrong with a file, in its order; never empty. One mistake a line when shown.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct FileErrors(pub Vec<FileError>);

impl FileErrors {
    /// There is no file where one was named.
    pub(crate) fn absent(path: &std::path::Path) -> Self {
        Self::one(&path.display().to_string(), None, "there is no such file")
    }

    /// The one mistake of a file that cannot be read any further.
    pub(crate) fn one(file: &str, at: Option<Position>, message: impl fmt::Display) -> Self {
        Self(vec![FileError { file: file.to_owned(), at, message: sentence(message) }])
    }
}

impl fmt::Display for FileErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, error) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            error.fmt(f)?;
        }
        Ok(())
    }
}

/// The first of some mistakes, each on a line of its own, and how many more there are; `how` says how to see those.
pub(crate) fn first_of(mistakes: &impl fmt::Display, how: &str) -> String {
    let said = mistakes.to_string();
    let mut lines = said.lines();
    let first = lines.next().unwrap_or_default();
    match lines.count() {
        0 => first.to_owned(),
        count => format!("{first} (and {count} more{how})"),
    }
}

/// A message on one line, whatever it quotes from the file.
fn sentence(message: impl fmt::Display) -> String {
    text::clean(&message.to_string(), usize::MAX)
}

/// Gathers the mistakes of one text.
#[derive(Debug)]
pub(crate) struct Mistakes<'a> {
    file: &'a str,
    text: &'a str,
    errors: Vec<FileError>,
}

impl<'a> Mistakes<'a> {
    pub(crate) fn new(file: &'a str, text: &'a str) -> Self {
        Self { file, text, errors: Vec::new() }
    }

    /// Records a mistake at the beginning of `span`.
    pub(crate) fn add(&mut self, span: &Range<usize>, message: impl fmt::Display) {
        self.errors.push(FileError {
            file: self.file.to_owned(),
            at: Some(Position::of(self.text, span.start)),
            message: sentence(message),
        });
    }

    pub(crate) fn count(&self) -> usize {
        self.errors.len()
    }

    pub(crate) fn finish(mut self) -> Result<(), FileErrors> {
        self.errors.sort_by_key(|error| error.at);
        if self.errors.is_empty() { Ok(()) } else { Err(FileErrors(self.errors)) }
    }
}
