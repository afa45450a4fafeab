//! The help: every action of the screen that is up, from the registry.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::boxes;
use super::row::Row;
use super::theme::Theme;
use crate::actions::{self, Danger};
use crate::app::overlay::room;
use crate::app::{Screen, Size, State, fit};

/// One row of the help.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Line {
    Blank,
    Heading(&'static str),
    Action {
        keys: String,
        title: &'static str,
        /// What stands before harm, or why it is not possible now.
        note: String,
    },
    Text(&'static str),
}

/// All rows, in the order of the registry.
pub(crate) fn rows(state: &State) -> Vec<Line> {
    let mut rows = vec![];
    if let Screen::Console(_) = state.screen {
        rows.push(Line::Text(
            "Type a command and press Enter; m shows the menu, help NAME one command.",
        ));
    } else {
        rows.push(Line::Text("Pick a server on the left and how to reach it on the right."));
    }
    let mut group = "";
    for action in actions::of(state) {
        let keys = action.keys().map(|key| key.to_string()).collect::<Vec<_>>().join("  ");
        if keys.is_empty() {
            continue;
        }
        if action.group != group {
            group = action.group;
            rows.push(Line::Blank);
            rows.push(Line::Heading(group));
        }
        let note = match ((action.enabled)(state), action.danger) {
            (Err(why), _) => why,
            (Ok(()), Danger::Asks) => "asks first".to_owned(),
            (Ok(()), Danger::Name) => "wants the server's name typed".to_owned(),
            (Ok(()), Danger::None) => String::new(),
        };
        rows.push(Line::Action { keys, title: action.title, note });
    }
    rows
}

pub(super) fn draw(state: &State, top: usize, area: Rect, buffer: &mut Buffer, theme: &Theme) {
    let rows = rows(state);
    let Size { width, height } = room(Size { width: area.width, height: area.height });
    let wanted = u16::try_from(rows.len() + 2).unwrap_or(u16::MAX).min(height);
    let inside = boxes::centred("Help", width, wanted, area, buffer, theme);
    let page = inside.height.saturating_sub(2);
    let keys_width = if inside.width >= 60 { 30 } else { 17 };
    for (y, line) in (0..page).zip(rows.iter().skip(top)) {
        let mut row = Row::at(buffer, inside, y);
        match line {
            Line::Blank => {}
            Line::Heading(text) => {
                row.left(&text.to_uppercase(), theme.dim);
            }
            Line::Text(text) => {
                row.left(text, theme.plain);
            }
            Line::Action { keys, title, note } => {
                row.column(keys, keys_width, theme.accent).skip(1);
                row.left(title, theme.plain);
                if !note.is_empty() && row.room() > 12 {
                    row.skip(2);
                    let note = fit::cut(note, row.room());
                    row.left(&note, theme.dim);
                }
            }
        }
    }
    let mut foot = Row::at(buffer, inside, inside.height.saturating_sub(1));
    let below = rows.len().saturating_sub(top + usize::from(page));
    foot.left("↑ ↓ scroll · any other key closes", theme.dim);
    if below > 0 {
        foot.right(&format!("↓ {below} more"), theme.dim);
    }
}
