//! A line as it is read back: its text, where it came from, and its styles.

use std::borrow::Cow;

use super::characters::Wrap;
use super::chunk::Run;
use super::style::TextStyle;

/// Where a line came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LineKind {
    /// The program's standard output.
    Stdout,
    /// The program's standard error.
    Stderr,
    /// Not the program: a gap, an eviction, a word of the client's own.
    Marker,
}

/// From `start` on (a byte of the line) the text looks like this.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) start: u32,
    pub(crate) style: TextStyle,
}

/// One line of a block.
#[derive(Clone, Debug)]
pub struct Line<'a> {
    /// Its number in the block, from 0; it stays when older lines go.
    pub number: u64,
    /// Where it came from.
    pub kind: LineKind,
    /// The program wrote no line end before it: the line before was too long to keep in one.
    pub continues: bool,
    pub(crate) ascii: bool,
    pub(crate) text: Cow<'a, str>,
    pub(crate) spans: Spans<'a>,
}

/// The style runs of a line.
#[derive(Clone, Debug)]
pub(crate) enum Spans<'a> {
    /// A stored line's, still with their offsets in the chunk; the line starts at `base`.
    Stored { runs: &'a [Run], styles: &'a [TextStyle], base: u32 },
    /// An open line's own.
    Own(Cow<'a, [Span]>),
}

impl Line<'_> {
    /// The text, without styles, controls or a line end.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The style changes, in order: from this byte on, this style. Before the first it is plain.
    pub fn styles(&self) -> impl Iterator<Item = (usize, TextStyle)> {
        (0..self.spans.len()).map(|i| self.spans.get(i))
    }

    pub(crate) fn wrap(&self, width: u16) -> Wrap {
        Wrap::new(&self.text, self.ascii, width)
    }
}

impl Spans<'_> {
    pub(crate) const NONE: Spans<'static> = Spans::Own(Cow::Borrowed(&[]));

    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Stored { runs, .. } => runs.len(),
            Self::Own(spans) => spans.len(),
        }
    }

    pub(crate) fn get(&self, i: usize) -> (usize, TextStyle) {
        match self {
            Self::Stored { runs, styles, base } => {
                (runs[i].start.saturating_sub(*base) as usize, styles[runs[i].style as usize])
            }
            Self::Own(spans) => (spans[i].start as usize, spans[i].style),
        }
    }

    /// How many runs start at or before a byte.
    pub(crate) fn up_to(&self, offset: usize) -> usize {
        let (mut low, mut high) = (0, self.len());
        while low < high {
            let middle = low + (high - low) / 2;
            if self.get(middle).0 <= offset {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        low
    }
}
