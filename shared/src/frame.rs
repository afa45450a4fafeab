//! Framing: one message a line, with a limit on its length that is checked while reading.
//!
//! The splitter never allocates for what a peer only claims: a line that is complete in the bytes
//! just read is lent from them, and only a line cut by a read is kept, up to the cap.

/// Longest line a server reads, in bytes before the line ending.
pub const MAX_LINE_IN: usize = 65_536;
/// Longest line a server sends, in bytes with the line ending.
pub const MAX_LINE_OUT: usize = 256 * 1024;

/// A line exceeds the cap; the bytes after it need not begin a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a line is at most {cap} bytes before its line ending")]
pub struct LineTooLong {
    /// The cap that was broken.
    pub cap: usize,
}

/// Cuts a stream of bytes into lines.
#[derive(Debug)]
pub struct Lines {
    cap: usize,
    /// The beginning of a line that has not been read to its end, or the line lent last.
    kept: Vec<u8>,
    /// Whether `kept` was lent and may be forgotten.
    lent: bool,
}

impl Lines {
    /// A splitter for lines of at most `cap` bytes before the line ending.
    pub fn new(cap: usize) -> Self {
        Self { cap, kept: Vec::new(), lent: false }
    }

    /// Takes the next line off the front of `input`, without its ending; `None` if more input is needed. Blank lines are
    /// skipped. The stream must be closed after an error.
    pub fn next<'s, 'i: 's>(
        &'s mut self,
        input: &mut &'i [u8],
    ) -> Option<Result<&'s [u8], LineTooLong>> {
        if self.lent {
            self.forget();
        }
        loop {
            let Some(end) = memchr::memchr(b'\n', input) else {
                return self.keep(input).err().map(Err);
            };
            let (line, rest) = (&input[..end], &input[end + 1..]);
            *input = rest;
            if self.kept.is_empty() {
                let line = trim(line);
                if line.len() > self.cap {
                    return Some(Err(LineTooLong { cap: self.cap }));
                }
                if is_blank(line) {
                    continue;
                }
                return Some(Ok(line));
            }
            // The limit is checked before the copy.
            if self.kept.len() + line.len() > self.cap + 1 {
                return Some(Err(LineTooLong { cap: self.cap }));
            }
            self.kept.extend_from_slice(line);
            if trim(&self.kept).len() > self.cap {
                return Some(Err(LineTooLong { cap: self.cap }));
            }
            if is_blank(&self.kept) {
                self.forget();
                continue;
            }
            self.lent = true;
            return Some(Ok(trim(&self.kept)));
        }
    }

    /// The last line of a stream that ended without a line ending, if there is one.
    pub fn last(&mut self) -> Option<Vec<u8>> {
        if self.lent {
            self.forget();
        }
        let line = std::mem::take(&mut self.kept);
        let line = trim(&line);
        (!is_blank(line)).then(|| line.to_vec())
    }

    fn keep(&mut self, input: &mut &[u8]) -> Result<(), LineTooLong> {
        let rest = std::mem::take(input);
        let length = self.kept.len() + rest.len();
        // One byte more is allowed where it can still be the `\r` of the ending.
        let ends_in_cr = rest.last().or(self.kept.last()) == Some(&b'\r');
        if length > self.cap + usize::from(ends_in_cr) {
            return Err(LineTooLong { cap: self.cap });
        }
        self.kept.extend_from_slice(rest);
        Ok(())
    }

    /// Gives the memory back: an idle connection holds none.
    fn forget(&mut self) {
        self.lent = false;
        self.kept = Vec::new();
    }
}

fn trim(line: &[u8]) -> &[u8] {
    line.strip_suffix(b"\r").unwrap_or(line)
}

fn is_blank(line: &[u8]) -> bool {
    line.iter().all(|byte| matches!(byte, b' ' | b'\t' | b'\r'))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    type Split = (Vec<Vec<u8>>, Option<Vec<u8>>);

    fn split(cap: usize, pieces: &[&[u8]]) -> Result<Split, LineTooLong> {
        let mut lines = Lines::new(cap);
        let mut got = Vec::new();
        for piece in pieces {
            let mut input = *piece;
            while let Some(line) = lines.next(&mut input) {
                got.push(line?.to_vec());
            }
        }
        Ok((got, lines.last()))
    }

    #[test]
    fn crlf_and_lf_end_lines_and_blank_lines_are_skipped() {
        let (lines, last) = split(10, &[b"\n\r\n  \na\r\nb\nc"]).unwrap();
        assert_eq!(lines, [b"a".to_vec(), b"b".to_vec()]);
        assert_eq!(last, Some(b"c".to_vec()));
    }

    #[test]
    fn the_cap_counts_the_bytes_before_either_ending() {
        for ending in ["\n", "\r\n"] {
            let fits = format!("{}{ending}", "x".repeat(8));
            let over = format!("{}{ending}", "x".repeat(9));
            for cut in 0..fits.len() {
                let (a, b) = fits.as_bytes().split_at(cut);
                assert!(split(8, &[a, b]).is_ok(), "{fits:?} cut at {cut}");
            }
            for cut in 0..over.len() {
                let (a, b) = over.as_bytes().split_at(cut);
                assert!(split(8, &[a, b]).is_err(), "{over:?} cut at {cut}");
            }
        }
    }

    #[test]
    fn a_line_over_the_cap_is_refused_before_its_end_is_seen() {
        let mut lines = Lines::new(8);
        let mut input: &[u8] = b"123456789";
        assert_eq!(lines.next(&mut input), Some(Err(LineTooLong { cap: 8 })));
    }

    #[test]
    fn a_piece_of_no_bytes_changes_nothing() {
        assert_eq!(split(8, &[b"12345678\r", b"", b"\n"]), split(8, &[b"12345678\r\n"]));
    }

    #[test]
    fn nothing_is_kept_between_whole_lines() {
        let mut lines = Lines::new(64);
        for piece in [&b"abc"[..], b"def\n"] {
            let mut input = piece;
            while lines.next(&mut input).is_some() {}
        }
        assert_eq!(lines.kept.capacity(), 0);
    }

    proptest! {
        #[test]
        fn any_split_of_any_bytes_gives_the_same_lines(
            bytes in proptest::collection::vec(prop_oneof![Just(b'\n'), Just(b'\r'), Just(b'a'), any::<u8>()], 0..200),
            cuts in proptest::collection::vec(0usize..200, 0..6),
        ) {
            let whole = split(1000, &[&bytes]);
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(bytes.len())).collect();
            cuts.sort_unstable();
            let mut pieces = Vec::new();
            let mut from = 0;
            for cut in cuts {
                pieces.push(&bytes[from..cut]);
                from = cut;
            }
            pieces.push(&bytes[from..]);
            prop_assert_eq!(split(1000, &pieces), whole);
        }
    }
}
