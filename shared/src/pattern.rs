//! Patterns of arguments: regular expressions that a whole text must match, in time linear in the text.

use std::fmt;
use std::sync::OnceLock;

use regex_lite::{Regex, RegexBuilder};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Most bytes of a pattern made ready: a short one may stand for very many states.
const MAX_SIZE: usize = 1 << 20;

/// A regular expression for whole texts. `\d`, `\w` and `\s` are ASCII's.
#[derive(Clone)]
pub struct Pattern {
    text: String,
    /// Made at the first use; none where this program cannot read it.
    regex: OnceLock<Option<Regex>>,
}

/// A pattern that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("it is no regular expression: {0}")]
pub struct PatternError(String);

impl Pattern {
    /// Reads a pattern.
    pub fn new(text: &str) -> Result<Self, PatternError> {
        let regex = compile(text).map_err(|error| PatternError(error.to_string()))?;
        Ok(Self { text: text.to_owned(), regex: Some(regex).into() })
    }

    /// The pattern as it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether it matches all of `text`. A pattern that only a newer server can read matches everything here.
    pub fn matches(&self, text: &str) -> bool {
        let regex = self.regex.get_or_init(|| compile(&self.text).ok());
        regex.as_ref().is_none_or(|regex| regex.is_match(text))
    }
}

fn compile(text: &str) -> Result<Regex, regex_lite::Error> {
    let build = |text: &str| RegexBuilder::new(text).size_limit(MAX_SIZE).build();
    // By itself first: `a)(b` is only wrong outside brackets.
    build(text)?;
    // The line end closes a remark, which patterns with the flag `x` may end in.
    let (open, close) = (r"\A(?:", ")\\z");
    build(&format!("{open}{text}{close}")).or_else(|_| build(&format!("{open}{text}\n{close}")))
}

impl fmt::Debug for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.text.fmt(f)
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Serialize for Pattern {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.text.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Pattern {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // Not made ready yet: a menu may hold thousands.
        Ok(Self { text: String::deserialize(deserializer)?, regex: OnceLock::new() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(pattern: &str, text: &str) -> bool {
        Pattern::new(pattern).unwrap().matches(text)
    }

    #[test]
    fn a_pattern_is_held_against_the_whole_text() {
        assert!(matches("[a-z]+", "abc"));
        for text in ["abc1", "1abc", "ab c", "", "abc\n", "\nabc", "abc\nabc"] {
            assert!(!matches("[a-z]+", text), "{text:?}");
        }
        // Each branch too, the shorter one before the longer, and with the flags for lines.
        assert!(matches("a|ab", "ab") && !matches("a|b", "ax") && !matches("a|b", "xb"));
        assert!(!matches("(?m)^a$", "a\nb") && !matches("(?m)^b$", "a\nb"));
        assert!(matches("(?x) a b # both", "ab") && !matches("(?x) a b # both", "abc"));
        assert!(matches("", "") && !matches("", "a"));
        assert!(!matches(r"\d+", "٣"), "only the digits of ASCII");
    }

    #[test]
    fn what_is_no_pattern_is_refused_with_the_reason() {
        for text in
            ["(", "a)(b", ")", "[z-a]", "*", "a{2,1}", r"\", "(?P<a", "((a{999}){999}){999}"]
        {
            let error = Pattern::new(text).unwrap_err().to_string();
            assert!(error.starts_with("it is no regular expression: "), "{text}: {error}");
        }
    }

    /// By backtracking this would take longer than the test has.
    #[test]
    fn no_text_makes_a_pattern_slow() {
        let text = "a".repeat(32 * 1024) + "!";
        assert!(!matches("(a*)*", &text) && !matches("(a|a)*b?", &text));
    }

    #[test]
    fn a_pattern_of_a_newer_peer_lets_everything_pass_here() {
        let pattern: Pattern = serde_json::from_str("\"(?<=new)(\"").unwrap();
        assert!(pattern.matches("anything"));
        assert_eq!(serde_json::to_string(&pattern).unwrap(), "\"(?<=new)(\"");
    }
}
