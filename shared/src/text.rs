//! Text from other users: cleaned for display and quoted. Also similar names, durations and sizes as text.

use strsim::osa_distance;

use crate::ids::ClientId;

/// Longest client name, in characters.
pub const MAX_NAME: usize = 64;
/// Longest reason, in characters.
pub const MAX_REASON: usize = 500;
/// Longest message of an error, in characters.
pub const MAX_MESSAGE: usize = 8192;
/// Most characters of a value that are quoted in a message.
pub const MAX_QUOTED: usize = 40;
/// Most bytes of a broadcast.
pub const MAX_BROADCAST: usize = 2048;

/// `text` on one line without control and bidirectional characters, cut to `max` characters.
pub fn clean(text: &str, max: usize) -> String {
    text.chars()
        .map(|c| if matches!(c, '\n' | '\t') { ' ' } else { c })
        .filter(|c| !is_control(*c))
        .take(max)
        .collect::<String>()
        .trim()
        .to_owned()
}

/// A value from another side, quoted for a message: at most `max` characters of it, with `..` where it was
/// cut. Text that would not show as it is (control characters, spaces at an end) stands in double quotes with escapes.
pub fn quote(value: &str, max: usize) -> String {
    let kept: String = value.chars().take(max).collect();
    let cut = if kept.len() < value.len() { ".." } else { "" };
    if kept.trim() == kept && !kept.chars().any(is_control) {
        return kept + cut;
    }
    let mut quoted = String::from("\"");
    for c in kept.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            c if is_control(c) => quoted.extend(c.escape_unicode()),
            c => quoted.push(c),
        }
    }
    quoted + cut + "\""
}

/// Whether a byte of UTF-8 continues a character, so that text must not be cut before it.
pub fn continues_character(byte: u8) -> bool {
    byte & 0xC0 == 0x80
}

/// How many of the last bytes are the beginning of a character that is not complete.
pub fn unfinished_character(bytes: &[u8]) -> usize {
    for length in 1..=bytes.len().min(3) {
        let tail = &bytes[bytes.len() - length..];
        match tail[0] {
            0x80..=0xBF => {}
            0xC2..=0xF4 => {
                let begun = std::str::from_utf8(tail).is_err_and(|e| e.error_len().is_none());
                return if begun { length } else { 0 };
            }
            _ => return 0,
        }
    }
    0
}

/// A name as names are compared: without white space and characters that show nothing, in lower case.
pub fn fold_name(name: &str) -> String {
    name.chars()
        .filter(|c| !c.is_whitespace() && !is_invisible(*c))
        .flat_map(char::to_lowercase)
        .collect()
}

/// How a user and a connection are named together: `ann (#7)`.
pub fn called(user: &str, client: ClientId) -> String {
    format!("{} ({client})", clean(user, MAX_NAME))
}

/// The same for the reader with the connection `you`: its own is `you`.
pub fn called_for(user: &str, client: ClientId, you: Option<ClientId>) -> String {
    if you == Some(client) { "you".to_owned() } else { called(user, client) }
}

/// Whether a character steers a terminal or the direction of text, and shows nothing itself.
pub fn is_control(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{061C}' | '\u{200E}' | '\u{200F}' | '\u{2028}' | '\u{2029}'
            | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}' | '\u{FEFF}')
}

/// Whether a character shows nothing and is no white space; mail programs and web pages add such ones to copied text.
pub fn is_invisible(c: char) -> bool {
    (is_control(c) && !c.is_whitespace())
        || matches!(c,
            '\u{00AD}' | '\u{034F}' | '\u{115F}' | '\u{1160}' | '\u{17B4}' | '\u{17B5}' | '\u{180B}'..='\u{180F}'
            | '\u{200B}'..='\u{200D}' | '\u{2060}'..='\u{206F}' | '\u{3164}' | '\u{FE00}'..='\u{FE0F}' | '\u{FFA0}'
            | '\u{FFF0}'..='\u{FFF8}' | '\u{1BCA0}'..='\u{1BCA3}' | '\u{1D173}'..='\u{1D17A}'
            | '\u{E0000}'..='\u{E0FFF}')
}

/// The names to suggest for a mistyped `name`, nearest first: at most three, each one slip away, or two in a long name.
pub fn nearest<'a>(name: &str, names: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    within(name, names, if name.chars().count() > 5 { 2 } else { 1 })
}

/// The names that `name` may be meant for, nearest first: more than [`nearest`] suggests.
pub fn similar<'a>(name: &str, names: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    within(name, names, (name.chars().count() / 3 + 1).min(3))
}

/// The names within a distance: at most three, and none that only its length makes near.
fn within<'a>(
    name: &str,
    names: impl IntoIterator<Item = &'a str>,
    allowed: usize,
) -> Vec<&'a str> {
    let name = name.to_lowercase();
    let length = name.chars().count();
    let mut near: Vec<(usize, &str)> = names
        .into_iter()
        .filter_map(|candidate| {
            let lower = candidate.to_lowercase();
            let begins = !name.is_empty() && lower.starts_with(&name);
            // A name of 64 KiB is not worth its table.
            if !begins && lower.chars().count().abs_diff(length) > allowed {
                return None;
            }
            let distance = if begins { 1 } else { osa_distance(&name, &lower) };
            (distance <= allowed && distance < candidate.chars().count())
                .then_some((distance, candidate))
        })
        .collect();
    near.sort();
    near.dedup();
    near.into_iter().take(3).map(|(_, name)| name).collect()
}

/// A sentence's tail that offers names: `: did you mean a, b or c?`, or nothing.
pub fn did_you_mean(names: &[&str]) -> String {
    match names {
        [] => String::new(),
        names => format!(": did you mean {}?", joined(names, "or")),
    }
}

/// `a, b or c`, with this word before the last one.
pub fn joined<S: std::borrow::Borrow<str>>(words: &[S], before_last: &str) -> String {
    match words {
        [most @ .., last] if !most.is_empty() => {
            format!("{} {before_last} {}", most.join(", "), last.borrow())
        }
        one => one.concat(),
    }
}

/// Host and port as one word: an IPv6 address stands in brackets.
pub fn host_port(host: &str, port: u16) -> String {
    if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
}

/// Milliseconds as people say them: `41 ms`, `1.2 s`, `4 m 05 s`, `3 h 12 m`, `3 d 4 h`.
pub fn duration(ms: u64) -> String {
    let s = ms / 1000;
    match s {
        0 => format!("{ms} ms"),
        1..10 => format!("{}.{} s", s, ms % 1000 / 100),
        10..60 => format!("{s} s"),
        60..3600 => format!("{} m {:02} s", s / 60, s % 60),
        3600..86_400 => format!("{} h {:02} m", s / 3600, s % 3600 / 60),
        _ => format!("{} d {} h", s / 86_400, s % 86_400 / 3600),
    }
}

/// Bytes as people say them, by powers of 1,024: `812 B`, `4.0 KiB`, `1.5 MiB`.
pub fn bytes(count: u64) -> String {
    let mut value = count as f64;
    let mut unit = "B";
    for next in ["KiB", "MiB", "GiB", "TiB"] {
        if value < 1024.0 {
            break;
        }
        value /= 1024.0;
        unit = next;
    }
    if unit == "B" { format!("{count} B") } else { format!("{value:.1} {unit}") }
}

/// The error's message, followed by each cause that it does not end with already.
pub fn with_sources(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        let cause = error.to_string();
        if !text.ends_with(&cause) {
            text.push_str(&format!(": {cause}"));
        }
        source = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn controls_and_direction_marks_are_taken_out() {
        assert_eq!(clean("a\u{1b}[2Jb\u{202e}c\r\nd\u{7}", 100), "a[2Jbc d");
        assert_eq!(clean("\u{9b}31mx", 100), "31mx");
    }

    #[test]
    fn only_the_beginning_of_a_possible_character_is_waited_for() {
        for (bytes, waits) in [
            (&b"abc"[..], 0),
            (b"", 0),
            ("é".as_bytes(), 0),
            (b"a\xC3", 1),
            (b"\xE2\x82", 2),
            (b"\xF0\x9F\x98", 3),
            (b"\xF0\x9F\x98\x80", 0),
            (b"\xE0\x80", 0),
            (b"\xC0", 0),
            (b"\xFF", 0),
            (b"\x80\x80\x80", 0),
            (b"\xED\xA0", 0),
        ] {
            assert_eq!(unfinished_character(bytes), waits, "{bytes:?}");
        }
    }

    #[test]
    fn a_quoted_value_shows_what_it_holds_and_steers_nothing() {
        assert_eq!(quote("weather", 40), "weather");
        assert_eq!(quote("a\u{1b}[2Jb\u{202e}\r\n\t\0", 40), r#""a\u{1b}[2Jb\u{202e}\r\n\t\u{0}""#);
        assert_eq!(quote(" a", 40), "\" a\"");
        assert_eq!(quote("a\"\\\u{7}", 40), r#""a\"\\\u{7}""#);
        assert_eq!(quote("", 40), "");
        assert_eq!(quote(&"é".repeat(41), 40), "é".repeat(40) + "..");
        assert_eq!(quote(&"\u{7}".repeat(9), 1), r#""\u{7}..""#);
    }

    #[test]
    fn a_text_is_cut_at_its_limit_in_characters() {
        assert_eq!(clean(&"é".repeat(65), 64).chars().count(), 64);
        assert_eq!(clean(&"é".repeat(64), 64).chars().count(), 64);
    }

    #[test]
    fn a_typing_error_finds_the_name_that_was_meant() {
        let names = ["uptime", "disks", "memory", "status", "shutdown"];
        assert_eq!(nearest("uptmie", names), ["uptime"]);
        assert_eq!(nearest("stat", names), ["status"]);
        assert!(nearest("zzzzzz", names).is_empty());
        assert!(nearest("nope", ["wipe", "node"]) == ["node"]);
        assert_eq!(similar("nope", ["wipe", "zones"]), ["wipe"]);
        assert!(nearest("", names).is_empty());
    }

    #[test]
    fn durations_and_sizes_read_as_people_say_them() {
        assert_eq!(duration(41), "41 ms");
        assert_eq!(duration(1_250), "1.2 s");
        assert_eq!(duration(245_000), "4 m 05 s");
        assert_eq!(duration(273_600_000), "3 d 4 h");
        assert_eq!(bytes(812), "812 B");
        assert_eq!(bytes(1_572_864), "1.5 MiB");
    }
}
