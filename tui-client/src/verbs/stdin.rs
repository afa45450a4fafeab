//! Input of a run: standard input as it comes, or lines of the line client.
//!
//! One piece is sent at a time, and the next is read once it was taken. So a program that does not read holds up the
//! writer of standard input, and nothing piles up here.

use std::cell::Cell;
use std::io::Read;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use topside_shared::methods::{MaskedText, RunInput};
use topside_shared::{ErrorKind, RunId};

use super::stdin_lines::{StdinLine, StdinLines};
use crate::connect::{CallError, Handle};
use crate::text::base64;

/// Bytes of one piece. It fits one line of the protocol even if each byte is escaped.
const PIECE: usize = 8 * 1024;
/// Delay before a piece is sent again to a program that is full: the first and the longest.
const AGAIN: (Duration, Duration) = (Duration::from_millis(10), Duration::from_millis(500));

/// Source of a run's input.
pub(super) enum Source {
    /// The run gets no input.
    Nothing,
    /// The input ends at once.
    End,
    /// Bytes as they come.
    Bytes(Bytes),
    /// Lines of the line client.
    Lines(Lines),
}

/// Bytes of a stream. Text is cut between characters, so that it can be sent as text.
pub(super) struct Bytes {
    pieces: mpsc::Receiver<std::io::Result<Vec<u8>>>,
    /// The beginning of an incomplete character.
    rest: Vec<u8>,
}

/// The lines of the line client, while a run reads them.
pub(super) struct Lines {
    pub(super) lines: StdinLines,
    /// The number of the last line that was read.
    pub(super) line: u64,
    /// Whether messages name that number: a user at a terminal has the line in view.
    pub(super) is_numbered: bool,
    /// The command that reads them.
    pub(super) command: String,
    /// Whether the last line was not taken by the run.
    pub(super) untaken: bool,
}

/// Why not all of a source was sent.
pub(super) enum StdinError {
    /// The source cannot be read.
    Source(String),
    /// The server refused a piece. `line`: the message about a line that was not taken.
    Call { error: CallError, line: Option<String> },
}

impl StdinError {
    /// Whether the receiver has ended: the run, which may stop reading at any time as in a pipe of a shell, or the session,
    /// which the run's own answer reports.
    pub(super) fn is_over(&self) -> bool {
        match self {
            Self::Source(_) => false,
            Self::Call { error: CallError::Refused(error), .. } => {
                error.kind() == ErrorKind::NotFound
            }
            Self::Call { error, .. } => matches!(error, CallError::Lost),
        }
    }
}

impl Source {
    /// Reads a stream on a thread of its own, which ends with the process: a read cannot be interrupted.
    pub(super) fn bytes(mut stream: impl Read + Send + 'static) -> Self {
        let (sender, pieces) = mpsc::channel(1);
        std::thread::spawn(move || {
            let mut buffer = vec![0; PIECE];
            loop {
                let read = match stream.read(&mut buffer) {
                    Ok(0) => return,
                    Ok(count) => Ok(buffer[..count].to_vec()),
                    Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
                    Err(error) => Err(error),
                };
                let failed = read.is_err();
                if sender.blocking_send(read).is_err() || failed {
                    return;
                }
            }
        });
        Self::Bytes(Bytes { pieces, rest: Vec::new() })
    }

    /// Whether the user may type it.
    pub(super) fn is_typed(&self) -> bool {
        matches!(self, Self::Bytes(_) | Self::Lines(_))
    }

    /// The next bytes; none at the end.
    async fn next(&mut self) -> Result<Option<Vec<u8>>, String> {
        match self {
            Self::Nothing => std::future::pending().await,
            Self::End => Ok(None),
            Self::Bytes(bytes) => bytes.next().await,
            Self::Lines(lines) => lines.next().await,
        }
    }
}

impl Bytes {
    async fn next(&mut self) -> Result<Option<Vec<u8>>, String> {
        let mut ended = false;
        loop {
            let ready = match std::str::from_utf8(&self.rest) {
                // The rest of the last character may still come.
                Err(error) if error.error_len().is_none() && !ended => error.valid_up_to(),
                _ => self.rest.len(),
            };
            if ready > 0 {
                let rest = self.rest.split_off(ready);
                return Ok(Some(std::mem::replace(&mut self.rest, rest)));
            }
            if ended {
                return Ok(None);
            }
            match self.pieces.recv().await {
                Some(Ok(more)) => self.rest.extend_from_slice(&more),
                Some(Err(error)) => return Err(format!("standard input cannot be read: {error}")),
                None => ended = true,
            }
        }
    }
}

impl Lines {
    async fn next(&mut self) -> Result<Option<Vec<u8>>, String> {
        let line = match self.lines.recv().await {
            None | Some(StdinLine::End) => return Ok(None),
            Some(line) => line,
        };
        self.line += 1;
        self.untaken = true;
        match line {
            StdinLine::Line(mut line) => {
                line.push(b'\n');
                Ok(Some(line))
            }
            StdinLine::TooLong => Err("a line is too long for a run".to_owned()),
            StdinLine::Failed(error) => Err(format!("standard input cannot be read: {error}")),
            StdinLine::End => Ok(None),
        }
    }

    /// The message about a line that the run did not take.
    pub(super) fn words(&self) -> String {
        let Self { line, command, is_numbered, .. } = self;
        let place = if *is_numbered { format!("line {line}: ") } else { String::new() };
        format!("{place}{command} took no more input: this line was not sent, and not run")
    }
}

/// Sends a source to a run.
pub(super) struct StdinSender<'f> {
    pub(super) handle: &'f Handle,
    pub(super) source: &'f mut Source,
    pub(super) progress: &'f StdinProgress,
}

/// Progress of a source.
#[derive(Debug, Default)]
pub(super) struct StdinProgress {
    /// A piece was sent and is not answered yet.
    sending: Cell<bool>,
    /// The run has ended; what is not sent stays in the source.
    stopped: Cell<bool>,
}

impl StdinProgress {
    /// Stops sending; returns whether the answer to the last piece is still to come.
    pub(super) fn stop(&self) -> bool {
        self.stopped.set(true);
        self.sending.get()
    }
}

impl StdinSender<'_> {
    /// Sends all of the source and its end, once the id of the run is known.
    pub(super) async fn carry(self, run: oneshot::Receiver<RunId>) -> Result<(), StdinError> {
        if matches!(self.source, Source::Nothing) {
            return Ok(());
        }
        let Ok(run_id) = run.await else { return Ok(()) };
        self.send_to(run_id, true).await
    }

    /// Sends all of the source to this run, and with `end` its end.
    pub(super) async fn send_to(self, run_id: RunId, end: bool) -> Result<(), StdinError> {
        while !self.progress.stopped.get()
            && let Some(bytes) = self.source.next().await.map_err(StdinError::Source)?
        {
            let (text, binary) = match std::str::from_utf8(&bytes) {
                Ok(text) => (text, &[][..]),
                Err(_) => ("", &bytes[..]),
            };
            for piece in pieces(text) {
                let data = Some(MaskedText(piece.to_owned()));
                self.send(&RunInput { run_id, data, base64: None, eof: false }).await?;
            }
            for piece in binary.chunks(PIECE) {
                let base64 = Some(MaskedText(base64::encode(piece)));
                self.send(&RunInput { run_id, data: None, base64, eof: false }).await?;
            }
            if let Source::Lines(lines) = self.source {
                lines.untaken = false;
            }
        }
        match end && !self.progress.stopped.get() {
            true => self.send(&RunInput { run_id, data: None, base64: None, eof: true }).await,
            false => Ok(()),
        }
    }

    /// Sends one piece, again while there is no room for it: a refused piece was not taken at all.
    async fn send(&self, input: &RunInput) -> Result<(), StdinError> {
        let mut again = AGAIN.0;
        loop {
            self.progress.sending.set(true);
            let answer = self.handle.call(input).await;
            self.progress.sending.set(false);
            let goes_on = !self.progress.stopped.get();
            match answer {
                Ok(_) => return Ok(()),
                Err(CallError::Busy) if goes_on => {}
                Err(CallError::Refused(error))
                    if goes_on
                        && matches!(error.kind(), ErrorKind::Busy | ErrorKind::RateLimited) => {}
                Err(error) => return Err(StdinError::Call { line: self.untaken(input), error }),
            }
            tokio::time::sleep(again).await;
            again = (again * 2).min(AGAIN.1);
        }
    }
    fn untaken(&self, input: &RunInput) -> Option<String> {
        match &*self.source {
            Source::Lines(lines) if !input.eof => Some(lines.words()),
            _ => None,
        }
    }
}

/// A text in pieces that each fit one request.
fn pieces(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let (piece, after) = rest.split_at(rest.floor_char_boundary(PIECE));
        rest = after;
        (!piece.is_empty()).then_some(piece)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_part_between_characters_and_lose_nothing() {
        let text = "é".repeat(PIECE);
        let parts: Vec<&str> = pieces(&text).collect();
        assert!(parts.iter().all(|part| part.len() <= PIECE), "{}", parts.len());
        assert_eq!(parts.concat(), text);
        assert_eq!(pieces("").count(), 0);
    }

    #[tokio::test]
    async fn a_character_that_comes_in_two_reads_is_whole_and_other_bytes_are_kept() {
        let (sender, pieces) = mpsc::channel(8);
        let mut bytes = Bytes { pieces, rest: Vec::new() };
        for piece in [&b"a\xc3"[..], b"\xa9b", b"c\xff\xc3", b"\xc3"] {
            sender.send(Ok(piece.to_vec())).await.unwrap();
        }
        drop(sender);
        for want in [&b"a"[..], "éb".as_bytes(), b"c\xff\xc3", b"\xc3"] {
            assert_eq!(bytes.next().await.unwrap().as_deref(), Some(want));
        }
        assert_eq!(bytes.next().await.unwrap(), None);
    }
}
