//! The tools that follow runs: `run_status`, `run_output` and `run_cancel`.

use std::ops::ControlFlow;

use rmcp::model::CallToolResult;
use serde_json::{Map, Value, json};
use tokio::time::timeout;
use topside_shared::RunId;
use topside_shared::methods::{Call, RunAttach, RunCancel, RunsList};
use topside_shared::notifications::{GapReason, Notification, RunGap};
use topside_shared::records::RunRow;
use topside_shared::text::{unfinished_character, with_sources};

use super::calls::{self, Waiting, failed, of, refused, result, run_id, until_too_late};
use super::output_text::{MAX_OUTPUT, end_of_output, plain};
use super::server_link::{GOODBYE, PATIENCE, ServerLink};
use super::tools::{RUN_CANCEL, RUN_OUTPUT, RUN_STATUS};
use crate::connect::{Event, Hello, Target, connect};
use crate::text::base64::output_bytes;
use crate::text::sanitize;

const HELLO: Hello = Hello { notices: false, agent: true, name: "topside mcp" };

/// What output that the server does not have does to a piece, so that no piece has a hole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Gaps {
    /// The piece ends before it; the next one begins behind it.
    EndPiece,
    /// The piece begins behind it.
    BeginAgain,
}

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
    let note = (!row.state.ended()).then(|| calls::standing(row));
    match read_end(link.target(), row).await {
        Ok(piece) => result(row, &end_of_output(&piece.bytes, piece.from), note),
        // What is known of the run is a result nevertheless, in the form that the tool declares.
        Err(why) => {
            let note = note.unwrap_or_else(|| row.outcome());
            let note = format!("{note}; its output cannot be read: {why}");
            result(row, &(String::new(), true), Some(note))
        }
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
    match read(link.target(), &row, from, Gaps::EndPiece).await {
        Ok(mut piece) => {
            let (mut text, is_longer) = plain(&piece.bytes, false);
            if is_longer {
                // Bytes that are not UTF-8 are three bytes each as text.
                piece.cut(piece.from + (MAX_OUTPUT / 3) as u64);
                text = plain(&piece.bytes, false).0;
            }
            let structured = json!({
                "runId": id.0,
                "from": piece.from,
                "next": piece.next,
                "output": text,
                "ended": row.state.ended(),
                "more": piece.next < row.bytes,
            });
            of(structured, false)
        }
        Err(why) => failed(why),
    }
}

/// Reads the end of the output of a run.
pub(super) async fn read_end(target: &Target, row: &RunRow) -> Result<Piece, String> {
    // What is beyond `max_output` was not kept.
    let end = row.cut_at.unwrap_or(row.bytes);
    read(target, row, end.saturating_sub(MAX_OUTPUT as u64), Gaps::BeginAgain).await
}

/// Reads at most [`MAX_OUTPUT`] bytes of the output of a run. It opens a session of its own: the server sends the whole output
/// once it is asked, and only the end of the session stops that.
async fn read(target: &Target, row: &RunRow, from: u64, gaps: Gaps) -> Result<Piece, String> {
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
                Event::Notice(Notification::RunGap(gap)) => {
                    if piece.skip(&gap, gaps).is_break() {
                        break;
                    }
                }
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
    /// Takes output that the server does not have; a break ends the piece.
    fn skip(&mut self, gap: &RunGap, gaps: Gaps) -> ControlFlow<()> {
        // What is beyond `max_output` is missing at the end; the row says so.
        let is_at_end = gap.reason == Some(GapReason::MaxOutput);
        if !self.bytes.is_empty() && !is_at_end {
            if gaps == Gaps::EndPiece {
                return ControlFlow::Break(());
            }
            self.bytes.clear();
        }
        self.next = gap.offset + gap.bytes;
        if self.bytes.is_empty() && !is_at_end {
            self.from = self.next;
        }
        ControlFlow::Continue(())
    }

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

    #[test]
    fn a_piece_has_no_hole() {
        let gap = |why| RunGap { run_id: RunId(1), offset: 2, bytes: 3, reason: Some(why) };
        let piece = |text: &str| Piece { bytes: text.into(), from: 0, next: 2 };
        let mut begun = piece("ab");
        assert!(begun.skip(&gap(GapReason::Lost), Gaps::EndPiece).is_break());
        assert_eq!((begun.bytes.len(), begun.from, begun.next), (2, 0, 2));
        let mut empty = piece("");
        assert!(empty.skip(&gap(GapReason::Lost), Gaps::EndPiece).is_continue());
        assert_eq!((empty.from, empty.next), (5, 5));
        let mut end = piece("ab");
        assert!(end.skip(&gap(GapReason::Lost), Gaps::BeginAgain).is_continue());
        assert_eq!((end.bytes.len(), end.from, end.next), (0, 5, 5));
        // What is beyond `max_output` is after the end.
        let mut whole = piece("ab");
        assert!(whole.skip(&gap(GapReason::MaxOutput), Gaps::EndPiece).is_continue());
        assert_eq!((whole.bytes.len(), whole.from, whole.next), (2, 0, 5));
    }
}
