//! Position of an error in a TOML file, and other parts that the readers of TOML files share.

use std::io;
use std::ops::Range;
use std::path::Path;

use toml_edit::Document;
use topside_shared::text::{MAX_NAME, clean, did_you_mean, nearest};

use super::profiles::ConfigError;

/// A mistake and its position in bytes.
pub(super) type Fault = (Option<Range<usize>>, String);

/// The bytes of a file; empty where there is no file.
pub(super) fn bytes(path: &Path) -> Result<Vec<u8>, ConfigError> {
    match std::fs::read(path) {
        Ok(text) => Ok(text),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(source) => Err(ConfigError::Read { path: path.to_owned(), source }),
    }
}

pub(super) fn parse(path: &Path, bytes: &[u8]) -> Result<Document<String>, ConfigError> {
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let good = String::from_utf8_lossy(&bytes[..error.valid_up_to()]);
        let end = good.len();
        fault(path, &good, (Some(end..end), "this is not UTF-8".to_owned()))
    })?;
    Document::parse(text.to_owned()).map_err(|error| {
        // The parser's message may continue with its own picture of the position.
        let message = error.message().lines().next().unwrap_or("this is not TOML").to_owned();
        fault(path, text, (error.span(), message))
    })
}

/// The error with file, line and column.
pub(super) fn fault(path: &Path, text: &str, (span, message): Fault) -> ConfigError {
    let (line, column) = place(text, span.map_or(0, |span| span.start));
    ConfigError::Invalid { path: path.to_owned(), line, column, message }
}

/// Line and column of a byte, from 1, the column in characters.
fn place(text: &str, at: usize) -> (usize, usize) {
    let before = &text[..text.floor_char_boundary(at)];
    let line = before.bytes().filter(|byte| *byte == b'\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    (line, column)
}

/// `` `NAME`: did you mean ..? `` for an unknown name.
pub(super) fn unknown<'n>(name: &str, names: impl IntoIterator<Item = &'n str>) -> String {
    format!("`{}`{}", clean(name, MAX_NAME), did_you_mean(&nearest(name, names)))
}
