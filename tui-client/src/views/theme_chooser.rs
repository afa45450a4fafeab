//! Theme chooser: a list in which the chosen theme is shown at once. Enter keeps it, Esc restores the one before.

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};

use crate::app::view::{Outcome, View, act, close, stay};
use crate::app::{Effect, State};
use crate::input::key::{Code, Key};
use crate::text::fit;
use crate::theme::choice::THEMES;
use crate::theme::{Theme, ThemeChoice};
use crate::widgets::canvas::{Canvas, Hit, page};
use crate::widgets::filter_list::{FilterList, ListArea, ListKey};
use crate::widgets::row::Row;

#[derive(Debug)]
pub(crate) struct ThemeChooser {
    list: FilterList<&'static str>,
    /// What Esc restores.
    before: ThemeChoice,
}

/// What a click means; a smaller number is a row.
const KEEP: usize = 1_000;
const CANCEL: usize = 1_001;

/// Opens the view with the present theme chosen.
pub(crate) fn open(state: &mut State) -> Vec<Effect> {
    let before = state.theme_choice.clone();
    let mut view = ThemeChooser { list: FilterList::default(), before };
    let names = view.names(state);
    let present = names.iter().position(|name| *name == view.before.name);
    view.list.choose(&names, present.unwrap_or(0));
    state.open(view);
    Vec::new()
}

/// The themes that can be chosen: those of the program, and the one of theme.toml where there is one.
fn choices(state: &State) -> impl Iterator<Item = &ThemeChoice> {
    THEMES.iter().chain(&state.own_theme)
}

impl ThemeChooser {
    /// The names that pass the filter.
    fn names(&self, state: &State) -> Vec<&'static str> {
        let names = choices(state).map(|choice| choice.name);
        names.filter(|name| self.list.passes(|| format!("{name} {}", about(name)))).collect()
    }

    /// Shows the chosen theme.
    fn preview(&self, state: &State) -> Outcome {
        let name = self.list.chosen(&self.names(state));
        let Some(choice) = choices(state).find(|choice| Some(choice.name) == name).cloned() else {
            return stay();
        };
        act(|state| {
            state.set_theme(choice);
            Vec::new()
        })
    }

    fn keep(&self, state: &State) -> Outcome {
        let Some(name) = self.list.chosen(&self.names(state)) else { return stay() };
        close().then(move |state| {
            state.done(format!("Theme: {name}."));
            vec![Effect::SaveTheme(name)]
        })
    }

    fn cancel(&self) -> Outcome {
        let before = self.before.clone();
        close().then(|state| {
            state.set_theme(before);
            Vec::new()
        })
    }
}

impl View for ThemeChooser {
    fn title(&self, _state: &State) -> String {
        "Theme".to_owned()
    }

    fn key(&mut self, key: Key, state: &State) -> Outcome {
        if key.code == Code::Enter {
            return self.keep(state);
        }
        let names = self.names(state);
        match self.list.key(key, &names, page(state.size)) {
            ListKey::Close => return self.cancel(),
            ListKey::Filtered => self.list.first(&self.names(state)),
            _ => {}
        }
        self.preview(state)
    }

    fn paste(&mut self, text: &str, state: &State) -> Outcome {
        self.list.paste(text);
        self.list.first(&self.names(state));
        self.preview(state)
    }

    fn click(&mut self, hit: usize, state: &State) -> Outcome {
        match hit {
            KEEP => self.keep(state),
            CANCEL => self.cancel(),
            row => {
                self.list.choose(&self.names(state), row);
                self.preview(state)
            }
        }
    }

    fn draw(&self, canvas: &mut Canvas<'_>, state: &State) -> Option<Position> {
        let names = self.names(state);
        let room = canvas.room();
        let rows = u16::try_from(choices(state).count()).unwrap_or(u16::MAX);
        let height = rows.saturating_add(5).min(room.height);
        let inside = canvas.popup(&self.title(state), room.width.min(60), height);
        let (buffer, theme) = (&mut *canvas.buffer, &state.theme);
        let list = ListArea::new(&self.list.filter, inside, 3, buffer, theme);
        let at = self.list.place(&names);
        let mut places = Vec::new();
        let top = (at + 1).saturating_sub(usize::from(list.rows.height).max(1));
        let width = names.iter().map(|name| fit::width(name)).max().unwrap_or(0);
        list.draw((&names, at), buffer, theme, |row, name, chosen| {
            let style = if chosen { theme.chosen() } else { theme.plain };
            row.column(name, width, style).skip(2).left(about(name), theme.dim);
        });
        for (y, nth) in (0..list.rows.height).zip(top..names.len()) {
            places.push((Rect { y: list.rows.y + y, height: 1, ..list.rows }, nth));
        }
        if names.is_empty() {
            Row::new(buffer, list.rows).skip(2).left("No theme has this name.", theme.dim);
        }
        places.extend(buttons(inside, buffer, theme));
        let keys = ["Enter keep", "Esc restore", "↑ ↓ preview"];
        list.foot((at, names.len(), false), keys, (buffer, &mut canvas.hits), theme);
        let numbers = places.into_iter().map(|(place, number)| (place, Hit::Number(number)));
        canvas.hits.extend(numbers);
        list.cursor
    }
}

/// Draws the buttons above the keys; returns their places.
fn buttons(inside: Rect, buffer: &mut Buffer, theme: &Theme) -> [(Rect, usize); 2] {
    let y = inside.height.saturating_sub(2);
    let mut row = Row::at(buffer, inside, y);
    let buttons = [(" Keep ", KEEP, theme.chosen_button), (" Cancel ", CANCEL, theme.button)];
    buttons.map(|(text, number, style)| {
        let x = row.x();
        row.left(text, style);
        let place = Rect { x, y: inside.y + y, width: row.x() - x, height: 1 };
        row.skip(2);
        (place, number)
    })
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
