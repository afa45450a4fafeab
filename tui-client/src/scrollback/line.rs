//! A line of the scrollback: its text, its stream, and its styles.

use std::borrow::Cow;

use super::characters::Wrap;
use super::chunk::Run;
use super::style::TextStyle;

/// Where a line comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LineKind {
    Stdout,
    Stderr,
    /// The client: a gap, dropped lines, a message.
    Marker,
}

/// From byte `start` of the line on, text has this style.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) start: u32,
    pub(crate) style: TextStyle,
}

#[derive(Clone, Debug)]
pub(crate) struct Line<'a> {
    /// Number in the block, from 0; it stays when older lines are dropped.
    pub(crate) number: u64,
    pub(crate) kind: LineKind,
    /// Whether the line before was split because of its length, and goes on here.
    pub(crate) continues: bool,
    pub(crate) ascii: bool,
    pub(crate) text: Cow<'a, str>,
    pub(crate) spans: Spans<'a>,
}

/// The style runs of a line.
#[derive(Clone, Debug)]
pub(crate) enum Spans<'a> {
    /// Of a stored line, with offsets in the chunk; the line starts at `base`.
    Stored { runs: &'a [Run], styles: &'a [TextStyle], base: u32 },
    /// Of an open line.
    Own(Cow<'a, [Span]>),
}

impl Line<'_> {
    /// The text, without styles, control characters and line end.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// The style changes in order: the first byte and the style. Text before the first is plain.
    pub(crate) fn styles(&self) -> impl Iterator<Item = (usize, TextStyle)> {
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

    /// Number of runs that start at or before a byte.
    pub(crate) fn up_to(&self, offset: usize) -> usize {
        match self {
            Self::Stored { runs, base, .. } => {
                runs.partition_point(|run| run.start.saturating_sub(*base) as usize <= offset)
            }
            Self::Own(spans) => spans.partition_point(|span| span.start as usize <= offset),
        }
    }
}
