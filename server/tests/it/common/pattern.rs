//! JSON as documents write it: `…` for what differs from one time to the next.

use serde_json::Value;

/// What stands for `…` once the text has been made JSON: no text of the wire holds it.
const ANY: &str = "\u{0}any";
const REST: &str = "\u{0}rest";

/// A JSON value with wildcards: `…` is any value, any part of a text, or the further members of an
/// object and the further items of an array.
pub(crate) struct Pattern(Value);

impl Pattern {
    pub(crate) fn parse(text: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(&plain(text)).map(Self)
    }

    /// Whether `got` is what the pattern says, or where it is not.
    pub(crate) fn matches(&self, got: &Value) -> Result<(), String> {
        compare(&self.0, got, "$")
    }
}

/// Panics where `got` is not what `pattern` says.
pub(crate) fn assert_matches(pattern: &str, got: &Value) {
    let compared = Pattern::parse(pattern).unwrap().matches(got);
    assert_eq!(compared, Ok(()), "{pattern}");
}

/// Whether a text is what a text with `…` says.
pub(crate) fn text_matches(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('…');
    let Some(mut rest) = text.strip_prefix(parts.next().unwrap_or_default()) else { return false };
    let mut parts: Vec<&str> = parts.collect();
    let Some(last) = parts.pop() else { return rest.is_empty() };
    for part in parts {
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
    }
    rest.ends_with(last)
}

/// The pattern as JSON: each `…` outside a text becomes a value or a member that stands for it.
fn plain(text: &str) -> String {
    let mut json = String::new();
    let (mut in_text, mut escaped) = (false, false);
    let mut open = Vec::new();
    let mut rests = 0;
    for c in text.chars() {
        if in_text {
            in_text = escaped || c != '"';
            escaped = !escaped && c == '\\';
            json.push(c);
            continue;
        }
        match c {
            '"' => in_text = true,
            '{' | '[' => open.push(c),
            '}' | ']' => drop(open.pop()),
            '…' => {
                let before = json.trim_end().chars().last();
                let place = (open.last(), before);
                if matches!(place, (Some('{'), Some('{' | ','))) {
                    rests += 1;
                    json.push_str(&format!("\"\\u0000rest{rests}\":null"));
                } else if matches!(place, (Some('['), Some('[' | ','))) {
                    json.push_str("\"\\u0000rest\"");
                } else {
                    json.push_str("\"\\u0000any\"");
                }
                continue;
            }
            _ => {}
        }
        json.push(c);
    }
    json
}

fn compare(want: &Value, got: &Value, at: &str) -> Result<(), String> {
    let differs = || Err(format!("at {at} {want} was expected, not {got}"));
    match (want, got) {
        (Value::String(any), _) if any == ANY => Ok(()),
        (Value::String(pattern), Value::String(text)) if text_matches(pattern, text) => Ok(()),
        (Value::Object(want), Value::Object(got)) => {
            let open = want.keys().any(|key| key.starts_with(REST));
            for (key, value) in want.iter().filter(|(key, _)| !key.starts_with(REST)) {
                let Some(found) = got.get(key) else {
                    return Err(format!("{at}.{key} is missing"));
                };
                compare(value, found, &format!("{at}.{key}"))?;
            }
            match got.keys().find(|key| !want.contains_key(*key)) {
                Some(more) if !open => Err(format!("{at}.{more} is not expected")),
                _ => Ok(()),
            }
        }
        (Value::Array(want), Value::Array(got)) => {
            let (want, open) = match want.split_last() {
                Some((last, rest)) if last == REST => (rest, true),
                _ => (&want[..], false),
            };
            if got.len() < want.len() || (got.len() > want.len() && !open) {
                return differs();
            }
            want.iter()
                .zip(got)
                .enumerate()
                .try_for_each(|(index, (want, got))| compare(want, got, &format!("{at}[{index}]")))
        }
        _ if want == got => Ok(()),
        _ => differs(),
    }
}
