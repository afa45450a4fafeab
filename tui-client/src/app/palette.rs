//! The lists with a filter: all actions (Ctrl-P), and the menu where it has no room of its own.

use topside_shared::command::Command;

use super::widgets::editor::{Edited, Editor};
use super::{Screen, State};
use crate::app::availability;
use crate::input::actions::{self, Id};
use crate::input::key::{Code, Key};

/// A list with a filter.
#[derive(Debug)]
pub(crate) struct Palette {
    pub(crate) filter: Editor,
    at: usize,
    /// What stood there: the rows are in another order once the session is lost, or found again.
    chosen: Option<Pick>,
    /// Only the menu's commands.
    pub(crate) commands_only: bool,
}

/// One row of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PaletteRow {
    pub(crate) title: String,
    /// A few words beside it: keys, or what a command is.
    pub(crate) detail: String,
    /// Why it cannot be chosen now.
    pub(crate) why_not: Option<String>,
    pub(crate) pick: Pick,
}

/// What choosing a row does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Pick {
    /// Carries out an action.
    Act(Id),
    /// Opens a command's form, or puts its name into the input.
    Command(String),
}

/// What became of a key.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Picked {
    Open,
    Closed,
    Chosen(usize),
    /// The row is wanted in the input, to be typed on.
    Typed(usize),
}

impl Palette {
    pub(crate) fn new(commands_only: bool) -> Self {
        Self { filter: Editor::default(), at: 0, chosen: None, commands_only }
    }

    /// One that lies on top from now on.
    pub(crate) fn open(state: &State, commands_only: bool) -> Self {
        let mut palette = Self::new(commands_only);
        palette.settle(state);
        palette
    }

    /// The place of the chosen row among these.
    pub(crate) fn place(&self, rows: &[PaletteRow]) -> usize {
        let chosen = rows.iter().position(|row| self.chosen.as_ref() == Some(&row.pick));
        chosen.unwrap_or(self.at.min(rows.len().saturating_sub(1)))
    }

    /// Holds on to what stands at the chosen place now.
    pub(crate) fn settle(&mut self, state: &State) {
        self.chosen = self.rows(state).into_iter().nth(self.at).map(|row| row.pick);
    }

    /// Text for the filter, of which the first match is chosen.
    pub(crate) fn paste(&mut self, text: &str) {
        self.filter.insert(text.lines().next().unwrap_or_default());
        (self.at, self.chosen) = (0, None);
    }

    /// What a key does, where these rows are shown; to be settled then.
    pub(crate) fn key(&mut self, key: Key, rows: &[PaletteRow], page: usize) -> Picked {
        let last = rows.len().saturating_sub(1);
        self.at = self.place(rows);
        match key.code {
            Code::Esc => return Picked::Closed,
            _ if key.is_ctrl('c') || key.is_ctrl('p') => return Picked::Closed,
            Code::Enter if !rows.is_empty() => return Picked::Chosen(self.at),
            _ if key.is_ctrl('o') && !rows.is_empty() => return Picked::Typed(self.at),
            Code::Up | Code::BackTab => self.at = self.at.saturating_sub(1),
            Code::Down | Code::Tab => self.at = (self.at + 1).min(last),
            Code::PageUp => self.at = self.at.saturating_sub(page),
            Code::PageDown => self.at = (self.at + page).min(last),
            _ => {
                if self.filter.key(key) == Edited::Text {
                    self.at = 0;
                }
            }
        }
        Picked::Open
    }

    /// The rows that pass the filter. What can be chosen stands first.
    pub(crate) fn rows(&self, state: &State) -> Vec<PaletteRow> {
        let mut rows = Vec::new();
        if !self.commands_only {
            let offered = |action: &&actions::Action| action.dispatched && action.id != Id::Palette;
            for action in availability::actions_of(state).filter(offered) {
                let why_not = availability::check(state, action).err();
                let detail = state.keys.shown(action.id, " ");
                rows.push(PaletteRow {
                    title: action.title.to_owned(),
                    detail,
                    why_not,
                    pick: Pick::Act(action.id),
                });
            }
            // What has no place in the hints, and what moves about, is looked for least.
            let rank = |row: &PaletteRow| match &row.pick {
                Pick::Act(id) => match actions::get(*id).group {
                    "Server" | "Choosing" => 0,
                    "Topside" => 2,
                    _ => 1,
                },
                Pick::Command(_) => 3,
            };
            rows.sort_by_key(|row| (row.why_not.is_some(), rank(row)));
        }
        if let Screen::Console(console) = &state.screen {
            for command in by_category(&console.menu.commands).into_iter().flat_map(|(_, of)| of) {
                rows.push(PaletteRow {
                    title: command.name.clone(),
                    detail: about(command),
                    why_not: None,
                    pick: Pick::Command(command.name.clone()),
                });
            }
        }
        let filter = self.filter.text().to_lowercase();
        rows.retain(|row| {
            let text = format!("{} {}", row.title, row.detail).to_lowercase();
            filter.split_whitespace().all(|word| text.contains(word))
        });
        rows
    }
}

/// The menu by category: in the order in which the server names them, its own commands last, for what
/// the owner of the box declared comes before what every server has.
pub(crate) fn by_category(commands: &[Command]) -> Vec<(&str, Vec<&Command>)> {
    let mut categories: Vec<(&str, Vec<&Command>)> = Vec::new();
    for command in commands {
        match categories.iter_mut().find(|(name, _)| *name == command.category) {
            Some((_, of)) => of.push(command),
            None => categories.push((&command.category, vec![command])),
        }
    }
    categories.sort_by_key(|(name, _)| *name == "Server");
    categories
}

/// What a command is, in a few words.
pub(crate) fn about(command: &Command) -> String {
    if command.title.is_empty() { command.description.clone() } else { command.title.clone() }
}
