//! The menu beside the response pane.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use topside_shared::command::Command;

use crate::app::console::Console;
use crate::app::{Clicked, Hits, State};
use crate::input::actions::Id;
use crate::text::fit;
use crate::views::palette::{about, by_category};
use crate::widgets::row::Row;

/// From this width on a command's title stands beside its name.
const TITLES_FROM: u16 = 30;
/// Most columns of a name beside a title.
const NAMES: usize = 18;

enum MenuRow<'m> {
    Blank,
    Heading(&'m str),
    Command(&'m Command),
}

/// The rows: the menu by category, parted by blank rows if these fit too.
fn entries(console: &Console, height: u16) -> Vec<MenuRow<'_>> {
    let categories = by_category(&console.menu.commands);
    let rows = console.menu.commands.len() + 2 * categories.len();
    let roomy = rows <= usize::from(height);
    let mut entries = Vec::new();
    for (category, commands) in categories {
        if roomy && !entries.is_empty() {
            entries.push(MenuRow::Blank);
        }
        entries.push(MenuRow::Heading(category));
        entries.extend(commands.into_iter().map(MenuRow::Command));
    }
    entries
}

pub(crate) fn draw(
    state: &State,
    console: &Console,
    place: Rect,
    buffer: &mut Buffer,
    hits: &mut Hits,
) {
    let theme = &state.theme;
    Row::new(buffer, place).skip(1).left("MENU", theme.dim);
    if let Some(why) = &console.menu_refused {
        Row::at(buffer, place, 1).skip(1).left(why, theme.bad);
        return;
    }
    let entries = entries(console, place.height);
    let rows = place.height.saturating_sub(1);
    let longest = console.menu.commands.iter().map(|command| fit::width(&command.name)).max();
    let names = longest.unwrap_or(0).min(NAMES);
    let hidden = entries.len().saturating_sub(usize::from(rows));
    for (y, entry) in (1..place.height).zip(&entries) {
        let mut row = Row::at(buffer, place, y);
        row.skip(1).skip_right(1);
        if hidden > 0 && y + 1 == place.height {
            let key = state.keys.word(Id::Menu);
            row.left(&format!("… {} more · {key}", hidden + 1), theme.dim);
            return;
        }
        match entry {
            MenuRow::Blank => {}
            MenuRow::Heading(text) => {
                row.left(text, theme.strong);
            }
            MenuRow::Command(command) => {
                let at = Rect { y: place.y + y, height: 1, ..place };
                hits.push((at, Clicked::Command(command.name.clone())));
                row.skip(2);
                if place.width >= TITLES_FROM {
                    let title = about(command);
                    row.column(&command.name, names, theme.plain).skip(2).left(&title, theme.dim);
                } else {
                    row.left(&command.name, theme.plain);
                }
            }
        }
    }
}
