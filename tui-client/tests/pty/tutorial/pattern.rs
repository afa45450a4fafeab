//! What a tutorial says that one sees: text in which `…` stands for what differs from machine to machine, and
//! a line of its own for any lines. How wide a gap is does not matter.

/// The port of the tutorial, for which the test takes another.
pub(super) const PORT: &str = "8677";

fn plain(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Whether `line` is as `pattern` says; a part of it is enough where `within`.
fn line_is(pattern: &str, line: &str, within: bool) -> bool {
    let (pattern, line) = (plain(&pattern.replace(PORT, "…")), plain(line));
    let mut parts: Vec<&str> = pattern.split('…').map(str::trim).collect();
    let mut rest = line.as_str();
    if !within {
        let last = if parts.len() > 1 { parts.pop() } else { None };
        let Some(after) = rest.strip_prefix(parts.remove(0)) else { return false };
        match last {
            None => return after.is_empty(),
            Some(last) => match after.strip_suffix(last) {
                Some(before) => rest = before,
                None => return false,
            },
        }
    }
    parts.into_iter().all(|part| match rest.split_once(part) {
        Some((_, after)) => {
            rest = after;
            true
        }
        None => false,
    })
}

/// Whether a line of the screen holds what `pattern` says.
pub(super) fn is_on(pattern: &str, screen: &str) -> bool {
    screen.lines().any(|line| line_is(pattern, line, true))
}

/// How many of the patterns fit the lines from the first one on, as far as they do; none where all of them fit
/// all of the lines.
pub(super) fn misfit(patterns: &[&str], lines: &[&str]) -> Option<usize> {
    let Some((pattern, others)) = patterns.split_first() else {
        return (!lines.is_empty()).then_some(0);
    };
    if *pattern == "…" {
        let misfits = (0..=lines.len()).map(|skipped| misfit(others, &lines[skipped..]));
        let furthest: Option<Vec<usize>> = misfits.collect();
        return furthest.and_then(|all| all.into_iter().max()).map(|count| count + 1);
    }
    match lines.split_first() {
        Some((line, rest)) if line_is(pattern, line, false) => {
            misfit(others, rest).map(|count| count + 1)
        }
        _ => Some(0),
    }
}
