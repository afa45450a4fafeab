//! Applies changed settings to the state.

use super::{Effect, State};
use crate::config::Settings;
use crate::theme::{Background, TerminalColours, ThemeChoice};

impl State {
    /// Draws with this theme from now on. Nothing is written to a file.
    pub(crate) fn set_theme(&mut self, choice: ThemeChoice) {
        self.theme = choice.on(self.terminal_colours);
        self.theme_choice = choice;
    }

    /// Applies the colours that the terminal has reported.
    pub(crate) fn set_terminal_colours(&mut self, colours: TerminalColours) {
        self.terminal_colours = colours;
        self.theme = self.theme_choice.on(colours);
    }
}

/// The terminal has reported its background.
pub(crate) fn take_background(state: &mut State, background: Background) {
    state.set_terminal_colours(TerminalColours { background, ..state.terminal_colours });
}

pub(crate) fn take(
    state: &mut State,
    settings: Settings,
    mistakes: &[String],
    asked: bool,
) -> Vec<Effect> {
    state.set_theme(settings.theme);
    state.own_theme = settings.own_theme;
    state.ascii = settings.ascii.unwrap_or(false);
    state.keys = settings.keys;
    state.recent = settings.recent;
    if asked && mistakes.is_empty() {
        state.done("The settings are as the files say now.");
    }
    let count = mistakes.len();
    let place =
        |nth: usize| if count > 1 { format!(" ({} of {count})", nth + 1) } else { String::new() };
    let shown = mistakes.iter().enumerate();
    state.settings_mistakes =
        shown.map(|(nth, text)| format!("{text}{} · Enter closes this", place(nth))).collect();
    // A mouse that was switched by hand stays so until the file says something else.
    if state.mouse_set == settings.mouse {
        return Vec::new();
    }
    state.mouse_set = settings.mouse;
    state.mouse = settings.mouse;
    vec![Effect::Mouse(settings.mouse)]
}
