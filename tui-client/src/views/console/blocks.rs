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
use crate::scrollback::{Block, FrameRow, LineKind, Part, grouped};
use crate::text::{fit, times};
use crate::theme::Theme;
use crate::widgets::row::{self, Row};

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
        let info = console.runs.info(line.position.block);
        match line.position.part {
            Part::Header => {
                if let Some(info) = info {
                    header(state, console, info, &mut row, theme);
                }
            }
            Part::Line { line: number, row: nth } => {
                let block = console.runs.pane.block(line.position.block);
                edge(info, console, &mut row, theme);
                if let Some(info) = info.filter(|info| info.phase == Phase::Note)
                    && number == 0
                {
                    row.left(if nth == 0 { "─" } else { " " }, theme.rule);
                    note_time(state, info, line, &mut row, theme);
                } else if block.is_some_and(Block::is_folded) {
                    // All that is shown of it while it goes on: its newest line.
                    row.left("▸", theme.dim);
                } else if line.begins() == Some(LineKind::Stderr) {
                    row.left("!", theme.bad);
                }
                let text = Rect {
                    x: place.x + INDENT,
                    y: place.y + y,
                    width: place.width.saturating_sub(INDENT + 1),
                    height: 1,
                };
                let continues = frame.draw_row(line, text, buffer, &look);
                if continues.left {
                    row::sign(buffer, text.x - 1, text.y, "‹", theme.accent);
                }
                if continues.right {
                    row::sign(buffer, text.right(), text.y, "›", theme.accent);
                }
            }
            Part::Blank => {}
        }
    }
    frame.new_below
}

/// The left edge of a block, in the colour of its state; of a block that was picked, a bar.
fn edge(info: Option<&Info>, console: &Console, row: &mut Row<'_>, theme: &Theme) {
    match info {
        Some(info) if console.runs.selected() == Some(info.id) => row.left("▌", theme.accent),
        Some(info) if info.phase != Phase::Note => row.left("▎", standing(info.phase, theme).2),
        _ => row.skip(1),
    };
}

/// The time of a note, on the last row of its title, if there is room.
fn note_time(state: &State, info: &Info, shown: &FrameRow<'_>, row: &mut Row<'_>, theme: &Theme) {
    if let Some(columns) = shown.last_columns() {
        row.skip(columns.saturating_add(2)).skip_right(1);
        row.right(&times::clock(info.at, &state.zone), theme.dim);
    }
}

fn header(state: &State, console: &Console, info: &Info, row: &mut Row<'_>, theme: &Theme) {
    let wide = row.room();
    let at = times::clock(info.at, &state.zone);
    if info.phase == Phase::Note {
        row.skip(1).skip_right(1).left("─ ", theme.rule).left(&info.line, theme.dim);
        row.skip(1).right(&at, theme.dim);
        return;
    }
    let chosen = console.runs.selected() == Some(info.id);
    edge(Some(info), console, row, theme);
    row.skip_right(1).left("❯ ", standing(info.phase, theme).2);

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
        let outcome = || how.outcome(exit, signal, Some(ms));
        word = info.cancelled.clone().unwrap_or_else(outcome);
    }
    let word = format!("{word:<WORD$}");
    row.right(&word, theme.dim).right(&format!("{sign} "), style);
    row.skip_right(2);
    let folded = console.runs.pane.block(info.id).is_some_and(Block::is_folded);
    row.left(&info.line, if chosen { theme.chosen() } else { theme.title });
    if folded {
        let lines = console.runs.pane.block(info.id).map_or(0, |block| {
            let range = block.lines();
            range.end - range.start
        });
        let unit = if lines == 1 { "line" } else { "lines" };
        row.left(&format!("  ▸ {} {unit}", grouped(lines)), theme.dim);
    }
}

/// The header of a block that has scrolled out at the top, on the line above the pane.
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
    row.skip_right(2).left(" ❯ ", style);
    let room = row.room().saturating_sub(1);
    row.left(&fit::cut(&info.line, room), theme.title).left(" ", theme.plain);
}

/// How long a command took, or has taken so far; of one that waits for approval, the time that is left.
fn took(state: &State, info: &Info) -> String {
    match info.phase {
        Phase::Ended { ms, .. } => duration(ms),
        // It is unknown whether the run still goes on.
        Phase::CutOff => String::new(),
        phase if phase.is_live() => match info.approval_ends {
            Some(end) => {
                format!("{} left", times::countdown(end.saturating_sub(state.clock.mono)))
            }
            None => times::running(state.clock.mono.saturating_sub(info.began)),
        },
        _ => String::new(),
    }
}

/// A phase by its sign and its word.
pub(crate) fn standing(phase: Phase, theme: &Theme) -> (&'static str, String, Style) {
    match phase {
        Phase::Sent => ("…", "sent".into(), theme.queued),
        Phase::Queued { place: 0, cancelling: false } => ("…", "approval".into(), theme.queued),
        Phase::Queued { place, cancelling: false } => ("…", format!("place {place}"), theme.queued),
        Phase::Queued { cancelling: true, .. } => ("…", "cancelling".into(), theme.cancelled),
        Phase::Running { cancelling: false } => ("●", "running".into(), theme.running),
        Phase::Running { cancelling: true } => ("●", "cancelling".into(), theme.cancelled),
        Phase::Reading => ("…", "reading".into(), theme.dim),
        Phase::Ended { state, exit, signal, .. } => match (state, exit, signal) {
            (RunState::Succeeded, ..) => ("✓", state.words().into(), theme.succeeded),
            (RunState::Failed, Some(code), _) => ("✗", format!("exit {code}"), theme.failed),
            (RunState::Failed, None, Some(n)) => ("✗", signals::name(n), theme.failed),
            (RunState::Failed, ..) => ("✗", "failed".into(), theme.failed),
            (RunState::Cancelled, ..) => ("■", "cancelled".into(), theme.cancelled),
            (RunState::TimedOut, ..) => ("✗", "timed out".into(), theme.failed),
            (RunState::Lost, ..) => ("✗", "lost".into(), theme.lost),
            (RunState::Queued, ..) => ("…", "queued".into(), theme.queued),
            (RunState::Running, ..) => ("●", "running".into(), theme.running),
        },
        Phase::CutOff => ("?", "cut off".into(), theme.lost),
        Phase::Refused => ("✗", "not run".into(), theme.failed),
        Phase::Unknown => ("?", "not known".into(), theme.lost),
        Phase::Note => ("", String::new(), theme.dim),
    }
}
