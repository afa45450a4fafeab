//! `log/tail`.

use topside_shared::RpcError;
use topside_shared::methods::{LogEntries, LogTail};

use crate::base::log::KEPT;
use crate::methods::Caller;
use crate::methods::page_limits::{ROWS_BYTES, newest_that_fit, within};

/// Lines of the log by default.
const LINES: u64 = 50;

pub(super) async fn tail(caller: Caller, params: LogTail) -> Result<LogEntries, RpcError> {
    let lines = within("lines", params.lines, LINES, KEPT as u64)?;
    let entries = caller.server.log.search(lines, params.matching.as_deref()).await;
    Ok(LogEntries { entries: newest_that_fit(entries, ROWS_BYTES) })
}
