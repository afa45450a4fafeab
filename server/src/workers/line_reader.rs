//! Splits the output of a worker into lines. Of a line over the limit only its `id` is kept, so that the call that it
//! answers can be failed.

use crate::workers::worker_messages::MAX_LINE;

/// A line without its ending, or what is known of one over the limit.
pub(super) enum WorkerLine {
    Whole(Vec<u8>),
    TooLong(IdScanner),
}

#[derive(Default)]
pub(super) struct LineReader {
    line: Vec<u8>,
    /// Reads the line that exceeds the limit.
    too_long: Option<IdScanner>,
}

impl LineReader {
    /// Takes the next line off the front of `input`; none: its end has not come yet. Blank lines are skipped.
    pub(super) fn next(&mut self, input: &mut &[u8]) -> Option<WorkerLine> {
        while let Some(end) = input.iter().position(|byte| *byte == b'\n') {
            let (line, rest) = (&input[..end], &input[end + 1..]);
            self.add(line);
            *input = rest;
            if let Some(scanner) = self.too_long.take() {
                return Some(WorkerLine::TooLong(scanner));
            }
            let line = std::mem::take(&mut self.line);
            if !line.trim_ascii().is_empty() {
                return Some(WorkerLine::Whole(line));
            }
        }
        self.add(input);
        *input = &[];
        None
    }

    fn add(&mut self, bytes: &[u8]) {
        if let Some(scanner) = &mut self.too_long {
            return scanner.read(bytes);
        }
        if self.line.len() + bytes.len() <= MAX_LINE {
            return self.line.extend_from_slice(bytes);
        }
        let mut scanner = IdScanner::default();
        scanner.read(&std::mem::take(&mut self.line));
        scanner.read(bytes);
        self.too_long = Some(scanner);
    }
}

/// Finds the `id` of an answer in a JSON object that is too long, or not valid, to be parsed.
#[derive(Default)]
pub(super) struct IdScanner {
    depth: usize,
    string: Option<StringState>,
    /// The last key of the outer object.
    key: Vec<u8>,
    /// Whether the next string of the outer object is a key.
    at_key: bool,
    id: Vec<u8>,
    ids: usize,
    has_method: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum StringState {
    Text,
    Escape,
}

/// Longer than each key and number that is looked for.
const MOST_KEPT: usize = 24;

impl IdScanner {
    pub(super) fn of(line: &[u8]) -> Self {
        let mut scanner = Self::default();
        scanner.read(line);
        scanner
    }

    /// The number of the call that the line answers; none: it is no answer, or has several ids.
    pub(super) fn answered(&self) -> Option<u64> {
        let id = std::str::from_utf8(&self.id).ok()?.trim();
        id.parse().ok().filter(|_| self.ids == 1 && !self.has_method)
    }

    pub(super) fn is_output(&self) -> bool {
        self.has_method && self.ids == 0
    }

    fn read(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.byte(*byte);
        }
    }

    fn byte(&mut self, byte: u8) {
        let is_key = self.depth == 1 && self.at_key;
        if let Some(state) = self.string {
            self.string = match (state, byte) {
                (StringState::Escape, _) => Some(StringState::Text),
                (StringState::Text, b'\\') => Some(StringState::Escape),
                (StringState::Text, b'"') => None,
                (StringState::Text, _) => Some(StringState::Text),
            };
            if is_key && self.string.is_some() && self.key.len() < MOST_KEPT {
                self.key.push(byte);
            }
            return;
        }
        match byte {
            b'"' => {
                self.string = Some(StringState::Text);
                if is_key {
                    self.key.clear();
                }
            }
            b'{' | b'[' => {
                self.depth += 1;
                self.at_key = self.depth == 1;
            }
            b'}' | b']' => self.depth = self.depth.saturating_sub(1),
            b',' if self.depth == 1 => self.at_key = true,
            b':' if self.depth == 1 => {
                self.at_key = false;
                self.ids += usize::from(self.key == b"id");
                self.has_method |= self.key == b"method";
            }
            _ => {
                let is_id = self.depth == 1 && !self.at_key && self.key == b"id";
                if is_id && self.id.len() < MOST_KEPT {
                    self.id.push(byte);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_id_of_a_line_that_cannot_be_parsed_is_found_wherever_it_stands() {
        for (line, id) in [
            (r#"{"id":7,"result":"xxx"#, Some(7)),
            (r#"{"result":{"id":1,"a":[{"id":2}]},"id": 7 }"#, Some(7)),
            (r#"{"jsonrpc":"2.0","result":"\"id\":1}","id":7}"#, Some(7)),
            (r#"{"id":7,"result":NaN}"#, Some(7)),
            (r#"{"id":7,"id":8,"result":1}"#, None),
            (r#"{"method":"output","params":{"id":7}}"#, None),
            (r#"{"result":1}"#, None),
            (r#"["id",7]"#, None),
            ("xxx", None),
        ] {
            assert_eq!(IdScanner::of(line.as_bytes()).answered(), id, "{line}");
        }
        assert!(IdScanner::of(br#"{"method":"output","params":{"id":7}}"#).is_output());
        assert!(!IdScanner::of(br#"{"id":1,"method":"output"}"#).is_output());
    }

    #[test]
    fn a_line_over_the_limit_does_not_hide_the_next() {
        let long = format!(r#"{{"id":7,"result":"{}"}}"#, "x".repeat(MAX_LINE));
        let text = format!("one\r\n\n{long}\ntwo\n");
        for size in [1, 1000, text.len()] {
            let (mut reader, mut seen) = (LineReader::default(), Vec::new());
            for mut piece in text.as_bytes().chunks(size) {
                while let Some(line) = reader.next(&mut piece) {
                    seen.push(match line {
                        WorkerLine::Whole(line) => String::from_utf8(line).unwrap(),
                        WorkerLine::TooLong(scanner) => format!("{:?}", scanner.answered()),
                    });
                }
            }
            assert_eq!(seen, ["one\r", "Some(7)", "two"], "{size}");
        }
    }
}
