//! The command line: one parser for the input box, the line client and `topside run`.
//!
//! - Words are quoted as POSIX shells read them. Nothing is expanded: `$`, `*`, `;`, `|` and `#` are
//!   plain characters.
//! - An argument is given by position (`zone-run 3 5`), as `--minutes 5`, as `--minutes=5`, or as
//!   `minutes=5` where `minutes` is an argument's name. Positions are those not yet given by name.
//! - An argument with `multiple` takes every value that is left, and one more from each `--name` and
//!   `name=`.
//! - A bool is `--name` or `--no-name` (or `name=true`), and has no position.
//! - One dash is no option: `-5` is a value like any other. After `--` every word is a value, and
//!   `minutes=5` a text. Quotes do not change what a word means, so that a line and the words of
//!   `topside run` read alike.
//! - An argument with `rest` takes its first word and all words after it, joined by single spaces.
//!   Inside quotes spaces stay as they are.
//!
//! The server fills in defaults; only typed values are sent. No line and no cursor causes a panic.

mod argument_reader;
mod complete;
mod error;
mod hint;
mod parse;
mod render;
mod secret;
mod tokens;

pub use complete::{Candidate, CandidateKind, Completion, complete, complete_words};
pub use error::{LineError, LineErrorKind};
pub use hint::{Hint, HintPart, hint, value_may_grow};
pub use parse::{ParsedLine, find, parse, parse_args};
pub use render::{quote, render};
pub use secret::{is_private, masked, missing_secrets, secrets};
pub use tokens::{Spot, Token, at, split};

#[cfg(test)]
mod tests;
