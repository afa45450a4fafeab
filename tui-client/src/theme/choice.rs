//! The themes that can be chosen by name, and which of their variants suits a terminal.

use super::Theme;

/// A theme as it is chosen: for a dark and for a light background.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ThemeChoice {
    /// What `theme` in client.toml calls it.
    pub(crate) name: &'static str,
    pub(crate) dark: Theme,
    pub(crate) light: Theme,
}

/// The themes that come with the program; the first one is the default.
pub(crate) static THEMES: [ThemeChoice; 14] = [
    choice("auto", Theme::DARK, Theme::LIGHT),
    choice("dark", Theme::DARK, Theme::DARK),
    choice("light", Theme::LIGHT, Theme::LIGHT),
    choice("monochrome", Theme::MONOCHROME, Theme::MONOCHROME),
    choice("catppuccin", Theme::MOCHA, Theme::LATTE),
    choice("catppuccin-mocha", Theme::MOCHA, Theme::MOCHA),
    choice("catppuccin-latte", Theme::LATTE, Theme::LATTE),
    choice("gruvbox", Theme::GRUVBOX_DARK, Theme::GRUVBOX_LIGHT),
    choice("gruvbox-dark", Theme::GRUVBOX_DARK, Theme::GRUVBOX_DARK),
    choice("gruvbox-light", Theme::GRUVBOX_LIGHT, Theme::GRUVBOX_LIGHT),
    choice("nord", Theme::NORD, Theme::NORD),
    choice("solarized", Theme::SOLARIZED_DARK, Theme::SOLARIZED_LIGHT),
    choice("solarized-dark", Theme::SOLARIZED_DARK, Theme::SOLARIZED_DARK),
    choice("solarized-light", Theme::SOLARIZED_LIGHT, Theme::SOLARIZED_LIGHT),
];

const fn choice(name: &'static str, dark: Theme, light: Theme) -> ThemeChoice {
    ThemeChoice { name, dark, light }
}

impl Default for ThemeChoice {
    fn default() -> Self {
        THEMES[0].clone()
    }
}

impl ThemeChoice {
    /// The theme of this name.
    pub(crate) fn named(name: &str) -> Option<&'static Self> {
        THEMES.iter().find(|theme| theme.name == name)
    }

    /// The theme as this terminal can show it.
    pub(crate) fn on(&self, terminal: TerminalColours) -> Theme {
        let mut theme = match (terminal.depth, terminal.background) {
            (ColourDepth::None, _) => Theme::MONOCHROME,
            (_, Background::Dark) => self.dark,
            (_, Background::Light) => self.light,
        };
        // The nearest of sixteen colours are mostly greys: the meaning of a colour counts more than its shade.
        if terminal.depth == ColourDepth::Named && Self::named(self.name).is_some() {
            theme = theme.in_named_colours();
        }
        if terminal.depth == ColourDepth::Indexed {
            theme = theme.in_numbered_colours();
        }
        // A theme without colours stays without.
        Theme { depth: theme.depth.min(terminal.depth), ..theme }
    }
}

/// How many colours a terminal can show.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum ColourDepth {
    None,
    /// The sixteen that have names.
    Named,
    /// The 256 that have numbers.
    Indexed,
    /// Any.
    True,
}

/// Whether the terminal's background is dark or light.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Background {
    Dark,
    Light,
}

impl Background {
    /// What a background of this colour is.
    pub(crate) fn of(rgb: [u8; 3]) -> Self {
        if is_dark(rgb) { Self::Dark } else { Self::Light }
    }
}

/// Whether white can be read on this colour better than black.
pub(super) fn is_dark([red, green, blue]: [u8; 3]) -> bool {
    // The brightness as the eye weighs it, of 255,000.
    let [red, green, blue] = [red, green, blue].map(u32::from);
    299 * red + 587 * green + 114 * blue < 127_500
}

/// What is known of the terminal's colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TerminalColours {
    pub(crate) background: Background,
    pub(crate) depth: ColourDepth,
}

impl TerminalColours {
    /// A dark one with all colours, until more is known.
    pub(crate) const DEFAULT: Self =
        Self { background: Background::Dark, depth: ColourDepth::True };

    /// What the environment says, where `variable` looks one up.
    pub(crate) fn from_env(variable: impl Fn(&str) -> Option<String>) -> Self {
        let set = |name| variable(name).filter(|value| !value.is_empty());
        // COLORFGBG is "foreground;background", or with a third word between; both are numbers of named colours.
        let ground = set("COLORFGBG").and_then(|pair| pair.rsplit(';').next()?.parse().ok());
        let background = match ground {
            Some(7 | 9..=15) => Background::Light,
            Some(_) | None => Background::Dark,
        };
        let term = set("TERM").unwrap_or_default();
        let depth = if set("NO_COLOR").is_some() {
            ColourDepth::None
        } else if set("COLORTERM").is_some_and(|value| matches!(&*value, "truecolor" | "24bit"))
            || term.ends_with("-direct")
            || set("WT_SESSION").is_some()
        {
            ColourDepth::True
        } else if term.ends_with("-256color") || INDEXED.contains(&&*term) {
            ColourDepth::Indexed
        } else if term.ends_with("-mono") || term.ends_with("-m") || MONOCHROME.contains(&&*term) {
            ColourDepth::None
        } else {
            ColourDepth::Named
        };
        Self { background, depth }
    }
}

/// Terminals with 256 colours of which the name does not say so.
const INDEXED: [&str; 5] = ["xterm-kitty", "xterm-ghostty", "alacritty", "foot", "wezterm"];
/// Terminals without colours.
const MONOCHROME: [&str; 5] = ["dumb", "vt100", "vt102", "vt220", "vt320"];

#[cfg(test)]
mod tests {
    use super::*;

    fn colours(variables: &[(&str, &str)]) -> (Background, ColourDepth) {
        let find = |name: &str| {
            let found = variables.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        let TerminalColours { background, depth } = TerminalColours::from_env(find);
        (background, depth)
    }

    #[test]
    fn the_environment_says_how_many_colours_there_are_and_on_which_background() {
        use Background::{Dark, Light};
        use ColourDepth::{Indexed, Named, None, True};
        for (variables, want) in [
            (&[][..], (Dark, Named)),
            (&[("TERM", "xterm-256color")], (Dark, Indexed)),
            (&[("TERM", "xterm-256color"), ("COLORTERM", "truecolor")], (Dark, True)),
            (&[("TERM", "xterm-256color"), ("COLORTERM", "24bit")], (Dark, True)),
            (&[("TERM", "xterm"), ("COLORTERM", "1")], (Dark, Named)),
            (&[("TERM", "xterm-direct")], (Dark, True)),
            (&[("TERM", "alacritty")], (Dark, Indexed)),
            (&[("TERM", "linux")], (Dark, Named)),
            (&[("TERM", "vt100")], (Dark, None)),
            (&[("TERM", "screen-256color"), ("NO_COLOR", "1")], (Dark, None)),
            (&[("TERM", "xterm"), ("NO_COLOR", "")], (Dark, Named)),
            (&[("COLORFGBG", "0;15")], (Light, Named)),
            (&[("COLORFGBG", "0;default;7")], (Light, Named)),
            (&[("COLORFGBG", "15;0")], (Dark, Named)),
            (&[("COLORFGBG", "7;8")], (Dark, Named)),
            (&[("COLORFGBG", "0;default")], (Dark, Named)),
        ] {
            assert_eq!(colours(variables), want, "{variables:?}");
        }
    }

    #[test]
    fn a_background_is_dark_or_light() {
        for dark in [[0; 3], [0, 43, 54], [46, 52, 64], [90, 20, 60], [0, 0, 255]] {
            assert_eq!(Background::of(dark), Background::Dark, "{dark:?}");
        }
        for light in [[255; 3], [253, 246, 227], [239, 241, 245], [200, 200, 120]] {
            assert_eq!(Background::of(light), Background::Light, "{light:?}");
        }
    }

    #[test]
    fn a_theme_without_colours_stays_so_and_a_terminal_without_gets_that_one() {
        let terminal = |depth| TerminalColours { background: Background::Light, depth };
        let auto = ThemeChoice::default();
        assert_eq!(auto.on(terminal(ColourDepth::True)), Theme::LIGHT);
        assert_eq!(auto.on(TerminalColours::DEFAULT), Theme::DARK);
        for theme in &THEMES {
            assert_eq!(theme.on(terminal(ColourDepth::None)), Theme::MONOCHROME);
            assert_eq!(ThemeChoice::named(theme.name), Some(theme));
        }
        let monochrome = ThemeChoice::named("monochrome").unwrap();
        assert_eq!(monochrome.on(terminal(ColourDepth::True)), Theme::MONOCHROME);
    }
}
