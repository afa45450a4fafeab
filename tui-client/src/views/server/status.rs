//! How the server stands: first what changes, as figures and as lines of bars, then the rest in words.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use topside_shared::methods::Status;
use topside_shared::text::{bytes, duration};

use crate::app::connection::{self, Link};
use crate::app::console::Console;
use crate::app::overlay::room;
use crate::app::server::status::{Figure, Figures, Rates, Told};
use crate::app::{Size, State};
use crate::scrollback::grouped;
use crate::text::{fit, times};
use crate::theme::Theme;
use crate::theme::glyphs::BARS;
use crate::views::overlay_frame;
use crate::views::row::Row;

/// Columns of the labels.
const LABELS: u16 = 9;
/// From this width on the least and the most have columns of their own.
const WIDE_FROM: u16 = 50;
/// Columns of a figure.
const FIGURE: usize = 10;
/// The same where there is little room.
const SLIM: usize = 8;

/// One row of the view.
pub(crate) enum Line {
    /// What must be seen first; whether it begins here.
    Warning(bool, String),
    /// The names of the columns.
    Head,
    Bars(Figure),
    /// A label, empty where a text goes on, and the text.
    Fact(&'static str, String),
}

/// Columns inside the box.
fn width(state: &State) -> u16 {
    room(state.size).width.min(state.size.width.saturating_sub(4))
}

/// All rows, the most wanted first.
pub(crate) fn rows(state: &State) -> Vec<Line> {
    let Some(console) = state.console() else { return Vec::new() };
    let figures = &console.figures;
    let room = usize::from(width(state));
    let mut rows = Vec::new();
    let mut warn = |text: &str| {
        let lines = fit::wrap(text, room.saturating_sub(2)).into_iter().enumerate();
        rows.extend(lines.map(|(nth, line)| Line::Warning(nth == 0, line)));
    };
    if !matches!(state.link, Link::Connected { .. }) {
        warn(&format!("These figures are old: {}.", connection::brief(state)));
    }
    if let Some(why) = &figures.failed {
        warn(&format!("The server was asked and did not tell: {why}"));
    }
    let Some(told) = &figures.told else { return rows };
    rows.push(Line::Head);
    rows.extend(Figure::ALL.map(Line::Bars));
    for (label, text) in facts(state, console, told) {
        let lines = fit::wrap(&text, room.saturating_sub(usize::from(LABELS)));
        for (nth, line) in lines.into_iter().enumerate() {
            rows.push(Line::Fact(if nth == 0 { label } else { "" }, line));
        }
    }
    rows
}

fn facts(state: &State, console: &Console, told: &Told) -> Vec<(&'static str, String)> {
    let Status { runs, load, listeners, workers, refusals, memory_bytes, .. } = &told.status;
    let mut facts = vec![(
        "runs",
        format!(
            "{} running, {} queued, {} started",
            grouped(runs.running),
            grouped(runs.queued),
            grouped(runs.started)
        ),
    )];
    facts.push(match load {
        Some([one, five, fifteen]) => {
            ("load", format!("{one:.2}, {five:.2}, {fifteen:.2} over 1, 5, 15 min"))
        }
        None => ("load", "the server does not tell it".to_owned()),
    });
    if memory_bytes.is_none() {
        facts.push(("memory", "the server does not tell it".to_owned()));
    }
    facts.push(("requests", format!("{} in all", grouped(told.status.requests))));
    let (received, sent) = (told.status.bytes.received, told.status.bytes.sent);
    let a_second = |of: fn(&Rates) -> f64| {
        told.rates
            .as_ref()
            .map_or_else(String::new, |rates| format!(" ({} a second)", bytes(of(rates) as u64)))
    };
    let (a, b) = (a_second(|rates| rates.received), a_second(|rates| rates.sent));
    facts.push(("bytes in", format!("{}{a}", bytes(received))));
    facts.push(("out", format!("{}{b}", bytes(sent))));
    let since = times::stamp(console.welcome.server.started_at, state.clock.wall, &state.zone);
    facts.push(("up", format!("{}, since {since}", duration(told.status.uptime_ms))));
    facts.push(("version", told.status.version.clone()));
    facts.push(("menu", format!("revision {}", told.status.revision)));
    let listens = listeners.iter().map(|at| format!("{} {}", at.transport, at.address));
    facts.extend(listens.map(|text| ("listens", text)));
    if listeners.is_empty() {
        facts.push(("listens", "nowhere".to_owned()));
    }
    facts.extend(workers.iter().map(|w| ("worker", format!("{}: {}", w.name, w.standing))));
    let refused: Vec<String> =
        refusals.iter().map(|(kind, count)| format!("{count} {kind}")).collect();
    let none = || "nobody and nothing since the start".to_owned();
    facts.push(("refused", if refused.is_empty() { none() } else { refused.join(", ") }));
    facts
}

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
            Line::Warning(begins, text) => {
                row.left(if *begins { "▲ " } else { "  " }, theme.warn).left(text, theme.plain);
            }
            Line::Head => head(&mut row, theme),
            Line::Bars(figure) => bars(&console.figures, *figure, &mut row, theme),
            Line::Fact(label, text) => {
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

/// A bar for each of the newest samples, as high as its share of the most; where nobody knows, none.
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
