//! Help: every action of the screen, from the table of actions.

use ratatui::layout::Position;

use crate::app::view::{Outcome, View, close, stay};
use crate::app::{Effect, Screen, State, availability};
use crate::input::actions::Danger;
use crate::input::key::Key;
use crate::text::fit;
use crate::widgets::canvas::{Canvas, page, text_width};
use crate::widgets::reading::Reading;

#[derive(Debug, Default)]
pub(crate) struct Help(Reading);

pub(crate) fn open(state: &mut State) -> Vec<Effect> {
    state.open(Help::default());
    Vec::new()
}

impl View for Help {
    fn leaves_colon(&self) -> bool {
        true
    }

    fn title(&self, _state: &State) -> String {
        "Help".to_owned()
    }

    fn key(&mut self, key: Key, state: &State) -> Outcome {
        let stays = self.0.key(key, rows(state).len(), page(state.size));
        if stays { stay() } else { close() }
    }

    fn wheel(&mut self, by: i32, state: &State) {
        self.0.wheel(by, rows(state).len(), page(state.size));
    }

    fn draw(&self, canvas: &mut Canvas<'_>, state: &State) -> Option<Position> {
        let keys_width = keys_width(text_width(state.size));
        let head = (&*self.title(state), canvas.room().width);
        self.0.draw(head, &rows(state), 1, canvas, |line, row, theme| match line {
            HelpLine::Blank => {}
            HelpLine::Heading(text) => {
                row.left(&text.to_uppercase(), theme.dim);
            }
            HelpLine::Text(text) => {
                row.left(text, theme.plain);
            }
            HelpLine::Action { keys, title, note } => {
                row.column(keys, keys_width, theme.accent).skip(1);
                row.left(title, theme.plain);
                row.skip(if title.is_empty() { 0 } else { 2 }).left(note, theme.dim);
            }
        });
        None
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum HelpLine {
    Blank,
    Heading(&'static str),
    /// An action, or a further row of one.
    Action {
        keys: String,
        title: String,
        /// What it asks before it does harm, or why it is not possible now.
        note: String,
    },
    Text(String),
}

/// Columns that a note needs beside a title.
const NOTE: usize = 12;

/// Columns of the keys.
fn keys_width(width: u16) -> usize {
    if width >= 60 { 30 } else { 17 }
}

/// All rows, in the order of the registry; what is too long for one goes on in the next.
fn rows(state: &State) -> Vec<HelpLine> {
    let width = text_width(state.size);
    let first: &[&str] = match state.screen {
        Screen::Console(_) => &[
            "Type a command and press Enter; m shows the menu, help NAME one command.",
            "While a program asks, the input line answers it: Enter sends, Ctrl-D ends its input.",
        ],
        Screen::Picker => &["Pick a server on the left and how to reach it on the right."],
    };
    let first = first.iter().flat_map(|text| fit::wrap(text, usize::from(width)));
    let mut rows: Vec<HelpLine> = first.map(HelpLine::Text).collect();
    let mut group = "";
    for action in availability::actions_of(state) {
        let keys = state.keys.shown(action.id, "  ");
        if keys.is_empty() {
            continue;
        }
        if action.group != group {
            group = action.group;
            rows.push(HelpLine::Blank);
            rows.push(HelpLine::Heading(group));
        }
        let note = match (availability::check(state, action), action.danger) {
            (Err(why), _) => why,
            (Ok(()), Danger::Asks) => "asks first".to_owned(),
            (Ok(()), Danger::Name) => "wants the server's name typed".to_owned(),
            (Ok(()), Danger::None) => String::new(),
        };
        wrapped(&keys, action.title, note, width, &mut rows);
    }
    rows
}

/// The rows of one action.
fn wrapped(keys: &str, title: &str, note: String, width: u16, rows: &mut Vec<HelpLine>) {
    let keys_width = keys_width(width);
    let room = usize::from(width).saturating_sub(keys_width + 1);
    let mut keys = fit::wrap(keys, keys_width).into_iter();
    let mut titles = fit::wrap(title, room).into_iter().peekable();
    let (mut note, mut notes) =
        (Some(note).filter(|note| !note.is_empty()), Vec::new().into_iter());
    loop {
        let title = titles.next();
        // Behind the last row of the title, or below it.
        let beside = match &title {
            Some(title) if titles.peek().is_none() => {
                let room = room.saturating_sub(fit::width(title) + 2);
                note.take_if(|note| room >= NOTE && fit::width(note) <= room)
            }
            _ => None,
        };
        if title.is_none()
            && let Some(note) = note.take()
        {
            notes = fit::wrap(&note, room).into_iter();
        }
        let note = beside.or_else(|| notes.next());
        let keys = keys.next();
        if keys.is_none() && title.is_none() && note.is_none() {
            return;
        }
        let (keys, title) = (keys.unwrap_or_default(), title.unwrap_or_default());
        rows.push(HelpLine::Action { keys, title, note: note.unwrap_or_default() });
    }
}
