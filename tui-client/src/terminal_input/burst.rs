//! Text that comes in one read: a paste, where the terminal does not mark one, or what a script types.

/// Whether the byte is of text or ends a line.
pub(super) fn is_text(byte: u8) -> bool {
    matches!(byte, b'\t' | b'\r' | b'\n' | 0x20..=0x7e | 0x80..)
}

fn is_line_end(byte: u8) -> bool {
    matches!(byte, b'\r' | b'\n')
}

/// How many bytes of text these begin with.
pub(super) fn text_length(bytes: &[u8]) -> usize {
    bytes.iter().position(|byte| !is_text(*byte)).unwrap_or(bytes.len())
}

/// The text behind the first line end, without further line ends, is no more than a key.
pub(super) fn is_paste(burst: &[u8]) -> bool {
    let behind = burst.iter().skip_while(|byte| !is_line_end(**byte));
    behind.filter(|byte| !is_line_end(**byte)).count() >= 2
}

/// Whether text that came in one read is a paste of a terminal without bracketed paste, or may
/// become one with the next read: a person does not type a line and its end at once.
pub(super) fn may_be_paste(burst: &[u8]) -> bool {
    let line = burst.iter().position(|byte| is_line_end(*byte));
    is_paste(burst) || line.is_some_and(|length| length >= 2)
}

/// The bytes up to a character that is not complete at the end.
pub(super) fn whole_characters(bytes: &[u8]) -> usize {
    let tail = bytes.len().saturating_sub(3);
    let begin = bytes[tail..].iter().rposition(|byte| *byte >= 0xc0).map(|at| tail + at);
    match begin.map(|at| (at, std::str::from_utf8(&bytes[at..]))) {
        Some((at, Err(error))) if error.error_len().is_none() => at,
        _ => bytes.len(),
    }
}
