//! Facts about a row of a list, as they were when it was opened.

use ratatui::layout::Position;

use crate::app::State;
use crate::app::view::{Outcome, View, close, stay};
use crate::input::key::Key;
use crate::widgets::canvas::Canvas;
use crate::widgets::facts::{Fact, Facts, FactsKey};

#[derive(Debug)]
pub(crate) struct FactsView {
    title: &'static str,
    facts: Vec<Fact>,
    scroll: Facts,
}

impl FactsView {
    pub(super) fn new(title: &'static str, facts: Vec<Fact>) -> Self {
        Self { title, facts, scroll: Facts::default() }
    }
}

impl View for FactsView {
    fn leaves_signs(&self) -> bool {
        true
    }

    fn title(&self, _state: &State) -> String {
        self.title.to_owned()
    }

    fn key(&mut self, key: Key, state: &State) -> Outcome {
        match self.scroll.key(key, &self.facts, state.view_size()) {
            FactsKey::Close => close(),
            FactsKey::Refresh | FactsKey::Scrolled | FactsKey::Passed => stay(),
        }
    }

    fn wheel(&mut self, rows: i32, state: &State) {
        self.scroll.wheel(rows, &self.facts, state.view_size());
    }

    fn draw(&self, canvas: &mut Canvas<'_>, _state: &State) -> Option<Position> {
        self.scroll.draw(self.title, &self.facts, &["Esc back"], canvas);
        None
    }
}
