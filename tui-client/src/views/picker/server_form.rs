//! The form of a saved server.

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};

use crate::app::picker::server_form::{FIELDS, ServerForm, about, label};
use crate::theme::Theme;
use crate::views::console::input_box::field;
use crate::views::overlay_frame;
use crate::views::row::Row;

/// Columns of the labels.
const LABELS: u16 = 16;

pub(crate) fn draw(
    form: &ServerForm,
    area: Rect,
    buffer: &mut Buffer,
    theme: &Theme,
) -> Option<Position> {
    let title = match &form.original {
        Some(name) => format!("Edit {name}"),
        None => "Add a server".to_owned(),
    };
    // With room, each field has a row of its own for what is wrong; else the last row says it.
    let step = if area.height >= 15 { 2 } else { 1 };
    let rows = 5 * step + 1 + u16::from(step == 1);
    let inside = overlay_frame::centred(&title, 70, rows, area, buffer, theme);
    let mut cursor = None;
    for (nth, what) in FIELDS.into_iter().enumerate() {
        let focus = nth == form.at;
        let y = u16::try_from(nth).unwrap_or(0) * step;
        let mut row = Row::at(buffer, inside, y);
        row.left(if focus { "▌ " } else { "  " }, theme.accent);
        row.column(
            label(what),
            usize::from(LABELS),
            if focus { theme.chosen() } else { theme.plain },
        );
        let place = Rect {
            x: row.x(),
            y: inside.y + y,
            width: inside.right().saturating_sub(row.x()),
            height: u16::from(inside.y + y < inside.bottom()),
        };
        let typed = &form.fields[nth];
        if typed.is_empty() && !focus {
            row.left("–", theme.dim);
        } else {
            let all = focus && form.replaces;
            let style = if all { theme.chosen() } else { theme.plain };
            let at = field(buffer, place, typed, style);
            if focus {
                cursor = at;
            }
        }
        if step == 2 {
            let mut below = Row::at(buffer, inside, y + 1);
            // A mistake is a sentence, and needs the whole row.
            below.skip(2 + if form.error(what).is_some() { 0 } else { LABELS });
            note(&mut below, form, nth, theme);
        }
    }
    let mut foot = Row::at(buffer, inside, inside.height.saturating_sub(1));
    if form.warned {
        foot.left("▲ ", theme.warn).left("Esc again discards what you typed", theme.plain);
    } else {
        foot.left("Enter saves · Tab next field · Esc cancels", theme.dim);
    }
    if let Some(pin) = form.pin() {
        foot.skip(1).right(&format!("pin {pin}"), theme.dim);
    }
    if step == 1 {
        note(&mut Row::at(buffer, inside, 5), form, form.at, theme);
    }
    cursor
}

/// What is wrong with a field, or with the focus what belongs there.
fn note(row: &mut Row<'_>, form: &ServerForm, nth: usize, theme: &Theme) {
    let what = FIELDS[nth];
    if let Some(error) = form.error(what) {
        let rule = error.strip_prefix(what.key()).and_then(|rule| rule.strip_prefix(' '));
        let error = rule.map_or(error.to_owned(), |rule| format!("{} {rule}", label(what)));
        row.left("✗ ", theme.bad).left(&error, theme.plain);
    } else if nth == form.at {
        row.left(about(what), theme.dim);
    }
}
