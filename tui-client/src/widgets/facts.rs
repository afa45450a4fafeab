//! Details: facts with a label each, wrapped and scrolled.

use super::canvas::{self, Canvas};
use super::row::Row;
use super::scrolled_text::ScrolledText;
use crate::input::key::{Code, Key};
use crate::terminal::Size;
use crate::text::fit;

/// Columns of the labels, with the gap behind them.
const LABELS: u16 = 11;
/// Most columns of the popup.
const WIDTH: u16 = 76;

/// A label and what is known.
pub(crate) type Fact = (&'static str, String);

/// The scroll position of details.
#[derive(Debug, Default)]
pub(crate) struct Facts(ScrolledText);

/// What a key means to details.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FactsKey {
    Close,
    Refresh,
    Scrolled,
    Passed,
}

impl Facts {
    pub(crate) fn key(&mut self, key: Key, facts: &[Fact], size: Size) -> FactsKey {
        let (rows, page) = (rows(facts, size).len(), page(size));
        let typed = key.typed();
        if key.leaves() || typed == Some('q') {
            FactsKey::Close
        } else if typed == Some('r') || key == Key::plain(Code::F(5)) {
            FactsKey::Refresh
        } else if (typed.is_some() || Key::plain(key.code) == key) && self.0.key(key, rows, page) {
            FactsKey::Scrolled
        } else {
            FactsKey::Passed
        }
    }

    pub(crate) fn wheel(&mut self, by: i32, facts: &[Fact], size: Size) {
        self.0.wheel(by, rows(facts, size).len(), page(size));
    }

    /// Draws a popup with these facts and what keys do.
    pub(crate) fn draw(&self, title: &str, facts: &[Fact], keys: &[&str], canvas: &mut Canvas<'_>) {
        let size = Size { width: canvas.area.width, height: canvas.area.height };
        let lines = rows(facts, size);
        let rows = u16::try_from(lines.len()).unwrap_or(u16::MAX);
        let inside = canvas.popup(title, width(size), rows.saturating_add(2));
        let theme = canvas.theme;
        // Without room for all lines the blank row is dropped first.
        let last = inside.height.saturating_sub(1);
        let top = self.0.top.min(lines.len().saturating_sub(usize::from(last)));
        for (y, (label, value)) in (0..last).zip(lines.iter().skip(top)) {
            let mut row = Row::at(canvas.buffer, inside, y);
            row.column(label, usize::from(LABELS), theme.dim).left(value, theme.plain);
        }
        let mut foot = Row::at(canvas.buffer, inside, last);
        canvas::position(&mut foot, (top, usize::from(last)), lines.len(), &theme);
        canvas::keys(&mut foot, keys.iter().copied(), &mut canvas.hits, &theme);
    }
}

/// Columns inside the popup.
fn width(size: Size) -> u16 {
    canvas::columns(size, WIDTH).min(size.width.saturating_sub(canvas::FRAME.width))
}

/// Lines of a page.
fn page(size: Size) -> usize {
    // The frame, the row of the hints, and the row of the messages.
    usize::from(size.height.saturating_sub(4)).max(1)
}

/// The facts in the rows of a popup.
fn rows(facts: &[Fact], size: Size) -> Vec<Fact> {
    lines(facts, usize::from(width(size).saturating_sub(LABELS)).max(8))
}

/// The facts, wrapped to this width, with the label beside the first line of each.
pub(crate) fn lines(facts: &[Fact], room: usize) -> Vec<Fact> {
    let wrapped = |(label, value): &Fact| {
        let lines = fit::wrap(value, room).into_iter().enumerate();
        let label = *label;
        lines.map(move |(nth, line)| (if nth == 0 { label } else { "" }, line)).collect::<Vec<_>>()
    };
    facts.iter().flat_map(wrapped).collect()
}
