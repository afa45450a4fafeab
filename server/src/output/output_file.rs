//! Output file: blocks from the first byte of output on, each with its streams, written and read in batches.

use std::fs::File;
use std::io::{self, BufReader, Read as _};
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use bytes::{Buf as _, BufMut as _, Bytes};
use topside_shared::notifications::Stream;

use crate::base::platform;
use crate::output::output_block::{Block, Marks, OpenBlock};
use crate::output::output_index;

/// Smallest size of a closed part of the file, in bytes, so that many small writes do not make many parts.
const PART: usize = 128 * 1024;
/// Bytes before the marks of a block: its first stream, the number of marks, the number of bytes.
pub(super) const HEADER: usize = 9;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Extent {
    pub(super) start: u64,
    pub(super) end: u64,
    pub(super) at: u64,
    pub(super) length: usize,
}

impl Extent {
    pub(super) fn file_end(&self) -> u64 {
        self.at + self.length as u64
    }

    /// Merges the next part into this one, if this one is small.
    pub(super) fn join(&mut self, next: &Self) -> bool {
        let joins = self.length < PART && self.end == next.start && self.file_end() == next.at;
        if joins {
            self.end = next.end;
            self.length += next.length;
        }
        joins
    }
}

pub(super) fn create(path: &Path) -> io::Result<File> {
    platform::private_file().read(true).write(true).create(true).truncate(true).open(path)
}

/// The parts of a file, without an incomplete block at its end, which a crash leaves.
pub(super) fn parts(file: &File) -> io::Result<Vec<Extent>> {
    if let Some(parts) = output_index::read(file)? {
        return Ok(parts);
    }
    let mut parts: Vec<Extent> = Vec::new();
    let size = file.metadata()?.len();
    let mut reader = BufReader::new(file);
    let (mut at, mut start) = (0, 0);
    while at + HEADER as u64 <= size {
        let mut header = [0; HEADER];
        reader.read_exact(&mut header)?;
        let mut header = &header[1..];
        let (ends, data) = (u64::from(header.get_u32_le()), u64::from(header.get_u32_le()));
        let length = HEADER as u64 + ends * 2 + data;
        if data == 0 || at + length > size {
            break;
        }
        let part = Extent { start, end: start + data, at, length: length as usize };
        if !parts.last_mut().is_some_and(|last| last.join(&part)) {
            parts.push(part);
        }
        reader.seek_relative((ends * 2 + data) as i64)?;
        (at, start) = (at + length, start + data);
    }
    Ok(parts)
}

/// Replaces an incomplete block at the end by `bytes`; the length of the output then.
pub(super) fn add_to(path: &Path, stream: Stream, mut bytes: &[u8]) -> io::Result<u64> {
    let mut options = platform::private_file();
    let file = options.read(true).write(true).create(true).truncate(false).open(path)?;
    let last = parts(&file)?.pop();
    let (mut offset, mut at) = last.map_or((0, 0), |last| (last.end, last.file_end()));
    file.set_len(at)?;
    while !bytes.is_empty() {
        let mut open = OpenBlock::new(offset, stream);
        bytes = &bytes[open.push(stream, bytes)..];
        let written = write(&file, at, &[open.close()])?;
        (offset, at) = (written.end, written.file_end());
    }
    Ok(offset)
}

pub(super) fn write(file: &File, at: u64, blocks: &[Block]) -> io::Result<Extent> {
    let (Some(first), Some(last)) = (blocks.first(), blocks.last()) else {
        return Err(io::ErrorKind::InvalidInput.into());
    };
    let mut bytes = Vec::with_capacity(blocks.iter().map(Block::cost).sum());
    for block in blocks {
        bytes.put_u8(block.marks.first as u8);
        bytes.put_u32_le(block.marks.ends.len() as u32);
        bytes.put_u32_le(block.data.len() as u32);
        for end in &block.marks.ends {
            bytes.put_u16_le(*end);
        }
        bytes.put_slice(&block.data);
    }
    file.write_all_at(&bytes, at)?;
    Ok(Extent { start: first.offset, end: last.end(), at, length: bytes.len() })
}

pub(super) fn read(file: &File, extent: Extent) -> io::Result<Vec<Block>> {
    let mut bytes = vec![0; extent.length];
    file.read_exact_at(&mut bytes, extent.at)?;
    let mut bytes = Bytes::from(bytes);
    let mut blocks = Vec::new();
    let mut offset = extent.start;
    while offset < extent.end {
        let short = |_| io::Error::from(io::ErrorKind::UnexpectedEof);
        let first = match bytes.try_get_u8().map_err(short)? {
            0 => Stream::Stdout,
            _ => Stream::Stderr,
        };
        let count = bytes.try_get_u32_le().map_err(short)?;
        // Checked before the allocation, which the file could make too large.
        if bytes.len() < count as usize * 2 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let length = bytes.try_get_u32_le().map_err(short)? as usize;
        let ends: Result<Vec<u16>, _> = (0..count).map(|_| bytes.try_get_u16_le()).collect();
        if length == 0 || bytes.len() < length {
            return Err(io::ErrorKind::InvalidData.into());
        }
        let marks = Marks { first, ends: ends.map_err(short)? };
        if !marks.fit(length) {
            return Err(io::ErrorKind::InvalidData.into());
        }
        let block = Block { offset, marks, data: bytes.split_to(length) };
        offset = block.end();
        blocks.push(block);
    }
    Ok(blocks)
}
