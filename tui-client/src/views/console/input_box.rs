//! The input row: the command that is typed, the answer to a run, or the search.

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use topside_shared::cmdline::{self, Hint};

use crate::app::console::Console;
use crate::app::{Clicked, Hits, State};
use crate::scrollback::grouped;
use crate::text::fit;
use crate::theme::Theme;
use crate::views::console::submit;
use crate::views::typed_command::{Drawn, TypedCommand};
use crate::widgets::field::{field, ground};
use crate::widgets::row::Row;
use crate::widgets::text_search::{MAX_COUNT, Search};

/// From this width on the name of the only server stands before the input; in a narrow terminal the header alone has it.
const NAME_FROM: u16 = 80;

/// Draws the name of the server before the input, so that nothing is typed for another one by mistake; returns the rest of
/// the row.
fn draw_name(state: &State, place: Rect, buffer: &mut Buffer, theme: &Theme) -> Rect {
    if state.tabs.len() < 2 && place.width < NAME_FROM {
        return place;
    }
    let title = state.title_of(state);
    let name = fit::cut(&title, usize::from(place.width / 5).max(8));
    if name.is_empty() {
        return place;
    }
    let mut row = Row::new(buffer, place);
    row.skip(1).left(&name, theme.server(&title));
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
    let place = draw_name(state, place, buffer, theme);
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
    let place = Rect { x: place.x + 1, width: place.width.saturating_sub(1), ..place };
    let prompt = if state.is_connected() { theme.accent } else { theme.dim };
    let (input, commands) = (&console.input, &console.menu.commands);
    let typed = TypedCommand { input, commands, hint: hint_of(console) };
    let Drawn { cursor, long_hint, rows } = typed.draw(prompt, place, buffer, theme);
    // They lie above what was drawn before.
    hits.splice(0..0, rows.into_iter().map(|(place, nth)| (place, Clicked::ListRow(nth))));
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
