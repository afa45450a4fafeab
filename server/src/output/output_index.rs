//! Index of an output file: where each of its parts begins, behind the last block of a large output that is complete. Without
//! it, all blocks are passed over to find one of them.
//!
//! It begins like a block without bytes, which ends the blocks for every reader; at the end of the file is where it begins.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;

use bytes::{Buf as _, BufMut as _};

use crate::output::output_file::{Extent, HEADER};

/// Fewer parts are found as fast without an index.
pub(super) const FEWEST: usize = 32;
/// The last bytes of a file with an index.
const MARK: &[u8; 8] = b"tsindex1";
/// Where the index begins, and the mark.
const FOOTER: usize = 8 + MARK.len();
/// Where a part begins in the output and in the file.
const ENTRY: usize = 16;

/// Writes the index of these parts behind them.
pub(super) fn write(file: &File, parts: &[Extent]) -> io::Result<()> {
    let Some(last) = parts.last() else { return Ok(()) };
    let mut bytes = vec![0; HEADER];
    for part in parts {
        bytes.put_u64_le(part.start);
        bytes.put_u64_le(part.at);
    }
    bytes.put_u64_le(last.end);
    bytes.put_u64_le(last.file_end());
    bytes.put_slice(MARK);
    file.write_all_at(&bytes, last.file_end())
}

/// The parts of a file, if it has an index.
pub(super) fn read(file: &File) -> io::Result<Option<Vec<Extent>>> {
    let size = file.metadata()?.len();
    let Some(footer) = size.checked_sub(FOOTER as u64) else { return Ok(None) };
    let mut end = [0; FOOTER];
    file.read_exact_at(&mut end, footer)?;
    let begin = (&end[..8]).get_u64_le();
    let length = size.checked_sub(begin).and_then(|length| usize::try_from(length).ok());
    let Some(length) = length.filter(|_| end.ends_with(MARK)) else { return Ok(None) };
    // The end of the output stands before the footer.
    let Some(entries) = length.checked_sub(HEADER + 8 + FOOTER) else { return Ok(None) };
    if entries % ENTRY != 0 {
        return Ok(None);
    }
    let mut bytes = vec![0; length];
    file.read_exact_at(&mut bytes, begin)?;
    if bytes[..HEADER] != [0; HEADER] {
        return Ok(None);
    }
    let mut rest = &bytes[HEADER..];
    let mut places: Vec<(u64, u64)> =
        (0..entries / ENTRY).map(|_| (rest.get_u64_le(), rest.get_u64_le())).collect();
    places.push((rest.get_u64_le(), begin));
    let part = |pair: &[(u64, u64)]| {
        let ((start, at), (end, next)) = (pair[0], pair[1]);
        let length = usize::try_from(next.checked_sub(at)?).ok()?;
        (start < end).then_some(Extent { start, end, at, length })
    };
    Ok(places.windows(2).map(part).collect())
}
