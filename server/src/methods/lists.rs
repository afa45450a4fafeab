//! Lists that can be long: who is connected, and the log.

use topside_shared::RpcError;
use topside_shared::methods::{Clients, ClientsList, LogEntries, LogTail};
use topside_shared::notices::LogEntry;

use super::Caller;
use crate::log::KEPT;

/// Rows of one page of clients, unless told.
const PAGE: u64 = 100;
/// Most rows of one page.
const LONGEST_PAGE: u64 = 500;
/// Lines of the log, unless told.
const LOG_LINES: u64 = 50;
/// Bytes of JSON that log entries may take of an answer.
const LOG_BYTES: usize = 200 * 1024;

pub(super) async fn clients(caller: Caller, params: ClientsList) -> Result<Clients, RpcError> {
    let limit = params.limit.unwrap_or(PAGE).clamp(1, LONGEST_PAGE) as usize;
    // One more than asked for tells whether there are more.
    let mut page = caller.server.clients.page(params.after, limit + 1);
    let more = page.len() > limit;
    page.truncate(limit);
    let next = if more { page.last().map(|client| client.id) } else { None };
    let clients = page.iter().map(|client| client.row(Some(caller.client.id))).collect();
    Ok(Clients { clients, next })
}

pub(super) async fn log(caller: Caller, params: LogTail) -> Result<LogEntries, RpcError> {
    let lines = params.lines.unwrap_or(LOG_LINES).min(KEPT as u64) as usize;
    let log = &caller.server.log;
    let entries = log.tail(lines, params.matching.as_deref(), log.clock());
    Ok(LogEntries { entries: newest_that_fit(entries, LOG_BYTES) })
}

/// The newest entries whose JSON fits in so many bytes, oldest first.
pub(super) fn newest_that_fit(mut entries: Vec<LogEntry>, bytes: usize) -> Vec<LogEntry> {
    let mut left = bytes;
    let fit = entries.iter().rev().take_while(|entry| {
        let size = serde_json::to_string(entry).map_or(usize::MAX, |json| json.len() + 1);
        let fits = size <= left;
        left = left.saturating_sub(size);
        fits
    });
    let skip = entries.len() - fit.count();
    entries.split_off(skip)
}
