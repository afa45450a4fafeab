//! The id of a request in a line that cannot be read: its error needs the id, or the assistant waits for an answer for ever.

use rmcp::model::RequestId;

/// Most bytes of an id or a key.
const MAX_TOKEN: usize = 1024;

/// Looks for the id in the bytes of a line, which need not be JSON.
#[derive(Debug, Default)]
pub(super) struct IdScan {
    depth: u64,
    in_text: bool,
    is_escaped: bool,
    /// The key or the value of the outermost object that is being read.
    token: Vec<u8>,
    key: Option<Vec<u8>>,
    id: Option<RequestId>,
    ids: usize,
    has_method: bool,
}

impl IdScan {
    /// The id of the request in this line; none in what is no request.
    pub(super) fn of_line(line: &[u8]) -> Option<RequestId> {
        let mut scan = Self::default();
        scan.push(line);
        scan.end()
    }

    /// Reads the next bytes of the line.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            match byte {
                _ if self.in_text => {
                    self.keep(byte);
                    self.in_text = self.is_escaped || byte != b'"';
                    self.is_escaped = !self.is_escaped && byte == b'\\';
                }
                b'"' => {
                    self.keep(byte);
                    self.in_text = true;
                }
                b'{' | b'[' => self.depth += 1,
                b'}' | b']' => {
                    if self.depth == 1 {
                        self.member();
                    }
                    self.depth = self.depth.saturating_sub(1);
                }
                b':' if self.depth == 1 => self.key = Some(std::mem::take(&mut self.token)),
                b',' if self.depth == 1 => self.member(),
                _ if byte.is_ascii_whitespace() => {}
                _ => self.keep(byte),
            }
        }
    }

    /// The id, at the end of the line.
    pub(super) fn end(mut self) -> Option<RequestId> {
        self.member();
        // Of two, the assistant may mean either.
        self.id.filter(|_| self.has_method && self.ids == 1)
    }

    fn keep(&mut self, byte: u8) {
        if self.depth == 1 && self.token.len() <= MAX_TOKEN {
            self.token.push(byte);
        }
    }

    /// Ends a member of the outermost object.
    fn member(&mut self) {
        let (key, value) = (self.key.take(), std::mem::take(&mut self.token));
        match key.as_deref() {
            Some(b"\"id\"") => {
                self.ids += 1;
                let is_whole = value.len() <= MAX_TOKEN;
                self.id = is_whole.then(|| serde_json::from_slice(&value).ok()).flatten();
            }
            Some(b"\"method\"") => self.has_method = true,
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_id_is_found_before_and_after_the_fault() {
        for line in [
            r#"{"id":7,"method":"x","params":{"a":NaN}}"#,
            r#"{"method":"x","params":{"a":"\ud800","id":1},"jsonrpc":"2.0","id":7}"#,
            r#"{"method":"x","params":{"a":"\"}\\"},"id" : 7 }"#,
            r#"{"id":7,"method":"x","params":{"a":1,"a":2}}"#,
            r#"{"id":7,"method":"x","params":[[[[1]]]"#,
            r#"{"id":7,"method":"x"#,
        ] {
            assert_eq!(IdScan::of_line(line.as_bytes()), Some(RequestId::Number(7)), "{line}");
        }
        let text = IdScan::of_line(br#"{"id":"a,b","method":"x",}"#);
        assert_eq!(text, Some(RequestId::String("a,b".into())));
    }

    #[test]
    fn what_is_no_request_or_has_no_id_of_its_own_has_none() {
        for line in [
            "",
            "hello",
            r#"[{"id":7,"method":"x"}]"#,
            r#"{"id":7,"result":NaN}"#,
            r#"{"id":7,"id":8,"method":"x"}"#,
            r#"{"id":1.5,"method":"x"}"#,
            r#"{"id":{"id":7},"method":"x"}"#,
            r#"{"method":"x","params":{"id":7}}"#,
        ] {
            assert_eq!(IdScan::of_line(line.as_bytes()), None, "{line}");
        }
        let long = format!(r#"{{"id":"{}","method":"x"}}"#, "a".repeat(2 * MAX_TOKEN));
        assert_eq!(IdScan::of_line(long.as_bytes()), None);
    }
}
