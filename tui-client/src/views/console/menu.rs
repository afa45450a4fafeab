//! The menu beside the response pane: the box's own commands by category, and those of Topside folded under one row.

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::style::Style;
use topside_shared::command::{Command, Effect};

use super::pane_head;
use crate::app::console::Console;
use crate::app::console::side_panes::{Focus, MenuKey};
use crate::app::{Clicked, Hits, State};
use crate::input::actions::Id;
use crate::theme::Theme;
use crate::views::palette::{OWN_CATEGORY, about, by_category};
use crate::widgets::list::{ListLayout, scrolled, window};
use crate::widgets::row::Row;

enum MenuRow<'m> {
    Blank,
    Heading(&'m str),
    Command(&'m Command, MenuKey),
    /// The row of Topside's own commands: their number, and whether they are listed.
    Fold(usize, bool),
}

impl MenuRow<'_> {
    fn key(&self) -> Option<MenuKey> {
        match self {
            Self::Command(_, key) => Some(key.clone()),
            Self::Fold(..) => Some(MenuKey::Fold),
            Self::Blank | Self::Heading(_) => None,
        }
    }
}

/// The rows that pass the filter. A filter looks into what is folded, and needs no favourites above.
fn rows<'c>(state: &State, console: &'c Console) -> Vec<MenuRow<'c>> {
    let commands = &console.menu.commands;
    let filtered = !console.side.menu.filter.is_empty();
    let passes = |command: &&Command| {
        let text = || format!("{} {} {}", command.name, about(command), command.category);
        console.side.menu.passes(text)
    };
    let mut rows = Vec::new();
    if !filtered {
        let top = |name: &str| {
            let command = console.menu.find(name)?;
            Some(MenuRow::Command(command, MenuKey::Top(command.name.clone())))
        };
        rows.extend(console.side.favourites.iter().filter_map(|name| top(name)));
        let recent = recent(state, console);
        if !recent.is_empty() {
            rows.push(MenuRow::Heading("Recent"));
            rows.extend(recent.into_iter().filter_map(top));
        }
        if !rows.is_empty() {
            rows.push(MenuRow::Blank);
        }
    }
    let only_own = commands.iter().all(|command| command.category == OWN_CATEGORY);
    for (category, mut of) in by_category(commands) {
        let listed = MenuKey::Command;
        let entry = |command: &'c Command| MenuRow::Command(command, listed(command.name.clone()));
        if category == OWN_CATEGORY && !only_own && !filtered {
            rows.push(MenuRow::Fold(of.len(), console.side.unfolded));
            if console.side.unfolded {
                rows.extend(of.into_iter().map(entry));
            }
            continue;
        }
        of.retain(passes);
        if !of.is_empty() {
            rows.push(MenuRow::Heading(category));
            rows.extend(of.into_iter().map(entry));
        }
    }
    rows
}

/// The names of the commands run last that are no favourites, the newest first.
fn recent<'c>(state: &State, console: &'c Console) -> Vec<&'c str> {
    let mut names: Vec<&str> = Vec::new();
    for line in console.input.history.newest_first() {
        if names.len() >= state.recent {
            break;
        }
        let typed = line.split_whitespace().next().unwrap_or_default();
        let Some(command) = console.menu.find(typed) else { continue };
        let name = command.name.as_str();
        if !names.contains(&name) && !console.side.favourites.iter().any(|other| other == name) {
            names.push(name);
        }
    }
    names
}

/// The rows that can be chosen.
pub(super) fn keys(state: &State) -> Vec<MenuKey> {
    let Some(console) = state.console() else { return Vec::new() };
    keys_of(&rows(state, console))
}

fn keys_of(rows: &[MenuRow<'_>]) -> Vec<MenuKey> {
    rows.iter().filter_map(MenuRow::key).collect()
}

/// The chosen row.
pub(super) fn chosen(state: &State) -> Option<MenuKey> {
    state.console()?.side.menu.chosen(&keys(state))
}

/// Scrolls the rows; the choice stays as long as it is in sight.
pub(super) fn scroll(state: &mut State, by: i32, layout: ListLayout) {
    let Some(console) = state.console() else { return };
    let rows: Vec<Option<MenuKey>> = rows(state, console).iter().map(MenuRow::key).collect();
    let keys: Vec<MenuKey> = rows.iter().flatten().cloned().collect();
    let focused = console.side.focus == Focus::Menu;
    let chosen = focused.then(|| console.side.menu.chosen(&keys)).flatten();
    let (top, next) = scrolled(&rows, chosen.as_ref(), by, layout);
    let Some(console) = state.console_mut() else { return };
    console.side.menu.scroll_to(top);
    if let Some(place) = keys.iter().position(|key| Some(key) == next.as_ref()) {
        console.side.menu.choose(&keys, place);
    }
}

/// Draws the menu; returns where the cursor is while it has the focus.
pub(super) fn draw(
    state: &State,
    console: &Console,
    place: Rect,
    buffer: &mut Buffer,
    hits: &mut Hits,
) -> Option<Position> {
    let theme = &state.theme;
    let focused = console.side.focus == Focus::Menu;
    let filter = focused.then_some(&console.side.menu.filter);
    let key = state.keys.word(Id::Menu);
    let cursor = pane_head("MENU", &key, (focused, filter), place, buffer, theme);
    if let Some(why) = &console.menu_refused {
        Row::at(buffer, place, 1).skip(1).left(why, theme.bad);
        return cursor;
    }
    let rows = rows(state, console);
    let chosen = focused.then(|| console.side.menu.chosen(&keys_of(&rows))).flatten();
    // The last row describes the chosen command, or says how many rows are hidden.
    let height = usize::from(place.height.saturating_sub(1));
    let all = rows.len() <= height && !focused;
    let shown = if all { height } else { height.saturating_sub(1) };
    let at = rows.iter().position(|row| row.key().is_some() && row.key() == chosen);
    let top = console.side.menu.top().min(rows.len().saturating_sub(1));
    // The heading of the first command is seen with it.
    let top = if at == Some(1) { 0 } else { top };
    let window = window(rows.len(), (top, at.unwrap_or(top)), shown, |_| 1);
    for (y, row) in (1u16..).zip(&rows[window.clone()]) {
        let here = chosen.is_some() && row.key() == chosen;
        let line = Rect { y: place.y + y, height: 1, ..place };
        match row {
            MenuRow::Blank => {}
            MenuRow::Heading(text) => {
                Row::new(buffer, line).skip(1).skip_right(1).left(text, theme.strong);
            }
            MenuRow::Fold(count, open) => {
                let style = if here { theme.chosen() } else { theme.dim };
                let sign = if *open { "▾" } else { "▸" };
                let mut row = Row::new(buffer, line);
                row.left(if here { "▌" } else { " " }, theme.accent);
                row.left(&format!("{sign} Topside ({count})"), style);
                hits.push((line, Clicked::Menu(MenuKey::Fold)));
            }
            MenuRow::Command(command, key) => {
                command_row(console, command, here, &mut Row::new(buffer, line), theme);
                hits.push((line, Clicked::Menu(key.clone())));
            }
        }
    }
    let mut last = Row::at(buffer, place, place.height.saturating_sub(1));
    last.skip(1).skip_right(1);
    let hidden = rows.len() - window.end;
    let layout = ListLayout { top: window.start, page: window.len().max(1) };
    hits.push((place, Clicked::PaneList(Focus::Menu, layout)));
    if let Some(command) = chosen.as_ref().and_then(MenuKey::command) {
        let command = console.menu.find(command);
        last.left(&command.map(about).unwrap_or_default(), theme.dim);
    } else if rows.is_empty() && focused {
        last.left("Nothing matches.", theme.dim);
    } else if hidden > 0 {
        last.left(&format!("… {hidden} more · {}", state.keys.word(Id::Menu)), theme.dim);
    }
    cursor
}

/// `★ zone-run … ◷   ◆ ●`: favourite, name, whether it needs an argument and has a schedule, effect, whether a run of it is active.
fn command_row(console: &Console, command: &Command, here: bool, row: &mut Row<'_>, theme: &Theme) {
    row.left(if here { "▌" } else { " " }, theme.accent).skip_right(1);
    let favourite = console.side.favourites.contains(&command.name);
    row.left(if favourite { "★ " } else { "  " }, theme.accent);
    let CommandSigns { effect, needs_arguments, scheduled, active } =
        CommandSigns::of(console, command);
    row.right(if active { " ●" } else { "  " }, theme.running);
    let (sign, style) = effect_sign(effect, theme);
    row.right(sign, style).skip_right(1);
    row.left(&command.name, if here { theme.chosen() } else { theme.plain });
    row.left(if needs_arguments { " …" } else { "" }, theme.dim);
    row.left(if scheduled { " ◷" } else { "" }, theme.dim);
}

/// What a menu shows beside the name of a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::views) struct CommandSigns {
    pub(in crate::views) effect: Effect,
    pub(in crate::views) needs_arguments: bool,
    /// The server starts it by a schedule.
    pub(in crate::views) scheduled: bool,
    /// A run of it is active, of any client.
    pub(in crate::views) active: bool,
}

impl CommandSigns {
    pub(in crate::views) fn of(console: &Console, command: &Command) -> Self {
        let needs_arguments = command.args.iter().any(|arg| arg.required);
        let Command { effect, scheduled, .. } = *command;
        Self { effect, needs_arguments, scheduled, active: is_active(console, command) }
    }

    /// How many signs a list has beside the name.
    pub(in crate::views) fn beside_name(self) -> u16 {
        [self.needs_arguments, self.scheduled, self.active].map(u16::from).iter().sum()
    }
}

/// Whether any client runs the command now.
fn is_active(console: &Console, command: &Command) -> bool {
    let own = console.runs.live().any(|info| command.answers_to(&info.command));
    let mut others = console.clients.values().flat_map(|client| &client.runs);
    own || others.any(|run| !run.queued && run.command == command.name)
}

/// The sign and the colour of an effect.
pub(in crate::views) fn effect_sign(effect: Effect, theme: &Theme) -> (&'static str, Style) {
    match effect {
        Effect::Read => ("◇", theme.read),
        Effect::Write => ("◆", theme.write),
        Effect::Destructive => ("▲", theme.destructive),
    }
}
