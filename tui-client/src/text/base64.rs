//! The bytes of `run/output`, which are base64 (RFC 4648, section 4) where they are not UTF-8.

use std::borrow::Cow;

use data_encoding::BASE64;
use topside_shared::notifications::RunOutput;

/// The bytes of one piece of output.
pub(crate) fn output_bytes(output: &RunOutput) -> Cow<'_, [u8]> {
    match (&output.data, &output.base64) {
        (Some(data), _) => Cow::Borrowed(data.as_bytes()),
        (None, Some(text)) => Cow::Owned(decode(text).unwrap_or_default()),
        (None, None) => Cow::Borrowed(&[]),
    }
}

/// The length of one piece of output in bytes.
pub(crate) fn output_length(output: &RunOutput) -> usize {
    match (&output.data, &output.base64) {
        (Some(data), _) => data.len(),
        (None, Some(text)) => text.trim_end_matches('=').len() * 3 / 4,
        (None, None) => 0,
    }
}

pub(crate) fn encode(bytes: &[u8]) -> String {
    BASE64.encode(bytes)
}

/// Decodes base64; `None` where the text is malformed.
pub(crate) fn decode(text: &str) -> Option<Vec<u8>> {
    BASE64.decode(text.as_bytes()).ok()
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
        for text in ["Zg", "Zg=", "Z===", "Z g=", "é==="] {
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
