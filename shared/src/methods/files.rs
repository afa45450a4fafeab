//! Files for runs, and results of runs: `file/open`, `file/write`, `file/close` and `run/file`.

use serde::{Deserialize, Serialize};

use super::{Call, Empty, MaskedText, Method};
use crate::ids::{FileId, RunId};

/// Most bytes of one `file/write`.
pub const MAX_FILE_PIECE: usize = 32 * 1024;
/// Most requests `file/write` for one file that wait for their answers.
pub const MAX_FILE_WRITES: usize = 8;
/// Bytes of one answer to `run/file`, except the last.
pub const RESULT_PIECE: usize = 64 * 1024;

/// `file/open`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FileOpen {
    /// The name of the file, without its directories.
    pub name: String,
    /// Its size in bytes.
    pub size: u64,
    /// The SHA-256 of its content, in 64 lower-case hex digits.
    pub sha256: String,
}
call!(FileOpen -> FileOpened);

/// Answer to `file/open`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FileOpened {
    /// Names the file from now on, and is its value in `command/run`.
    pub file_id: FileId,
    /// Bytes that the server has already, from a connection that has ended: continue there.
    #[serde(default)]
    pub received: u64,
}

/// `file/write`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FileWrite {
    /// The file.
    pub file_id: FileId,
    /// Position of the first byte: the bytes before it were sent.
    pub offset: u64,
    /// At most [`MAX_FILE_PIECE`] bytes in base64 (RFC 4648, section 4).
    pub data: MaskedText,
}
call!(FileWrite -> FileReceived);

/// Answer to `file/write`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileReceived {
    /// Bytes that the server has by now.
    pub received: u64,
}

/// `file/close`.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FileClose {
    /// The file.
    pub file_id: FileId,
}
call!(FileClose -> Empty);

/// `run/file`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RunFile {
    /// The run.
    pub run_id: RunId,
    /// The name of a result, as in `files` of the run's row.
    pub name: String,
    /// Position of the first byte that is wanted.
    #[serde(default)]
    pub from: u64,
}
call!(RunFile -> RunFilePiece);

/// Answer to `run/file`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RunFilePiece {
    /// Size of the file in bytes.
    pub size: u64,
    /// The SHA-256 of its content, in 64 lower-case hex digits.
    pub sha256: String,
    /// Bytes in base64 (RFC 4648, section 4); empty at the end of the file.
    pub data: MaskedText,
}
