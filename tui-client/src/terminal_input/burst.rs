//! Text that comes in one read: a paste, where the terminal does not mark pastes, or keys that a script types.

/// Whether the byte belongs to text or ends a line.
pub(super) fn is_text(byte: u8) -> bool {
    matches!(byte, b'\t' | b'\r' | b'\n' | 0x20..=0x7e | 0x80..)
}

fn is_line_end(byte: u8) -> bool {
    matches!(byte, b'\r' | b'\n')
}

/// The length of the text at the beginning of `bytes`.
pub(super) fn text_length(bytes: &[u8]) -> usize {
    bytes.iter().position(|byte| !is_text(*byte)).unwrap_or(bytes.len())
}

/// Whether there are at least two characters of text after the first line end: a single one is a key.
pub(super) fn is_paste(burst: &[u8]) -> bool {
    let behind = burst.iter().skip_while(|byte| !is_line_end(**byte));
    behind.filter(|byte| !is_line_end(**byte)).count() >= 2
}

/// Whether text that came in one read is a paste of a terminal without bracketed paste, or may become one with the next
/// read: a user does not type a line and its end at once.
pub(super) fn may_be_paste(burst: &[u8]) -> bool {
    let line = burst.iter().position(|byte| is_line_end(*byte));
    is_paste(burst) || line.is_some_and(|length| length >= 2)
}

/// The length without an incomplete character at the end.
pub(super) fn whole_characters(bytes: &[u8]) -> usize {
    let tail = bytes.len().saturating_sub(3);
    let begin = bytes[tail..].iter().rposition(|byte| *byte >= 0xc0).map(|at| tail + at);
    match begin.map(|at| (at, std::str::from_utf8(&bytes[at..]))) {
        Some((at, Err(error))) if error.error_len().is_none() => at,
        _ => bytes.len(),
    }
}
