//! What came of reading the server's files again.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::app::overlay::room;
use crate::app::server::reload::{Reload, Standing};
use crate::app::{Size, State};
use crate::text::fit;
use crate::theme::Theme;
use crate::views::overlay_frame;
use crate::views::row::Row;

/// Columns before the words.
const BEFORE: u16 = 2;

/// One row.
pub(crate) struct Line {
    /// Where a sentence begins: its sign.
    sign: Option<Sign>,
    text: String,
    strong: bool,
}

#[derive(Clone, Copy)]
enum Sign {
    Done,
    Wrong,
    Waits,
    Fact,
    None,
}

/// All rows; what is too long for one goes on in the next.
pub(crate) fn rows(state: &State, shown: &Reload) -> Vec<Line> {
    let width = room(state.size).width.min(state.size.width.saturating_sub(4));
    let room = usize::from(width.saturating_sub(BEFORE));
    let mut rows = Vec::new();
    let mut say = |sign, text: &str, strong| {
        let mut sign = Some(sign);
        for text in fit::wrap(text, room) {
            rows.push(Line { sign: sign.take(), text, strong });
        }
    };
    match &shown.standing {
        Standing::Asked => say(Sign::None, "The server reads its files …", false),
        Standing::Done { changed, waits } => {
            match changed.is_empty() {
                true if waits.is_none() => {
                    say(Sign::Done, "The files were read again: nothing has changed.", true);
                }
                true => say(Sign::Done, "The files were read again.", true),
                false => say(Sign::Done, "The files were read again. In force now:", true),
            }
            for sentence in changed {
                say(Sign::Fact, sentence, false);
            }
            if let Some(waits) = waits {
                say(Sign::Waits, waits, false);
                say(Sign::None, "Until then the values before hold.", false);
            }
        }
        Standing::Refused(refused) if refused.mistakes.is_empty() => {
            say(Sign::Wrong, &refused.why, true);
        }
        Standing::Refused(refused) => {
            let words = "Nothing was changed: the menu and the settings before are in force.";
            say(Sign::Wrong, words, true);
            for mistake in &refused.mistakes {
                say(Sign::Fact, &mistake.at, false);
                say(Sign::None, &mistake.message, false);
            }
        }
    }
    rows
}

pub(crate) fn draw(state: &State, shown: &Reload, area: Rect, buffer: &mut Buffer, theme: &Theme) {
    let rows = rows(state, shown);
    let Size { width, height } = room(Size { width: area.width, height: area.height });
    let wanted = u16::try_from(rows.len() + 2).unwrap_or(u16::MAX).min(height);
    let inside = overlay_frame::centred("The server's files", width, wanted, area, buffer, theme);
    let page = inside.height.saturating_sub(2);
    let mut foot = Row::at(buffer, inside, inside.height.saturating_sub(1));
    let top = overlay_frame::reading(&mut foot, rows.len(), shown.top, page, theme);
    for (y, line) in (0..page).zip(rows.iter().skip(top)) {
        let mut row = Row::at(buffer, inside, y);
        match line.sign {
            Some(Sign::Done) => row.left("✓ ", theme.good),
            Some(Sign::Wrong) => row.left("✗ ", theme.bad),
            Some(Sign::Waits) => row.left("▲ ", theme.warn),
            Some(Sign::Fact) => row.left("· ", theme.dim),
            Some(Sign::None) | None => row.skip(BEFORE),
        };
        row.left(&line.text, if line.strong { theme.strong } else { theme.plain });
    }
}
