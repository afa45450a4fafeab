//! Errors in a configuration file, with their positions.

use std::collections::HashSet;
use std::fmt;
use std::ops::Range;

use topside_shared::text;

/// A place in a text, in the units of editors.
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
        LineStarts::of(text).position(offset)
    }
}

/// Where each line of a text begins: the cost of a position does not grow with the text.
#[derive(Debug)]
pub(crate) struct LineStarts<'a> {
    text: &'a str,
    starts: Vec<usize>,
}

impl<'a> LineStarts<'a> {
    pub(crate) fn of(text: &'a str) -> Self {
        let later = text.match_indices('\n').map(|(end, _)| end + 1);
        Self { text, starts: std::iter::once(0).chain(later).collect() }
    }

    /// Where the byte `offset` of the text is.
    pub(crate) fn position(&self, offset: usize) -> Position {
        let offset = self.text.floor_char_boundary(offset);
        let line = self.starts.partition_point(|start| *start <= offset);
        let start = self.starts[line - 1];
        Position { line, column: self.text[start..offset].chars().count() + 1 }
    }
}

/// One error in a file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct FileError {
    /// The file.
    pub file: String,
    /// The place; none if it is about the file itself.
    pub at: Option<Position>,
    /// One sentence that says what would be valid.
    pub message: String,
    /// A fault that several places name; it is reported at the first of them only.
    cause: Option<String>,
}

impl FileError {
    pub(crate) fn new(file: &str, at: Option<Position>, message: impl fmt::Display) -> Self {
        // A message stays on one line, although it may quote several of the file.
        let message = text::clean(&message.to_string(), usize::MAX);
        Self { file: file.to_owned(), at, message, cause: None }
    }

    pub(crate) fn because_of(self, cause: &str) -> Self {
        Self { cause: Some(cause.to_owned()), ..self }
    }
}

impl fmt::Display for FileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.at {
            Some(at) => write!(f, "{}:{}:{}: {}", self.file, at.line, at.column, self.message),
            None => write!(f, "{}: {}", self.file, self.message),
        }
    }
}

/// All errors of a file, in its order; never empty. Displays one error per line.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct FileErrors(pub Vec<FileError>);

impl FileErrors {
    pub(crate) fn absent(path: &std::path::Path) -> Self {
        Self::one(&path.display().to_string(), None, "there is no such file")
    }

    /// These errors, each cause once.
    pub(crate) fn once(mut errors: Vec<FileError>) -> Self {
        let mut causes = HashSet::new();
        errors
            .retain(|error| error.cause.as_ref().is_none_or(|cause| causes.insert(cause.clone())));
        Self(errors)
    }

    pub(crate) fn one(file: &str, at: Option<Position>, message: impl fmt::Display) -> Self {
        Self(vec![FileError::new(file, at, message)])
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

/// The first line of `errors`, and how many more there are; `how` says how to see those.
pub(crate) fn first_of(errors: &impl fmt::Display, how: &str) -> String {
    let text = errors.to_string();
    let mut lines = text.lines();
    let first = lines.next().unwrap_or_default();
    match lines.count() {
        0 => first.to_owned(),
        count => format!("{first} (and {count} more{how})"),
    }
}

#[derive(Debug)]
pub(crate) struct Errors<'a> {
    file: &'a str,
    lines: LineStarts<'a>,
    errors: Vec<FileError>,
}

impl<'a> Errors<'a> {
    pub(crate) fn new(file: &'a str, text: &'a str) -> Self {
        Self { file, lines: LineStarts::of(text), errors: Vec::new() }
    }

    pub(crate) fn add(&mut self, span: &Range<usize>, message: impl fmt::Display) {
        let at = self.position(span.start);
        self.errors.push(FileError::new(self.file, Some(at), message));
    }

    /// Where the byte `offset` of the file is.
    pub(crate) fn position(&self, offset: usize) -> Position {
        self.lines.position(offset)
    }

    /// The same for a fault that several places name.
    pub(crate) fn add_once(
        &mut self,
        span: &Range<usize>,
        cause: &str,
        message: impl fmt::Display,
    ) {
        self.add(span, message);
        if let Some(last) = self.errors.last_mut() {
            last.cause = Some(cause.to_owned());
        }
    }

    pub(crate) fn count(&self) -> usize {
        self.errors.len()
    }

    pub(crate) fn finish(mut self) -> Result<(), FileErrors> {
        self.errors.sort_by_key(|error| error.at);
        if self.errors.is_empty() { Ok(()) } else { Err(FileErrors::once(self.errors)) }
    }
}
