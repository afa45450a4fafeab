//! Viewport: the rows on the screen; following the end, scrolling, jumping.
//!
//! Only the rows on the screen are wrapped, outward from the anchor, so a resize costs one screen. The anchor is a byte of
//! a line, independent of the width.

use std::ops::Range;
use std::rc::Rc;

use super::block::Block;
use super::characters::{UNWRAPPED, clusters};
use super::geometry::{Anchor, AnchorPart, Part, ScrollPosition, Spot, Walker, Wrapped};
use super::line::{Line, LineKind};
use super::pane::Pane;
use super::search::{Match, Needle};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Position {
    pub(crate) block: u64,
    pub(crate) part: Part,
}

/// One row of the screen.
#[derive(Debug)]
pub struct FrameRow<'a> {
    pub(crate) position: Position,
    pub(crate) text: Option<RowText<'a>>,
}

#[derive(Debug)]
pub(crate) struct RowText<'a> {
    pub(crate) wrapped: Rc<Wrapped<'a>>,
    /// Index of its line among the lines of the frame.
    pub(crate) nth: usize,
}

impl FrameRow<'_> {
    pub(crate) fn line(&self) -> Option<&Line<'_>> {
        self.text.as_ref().map(|text| &text.wrapped.line)
    }

    /// Columns of the last row of a line; none of an earlier row.
    pub(crate) fn last_columns(&self) -> Option<u16> {
        let (Some(text), Part::Line { row, .. }) = (&self.text, self.position.part) else {
            return None;
        };
        let Wrapped { line, wrap } = &*text.wrapped;
        let shown = &line.text()[wrap.row(row)];
        let columns = clusters(shown).map(|(_, _, width)| width).sum::<usize>();
        (row + 1 == wrap.rows()).then(|| u16::try_from(columns).unwrap_or(u16::MAX))
    }

    /// The kind of the line on its first row, for a sign before it.
    pub(crate) fn begins(&self) -> Option<LineKind> {
        match self.position.part {
            Part::Line { row: 0, .. } => self.line().filter(|l| !l.continues).map(|l| l.kind),
            _ => None,
        }
    }
}

/// The rows on the screen, top to bottom. It has fewer rows than the screen where the rest is empty.
#[derive(Debug)]
pub struct Frame<'a> {
    /// The rows, top to bottom.
    pub rows: Vec<FrameRow<'a>>,
    /// Number of lines below the screen that were added since the user stopped following.
    pub(crate) new_below: u64,
    /// The matches of each line of the frame; true for the current one.
    pub(crate) matches: Vec<Vec<(Range<usize>, bool)>>,
    /// Columns hidden on the left.
    pub(super) left: usize,
    pub(super) unwrapped: bool,
}

impl Frame<'_> {
    /// Marks the matches of a search; `current` is the current match.
    pub(crate) fn mark(&mut self, needle: &Needle, current: Option<&Match>) {
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
    /// Sets the columns and rows for text. The anchor stays on the same text.
    pub fn set_size(&mut self, width: u16, height: u16) {
        let (width, height) = (width.max(1), height.max(1));
        self.unsettled |= (self.width, self.height) != (width, height);
        (self.width, self.height) = (width, height);
    }

    /// Shows a long line in one row, or wraps it. The anchor stays on the same line.
    pub(crate) fn set_unwrapped(&mut self, unwrapped: bool) {
        if self.unwrapped != unwrapped {
            (self.unwrapped, self.left, self.unsettled) = (unwrapped, 0, true);
        }
    }

    fn wrap_width(&self) -> u16 {
        if self.unwrapped { UNWRAPPED } else { self.width }
    }

    /// Scrolls lines that are not wrapped sideways by a quarter of the screen, as far as the longest one on it.
    pub(crate) fn scroll_sideways(&mut self, right: bool) {
        let step = usize::from(self.width / 4).max(1);
        if !right {
            self.left = self.left.saturating_sub(step);
        } else if self.unwrapped {
            let frame = self.frame();
            let lines = frame.rows.iter().filter_map(FrameRow::line);
            let longest = lines.map(|line| columns(line, line.text().len())).max();
            let end = longest.unwrap_or(0).saturating_sub(usize::from(self.width));
            self.left = (self.left + step).min(end.max(self.left));
        }
    }

    /// Scrolls sideways until a range of a line that is not wrapped is on the screen, its beginning at least.
    fn scroll_to(&mut self, index: usize, line: u64, range: &Range<usize>) {
        let Some(line) = self.blocks[index].line(line).filter(|_| self.unwrapped) else { return };
        let (start, end) = (columns(&line, range.start), columns(&line, range.end));
        let width = usize::from(self.width);
        if end > self.left + width {
            self.left = end - width;
        }
        if start < self.left {
            self.left = if end <= width { 0 } else { start };
        }
    }

    /// Whether the screen follows the end.
    pub(crate) fn is_following(&self) -> bool {
        self.view == ScrollPosition::Follow
    }

    /// Whether no row is above the screen.
    pub(crate) fn is_at_top(&self) -> bool {
        self.top().is_none_or(|mut walker| !walker.up())
    }

    /// The rows to draw now.
    pub fn frame(&self) -> Frame<'_> {
        let mut frame = Frame {
            rows: Vec::new(),
            new_below: 0,
            matches: Vec::new(),
            left: self.left,
            unwrapped: self.unwrapped,
        };
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

    /// Scrolls towards older output and stops following.
    pub(crate) fn scroll_up(&mut self, rows: usize) {
        let Some(mut walker) = self.top() else { return };
        if walker.walk(rows, Walker::up) > 0 {
            let anchor = walker.anchor();
            self.stand(anchor);
        }
    }

    /// Scrolls towards newer output; at the end it follows again.
    pub(crate) fn scroll_down(&mut self, rows: usize) {
        if self.is_following() {
            return;
        }
        let (Some(mut walker), Some(end)) = (self.top(), self.end_top()) else { return };
        walker.walk(rows, Walker::down);
        if walker.spot >= end.spot {
            self.view = ScrollPosition::Follow;
        } else {
            let anchor = walker.anchor();
            self.stand(anchor);
        }
    }

    /// Scrolls up by a screen less one row.
    pub fn page_up(&mut self) {
        self.scroll_up(usize::from(self.height.max(2) - 1));
    }

    /// Scrolls down by a screen less one row.
    pub(crate) fn page_down(&mut self) {
        self.scroll_down(usize::from(self.height.max(2) - 1));
    }

    /// Goes to the oldest row, unless everything fits on the screen.
    pub fn home(&mut self) {
        let first = Anchor { index: 0, part: AnchorPart::Header };
        let top = Walker::at_anchor(&self.blocks, self.wrap_width(), &first);
        if let (Some(top), Some(end)) = (top, self.end_top())
            && end.spot > top.spot
        {
            self.stand(first);
        }
    }

    /// Goes to the end, and follows it.
    pub fn end(&mut self) {
        self.view = ScrollPosition::Follow;
    }

    /// Puts a block's header at the top of the screen, or as near as the rows below allow.
    pub(crate) fn jump_to_block(&mut self, block: u64) -> bool {
        let Some(index) = self.index(block) else { return false };
        self.stand(Anchor { index, part: AnchorPart::Header });
        true
    }

    /// Puts a line at the top of the screen, or as near as the rows below allow; unfolds its block.
    pub fn jump(&mut self, block: u64, line: u64) -> bool {
        let Some(index) = self.index(block) else { return false };
        self.blocks[index].set_folded(false);
        self.stand(Anchor { index, part: AnchorPart::Line { line, offset: 0 } });
        true
    }

    /// Shows a match: where it is if it is on the screen, else a third of the screen down. Unfolds its block.
    pub(crate) fn reveal(&mut self, found: &Match) -> bool {
        let Some(index) = self.index(found.block) else { return false };
        self.blocks[index].set_folded(false);
        let part = AnchorPart::Line { line: found.line, offset: found.range.start };
        let target = Anchor { index, part };
        let height = usize::from(self.height);
        let Some(mut walker) = Walker::at_anchor(&self.blocks, self.wrap_width(), &target) else {
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
        self.scroll_to(index, found.line, &found.range);
        true
    }

    pub(crate) fn top_position(&self) -> Option<Position> {
        self.top().map(|walker| self.position(walker.spot))
    }

    /// The top row when the last row is at the bottom.
    fn end_top(&self) -> Option<Walker<'_>> {
        let mut walker = Walker::at_end(&self.blocks, self.wrap_width())?;
        walker.walk(usize::from(self.height) - 1, Walker::up);
        Some(walker)
    }

    /// The top row. It is never further down than `end_top`, which would leave a part of the screen empty.
    pub(crate) fn top(&self) -> Option<Walker<'_>> {
        let end = self.end_top()?;
        let ScrollPosition::Anchor(anchor) = &self.view else { return Some(end) };
        let here = Walker::at_anchor(&self.blocks, self.wrap_width(), anchor)?;
        Some(if here.spot < end.spot { here } else { end })
    }

    fn position(&self, spot: Spot) -> Position {
        Position { block: self.blocks[spot.index].id(), part: spot.part }
    }

    /// Moves an anchor that is below `end_top` to it, before rows are added or removed below: the rows at the top of the
    /// screen must stay.
    pub(crate) fn settle(&mut self) {
        if let ScrollPosition::Anchor(anchor) = &self.view
            && let Some(mut end) = self.end_top()
            && let Some(here) = Walker::at_anchor(&self.blocks, self.wrap_width(), anchor)
            && here.spot > end.spot
        {
            self.view = ScrollPosition::Anchor(end.anchor());
        }
    }

    /// Sets the anchor. What is on the screen before and after counts as seen; everything does if the screen followed.
    fn stand(&mut self, anchor: Anchor) {
        if self.is_following() {
            for block in &mut self.blocks {
                block.seen = block.lines().end;
            }
        }
        self.note_seen();
        self.view = ScrollPosition::Anchor(anchor);
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

    /// Number of lines below a row that were added since the user stopped following.
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

/// Columns of a line before a byte.
fn columns(line: &Line<'_>, offset: usize) -> usize {
    if line.ascii {
        return offset;
    }
    clusters(&line.text()[..offset]).map(|(_, _, width)| width).sum()
}

/// The number after the last line of a block that is not below a row.
fn seen_in(block: &Block, index: usize, bottom: Spot) -> u64 {
    match bottom.part {
        _ if index < bottom.index => block.lines().end,
        Part::Line { line, .. } if index == bottom.index => line + 1,
        Part::Blank if index == bottom.index => block.lines().end,
        _ => 0,
    }
}

#[cfg(test)]
#[path = "viewport_tests.rs"]
mod tests;
