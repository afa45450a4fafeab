//! Geometry: the order of rows. Only lines that are looked at are wrapped.

use std::rc::Rc;

use super::block::Block;
use super::characters::Wrap;
use super::line::Line;

/// The position of the screen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ScrollPosition {
    /// At the end, also when output is added.
    Follow,
    /// The anchor is the screen's top row, also when output is added.
    Anchor(Anchor),
}

/// A position that is independent of the width.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Anchor {
    pub(crate) index: usize,
    pub(crate) part: AnchorPart,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum AnchorPart {
    Header,
    /// The row that holds this byte of the line.
    Line {
        line: u64,
        offset: usize,
    },
    /// The row that holds this byte of the marker for dropped lines. The marker has the number of the last dropped line, but
    /// an anchor in that line does not mean the same byte of the marker.
    Dropped {
        offset: usize,
    },
    Blank,
}

/// A row at the current width. Their order is the order on the screen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Spot {
    pub(crate) index: usize,
    pub(crate) part: Part,
}

/// The part of a block that a row shows, in the order on the screen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Part {
    Header,
    /// A row of a wrapped line, both counted from 0.
    Line {
        line: u64,
        row: u32,
    },
    Blank,
}

#[derive(Debug)]
pub(crate) struct Wrapped<'a> {
    pub(crate) line: Line<'a>,
    pub(crate) wrap: Wrap,
}

/// Walks through rows one by one, and wraps each line once.
#[derive(Debug)]
pub(crate) struct Walker<'a> {
    blocks: &'a [Block],
    width: u16,
    pub(crate) spot: Spot,
    cache: Option<(usize, u64, Rc<Wrapped<'a>>)>,
}

impl<'a> Walker<'a> {
    pub(crate) fn new(blocks: &'a [Block], width: u16, spot: Spot) -> Self {
        Self { blocks, width, spot, cache: None }
    }

    pub(crate) fn at_end(blocks: &'a [Block], width: u16) -> Option<Self> {
        let index = blocks.len().checked_sub(1)?;
        let mut walker = Self::new(blocks, width, Spot { index, part: Part::Header });
        walker.spot.part = walker.last_part(index);
        Some(walker)
    }

    /// At the row of an anchor, or the nearest one that still exists.
    pub(crate) fn at_anchor(blocks: &'a [Block], width: u16, anchor: &Anchor) -> Option<Self> {
        let index = anchor.index;
        let block = blocks.get(index)?;
        let mut walker = Self::new(blocks, width, Spot { index, part: Part::Header });
        let lines = block.shown();
        let first_kept = lines.start.max(block.store().dropped());
        walker.spot.part = match anchor.part {
            AnchorPart::Header => walker.first_part(index),
            AnchorPart::Blank if index + 1 < blocks.len() => Part::Blank,
            AnchorPart::Blank => walker.last_part(index),
            _ if lines.is_empty() => Part::Header,
            AnchorPart::Line { line, .. } if line < first_kept => {
                walker.first_row(index, lines.start)
            }
            AnchorPart::Line { line, .. } if line >= lines.end => walker.last_part(index),
            AnchorPart::Line { line, offset } => walker.row_of(index, line, offset),
            AnchorPart::Dropped { offset } => walker.row_of(index, lines.start, offset),
        };
        Some(walker)
    }

    pub(crate) fn anchor(&mut self) -> Anchor {
        let Spot { index, part } = self.spot;
        let part = match part {
            Part::Header => AnchorPart::Header,
            Part::Blank => AnchorPart::Blank,
            Part::Line { line, row } => {
                let offset = self.wrapped(index, line).map_or(0, |w| w.wrap.row(row).start);
                if line < self.blocks[index].store().dropped() {
                    AnchorPart::Dropped { offset }
                } else {
                    AnchorPart::Line { line, offset }
                }
            }
        };
        Anchor { index, part }
    }

    /// Moves one row down; returns false at the end.
    pub(crate) fn down(&mut self) -> bool {
        let Spot { index, part } = self.spot;
        let block = &self.blocks[index];
        let lines = block.shown();
        let next = match part {
            Part::Blank => Some(Spot { index: index + 1, part: self.first_part(index + 1) }),
            Part::Header if !lines.is_empty() => {
                Some(Spot { index, part: self.first_row(index, lines.start) })
            }
            Part::Line { line, row } if row + 1 < self.rows(index, line) => {
                Some(Spot { index, part: Part::Line { line, row: row + 1 } })
            }
            Part::Line { line, .. } if line + 1 < lines.end => {
                Some(Spot { index, part: Part::Line { line: line + 1, row: 0 } })
            }
            _ => (index + 1 < self.blocks.len()).then_some(Spot { index, part: Part::Blank }),
        };
        self.go(next)
    }

    /// Moves one row up; returns false at the top.
    pub(crate) fn up(&mut self) -> bool {
        let Spot { index, part } = self.spot;
        let next = match part {
            part if part == self.first_part(index) => {
                index.checked_sub(1).map(|index| Spot { index, part: Part::Blank })
            }
            Part::Blank => Some(Spot { index, part: self.last_part(index) }),
            Part::Line { line, row } if self.first_row(index, line) < part => {
                Some(Spot { index, part: Part::Line { line, row: row - 1 } })
            }
            Part::Line { line, .. } if line > self.blocks[index].shown().start => {
                Some(Spot { index, part: self.last_row(index, line - 1) })
            }
            Part::Header | Part::Line { .. } => Some(Spot { index, part: Part::Header }),
        };
        self.go(next)
    }

    /// Moves up to `rows` rows; returns how many.
    pub(crate) fn walk(&mut self, rows: usize, step: impl Fn(&mut Self) -> bool) -> usize {
        (0..rows).take_while(|_| step(self)).count()
    }

    pub(crate) fn current(&mut self) -> Option<Rc<Wrapped<'a>>> {
        match self.spot.part {
            Part::Line { line, .. } => self.wrapped(self.spot.index, line),
            _ => None,
        }
    }

    fn go(&mut self, next: Option<Spot>) -> bool {
        if let Some(spot) = next {
            self.spot = spot;
        }
        next.is_some()
    }

    /// The first row of a block: its header, or of a block without one the first row of its first line.
    fn first_part(&mut self, index: usize) -> Part {
        let block = &self.blocks[index];
        match block.shown() {
            lines if block.has_header() || lines.is_empty() => Part::Header,
            lines => self.first_row(index, lines.start),
        }
    }

    /// The last row of a block before its blank row.
    fn last_part(&mut self, index: usize) -> Part {
        let block = &self.blocks[index];
        let lines = block.shown();
        if lines.is_empty() { Part::Header } else { self.last_row(index, lines.end - 1) }
    }

    /// The first row of a line. A folded block shows only the last row of it.
    fn first_row(&mut self, index: usize, line: u64) -> Part {
        if self.blocks[index].is_folded() {
            self.last_row(index, line)
        } else {
            Part::Line { line, row: 0 }
        }
    }

    /// The row that holds a byte of a line.
    fn row_of(&mut self, index: usize, line: u64, offset: usize) -> Part {
        let row = self.wrapped(index, line).map_or(0, |wrapped| wrapped.wrap.row_of(offset));
        self.first_row(index, line).max(Part::Line { line, row })
    }

    fn last_row(&mut self, index: usize, line: u64) -> Part {
        Part::Line { line, row: self.rows(index, line) - 1 }
    }

    fn rows(&mut self, index: usize, line: u64) -> u32 {
        self.wrapped(index, line).map_or(1, |wrapped| wrapped.wrap.rows())
    }

    fn wrapped(&mut self, index: usize, number: u64) -> Option<Rc<Wrapped<'a>>> {
        if let Some((i, n, wrapped)) = &self.cache
            && (*i, *n) == (index, number)
        {
            return Some(Rc::clone(wrapped));
        }
        let line = self.blocks[index].line(number)?;
        let wrap = line.wrap(self.width);
        let wrapped = Rc::new(Wrapped { line, wrap });
        self.cache = Some((index, number, Rc::clone(&wrapped)));
        Some(wrapped)
    }
}
