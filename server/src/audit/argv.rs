//! Arguments of an audit line, cut to a bounded size.
//!
//! An argument is a JSON string. A longer one is a JSON object with its beginning, its length and its SHA-256, which no
//! argument can imitate.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

/// Longest argument in a line, in bytes of JSON.
pub(super) const MAX_ARGUMENT: usize = 512;
/// The same for all arguments together.
pub(super) const MAX_ARGV: usize = 4096;
/// The same for any other text.
pub(super) const MAX_TEXT: usize = 1024;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub(crate) enum Argument {
    Complete(String),
    /// The beginning of an argument that is too long, with the length and the SHA-256 of all of it.
    Cut {
        cut: String,
        bytes: u64,
        sha256: String,
    },
    /// The number and length of the arguments that did not fit, with the SHA-256 of these, each followed by a NUL byte.
    Rest {
        arguments: u64,
        bytes: u64,
        sha256: String,
    },
}

impl Argument {
    fn of(text: String) -> Self {
        let kept = fitting(&text, MAX_ARGUMENT);
        if kept == text.len() {
            return Self::Complete(text);
        }
        let sha256 = format!("{:x}", Sha256::digest(&text));
        Self::Cut { cut: text[..kept].to_owned(), bytes: text.len() as u64, sha256 }
    }

    /// The value of the argument `name=value`.
    pub(super) fn value(&self, name: &str) -> Option<&str> {
        match self {
            Self::Complete(text) => text.strip_prefix(name)?.strip_prefix('='),
            Self::Cut { .. } | Self::Rest { .. } => None,
        }
    }

    /// Bytes of JSON of the argument's own text.
    fn length(&self) -> usize {
        match self {
            Self::Complete(text) | Self::Cut { cut: text, .. } => {
                text.chars().map(json_length).sum()
            }
            Self::Rest { .. } => 0,
        }
    }
}

/// Cuts arguments, none of which is secret, to the limits of a line.
pub(super) fn bounded(argv: Vec<String>) -> Vec<Argument> {
    let mut kept = Vec::new();
    let mut length = 0;
    let mut argv = argv.into_iter();
    while let Some(text) = argv.next() {
        let argument = Argument::of(text.clone());
        length += argument.length();
        if length > MAX_ARGV {
            kept.push(rest(std::iter::once(text).chain(argv)));
            break;
        }
        kept.push(argument);
    }
    kept
}

fn rest(argv: impl Iterator<Item = String>) -> Argument {
    let (mut arguments, mut bytes, mut hash) = (0, 0, Sha256::new());
    for text in argv {
        arguments += 1;
        bytes += text.len() as u64;
        hash.update(&text);
        hash.update([0]);
    }
    Argument::Rest { arguments, bytes, sha256: format!("{:x}", hash.finalize()) }
}

/// Cuts a text that is not an argument to its limit.
pub(super) fn bounded_text(text: String) -> String {
    let kept = fitting(&text, MAX_TEXT);
    if kept == text.len() {
        return text;
    }
    format!("{}… ({} bytes)", &text[..kept], text.len())
}

/// The length of the longest beginning of `text` that takes at most `most` bytes in JSON.
fn fitting(text: &str, most: usize) -> usize {
    let mut length = 0;
    for (at, c) in text.char_indices() {
        length += json_length(c);
        if length > most {
            return at;
        }
    }
    text.len()
}

/// Bytes of a character in a JSON string.
fn json_length(c: char) -> usize {
    match c {
        '"' | '\\' | '\n' | '\r' | '\t' | '\u{8}' | '\u{c}' => 2,
        c if c < ' ' => 6,
        c => c.len_utf8(),
    }
}

/// A command and its arguments as a command line. Secrets must be masked already.
pub(crate) fn argv(command: &str, masked: &Map<String, Value>) -> Vec<String> {
    let mut argv = vec![command.to_owned()];
    for (name, value) in masked {
        let values = match value {
            Value::Array(values) => values.as_slice(),
            value => std::slice::from_ref(value),
        };
        argv.extend(values.iter().map(|value| match value {
            Value::String(text) => format!("{name}={text}"),
            value => format!("{name}={value}"),
        }));
    }
    argv
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(argv: Vec<String>) -> Value {
        serde_json::to_value(bounded(argv)).unwrap()
    }

    #[test]
    fn an_argument_at_the_limit_is_complete_and_a_longer_one_is_cut() {
        for (c, length) in [("x", 1), ("\"", 2), ("\u{1}", 6), ("é", 2), ("🌱", 4)] {
            let most = MAX_ARGUMENT / length;
            assert_eq!(json(vec![c.repeat(most)])[0], c.repeat(most));
            let longer = c.repeat(most + 1);
            let cut = &json(vec![longer.clone()])[0];
            assert_eq!(cut["cut"], c.repeat(most));
            assert_eq!(cut["bytes"], longer.len());
            assert_eq!(cut["sha256"], format!("{:x}", Sha256::digest(&longer)));
        }
    }

    #[test]
    fn arguments_at_the_limit_of_a_line_are_complete_and_the_rest_is_one_hash() {
        let full = vec!["x".repeat(MAX_ARGUMENT); MAX_ARGV / MAX_ARGUMENT];
        let kept = json(full.clone());
        assert_eq!(kept, serde_json::to_value(&full).unwrap());
        let mut more = full.clone();
        more.extend(["a".to_owned(), "bc".to_owned()]);
        let kept = json(more);
        assert_eq!(kept.as_array().unwrap().len(), full.len() + 1);
        let sha256 = format!("{:x}", Sha256::digest("a\0bc\0"));
        assert_eq!(
            kept[full.len()],
            serde_json::json!({"arguments": 2, "bytes": 3, "sha256": sha256})
        );
    }

    #[test]
    fn an_argument_that_looks_like_a_cut_one_is_a_string() {
        let forged = r#"{"cut":"x","bytes":9,"sha256":"0"}"#.to_owned();
        assert_eq!(bounded(vec![forged.clone()]), [Argument::Complete(forged)]);
    }

    #[test]
    fn another_text_is_cut_at_its_limit() {
        let text = "é".repeat(MAX_TEXT / 2);
        assert_eq!(bounded_text(text.clone()), text);
        assert_eq!(bounded_text(format!("{text}.")), format!("{text}… ({} bytes)", MAX_TEXT + 1));
    }
}
