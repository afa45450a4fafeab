//! Files of arguments of type `file`: which names and sizes pass.

use glob::{MatchOptions, Pattern};

use super::{ArgError, Rule, describe};
use crate::command::Arg;
use crate::text;

/// Longest name of a file, in bytes, as file systems have it.
const MAX_NAME: usize = 255;

/// Cameras write `IMG.JPG`.
const OPTIONS: MatchOptions = MatchOptions {
    case_sensitive: false,
    require_literal_separator: true,
    require_literal_leading_dot: false,
};

/// Checks a file of this name and size against the declaration of an argument. The client does so before it sends the file,
/// the server when a run takes it.
///
/// # Errors
/// The rule that it breaks: `accept` or `max_size`.
pub fn check_file(arg: &Arg, name: &str, size: u64) -> Result<(), ArgError> {
    let matches = |wildcard: &String| {
        Pattern::new(wildcard).is_ok_and(|wildcard| wildcard.matches_with(name, OPTIONS))
    };
    if !arg.accept.is_empty() && !arg.accept.iter().any(matches) {
        return Err(ArgError::value(arg, Rule::Accept, describe::typed(name)));
    }
    if arg.max_size.is_some_and(|most| size > most) {
        let given = format!("one of {} ({size} bytes)", text::bytes(size));
        return Err(ArgError::value(arg, Rule::MaxSize, given));
    }
    Ok(())
}

/// Checks the name of a file on the wire: a name only, never a path.
///
/// # Errors
/// What is wrong, as the rest of a sentence that begins with the name.
pub fn check_file_name(name: &str) -> Result<(), &'static str> {
    match name {
        "" => Err("is empty"),
        "." | ".." => Err("is a directory"),
        _ if name.contains('/') => Err("is a path: give the name of the file alone, without `/`"),
        _ if name.contains(text::is_control) => Err("has control characters"),
        _ if name.len() > MAX_NAME => Err("is longer than 255 bytes"),
        _ => Ok(()),
    }
}

/// The name that a file of this device gets on the wire: the end of its path, with `_` for what no name may have.
pub fn file_name(path: &str) -> String {
    let name = path.rsplit('/').next().unwrap_or_default();
    let mut name: String =
        name.chars().map(|c| if text::is_control(c) { '_' } else { c }).collect();
    while name.len() > MAX_NAME {
        name.pop();
    }
    if check_file_name(&name).is_ok() { name } else { "file".to_owned() }
}

/// The first of these wildcards that is none, and why.
pub(super) fn wrong_wildcard(wildcards: &[String]) -> Option<(&str, String)> {
    wildcards.iter().find_map(|wildcard| {
        let why = match Pattern::new(wildcard) {
            Err(error) => error.msg.to_owned(),
            Ok(_) if wildcard.is_empty() => "it is empty".to_owned(),
            Ok(_) if wildcard.contains('/') => "it is for a name, which has no `/`".to_owned(),
            Ok(_) => return None,
        };
        Some((wildcard.as_str(), why))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::ArgType;

    fn picture() -> Arg {
        Arg {
            name: "picture".into(),
            kind: ArgType::File,
            max_size: Some(1024),
            accept: vec!["*.jpg".into(), "*.png".into()],
            ..Arg::default()
        }
    }

    #[test]
    fn a_file_passes_by_its_name_in_any_case_and_by_its_size() {
        let check = |name, size| check_file(&picture(), name, size).map_err(|e| e.to_string());
        for name in ["a.jpg", "IMG_01.JPG", ".png", "x y.png"] {
            assert_eq!(check(name, 1024), Ok(()), "{name}");
        }
        let wrong = "picture must be a file like *.jpg or *.png of at most 1.0 KiB, not";
        assert_eq!(check("a.gif", 1), Err(format!("{wrong} a.gif")));
        assert_eq!(check("a.jpg", 1025), Err(format!("{wrong} one of 1.0 KiB (1025 bytes)")));
        assert!(check("a.jpg.sh", 1).is_err() && check("jpg", 1).is_err());
        let any = Arg { accept: Vec::new(), max_size: None, ..picture() };
        assert_eq!(check_file(&any, "x", u64::MAX), Ok(()));
    }

    #[test]
    fn a_name_on_the_wire_is_no_path() {
        for name in
            ["../../x", "/etc/passwd", "a/b", "", ".", "..", "a\nb", "a\u{202e}b", &"x".repeat(256)]
        {
            assert!(check_file_name(name).is_err(), "{name}");
            assert!(check_file_name(&file_name(name)).is_ok(), "{name}");
        }
        for (path, name) in
            [("../../x", "x"), ("/a/b c.sql", "b c.sql"), ("é.jpg", "é.jpg"), ("a/", "file")]
        {
            assert_eq!(file_name(path), name);
        }
    }

    #[test]
    fn a_wildcard_that_cannot_be_read_is_named() {
        let wrong = |wildcard: &str| wrong_wildcard(&[wildcard.to_owned()]).is_some();
        assert!(wrong("[") && wrong("") && wrong("a/*") && wrong("***"));
        assert!(!wrong("*.jpg") && !wrong("report-??.csv"));
    }
}
