//! Lists with a filter: all actions (Ctrl-P), and the menu where it has no room of its own.

use ratatui::layout::Position;
use topside_shared::command::Command;

use super::command_form;
use super::update::run;
use crate::app::view::{Outcome, View, close, refuse, stay};
use crate::app::{Effect, Screen, State, availability};
use crate::input::actions::{self, Id};
use crate::input::key::{Code, Key};
use crate::text::fit;
use crate::widgets::canvas::{Canvas, page};
use crate::widgets::filter_list::{FilterList, ListArea, ListKey, Load};

/// The view. The rows are in another order once the session is lost, or found again; the choice stays.
#[derive(Debug)]
pub(crate) struct Palette {
    list: FilterList<Pick>,
    /// Only the menu's commands.
    commands_only: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PaletteRow {
    pub(crate) title: String,
    /// A few words beside it: keys, or what a command is.
    detail: String,
    /// Why it cannot be chosen now.
    why_not: Option<String>,
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

/// Opens the list of actions and commands.
pub(crate) fn open_all(state: &mut State) -> Vec<Effect> {
    open(state, false)
}

pub(crate) fn open_menu(state: &mut State) -> Vec<Effect> {
    open(state, true)
}

fn open(state: &mut State, commands_only: bool) -> Vec<Effect> {
    let mut palette = Palette { list: FilterList::default(), commands_only };
    palette.list.first(&picks(&palette.rows(state)));
    state.open(palette);
    Vec::new()
}

fn picks(rows: &[PaletteRow]) -> Vec<Pick> {
    rows.iter().map(|row| row.pick.clone()).collect()
}

impl Palette {
    /// The place of the chosen row among these.
    pub(crate) fn place(&self, rows: &[PaletteRow]) -> usize {
        self.list.place(&picks(rows))
    }

    /// The rows that pass the filter.
    pub(crate) fn rows(&self, state: &State) -> Vec<PaletteRow> {
        self.filtered(self.all_rows(state))
    }

    fn filtered(&self, mut rows: Vec<PaletteRow>) -> Vec<PaletteRow> {
        rows.retain(|row| self.list.passes(|| format!("{} {}", row.title, row.detail)));
        rows
    }

    /// All rows. What can be chosen stands first.
    fn all_rows(&self, state: &State) -> Vec<PaletteRow> {
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
        rows
    }
}

impl View for Palette {
    fn title(&self, _state: &State) -> String {
        if self.commands_only { "Menu".to_owned() } else { "Actions and commands".to_owned() }
    }

    fn key(&mut self, key: Key, state: &State) -> Outcome {
        let rows = self.rows(state);
        let row = rows.get(self.place(&rows));
        match (key.code, row.map(|row| (row, &row.pick))) {
            _ if key.is_ctrl('p') => return close(),
            (Code::Enter, Some((PaletteRow { title, why_not: Some(why), .. }, _))) => {
                return refuse(format!("{title}: {why}"));
            }
            (Code::Enter, Some((_, pick))) => {
                let pick = pick.clone();
                return close().then(|state| match pick {
                    Pick::Act(id) => run(state, actions::get(id)),
                    Pick::Command(name) => command_form::choose(state, &name),
                });
            }
            (_, Some((_, Pick::Command(name)))) if key.is_ctrl('o') => {
                let line = format!("{name} ");
                return close().then(move |state| {
                    command_form::type_line(state, &line);
                    Vec::new()
                });
            }
            _ => {}
        }
        match self.list.key(key, &picks(&rows), page(state.size)) {
            ListKey::Close => return close(),
            ListKey::Filtered => self.list.first(&picks(&self.rows(state))),
            ListKey::Refresh | ListKey::Beyond | ListKey::Done => {}
        }
        stay()
    }

    fn paste(&mut self, text: &str, state: &State) -> Outcome {
        self.list.paste(text);
        self.list.first(&picks(&self.rows(state)));
        stay()
    }

    fn wheel(&mut self, rows: i32, state: &State) {
        self.list.wheel(rows, &picks(&self.rows(state)));
    }

    fn draw(&self, canvas: &mut Canvas<'_>, state: &State) -> Option<Position> {
        let rows = self.all_rows(state);
        let room = canvas.room();
        let wanted = u16::try_from(rows.len() + 4).unwrap_or(u16::MAX).clamp(5, room.height);
        let rows = self.filtered(rows);
        let inside = canvas.popup(&self.title(state), room.width.min(76), wanted);
        let (buffer, theme) = (&mut *canvas.buffer, &state.theme);
        let list = ListArea::new(&self.list.filter, inside, 2, buffer, theme);
        let at = self.place(&rows);
        let name_width = rows.iter().map(|row| fit::width(&row.title)).max().unwrap_or(0);
        let name_width = name_width.min(usize::from(list.rows.width) * 6 / 10);
        list.draw((&rows, at), buffer, theme, |row, entry, chosen| {
            let style = match (chosen, &entry.why_not) {
                (true, _) => theme.chosen(),
                (false, Some(_)) => theme.dim,
                (false, None) => theme.plain,
            };
            row.column(&entry.title, name_width, style).skip(2);
            match (&entry.why_not, &entry.pick) {
                (Some(why), _) => row.left(&format!("– {why}"), theme.dim),
                (None, Pick::Act(_)) => row.right(&entry.detail, theme.dim),
                (None, Pick::Command(_)) => row.left(&entry.detail, theme.dim),
            };
        });
        let none = rows.is_empty().then_some("Nothing matches; Esc closes.");
        list.standing(&Load::Done, none, buffer, theme);
        let types = rows.get(at).is_some_and(|row| matches!(row.pick, Pick::Command(_)));
        let keys: &[&str] = if types {
            &["Enter opens it", "Ctrl-O types it", "Esc closes"]
        } else {
            &["Enter does it", "Esc closes"]
        };
        list.foot((at, rows.len(), false), keys.iter().copied(), (buffer, &mut canvas.hits), theme);
        list.cursor
    }
}

/// The category of Topside's own commands.
pub(crate) const OWN_CATEGORY: &str = "Server";

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
    categories.sort_by_key(|(name, _)| *name == OWN_CATEGORY);
    categories
}

/// What a command is, in a few words.
pub(crate) fn about(command: &Command) -> String {
    if command.title.is_empty() { command.description.clone() } else { command.title.clone() }
}
