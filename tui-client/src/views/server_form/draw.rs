//! Draws the form of a saved server: the fields with what belongs there or what is wrong, and the buttons.

use ratatui::layout::Position;

use super::{FIELDS, ServerForm};
use crate::app::State;
use crate::app::view::View as _;
use crate::config::Field;
use crate::theme::Theme;
use crate::widgets::canvas::{self, Canvas, ViewHits};
use crate::widgets::field::boxed_field;
use crate::widgets::form_focus::{FormFocus, FormHit};
use crate::widgets::row::Row;

/// Columns of the labels.
const LABELS: u16 = 16;

fn label(field: Field) -> &'static str {
    match field {
        Field::Name => "Name",
        Field::Lan => "LAN address",
        Field::Internet => "Router address",
        Field::Port => "Port",
        Field::InternetPort => "Router's port",
        Field::Pin => "Pin",
        Field::Tags => "Tags",
    }
}

/// What belongs there.
fn about(field: Field) -> &'static str {
    match field {
        Field::Name => "what you call it, such as sprinkler",
        Field::Lan => "such as 192.168.1.10, if it is on your network",
        Field::Internet => "the router's outside address, or a host name",
        Field::Port => "8677 unless the server says another",
        Field::InternetPort => "only if the router forwards another port",
        Field::Pin => "filled by pairing",
        Field::Tags => "groups of `topside run --on tag:NAME`",
    }
}

pub(super) fn draw(form: &ServerForm, canvas: &mut Canvas<'_>, state: &State) -> Option<Position> {
    // With room, each field has a row of its own for what is wrong, then a blank row; else the last row says it.
    let count = u16::try_from(FIELDS.len()).unwrap_or(u16::MAX);
    let step = match canvas.area.height {
        20.. => 3,
        15.. => 2,
        _ => 1,
    };
    // Where a field has no row for it, one row says it of the field with the focus.
    let last = u16::from(step != 3);
    let inside = canvas.popup(&form.title(state), 70, count * step + last + 1);
    let (buffer, theme, hits) = (&mut *canvas.buffer, &state.theme, &mut canvas.hits);
    let mut cursor = None;
    for (nth, what) in FIELDS.into_iter().enumerate() {
        let focus = form.focus == FormFocus::Field(nth);
        let y = u16::try_from(nth).unwrap_or(0) * step;
        let mut row = Row::at(buffer, inside, y);
        hits.push((row.free(), FormHit::Field(nth).hit()));
        row.left(if focus { "▌ " } else { "  " }, theme.accent);
        let style = if focus { theme.chosen() } else { theme.plain };
        row.column(label(what), usize::from(LABELS), style);
        let (place, typed) = (row.free(), &form.fields[nth]);
        let at = boxed_field(buffer, place, typed, false, theme);
        if focus && form.replaces && !typed.is_empty() {
            let text = typed.text();
            Row::new(buffer, place).left(text, theme.field.patch(theme.chosen()));
        }
        cursor = if focus { at } else { cursor };
        if step > 1 {
            let mut below = Row::at(buffer, inside, y + 1);
            // A mistake is a sentence, and needs the whole row.
            below.skip(2 + if form.error(what).is_some() { 0 } else { LABELS });
            note(&mut below, form, nth, theme);
        }
    }
    if step == 1
        && let Some(nth) = form.focus.field()
    {
        note(&mut Row::at(buffer, inside, count), form, nth, theme);
    }
    let mut foot = Row::at(buffer, inside, inside.height.saturating_sub(1));
    draw_foot(form, state, &mut foot, hits);
    cursor
}

/// Draws the buttons, then the keys or what Esc would lose.
fn draw_foot(form: &ServerForm, state: &State, row: &mut Row<'_>, hits: &mut ViewHits) {
    let theme = &state.theme;
    form.focus.draw_buttons(row, ["Save", "Cancel"], hits, theme);
    if form.warned {
        row.left("▲ ", theme.warn).left("Esc again discards what you typed", theme.plain);
        return;
    }
    if let Some(pin) = form.kept.key() {
        row.right(&format!("pin {}", pin.short()), theme.dim).skip_right(1);
    }
    let is_right = form.profile(&state.servers).is_ok();
    let is_changed = form.texts() != form.before;
    let enter = match form.focus {
        FormFocus::Field(_) => "Enter next",
        FormFocus::Action if is_right => "Enter saves it",
        FormFocus::Action => "Enter to what is wrong",
        FormFocus::Cancel if is_changed => "Enter closes (asks first)",
        FormFocus::Cancel => "Enter closes",
    };
    let esc = if is_changed { "Esc closes (asks first)" } else { "Esc closes" };
    let save = is_right.then_some("Ctrl-S save");
    canvas::keys(row, [enter, esc].into_iter().chain(save), hits, theme);
}

/// What is wrong with a field, or what belongs there.
fn note(row: &mut Row<'_>, form: &ServerForm, nth: usize, theme: &Theme) {
    let what = FIELDS[nth];
    if let Some(error) = form.error(what) {
        let rule = error.strip_prefix(what.key()).and_then(|rule| rule.strip_prefix(' '));
        let error = rule.map_or(error.to_owned(), |rule| format!("{} {rule}", label(what)));
        row.left("✗ ", theme.bad).left(&error, theme.bad);
    } else {
        row.left(about(what), theme.dim);
    }
}
