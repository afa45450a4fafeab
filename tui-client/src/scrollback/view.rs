//! What is on the screen: following the end or standing still, scrolling, jumping.
//!
//! Only the rows on the screen are ever wrapped, outward from the place where the reader is, so a
//! resize costs one screen. The place is a byte of a line: it means the same at any width.

use std::ops::Range;
use std::rc::Rc;

use super::block::Block;
use super::geometry::{Anchor, AnchorPart, Spot, SpotPart, View, Walker, Wrapped};
use super::line::{Line, LineKind};
use super::pane::Pane;
use super::search::{Match, Needle};

/// A row of the pane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// The block's number.
    pub block: u64,
    /// What of it.
    pub part: Part,
}

/// What of a block a row shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Its header.
    Header,
    /// A row of a line, both counted from 0.
    Line {
        /// The line's number.
        line: u64,
        /// Which row of the wrapped line.
        row: u32,
    },
    /// The blank row below it.
    Blank,
}

/// One row of the screen.
#[derive(Debug)]
pub struct FrameRow<'a> {
    /// Which row of the pane it is.
    pub position: Position,
    pub(crate) text: Option<RowText<'a>>,
}

#[derive(Debug)]
pub(crate) struct RowText<'a> {
    pub(crate) wrapped: Rc<Wrapped<'a>>,
    /// Which of the frame's lines it is of.
    pub(crate) nth: usize,
}

impl FrameRow<'_> {
    /// The line that it is a row of.
    #[must_use]
    pub fn line(&self) -> Option<&Line<'_>> {
        self.text.as_ref().map(|text| &text.wrapped.line)
    }

    /// Where the line came from, on its first row only: for a sign in front of it.
    #[must_use]
    pub fn begins(&self) -> Option<LineKind> {
        match self.position.part {
            Part::Line { row: 0, .. } => self.line().filter(|l| !l.continues).map(|l| l.kind),
            _ => None,
        }
    }

    /// The text in this row.
    #[must_use]
    pub fn text(&self) -> &str {
        match (&self.text, self.position.part) {
            (Some(text), Part::Line { row, .. }) => {
                &text.wrapped.line.text()[text.wrapped.wrap.row(row)]
            }
            _ => "",
        }
    }
}

/// What is on the screen, top to bottom. Fewer rows than the screen has: the rest is empty.
#[derive(Debug)]
pub struct Frame<'a> {
    /// The rows.
    pub rows: Vec<FrameRow<'a>>,
    /// Lines below the screen that came since the reader stopped following.
    pub new_below: u64,
    /// The matches to mark: of each line of the frame, in order.
    pub(crate) matches: Vec<Vec<(Range<usize>, bool)>>,
}

impl Frame<'_> {
    /// Marks what a search finds; `current` is the match where the reader is.
    pub fn mark(&mut self, needle: &Needle, current: Option<&Match>) {
        self.matches.clear();
        for row in &self.rows {
            let (Some(text), Part::Line { line, .. }) = (&row.text, row.position.part) else {
                continue;
            };
            if text.nth < self.matches.len() {
                continue;
            }
            let current = current
                .filter(|m| (m.block, m.line) == (row.position.block, line))
                .map(|m| m.range.start);
            let found = needle.matches(text.wrapped.line.text());
            let marked = found.into_iter().map(|range| {
                let is_current = current == Some(range.start);
                (range, is_current)
            });
            self.matches.push(marked.collect());
        }
    }
}

impl Pane {
    /// Sets the room for text: columns and rows. The reader stays on the same text.
    pub fn set_size(&mut self, width: u16, height: u16) {
        let (width, height) = (width.max(1), height.max(1));
        self.unsettled |= (self.width, self.height) != (width, height);
        (self.width, self.height) = (width, height);
    }

    /// Whether the screen moves with the end.
    #[must_use]
    pub fn is_following(&self) -> bool {
        self.view == View::Follow
    }

    /// The rows to draw now.
    #[must_use]
    pub fn frame(&self) -> Frame<'_> {
        let mut frame = Frame { rows: Vec::new(), new_below: 0, matches: Vec::new() };
        let Some(mut walker) = self.top() else { return frame };
        let (mut nth, mut last) = (0, None);
        while frame.rows.len() < usize::from(self.height) {
            let index = walker.spot.index;
            let text = walker.current().map(|wrapped| {
                let key = (index, wrapped.line.number);
                if last.replace(key).is_some_and(|before| before != key) {
                    nth += 1;
                }
                RowText { wrapped, nth }
            });
            frame.rows.push(FrameRow { position: self.position(walker.spot), text });
            if frame.rows.len() == usize::from(self.height) || !walker.down() {
                break;
            }
        }
        frame.new_below = self.new_below(walker.spot);
        frame
    }

    /// Scrolls towards older output and stands still there.
    pub fn scroll_up(&mut self, rows: usize) {
        let Some(mut walker) = self.top() else { return };
        if walker.walk(rows, Walker::up) > 0 {
            let anchor = walker.anchor();
            self.stand(anchor);
        }
    }

    /// Scrolls towards newer output; at the end it follows again.
    pub fn scroll_down(&mut self, rows: usize) {
        if self.is_following() {
            return;
        }
        let (Some(mut walker), Some(end)) = (self.top(), self.end_top()) else { return };
        walker.walk(rows, Walker::down);
        if walker.spot >= end.spot {
            self.view = View::Follow;
        } else {
            let anchor = walker.anchor();
            self.stand(anchor);
        }
    }

    /// A screen up, but for one row.
    pub fn page_up(&mut self) {
        self.scroll_up(usize::from(self.height.max(2) - 1));
    }

    /// A screen down, but for one row.
    pub fn page_down(&mut self) {
        self.scroll_down(usize::from(self.height.max(2) - 1));
    }

    /// To the oldest row, if not everything fits on the screen anyway.
    pub fn home(&mut self) {
        let first = Spot { index: 0, part: SpotPart::Header };
        if self.end_top().is_some_and(|end| end.spot > first) {
            self.stand(Anchor { index: 0, part: AnchorPart::Header });
        }
    }

    /// To the end, and follows it.
    pub fn end(&mut self) {
        self.view = View::Follow;
    }

    /// Puts a block's header at the top of the screen, as far as there is enough below it.
    pub fn jump_to_block(&mut self, block: u64) -> bool {
        let Some(index) = self.index(block) else { return false };
        self.stand(Anchor { index, part: AnchorPart::Header });
        true
    }

    /// Puts a line at the top of the screen, as far as there is enough below it; unfolds its block.
    pub fn jump(&mut self, block: u64, line: u64) -> bool {
        let Some(index) = self.index(block) else { return false };
        self.blocks[index].set_folded(false);
        self.stand(Anchor { index, part: AnchorPart::Line { line, offset: 0 } });
        true
    }

    /// Shows a match and stands still: where it is if it is on the screen, else a third of the
    /// screen down. Unfolds its block.
    pub fn reveal(&mut self, found: &Match) -> bool {
        let Some(index) = self.index(found.block) else { return false };
        self.blocks[index].set_folded(false);
        let part = AnchorPart::Line { line: found.line, offset: found.range.start };
        let target = Anchor { index, part };
        let height = usize::from(self.height);
        let Some(mut walker) = Walker::at_anchor(&self.blocks, self.width, &target) else {
            return false;
        };
        let Some(mut top) = self.top() else { return false };
        let top_anchor = top.anchor();
        let (first, row) = (top.spot, walker.spot);
        top.walk(height - 1, Walker::down);
        let anchor = if (first..=top.spot).contains(&row) {
            top_anchor
        } else {
            walker.walk(height / 3, Walker::up);
            walker.anchor()
        };
        self.stand(anchor);
        true
    }

    /// The row at the top of the screen.
    #[must_use]
    pub fn top_position(&self) -> Option<Position> {
        self.top().map(|walker| self.position(walker.spot))
    }

    /// The top row when the last row is at the bottom.
    fn end_top(&self) -> Option<Walker<'_>> {
        let mut walker = Walker::at_end(&self.blocks, self.width)?;
        walker.walk(usize::from(self.height) - 1, Walker::up);
        Some(walker)
    }

    /// The top row: never so far down that the screen would be half empty for no reason.
    pub(crate) fn top(&self) -> Option<Walker<'_>> {
        let end = self.end_top()?;
        let View::Anchor(anchor) = &self.view else { return Some(end) };
        let here = Walker::at_anchor(&self.blocks, self.width, anchor)?;
        Some(if here.spot < end.spot { here } else { end })
    }

    fn position(&self, spot: Spot) -> Position {
        let part = match spot.part {
            SpotPart::Header => Part::Header,
            SpotPart::Row { line, row } => Part::Line { line, row },
            SpotPart::Blank => Part::Blank,
        };
        Position { block: self.blocks[spot.index].id(), part }
    }

    /// Before rows come or go below: a reader whose place is nearer to the end than a screen sees
    /// some rows above it, and must go on seeing them at the top.
    pub(crate) fn settle(&mut self) {
        if let View::Anchor(anchor) = &self.view
            && let Some(mut end) = self.end_top()
            && let Some(here) = Walker::at_anchor(&self.blocks, self.width, anchor)
            && here.spot > end.spot
        {
            self.view = View::Anchor(end.anchor());
        }
    }

    /// Stands still at a place. What is on the screen before and after counts as seen, and so does
    /// everything when the screen was at the end.
    fn stand(&mut self, anchor: Anchor) {
        if self.is_following() {
            for block in &mut self.blocks {
                block.seen = block.lines().end;
            }
        }
        self.note_seen();
        self.view = View::Anchor(anchor);
        self.settle();
        self.note_seen();
    }

    fn note_seen(&mut self) {
        let Some(mut walker) = self.top() else { return };
        walker.walk(usize::from(self.height) - 1, Walker::down);
        let bottom = walker.spot;
        for (index, block) in self.blocks[..=bottom.index].iter_mut().enumerate() {
            block.seen = block.seen.max(seen_in(block, index, bottom));
        }
    }

    /// Lines below a row that came since the reader stopped following.
    fn new_below(&self, bottom: Spot) -> u64 {
        if self.is_following() {
            return 0;
        }
        let fresh = self.blocks.iter().enumerate().skip(bottom.index).map(|(index, block)| {
            let from = block.seen.max(block.lines().start).max(seen_in(block, index, bottom));
            block.lines().end.saturating_sub(from)
        });
        fresh.sum()
    }
}

/// The number after the last line of a block that is not below a row.
fn seen_in(block: &Block, index: usize, bottom: Spot) -> u64 {
    match bottom.part {
        _ if index < bottom.index => block.lines().end,
        SpotPart::Row { line, .. } if index == bottom.index => line + 1,
        SpotPart::Blank if index == bottom.index => block.lines().end,
        _ => 0,
    }
}

#[cfg(test)]
#[path = "view_tests.rs"]
mod tests;
