//! Draws a form.

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use topside_shared::command::{Arg, ArgType};
use topside_shared::values;

use super::{CommandForm, FieldState, Submit, rules};
use crate::text::fit;
use crate::theme::Theme;
use crate::views::create_invite::InviteStep;
use crate::widgets::canvas::{self, Canvas, ViewHits};
use crate::widgets::field::boxed_field;
use crate::widgets::form_field::{FormField, as_typed};
use crate::widgets::row::Row;

/// Most columns inside.
const WIDTH: u16 = 76;
/// Most columns of a label.
const LABELS: usize = 20;

/// How the rows are shared out; each step gives something up that the one before has.
struct Plan {
    /// Rows of the sentence at the top, and the blank one below it.
    head: Vec<String>,
    /// Rows of a field: 2 with what may stand there below it.
    step: u16,
    /// Rows below all fields that say the same of the one with the focus.
    note: u16,
    line: u16,
    /// Fields that are on the screen.
    shown: u16,
}

impl Plan {
    fn new(form: &CommandForm, width: usize, rows: u16) -> Self {
        let count = u16::try_from(form.entries.len()).unwrap_or(u16::MAX);
        let mut head = Vec::new();
        if form.purpose.is_none() && !form.command.description.is_empty() {
            head = fit::wrap_rows(&form.command.description, width, 3);
            head.push(String::new());
        }
        // Each with a row of its own, a blank one, two for the line, and the keys.
        let full = count.saturating_mul(2).saturating_add(4);
        let tall = u16::try_from(head.len()).unwrap_or(u16::MAX);
        if full <= rows {
            if full.saturating_add(tall) > rows {
                head.clear();
            }
            return Self { head, step: 2, note: 0, line: 2, shown: count };
        }
        // What is left goes to a sentence that needs two rows, then to a line that does.
        let spare = rows.saturating_sub(count.saturating_add(3));
        let (note, line) = match spare {
            0 => (1, 1),
            1 => (2, 1),
            _ => (2, 2),
        };
        let shown = rows.saturating_sub(note + line + 1).min(count);
        Self { head: Vec::new(), step: 1, note, line, shown }
    }

    fn rows(&self) -> u16 {
        let head = u16::try_from(self.head.len()).unwrap_or(0);
        let gap = u16::from(self.step == 2 && self.shown > 0);
        head + self.shown * self.step + self.note + gap + self.line + 1
    }
}

/// Draws a form; one for a key stands for no line, but says how far it is.
pub(in crate::views) fn draw(
    form: &CommandForm,
    step: Option<&InviteStep>,
    title: &str,
    canvas: &mut Canvas<'_>,
) -> Option<Position> {
    let area = canvas.area;
    let width = WIDTH.min(area.width.saturating_sub(4));
    let plan = Plan::new(form, usize::from(width), area.height.saturating_sub(3));
    let inside = canvas.popup(title, width, plan.rows());
    let (buffer, theme) = (&mut *canvas.buffer, &canvas.theme);
    let mut y = 0;
    for text in &plan.head {
        Row::at(buffer, inside, y).left(text, theme.dim);
        y += 1;
    }
    let mut cursor = None;
    let labels = form.fields().map(|(arg, _)| fit::width(&arg.name) + 2).max().unwrap_or(0);
    let labels = labels.min(LABELS).min(usize::from(inside.width) / 2);
    let top = (form.at + 1).saturating_sub(usize::from(plan.shown));
    let fields = form.fields().enumerate().skip(top).take(usize::from(plan.shown));
    for (nth, (arg, entry)) in fields {
        let focus = nth == form.at;
        let wrong = matches!(form.standing(nth), FieldState::Wrong(_));
        let mut row = Row::at(buffer, inside, y);
        match (focus, wrong && plan.step == 1) {
            (true, _) => row.left("▌ ", theme.accent),
            (false, true) => row.left("✗ ", theme.bad),
            (false, false) => row.left("  ", theme.plain),
        };
        label(&mut row, arg, labels, focus, theme);
        let value = Rect {
            x: row.x(),
            y: inside.y + y,
            width: inside.right().saturating_sub(row.x()),
            height: 1,
        };
        let at = draw_entry(buffer, value, arg, entry, focus, theme);
        cursor = if focus { at } else { cursor };
        if plan.step == 2 {
            let indent = 2 + u16::try_from(labels).unwrap_or(0);
            let x = (inside.x + indent).min(inside.right());
            let below = Rect { x, y: inside.y + y + 1, width: inside.right() - x, height: 1 };
            note(form, nth, below, buffer, theme);
        }
        y += plan.step;
    }
    if plan.step == 1 {
        let below = Rect { y: inside.y + y, height: plan.note, ..inside };
        note(form, form.at, below, buffer, theme);
        y += plan.note;
    } else if plan.shown > 0 {
        y += 1;
    }
    let below = Rect { y: inside.y + y, height: plan.line, ..inside };
    match step {
        None if form.submit == Submit::Broadcast => {}
        None => line(form, below, buffer, theme),
        Some(step) => said(step, below, buffer, theme),
    }
    let mut row = Row::at(buffer, inside, inside.height.saturating_sub(1));
    foot(form, step, &mut row, &mut canvas.hits, theme);
    cursor
}

fn label(row: &mut Row<'_>, arg: &Arg, width: usize, focus: bool, theme: &Theme) {
    let style = if focus { theme.chosen() } else { theme.plain };
    let end = row.x() + u16::try_from(width).unwrap_or(0);
    let room = width.saturating_sub(2);
    row.left(&fit::cut(&arg.name, room), style);
    if arg.required {
        row.left("*", theme.accent);
    }
    let gap = end.saturating_sub(row.x());
    row.skip(gap);
}

fn draw_entry(
    buffer: &mut Buffer,
    place: Rect,
    arg: &Arg,
    entry: &FormField,
    focus: bool,
    theme: &Theme,
) -> Option<Position> {
    match entry {
        FormField::Text(typed) => {
            let secret = arg.kind == ArgType::Secret;
            let at = boxed_field(buffer, place, typed, secret, theme);
            if typed.is_empty() {
                let default = arg.default.as_ref().map(as_typed);
                let default = default.filter(|text| !text.is_empty());
                Row::new(buffer, place)
                    .left(default.as_deref().unwrap_or_default(), theme.field.patch(theme.dim));
            }
            at.filter(|_| focus)
        }
        FormField::Choice(choice) => {
            let mut row = Row::new(buffer, place);
            let wide = |(label, _): &(String, _)| fit::width(label) + 5;
            let all: usize = choice.options.iter().map(wide).sum();
            if all.saturating_sub(3) <= row.room() {
                for (nth, (label, _)) in choice.options.iter().enumerate() {
                    let chosen = choice.at == Some(nth);
                    let style = match (chosen, focus) {
                        (true, true) => theme.chosen(),
                        (true, false) => theme.strong,
                        (false, _) => theme.dim,
                    };
                    let sign = if chosen { "● " } else { "○ " };
                    row.left(sign, style).left(label, style).skip(3);
                }
                return None;
            }
            let count = choice.options.len();
            let (name, nth) = match choice.at.and_then(|at| choice.options.get(at).map(|o| (at, o)))
            {
                Some((at, (label, _))) => (label.as_str(), format!("{} of {count}", at + 1)),
                None => ("–", format!("one of {count}")),
            };
            let style = if focus { theme.chosen() } else { theme.plain };
            row.right(&nth, theme.dim).skip_right(2).left("◂ ", theme.dim);
            row.left(name, style).left(" ▸", theme.dim);
            None
        }
    }
}

/// What is wrong with a field, or what may stand in it.
fn note(form: &CommandForm, nth: usize, place: Rect, buffer: &mut Buffer, theme: &Theme) {
    let Some(arg) = form.command.args.get(nth) else { return };
    let wrong = match form.standing(nth) {
        FieldState::Wrong(error) => {
            // The label names the argument already.
            let text = error.to_string();
            Some(text.strip_prefix(arg.name.as_str()).unwrap_or(&text).trim_start().to_owned())
        }
        FieldState::Missing if form.tried => {
            Some(format!("is missing: it must be {}", values::expected(arg)))
        }
        _ => None,
    };
    let (sign, text, style) = match wrong {
        Some(text) => ("✗ ", text, theme.bad),
        None if arg.description.is_empty() => ("", rules(arg), theme.dim),
        None => ("", format!("{} · {}", arg.description, rules(arg)), theme.dim),
    };
    let room = usize::from(place.width).saturating_sub(fit::width(sign));
    let rows = fit::wrap_rows(&text, room, usize::from(place.height));
    for (y, text) in (0..place.height).zip(&rows) {
        let mut row = Row::at(buffer, place, y);
        if y == 0 {
            row.left(sign, theme.bad);
        } else {
            row.skip(fit::columns(sign));
        }
        row.left(text, style);
    }
}

/// The line that the form stands for; its sign is bright once it can be run.
fn line(form: &CommandForm, place: Rect, buffer: &mut Buffer, theme: &Theme) {
    let ready = form.mistake().is_none();
    let room = usize::from(place.width.saturating_sub(2));
    let rows = fit::wrap_rows(&form.line(), room, usize::from(place.height));
    for (y, text) in (0..place.height).zip(&rows) {
        let mut row = Row::at(buffer, place, y);
        let sign = if y == 0 { "❯ " } else { "  " };
        row.left(sign, if ready { theme.accent } else { theme.dim });
        row.left(text, if ready { theme.strong } else { theme.dim });
    }
}

/// How far the making of a key is.
fn said(step: &InviteStep, place: Rect, buffer: &mut Buffer, theme: &Theme) {
    let (sign, text) = match step {
        InviteStep::Filling => return,
        InviteStep::Asking => ("… ", "It is being made."),
        InviteStep::Refused(why) => ("✗ ", why.as_str()),
    };
    let room = usize::from(place.width.saturating_sub(2));
    for (y, text) in (0..place.height).zip(fit::wrap_rows(text, room, usize::from(place.height))) {
        let mut row = Row::at(buffer, place, y);
        row.left(if y == 0 { sign } else { "  " }, theme.bad).left(&text, theme.plain);
    }
}

fn foot(
    form: &CommandForm,
    step: Option<&InviteStep>,
    row: &mut Row<'_>,
    hits: &mut ViewHits,
    theme: &Theme,
) {
    let count = form.entries.len();
    if count > 1 {
        row.right(&format!("{} of {count}", form.at + 1), theme.dim).skip_right(1);
    }
    let run = match step {
        Some(_) => "Enter makes it",
        None if form.submit == Submit::Broadcast => "Enter sends it",
        None if form.command.confirm.is_some() => "Enter asks",
        None => "Enter runs",
    };
    let mut keys = vec![run];
    keys.extend(match form.entries.get(form.at) {
        Some(FormField::Choice(_)) => Some("← → choose"),
        _ => None,
    });
    if count > 1 {
        keys.push("Tab next");
    }
    keys.push("Esc leaves");
    if step.is_none() && form.submit == Submit::Command {
        keys.push("Ctrl-O to the input");
    }
    canvas::keys(row, keys, hits, theme);
}
