//! Line editor of the prompt: keys of readline, earlier lines with Up and Down, Tab completes.
//!
//! It moves the cursor by backspaces and by printing again, and never leaves its row, so a terminal that knows nothing else
//! (`TERM=dumb`) shows it right, and a screen reader hears what changes.

use crossterm::event::Event;
use topside_shared::cmdline::{Candidate, Completion};

use super::super::printer::{OutputPart, Printer};
use super::super::stdin_lines::{Piece, StdinLine, StdinLines};
use super::line_row::LineRow;
use crate::event_loop::terminal_events;
use crate::input::key::{Code, Key};
use crate::platform::{KeyInput, SignalKey};
use crate::terminal;
use crate::terminal_input::Decoder;
use crate::widgets::completion;
use crate::widgets::editor::{Edited, Editor};
use crate::widgets::line_history::LineHistory;

/// Least columns for the typed line: a long prompt may be wider than the terminal.
const LEAST_ROOM: usize = 8;

/// What the user typed.
pub(super) enum Typed {
    Line(StdinLine),
    Key(SignalKey),
    /// Tab: the line up to the cursor is to be completed with [`LineEditor::complete`].
    Tab,
}

#[derive(Default)]
pub(super) struct LineEditor {
    keys: KeyInput,
    decoder: Decoder,
    editor: Editor,
    history: LineHistory,
    row: LineRow,
    /// Columns of the prompt before it.
    prompt: usize,
    /// Whether a key was typed since [`LineEditor::take_typed`].
    has_typed: bool,
    /// Text for the terminal that was not handed to the printer yet.
    unwritten: String,
}

impl LineEditor {
    /// Begins behind a prompt of this width, and shows what was typed so far once the prompt is printed. Returns false where the terminal gives no keys.
    pub(super) fn begin(&mut self, prompt: usize) -> bool {
        if !self.keys.on() {
            return false;
        }
        let columns = usize::from(terminal::size().width);
        // The last column is left free: a character there would begin the next row on some terminals.
        let room = columns.saturating_sub(prompt + 1).max(LEAST_ROOM);
        self.row = LineRow::new(room);
        self.prompt = prompt;
        self.unwritten.clear();
        self.show();
        true
    }

    /// What takes the prompt and the typed line off the terminal.
    pub(super) fn erase(&mut self) -> String {
        let mut text = std::mem::take(&mut self.unwritten);
        self.row.erase(self.prompt, &mut text);
        text
    }

    /// The terminal gives lines again.
    pub(super) fn end(&mut self) {
        self.keys.off();
        self.decoder = Decoder::default();
    }

    /// Forgets the typed line.
    pub(super) fn discard(&mut self) {
        self.editor.clear();
        self.history.rest();
    }

    /// Remembers a line for Up.
    pub(super) fn remember(&mut self, line: &str) {
        self.history.push(line);
    }

    /// Whether a key other than Ctrl-C was typed since the last call.
    pub(super) fn take_typed(&mut self) -> bool {
        std::mem::take(&mut self.has_typed)
    }

    /// The next line, or a key that is not the editor's; none where the input has ended. Dropping the future loses nothing.
    pub(super) async fn next(
        &mut self,
        lines: &mut StdinLines,
        printer: &Printer,
    ) -> Option<Typed> {
        loop {
            if !self.unwritten.is_empty() {
                // Once standard output is closed, nothing is written.
                if let Some(room) = printer.room().await {
                    room.send(OutputPart::Echo(std::mem::take(&mut self.unwritten)));
                } else {
                    self.unwritten.clear();
                }
                continue;
            }
            let silence = async {
                match self.decoder.wait() {
                    Some(wait) => tokio::time::sleep(wait).await,
                    None => std::future::pending().await,
                }
            };
            let piece = tokio::select! {
                piece = lines.piece() => piece?,
                () = silence => {
                    let mut events = Vec::new();
                    self.decoder.time_out(&mut events);
                    for event in &events {
                        // A lone Esc, or what followed one: no end of the line.
                        let _ = self.event(event);
                    }
                    self.show();
                    continue;
                }
            };
            match piece {
                Piece::Failed(error) => return Some(Typed::Line(StdinLine::Failed(error))),
                // The terminal is closed, or gives lines since another program changed it.
                Piece::End => return Some(Typed::Line(StdinLine::End)),
                Piece::Bytes(bytes) => {
                    let (typed, used) = self.take(&bytes);
                    lines.put_back(&bytes[used..]);
                    match typed {
                        Some(typed) => {
                            if let Some(room) = printer.room().await {
                                room.send(OutputPart::Echo(std::mem::take(&mut self.unwritten)));
                            }
                            return Some(typed);
                        }
                        None => self.show(),
                    }
                }
            }
        }
    }

    /// Takes bytes up to the end of a line; what was typed, and how many bytes that were.
    fn take(&mut self, bytes: &[u8]) -> (Option<Typed>, usize) {
        let mut events = Vec::new();
        for (at, byte) in bytes.iter().enumerate() {
            if let Some(key) = self.keys.signal_key(*byte) {
                self.decoder = Decoder::default();
                self.show();
                self.unwritten += match key {
                    SignalKey::Interrupt => "^C",
                    SignalKey::Quit => "^\\",
                    SignalKey::Stop => "^Z",
                };
                return (Some(Typed::Key(key)), at + 1);
            }
            self.has_typed = true;
            // One by one: several at once may be taken for a paste.
            self.decoder.feed(&[*byte], &mut events);
            for event in std::mem::take(&mut events) {
                if let Some(typed) = self.event(&event) {
                    return (Some(typed), at + 1);
                }
            }
        }
        (None, bytes.len())
    }

    fn event(&mut self, event: &Event) -> Option<Typed> {
        match event {
            Event::Key(pressed) => self.key(terminal_events::key(pressed)?),
            Event::Paste(text) => {
                self.editor.insert(text.lines().next().unwrap_or_default());
                self.history.rest();
                None
            }
            _ => None,
        }
    }

    fn key(&mut self, key: Key) -> Option<Typed> {
        match key.code {
            Code::Enter => return Some(self.enter()),
            // The terminal makes a line feed of the carriage return.
            _ if key.is_ctrl('j') => return Some(self.enter()),
            _ if key.is_ctrl('d') && self.editor.is_empty() => {
                return Some(Typed::Line(StdinLine::End));
            }
            Code::Tab => return Some(Typed::Tab),
            Code::Up => self.recall(true),
            Code::Down => self.recall(false),
            _ if key.is_ctrl('p') => self.recall(true),
            _ if key.is_ctrl('n') => self.recall(false),
            _ => {
                if self.editor.key(key) == Edited::Text {
                    self.history.rest();
                }
            }
        }
        None
    }

    fn recall(&mut self, older: bool) {
        let line = match older {
            true => self.history.older(self.editor.text()),
            false => self.history.newer(self.editor.text()),
        };
        if let Some(line) = line {
            self.editor.set(&line);
        }
    }

    fn enter(&mut self) -> Typed {
        self.show();
        self.unwritten.push('\n');
        let line = self.editor.text().to_owned();
        self.history.rest();
        // Not by `clear`, which keeps a line for Ctrl-Y.
        self.editor.set("");
        Typed::Line(StdinLine::Line(line.into_bytes()))
    }

    /// The typed line and its cursor, in bytes.
    pub(super) fn line(&self) -> (&str, usize) {
        (self.editor.text(), self.editor.cursor())
    }

    /// Completes the word at the cursor as far as it is certain. What is left is the list to print, empty where nothing more
    /// is known.
    pub(super) fn complete(&mut self, found: &Completion) -> Vec<Candidate> {
        let before = self.editor.text().to_owned();
        let list = completion::open(&mut self.editor, &|_, _| found.clone());
        self.history.rest();
        self.show();
        if found.candidates.is_empty() {
            self.unwritten.push('\u{7}');
        }
        list.filter(|_| self.editor.text() == before)
            .map(|list| list.candidates)
            .unwrap_or_default()
    }

    /// Brings the terminal up to date.
    fn show(&mut self) {
        self.row.show(self.editor.text(), self.editor.cursor(), &mut self.unwritten);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a terminal that knows only backspace shows after these keys, with `|` where the cursor is.
    fn after(room: usize, keys: &[&str]) -> String {
        let mut editor = LineEditor { row: LineRow::new(room), ..LineEditor::default() };
        let mut row: Vec<char> = Vec::new();
        let mut at = 0;
        for key in keys {
            match key.strip_prefix("type ") {
                Some(text) => editor.editor.insert(text),
                None => {
                    let _ = editor.key(key.parse().unwrap());
                }
            }
            editor.show();
            for c in std::mem::take(&mut editor.unwritten).chars() {
                match c {
                    '\u{8}' => at -= 1,
                    c if at < row.len() => {
                        row[at] = c;
                        at += 1;
                    }
                    c => {
                        row.push(c);
                        at += 1;
                    }
                }
                assert!(row.len() <= room, "{key}");
            }
        }
        row.insert(at, '|');
        row.into_iter().collect::<String>().trim_end().to_owned()
    }

    #[test]
    fn editing_inside_a_line_needs_backspaces_only() {
        assert_eq!(after(40, &["type zone-run 3"]), "zone-run 3|");
        assert_eq!(after(40, &["type zone 3", "left", "left", "type -run"]), "zone-run| 3");
        assert_eq!(after(40, &["type zone-run 3", "ctrl-a", "alt-d"]), "|-run 3");
        assert_eq!(after(40, &["type zone-run 3", "backspace", "backspace"]), "zone-run|");
        assert_eq!(after(40, &["type one two", "ctrl-w", "type three"]), "one three|");
        assert_eq!(after(40, &["type one", "ctrl-a", "right", "end", "type s"]), "ones|");
        assert_eq!(after(40, &["type one", "ctrl-u"]), "|");
    }

    #[test]
    fn a_line_longer_than_the_row_shows_the_part_around_the_cursor() {
        let all = ["type 0123456789abcdefghij"];
        assert_eq!(after(10, &all), "fghij|");
        assert_eq!(after(10, &[&all[..], &["ctrl-a"]].concat()), "|0123456789");
        let steps = [&all[..], &["ctrl-a"], &["right"; 9]].concat();
        assert_eq!(after(10, &steps), "012345678|9");
        let steps = [&all[..], &["ctrl-a"], &["right"; 10]].concat();
        assert_eq!(after(10, &steps), "56789|abcde");
    }

    #[test]
    fn up_brings_earlier_lines_back() {
        let keys = ["up", "up", "down"];
        let mut editor = LineEditor { row: LineRow::new(40), ..LineEditor::default() };
        editor.remember("one");
        editor.remember("two");
        for key in keys {
            let _ = editor.key(key.parse().unwrap());
        }
        assert_eq!(editor.line(), ("two", 3));
    }

    #[test]
    fn what_is_typed_behind_the_end_of_a_line_is_left_for_the_next_one() {
        let mut editor = LineEditor { row: LineRow::new(40), ..LineEditor::default() };
        let (typed, used) = editor.take(b"echo a\necho b\n");
        assert!(matches!(typed, Some(Typed::Line(StdinLine::Line(line))) if line == b"echo a"));
        assert_eq!(used, 7);
        assert_eq!(editor.unwritten, "echo a\n");
    }
}
