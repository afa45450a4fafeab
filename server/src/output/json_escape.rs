//! Escapes text for the inside of a JSON string: the same bytes as serde_json writes, but eight bytes at a time. Output is
//! most of what a server sends, and escaping it most of that work.

const LOW: u64 = 0x0101_0101_0101_0101;
const HIGH: u64 = 0x8080_8080_8080_8080;

/// The length of a byte inside a JSON string.
pub(super) fn cost(byte: u8) -> usize {
    match byte {
        b'"' | b'\\' | 0x08 | b'\t' | b'\n' | 0x0C | b'\r' => 2,
        0..0x20 => 6,
        _ => 1,
    }
}

/// Appends `text`, escaped.
pub(super) fn push(line: &mut Vec<u8>, text: &str) {
    let mut rest = text.as_bytes();
    while let Some(at) = find(rest) {
        line.extend_from_slice(&rest[..at]);
        let byte = rest[at];
        let short = match byte {
            b'"' | b'\\' => byte,
            0x08 => b'b',
            b'\t' => b't',
            b'\n' => b'n',
            0x0C => b'f',
            b'\r' => b'r',
            _ => b'u',
        };
        line.extend_from_slice(&[b'\\', short]);
        if short == b'u' {
            let digit = |value: u8| b"0123456789abcdef"[usize::from(value & 0xF)];
            line.extend_from_slice(&[b'0', b'0', digit(byte >> 4), digit(byte)]);
        }
        rest = &rest[at + 1..];
    }
    line.extend_from_slice(rest);
}

/// The first byte that must be escaped.
fn find(bytes: &[u8]) -> Option<usize> {
    let (words, rest) = bytes.as_chunks::<8>();
    for (index, word) in words.iter().enumerate() {
        let found = special(u64::from_le_bytes(*word));
        if found != 0 {
            return Some(index * 8 + found.trailing_zeros() as usize / 8);
        }
    }
    rest.iter().position(|byte| cost(*byte) > 1).map(|at| words.len() * 8 + at)
}

/// The high bit of each byte that is a quote, a backslash or under 0x20. A carry can only mark bytes above the first one,
/// and only the first is used.
fn special(word: u64) -> u64 {
    let zero = |word: u64| word.wrapping_sub(LOW) & !word;
    let quote = zero(word ^ (LOW * b'"' as u64));
    let backslash = zero(word ^ (LOW * b'\\' as u64));
    let control = word.wrapping_sub(LOW * 0x20) & !word;
    (quote | backslash | control) & HIGH
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str) {
        let mut line = vec![b'"'];
        push(&mut line, text);
        line.push(b'"');
        let want = serde_json::to_string(text).unwrap();
        assert_eq!(String::from_utf8(line).unwrap(), want);
        assert_eq!(text.bytes().map(cost).sum::<usize>() + 2, want.len());
    }

    #[test]
    fn each_character_at_each_place_is_escaped_as_serde_json_does() {
        for c in (0..=0x100).chain([0x7FF, 0x2028, 0xFFFD, 0x1F600]).filter_map(char::from_u32) {
            for before in 0..9 {
                check(&format!("{}{c}{c}!\u{7f}~ \"{c}", "x".repeat(before)));
                check(&format!("{}{c}", "é".repeat(before)));
            }
        }
        check("");
    }
}
