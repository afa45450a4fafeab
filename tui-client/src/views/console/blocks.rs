//! The response pane: a header for each block, and its output.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use topside_shared::records::RunState;
use topside_shared::signals;
use topside_shared::text::duration;

use crate::app::State;
use crate::app::console::Console;
use crate::app::console::layout::INDENT;
use crate::app::runs::{Info, Phase};
use crate::scrollback::{Block, LineKind, Part, grouped};
use crate::text::{fit, times};
use crate::theme::Theme;
use crate::widgets::row::Row;

/// Columns of the word for a block's state.
const WORD: usize = 10;
/// Columns of a duration.
const DURATION: usize = 8;
/// From this width on the header has a time too.
const TIME_FROM: u16 = 64;
/// From this width on the header says all of how a command ended.
const OUTCOME_FROM: u16 = 70;
/// From this width on the header has a duration.
const DURATION_FROM: u16 = 40;

/// Draws what is on the screen of the pane; returns how many lines came below it since the reader
/// stopped following.
pub(crate) fn draw(
    state: &State,
    console: &Console,
    place: Rect,
    buffer: &mut Buffer,
    theme: &Theme,
) -> u64 {
    let mut frame = console.runs.pane.frame();
    if let Some(search) = &console.search
        && let Some(needle) = &search.needle
    {
        frame.mark(needle, search.current.as_ref());
    }
    let look = theme.look();
    for (y, line) in (0..place.height).zip(&frame.rows) {
        let mut row = Row::at(buffer, place, y);
        match line.position.part {
            Part::Header => {
                if let Some(info) = console.runs.info(line.position.block) {
                    header(state, console, info, &mut row, theme);
                }
            }
            Part::Line { .. } => {
                let block = console.runs.pane.block(line.position.block);
                if block.is_some_and(Block::is_folded) {
                    // All that is shown of it while it goes on: its newest line.
                    row.skip(1).left("▸", theme.dim);
                } else if line.begins() == Some(LineKind::Stderr) {
                    row.skip(1).left("!", theme.bad);
                }
                let text = Rect {
                    x: place.x + INDENT,
                    y: place.y + y,
                    width: place.width.saturating_sub(INDENT + 1),
                    height: 1,
                };
                frame.draw_row(line, text, buffer, &look);
            }
            Part::Blank => {}
        }
    }
    frame.new_below
}

fn header(state: &State, console: &Console, info: &Info, row: &mut Row<'_>, theme: &Theme) {
    let wide = row.room();
    let at = times::clock(info.at, &state.zone);
    if info.phase == Phase::Note {
        row.skip(1).skip_right(1).left("─ ", theme.rule);
        let stamp = if wide >= usize::from(DURATION_FROM) { at } else { String::new() };
        row.right(&stamp, theme.dim).skip_right(1).left(&info.line, theme.dim);
        return;
    }
    let chosen = console.runs.selected() == Some(info.id);
    row.left(if chosen { "▌" } else { " " }, theme.accent).skip_right(1);
    row.left("❯ ", theme.accent);

    // The columns end at the pane's edge, the time outermost, as it does for notes.
    if wide >= usize::from(TIME_FROM) {
        row.right(&at, theme.dim).skip_right(2);
    }
    if wide >= usize::from(DURATION_FROM) {
        let took = took(state, info);
        row.right(&format!("{took:>DURATION$}"), theme.dim).skip_right(2);
    }
    let (sign, mut word, style) = standing(info.phase, theme);
    if wide >= usize::from(OUTCOME_FROM)
        && let Phase::Ended { state: how, exit, signal, ms } = info.phase
        && how != RunState::Succeeded
    {
        word = how.outcome(exit, signal, Some(ms));
    }
    let word = format!("{word:<WORD$}");
    row.right(&word, theme.dim).right(&format!("{sign} "), style);
    row.skip_right(2);
    let folded = console.runs.pane.block(info.id).is_some_and(Block::is_folded);
    row.left(&info.line, if chosen { theme.chosen() } else { theme.strong });
    if folded {
        let lines = console.runs.pane.block(info.id).map_or(0, |block| {
            let range = block.lines();
            range.end - range.start
        });
        let unit = if lines == 1 { "line" } else { "lines" };
        row.left(&format!("  ▸ {} {unit}", grouped(lines)), theme.dim);
    }
}

/// The header of a block whose own has scrolled out at the top, on the line above the pane.
pub(crate) fn pinned(
    state: &State,
    console: &Console,
    place: Rect,
    buffer: &mut Buffer,
    theme: &Theme,
) {
    let top = console.runs.pane.top_position();
    let Some(info) = top
        .filter(|top| matches!(top.part, Part::Line { .. }))
        .and_then(|top| console.runs.info(top.block))
        .filter(|info| info.phase != Phase::Note)
    else {
        return;
    };
    let (sign, word, style) = standing(info.phase, theme);
    let mut row = Row::new(buffer, place);
    row.skip(1).skip_right(1);
    let took = took(state, info);
    let took = if took.is_empty() { took } else { format!(" · {took}") };
    row.right(&format!(" {word}{took} "), theme.dim).right(&format!(" {sign}"), style);
    row.skip_right(2).left(" ❯ ", theme.accent);
    let room = row.room().saturating_sub(1);
    row.left(&fit::cut(&info.line, room), theme.strong).left(" ", theme.plain);
}

/// How long a command took, or has taken so far.
fn took(state: &State, info: &Info) -> String {
    match info.phase {
        Phase::Ended { ms, .. } => duration(ms),
        // It is unknown whether the run still goes on.
        Phase::CutOff => String::new(),
        phase if phase.is_live() => times::running(state.clock.mono.saturating_sub(info.began)),
        _ => String::new(),
    }
}

/// A phase by its sign and its word.
pub(crate) fn standing(phase: Phase, theme: &Theme) -> (&'static str, String, Style) {
    match phase {
        Phase::Sent => ("…", "sent".into(), theme.dim),
        Phase::Queued { place, cancelling: false } => ("…", format!("place {place}"), theme.accent),
        Phase::Queued { cancelling: true, .. } => ("…", "cancelling".into(), theme.warn),
        Phase::Running { cancelling: false } => ("●", "running".into(), theme.accent),
        Phase::Running { cancelling: true } => ("●", "cancelling".into(), theme.warn),
        Phase::Reading => ("…", "reading".into(), theme.dim),
        Phase::Ended { state, exit, signal, .. } => match (state, exit, signal) {
            (RunState::Succeeded, ..) => ("✓", "done".into(), theme.good),
            (RunState::Failed, Some(code), _) => ("✗", format!("exit {code}"), theme.bad),
            (RunState::Failed, None, Some(n)) => ("✗", signals::name(n), theme.bad),
            (RunState::Failed, ..) => ("✗", "failed".into(), theme.bad),
            (RunState::Cancelled, ..) => ("■", "cancelled".into(), theme.warn),
            (RunState::TimedOut, ..) => ("✗", "timed out".into(), theme.bad),
            (RunState::Lost, ..) => ("✗", "lost".into(), theme.bad),
            (RunState::Queued, ..) => ("…", "queued".into(), theme.accent),
            (RunState::Running, ..) => ("●", "running".into(), theme.accent),
        },
        Phase::CutOff => ("?", "cut off".into(), theme.warn),
        Phase::Refused => ("✗", "not run".into(), theme.bad),
        Phase::Unknown => ("?", "not known".into(), theme.warn),
        Phase::Note => ("", String::new(), theme.dim),
    }
}
