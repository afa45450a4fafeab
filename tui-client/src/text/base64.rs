//! Base64 (RFC 4648, section 4): how bytes that are not UTF-8 travel in `run/output`.

use std::borrow::Cow;

use topside_shared::notifications::RunOutput;

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// The bytes of one piece of output, as the program wrote them.
pub(crate) fn output_bytes(output: &RunOutput) -> Cow<'_, [u8]> {
    match (&output.data, &output.base64) {
        (Some(data), _) => Cow::Borrowed(data.as_bytes()),
        (None, Some(text)) => Cow::Owned(decode(text).unwrap_or_default()),
        (None, None) => Cow::Borrowed(&[]),
    }
}

/// How many bytes one piece of output stands for.
pub(crate) fn output_length(output: &RunOutput) -> usize {
    match (&output.data, &output.base64) {
        (Some(data), _) => data.len(),
        (None, Some(text)) => text.trim_end_matches('=').len() * 3 / 4,
        (None, None) => 0,
    }
}

/// The text for `bytes`.
pub(crate) fn encode(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let bits = group.iter().fold(0u32, |bits, byte| bits << 8 | u32::from(*byte))
            << (8 * (3 - group.len()));
        for place in 0..4 {
            let six = (bits >> (18 - 6 * place)) & 63;
            text.push(if place <= group.len() { ALPHABET[six as usize] as char } else { '=' });
        }
    }
    text
}

/// The bytes that `text` stands for; `None` where it is not base64.
pub(crate) fn decode(text: &str) -> Option<Vec<u8>> {
    let digits = text.trim_end_matches('=').as_bytes();
    if !text.len().is_multiple_of(4) || text.len() - digits.len() > 2 {
        return None;
    }
    let mut bytes = Vec::with_capacity(digits.len() * 3 / 4);
    for group in digits.chunks(4) {
        let mut bits = 0u32;
        for digit in group {
            bits = bits << 6 | value(*digit)?;
        }
        let bits = bits << (6 * (4 - group.len()));
        bytes.extend_from_slice(&bits.to_be_bytes()[1..group.len()]);
    }
    Some(bytes)
}

fn value(digit: u8) -> Option<u32> {
    Some(u32::from(match digit {
        b'A'..=b'Z' => digit - b'A',
        b'a'..=b'z' => digit - b'a' + 26,
        b'0'..=b'9' => digit - b'0' + 52,
        b'+' => 62,
        b'/' => 63,
        _ => return None,
    }))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use topside_shared::RunId;
    use topside_shared::notifications::Stream;

    use super::*;

    #[test]
    fn the_examples_of_the_rfc_hold() {
        for (bytes, text) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
            ("fooba", "Zm9vYmE="),
            ("foobar", "Zm9vYmFy"),
        ] {
            assert_eq!(encode(bytes.as_bytes()), text);
            assert_eq!(decode(text).as_deref(), Some(bytes.as_bytes()));
        }
        for text in ["Zg", "Zg=", "Z===", "Zg==Zg==", "Z g=", "é==="] {
            assert_eq!(decode(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_come_back_and_their_number_is_known_before(bytes: Vec<u8>) {
            let text = encode(&bytes);
            prop_assert_eq!(decode(&text).unwrap(), bytes.clone());
            let output = RunOutput {
                run_id: RunId(1), offset: 0, stream: Stream::Stdout, data: None, base64: Some(text),
            };
            prop_assert_eq!(output_length(&output), bytes.len());
        }
    }
}
