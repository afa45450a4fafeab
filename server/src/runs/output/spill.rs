//! Output on the disk: a nameless file of blocks, written and read a batch at a time.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use bytes::{Buf as _, BufMut as _, Bytes};
use topside_shared::notices::Stream;

use super::block::{Block, Marks};

/// One batch in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Extent {
    /// The offset of its first byte of output.
    pub(super) start: u64,
    /// The offset after its last.
    pub(super) end: u64,
    /// Where it is in the file.
    at: u64,
    length: usize,
}

impl Extent {
    pub(super) fn file_end(&self) -> u64 {
        self.at + self.length as u64
    }
}

/// A new file that only this process can open, and that is gone with it.
pub(super) fn create(directory: &Path) -> io::Result<File> {
    tempfile::tempfile_in(directory)
}

/// Writes blocks that follow each other to `at`.
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

/// Reads a batch back.
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
        let length = bytes.try_get_u32_le().map_err(short)? as usize;
        let ends: Result<Vec<u16>, _> = (0..count).map(|_| bytes.try_get_u16_le()).collect();
        if length == 0 || bytes.len() < length {
            return Err(io::ErrorKind::InvalidData.into());
        }
        let marks = Marks { first, ends: ends.map_err(short)? };
        let block = Block { offset, marks, data: bytes.split_to(length) };
        offset = block.end();
        blocks.push(block);
    }
    Ok(blocks)
}
