//! Search: literal, and case-insensitive unless the text has a capital letter.
//!
//! `memmem` searches the text of a chunk as one piece; a result across the end of a line is not a match. To ignore case,
//! ASCII is first copied in lower case, which keeps every offset.

use std::ops::Range;

use memchr::memmem::Finder;

use super::block::Block;
use super::chunk::Chunk;
use super::geometry::Part;
use super::pane::Pane;

/// A text to search for.
#[derive(Clone, Debug)]
pub struct Needle {
    matcher: Matcher,
}

#[derive(Clone, Debug)]
enum Matcher {
    Exact(Finder<'static>),
    /// ASCII in lower case; the text is searched in lower case too.
    Ascii(Finder<'static>),
    /// Each character in both cases. The finders search for the first one.
    Unicode {
        heads: Vec<Finder<'static>>,
        tail: Vec<[String; 2]>,
    },
}

impl Matcher {
    fn unicode(text: &str) -> Self {
        let mut cases = text.chars().map(both_cases);
        let mut heads = Vec::from(cases.next().unwrap_or_default());
        heads.dedup();
        let heads = heads.iter().map(|head| Finder::new(head).into_owned()).collect();
        Self::Unicode { heads, tail: cases.collect() }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Match {
    pub(crate) block: u64,
    pub(crate) line: u64,
    /// In bytes of the line's text.
    pub(crate) range: Range<usize>,
}

/// How to continue after a result.
enum Next {
    /// After it.
    Skip,
    /// It is not a match: continue within it.
    Retry,
    Stop,
}

/// Block, line, byte: the order of the matches.
type Key = (usize, u64, usize);

impl Needle {
    /// A literal text; `None` if it is empty. With a capital letter in it the search is case-sensitive.
    pub fn new(text: &str) -> Option<Self> {
        if text.is_empty() {
            return None;
        }
        let matcher = if text.contains(char::is_uppercase) {
            Matcher::Exact(Finder::new(text).into_owned())
        } else if text.is_ascii() {
            Matcher::Ascii(Finder::new(text).into_owned())
        } else {
            Matcher::unicode(text)
        };
        Some(Self { matcher })
    }

    pub(crate) fn matches(&self, line: &str) -> Vec<Range<usize>> {
        let mut found = Vec::new();
        self.each(line, &mut Vec::new(), |range| {
            found.push(range);
            Next::Skip
        });
        found
    }

    fn each(&self, text: &str, lower: &mut Vec<u8>, f: impl FnMut(Range<usize>) -> Next) {
        match &self.matcher {
            Matcher::Exact(finder) => each_literal(finder, text.as_bytes(), f),
            Matcher::Ascii(finder) => {
                lower.clear();
                lower.extend(text.as_bytes().iter().map(u8::to_ascii_lowercase));
                each_literal(finder, lower, f);
            }
            Matcher::Unicode { heads, tail } => each_in_any_case(heads, tail, text, f),
        }
    }

    /// Calls `f` for the matches in a chunk, from byte `start` of it on, until `f` returns false.
    fn each_in_chunk(
        &self,
        chunk: &Chunk,
        start: usize,
        lower: &mut Vec<u8>,
        mut f: impl FnMut(u64, Range<usize>) -> bool,
    ) {
        let mut line = 0;
        let mut bounds = 0..0;
        self.each(&chunk.text()[start..], lower, |range| {
            let range = start + range.start..start + range.end;
            if range.start >= bounds.end {
                line = chunk.line_at(range.start);
                bounds = chunk.range(line);
            }
            if range.end > bounds.end {
                return Next::Retry;
            }
            let within = range.start - bounds.start..range.end - bounds.start;
            if f(chunk.first + line as u64, within) { Next::Skip } else { Next::Stop }
        });
    }
}

fn each_literal(finder: &Finder<'_>, bytes: &[u8], mut f: impl FnMut(Range<usize>) -> Next) {
    let length = finder.needle().len();
    let mut at = 0;
    while let Some(found) = finder.find(&bytes[at..]) {
        let start = at + found;
        at = match f(start..start + length) {
            Next::Skip => start + length,
            Next::Retry => start + 1,
            Next::Stop => return,
        };
    }
}

fn each_in_any_case(
    heads: &[Finder<'_>],
    tail: &[[String; 2]],
    text: &str,
    mut f: impl FnMut(Range<usize>) -> Next,
) {
    let bytes = text.as_bytes();
    let find = |head: &Finder<'_>, from: usize| {
        let found = head.find(bytes.get(from..).unwrap_or_default())?;
        Some((from + found, from + found + head.needle().len()))
    };
    // The next result of each head; searched again only when it was passed.
    let mut next: Vec<_> = heads.iter().map(|head| find(head, 0)).collect();
    let mut at = 0;
    loop {
        for (head, place) in heads.iter().zip(&mut next) {
            if place.is_some_and(|(start, _)| start < at) {
                *place = find(head, at);
            }
        }
        let Some((start, head_end)) = next.iter().flatten().min().copied() else { return };
        let end = tail.iter().try_fold(head_end, |end, cases| {
            let case = cases.iter().find(|case| bytes[end..].starts_with(case.as_bytes()))?;
            Some(end + case.len())
        });
        at = match end.map(|end| (end, f(start..end))) {
            Some((end, Next::Skip)) => end,
            Some((_, Next::Stop)) => return,
            Some((_, Next::Retry)) | None => head_end,
        };
    }
}

/// A character and its capital, where that is one character.
fn both_cases(c: char) -> [String; 2] {
    let mut upper = c.to_uppercase();
    let capital = match (upper.next(), upper.next()) {
        (Some(capital), None) => capital,
        _ => c,
    };
    [c.to_string(), capital.to_string()]
}

impl Pane {
    /// The next match after another, or from the top of the screen on. Wraps around at the end.
    pub(crate) fn next_match(&self, needle: &Needle, after: Option<&Match>) -> Option<Match> {
        let from = match after.and_then(|m| Some((self.index(m.block)?, m))) {
            Some((index, m)) => (index, m.line, m.range.end),
            None => self.top_key(),
        };
        // Each part is searched once.
        let end = (self.blocks.len(), 0, 0);
        self.forward(needle, from, end).or_else(|| self.forward(needle, (0, 0, 0), from))
    }

    /// The match before another, or before the top of the screen. Wraps around at the beginning.
    pub(crate) fn previous_match(&self, needle: &Needle, before: Option<&Match>) -> Option<Match> {
        let to = match before.and_then(|m| Some((self.index(m.block)?, m))) {
            Some((index, m)) => (index, m.line, m.range.start),
            None => self.top_key(),
        };
        let end = (self.blocks.len(), 0, 0);
        self.backward(needle, (0, 0, 0), to).or_else(|| self.backward(needle, to, end))
    }

    /// Number of matches, at most `limit`.
    pub fn count_matches(&self, needle: &Needle, limit: usize) -> usize {
        let (mut count, mut lower) = (0, Vec::new());
        for block in &self.blocks {
            each_forward(block, needle, (0, 0), u64::MAX, &mut lower, |_, _| {
                count += 1;
                count < limit
            });
            if count >= limit {
                return limit;
            }
        }
        count
    }

    fn top_key(&self) -> Key {
        match self.top().map(|walker| walker.spot) {
            None => (0, 0, 0),
            Some(spot) => match spot.part {
                Part::Header => (spot.index, 0, 0),
                Part::Line { line, .. } => (spot.index, line, 0),
                Part::Blank => (spot.index + 1, 0, 0),
            },
        }
    }

    /// The first match from a position on, in the chunks up to another position.
    fn forward(&self, needle: &Needle, from: Key, to: Key) -> Option<Match> {
        let mut lower = Vec::new();
        let blocks = self.blocks.iter().enumerate().take(to.0 + 1).skip(from.0);
        blocks.into_iter().find_map(|(index, block)| {
            let start = if index == from.0 { (from.1, from.2) } else { (0, 0) };
            let last = if index == to.0 { to.1 } else { u64::MAX };
            let mut found = None;
            each_forward(block, needle, start, last, &mut lower, |line, range| {
                found = Some(Match { block: block.id(), line, range });
                false
            });
            found
        })
    }

    /// The last match before a position, in the chunks down to another position.
    fn backward(&self, needle: &Needle, from: Key, to: Key) -> Option<Match> {
        let mut lower = Vec::new();
        let blocks = self.blocks.iter().enumerate().take(to.0 + 1).skip(from.0);
        blocks.rev().find_map(|(index, block)| {
            let first = if index == from.0 { from.1 } else { 0 };
            let end = if index == to.0 { (to.1, to.2) } else { (u64::MAX, 0) };
            let (line, range) = last_before(block, needle, first, end, &mut lower)?;
            Some(Match { block: block.id(), line, range })
        })
    }
}

/// Calls `f` for the matches of a block from a line's byte on, until it returns false. Skips chunks that begin after the
/// line `last`.
fn each_forward(
    block: &Block,
    needle: &Needle,
    (line, offset): (u64, usize),
    last: u64,
    lower: &mut Vec<u8>,
    mut f: impl FnMut(u64, Range<usize>) -> bool,
) {
    let store = block.store();
    let mut going = true;
    if let Some(first) = store.chunk_of(line.max(store.dropped())) {
        let chunks = (first..).map_while(|i| store.chunk(i));
        for chunk in chunks.take_while(|chunk| chunk.first <= last) {
            let start = match line.checked_sub(chunk.first) {
                Some(i) => {
                    let range = chunk.range(i as usize);
                    (range.start + offset).min(range.end)
                }
                None => 0,
            };
            needle.each_in_chunk(chunk, start, lower, |line, range| {
                going = f(line, range);
                going
            });
            if !going {
                return;
            }
        }
    }
    for number in line.max(store.next())..block.lines().end {
        let Some(open) = block.line(number) else { continue };
        for range in needle.matches(open.text()) {
            if (number, range.start) >= (line, offset) && !f(number, range) {
                return;
            }
        }
    }
}

/// The last match of a block that starts before a line's byte. Skips chunks that end before the line `first`.
fn last_before(
    block: &Block,
    needle: &Needle,
    first: u64,
    end: (u64, usize),
    lower: &mut Vec<u8>,
) -> Option<(u64, Range<usize>)> {
    let store = block.store();
    for number in (store.next()..block.lines().end).rev().filter(|number| *number <= end.0) {
        let Some(open) = block.line(number) else { continue };
        let mut found = needle.matches(open.text()).into_iter().rev();
        if let Some(range) = found.find(|range| (number, range.start) < end) {
            return Some((number, range));
        }
    }
    let last = store.chunk_of(end.0.min(store.next().checked_sub(1)?))?;
    let first = store.chunk_of(first.max(store.dropped())).unwrap_or(last);
    (first..=last).rev().filter_map(|i| store.chunk(i)).find_map(|chunk| {
        let mut found = None;
        needle.each_in_chunk(chunk, 0, lower, |line, range| {
            let before = (line, range.start) < end;
            if before {
                found = Some((line, range));
            }
            before
        });
        found
    })
}

#[cfg(test)]
#[path = "search_tests.rs"]
mod tests;
