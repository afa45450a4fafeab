//! Draws a form.

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use topside_shared::command::{Arg, ArgType};
use topside_shared::values;

use super::row_plan::RowPlan;
use super::{CommandForm, FieldState, Submit, rules};
use crate::app::State;
use crate::text::fit;
use crate::theme::Theme;
use crate::views::create_invite::InviteStep;
use crate::widgets::canvas::{self, Canvas, ViewHits};
use crate::widgets::field::boxed_field;
use crate::widgets::form_field::{Choice, FormField, Listing, as_typed};
use crate::widgets::form_focus::{FormFocus, FormHit};
use crate::widgets::row::{self, Row};

/// Most names of paths that are shown below a field.
const MOST_NAMES: usize = 20;
/// Most columns inside.
const WIDTH: u16 = 76;
/// Most columns of a label.
const LABELS: usize = 20;

/// Draws a form; one for a key stands for no line, but says how far it is.
pub(in crate::views) fn draw(
    form: &CommandForm,
    step: Option<&InviteStep>,
    title: &str,
    canvas: &mut Canvas<'_>,
    state: &State,
) -> Option<Position> {
    let area = canvas.area;
    let width = WIDTH.min(area.width.saturating_sub(4));
    let line_rows = match step {
        None if form.submit != Submit::Command => 0,
        Some(InviteStep::Filling) => 0,
        _ => 2,
    };
    let plan = RowPlan::new(form, line_rows, usize::from(width), area.height.saturating_sub(3));
    let inside = canvas.popup(title, width, plan.rows());
    let mut y = 0;
    for text in &plan.head {
        Row::at(canvas.buffer, inside, y).left(text, canvas.theme.dim);
        y += 1;
    }
    let cursor = fields(form, &plan, Rect { y: inside.y + y, ..inside }, canvas);
    y += plan.shown * plan.step;
    let (buffer, theme) = (&mut *canvas.buffer, &canvas.theme);
    if plan.step == 1 {
        let below = Rect { y: inside.y + y, height: plan.note, ..inside };
        note(form, form.focus.field().unwrap_or(usize::MAX), below, buffer, theme);
        y += plan.note;
    }
    y += plan.gap();
    let below = Rect { y: inside.y + y, height: plan.line, ..inside };
    match step {
        None => line(form, below, buffer, theme),
        Some(step) => said(step, below, buffer, theme),
    }
    let mut row = Row::at(buffer, inside, inside.height.saturating_sub(1));
    let count = form.entries.len();
    if usize::from(plan.shown) < count
        && let Some(nth) = form.focus.field()
    {
        row.right(&format!("{} of {count}", nth + 1), theme.dim).skip_right(1);
    }
    foot(form, step, state, &mut row, &mut canvas.hits);
    cursor
}

/// Draws the fields with what may stand there; returns where the cursor is.
fn fields(
    form: &CommandForm,
    plan: &RowPlan,
    place: Rect,
    canvas: &mut Canvas<'_>,
) -> Option<Position> {
    let (buffer, theme, hits) = (&mut *canvas.buffer, &canvas.theme, &mut canvas.hits);
    let mut cursor = None;
    let labels = label_columns(form, usize::from(place.width));
    let shown = usize::from(plan.shown);
    // The last ones while a button has the focus.
    let at = form.focus.field().unwrap_or(form.entries.len());
    let top =
        (at + 1).saturating_sub(shown).min(form.entries.len() - shown.min(form.entries.len()));
    let rows = (0..).step_by(usize::from(plan.step));
    for (y, (nth, (arg, entry))) in rows.zip(form.fields().enumerate().skip(top).take(shown)) {
        let focus = form.focus == FormFocus::Field(nth);
        let wrong = matches!(form.standing(nth), FieldState::Wrong(_));
        let mut row = Row::at(buffer, place, y);
        let whole = row.free();
        match (focus, wrong && plan.step == 1) {
            (true, _) => row.left("▌ ", theme.accent),
            (false, true) => row.left("✗ ", theme.bad),
            (false, false) => row.left("  ", theme.plain),
        };
        label(&mut row, arg, labels, focus, theme);
        let value = row.free();
        let at = match form.applies(nth) {
            true => draw_entry(buffer, value, (nth, arg, entry), focus, hits, theme),
            false => {
                let when = format!("only for {}", values::conditions(arg));
                Row::new(buffer, value).left(&when, theme.dim);
                None
            }
        };
        hits.push((whole, FormHit::Field(nth).hit()));
        cursor = if focus { at } else { cursor };
        if plan.step > 1 {
            let indent = 2 + u16::try_from(labels).unwrap_or(0);
            // A mistake is a sentence, and needs the whole row.
            let x = (place.x + if wrong { 2 } else { indent }).min(place.right());
            // The blank row below it is there for a long one.
            let height = plan.step - 1;
            let below = Rect { x, y: place.y + y + 1, width: place.right() - x, height };
            note(form, nth, below, buffer, theme);
        }
    }
    cursor
}

/// Columns of the labels, in a form that has so many.
pub(super) fn label_columns(form: &CommandForm, width: usize) -> usize {
    let labels = form.fields().map(|(arg, _)| fit::width(&arg.name) + 2).max().unwrap_or(0);
    labels.min(LABELS).min(width / 2)
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

/// Draws what stands in a field, and where it can be clicked.
fn draw_entry(
    buffer: &mut Buffer,
    place: Rect,
    (nth, arg, entry): (usize, &Arg, &FormField),
    focus: bool,
    hits: &mut ViewHits,
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
        FormField::Switch(switch) => {
            let style = if focus { theme.chosen() } else { theme.plain };
            let sign = if switch.is_on() { "[x]" } else { "[ ]" };
            Row::new(buffer, place).left(sign, style);
            None
        }
        FormField::Choice(choice) => {
            choices(&mut Row::new(buffer, place), nth, choice, focus, hits, theme);
            None
        }
    }
}

/// Draws the choices of a field in one row; where they have no room, the chosen one alone.
fn choices(
    row: &mut Row<'_>,
    nth: usize,
    choice: &Choice,
    focus: bool,
    hits: &mut ViewHits,
    theme: &Theme,
) {
    if choice.options.is_empty() {
        row.left(why_empty(choice), theme.dim);
        return;
    }
    let mut hit = |place, at| hits.push((place, FormHit::Choice(nth, at).hit()));
    let chosen_style = if focus { theme.chosen() } else { theme.strong };
    let wide = |(label, _): &(String, _)| fit::width(label) + 5;
    let all: usize = choice.options.iter().map(wide).sum();
    if all.saturating_sub(1) <= row.room() {
        for (at, (label, _)) in choice.options.iter().enumerate() {
            let chosen = choice.at == Some(at);
            let style = if chosen { chosen_style } else { theme.plain };
            let x = row.x();
            row.left("(", theme.dim).left(if chosen { "●" } else { " " }, style);
            row.left(label, style).left(" )", theme.dim);
            hit(row.since(x), at);
            row.skip(1);
        }
        return;
    }
    let count = choice.options.len();
    let (name, place) = match choice.at.and_then(|at| choice.options.get(at).map(|o| (at, o))) {
        Some((at, (label, _))) => (label.as_str(), format!("{} of {count}", at + 1)),
        None => ("–", format!("one of {count}")),
    };
    row.right(&place, theme.dim).skip_right(2);
    let x = row.x();
    row.left("◂ ", theme.dim);
    hit(row.since(x), choice.at.unwrap_or(0).saturating_sub(1));
    row.left(&fit::cut(name, row.room().saturating_sub(2)), chosen_style);
    let x = row.x();
    row.left(" ▸", theme.dim);
    hit(row.since(x), choice.at.map_or(0, |at| (at + 1).min(count - 1)));
}

/// Why there is nothing to choose from.
fn why_empty(choice: &Choice) -> &'static str {
    match choice.listing {
        Listing::Awaited(_) => "asking the server",
        Listing::Failed(_) => "not known",
        Listing::Complete => "there is none at the moment",
    }
}

/// What is wrong with a field, or what may stand in it.
fn note(form: &CommandForm, nth: usize, place: Rect, buffer: &mut Buffer, theme: &Theme) {
    let Some(arg) = form.command.args.get(nth) else { return };
    let wrong = match form.standing(nth) {
        FieldState::Wrong(text) => {
            // The label names the argument already.
            Some(text.strip_prefix(arg.name.as_str()).unwrap_or(&text).trim_start().to_owned())
        }
        FieldState::Absent => match &form.entries[nth] {
            FormField::Choice(Choice { listing: Listing::Failed(why), .. }) => {
                let known = format!("the choices of {} cannot be listed: ", arg.name);
                Some(why.strip_prefix(known.as_str()).unwrap_or(why).to_owned())
            }
            _ => None,
        },
        FieldState::Missing if form.tried => {
            Some(format!("is missing: it must be {}", values::expected(arg)))
        }
        _ => None,
    };
    let (sign, text, style) = match wrong {
        Some(text) => ("✗ ", text, theme.bad),
        None => match form.candidates(nth) {
            [] => ("", about(arg, &form.entries[nth]), theme.dim),
            paths => ("", names(paths), theme.dim),
        },
    };
    row::wrapped(buffer, place, (sign, theme.bad), &text, style);
}

/// The names of paths, of which Tab takes what they have in common.
fn names(paths: &[String]) -> String {
    let name = |path: &String| {
        let end = path.trim_end_matches('/').rfind('/').map_or(0, |at| at + 1);
        path[end..].to_owned()
    };
    let names: Vec<String> = paths.iter().take(MOST_NAMES).map(name).collect();
    let more = if paths.len() > names.len() { "  …" } else { "" };
    format!("Tab: {}{more}", names.join("  "))
}

/// What a field is for, and what may stand there as far as it is not drawn.
pub(super) fn about(arg: &Arg, entry: &FormField) -> String {
    let default = || arg.default.as_ref().map(|default| format!("default {}", as_typed(default)));
    let rules = match entry {
        // What is left out matters more than the type, which may have no room.
        FormField::Text(_) => match default() {
            Some(default) => {
                let kind = rules(&Arg { default: None, ..arg.clone() });
                // The default shows how a duration is written.
                let kind = kind.split(" such as ").next().unwrap_or_default();
                format!("{default} · {}", kind.trim_end_matches(", optional"))
            }
            None => rules(arg),
        },
        FormField::Switch(_) => String::new(),
        FormField::Choice(_) if arg.required => "required".to_owned(),
        FormField::Choice(_) => default().unwrap_or_else(|| "optional".to_owned()),
    };
    let parts = [arg.description.as_str(), &rules];
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" · ")
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
        InviteStep::Asking => ("… ", "Creating it."),
        InviteStep::Refused(why) => ("✗ ", why.as_str()),
    };
    let room = usize::from(place.width.saturating_sub(2));
    for (y, text) in (0..place.height).zip(fit::wrap_rows(text, room, usize::from(place.height))) {
        let mut row = Row::at(buffer, place, y);
        row.left(if y == 0 { sign } else { "  " }, theme.bad).left(&text, theme.plain);
    }
}

/// Draws the buttons, then the keys.
fn foot(
    form: &CommandForm,
    step: Option<&InviteStep>,
    state: &State,
    row: &mut Row<'_>,
    hits: &mut ViewHits,
) {
    let theme = &state.theme;
    let (action, does) = match step {
        Some(_) => ("Create", "creates it"),
        None if form.submit == Submit::Broadcast => ("Send", "sends it"),
        None if matches!(form.submit, Submit::Result(_)) => ("Save", "saves it"),
        None if matches!(form.submit, Submit::Schedule(_)) => ("Set", "sets it"),
        None if form.is_postponement() => ("Postpone", "to continue (asks first)"),
        None if form.asks() => ("Run", "to continue (asks first)"),
        None => ("Run", "runs it"),
    };
    form.focus.draw_buttons(row, [action, "Cancel"], hits, theme);
    if step == Some(&InviteStep::Asking) {
        return canvas::keys(row, ["Esc closes"], hits, theme);
    }
    // With a mistake, both keys go to its field; without a session neither sends anything.
    let connected = state.session().is_some();
    let ready = connected && form.mistake().is_none();
    let on_action = match form.mistake() {
        Some(_) => Some("Enter to what is missing".to_owned()),
        None => connected.then(|| format!("Enter {does}")),
    };
    let field = form.focus.field().and_then(|nth| form.entries.get(nth));
    let focused = match (form.focus, field) {
        (FormFocus::Action, _) => None,
        (FormFocus::Cancel, _) => Some("Enter closes"),
        (_, Some(FormField::Switch(_))) => Some("Space on or off"),
        (_, Some(FormField::Choice(_))) => Some("← → choose"),
        _ => None,
    };
    let on_action = on_action.as_deref().filter(|_| form.focus == FormFocus::Action);
    let next = field.map(|_| "Enter next");
    let at_once = format!("Ctrl-S {}", action.to_lowercase());
    let at_once = (ready && field.is_some() && form.entries.len() > 1).then_some(&*at_once);
    let as_line =
        (step.is_none() && form.submit == Submit::Command).then_some("Ctrl-O edit as a line");
    let keys = [on_action, focused, next, Some("Esc closes"), at_once, as_line];
    canvas::keys(row, keys.into_iter().flatten(), hits, theme);
}
