//! `log/tail` and `log/rotate`.

use topside_shared::methods::{Empty, LogEntries, LogRotate, LogTail, MAX_BEFORE, Texts};
use topside_shared::{ErrorKind, RpcError};

use crate::audit::action::AuditAction;
use crate::audit::entry::Entry;
use crate::base::log::{KEPT, LogQuery};
use crate::methods::Caller;
use crate::methods::page_limits::{ROWS_BYTES, newest_that_fit, within};

/// Lines of the log by default.
const LINES: u64 = 50;
/// Most texts of one request.
const MAX_TEXTS: usize = 32;

pub(super) async fn tail(caller: Caller, params: LogTail) -> Result<LogEntries, RpcError> {
    let LogTail { lines, matching: Texts(matching), since, level, before, numbers } = params;
    let lines = within("lines", lines, LINES, KEPT as u64)?;
    let before = before.unwrap_or_default();
    if before > MAX_BEFORE {
        let message = format_args!("`before` must be at most {MAX_BEFORE}");
        return Err(RpcError::new(ErrorKind::InvalidParams, message));
    }
    if matching.len() > MAX_TEXTS {
        let message = format_args!("`match` takes at most {MAX_TEXTS} texts");
        return Err(RpcError::new(ErrorKind::InvalidParams, message));
    }
    let before = usize::try_from(before).unwrap_or_default();
    let query = LogQuery { lines, matching, since, level, before, numbers };
    let entries = caller.server.log.search(query).await;
    Ok(LogEntries { entries: newest_that_fit(entries, ROWS_BYTES) })
}

pub(super) async fn rotate(caller: Caller, LogRotate {}: LogRotate) -> Result<Empty, RpcError> {
    let Caller { server, client } = &caller;
    let rotated = server.log.rotate().await;
    let result = if rotated.is_ok() { "done" } else { "failed" };
    server.audit.note(Entry::new(client.by(), AuditAction::LogRotate, "log").result(result));
    rotated.map_err(|why| {
        RpcError::new(
            ErrorKind::Internal,
            format_args!("the log continues in the same file: {why}"),
        )
    })?;
    tracing::info!(target: "topside", client = client.id.0, by = client.called(), "log begins anew");
    Ok(Empty {})
}
