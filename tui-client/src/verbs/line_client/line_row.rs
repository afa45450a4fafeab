//! The row of the terminal behind the prompt, and the text that brings it up to date: printed characters, spaces and backspaces.

use std::ops::Range;

use unicode_segmentation::UnicodeSegmentation;

use crate::text::fit;

/// What the terminal shows of the line.
#[derive(Debug, Default)]
pub(super) struct LineRow {
    /// Columns behind the prompt.
    room: usize,
    /// Where in the line the shown part begins, in bytes.
    from: usize,
    text: String,
    /// The column of the cursor, from the beginning of `text`.
    column: usize,
}

impl LineRow {
    /// An empty row.
    pub(super) fn new(room: usize) -> Self {
        Self { room, ..Self::default() }
    }

    /// Shows a line with the cursor at this byte of it; what the terminal gets is added to `out`.
    pub(super) fn show(&mut self, line: &str, cursor: usize, out: &mut String) {
        let range = window(line, cursor, self.from, self.room);
        let column = fit::width(&line[range.start..cursor]);
        let next = &line[range.clone()];
        rewrite(out, self, next, column);
        *self = Self { room: self.room, from: range.start, text: next.to_owned(), column };
    }

    /// Empties the row and the `prompt` columns before it, and goes to the first column.
    pub(super) fn erase(&self, prompt: usize, out: &mut String) {
        let wide = prompt + fit::width(&self.text);
        back(out, prompt + self.column);
        out.push_str(&" ".repeat(wide));
        back(out, wide);
    }
}

/// The part of a line to show in `room` columns: it holds the cursor, and stays where it was (`from`) if it can.
fn window(text: &str, cursor: usize, from: usize, room: usize) -> Range<usize> {
    let fits = |start: usize| fit::width(&text[start..cursor]) < room;
    let mut start = from.min(text.len());
    if fit::width(text) < room {
        start = 0;
    } else if start > cursor || !text.is_char_boundary(start) || !fits(start) {
        // Half of the room before the cursor, so that it does not move with each key.
        start = cursor;
        for (at, _) in text[..cursor].grapheme_indices(true).rev() {
            if fit::width(&text[at..cursor]) > room / 2 {
                break;
            }
            start = at;
        }
    }
    let (mut end, mut used) = (start, 0);
    for cluster in text[start..].graphemes(true) {
        used += fit::width(cluster);
        if used > room {
            break;
        }
        end += cluster.len();
    }
    start..end.max(cursor)
}

/// Writes what turns `shown` into `next` with the cursor in this column.
fn rewrite(out: &mut String, shown: &LineRow, next: &str, column: usize) {
    let old = shown.text.as_str();
    if old == next {
        go(out, next, shown.column, column);
        return;
    }
    let alike = old.graphemes(true).zip(next.graphemes(true)).take_while(|(a, b)| a == b);
    let same: usize = alike.map(|(cluster, _)| cluster.len()).sum();
    go(out, old, shown.column, fit::width(&old[..same]));
    out.push_str(&next[same..]);
    let (was, is) = (fit::width(old), fit::width(next));
    let over = was.saturating_sub(is);
    out.push_str(&" ".repeat(over));
    back(out, over);
    go(out, next, is, column);
}

/// Moves the cursor within a text that is shown.
fn go(out: &mut String, text: &str, from: usize, to: usize) {
    back(out, from.saturating_sub(to));
    let mut at = 0;
    for cluster in text.graphemes(true) {
        if at >= to {
            break;
        }
        if at >= from {
            out.push_str(cluster);
        }
        at += fit::width(cluster);
    }
}

fn back(out: &mut String, columns: usize) {
    out.extend(std::iter::repeat_n('\u{8}', columns));
}
