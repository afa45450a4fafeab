//! Patterns of arguments as JSON Schema has them.
//!
//! A JSON Schema has the regular expressions of ECMA-262, which search within a text. A declaration has those of Rust, which
//! must match a whole text. Most patterns mean the same in both; the others stay with the server, which checks each value.

/// The pattern for a JSON Schema; none where it may mean something else there.
pub(super) fn to_schema(pattern: &str) -> Option<String> {
    is_common(pattern).then(|| format!("^(?:{pattern})$"))
}

/// What may stand before a quantifier.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Before {
    /// Nothing that can be repeated: the beginning, `(`, `|`, `^` or `$`.
    Nothing,
    /// A character, a class or a group.
    Atom,
    /// A quantifier, which `?` may still make lazy.
    Quantifier,
    /// A lazy quantifier.
    Lazy,
}

/// Whether a regular expression of Rust means the same in ECMA-262.
fn is_common(pattern: &str) -> bool {
    let mut rest = pattern;
    let mut before = Before::Nothing;
    while let Some(first) = rest.chars().next() {
        rest = &rest[first.len_utf8()..];
        before = match first {
            '\\' => match escape(&mut rest, false) {
                Some(_) => Before::Atom,
                None => return false,
            },
            '[' => match class(&mut rest) {
                Some(()) => Before::Atom,
                None => return false,
            },
            '(' => {
                if let Some(after) = rest.strip_prefix('?') {
                    let Some(after) = after.strip_prefix(':') else { return false };
                    rest = after;
                }
                Before::Nothing
            }
            '|' | '^' | '$' => Before::Nothing,
            ')' => Before::Atom,
            '?' if before == Before::Quantifier => Before::Lazy,
            '*' | '+' | '?' if before == Before::Atom => Before::Quantifier,
            '{' if before == Before::Atom => match counts(&mut rest) {
                Some(()) => Before::Quantifier,
                None => return false,
            },
            '*' | '+' | '?' | '{' | '}' | ']' => return false,
            c if c.is_control() => return false,
            _ => Before::Atom,
        };
    }
    true
}

/// The rest of `{2}`, `{2,}` or `{2,5}`.
fn counts(rest: &mut &str) -> Option<()> {
    let (inside, after) = rest.split_once('}')?;
    let (least, most) = inside.split_once(',').unwrap_or((inside, ""));
    let is_count = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    (!least.is_empty() && is_count(least) && is_count(most)).then(|| *rest = after)
}

/// The character after a backslash; whether it stands for a class of characters.
fn escape(rest: &mut &str, in_class: bool) -> Option<bool> {
    let c = rest.chars().next()?;
    *rest = &rest[c.len_utf8()..];
    match c {
        'd' | 'D' | 'w' | 'W' | 's' | 'S' => Some(true),
        'n' | 'r' | 't' | '.' | '*' | '+' | '?' | '(' | ')' | '[' | ']' | '{' | '}' | '|' | '^'
        | '$' | '\\' | '/' => Some(false),
        '-' if in_class => Some(false),
        _ => None,
    }
}

/// The rest of a class such as `[a-z_]`.
fn class(rest: &mut &str) -> Option<()> {
    *rest = rest.strip_prefix('^').unwrap_or(rest);
    // Rust reads a bracket at the beginning as itself.
    let mut is_first = true;
    // Whether a range may begin with what was read last.
    let mut may_begin = false;
    loop {
        let c = rest.chars().next()?;
        *rest = &rest[c.len_utf8()..];
        may_begin = match c {
            ']' if is_first => return None,
            ']' => return Some(()),
            '\\' => !escape(rest, true)?,
            '[' => return None,
            // These are operators of Rust's if they stand twice.
            '&' | '~' if rest.starts_with(c) => return None,
            '-' if is_first || rest.starts_with(']') => false,
            '-' => {
                let end = rest.chars().next()?;
                if !may_begin || matches!(end, '\\' | '[' | '-') {
                    return None;
                }
                *rest = &rest[end.len_utf8()..];
                false
            }
            c if c.is_control() => return None,
            _ => true,
        };
        is_first = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_that_means_the_same_in_both_is_held_against_the_whole_text() {
        for pattern in [
            "[a-z]+",
            "a|ab",
            r"\d{4}-\d{2}-\d{2}",
            "(?:a|b)*?c",
            r"[\w.-]+@[\w-]+\.[a-z]{2,}",
            "[^/]+",
            "[a-z_][a-z0-9_-]*",
            "",
            "é+",
            r"[\-x]",
        ] {
            assert_eq!(to_schema(pattern), Some(format!("^(?:{pattern})$")), "{pattern}");
        }
    }

    #[test]
    fn a_pattern_of_rust_alone_is_left_to_the_server() {
        for pattern in [
            "(?i)a",
            "(?P<n>a)",
            "(?x) a # b",
            r"\pL",
            r"\x41",
            r"\Aa\z",
            r"\bA",
            "[[:alpha:]]",
            "[a&&b]",
            "[]a]",
            "[^]a]",
            "a**",
            "a{2}{3}",
            "^*",
            r"[\d-x]",
            "[a--b]",
            "a{,3}",
            "x}",
            r"\-",
        ] {
            assert_eq!(to_schema(pattern), None, "{pattern}");
        }
    }
}
