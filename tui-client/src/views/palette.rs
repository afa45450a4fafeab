//! Lists with a filter: all actions (Ctrl-P), and the menu where it has no room of its own.

use ratatui::layout::Position;
use topside_shared::command::Command;

use super::command_form::{self, OnChoice};
use super::console::menu::{CommandSigns, effect_sign};
use super::list_view::ListView;
use crate::app::view::{HelpKeys, Outcome, close, refuse, stay};
use crate::app::{Effect, Screen, State, availability};
use crate::input::actions::{self, Id};
use crate::input::key::Key;
use crate::text::fit;
use crate::widgets::canvas::Canvas;
use crate::widgets::list::{Column, Line, List, ListHints, Load, Table, cell};

/// The view. The rows are in another order once the session is lost, or found again; the choice stays.
#[derive(Debug)]
pub(crate) struct Palette {
    list: List<Pick>,
    /// Only the menu's commands.
    commands_only: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PaletteRow {
    /// What it belongs to; empty in the further rows of a group.
    group: String,
    pub(crate) title: String,
    /// A few words beside it: keys, or what a command is.
    detail: String,
    /// Why it cannot be chosen now.
    why_not: Option<String>,
    /// What is shown beside the name of a command.
    signs: Option<CommandSigns>,
    pub(crate) pick: Pick,
}

impl PaletteRow {
    /// The columns of its name, with what stands behind it.
    fn name_width(&self) -> u16 {
        let behind = self.signs.as_ref().map_or(0, |signs| 2 * signs.beside_name());
        fit::columns(&self.title) + behind
    }
}

/// What choosing a row does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Pick {
    /// Carries out an action.
    Act(Id),
    /// Opens a command's form, or puts its name into the input.
    Command(String),
}

/// The group of the actions that were used last.
const RECENT: &str = "Recent";
/// The group of the actions that are not possible now.
const NOT_NOW: &str = "Not now";
const COMMANDS: &str = "Commands";
/// The groups of actions, in the order of the list: what moves about is looked for least.
const GROUPS: [&str; 8] =
    [RECENT, "Server", "Choosing", "Output", "Tabs", "Typing", "Topside", NOT_NOW];
/// Columns of the group's name, and of a command's category.
const GROUP: u16 = 8;
const CATEGORY: u16 = 12;
/// From this width on each group has its name.
const GROUP_FROM: u16 = 60;
/// How many actions count as recent.
const MOST_RECENT: usize = 5;

/// Notes that an action was chosen here.
fn remember(state: &mut State, id: Id) {
    state.recent_actions.retain(|recent| *recent != id);
    state.recent_actions.insert(0, id);
    state.recent_actions.truncate(MOST_RECENT);
}

/// Leaves the name of each group in its first row only.
fn name_groups_once(rows: &mut [PaletteRow]) {
    let mut last = String::new();
    for row in rows {
        if last == row.group {
            row.group.clear();
        } else {
            last.clone_from(&row.group);
        }
    }
}

/// Opens the list of actions and commands.
pub(crate) fn open_all(state: &mut State) -> Vec<Effect> {
    open(state, false)
}

pub(crate) fn open_menu(state: &mut State) -> Vec<Effect> {
    open(state, true)
}

fn open(state: &mut State, commands_only: bool) -> Vec<Effect> {
    let mut palette = Palette { list: List::typed(), commands_only };
    palette.list.first(&picks(&palette.shown(state)));
    state.open(palette);
    Vec::new()
}

fn picks(rows: &[PaletteRow]) -> Vec<Pick> {
    rows.iter().map(|row| row.pick.clone()).collect()
}

impl Palette {
    /// The place of the chosen row among these.
    #[cfg(test)]
    pub(crate) fn place(&self, rows: &[PaletteRow]) -> usize {
        self.list.place(&picks(rows))
    }

    /// The rows that pass the filter.
    pub(crate) fn shown(&self, state: &State) -> Vec<PaletteRow> {
        self.filtered(self.all_rows(state))
    }

    fn chosen_row(&self, state: &State) -> Option<PaletteRow> {
        let mut rows = self.shown(state);
        let at = self.list.place(&picks(&rows));
        (at < rows.len()).then(|| rows.swap_remove(at))
    }

    fn filtered(&self, mut rows: Vec<PaletteRow>) -> Vec<PaletteRow> {
        let words = |row: &PaletteRow| format!("{} {} {}", row.title, row.detail, row.group);
        rows.retain(|row| self.list.passes(|| words(row)));
        rows
    }

    /// All rows: the actions that were used last, then the others by their group, then what cannot be chosen now.
    fn all_rows(&self, state: &State) -> Vec<PaletteRow> {
        let mut rows = Vec::new();
        if !self.commands_only {
            let offered = |action: &&actions::Action| action.dispatched && action.id != Id::Palette;
            for action in availability::actions_of(state).filter(offered) {
                let why_not = availability::check(state, action).err();
                let detail = state.keys.shown(action.id, " ");
                let is_recent = state.recent_actions.contains(&action.id) && why_not.is_none();
                rows.push(PaletteRow {
                    group: match &why_not {
                        Some(_) => NOT_NOW,
                        None if is_recent => RECENT,
                        None => action.group,
                    }
                    .to_owned(),
                    title: action.title.to_owned(),
                    detail,
                    why_not,
                    signs: None,
                    pick: Pick::Act(action.id),
                });
            }
            let recent = |row: &PaletteRow| match &row.pick {
                Pick::Act(id) if row.group == RECENT => {
                    state.recent_actions.iter().position(|recent| recent == id)
                }
                _ => None,
            };
            let rank = |row: &PaletteRow| GROUPS.iter().position(|group| *group == row.group);
            rows.sort_by_key(|row| (rank(row), recent(row)));
        }
        if let Screen::Console(console) = &state.screen {
            for (category, commands) in by_category(&console.menu.commands) {
                let group = if self.commands_only { category } else { COMMANDS };
                rows.extend(commands.into_iter().map(|command| PaletteRow {
                    group: group.to_owned(),
                    title: command.name.clone(),
                    detail: about(command),
                    why_not: None,
                    signs: Some(CommandSigns::of(console, command)),
                    pick: Pick::Command(command.name.clone()),
                }));
            }
        }
        rows
    }
}

impl ListView for Palette {
    type Row = Pick;

    fn title(&self, _state: &State) -> String {
        if self.commands_only { "Menu".to_owned() } else { "Actions and commands".to_owned() }
    }

    fn opened_by(&self) -> Option<Id> {
        Some(if self.commands_only { Id::Menu } else { Id::Palette })
    }

    fn list(&self) -> &List<Pick> {
        &self.list
    }

    fn list_mut(&mut self) -> &mut List<Pick> {
        &mut self.list
    }

    fn rows(&self, state: &State) -> Vec<Pick> {
        picks(&self.shown(state))
    }

    fn enter(&mut self, state: &State) -> Outcome {
        match self.chosen_row(state) {
            Some(PaletteRow { title, why_not: Some(why), .. }) => refuse(format!("{title}: {why}")),
            Some(PaletteRow { pick, .. }) => close().then(|state| match pick {
                Pick::Act(id) => {
                    remember(state, id);
                    state.act(id)
                }
                Pick::Command(name) => command_form::choose(state, &name),
            }),
            None => stay(),
        }
    }

    /// A click runs no command: it opens the form.
    fn enter_by_click(&mut self, state: &State) -> Outcome {
        match self.chosen_row(state).map(|row| row.pick) {
            Some(Pick::Command(name)) => {
                close().then(move |state| command_form::open(state, &name))
            }
            _ => self.enter(state),
        }
    }

    fn own_keys(&self) -> Vec<HelpKeys> {
        vec![("Ctrl-O", "Put the name of the command into the input")]
    }

    fn other_key(&mut self, key: Key, state: &State) -> Outcome {
        match self.chosen_row(state).map(|row| row.pick) {
            Some(Pick::Command(name)) if key.is_ctrl('o') => close().then(move |state| {
                command_form::type_line(state, &format!("{name} "));
                Vec::new()
            }),
            _ => stay(),
        }
    }

    fn draw(&self, canvas: &mut Canvas<'_>, state: &State) -> Option<Position> {
        let rows = self.all_rows(state);
        let room = canvas.room();
        let wanted = u16::try_from(rows.len() + 3).unwrap_or(u16::MAX).clamp(5, room.height);
        let mut rows = self.filtered(rows);
        name_groups_once(&mut rows);
        let inside = canvas.popup(&self.title(state), room.width.min(76), wanted);
        let name_width = rows.iter().map(PaletteRow::name_width).max().unwrap_or(0);
        let has_groups = inside.width >= GROUP_FROM;
        let (group, group_width) =
            if self.commands_only { ("CATEGORY", CATEGORY) } else { ("GROUP", GROUP) };
        let room = inside.width - if has_groups { group_width + 2 } else { 0 };
        let name_width = name_width.clamp(8, room * 7 / 10);
        let (name, about) =
            if self.commands_only { ("COMMAND", "ABOUT") } else { ("ACTION", "KEYS") };
        let mut columns = vec![Column::new(name, name_width), Column::rest(about)];
        if has_groups {
            columns.insert(0, Column::new(group, group_width));
        }
        let at = self.list.place(&picks(&rows));
        let hints: &[&str] = match rows.get(at) {
            Some(PaletteRow { pick: Pick::Command(name), .. }) => {
                match command_form::on_choice(state, name) {
                    Some(OnChoice::Runs) => &["Enter runs it", "Ctrl-O edit as a line"],
                    Some(OnChoice::OpensForm) => &["Enter opens it", "Ctrl-O edit as a line"],
                    None => &["Ctrl-O edit as a line"],
                }
            }
            Some(PaletteRow { why_not: None, .. }) => &["Enter does it"],
            _ => &[],
        };
        let table = Table {
            columns: &columns,
            load: &Load::Done,
            empty: "Nothing matches; Esc closes.",
            below: 0,
            beside: 0,
            hints: ListHints { row: hints, list: &[], more: false },
        };
        self.list.draw(&table, (&rows, at), inside, canvas, |row, chosen, theme| {
            let style = match (chosen, &row.why_not) {
                (true, _) => theme.chosen(),
                (false, Some(_)) => theme.dim,
                (false, None) => theme.plain,
            };
            let about = match &row.why_not {
                Some(why) => format!("– {why}"),
                None => row.detail.clone(),
            };
            let about_style = match row.pick {
                Pick::Act(_) if row.why_not.is_none() => theme.accent,
                _ => theme.dim,
            };
            let (mut name, mut about) = (cell(row.title.clone(), style), cell(about, about_style));
            if let Some(CommandSigns { effect, needs_arguments, scheduled, active }) = row.signs {
                let (sign, style) = effect_sign(effect, theme);
                about.insert(0, (format!("{sign} ").into(), style));
                name.push((if needs_arguments { " …" } else { "" }.into(), theme.dim));
                name.push((if scheduled { " ◷" } else { "" }.into(), theme.dim));
                name.push((if active { " ●" } else { "" }.into(), theme.running));
            }
            let mut cells = vec![name, about];
            if has_groups {
                cells.insert(0, cell(row.group.clone(), theme.dim));
            }
            vec![Line::Cells(cells)]
        })
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
