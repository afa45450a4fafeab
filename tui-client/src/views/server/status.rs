//! Draws the status of the server: first the figures that change, with bars, then the rest in words.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::app::overlay::room;
use crate::app::server::status::{Figure, Figures, LABELS, StatusLine, rows, width};
use crate::app::{Size, State};
use crate::text::times;
use crate::theme::Theme;
use crate::theme::glyphs::BARS;
use crate::views::overlay_frame;
use crate::views::row::Row;

/// From this width on the least and the most have columns of their own.
const WIDE_FROM: u16 = 50;
/// Columns of a figure.
const FIGURE: usize = 10;
/// The same where there is little room.
const SLIM: usize = 8;

pub(crate) fn draw(state: &State, top: usize, area: Rect, buffer: &mut Buffer, theme: &Theme) {
    let Some(console) = state.console() else { return };
    let Size { height, .. } = room(Size { width: area.width, height: area.height });
    let rows = rows(state);
    let title = format!("Status of {}", console.name());
    let wanted = u16::try_from(rows.len().max(1) + 2).unwrap_or(u16::MAX).min(height);
    let inside = overlay_frame::centred(&title, width(state), wanted, area, buffer, theme);
    let page = inside.height.saturating_sub(1);
    if rows.is_empty() {
        Row::new(buffer, inside).left("Asking …", theme.dim);
    }
    let mut foot = Row::at(buffer, inside, inside.height.saturating_sub(1));
    if let Some(told) = &console.figures.told {
        foot.right(&times::clock(told.at.wall, &state.zone), theme.dim).skip_right(1);
    }
    let top = overlay_frame::reading(&mut foot, rows.len(), top, page, theme);
    for (y, line) in (0..page).zip(rows.iter().skip(top)) {
        let mut row = Row::at(buffer, inside, y);
        match line {
            StatusLine::Warning(begins, text) => {
                row.left(if *begins { "▲ " } else { "  " }, theme.warn).left(text, theme.plain);
            }
            StatusLine::Head => head(&mut row, theme),
            StatusLine::Bars(figure) => bars(&console.figures, *figure, &mut row, theme),
            StatusLine::Fact(label, text) => {
                row.column(label, usize::from(LABELS), theme.dim).left(text, theme.plain);
            }
        }
    }
}

fn head(row: &mut Row<'_>, theme: &Theme) {
    if row.room() < usize::from(WIDE_FROM) {
        row.skip(LABELS - 1).left(&format!("{:>SLIM$}", "now"), theme.dim);
        row.right("least–most", theme.dim);
        return;
    }
    row.skip(LABELS);
    for name in ["now", "least", "most"] {
        row.left(&format!("{name:>FIGURE$}"), theme.dim);
    }
    row.right("a bar a second, the newest right", theme.dim);
}

/// A figure: now, the least and the most of the samples, and a bar for each of as many as there is room for.
fn bars(figures: &Figures, figure: Figure, row: &mut Row<'_>, theme: &Theme) {
    let known = || figures.samples(figure).flatten();
    let least = known().min_by(f64::total_cmp);
    let most = known().max_by(f64::total_cmp);
    let now = figures.samples(figure).next_back().flatten();
    let words = |value: Option<f64>| value.map_or_else(|| "–".to_owned(), |v| figure.words(v));
    if row.room() < usize::from(WIDE_FROM) {
        row.column(figure.title(), usize::from(LABELS) - 1, theme.dim);
        row.left(&format!("{:>SLIM$}", words(now)), theme.plain).skip(1);
        if let Some((least, most)) = least.zip(most) {
            row.right(&range(&figure.words(least), &figure.words(most)), theme.dim).skip_right(1);
        }
    } else {
        row.column(figure.title(), usize::from(LABELS), theme.dim);
        for (value, style) in [(now, theme.plain), (least, theme.dim), (most, theme.dim)] {
            row.left(&format!("{:>FIGURE$}", words(value)), style);
        }
        row.skip(2);
    }
    let line = line_of_bars(figures.samples(figure), most.unwrap_or_default(), row.room());
    row.right(&line, theme.accent);
}

/// `1–4`, `12.1–12.4 MiB`: a unit that both have stands once.
fn range(least: &str, most: &str) -> String {
    let unit = |text: &str| text.split_once(' ').map(|(_, unit)| unit.to_owned());
    match least.split_once(' ') {
        _ if least == most => most.to_owned(),
        Some((number, _)) if unit(least) == unit(most) => format!("{number}–{most}"),
        _ => format!("{least}–{most}"),
    }
}

/// A bar for each of the newest samples, as high as its share of the most; none where the figure is unknown.
fn line_of_bars(
    samples: impl DoubleEndedIterator<Item = Option<f64>>,
    most: f64,
    room: usize,
) -> String {
    let bar = |sample: Option<f64>| match sample {
        Some(value) if most > 0.0 => {
            let steps = (BARS.len() - 1) as f64;
            BARS[((value / most * steps).round() as usize).min(BARS.len() - 1)]
        }
        Some(_) => BARS[0],
        None => ' ',
    };
    let newest: Vec<char> = samples.rev().take(room).map(bar).collect();
    newest.into_iter().rev().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_are_shares_of_the_most_and_the_newest_are_kept() {
        let samples = [Some(0.0), None, Some(3.0), Some(6.0), Some(1.0)];
        assert_eq!(line_of_bars(samples.into_iter(), 6.0, 9), "▁ ▄▇▂");
        assert_eq!(line_of_bars(samples.into_iter(), 6.0, 2), "▇▂");
        assert_eq!(line_of_bars([Some(0.0); 3].into_iter(), 0.0, 9), "▁▁▁");
    }

    #[test]
    fn a_unit_that_both_ends_of_a_range_have_stands_once() {
        assert_eq!(range("12.1 MiB", "12.4 MiB"), "12.1–12.4 MiB");
        assert_eq!(range("900 B", "1.0 KiB"), "900 B–1.0 KiB");
        assert_eq!(range("2", "2"), "2");
    }
}
