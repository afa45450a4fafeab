//! The tools that follow runs: `run_status`, `run_output` and `run_cancel`.

use rmcp::model::CallToolResult;
use serde_json::{Map, Value, json};
use tokio::time::timeout;
use topside_shared::RunId;
use topside_shared::methods::{Call, RunAttach, RunCancel, RunsList};
use topside_shared::notifications::Notification;
use topside_shared::records::RunRow;
use topside_shared::text::{unfinished_character, with_sources};

use super::calls::{self, Waiting, failed, of, refused, result, run_id, until_too_late};
use super::output_text::{MAX_OUTPUT, plain};
use super::server_link::{GOODBYE, PATIENCE, ServerLink};
use super::tools::{RUN_CANCEL, RUN_OUTPUT, RUN_STATUS};
use crate::connect::{Event, Hello, Target, connect};
use crate::text::base64::output_bytes;
use crate::text::sanitize;

const HELLO: Hello = Hello { notices: false, agent: true, name: "topside mcp" };

/// A part of the output of a run.
pub(super) struct Piece {
    pub(super) bytes: Vec<u8>,
    /// Its position in the output.
    pub(super) from: u64,
    /// The position after it.
    pub(super) next: u64,
}

/// Calls one of these tools.
pub(super) async fn call(
    link: &ServerLink,
    tool: &str,
    args: &Map<String, Value>,
    waiting: Waiting,
) -> CallToolResult {
    let known: &[&str] = if tool == RUN_OUTPUT { &["runId", "from"] } else { &["runId"] };
    if let Some(name) = args.keys().find(|name| !known.contains(&name.as_str())) {
        let takes = known.join(" and ");
        return failed(format!("{tool} has no argument {name}: it takes {takes}"));
    }
    let Some(id) = run_id(args) else {
        return failed(format!("{tool} needs runId: the number of a run, a whole number from 1"));
    };
    let called = async {
        match tool {
            RUN_STATUS => status(link, id).await,
            RUN_CANCEL => cancel(link, id).await,
            _ => output(link, id, args).await,
        }
    };
    let mut closed = waiting.closed.clone();
    tokio::select! {
        called = timeout(waiting.limit.max(PATIENCE), called) => called.unwrap_or_else(|_| {
            failed(format!("{tool} has not been answered in time; ask for run {id} with {RUN_STATUS}"))
        }),
        () = waiting.cancelled.cancelled() => failed("the call was given up"),
        () = until_too_late(&mut closed) => failed("the call was given up"),
    }
}

/// The row of a run that the agent may see.
pub(super) async fn row(link: &ServerLink, id: RunId) -> Result<RunRow, CallToolResult> {
    let connection = link.connection().await.map_err(failed)?;
    let page = connection.handle.call(&RunsList::one(id)).await;
    let found = page.map_err(|error| refused(link, &error))?.find(id);
    found.map(sanitize::run).ok_or_else(|| {
        failed(format!(
            "there is no run {id} that you may see: a call returns the number of its run"
        ))
    })
}

async fn status(link: &ServerLink, id: RunId) -> CallToolResult {
    match row(link, id).await {
        Ok(row) => with_tail(link, &row).await,
        Err(failed) => failed,
    }
}

async fn cancel(link: &ServerLink, id: RunId) -> CallToolResult {
    let connection = match link.connection().await {
        Ok(connection) => connection,
        Err(error) => return failed(error),
    };
    match connection.handle.call(&RunCancel { run_id: id }).await {
        Ok(row) => {
            let mut result = with_tail(link, &sanitize::run(row)).await;
            // What was asked for has happened.
            result.is_error = Some(false);
            result
        }
        Err(error) => refused(link, &error),
    }
}

/// The result of a run with the end of its output.
async fn with_tail(link: &ServerLink, row: &RunRow) -> CallToolResult {
    let from = row.bytes.saturating_sub(MAX_OUTPUT as u64);
    match read(link.target(), row, from).await {
        Ok(piece) => {
            let (text, is_cut) = plain(&piece.bytes, piece.from > 0);
            let note = (!row.state.ended()).then(|| calls::standing(row));
            result(row, &(text, is_cut || piece.from > 0), note)
        }
        Err(why) => failed(why),
    }
}

async fn output(link: &ServerLink, id: RunId, args: &Map<String, Value>) -> CallToolResult {
    let from = match args.get("from") {
        None => 0,
        Some(from) => match from.as_u64() {
            Some(from) => from,
            None => return failed("from must be a position in bytes: a whole number from 0"),
        },
    };
    let row = match row(link, id).await {
        Ok(row) => row,
        Err(failed) => return failed,
    };
    if from > row.bytes {
        let bytes = row.bytes;
        return failed(format!(
            "from is {from}, and the output of run {id} has {bytes} bytes so far"
        ));
    }
    match read(link.target(), &row, from).await {
        Ok(piece) => {
            let structured = json!({
                "runId": id.0,
                "from": piece.from,
                "next": piece.next,
                "output": plain(&piece.bytes, false).0,
                "ended": row.state.ended(),
                "more": piece.next < row.bytes,
            });
            of(structured, false)
        }
        Err(why) => failed(why),
    }
}

/// Reads at most [`MAX_OUTPUT`] bytes of the output of a run. It opens a session of its own: the server sends the whole output
/// once it is asked, and only the end of the session stops that.
pub(super) async fn read(target: &Target, row: &RunRow, from: u64) -> Result<Piece, String> {
    let end = row.bytes.min(from.saturating_add(MAX_OUTPUT as u64));
    let mut piece = Piece { bytes: Vec::new(), from, next: from };
    if from >= end {
        return Ok(piece);
    }
    let reading = async {
        let session = connect(target, &HELLO).await.map_err(|error| with_sources(&error))?;
        let (handle, mut events) = (session.handle, session.events);
        events.hold_output();
        let request = RunAttach { run_id: row.run_id, from };
        let asked = handle.ask(RunAttach::METHOD, &request).map_err(|error| error.to_string())?;
        while piece.next < end {
            match events.next().await {
                Event::Notice(Notification::RunOutput(output)) => {
                    let bytes = output_bytes(&output);
                    piece.next = output.offset + bytes.len() as u64;
                    piece.bytes.extend_from_slice(&bytes);
                }
                Event::Notice(Notification::RunGap(gap)) => piece.next = gap.offset + gap.bytes,
                Event::Answer { id, result } if id == asked => {
                    result.map_err(|error| error.message)?;
                    break;
                }
                Event::Lost(reason) => return Err(reason.to_string()),
                Event::Notice(_) | Event::Answer { .. } => {}
            }
        }
        handle.close();
        let _ = timeout(GOODBYE, events.end()).await;
        Ok(())
    };
    match timeout(PATIENCE, reading).await {
        Ok(read) => read?,
        Err(_) => return Err("the server has not sent the output in time: try again".to_owned()),
    }
    piece.cut(end);
    Ok(piece)
}

impl Piece {
    /// Leaves out what is after `end`, and a character that is not whole.
    fn cut(&mut self, end: u64) {
        let over = usize::try_from(self.next.saturating_sub(end)).unwrap_or(usize::MAX);
        let kept = self.bytes.len().saturating_sub(over);
        self.bytes.truncate(kept);
        self.next = self.next.min(end);
        if over == 0 {
            return;
        }
        let begun = unfinished_character(&self.bytes);
        if begun < self.bytes.len() {
            self.bytes.truncate(self.bytes.len() - begun);
            self.next -= begun as u64;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(text: &str, end: u64) -> (String, u64) {
        let bytes = text.as_bytes().to_vec();
        let next = bytes.len() as u64;
        let mut piece = Piece { bytes, from: 0, next };
        piece.cut(end);
        (String::from_utf8_lossy(&piece.bytes).into_owned(), piece.next)
    }

    #[test]
    fn a_piece_ends_with_a_whole_character() {
        assert_eq!(cut("abc", 2), ("ab".into(), 2));
        assert_eq!(cut("aé", 2), ("a".into(), 1));
        assert_eq!(cut("aéb", 3), ("aé".into(), 3));
        assert_eq!(cut("a𝄞", 4), ("a".into(), 1));
        assert_eq!(cut("aé", 9), ("aé".into(), 3));
    }
}
