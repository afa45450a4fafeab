//! Any split of any bytes gives the same lines as one piece, and the cap holds for each.
//!
//! The input: one byte for the cap, then the stream, cut at each NUL.
#![no_main]

use libfuzzer_sys::fuzz_target;
use topside_shared::frame::{LineTooLong, Lines};

fuzz_target!(|input: &[u8]| {
    let Some((cap, stream)) = input.split_first() else { return };
    let cap = usize::from(*cap);
    let pieces: Vec<&[u8]> = stream.split(|byte| *byte == 0).collect();
    let whole = read(cap, &[&pieces.concat()]);
    assert_eq!(read(cap, &pieces), whole);
    for line in &whole.lines {
        assert!(line.len() <= cap && !line.contains(&b'\n'));
    }
    assert!(whole.end.is_err() || is_within(&whole, &pieces.concat()));
});

#[derive(Debug, PartialEq)]
struct Read {
    lines: Vec<Vec<u8>>,
    /// What stands after the last line ending, or why reading stopped.
    end: Result<Option<Vec<u8>>, LineTooLong>,
}

fn read(cap: usize, pieces: &[&[u8]]) -> Read {
    let mut lines = Lines::new(cap);
    let mut got = Vec::new();
    for piece in pieces {
        let mut input = *piece;
        while let Some(line) = lines.next(&mut input) {
            match line {
                Ok(line) => got.push(line.to_vec()),
                Err(error) => return Read { lines: got, end: Err(error) },
            }
        }
        assert!(input.is_empty(), "all that was given is taken before more is asked for");
    }
    Read { lines: got, end: Ok(lines.last()) }
}

/// Whether nothing but line endings and blank lines was left out.
fn is_within(read: &Read, stream: &[u8]) -> bool {
    let blank = |byte: &u8| matches!(byte, b' ' | b'\t' | b'\r' | b'\n');
    let visible = |bytes: &[u8]| bytes.iter().filter(|byte| !blank(byte)).copied().collect();
    let mut got = read.lines.concat();
    got.extend(read.end.iter().flatten().flatten());
    let (got, sent): (Vec<u8>, Vec<u8>) = (visible(&got), visible(stream));
    got == sent
}
