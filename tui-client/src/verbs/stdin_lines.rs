//! Standard input, line by line, or in pieces as it comes.

use std::io::{IsTerminal, Read};

use tokio::runtime::Handle;
use tokio::sync::mpsc;
use topside_shared::frame::MAX_LINE_IN;

use crate::platform::{count_of_discards, discard_typed, read_typed};

/// Bytes of one read.
const PIECE: usize = 8 * 1024;

/// A line of standard input.
pub(super) enum StdinLine {
    Line(Vec<u8>),
    /// Longer than the server takes; the rest of it was skipped.
    TooLong,
    Failed(std::io::Error),
    /// Ctrl-D at a terminal, where more lines may follow.
    End,
}

/// What one read gave.
pub(super) enum Piece {
    Bytes(Vec<u8>),
    /// Ctrl-D at a terminal that gives lines.
    End,
    Failed(std::io::Error),
}

/// A piece, and how often typed text was discarded before it was read ([`discard_typed`]).
type CountedPiece = (Piece, u64);

/// Reads standard input on a thread of its own, at most one piece ahead: a read cannot be interrupted, and the thread ends
/// with the process.
pub(super) struct StdinLines {
    pieces: mpsc::Receiver<CountedPiece>,
    /// A piece that was received and is not read yet.
    held: Option<CountedPiece>,
    /// What was read and not taken yet.
    rest: Vec<u8>,
    /// How often typed text was discarded before that was read.
    discards: u64,
    /// Whether something was discarded and the user was not told yet.
    has_dropped: bool,
    /// Whether the line that is read is too long: its rest is skipped.
    skips: bool,
    is_first: bool,
}

impl StdinLines {
    pub(super) fn start() -> Self {
        let (sender, pieces) = mpsc::channel(1);
        let runtime = Handle::current();
        std::thread::spawn(move || {
            let mut input = std::io::stdin().lock();
            let is_terminal = input.is_terminal();
            let mut buffer = vec![0; PIECE];
            // Room first: what is read cannot be discarded until it is in the channel.
            while let Ok(room) = runtime.block_on(sender.reserve()) {
                let read = match is_terminal {
                    // The terminal gives keys at a prompt, and lines elsewhere.
                    true => read_typed(&mut buffer).map(|typed| (typed.count, typed.discards)),
                    false => input.read(&mut buffer).map(|count| (count, 0)),
                };
                let piece = match read {
                    // A closed terminal gives this again and again, and the first one that nothing takes blocks.
                    Ok((0, discards)) if is_terminal => (Piece::End, discards),
                    Ok((0, _)) => return,
                    Ok((count, discards)) => (Piece::Bytes(buffer[..count].to_vec()), discards),
                    Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
                    Err(error) => return room.send((Piece::Failed(error), u64::MAX)),
                };
                room.send(piece);
            }
        });
        Self::of(pieces)
    }

    fn of(pieces: mpsc::Receiver<CountedPiece>) -> Self {
        let (rest, discards) = (Vec::new(), 0);
        Self {
            pieces,
            held: None,
            rest,
            discards,
            has_dropped: false,
            skips: false,
            is_first: true,
        }
    }

    /// Discards what was typed at the terminal and not taken yet. Returns whether there was something, also before an earlier
    /// [`discard_typed`]. Does nothing for a pipe or a file: a script writes its answers before the questions.
    pub(super) fn discard(&mut self) -> bool {
        self.has_dropped |= discard_typed();
        self.take_dropped()
    }

    /// Whether typed text was discarded since the last call.
    pub(super) fn take_dropped(&mut self) -> bool {
        self.drop_old();
        if self.held.is_none()
            && let Ok(piece) = self.pieces.try_recv()
        {
            self.held = self.current(piece);
        }
        std::mem::take(&mut self.has_dropped)
    }

    /// Drops the rest that was read before the last discard.
    fn drop_old(&mut self) {
        let discards = count_of_discards();
        if self.discards < discards {
            let held = self.held.take();
            self.held = held.and_then(|piece| self.current(piece));
            self.has_dropped |= !self.has_none();
            self.rest.clear();
            self.skips = false;
            self.discards = discards;
        }
    }

    /// The piece, unless it was read before the last discard.
    fn current(&mut self, piece: CountedPiece) -> Option<CountedPiece> {
        let is_old = piece.1 < count_of_discards();
        self.has_dropped |= is_old;
        (!is_old).then_some(piece)
    }

    /// What is read next. Dropping the future loses nothing.
    async fn read(&mut self) -> Option<Piece> {
        loop {
            let piece = match self.held.take() {
                Some(piece) => piece,
                None => self.pieces.recv().await?,
            };
            if let Some((piece, _)) = self.current(piece) {
                self.drop_old();
                return Some(piece);
            }
        }
    }

    /// The next line without its ending; the last may have none. None at the end. Dropping the future loses nothing.
    pub(super) async fn recv(&mut self) -> Option<StdinLine> {
        loop {
            self.drop_old();
            if let Some(line) = self.whole_line() {
                return Some(line);
            }
            match self.read().await {
                Some(Piece::Bytes(bytes)) => self.rest.extend_from_slice(&bytes),
                Some(Piece::End) if self.has_none() => return Some(StdinLine::End),
                None if self.has_none() => return None,
                // The last line has no end.
                Some(Piece::End) | None => return Some(self.take_line(self.rest.len())),
                Some(Piece::Failed(error)) => return Some(StdinLine::Failed(error)),
            }
        }
    }

    /// The next piece: a rest that was put back, or what is read next. Dropping the future loses nothing.
    pub(super) async fn piece(&mut self) -> Option<Piece> {
        self.drop_old();
        if !self.rest.is_empty() {
            return Some(Piece::Bytes(std::mem::take(&mut self.rest)));
        }
        self.read().await
    }

    /// Puts the end of a piece back.
    pub(super) fn put_back(&mut self, rest: &[u8]) {
        self.rest.splice(..0, rest.iter().copied());
    }

    fn has_none(&self) -> bool {
        self.rest.is_empty() && !self.skips
    }

    fn whole_line(&mut self) -> Option<StdinLine> {
        match self.rest.iter().position(|byte| *byte == b'\n') {
            Some(end) => {
                let line = self.take_line(end);
                self.rest.remove(0);
                Some(line)
            }
            // A line may end in a carriage return, too.
            None => {
                if self.skips || self.rest.len() > MAX_LINE_IN + 1 {
                    self.skips = true;
                    self.rest.clear();
                }
                None
            }
        }
    }

    /// The line of the first `end` bytes.
    fn take_line(&mut self, end: usize) -> StdinLine {
        let mut line: Vec<u8> = self.rest.drain(..end).collect();
        line.pop_if(|byte| *byte == b'\r');
        let is_first = std::mem::take(&mut self.is_first);
        if std::mem::take(&mut self.skips) || line.len() > MAX_LINE_IN {
            return StdinLine::TooLong;
        }
        if is_first { without_mark(line) } else { StdinLine::Line(line) }
    }
}

/// The first line without the byte order mark that some programs write before UTF-8.
fn without_mark(mut line: Vec<u8>) -> StdinLine {
    if line.starts_with(&[0xff, 0xfe]) || line.starts_with(&[0xfe, 0xff]) {
        return StdinLine::Failed(std::io::Error::other("it is UTF-16; write it as UTF-8"));
    }
    if line.starts_with("\u{feff}".as_bytes()) {
        line.drain(.."\u{feff}".len());
    }
    StdinLine::Line(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The lines of these pieces, each as text; `..` stands for one that is too long, `^D` for an end that is none.
    async fn lines(pieces: Vec<Piece>) -> Vec<String> {
        let (sender, receiver) = mpsc::channel(pieces.len());
        for piece in pieces {
            assert!(sender.send((piece, 0)).await.is_ok());
        }
        drop(sender);
        let mut lines = StdinLines::of(receiver);
        let mut read = Vec::new();
        while let Some(line) = lines.recv().await {
            read.push(match line {
                StdinLine::Line(line) => String::from_utf8(line).unwrap(),
                StdinLine::TooLong => "..".to_owned(),
                StdinLine::Failed(error) => error.to_string(),
                StdinLine::End => "^D".to_owned(),
            });
        }
        read
    }

    fn bytes(text: &str) -> Piece {
        Piece::Bytes(text.into())
    }

    #[tokio::test]
    async fn lines_are_parted_wherever_the_pieces_are() {
        let pieces = vec![bytes("\u{feff}one\r"), bytes("\n\ntw"), bytes("o\nlast")];
        assert_eq!(lines(pieces).await, ["one", "", "two", "last"]);
        assert_eq!(lines(vec![bytes("half"), Piece::End, Piece::End]).await, ["half", "^D"]);
    }

    #[tokio::test]
    async fn a_line_has_as_many_bytes_as_the_server_takes() {
        let longest = "x".repeat(MAX_LINE_IN);
        for end in ["\n", "\r\n", ""] {
            assert_eq!(lines(vec![bytes(&longest), bytes(end)]).await, [longest.as_str()]);
        }
        for end in ["\n", "\r\n", ""] {
            let text = format!("{longest}x{end}");
            assert_eq!(lines(vec![bytes(&text)]).await, [".."], "{end:?}");
        }
        let pieces = vec![bytes(&longest), bytes(&longest), bytes("x\nnext\n")];
        assert_eq!(lines(pieces).await, ["..", "next"]);
    }

    #[tokio::test]
    async fn a_rest_that_is_put_back_comes_first() {
        let (sender, receiver) = mpsc::channel(2);
        sender.send((bytes("a\nb\n"), 0)).await.unwrap_or_else(|_| panic!());
        let mut lines = StdinLines::of(receiver);
        let Some(Piece::Bytes(piece)) = lines.piece().await else { panic!() };
        lines.put_back(&piece[2..]);
        assert!(matches!(lines.recv().await, Some(StdinLine::Line(line)) if line == b"b"));
    }
}
