//! Values inside an element of `exec`, such as `"/dev/{disk}"`: only of types that cannot carry more than what is meant.

use regex_syntax::ParserBuilder;
use regex_syntax::hir::{Class, Hir, HirKind};
use topside_shared::command::ArgType;
use topside_shared::pattern::Pattern;

use crate::menu_file::args::Argument;
use crate::process::program_spec::Passed;

/// Why the value of an argument cannot be part of an element, and what to do. `is_first`: the element begins with it.
pub(super) fn unfit(argument: &Argument, is_first: bool) -> Option<String> {
    let arg = &argument.arg;
    if argument.passed != Passed::Element {
        return Some("it does not go into the argument list: take it out of `exec`".to_owned());
    }
    if argument.flag.is_some() {
        return Some("its `flag` has no place there: take that out".to_owned());
    }
    if arg.multiple {
        return Some("it has several values: give it an element of its own".to_owned());
    }
    if is_first && arg.allow_dash {
        return Some(
            "the element begins with it, and it may begin with `-`: take `allow_dash` out"
                .to_owned(),
        );
    }
    match arg.kind {
        ArgType::Int | ArgType::Float | ArgType::Bool | ArgType::Duration => None,
        ArgType::Enum if !arg.choices_from => None,
        ArgType::String => match &arg.pattern {
            Some(pattern) => unfit_pattern(pattern, arg.min_length.unwrap_or(0)),
            None => Some(
                "a string can hold more than what is meant there: make it an enum, or give it a `pattern` such \
                 as '[A-Za-z0-9_-]+'"
                    .to_owned(),
            ),
        },
        ArgType::Enum => Some(
            "a program lists its choices, and can list anything: make it a string with a `pattern` such as \
             '[A-Za-z0-9_-]+'"
                .to_owned(),
        ),
        ArgType::Path | ArgType::Secret | ArgType::File => {
            let kind = arg.kind.name();
            Some(format!("a {kind} can hold more than what is meant there: give it an element of its own"))
        }
    }
}

fn unfit_pattern(pattern: &Pattern, min_length: u64) -> Option<String> {
    // With Unicode a class could match letters of any script; `Pattern` reads the classes `\w`, `\d` and `\s` as ASCII's.
    let parsed = ParserBuilder::new().unicode(false).utf8(false).build().parse(pattern.as_str());
    let is_plain = parsed.is_ok_and(|pattern| has_plain_characters_only(&pattern));
    if !is_plain {
        return Some(
            "its `pattern` lets other characters pass than ASCII letters, digits, `_`, `-`, `.`, `@` and `+`: \
             leave out what could separate it, such as `/`"
                .to_owned(),
        );
    }
    if min_length == 0 && pattern.matches("") {
        return Some("its `pattern` matches an empty text: require one character".to_owned());
    }
    let dots = [".", ".."].into_iter().find(|dots| pattern.matches(dots))?;
    Some(format!(
        "its `pattern` matches `{dots}`, which is another directory: require a first letter"
    ))
}

fn has_plain_characters_only(pattern: &Hir) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.@+".contains(&byte);
    match pattern.kind() {
        HirKind::Empty | HirKind::Look(_) => true,
        HirKind::Literal(literal) => literal.0.iter().copied().all(is_plain),
        HirKind::Class(Class::Bytes(class)) => {
            class.iter().all(|range| (range.start()..=range.end()).all(is_plain))
        }
        HirKind::Class(Class::Unicode(class)) => class.iter().all(|range| {
            (range.start()..=range.end()).all(|c| u8::try_from(c).is_ok_and(is_plain))
        }),
        HirKind::Repetition(repetition) => has_plain_characters_only(&repetition.sub),
        HirKind::Capture(capture) => has_plain_characters_only(&capture.sub),
        HirKind::Concat(parts) | HirKind::Alternation(parts) => {
            parts.iter().all(has_plain_characters_only)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_fits_if_it_can_match_no_separator() {
        let unfit = |pattern: &str| unfit_pattern(&Pattern::new(pattern).unwrap(), 0);
        for fits in [
            "[a-z]+",
            r"\w+",
            r"[a-z][\w.@+-]*",
            "sd[a-z][0-9]{0,2}",
            "(a|b)+",
            "(?:a|b)c?",
            r"\d{4}-\d\d",
            r"v\d+\.\d+",
            "(?i)[a-z]+",
            "^[a-z]+$",
        ] {
            assert_eq!(unfit(fits), None, "{fits}");
        }
        for other in [
            ".+", "[^/]+", "a/b", r"\S+", r"\D+", "[ -~]+", "a b", "é", "[a-é]", "a,b", "[+-=]+",
            r"a\n",
        ] {
            assert!(unfit(other).is_some_and(|why| why.contains("other characters")), "{other}");
        }
        for empty in ["[a-z]*", "a?", "(a|)"] {
            assert!(unfit(empty).is_some_and(|why| why.contains("empty")), "{empty}");
        }
        for dots in [r"[a-z.]+", r"[\w.-]{2}", r"\.|a"] {
            assert!(unfit(dots).is_some_and(|why| why.contains("directory")), "{dots}");
        }
    }
}
