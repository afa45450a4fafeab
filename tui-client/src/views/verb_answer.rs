//! Answer of a line of verbs in the picker, which has no output: the text, to be read and scrolled.

use ratatui::layout::Position;

use crate::app::State;
use crate::app::view::{Outcome, View, close, stay};
use crate::input::key::Key;
use crate::text::fit;
use crate::widgets::canvas::{Canvas, page, text_width};
use crate::widgets::scrolled_text::ScrolledText;

#[derive(Debug)]
pub(super) struct VerbAnswer {
    line: String,
    text: String,
    reading: ScrolledText,
}

impl VerbAnswer {
    pub(super) fn new(line: &str, text: &str) -> Self {
        Self { line: line.to_owned(), text: text.to_owned(), reading: ScrolledText::default() }
    }

    /// The text in the rows of the popup. A line that fits keeps its columns.
    fn rows(&self, state: &State) -> Vec<String> {
        let room = usize::from(text_width(state.view_size()));
        let rows = |line: &str| match fit::width(line) <= room {
            true => vec![line.to_owned()],
            false => fit::wrap(line, room),
        };
        self.text.lines().flat_map(rows).collect()
    }
}

impl View for VerbAnswer {
    fn leaves_signs(&self) -> bool {
        true
    }

    fn title(&self, _state: &State) -> String {
        format!(":{}", self.line)
    }

    fn key(&mut self, key: Key, state: &State) -> Outcome {
        let rows = self.rows(state).len();
        if self.reading.key(key, rows, page(state.view_size()) + 1) { stay() } else { close() }
    }

    fn wheel(&mut self, by: i32, state: &State) {
        self.reading.wheel(by, self.rows(state).len(), page(state.view_size()) + 1);
    }

    fn draw(&self, canvas: &mut Canvas<'_>, state: &State) -> Option<Position> {
        let head = (&*self.title(state), text_width(state.view_size()));
        self.reading.draw(head, &self.rows(state), 0, canvas, |line, row, theme| {
            row.left(line, theme.plain);
        });
        None
    }
}
