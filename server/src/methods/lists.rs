//! `clients/list` and `log/tail`, and the limits of pages.

use std::sync::Arc;

use serde::Serialize;
use topside_shared::RpcError;
use topside_shared::methods::{Clients, ClientsList, LogEntries, LogTail};
use topside_shared::notifications::LogEntry;
use topside_shared::records::ClientRow;

use crate::base::log::KEPT;
use crate::clients::Client;
use crate::methods::Caller;

/// Rows of one page of clients: by default, and at most.
const PAGE: u64 = 100;
const LONGEST_PAGE: u64 = 500;
/// Lines of the log by default.
const LOG_LINES: u64 = 50;
/// Bytes of JSON that rows may take of an answer.
pub(super) const ROWS_BYTES: usize = 200 * 1024;

pub(super) async fn clients(caller: Caller, params: ClientsList) -> Result<Clients, RpcError> {
    let limit = within("limit", params.limit, PAGE, LONGEST_PAGE)?;
    // One row more shows whether there is another page.
    let mut page = caller.server.clients.page(params.after, limit + 1);
    let more = page.len() > limit;
    page.truncate(limit);
    let next = if more { page.last().map(|client| client.id) } else { None };
    let viewer = caller.client.who();
    let row = |client: &Arc<Client>| {
        let key_id = client.key_for(&viewer);
        ClientRow { key_id, ..client.row(&viewer, client.id == caller.client.id) }
    };
    let clients = page.iter().map(row).collect();
    Ok(Clients { clients, next })
}

pub(super) async fn log(caller: Caller, params: LogTail) -> Result<LogEntries, RpcError> {
    let lines = within("lines", params.lines, LOG_LINES, KEPT as u64)?;
    let log = &caller.server.log;
    let entries = log.tail(lines, params.matching.as_deref(), log.clock());
    Ok(LogEntries { entries: newest_that_fit(entries, ROWS_BYTES) })
}

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

/// The newest entries whose JSON fits in so many bytes, oldest first.
pub(super) fn newest_that_fit(mut entries: Vec<LogEntry>, bytes: usize) -> Vec<LogEntry> {
    let skip = entries.len() - count_that_fits(entries.iter().rev(), bytes);
    entries.split_off(skip)
}

/// How many of the first rows have JSON that fits in so many bytes, the commas between them included.
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
