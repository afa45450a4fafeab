//! Limits of a page: how many rows, and how many bytes of JSON.

use serde::Serialize;
use topside_shared::RpcError;
use topside_shared::notifications::LogEntry;

/// Bytes of JSON that rows may take of an answer.
pub(super) const ROWS_BYTES: usize = 200 * 1024;

/// Checks a count of rows: from 1 to `most`, by default `usual`.
pub(super) fn within(
    field: &str,
    asked: Option<u64>,
    usual: u64,
    most: u64,
) -> Result<usize, RpcError> {
    let count = asked.unwrap_or(usual);
    if (1..=most).contains(&count) {
        return Ok(count as usize);
    }
    let message = format_args!("`{field}` must be a whole number from 1 to {most}, not {count}");
    Err(RpcError::invalid_argument(field, message))
}

/// The newest entries that fit in this many bytes as JSON, oldest first.
pub(super) fn newest_that_fit(mut entries: Vec<LogEntry>, bytes: usize) -> Vec<LogEntry> {
    let skip = entries.len() - count_that_fits(entries.iter().rev(), bytes);
    entries.split_off(skip)
}

/// How many of the first rows have JSON that fits in this many bytes, with the commas between them.
pub(super) fn count_that_fits<'r, R: Serialize + 'r>(
    rows: impl Iterator<Item = &'r R>,
    bytes: usize,
) -> usize {
    let mut left = bytes;
    rows.take_while(|row| {
        let size = serde_json::to_string(row).map_or(usize::MAX, |json| json.len() + 1);
        let fits = size <= left;
        left = left.saturating_sub(size);
        fits
    })
    .count()
}
