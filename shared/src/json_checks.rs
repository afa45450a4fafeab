//! Checks that serde_json does not make: nesting depth, and duplicate keys in an object.
//!
//! serde_json's own depth limit does not fire under `RawValue`, and it keeps the last of two equal
//! keys, so that two readers of one line could understand two things. One pass finds both.

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

/// Deepest nesting of arrays and objects on the wire.
pub const MAX_DEPTH: usize = 32;

/// Why a text is not accepted as JSON.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum JsonFault {
    /// Not JSON; the reader's own words.
    Syntax(String),
    /// Arrays and objects nest deeper than [`MAX_DEPTH`].
    TooDeep,
    /// This key stands twice in one object.
    Duplicate(String),
}

impl fmt::Display for JsonFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Syntax(text) => write!(f, "the line is not JSON: {text}"),
            Self::TooDeep => write!(f, "the line nests deeper than {MAX_DEPTH} levels"),
            Self::Duplicate(key) => write!(f, "the key `{key}` stands twice in one object"),
        }
    }
}

/// Checks that `text` is one JSON value without a fault; a syntax error is reported before a duplicate key.
pub fn check(text: &str) -> Result<(), JsonFault> {
    check_inside(text, 0)
}

/// The same for a value at this depth.
pub(crate) fn check_inside(text: &str, outside: usize) -> Result<(), JsonFault> {
    if outside + depth(text) > MAX_DEPTH {
        return Err(JsonFault::TooDeep);
    }
    let mut duplicate = None;
    let mut deserializer = serde_json::Deserializer::from_str(text);
    ValueVisitor { duplicate: &mut duplicate }
        .deserialize(&mut deserializer)
        .and_then(|()| deserializer.end())
        .map_err(|error| JsonFault::Syntax(error.to_string()))?;
    duplicate.map_or(Ok(()), |key| Err(JsonFault::Duplicate(key)))
}

/// The deepest nesting of brackets outside strings.
fn depth(text: &str) -> usize {
    let (mut depth, mut deepest) = (0usize, 0usize);
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'"' => {
                while let Some(inner) = bytes.next() {
                    match inner {
                        b'\\' => drop(bytes.next()),
                        b'"' => break,
                        _ => {}
                    }
                }
            }
            b'{' | b'[' => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

struct ValueVisitor<'d> {
    duplicate: &'d mut Option<String>,
}

impl<'de> DeserializeSeed<'de> for ValueVisitor<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

/// A key borrowed where it has no escapes.
#[derive(Deserialize)]
struct Key<'a>(#[serde(borrow)] Cow<'a, str>);

/// More keys than this are looked up by hash: comparing each with each is quicker below.
const FEW: usize = 12;

macro_rules! accept {
    ($($visit:ident: $scalar:ty),*) => {
        $(fn $visit<E: Error>(self, _: $scalar) -> Result<(), E> {
            Ok(())
        })*
    };
}

impl<'de> Visitor<'de> for ValueVisitor<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON")
    }

    accept!(visit_bool: bool, visit_i64: i64, visit_u64: u64, visit_f64: f64, visit_str: &str);

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        while seq.next_element_seed(ValueVisitor { duplicate: self.duplicate })?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let mut few: Vec<Cow<'de, str>> = Vec::new();
        let mut many: HashSet<Cow<'de, str>> = HashSet::new();
        while let Some(Key(key)) = map.next_key()? {
            if self.duplicate.is_some() {
                // One is enough, but what is no JSON is looked for to the end.
            } else if few.contains(&key) || many.contains(&key) {
                *self.duplicate = Some(key.into_owned());
            } else if few.len() < FEW {
                few.push(key);
            } else {
                many.insert(key);
            }
            map.next_value_seed(ValueVisitor { duplicate: self.duplicate })?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nesting_passes_at_the_limit_and_not_one_deeper() {
        let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert_eq!(check(&nested(MAX_DEPTH)), Ok(()));
        assert_eq!(check(&nested(MAX_DEPTH + 1)), Err(JsonFault::TooDeep));
        assert_eq!(check(&nested(30_000)), Err(JsonFault::TooDeep));
    }

    #[test]
    fn brackets_in_strings_do_not_nest() {
        assert_eq!(check(&format!(r#"{{"a":"\"{}"}}"#, "[".repeat(100))), Ok(()));
    }

    #[test]
    fn a_key_twice_in_one_object_is_found_at_any_depth_and_behind_escapes() {
        for text in [r#"{"a":1,"a":2}"#, r#"{"b":[{"a":1,"\u0061":2}]}"#] {
            assert_eq!(check(text), Err(JsonFault::Duplicate("a".into())), "{text}");
        }
        assert_eq!(check(r#"{"a":{"a":1},"b":{"a":1}}"#), Ok(()));
    }

    #[test]
    fn a_duplicate_among_many_keys_is_found() {
        let keys: Vec<String> = (0..100).map(|n| format!(r#""k{n}":0"#)).collect();
        let text = format!("{{{},\"k99\":1}}", keys.join(","));
        assert_eq!(check(&text), Err(JsonFault::Duplicate("k99".into())));
    }

    /// The text after the first duplicate is not checked.
    #[test]
    fn a_syntax_error_after_a_duplicate_is_reported_first() {
        for value in [r#""\ud800""#, "1e999", r#"{"\ud800":1}"#] {
            let text = format!(r#"{{"a":1,"a":1,"b":{value}}}"#);
            assert!(matches!(check(&text), Err(JsonFault::Syntax(_))), "{text}");
        }
    }

    #[test]
    fn text_after_the_value_is_not_json() {
        assert!(matches!(check("{} {}"), Err(JsonFault::Syntax(_))));
    }
}
