//! The last part of an output, for the answer to a run that a client waited for.

use data_encoding::BASE64;
use topside_shared::text::continues_character;

use crate::output::json_escape;

/// Most bytes of a tail as a JSON string with its quotes.
pub(crate) const MAX_TAIL: usize = 128 * 1024;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Tail {
    pub(crate) text: Text,
    /// Whether older output is missing.
    pub(crate) truncated: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Text {
    Plain(String),
    /// Other bytes in base64 (RFC 4648, section 4).
    Base64(String),
}

impl Tail {
    /// The longest tail of `bytes` that fits; with `missing` they are not all of the output.
    pub(super) fn of(mut bytes: Vec<u8>, missing: bool) -> Self {
        let mut room = MAX_TAIL - 2;
        let mut from = bytes.len();
        while from > 0 && json_escape::cost(bytes[from - 1]) <= room {
            from -= 1;
            room -= json_escape::cost(bytes[from]);
        }
        let cut = missing || from > 0;
        // An incomplete character at the cut is left out.
        let begins = (from..bytes.len().min(from + 4))
            .find(|at| !cut || !continues_character(bytes[*at]))
            .unwrap_or(from);
        if std::str::from_utf8(&bytes[begins..]).is_ok() {
            bytes.drain(..begins);
            let text = String::from_utf8(bytes).unwrap_or_default();
            return Self { text: Text::Plain(text), truncated: cut };
        }
        let from = bytes.len().saturating_sub((MAX_TAIL - 2) / 4 * 3);
        Self { text: Text::Base64(BASE64.encode(&bytes[from..])), truncated: missing || from > 0 }
    }
}
