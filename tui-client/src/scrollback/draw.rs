//! Draws rows into a buffer: text, styles, matches. No control character reaches a cell.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};

use super::characters::{clusters, symbol};
use super::geometry::Part;
use super::line::{Line, LineKind};
use super::style::TextStyle;
use super::viewport::{Frame, FrameRow};

/// Styles of the pane's own parts, and whether the program's colours are drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Look {
    /// Whether the program's colours are drawn; without them only attributes such as bold are.
    pub colours: bool,
    /// Markers: gaps, dropped lines.
    pub marker: Style,
    /// U+FFFD in place of a character that is not safe to show.
    pub replaced: Style,
    /// Matches of a search.
    pub matched: Style,
    /// The current match.
    pub current: Style,
}

impl Default for Look {
    /// Attributes only, which work on any screen.
    fn default() -> Self {
        let style = Style::new();
        Self {
            colours: true,
            marker: style.add_modifier(Modifier::DIM | Modifier::ITALIC),
            replaced: style.add_modifier(Modifier::REVERSED),
            matched: style.add_modifier(Modifier::REVERSED | Modifier::BOLD),
            current: style.add_modifier(Modifier::REVERSED | Modifier::BOLD | Modifier::UNDERLINED),
        }
    }
}

impl Frame<'_> {
    /// Draws a row's text into the first row of an area; returns at which of its edges the line continues. Headers and
    /// blank rows draw nothing: the caller draws headers.
    pub fn draw_row(
        &self,
        row: &FrameRow<'_>,
        area: Rect,
        buffer: &mut Buffer,
        look: &Look,
    ) -> Continues {
        let area = area.intersection(buffer.area);
        let none = Continues::default();
        let (Some(text), Part::Line { row, .. }) = (&row.text, row.position.part) else {
            return none;
        };
        if area.is_empty() {
            return none;
        }
        let line = &text.wrapped.line;
        let mut range = text.wrapped.wrap.row(row);
        let continues_left = self.left > 0 && !range.is_empty();
        // Columns still to be skipped. Where each byte has one column, they are skipped at once.
        let mut hidden = self.left;
        if line.ascii {
            range.start = (range.start + hidden).min(range.end);
            hidden = 0;
        }
        let matches = self.matches.get(text.nth).map_or(&[][..], Vec::as_slice);
        let mut pen = Pen::new(line, range.start, look);
        let mut matches = matches.iter().skip_while(|(m, _)| m.end <= range.start).peekable();
        let mut x = area.x;
        let mut continues_right = false;
        for (at, cluster, width) in clusters(&line.text()[range.clone()]) {
            let at = range.start + at;
            if hidden > 0 {
                // A wide character that the left edge cuts leaves a blank.
                let cut = width.saturating_sub(hidden);
                hidden = hidden.saturating_sub(width);
                x = x.saturating_add(u16::try_from(cut).unwrap_or(0)).min(area.right());
                continue;
            }
            let Some(end) = u16::try_from(width).ok().and_then(|w| x.checked_add(w)) else { break };
            // A wrapped row ends here, but for a character that is wider than the area.
            if end > area.right() {
                continues_right = self.unwrapped;
                break;
            }
            if width == 0 {
                continue;
            }
            let mut style = pen.style_at(at);
            while matches.next_if(|(m, _)| m.end <= at).is_some() {}
            if let Some((_, current)) = matches.peek().filter(|(m, _)| m.start < at + cluster.len())
            {
                style = style.patch(if *current { look.current } else { look.matched });
            }
            buffer[(x, area.y)].set_symbol(&symbol(cluster)).set_style(style);
            for hidden in x + 1..end {
                buffer[(hidden, area.y)].reset();
                buffer[(hidden, area.y)].set_style(style);
            }
            x = end;
        }
        Continues { left: continues_left, right: continues_right }
    }
}

/// The edges of the area at which a line that is not wrapped continues.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Continues {
    /// Text is hidden on the left.
    pub left: bool,
    /// Text is hidden on the right.
    pub right: bool,
}

/// The style at increasing positions of a line.
struct Pen<'a> {
    line: &'a Line<'a>,
    look: &'a Look,
    /// The next style change.
    next: usize,
    style: Style,
}

impl<'a> Pen<'a> {
    fn new(line: &'a Line<'a>, start: usize, look: &'a Look) -> Self {
        let next = line.spans.up_to(start);
        let mut pen = Self { line, look, next, style: Style::new() };
        pen.take(match next.checked_sub(1) {
            Some(i) => line.spans.get(i).1,
            None => TextStyle::default(),
        });
        pen
    }

    fn style_at(&mut self, at: usize) -> Style {
        while self.next < self.line.spans.len() {
            let (start, style) = self.line.spans.get(self.next);
            if start > at {
                break;
            }
            self.take(style);
            self.next += 1;
        }
        self.style
    }

    fn take(&mut self, style: TextStyle) {
        self.style = style.to_style(self.look.colours);
        if style.is_replaced() {
            self.style = self.style.patch(self.look.replaced);
        }
        if self.line.kind == LineKind::Marker {
            self.style = self.style.patch(self.look.marker);
        }
    }
}

#[cfg(test)]
#[path = "draw_tests.rs"]
mod tests;
