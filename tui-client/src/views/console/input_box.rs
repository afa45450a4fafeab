//! The input box and its neighbours: the field itself, hints for arguments, the list of completions.

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use topside_shared::cmdline::{self, Hint, LineErrorKind};

use crate::app::console::Console;
use crate::app::{Clicked, Hits, State};
use crate::scrollback::grouped;
use crate::text::fit;
use crate::theme::Theme;
use crate::views::console::submit;
use crate::widgets::canvas::framed;
use crate::widgets::field::{field, ground, styled_field};
use crate::widgets::input_box::InputBox;
use crate::widgets::row::Row;
use crate::widgets::text_search::{MAX_COUNT, Search};

/// Most candidates shown at once.
const CANDIDATES: usize = 8;

/// From this width on the name of the only server stands before the input; in a narrow terminal the header alone has it.
const NAME_FROM: u16 = 80;

/// Draws the name of the server before the input, so that nothing is typed for another one by mistake; returns the rest of
/// the row.
fn draw_name(
    state: &State,
    console: &Console,
    place: Rect,
    buffer: &mut Buffer,
    theme: &Theme,
) -> Rect {
    if state.tabs.len() < 2 && place.width < NAME_FROM {
        return place;
    }
    let name = fit::cut(console.name(), usize::from(place.width / 5).max(8));
    if name.is_empty() {
        return place;
    }
    let mut row = Row::new(buffer, place);
    row.skip(1).left(&name, theme.server(console.name()));
    row.free()
}

/// Where the cursor is, and the hint for the line, if the input row has no room for it.
type InputDrawn<'c> = (Option<Position>, Option<Hint<'c>>);

/// Draws the input row.
pub(crate) fn draw<'c>(
    state: &State,
    console: &'c Console,
    place: Rect,
    buffer: &mut Buffer,
    hits: &mut Hits,
) -> InputDrawn<'c> {
    let theme = &state.theme;
    let place = draw_name(state, console, place, buffer, theme);
    let drawn = draw_line(state, console, place, buffer, hits);
    ground(buffer, place, theme);
    drawn
}

fn draw_line<'c>(
    state: &State,
    console: &'c Console,
    place: Rect,
    buffer: &mut Buffer,
    hits: &mut Hits,
) -> InputDrawn<'c> {
    let theme = &state.theme;
    if let Some(search) = &console.search {
        return (draw_search(search, place, buffer, theme), None);
    }
    if console.prompt.is_up() {
        return (super::prompt::draw(&console.prompt, place, buffer, theme), None);
    }
    let mut row = Row::new(buffer, place);
    row.skip(1);
    if let Some(recall) = &console.input.recall {
        let found = recall.at.is_some() || recall.query.is_empty();
        row.left(if found { "earlier: " } else { "earlier, not found: " }, theme.dim);
        row.left(&recall.query, theme.accent).left(" ❯ ", theme.dim);
    } else {
        row.left("❯ ", if state.is_connected() { theme.accent } else { theme.dim });
    }
    let place = row.free();
    let editor = &console.input.editor;
    let hint = hint_of(console);
    let wrong = hint.as_ref().and_then(|hint| hint.error.as_ref()).map(|error| error.span.clone());
    row.skip_right(1);
    let long_hint = hint.filter(|hint| {
        let (sign, text) = hint_words(hint);
        let wide = fit::width(&text) + fit::width(sign);
        let fits = row.room() >= fit::width(editor.text()) + 1 + 3 + wide;
        if fits {
            row.right(&text, theme.dim).right(sign, theme.bad);
        }
        !fits
    });
    let secrets = cmdline::secrets(editor.text(), &console.menu.commands);
    let cursor = styled_field(buffer, place, editor, &secrets, |at| match &wrong {
        Some(span) if span.contains(&at) => theme.wrong,
        _ => theme.plain,
    });
    let places = candidates(&console.input, cursor, buffer, theme).into_iter();
    // They lie above what was drawn before.
    hits.splice(0..0, places.map(|(place, nth)| (place, Clicked::Candidate(nth))));
    (cursor, long_hint)
}

/// The hint for the line, if there is something to say now.
fn hint_of(console: &Console) -> Option<Hint<'_>> {
    if console.input.is_busy() || !console.menu_known {
        return None;
    }
    let editor = &console.input.editor;
    if submit::local_command(console, editor.text()).is_some() {
        return None;
    }
    let hint = cmdline::hint(editor.text(), editor.cursor(), &console.menu.commands)?;
    (hint.error.is_some() || !hint.parts.is_empty()).then_some(hint)
}

fn hint_words(hint: &Hint<'_>) -> (&'static str, String) {
    match &hint.error {
        // The line shows the word. A text that repeats it would be drawn again with each key.
        Some(error) if error.kind == LineErrorKind::UnknownCommand => {
            let rest = error.message.split_once(": ").map_or("m shows the menu", |(_, rest)| rest);
            ("✗ ", format!("no such command: {rest}"))
        }
        Some(error) => ("✗ ", error.message.clone()),
        None => ("", hint.text()),
    }
}

/// Draws a hint into a row of its own.
pub(crate) fn draw_long_hint(hint: &Hint<'_>, place: Rect, buffer: &mut Buffer, theme: &Theme) {
    let (sign, text) = hint_words(hint);
    let mut row = Row::new(buffer, place);
    row.skip(1).skip_right(1).left(sign, theme.bad);
    if hint.error.is_some() {
        row.left(&text, theme.plain);
        return;
    }
    // The argument that the cursor is on comes first: what is before it is typed.
    let current = hint.parts.iter().position(|part| part.current).unwrap_or(0);
    for (nth, part) in hint.parts.iter().enumerate().skip(current) {
        if nth > current {
            row.left(" · ", theme.dim);
        }
        row.left(&part.text, if part.current { theme.plain } else { theme.dim });
        if part.current && !part.description.is_empty() {
            row.left(&format!(" – {}", part.description), theme.dim);
        }
    }
}

fn draw_search(
    search: &Search,
    place: Rect,
    buffer: &mut Buffer,
    theme: &Theme,
) -> Option<Position> {
    let mut row = Row::new(buffer, place);
    row.skip(1).skip_right(1).left("/ ", theme.accent);
    let count = match search.count {
        0 if search.field.is_empty() => String::new(),
        0 => "not found".to_owned(),
        MAX_COUNT.. => format!("over {} found", grouped(MAX_COUNT as u64 - 1)),
        n => format!("{} found", grouped(n as u64)),
    };
    row.right(&count, theme.dim);
    let place = row.free();
    let cursor = field(buffer, place, &search.field, theme.plain);
    if search.typing { cursor } else { None }
}

/// Keys of a search, for the last row.
pub(crate) fn search_keys(search: &Search) -> Vec<(String, &'static str)> {
    let keys: &[_] = match (search.typing, search.count) {
        (true, 0) if search.field.is_empty() => &[("Esc", "back")],
        (true, 0) => &[("Enter", "keep"), ("Esc", "back")],
        (true, _) => &[("Enter", "keep"), ("↑ ↓", "other matches"), ("Esc", "back")],
        (false, 0) => &[("/", "other text"), ("Esc", "back")],
        (false, _) => &[("n", "next"), ("N", "previous"), ("/", "other text"), ("Esc", "back")],
    };
    keys.iter().map(|(key, what)| ((*key).to_owned(), *what)).collect()
}

/// Draws the list of completions above the input row in which the cursor is, if the list is open; returns the place of each
/// candidate that is drawn.
pub(crate) fn candidates(
    input: &InputBox,
    cursor: Option<Position>,
    buffer: &mut Buffer,
    theme: &Theme,
) -> Vec<(Rect, usize)> {
    let mut places = Vec::new();
    let (Some(popup), Some(Position { x, y: above })) = (&input.popup, cursor) else {
        return places;
    };
    let editor = &input.editor;
    let typed = editor.text().get(popup.replace.start..editor.cursor()).unwrap_or_default();
    let x = x.saturating_sub(fit::columns(typed));
    let area = *buffer.area();
    let names = popup.candidates.iter().map(|c| fit::width(&c.text)).max().unwrap_or(0);
    let about = popup.candidates.iter().map(|c| fit::width(&c.description)).max().unwrap_or(0);
    let wide = 1 + names + if about > 0 { 2 + about } else { 0 };
    let width = u16::try_from(wide + 4).unwrap_or(u16::MAX).min(area.width.saturating_sub(2));
    let shown = popup.candidates.len().min(CANDIDATES).min(usize::from(above.saturating_sub(4)));
    let height = u16::try_from(shown).unwrap_or(0) + 2;
    let x = x.saturating_sub(3).min(area.right().saturating_sub(width));
    let place = Rect::new(x, above.saturating_sub(height), width, height);
    let inside = framed("", place, buffer, theme);
    let top = popup.at.map_or(0, |at| (at + 1).saturating_sub(shown));
    for (y, (nth, candidate)) in
        (0..inside.height).zip(popup.candidates.iter().enumerate().skip(top))
    {
        let chosen = popup.at == Some(nth);
        places.push((Rect { y: inside.y + y, height: 1, ..inside }, nth));
        let mut row = Row::at(buffer, inside, y);
        row.left(if chosen { "▌" } else { " " }, theme.accent);
        let style = if chosen { theme.chosen() } else { theme.plain };
        row.column(&candidate.text, names, style).skip(2).left(&candidate.description, theme.dim);
    }
    let more = popup.candidates.len() - shown;
    if more > 0 {
        let bottom = Rect { y: place.bottom() - 1, height: 1, ..place };
        let mut row = Row::new(buffer, bottom);
        row.skip_right(2).right(&format!(" {more} more "), theme.dim);
    }
    places
}
