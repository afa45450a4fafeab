//! Theme chooser: a list in which the chosen theme is shown at once. Enter keeps it, Esc restores the one before.

use ratatui::layout::Position;
use topside_shared::text::{MAX_NAME, clean, did_you_mean, joined, nearest};

use super::list_view::ListView;
use crate::app::view::{Outcome, act, close, stay};
use crate::app::{Effect, State};
use crate::theme::ThemeChoice;
use crate::theme::choice::THEMES;
use crate::widgets::buttons;
use crate::widgets::canvas::{Canvas, Hit};
use crate::widgets::list::{Column, Line, List, ListHints, Load, Table, cell};
use crate::widgets::row::Row;

#[derive(Debug)]
pub(crate) struct ThemeChooser {
    list: List<&'static str>,
    /// What Esc restores.
    before: ThemeChoice,
}

const COLUMNS: &[Column] = &[Column::new("THEME", 16), Column::rest("COLOURS")];

/// The buttons; Enter presses the first one.
const BUTTONS: [&str; 2] = ["Keep", "Cancel"];
const KEEP: usize = 0;

/// Opens the view with the present theme chosen.
pub(crate) fn open(state: &mut State) -> Vec<Effect> {
    let before = state.theme_choice.clone();
    let mut view = ThemeChooser { list: List::default(), before };
    let names = view.rows(state);
    let present = names.iter().position(|name| *name == view.before.name);
    view.list.choose(&names, present.unwrap_or(0));
    state.open(view);
    Vec::new()
}

/// The themes that can be chosen: those of the program, and the one of theme.toml where there is one.
fn choices(state: &State) -> impl Iterator<Item = &ThemeChoice> {
    THEMES.iter().chain(&state.own_theme)
}

/// The names of the themes that can be chosen, each with a description.
pub(super) fn described(state: &State) -> Vec<(String, String)> {
    choices(state).map(|choice| (choice.name.to_owned(), about(choice.name).to_owned())).collect()
}

/// Why there is no theme of this name.
pub(super) fn unknown(state: &State, name: &str) -> Option<String> {
    let names: Vec<&str> = choices(state).map(|choice| choice.name).collect();
    if names.contains(&name) {
        return None;
    }
    let near = match &nearest(name, names.iter().copied())[..] {
        [] => format!(": it is {}", joined(&names, "or")),
        near => did_you_mean(near),
    };
    Some(format!("there is no theme {}{near}", clean(name, MAX_NAME)))
}

/// Shows and keeps the theme of this name.
pub(super) fn choose(state: &mut State, name: &str) -> Vec<Effect> {
    let Some(choice) = choices(state).find(|choice| choice.name == name).cloned() else {
        return Vec::new();
    };
    let name = choice.name;
    state.set_theme(choice);
    keep(state, name)
}

/// Writes the theme that is shown into client.toml.
fn keep(state: &mut State, name: &'static str) -> Vec<Effect> {
    state.done(format!("Theme: {name}."));
    vec![Effect::SaveTheme(name)]
}

impl ListView for ThemeChooser {
    type Row = &'static str;

    fn title(&self, _state: &State) -> String {
        "Theme".to_owned()
    }

    fn list(&self) -> &List<&'static str> {
        &self.list
    }

    fn list_mut(&mut self) -> &mut List<&'static str> {
        &mut self.list
    }

    fn rows(&self, state: &State) -> Vec<&'static str> {
        let names = choices(state).map(|choice| choice.name);
        names.filter(|name| self.list.passes(|| format!("{name} {}", about(name)))).collect()
    }

    /// Keeps the theme.
    fn enter(&mut self, state: &State) -> Outcome {
        let Some(name) = self.chosen(state) else { return stay() };
        close().then(move |state| keep(state, name))
    }

    /// Shows the chosen theme.
    fn moved(&mut self, state: &State) -> Outcome {
        let name = self.chosen(state);
        let Some(choice) = choices(state).find(|choice| Some(choice.name) == name).cloned() else {
            return stay();
        };
        act(|state| {
            state.set_theme(choice);
            Vec::new()
        })
    }

    fn leave(&mut self, _state: &State) -> Outcome {
        let before = self.before.clone();
        close().then(|state| {
            state.set_theme(before);
            Vec::new()
        })
    }

    fn click_number(&mut self, hit: usize, state: &State) -> Outcome {
        if hit == KEEP { self.enter(state) } else { self.leave(state) }
    }

    fn draw(&self, canvas: &mut Canvas<'_>, state: &State) -> Option<Position> {
        let names = self.rows(state);
        let room = canvas.room();
        let rows = u16::try_from(choices(state).count()).unwrap_or(u16::MAX);
        let height = rows.saturating_add(5).min(room.height);
        let inside = canvas.popup(&self.title(state), room.width.min(70), height);
        let mut row = Row::at(canvas.buffer, inside, inside.height.saturating_sub(2));
        let places = buttons::draw(&mut row, BUTTONS, Some(KEEP), &canvas.theme);
        let numbers = places.into_iter().enumerate();
        canvas.hits.extend(numbers.map(|(number, place)| (place, Hit::Number(number))));
        let table = Table {
            columns: COLUMNS,
            load: &Load::Done,
            empty: "No theme has this name.",
            below: 2,
            beside: 0,
            hints: ListHints { row: &["Enter keep"], list: &[], more: false },
        };
        let at = self.list.place(&names);
        self.list.draw(&table, (&names, at), inside, canvas, |name, chosen, theme| {
            let style = if chosen { theme.chosen() } else { theme.plain };
            vec![Line::Cells(vec![cell(*name, style), cell(about(name), theme.dim)])]
        })
    }
}

/// What a theme is, in a few words.
fn about(name: &str) -> &'static str {
    match name {
        "auto" => "dark or light, by the terminal's background",
        "dark" | "light" => "the terminal's own colours",
        "monochrome" => "no colours",
        "catppuccin" | "gruvbox" | "solarized" => "dark or light, by the background",
        "own" => "the colours of theme.toml",
        _ => "",
    }
}
