//! Chunk: up to 64 KiB of a block's text, with the ends of its lines and its style runs.

use std::collections::HashMap;
use std::ops::Range;

use super::line::{Line, LineKind, Span, Spans};
use super::style::TextStyle;

/// From byte `start` of the chunk on, text has this style (an index into the chunk's table).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Run {
    pub(crate) start: u32,
    pub(crate) style: u32,
}

const END: u32 = (1 << 24) - 1;
const STDERR: u32 = 1 << 24;
const MARKER: u32 = 1 << 25;
const CONTINUES: u32 = 1 << 26;
const ASCII: u32 = 1 << 27;

/// Up to this number, styles are searched linearly.
const FEW_STYLES: usize = 16;

#[derive(Clone, Copy, Debug)]
pub(crate) struct LineFacts {
    pub(crate) kind: LineKind,
    pub(crate) continues: bool,
    pub(crate) ascii: bool,
}

/// Lines that are kept and dropped together.
#[derive(Debug)]
pub(crate) struct Chunk {
    pub(crate) first: u64,
    text: String,
    /// The end of each line in the lower 24 bits, its properties above.
    lines: Vec<u32>,
    runs: Vec<Run>,
    /// The styles of the runs; the first is the plain one. The chunk holds them, not the block, so that they are released
    /// with its text.
    styles: Vec<TextStyle>,
    /// Index of `styles` while the chunk grows.
    index: HashMap<TextStyle, u32>,
}

impl Chunk {
    /// Memory beside its contents.
    const OVERHEAD: usize = size_of::<Self>() + size_of::<TextStyle>();

    pub(crate) fn new(first: u64) -> Self {
        Self {
            first,
            text: String::new(),
            lines: Vec::new(),
            runs: Vec::new(),
            styles: vec![TextStyle::default()],
            index: HashMap::new(),
        }
    }

    pub(crate) fn push(&mut self, text: &str, spans: &[Span], facts: LineFacts) {
        let base = self.text.len() as u32;
        if !text.is_empty() {
            if spans.first().is_none_or(|span| span.start > 0) {
                self.set_style(base, TextStyle::default());
            }
            for span in spans {
                self.set_style(base + span.start, span.style);
            }
        }
        self.text.push_str(text);
        let mut line = self.text.len() as u32;
        match facts.kind {
            LineKind::Stdout => {}
            LineKind::Stderr => line |= STDERR,
            LineKind::Marker => line |= MARKER,
        }
        if facts.continues {
            line |= CONTINUES;
        }
        if facts.ascii {
            line |= ASCII;
        }
        self.lines.push(line);
    }

    /// Removes the last line and returns it.
    pub(crate) fn pop(&mut self) -> Option<(String, Vec<Span>, LineFacts)> {
        let last = self.lines.len().checked_sub(1)?;
        let start = self.range(last).start;
        let line = self.line(last);
        let facts = LineFacts { kind: line.kind, continues: line.continues, ascii: line.ascii };
        let spans = line.styles().map(|(start, style)| Span { start: start as u32, style });
        let (spans, text) = (spans.collect(), line.text().to_owned());
        self.lines.pop();
        self.text.truncate(start);
        while self.runs.pop_if(|run| run.start as usize >= start).is_some() {}
        Some((text, spans, facts))
    }

    pub(crate) fn style_count(&self) -> usize {
        self.styles.len()
    }

    fn set_style(&mut self, start: u32, style: TextStyle) {
        let current = self.runs.last().map_or(0, |run| run.style);
        if self.styles[current as usize] == style {
            return;
        }
        let style = self.intern(style);
        self.runs.push(Run { start, style });
    }

    fn intern(&mut self, style: TextStyle) -> u32 {
        // Most programs use a few.
        let few = self.styles.iter().take(FEW_STYLES);
        if let Some(id) = few.into_iter().position(|known| *known == style) {
            return id as u32;
        }
        let next = self.styles.len() as u32;
        let id = *self.index.entry(style).or_insert(next);
        if id == next {
            self.styles.push(style);
        }
        id
    }

    /// Releases the memory that was reserved for growth.
    pub(crate) fn seal(&mut self) {
        self.text.shrink_to_fit();
        self.lines.shrink_to_fit();
        self.runs.shrink_to_fit();
        self.styles.shrink_to_fit();
        self.index = HashMap::new();
    }

    pub(crate) fn cost(&self) -> usize {
        Self::OVERHEAD
            + self.text.len()
            + self.lines.len() * size_of::<u32>()
            + self.runs.len() * size_of::<Run>()
            + self.styles.len() * size_of::<TextStyle>()
    }

    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    pub(crate) fn line_count(&self) -> usize {
        self.lines.len()
    }

    pub(crate) fn range(&self, i: usize) -> Range<usize> {
        let start = i.checked_sub(1).map_or(0, |before| self.lines[before] & END);
        start as usize..(self.lines[i] & END) as usize
    }

    /// Index of the line that holds a byte.
    pub(crate) fn line_at(&self, offset: usize) -> usize {
        self.lines.partition_point(|line| (line & END) as usize <= offset)
    }

    pub(crate) fn line(&self, i: usize) -> Line<'_> {
        let range = self.range(i);
        let (start, end) = (range.start as u32, range.end as u32);
        let from = self.runs.partition_point(|run| run.start <= start).saturating_sub(1);
        let to = self.runs.partition_point(|run| run.start < end).max(from);
        let facts = self.lines[i];
        let spans = if start == end {
            Spans::NONE
        } else {
            Spans::Stored { runs: &self.runs[from..to], styles: &self.styles, base: start }
        };
        Line {
            number: self.first + i as u64,
            kind: match facts & (STDERR | MARKER) {
                0 => LineKind::Stdout,
                STDERR => LineKind::Stderr,
                _ => LineKind::Marker,
            },
            continues: facts & CONTINUES != 0,
            ascii: facts & ASCII != 0,
            text: self.text[range].into(),
            spans,
        }
    }
}
